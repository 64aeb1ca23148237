"""Scripts on http.server over wasi:http/incoming-handler 0.2.

The script runs as `__main__` until it calls `serve_forever()`; the server object that it made there is what
answers. Each request is played to its handler class as the bytes of HTTP/1.1, and what the handler writes is
read back as such. Nothing listens: the socket of the server is a stand-in.
"""

import io
import os
import sys
import types

from componentize_py_types import Err
from wit_world.imports import wasi_http_types

from dock2wasm_adapter import application, modules
from dock2wasm_adapter.gaps import refuse
from dock2wasm_adapter.incoming import Disconnected, RequestBody, client_of, drop, fields_of, method_of
from dock2wasm_adapter.outgoing import Answer, checked

_PIECE = 65536
_HEAD_LIMIT = 1 << 20


class Served(BaseException):
    """Ends the script where it would serve; no `except Exception` of its own holds it."""

    def __init__(self, server):
        super().__init__("the server is served by the runtime")
        self.server = server


# --- the script ----------------------------------------------------------------------------


class Application(application.Application):
    """The server that a script makes. `module` is the script's name as a module."""

    arguments = ()  # what follows its name on the command line

    def _import(self):
        spec = next(filter(None, (finder.find_spec(self.module, None) for finder in sys.meta_path)))
        main = types.ModuleType("__main__")
        main.__file__ = spec.origin
        main.__spec__ = spec
        sys.modules["__main__"] = main
        sys.argv = [spec.origin, *self.arguments]
        try:
            spec.loader.exec_module(main)
        except Served as served:
            return served.server
        raise application.ApplicationError(
            f"{spec.origin} ended without a call of serve_forever(): there is nothing that answers."
        )


# The container's Python as (3, 11), where the build could tell it.
PYTHON = None


def configure(settings):
    """Take the build's settings, before anything else is imported."""
    global PYTHON
    PYTHON = tuple(settings["python"])
    Application.arguments = tuple(settings["arguments"])


class _Socket:
    """What stands in a server's place for the socket that it would listen on."""

    def __init__(self):
        self._address = ("0.0.0.0", 0)

    def bind(self, address):
        self._address = (address[0] or "0.0.0.0", *address[1:])

    def getsockname(self):
        return self._address

    def _nothing(self, *args):
        """There is no socket to set up."""

    listen = setsockopt = settimeout = setblocking = shutdown = close = _nothing
    fileno = refuse("the file number of a listening socket")
    accept = refuse("accepting connections", "the runtime does it")


def _socketserver(module):
    def init(self, server_address, handler_class, bind_and_activate=True):
        module.BaseServer.__init__(self, server_address, handler_class)
        self.socket = _Socket()
        if bind_and_activate:
            self.server_bind()
            self.server_activate()

    def serve(self, *args, **kwargs):
        raise Served(self)

    module.TCPServer.__init__ = init
    module.BaseServer.serve_forever = module.BaseServer.handle_request = serve
    module.BaseServer.shutdown = lambda self: None
    module.UDPServer.__init__ = refuse("a UDP server")


def _http_server(module):
    def server_bind(self):
        module.socketserver.TCPServer.server_bind(self)
        host, port = self.server_address[:2]
        self.server_name = os.environ.get("HOSTNAME", host)
        self.server_port = port

    def handle(self):
        # One request for each connection: another would be read from a body that was left unread.
        self.close_connection = True
        self.handle_one_request()

    if PYTHON and PYTHON < (3, 14):  # its page of errors has no style yet
        page = module.DEFAULT_ERROR_MESSAGE
        before, _, rest = page.partition("        <style")
        module.DEFAULT_ERROR_MESSAGE = before + rest.partition("</style>\n")[2]
        module.BaseHTTPRequestHandler.error_message_format = module.DEFAULT_ERROR_MESSAGE
    module.HTTPServer.server_bind = server_bind
    module.BaseHTTPRequestHandler.handle = handle


modules.hook("socketserver", _socketserver)
modules.hook("http.server", _http_server)


# --- one request ---------------------------------------------------------------------------


class _Request(io.RawIOBase):
    """The request as bytes: its head, then its body as it comes, in chunks where it was sent so."""

    def __init__(self, head, body, chunked):
        self._pending = memoryview(head)
        self._body = body
        self._chunked = chunked
        self._ended = False

    def readable(self):
        return True

    def readinto(self, buffer):
        if not self._pending and not self._ended:
            piece = bytearray(min(len(buffer), _PIECE) if not self._chunked else _PIECE)
            size = self._body.readinto(piece)
            self._ended = size == 0
            data = bytes(piece[:size])
            if self._chunked:
                data = f"{size:x}\r\n".encode() + data + b"\r\n"
            self._pending = memoryview(data)
        size = min(len(buffer), len(self._pending))
        buffer[:size] = self._pending[:size]
        self._pending = self._pending[size:]
        return size


class _Connection:
    """The socket that a handler gets. What is written to it is the answer."""

    def __init__(self, request, answer, address, server):
        self._reader = io.BufferedReader(request, _PIECE)
        self.wire = _Wire(answer)
        self._names = (address, server)

    def makefile(self, mode="r", buffering=None, **kwargs):
        if "w" in mode:
            return _Writer(self)
        return self._reader if "b" in mode else io.TextIOWrapper(self._reader, **kwargs)

    def sendall(self, data, flags=0):
        self.wire.feed(bytes(data))

    def send(self, data, flags=0):
        self.sendall(data)
        return len(data)

    def recv(self, size, flags=0):
        return self._reader.read1(size)

    def getpeername(self):
        return self._names[0]

    def getsockname(self):
        return self._names[1]

    def gettimeout(self):
        return None

    def _nothing(self, *args):
        """There is no socket to set up."""

    settimeout = setsockopt = setblocking = shutdown = close = _nothing


class _Writer(io.BufferedIOBase):
    """A handler's file for writing, unbuffered."""

    def __init__(self, connection):
        self._connection = connection

    def writable(self):
        return True

    def write(self, data):
        with memoryview(data) as view:
            self._connection.sendall(view)
            return view.nbytes


class WireError(Exception):
    """What the handler wrote is no HTTP."""


class _Wire:
    """Reads the bytes of an HTTP/1.1 answer as they are written, and hands on what they say."""

    def __init__(self, answer):
        self._answer = answer
        self._pending = b""
        self._take = self._head
        self._left = None  # bytes of the body, or of the chunk, that are still to come; None: until the end
        self.whole = False

    def feed(self, data):
        self._pending += data
        while self._pending and self._take():
            pass

    def _head(self):
        head, end, rest = self._pending.partition(b"\r\n\r\n")
        if not end:
            if len(self._pending) > _HEAD_LIMIT:
                raise WireError("the handler wrote no end of a head")
            return False
        self._pending = rest
        first, *lines = head.decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/") or not words[1].isdecimal():
            raise WireError(f"the handler wrote {first[:60]!r} for a status line")
        status = int(words[1])
        if status < 200:
            return True  # an interim answer: the runtime sends its own
        headers = [
            (name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines)
        ]
        given = {name.lower(): value.lower() for name, value in headers}
        self._answer.begin(status, checked(headers))
        if given.get("transfer-encoding", "").endswith("chunked"):
            self._take = self._size
        else:
            self._left = int(given["content-length"]) if "content-length" in given else None
            self._take = self._body
            self.whole = not self._left
        if not self._answer.has_body:
            self.whole = True
        return True

    def _body(self):
        data, self._pending = self._pending, b""
        if self._left is not None:
            data = data[: self._left]
            self._left -= len(data)
            self.whole = self._left == 0
        if data:
            self._answer.write(data)
        return False

    def _size(self):
        line, end, rest = self._pending.partition(b"\r\n")
        if not end:
            return False
        try:
            self._left = int(line.partition(b";")[0], 16)
        except ValueError:
            raise WireError(f"the handler wrote {line[:40]!r} for the size of a chunk") from None
        self._pending = rest
        self._take = self._chunk if self._left else self._trailer
        return True

    def _chunk(self):
        data = self._pending[: self._left]
        self._pending = self._pending[len(data) :]
        self._left -= len(data)
        self._answer.write(data)
        if not self._left:
            self._take = self._chunk_end
        return True

    def _chunk_end(self):
        if len(self._pending) < 2:
            return False
        self._pending = self._pending[2:]
        self._take = self._size
        return True

    def _trailer(self):
        line, end, rest = self._pending.partition(b"\r\n")
        if not end:
            return False
        self._pending = rest
        self.whole = self.whole or not line
        return bool(line)


def _head_of(request, method):
    """(request line and fields as bytes, [(name, value)])."""
    target = request.path_with_query() or "/"
    fields = [(name.lower(), raw.decode("latin-1")) for name, raw in fields_of(request)]
    authority = request.authority()
    if authority and not any(name == "host" for name, _ in fields):
        fields.insert(0, ("host", authority))
    # HTTP/2 and wasi:http know lower case only; what programs print is mostly the usual spelling.
    lines = [f"{name.title()}: {value}" for name, value in fields]
    return "\r\n".join([f"{method} {target} HTTP/1.1", *lines, "", ""]).encode("latin-1"), fields


def handle(load, request, out):
    """Answer one request. `load()` gives the server that the script made. Raises nothing."""
    body = None
    answer = Answer(out, head=False)
    try:
        server = load()
        method = method_of(request)
        answer = Answer(out, method == "HEAD")
        head, fields = _head_of(request, method)
        given = dict(reversed(fields))
        length = given.get("content-length", "")
        body = RequestBody(request, int(length) if length.isdecimal() else None)
        chunked = "chunked" in given.get("transfer-encoding", "").lower()
        host, port = client_of(lambda name: given.get(name.lower(), ""))
        address = (host, int(port or 0))
        connection = _Connection(_Request(head, body, chunked), answer, address, server.server_address)
        try:
            if server.verify_request(connection, address):
                server.finish_request(connection, address)
        except Disconnected:
            raise
        except Exception:
            server.handle_error(connection, address)
        else:
            if connection.wire.whole or (answer.started and connection.wire._left is None):
                answer.finish()
    except Disconnected:
        pass
    except BaseException:  # SystemExit too: it would end the instance
        import traceback

        print(f"dock2wasm: error handling a request\n{traceback.format_exc()}", end="", file=sys.stderr)
    finally:
        if not answer.started:
            # As with a handler that fails before it wrote anything: the connection ends without an answer.
            failure = wasi_http_types.ErrorCode_InternalError("the handler wrote no answer")
            wasi_http_types.ResponseOutparam.set(out, Err(failure))
        answer.abort()
        if body is not None:
            body.drop()
        drop(request)
        sys.stdout.flush()
        sys.stderr.flush()
