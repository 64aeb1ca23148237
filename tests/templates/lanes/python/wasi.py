"""A host for wasi:http 0.2 in Python, as strict as wasmtime: what traps there is noted in `traps` and raised.

Stands behind the modules that componentize-py generates (`wit_world.imports.*`, `componentize_py_types`),
so that the adapter runs unchanged under this machine's Python. Rules that it holds the adapter to: a parent
is not dropped before its children, nothing is used or dropped twice, no write is larger than allowed,
response-outparam is set exactly once, and everything is given back when the request has been handled.
"""

from __future__ import annotations

import importlib
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
ADAPTER = ROOT / "templates" / "lanes" / "python" / "adapter"


class Trap(BaseException):
    """The host ends the instance."""


class Resource:
    """A handle of the guest. `parent` must outlive it."""

    def __init__(self, host: Host, kind: str, parent: Resource | None = None) -> None:
        self.host = host
        self.kind = kind
        self.parent = parent
        self.children: set[Resource] = set()
        self.gone = ""
        host.live.add(self)
        if parent is not None:
            parent.children.add(self)

    def use(self) -> None:
        if self.gone:
            self.host.trap(f"{self.kind} used after it was {self.gone}")

    def give(self, how: str) -> None:
        """The handle leaves the guest's table: dropped, or handed to the host."""
        self.use()
        if self.children:
            names = sorted(child.kind for child in self.children)
            self.host.trap(f"{self.kind} {how} while it has children: {names}")
        self.gone = how
        self.host.live.discard(self)
        if self.parent is not None:
            self.parent.children.discard(self)

    def __enter__(self):
        return self

    def __exit__(self, *exc: object) -> None:
        self.give("dropped")


@dataclass(frozen=True)
class Ok:
    value: object


@dataclass(frozen=True)
class Err(Exception):  # noqa: N818 - componentize-py's name
    value: object


class StreamError_Closed:  # noqa: N801 - componentize-py's name
    pass


class StreamError_LastOperationFailed:  # noqa: N801 - componentize-py's name
    def __init__(self, value: Resource) -> None:
        self.value = value


class InputStream(Resource):
    def __init__(self, host: Host, parent: Resource) -> None:
        super().__init__(host, "input-stream", parent)

    def blocking_read(self, size: int) -> bytes:
        self.use()
        host = self.host
        if size == 0:
            return b""
        if not host.request_pieces:
            if host.request_fails:
                raise Err(StreamError_LastOperationFailed(Resource(host, "error")))
            raise Err(StreamError_Closed())
        piece = host.request_pieces.pop(0)
        if len(piece) > size:
            host.request_pieces.insert(0, piece[size:])
        host.read_sizes.append(size)
        return piece[:size]


class OutputStream(Resource):
    def __init__(self, host: Host, parent: Resource) -> None:
        super().__init__(host, "output-stream", parent)
        self.permitted = 0

    def _take(self, data: bytes) -> None:
        host = self.host
        if not isinstance(data, bytes):
            raise TypeError("a bytes object is needed")
        if host.client_leaves_after is not None and len(host.body) + len(data) > host.client_leaves_after:
            host.failed_writes += 1
            raise Err(StreamError_LastOperationFailed(Resource(host, "error")))
        host.pieces.append(data)

    def blocking_write_and_flush(self, data: bytes) -> None:
        self.use()
        if len(data) > 4096:
            self.host.trap("blocking-write-and-flush of more than 4096 bytes")
        self._take(data)

    def check_write(self) -> int:
        self.use()
        self.permitted = self.host.permits.pop(0) if self.host.permits else 65536
        return self.permitted

    def write(self, data: bytes) -> None:
        self.use()
        if len(data) > self.permitted:
            self.host.trap("write of more bytes than check-write permitted")
        self.permitted = 0
        self._take(data)

    def blocking_flush(self) -> None:
        self.use()
        self.host.flushes += 1

    def subscribe(self) -> Pollable:
        self.use()
        return Pollable(self.host, self)


class Pollable(Resource):
    def __init__(self, host: Host, parent: Resource) -> None:
        super().__init__(host, "pollable", parent)

    def block(self) -> None:
        self.use()
        self.host.blocked += 1


class Fields(Resource):
    def __init__(
        self, host: Host | None = None, entries: object = (), parent: Resource | None = None
    ) -> None:
        super().__init__(host or Host.current, "fields", parent)
        self._entries = list(entries)

    @classmethod
    def from_list(cls, entries: list[tuple[str, bytes]]) -> Fields:
        for name, value in entries:
            forbidden = (
                "connection",
                "host",
                "keep-alive",
                "proxy-connection",
                "transfer-encoding",
                "upgrade",
            )
            if name.lower() in (*forbidden, "http2-settings") or not name or b"\n" in value or b"\r" in value:
                raise Err("header-error")
        return cls(Host.current, entries)

    def entries(self) -> list[tuple[str, bytes]]:
        self.use()
        return list(self._entries)


class IncomingBody(Resource):
    def __init__(self, host: Host, parent: Resource) -> None:
        super().__init__(host, "incoming-body", parent)
        self._taken = False

    def stream(self) -> InputStream:
        self.use()
        if self._taken:
            raise Err(None)
        self._taken = True
        return InputStream(self.host, self)


@dataclass
class Scheme_Http:  # noqa: N801
    pass


@dataclass
class Scheme_Https:  # noqa: N801
    pass


@dataclass
class Method_Other:  # noqa: N801
    value: str


_METHODS = {
    name.upper(): type(f"Method_{name}", (), {})
    for name in ("Get", "Head", "Post", "Put", "Delete", "Connect", "Options", "Trace", "Patch")
}


class IncomingRequest(Resource):
    def __init__(self, host: Host) -> None:
        super().__init__(host, "incoming-request")
        self._consumed = False

    def method(self) -> object:
        self.use()
        kind = _METHODS.get(self.host.method)
        return kind() if kind else Method_Other(self.host.method)

    def path_with_query(self) -> str | None:
        self.use()
        return self.host.target

    def scheme(self) -> object:
        self.use()
        return Scheme_Https() if self.host.https else Scheme_Http()

    def authority(self) -> str | None:
        self.use()
        return self.host.authority

    def headers(self) -> Fields:
        self.use()
        return Fields(self.host, self.host.request_headers, self)

    def consume(self) -> IncomingBody:
        self.use()
        if self._consumed:
            raise Err(None)
        self._consumed = True
        return IncomingBody(self.host, self)


class OutgoingBody(Resource):
    def __init__(self, host: Host) -> None:
        super().__init__(host, "outgoing-body")

    def write(self) -> OutputStream:
        self.use()
        return OutputStream(self.host, self)

    def __exit__(self, *exc: object) -> None:
        super().__exit__(*exc)
        self.host.aborted = True

    @classmethod
    def finish(cls, body: OutgoingBody, trailers: object) -> None:
        assert trailers is None
        body.give("finished")
        host = body.host
        declared = [int(v) for k, v in host.headers or () if k == "content-length"]
        if declared and declared[0] != len(host.body):
            host.aborted = True
            raise Err("http-response-body-size")
        host.finished = True


class OutgoingResponse(Resource):
    def __init__(self, fields: Fields) -> None:
        super().__init__(fields.host, "outgoing-response")
        self.fields = fields.entries()
        fields.give("taken")
        self.status = 200
        self.with_body = False

    def set_status_code(self, status: int) -> None:
        self.use()
        if not 100 <= status <= 999:
            raise Err(None)
        self.status = status

    def body(self) -> OutgoingBody:
        self.use()
        self.with_body = True
        return OutgoingBody(self.host)


class ResponseOutparam(Resource):
    def __init__(self, host: Host) -> None:
        super().__init__(host, "response-outparam")

    @classmethod
    def set(cls, param: ResponseOutparam, result: Ok) -> None:
        host = param.host
        param.give("set")
        response = result.value
        response.give("sent")
        host.status, host.headers, host.has_body = response.status, response.fields, response.with_body
        if not response.with_body:
            host.finished = True


@dataclass
class Host:
    """One request as the host sees it, and what came back."""

    current = None  # the host of the request that is being handled

    method: str = "GET"
    target: str | None = "/"
    request_headers: list[tuple[str, bytes]] = field(default_factory=list)
    request_pieces: list[bytes] = field(default_factory=list)
    request_fails: bool = False
    authority: str | None = "shop.example:8080"
    https: bool = False
    permits: list[int] = field(default_factory=list)
    client_leaves_after: int | None = None

    live: set[Resource] = field(default_factory=set)
    traps: list[str] = field(default_factory=list)
    status: int | None = None
    headers: list[tuple[str, bytes]] | None = None
    has_body: bool = False
    pieces: list[bytes] = field(default_factory=list)
    finished: bool = False
    aborted: bool = False
    flushes: int = 0
    blocked: int = 0
    failed_writes: int = 0
    read_sizes: list[int] = field(default_factory=list)

    def trap(self, why: str) -> None:
        self.traps.append(why)
        raise Trap(why)

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    def header(self, name: str) -> list[str]:
        return [value.decode("latin-1") for key, value in self.headers or () if key == name]

    def serve(self, application: object, *, load: object = None) -> Host:
        """Hand the request to the adapter, then check that nothing of the host's is left in the guest."""
        Host.current = self
        wsgi = adapter("wsgi")
        wsgi.handle(load or (lambda: application), IncomingRequest(self), ResponseOutparam(self))
        assert self.traps == []
        assert {resource.kind for resource in self.live} <= set()
        assert self.status is not None, "response-outparam was never set"
        return self


def install() -> None:
    """Put the stand-ins where the adapter looks for the generated bindings."""
    if "componentize_py_types" in sys.modules:
        return
    for name, contents in {
        "componentize_py_types": {"Ok": Ok, "Err": Err},
        "wit_world": {},
        "wit_world.imports": {},
        "wit_world.imports.streams": {
            "StreamError_Closed": StreamError_Closed,
            "StreamError_LastOperationFailed": StreamError_LastOperationFailed,
        },
        "wit_world.imports.wasi_http_types": {
            kind.__name__: kind
            for kind in (
                Fields,
                OutgoingResponse,
                OutgoingBody,
                ResponseOutparam,
                IncomingBody,
                Scheme_Http,
                Scheme_Https,
            )
        },
        "wit_world.imports.preopens": {"get_directories": list},
    }.items():
        module = types.ModuleType(name)
        module.__dict__.update(contents)
        sys.modules[name] = module
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, module)
    sys.path.append(str(ADAPTER))


def adapter(name: str):
    """A module of the adapter."""
    install()
    return importlib.import_module(f"dock2wasm_adapter.{name}")
