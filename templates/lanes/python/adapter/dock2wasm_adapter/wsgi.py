"""WSGI over wasi:http/incoming-handler 0.2, answering as gunicorn's sync worker does.

Where gunicorn has a rule (which headers are dropped or refused, what an exception shows, what the
environ holds) the rule here is the same, so that an answer can be compared with the container's.
"""

import html
import io
import os
import re
import sys
import traceback
from urllib.parse import unquote_to_bytes

from dock2wasm_adapter.incoming import (
    Disconnected,
    RequestBody,
    client_of,
    drop,
    fields_of,
    is_https,
    method_of,
    server_of,
)
from dock2wasm_adapter.outgoing import Answer, checked

# RFC 9112 4: three digits, then a reason that wasi:http does not carry.
_STATUS = re.compile(r"([1-5][0-9]{2})(?: [ \t\x21-\x7e\x80-\xff]*)?")
# gunicorn takes no others: all that are registered fit.
_METHOD = re.compile(r"[^a-z#]{3,20}")
_READ = 65536

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


# --- the request ---------------------------------------------------------------------------


def environ_of(request):
    """(WSGI environ, request body) of an incoming-request."""
    target = request.path_with_query() or "/"
    path, _, query = target.partition("?")
    https = is_https(request)
    environ = {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if https else "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,  # other instances run beside this one
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "SERVER_SOFTWARE": "dock2wasm",
        "REQUEST_METHOD": method_of(request),
        "RAW_URI": target,
        "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    for name, raw in fields_of(request):
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
    environ["SERVER_NAME"], environ["SERVER_PORT"] = server_of(environ.get("HTTP_HOST", "localhost"), https)
    environ["REMOTE_ADDR"], port = client_of(
        lambda name: environ.get("HTTP_" + name.upper().replace("-", "_"), "")
    )
    if port:
        environ["REMOTE_PORT"] = port


# --- the answer ----------------------------------------------------------------------------


class Response:
    """The answer to one request: status and headers are sent with the first piece of the body."""

    def __init__(self, out, method):
        self._answer = Answer(out, method == "HEAD")
        self._status = None
        self._fields = []

    @property
    def started(self):
        """Whether the head of an answer was handed to the host."""
        return self._answer.started

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
        for text in (text for header in headers for text in header):
            if not isinstance(text, str):
                raise TypeError(f"{text!r} is not a string")
        self._fields = checked(headers)
        return self.write

    def write(self, data):
        """Send a piece of the body; blocks until the host has taken it. Raises Disconnected."""
        if not isinstance(data, bytes):
            raise TypeError(f"{data!r} is not a byte")
        self._begin()
        self._answer.write(data)

    def _begin(self):
        """Hand status and headers to the host, once."""
        if self.started:
            return
        if self._status is None:
            raise AssertionError("The application sent a body before it called start_response().")
        self._answer.begin(self._status, self._fields)

    def finish(self):
        """End the answer; sends the head where no piece of a body did."""
        self._begin()
        self._answer.finish()

    def abort(self):
        """Give everything back without an end, which breaks the connection."""
        self._answer.abort()

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
        drop(request)
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
