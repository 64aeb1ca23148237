"""WSGI over wasi:http/incoming-handler 0.2, answering as gunicorn's sync worker does.

Where gunicorn has a rule (which headers are dropped or refused, what an exception shows, what the
environ holds) the rule here is the same, so that an answer can be compared with the container's.

Resources of wasi:http form a tree: the host traps when a parent is dropped before its children, and
the interpreter's own order of collection is not to be relied on. So each is dropped here by hand,
child first, on every path.
"""

import errno
import html
import io
import os
import re
import sys
import traceback
from urllib.parse import unquote_to_bytes

from componentize_py_types import Err, Ok
from wit_world.imports import streams, wasi_http_types

# RFC 9110 5.6.2, 5.5.
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-zA-Z]+")
_VALUE = re.compile(r"[ \t\x21-\x7e\x80-\xff]*")
# RFC 9112 4: three digits, then a reason that wasi:http does not carry.
_STATUS = re.compile(r"([1-5][0-9]{2})(?: [ \t\x21-\x7e\x80-\xff]*)?")
# gunicorn takes no others: all that are registered fit.
_METHOD = re.compile(r"[^a-z#]{3,20}")
# gunicorn ignores these when an application sets them.
_DROPPED = frozenset(
    (
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailers",
        "transfer-encoding", "upgrade", "server", "date",
    )
)  # fmt: skip
# What wasi:http hosts refuse besides.
_FORBIDDEN = frozenset(("host", "http2-settings", "proxy-connection"))
# Limit of one blocking_write_and_flush (wasi:io/streams 0.2).
_SMALL = 4096
_READ = 65536
# Where a runtime tells the client's address in a header, this variable names it (Spin: spin-client-addr).
_ADDRESS_VARIABLE = "DOCK2WASM_CLIENT_ADDRESS_HEADER"
# wasi:http does not tell it; nothing trusts this one, unlike 127.0.0.1.
_UNKNOWN_ADDRESS = "0.0.0.0"

_PAGE = """\
<html>
  <head>
    <title>{reason}</title>
  </head>
  <body>
    <h1><p>{reason}</p></h1>
    {message}
  </body>
</html>
"""


class InvalidHeaderError(Exception):
    """The application set a header that HTTP does not allow: its mistake, so the answer is a 500."""


class Disconnected(OSError):
    """The client went away."""


def _drop(resource):
    """Drop a resource now."""
    resource.__exit__(None, None, None)


# --- the request ---------------------------------------------------------------------------


class RequestBody(io.RawIOBase):
    """The request's body, read from the host as it is asked for. `length` None: until its end."""

    def __init__(self, request, length):
        self._request = request
        self._left = length
        self._body = None
        self._stream = None
        self._ended = length == 0

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
                _release_error(error)
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
            _drop(self._stream)
            self._stream = None
        if self._body is not None:
            _drop(self._body)
            self._body = None


def _release_error(error):
    """A failed stream hands out an `error` resource, a child of nothing, but ours to drop."""
    held = getattr(error.value, "value", None)
    if held is not None and hasattr(held, "__exit__"):
        _drop(held)


def _method(method):
    name = type(method).__name__.rpartition("_")[2]
    return method.value if name == "Other" else name.upper()


def environ_of(request):
    """(WSGI environ, request body) of an incoming-request."""
    target = request.path_with_query() or "/"
    path, _, query = target.partition("?")
    scheme = request.scheme()
    https = scheme is not None and type(scheme).__name__ == "Scheme_Https"
    environ = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if https else "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,  # other instances run beside this one
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "SERVER_SOFTWARE": "dock2wasm",
        "REQUEST_METHOD": _method(request.method()),
        "RAW_URI": target,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    fields = request.headers()
    try:
        entries = fields.entries()
    finally:
        _drop(fields)
    for name, raw in entries:
        if "_" in name:
            continue  # would be mistaken for the same name with a dash; gunicorn drops it as well
        name = name.upper().replace("-", "_")
        value = raw.decode("latin-1").strip(" \t")
        if name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            environ[name] = value
            continue
        key = "HTTP_" + name
        if key in environ:
            # RFC 6265 5.4 and RFC 9113 8.2.3: cookies that came in several fields are one list.
            value = environ[key] + ("; " if key == "HTTP_COOKIE" else ",") + value
        environ[key] = value
    authority = request.authority()
    if authority and "HTTP_HOST" not in environ:
        environ["HTTP_HOST"] = authority
    _set_addresses(environ, https)
    script_name = os.environ.get("SCRIPT_NAME", "")
    if script_name and path.startswith(script_name):
        path = path[len(script_name) :]
    else:
        script_name = ""
    environ["SCRIPT_NAME"] = script_name
    environ["PATH_INFO"] = unquote_to_bytes(path).decode("latin-1")
    length = environ.get("CONTENT_LENGTH")
    body = RequestBody(request, int(length) if length and length.isdecimal() else None)
    environ["wsgi.input"] = io.BufferedReader(body, _READ)
    return environ, body


def _set_addresses(environ, https):
    host, colon, port = environ.get("HTTP_HOST", "localhost").rpartition(":")
    if not colon or not port.isdecimal():
        host, port = environ.get("HTTP_HOST", "localhost"), ""
    environ["SERVER_NAME"] = host or "localhost"
    environ["SERVER_PORT"] = port or ("443" if https else "80")
    environ["REMOTE_ADDR"] = _UNKNOWN_ADDRESS
    header = os.environ.get(_ADDRESS_VARIABLE)
    if header:
        told = environ.get("HTTP_" + header.upper().replace("-", "_"), "")
        # "1.2.3.4:5678", "[::1]:5678" or a bare address
        match = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::(\d+))?|([0-9.]+)(?::(\d+))?|([0-9a-fA-F:]+)", told)
        if match:
            environ["REMOTE_ADDR"] = match[1] or match[3] or match[5]
            if match[2] or match[4]:
                environ["REMOTE_PORT"] = match[2] or match[4]


# --- the answer ----------------------------------------------------------------------------


class Response:
    """The answer to one request: status and headers are sent with the first piece of the body."""

    def __init__(self, out, method):
        self._out = out
        self._head = method == "HEAD"
        self._status = None
        self._fields = []
        self._length = None
        self._sent = 0
        self._body = None
        self._stream = None
        self.started = False  # the head of an answer was handed to the host

    def start_response(self, status, headers, exc_info=None):
        """PEP 3333's start_response."""
        if exc_info:
            try:
                if self.started:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._status is not None:
            raise AssertionError("Response headers already set!")
        self._status = _status_code(status)
        self._length = None
        self._fields = []
        for name, value in headers:
            if not isinstance(name, str):
                raise TypeError(f"{name!r} is not a string")
            if not _TOKEN.fullmatch(name):
                raise InvalidHeaderError(f"Invalid response header name from the application: {name!r}")
            if not isinstance(value, str):
                raise TypeError(f"{value!r} is not a string")
            if not _VALUE.fullmatch(value):
                raise InvalidHeaderError(f"Invalid response header from the application: {name!r}")
            value = value.strip(" \t")
            lowered = name.lower()
            if lowered == "content-length":
                self._length = int(value)
            elif lowered in _DROPPED or lowered in _FORBIDDEN:
                continue
            self._fields.append((lowered, value.encode("latin-1")))
        if self._status == 204 or self._status < 200:  # RFC 9110 8.6: no length either
            self._fields = [field for field in self._fields if field[0] != "content-length"]
        return self.write

    def _begin(self):
        """Hand status and headers to the host."""
        if self._status is None:
            raise AssertionError("The application sent a body before it called start_response().")
        response = wasi_http_types.OutgoingResponse(wasi_http_types.Fields.from_list(self._fields))
        try:
            response.set_status_code(self._status)
            # An answer without a body must not have one made either, or the host takes the declared
            # length (which HEAD keeps) for a broken promise.
            if not (self._head or self._status in (204, 304) or self._status < 200):
                self._body = response.body()
        except BaseException:
            _drop(response)
            raise
        self.started = True
        wasi_http_types.ResponseOutparam.set(self._out, Ok(response))
        if self._body is not None:
            self._stream = self._body.write()

    def write(self, data):
        """Send a piece of the body; blocks until the host has taken it. Raises Disconnected."""
        if not isinstance(data, bytes):
            raise TypeError(f"{data!r} is not a byte")
        if not self.started:
            self._begin()
        if self._stream is None:
            return
        if self._length is not None:
            data = data[: max(0, self._length - self._sent)]
        if not data:
            return
        self._sent += len(data)
        try:
            self._send(data)
        except Err as error:
            _release_error(error)
            raise Disconnected(errno.EPIPE, "the client went away") from None

    def _send(self, data):
        stream = self._stream
        if len(data) <= _SMALL:
            stream.blocking_write_and_flush(data)
            return
        view = memoryview(data)
        while view:
            allowed = stream.check_write()
            if not allowed:
                ready = stream.subscribe()
                try:
                    ready.block()
                finally:
                    _drop(ready)
                continue
            stream.write(bytes(view[:allowed]))
            view = view[allowed:]
        stream.blocking_flush()

    def finish(self):
        """End the answer; sends the head where no piece of a body did."""
        if not self.started:
            self._begin()
        if self._stream is not None:
            _drop(self._stream)
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
            _drop(self._stream)
            self._stream = None
        if self._body is not None:
            _drop(self._body)
            self._body = None

    def error_page(self, status, reason, message=""):
        """Answer with gunicorn's page, byte for byte. Only before `started`."""
        page = _PAGE.format(reason=reason, message=html.escape(message)).encode("latin-1")
        self._status = None
        headers = [("content-type", "text/html"), ("content-length", str(len(page)))]
        self.start_response(f"{status} {reason}", headers)
        self.write(page)
        self.finish()


def _status_code(status):
    """The code of a status line. Raises where it is none."""
    if not isinstance(status, str):
        raise TypeError(f"{status!r} is not a string")
    match = _STATUS.fullmatch(status)
    if not match:
        raise ValueError(f"Invalid status {status!r}")
    return int(match[1])


# --- one request ---------------------------------------------------------------------------


def _log_exception(text):
    """The traceback to standard error, never to the client. Must not raise: the answer is still to come."""
    try:
        print(f"[ERROR] {text}\n{traceback.format_exc()}", end="", file=sys.stderr, flush=True)
    except Exception:
        print(f"[ERROR] {text}: {sys.exc_info()[0]} (no traceback)", file=sys.stderr, flush=True)


def _close(iterable):
    close = getattr(iterable, "close", None)
    if close is not None:
        close()


def _run(application, environ, response):
    """Call the application and send what it yields."""
    iterable = application(environ, response.start_response)
    try:
        for piece in iterable:
            response.write(piece)
        response.finish()
    finally:
        _close(iterable)


def handle(load, request, out):
    """Answer one request. `load()` gives the WSGI application. Raises nothing: the instance must live on.

    `request` and `out` are the host's incoming-request and response-outparam.
    """
    body = None
    uri = "(no URI read)"
    response = Response(out, "GET")
    try:
        environ, body = environ_of(request)
        uri = environ["RAW_URI"]
        method = environ["REQUEST_METHOD"]
        response = Response(out, method)
        if not _METHOD.fullmatch(method):
            response.error_page(400, "Bad Request", f"Invalid Method 'Invalid HTTP method: {method!r}'")
            return
        _run(load(), environ, response)
    except Disconnected:
        if not response.started:
            _answer_error(response, 400, "Bad Request")
    except BaseException:  # SystemExit too: it would end the instance
        _log_exception(f"Error handling request {uri}")
        _answer_error(response, 500, "Internal Server Error")
    finally:
        response.abort()
        if body is not None:
            body.drop()
        _drop(request)
        sys.stdout.flush()
        sys.stderr.flush()


def _answer_error(response, status, reason):
    """An error page, unless part of an answer is out already: then the connection is broken."""
    if response.started:
        return
    try:
        response.error_page(status, reason)
    except Disconnected:
        pass
    except BaseException:
        _log_exception("No answer could be sent")
