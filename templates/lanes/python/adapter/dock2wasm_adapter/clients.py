"""HTTP clients that block (http.client, urllib3, httpcore), given connections of `conversation`.

Each hook takes the library's module right after its import.
"""

import functools
import io
import socket
import sys
import time

from dock2wasm_adapter.conversation import Conversation, secure
from dock2wasm_adapter.gaps import UnsupportedError

_CHUNK = 65536
# The host's own time limit for connecting answers a moment later than a clock here would.
_GRACE = 0.25


class HostSocket:
    """What a library takes for its connected socket."""

    family = socket.AF_INET
    type = socket.SOCK_STREAM
    proto = 0

    # Whether failed connections are told where sockets tell them: before an answer is asked for.
    tells_at_once = False

    def __init__(self, host, port, timeout=None):
        self.conversation = Conversation(host, port, timeout)
        self._timeout = timeout
        self._rest = b""
        self._asked = 0.0  # when the request was complete
        self._references = 1
        self._closed = False
        self.server_hostname = None
        self.context = None

    # --- TLS, which the runtime speaks ----------------------------------------------------

    def dock2wasm_tls(self, context, server_hostname):
        """What `ssl.SSLContext.wrap_socket` does with this socket."""
        secure(self.conversation, context, server_hostname)
        self.server_hostname, self.context = server_hostname, context
        return self

    def getpeercert(self, binary_form=False):
        if binary_form:
            raise UnsupportedError("dock2wasm: the runtime checks certificates and does not show them")
        # What the runtime has checked, and nothing more.
        return {"subjectAltName": (("DNS", self.server_hostname or self.conversation.host),)}

    def selected_alpn_protocol(self):
        return None

    selected_npn_protocol = version = cipher = compression = selected_alpn_protocol

    def do_handshake(self, block=False):
        pass

    # --- writing --------------------------------------------------------------------------

    def sendall(self, data, flags=0):
        if not len(data):
            return
        conversation = self.conversation
        conversation.feed(bytes(data))
        while not conversation.pump():
            if not conversation.call.writable().block(self._timeout):
                raise TimeoutError("timed out")
        if conversation.ended():
            self._asked = time.monotonic()
            if self.tells_at_once:
                self._connected()

    def _connected(self):
        """Raise here what a socket would raise while connecting; libraries tell that from later errors."""
        call = self.conversation.call
        timeout = None if self._timeout is None else self._timeout + _GRACE
        try:
            if call.head() is None:
                call.answered().block(timeout)
                call.head()
        except OSError as error:
            if getattr(error, "unconnected", False):
                raise

    def send(self, data, flags=0):
        self.sendall(data, flags)
        return len(data)

    write = send

    def sendfile(self, file, offset=0, count=None):
        file.seek(offset)
        data = file.read() if count is None else file.read(count)
        return self.send(data)

    # --- reading --------------------------------------------------------------------------

    def recv(self, size=_CHUNK, flags=0):
        if not self._rest:
            self._rest = self._next()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    read = recv

    def recv_into(self, buffer, size=0, flags=0):
        data = self.recv(min(size or len(buffer), len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def _next(self):
        conversation = self.conversation
        while (data := conversation.piece()) is None:
            timeout = self._timeout
            if timeout is not None and conversation.waits_for_head():
                timeout = max(0.0, self._asked + timeout - time.monotonic())
            if not conversation.wait().block(timeout):
                raise TimeoutError("timed out")
        return data

    def readable(self):
        """Whether a read would not wait: bytes that nobody asked for, or the end."""
        return bool(self._rest) or self._closed

    def pending(self):
        return len(self._rest)

    def makefile(self, mode="r", buffering=None, *, encoding=None, errors=None, newline=None):
        self._references += 1
        raw = _Reader(self)
        if buffering == 0:
            return raw
        binary = io.BufferedReader(raw, _CHUNK if buffering in (None, -1) else buffering)
        return binary if "b" in mode else io.TextIOWrapper(binary, encoding, errors, newline)

    # --- what all sockets have ------------------------------------------------------------

    def settimeout(self, timeout):
        self._timeout = timeout

    def gettimeout(self):
        return self._timeout

    def setblocking(self, flag):
        self._timeout = None if flag else 0.0

    def setsockopt(self, *args):
        """There is no socket of ours to set up."""

    def getsockopt(self, *args):
        return 0

    def getpeername(self):
        return self.conversation.host, self.conversation.port

    def getsockname(self):
        return "0.0.0.0", 0

    def fileno(self):
        return -1

    def shutdown(self, how):
        """A whole request has its end in itself."""

    def detach(self):
        return -1

    def close(self):
        if not self._closed:
            self._closed = True
            self._release()

    def _release(self):
        self._references -= 1
        if not self._references:
            self.conversation.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class _Reader(io.RawIOBase):
    """The file of a HostSocket: keeps the exchange open, as a socket's file does."""

    def __init__(self, connection):
        self._connection = connection

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._connection.recv_into(buffer)

    def close(self):
        if not self.closed:
            super().close()
            self._connection._release()


def connect(address, timeout=None, source_address=None, socket_options=None, **rest):
    """In place of socket.create_connection, for libraries that speak HTTP."""
    if not isinstance(timeout, (int, float)) and timeout is not None:
        timeout = socket.getdefaulttimeout()  # one of the libraries' marks for "the default"
    return HostSocket(address[0], int(address[1]), timeout)


def connect_and_tell(address, timeout=None, source_address=None):
    """The same, for http.client itself: its users expect a failed connection while the request is sent."""
    found = connect(address, timeout)
    found.tells_at_once = True
    return found


# --- libraries without a loop ----------------------------------------------------------------


def http_client(module):
    plain = module.HTTPConnection.__init__

    @functools.wraps(plain)
    def init(self, *args, **kwargs):
        plain(self, *args, **kwargs)
        self._create_connection = connect_and_tell

    module.HTTPConnection.__init__ = init


def urllib3_connect(module):
    module.create_connection = connect


def urllib3_wait(module):
    plain = module.wait_for_read

    def wait_for_read(sock, timeout=None):
        return sock.readable() if isinstance(sock, HostSocket) else plain(sock, timeout)

    module.wait_for_read = wait_for_read


def urllib3(module):
    """urllib3 tells failed connections from broken ones: it retries them apart."""
    from urllib3 import exceptions

    connection = module.HTTPConnection

    def told(self, error):
        if not getattr(error, "unconnected", False) or isinstance(error, _ssl_error()):
            return error
        if isinstance(error, TimeoutError):
            limit = self.timeout
            return exceptions.ConnectTimeoutError(
                self, f"Connection to {self.host} timed out. (connect timeout={limit})"
            )
        if isinstance(error, socket.gaierror) and hasattr(exceptions, "NameResolutionError"):
            return exceptions.NameResolutionError(self.host, self, error)
        return exceptions.NewConnectionError(self, f"Failed to establish a new connection: {error}")

    def telling(plain):
        @functools.wraps(plain)
        def method(self, *args, **kwargs):
            try:
                return plain(self, *args, **kwargs)
            except OSError as error:
                known = told(self, error)
                if known is error:
                    raise
                raise known from error

        return method

    connection.send = telling(connection.send)
    connection.getresponse = telling(connection.getresponse)


def _ssl_error():
    return sys.modules["ssl"].SSLError if "ssl" in sys.modules else ()


def httpcore_errors(error, reading):
    import httpcore

    if isinstance(error, UnsupportedError):
        return error
    late = isinstance(error, TimeoutError)
    if getattr(error, "unconnected", False):
        kind = httpcore.ConnectTimeout if late else httpcore.ConnectError
    elif reading:
        kind = httpcore.ReadTimeout if late else httpcore.ReadError
    else:
        kind = httpcore.WriteTimeout if late else httpcore.WriteError
    return kind(str(error))


def httpcore_sync(module):
    from httpcore._backends.base import NetworkStream

    class Stream(NetworkStream):
        def __init__(self, host, port, timeout):
            self._socket = HostSocket(host, port, timeout)

        def read(self, max_bytes, timeout=None):
            self._socket.settimeout(timeout)
            try:
                return self._socket.recv(max_bytes)
            except OSError as error:
                raise httpcore_errors(error, reading=True) from error

        def write(self, buffer, timeout=None):
            # How long to wait for the answer is told to `read`.
            self._socket.settimeout(timeout)
            try:
                self._socket.sendall(buffer)
            except OSError as error:
                raise httpcore_errors(error, reading=False) from error

        def close(self):
            self._socket.close()

        def start_tls(self, ssl_context, server_hostname=None, timeout=None):
            self._socket.dock2wasm_tls(ssl_context, server_hostname)
            return self

        def get_extra_info(self, info):
            return self._socket.readable() if info == "is_readable" else None

    def connect_tcp(self, host, port, timeout=None, local_address=None, socket_options=None):
        return Stream(host, port, timeout)

    module.SyncBackend.connect_tcp = connect_tcp
