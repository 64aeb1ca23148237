"""A request of wasi:http/incoming-handler 0.2: its body as a stream, its fields, who sent it."""

import errno
import io
import os
import re

from componentize_py_types import Err
from wit_world.imports import streams

_READ = 65536
# Where a runtime tells the client's address in a header, this variable names it (Spin: spin-client-addr).
_ADDRESS_VARIABLE = "DOCK2WASM_CLIENT_ADDRESS_HEADER"
# wasi:http does not tell it; nothing trusts this one, unlike 127.0.0.1.
UNKNOWN_ADDRESS = "0.0.0.0"


class Disconnected(OSError):
    """The client went away."""


def drop(resource):
    """Drop a resource of the host now: it traps when a parent goes before its children."""
    resource.__exit__(None, None, None)


class RequestBody(io.RawIOBase):
    """The request's body, read from the host as it is asked for. `length` None: until its end."""

    def __init__(self, request, length):
        self._request = request
        self._left = length
        self._body = None
        self._stream = None
        self._ended = length == 0

    @property
    def ended(self):
        """Whether nothing more can come, as far as is known without reading."""
        return self._ended

    def readable(self):
        return True

    def readinto(self, buffer):
        if self._ended or not len(buffer):
            return 0
        if self._body is None:
            self._body = self._request.consume()
            self._stream = self._body.stream()
        want = min(len(buffer), _READ)
        if self._left is not None:
            want = min(want, self._left)
        while True:
            try:
                data = self._stream.blocking_read(want)
            except Err as error:
                self._ended = True
                closed = isinstance(error.value, streams.StreamError_Closed)
                release_error(error)
                if closed and not self._left:
                    return 0
                raise Disconnected(errno.ECONNRESET, "the client ended the request body early") from None
            if data:
                break
        size = len(data)
        buffer[:size] = data
        if self._left is not None:
            self._left -= size
            self._ended = self._left == 0
        return size

    def drop(self):
        """Give the host's resources back, child first. Reading ends."""
        self._ended = True
        if self._stream is not None:
            drop(self._stream)
            self._stream = None
        if self._body is not None:
            drop(self._body)
            self._body = None


def release_error(error):
    """A failed stream hands out an `error` resource, a child of nothing, but ours to drop."""
    held = getattr(error.value, "value", None)
    if held is not None and hasattr(held, "__exit__"):
        drop(held)


def method_of(request):
    """The method's name, as it was sent."""
    method = request.method()
    name = type(method).__name__.rpartition("_")[2]
    return method.value if name == "Other" else name.upper()


def fields_of(request):
    """[(name, value as bytes)] in the order in which they came."""
    fields = request.headers()
    try:
        return fields.entries()
    finally:
        drop(fields)


def is_https(request):
    """Whether the client spoke TLS to the runtime."""
    scheme = request.scheme()
    return scheme is not None and type(scheme).__name__ == "Scheme_Https"


def server_of(host, https):
    """(name, port) of a Host field."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdecimal():
        name, port = host, ""
    return name or "localhost", port or ("443" if https else "80")


def client_of(field):
    """(address, port or "") of the client. `field(name)` gives a request's field or ""."""
    header = os.environ.get(_ADDRESS_VARIABLE)
    if header:
        # "1.2.3.4:5678", "[::1]:5678" or a bare address
        match = re.fullmatch(
            r"\[([0-9a-fA-F:.]+)\](?::(\d+))?|([0-9.]+)(?::(\d+))?|([0-9a-fA-F:]+)", field(header)
        )
        if match:
            return match[1] or match[3] or match[5], match[2] or match[4] or ""
    return UNKNOWN_ADDRESS, ""
