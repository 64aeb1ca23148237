"""An answer over wasi:http/incoming-handler 0.2: head, pieces of a body, end.

Resources of wasi:http form a tree: the host traps when a parent is dropped before its children, and
the interpreter's own order of collection is not to be relied on. So each is dropped here by hand,
child first, on every path.
"""

import errno
import re
import sys

from componentize_py_types import Err, Ok
from wit_world.imports import wasi_http_types

from dock2wasm_adapter import output
from dock2wasm_adapter.incoming import Disconnected, drop, release_error

# RFC 9110 5.6.2, 5.5.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-zA-Z]+")
_VALUE = re.compile(r"[ \t\x21-\x7e\x80-\xff]*")
# What ends at a server, and what wasi:http hosts refuse besides.
_DROPPED = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers",
        "transfer-encoding", "upgrade", "server", "date", "host", "http2-settings", "proxy-connection",
    )
)  # fmt: skip
# Limit of one blocking_write_and_flush (wasi:io/streams 0.2).
_SMALL = 4096


class InvalidHeaderError(Exception):
    """The application set a header that HTTP does not allow: its mistake, so the answer is a 500."""


def checked(headers):
    """[(str, str)] of an application as the host takes them: names in lower case, values as bytes.

    Fields that belong to the connection are left out. Raises InvalidHeaderError, and ValueError for a
    Content-Length that is no number.
    """
    fields = []
    for name, value in headers:
        if not _TOKEN.fullmatch(name):
            raise InvalidHeaderError(f"Invalid response header name from the application: {name!r}")
        if not _VALUE.fullmatch(value):
            raise InvalidHeaderError(f"Invalid response header from the application: {name!r}")
        value = value.strip(" \t")
        lowered = name.lower()
        if lowered == "content-length":
            int(value)
        if lowered not in _DROPPED:
            fields.append((lowered, value.encode("latin-1")))
    return fields


class Answer:
    """The answer to one request. `head`: it is one to HEAD, which carries no body."""

    def __init__(self, out, head):
        self._out = out
        self._head = head
        self._length = None
        self._sent = 0
        self._body = None
        self._stream = None
        self.started = False  # the head of an answer was handed to the host

    @property
    def left(self):
        """Bytes that Content-Length promises and that were not written yet; None without a promise."""
        return None if self._length is None else self._length - self._sent

    @property
    def has_body(self):
        """Whether what is written reaches the client: not for HEAD, 204 and 304."""
        return self._stream is not None

    def begin(self, status, fields):
        """Hand the status (a number) and the fields of `checked` to the host."""
        length = next((int(value) for name, value in fields if name == "content-length"), None)
        if status == 204 or status < 200:  # RFC 9110 8.6: no length either
            fields = [field for field in fields if field[0] != "content-length"]
        response = wasi_http_types.OutgoingResponse(wasi_http_types.Fields.from_list(fields))
        try:
            response.set_status_code(status)
            # An answer without a body must not have one made either, or the host takes the declared
            # length (which HEAD keeps) for a broken promise.
            if not (self._head or status in (204, 304) or status < 200):
                self._body = response.body()
        except BaseException:
            drop(response)
            raise
        self._length = length
        self.started = True
        wasi_http_types.ResponseOutparam.set(self._out, Ok(response))
        if self._body is not None:
            self._stream = self._body.write()

    def write(self, data):
        """Send a piece of the body; blocks until the host has taken it. Raises Disconnected.

        What goes beyond the promised length is left out.
        """
        if self._stream is None:
            return
        if self._length is not None:
            data = data[: max(0, self._length - self._sent)]
        if not data:
            return
        self._sent += len(data)
        try:
            self._send(data)
        except output.StreamEndedError:
            raise Disconnected(errno.EPIPE, "the client went away") from None
        except Err as error:
            release_error(error)
            raise Disconnected(errno.EPIPE, "the client went away") from None

    def _send(self, data):
        stream = self._stream
        if len(data) <= _SMALL:
            output.write_and_flush(stream, data)
            return
        view = memoryview(data)
        while view:
            allowed = stream.check_write()
            if not allowed:
                ready = stream.subscribe()
                try:
                    ready.block()
                finally:
                    drop(ready)
                continue
            output.write(stream, view[:allowed])
            view = view[allowed:]
        stream.blocking_flush()

    def finish(self):
        """End the answer."""
        if self._stream is not None:
            drop(self._stream)
            self._stream = None
        if self._body is not None:
            body, self._body = self._body, None
            try:
                wasi_http_types.OutgoingBody.finish(body, None)
            except Err as error:
                # Fewer bytes than Content-Length promised, or no client: the host breaks the connection.
                print(f"dock2wasm: the answer ended early: {error.value}", file=sys.stderr)

    def abort(self):
        """Give everything back without an end, which breaks the connection."""
        if self._stream is not None:
            drop(self._stream)
            self._stream = None
        if self._body is not None:
            drop(self._body)
            self._body = None
