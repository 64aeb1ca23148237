"""What is outside of the component: a host for wasi:http/outgoing-handler 0.2 in Python.

As strict as wasmtime, by the rules on resources in `wasi.py`. Answers are scripted: `Outside.answers` holds
what comes for each call, in order.
"""

from __future__ import annotations

import sys
import time
import types
from dataclasses import dataclass, field

from tests.templates.lanes.python import wasi
from tests.templates.lanes.python.wasi import Err, Ok, Resource

ERRORS = (
    "DnsError", "ConnectionRefused", "ConnectionTimeout", "ConnectionTerminated", "HttpProtocolError",
    "TlsCertificateError", "TlsProtocolError", "HttpRequestDenied", "InternalError",
)  # fmt: skip


@dataclass
class Answer:
    """`pieces`: bytes, or a number: so many polls pass before the next piece. `cut`: then it breaks."""

    status: int = 200
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    pieces: list[bytes | int] = field(default_factory=list)
    cut: bool = False
    polls: int = 0
    """How often it is asked in vain whether the head is there."""


@dataclass
class Seen:
    """A request as it arrived."""

    method: str = ""
    scheme: str = ""
    authority: str = ""
    path: str = ""
    headers: list[tuple[str, bytes]] = field(default_factory=list)
    body: bytes | None = None
    finished: bool = False
    connect_timeout: int | None = None


class Outside:
    """`wasi.Host` for its resources; what was asked and what is answered."""

    current: Outside

    def __init__(self, *answers: Answer | str) -> None:
        self.host = wasi.Host()
        self.answers = list(answers)
        self.seen: list[Seen] = []
        self.slept = 0.0
        # Bytes that `check_write` permits, one after another; then 65536.
        self.permits: list[int] = []
        self.refuses_writes = False
        wasi.Host.current = self.host
        Outside.current = self

    def at_rest(self) -> None:
        """Nothing of the host's is held any more, and nothing trapped."""
        assert self.host.traps == []
        assert {resource.kind for resource in self.host.live} == set()


class Pollable(Resource):
    def __init__(self, host: wasi.Host, parent: Resource | None, source: object) -> None:
        super().__init__(host, "pollable", parent)
        self._source = source

    def ready(self) -> bool:
        self.use()
        return self._source.poll()

    def block(self) -> None:
        self.use()
        for _ in range(1000):
            if self._source.poll():
                return
        self.host.trap("waits for ever")


@dataclass
class _Timer:
    end: float

    def poll(self) -> bool:
        return time.monotonic() >= self.end


def _poll(pollables: list[Pollable]) -> list[int]:
    if not pollables:
        Outside.current.host.trap("poll of nothing")
    while True:
        found = [index for index, pollable in enumerate(pollables) if pollable.ready()]
        if found:
            return found
        time.sleep(0.001)


def _subscribe_duration(nanoseconds: int) -> Pollable:
    return Pollable(Outside.current.host, None, _Timer(time.monotonic() + nanoseconds / 1e9))


class _Writing(Resource):
    def __init__(self, parent: Resource, seen: Seen) -> None:
        super().__init__(parent.host, "output-stream", parent)
        self._seen = seen
        self._permitted = 0

    def check_write(self) -> int:
        self.use()
        outside = Outside.current
        if outside.refuses_writes:
            raise Err(wasi.StreamError_Closed())
        self._permitted = outside.permits.pop(0) if outside.permits else 65536
        return self._permitted

    def write(self, data: bytes) -> None:
        self.use()
        if len(data) > self._permitted:
            self.host.trap("write of more bytes than check-write permitted")
        self._permitted = 0
        self._seen.body = (self._seen.body or b"") + data

    def poll(self) -> bool:
        return True

    def subscribe(self) -> Pollable:
        self.use()
        return Pollable(self.host, self, self)


class OutgoingBody(Resource):
    def __init__(self, host: wasi.Host, seen: Seen) -> None:
        super().__init__(host, "outgoing-body")
        self.seen = seen

    def write(self) -> _Writing:
        self.use()
        return _Writing(self, self.seen)

    @classmethod
    def finish(cls, body: OutgoingBody, trailers: object) -> None:
        assert trailers is None
        body.give("finished")
        declared = [int(v) for k, v in body.seen.headers if k == "content-length"]
        if declared and declared[0] != len(body.seen.body or b""):
            raise Err("http-request-body-size")
        body.seen.finished = True


class OutgoingRequest(Resource):
    def __init__(self, fields: wasi.Fields) -> None:
        super().__init__(fields.host, "outgoing-request")
        self.seen = Seen(headers=fields.entries())
        fields.give("taken")

    def set_method(self, method: object) -> None:
        self.use()
        name = type(method).__name__.removeprefix("Method_")
        self.seen.method = method.value if name == "Other" else name.upper()

    def set_scheme(self, scheme: object) -> None:
        self.seen.scheme = type(scheme).__name__.removeprefix("Scheme_").lower()

    def set_authority(self, authority: str) -> None:
        if " " in authority or not authority:
            raise Err(None)
        self.seen.authority = authority

    def set_path_with_query(self, path: str) -> None:
        if " " in path:
            raise Err(None)
        self.seen.path = path

    def body(self) -> OutgoingBody:
        self.use()
        self.seen.body = b""
        return OutgoingBody(self.host, self.seen)


class RequestOptions(Resource):
    def __init__(self) -> None:
        super().__init__(Outside.current.host, "request-options")
        self.connect_timeout: int | None = None

    def set_connect_timeout(self, nanoseconds: int) -> None:
        self.connect_timeout = nanoseconds


class _Reading(Resource):
    def __init__(self, parent: Resource, answer: Answer) -> None:
        super().__init__(parent.host, "input-stream", parent)
        self._answer = answer

    def read(self, size: int) -> bytes:
        self.use()
        answer = self._answer
        if not answer.pieces:
            if answer.cut:
                raise Err(wasi.StreamError_LastOperationFailed(Resource(self.host, "error")))
            raise Err(wasi.StreamError_Closed())
        first = answer.pieces[0]
        if isinstance(first, int):
            return b""
        answer.pieces[0:1] = [first[size:]] if len(first) > size else []
        return first[:size]

    def poll(self) -> bool:
        pieces = self._answer.pieces
        if not pieces or not isinstance(pieces[0], int):
            return True
        pieces[0] -= 1
        if pieces[0] <= 0:
            del pieces[0]
        return False

    def subscribe(self) -> Pollable:
        self.use()
        return Pollable(self.host, self, self)


class _Body(Resource):
    def __init__(self, parent: Resource, answer: Answer) -> None:
        super().__init__(parent.host, "incoming-body", parent)
        self._answer = answer

    def stream(self) -> _Reading:
        self.use()
        return _Reading(self, self._answer)


class _Response(Resource):
    def __init__(self, parent: Resource, answer: Answer) -> None:
        super().__init__(parent.host, "incoming-response", parent)
        self._answer = answer

    def status(self) -> int:
        self.use()
        return self._answer.status

    def headers(self) -> wasi.Fields:
        self.use()
        return wasi.Fields(self.host, self._answer.headers, self)

    def consume(self) -> _Body:
        self.use()
        return _Body(self, self._answer)


class _Future(Resource):
    def __init__(self, host: wasi.Host, answer: Answer | str) -> None:
        super().__init__(host, "future-incoming-response")
        self._answer = answer
        self._taken = False

    def poll(self) -> bool:
        if isinstance(self._answer, str) or self._answer.polls <= 0:
            return True
        self._answer.polls -= 1
        return False

    def subscribe(self) -> Pollable:
        self.use()
        return Pollable(self.host, self, self)

    def get(self) -> object:
        self.use()
        if not isinstance(self._answer, str) and self._answer.polls > 0:
            return None
        if self._taken:
            return Err(None)
        self._taken = True
        if isinstance(self._answer, str):
            return Ok(Err(_error(self._answer)))
        return Ok(Ok(_Response(self, self._answer)))


def _error(name: str) -> object:
    return getattr(sys.modules["wit_world.imports.wasi_http_types"], f"ErrorCode_{name}")()


def _handle(request: OutgoingRequest, options: RequestOptions | None) -> _Future:
    outside = Outside.current
    if options is not None:
        request.seen.connect_timeout = options.connect_timeout
        options.give("taken")
    request.give("taken")
    outside.seen.append(request.seen)
    answer = outside.answers.pop(0)
    if answer == "HttpRequestDenied":
        raise Err(_error(answer))
    return _Future(outside.host, answer)


def install() -> None:
    """Put the stand-ins where the adapter looks for the generated bindings."""
    wasi.install()
    if "wit_world.imports.outgoing_handler" in sys.modules:
        return
    for name, contents in {
        "outgoing_handler": {"handle": _handle},
        "poll": {"poll": _poll},
        "monotonic_clock": {"subscribe_duration": _subscribe_duration},
    }.items():
        module = types.ModuleType(f"wit_world.imports.{name}")
        module.__dict__.update(contents)
        sys.modules[module.__name__] = module
        setattr(sys.modules["wit_world.imports"], name, module)
    kinds = sys.modules["wit_world.imports.wasi_http_types"]
    names = ("Get", "Head", "Post", "Put", "Delete", "Connect", "Options", "Trace", "Patch")
    for name in names:
        setattr(kinds, f"Method_{name}", wasi._METHODS[name.upper()])
    kinds.Method_Other = wasi.Method_Other
    kinds.OutgoingRequest = OutgoingRequest
    kinds.RequestOptions = RequestOptions
    of_answers = kinds.OutgoingBody.finish

    def finish(body: Resource, trailers: object) -> None:
        """Bodies of answers and of requests have one type in wasi:http."""
        (OutgoingBody.finish if isinstance(body, OutgoingBody) else of_answers)(body, trailers)

    kinds.OutgoingBody.finish = staticmethod(finish)
    for name in ERRORS:
        setattr(kinds, f"ErrorCode_{name}", type(f"ErrorCode_{name}", (), {}))
