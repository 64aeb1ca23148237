"""One HTTP exchange with another service, carried out by the host: wasi:http/outgoing-handler 0.2.

The host looks up the name, connects, speaks TLS and frames bodies. Here its resources are held: each is
dropped by hand, child first, on every path, for the host ends the instance where a parent goes before its
children.
"""

import errno
import socket
import sys

from componentize_py_types import Err, Ok
from wit_world.imports import outgoing_handler, streams, wasi_http_types

from dock2wasm_adapter import output, waits
from dock2wasm_adapter.incoming import drop, release_error

# Fields that the host writes itself, or that belong to a connection, which is the host's.
_HOSTS = frozenset(
    (
        "host", "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
        "te", "transfer-encoding", "upgrade", "http2-settings", "expect",
    )
)  # fmt: skip
_PIECE = 65536
# Handles of exchanges that have not ended. They are reachable from here, so that the garbage collector
# never drops them in an order of its own.
_LIVE = set()

_NO_NAME = frozenset(("DnsTimeout", "DnsError", "DestinationNotFound"))
_REFUSED = frozenset(("DestinationUnavailable", "DestinationIpUnroutable", "ConnectionRefused"))
_DENIED = frozenset(("DestinationIpProhibited", "HttpRequestDenied"))
_LATE = frozenset(("ConnectionReadTimeout", "ConnectionWriteTimeout", "HttpResponseTimeout"))
# The other side went away, or what it said is no HTTP: libraries find out by the end of the stream.
_GONE = frozenset(("ConnectionTerminated", "HttpProtocolError", "HttpResponseIncomplete"))


def error_of(code, host):
    """The exception for an error-code of wasi:http; None where the connection just ended.

    One from before the connection stood has the attribute `unconnected`.
    """
    name = type(code).__name__.rpartition("_")[2]
    if name in _GONE:
        return None
    if name in _LATE:
        return TimeoutError("timed out")
    if name in _NO_NAME:
        error = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    elif name in _REFUSED:
        error = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    elif name == "ConnectionTimeout":
        error = TimeoutError("timed out")
    elif name in _DENIED:
        error = PermissionError(
            errno.EACCES,
            f"dock2wasm: the runtime does not allow calls to {host}; grant the host"
            " (dock2wasm convert --allow-host, allowed_outbound_hosts in spin.toml)",
        )
    elif name.startswith("Tls"):
        import ssl

        kind = ssl.SSLCertVerificationError if name == "TlsCertificateError" else ssl.SSLError
        error = kind(1, f"dock2wasm: the runtime could not speak TLS with {host} ({_detail(code, name)})")
    else:
        return OSError(errno.EIO, f"dock2wasm: the runtime could not call {host} ({_detail(code, name)})")
    error.unconnected = True
    return error


def _detail(code, name):
    value = getattr(code, "value", None)
    return name if value is None else f"{name}: {value}"


class Handles:
    """The host's resources of one exchange."""

    def __init__(self):
        # In the order in which they must go.
        self.out_stream = self.out_body = self.stream = self.body = self.response = self.future = None
        self.waits = set()
        _LIVE.add(self)

    def close(self):
        for wait in list(self.waits):
            wait.drop()
        for name in ("out_stream", "out_body", "stream", "body", "response", "future"):
            resource = getattr(self, name)
            if resource is not None:
                setattr(self, name, None)
                drop(resource)
        _LIVE.discard(self)


class Call:
    """An exchange that has been started.

    `fields` is [(name, value as bytes)]; those that are the host's to write are left out. `with_body`: pieces
    will be written. `connect_timeout` is in seconds or None. Raises OSError as `error_of` says.
    """

    def __init__(self, scheme, authority, method, target, fields, with_body, connect_timeout=None):
        types = wasi_http_types
        self.authority = authority
        self.method = method
        self.failed = None  # the error that ended it, once raised
        self._outcome = None
        self._broken = False
        self._ended = False
        self.cut = False  # whether the answer's body broke off
        handles = self._handles = Handles()
        kept = [(name, value) for name, value in fields if name.lower() not in _HOSTS]
        try:
            held = types.Fields.from_list(kept)
        except Err as error:
            raise ValueError(
                f"dock2wasm: the runtime refuses a header field of {kept!r}: {error.value}"
            ) from None
        request = types.OutgoingRequest(held)
        try:
            kind = getattr(types, "Method_" + method.capitalize(), None)
            request.set_method(kind() if kind and method.isupper() else types.Method_Other(method))
            request.set_scheme(types.Scheme_Https() if scheme == "https" else types.Scheme_Http())
            request.set_authority(authority)
            request.set_path_with_query(target)
            if with_body:
                handles.out_body = request.body()
        except BaseException as error:
            if handles.out_body is not None:
                drop(handles.out_body)
                handles.out_body = None
            drop(request)
            handles.close()
            if isinstance(error, Err):
                raise ValueError(
                    f"dock2wasm: the runtime refuses the request {method} {authority}{target}"
                ) from None
            raise
        options = None
        if connect_timeout is not None:
            options = types.RequestOptions()
            options.set_connect_timeout(max(1, int(connect_timeout * 1e9)))
        try:
            handles.future = outgoing_handler.handle(request, options)
        except Err as error:
            handles.close()
            self.failed = error_of(error.value, authority) or ConnectionResetError(
                errno.ECONNRESET, "Connection reset by peer"
            )
            raise self.failed from None
        if with_body:
            handles.out_stream = handles.out_body.write()

    def __del__(self):
        self.close()

    def close(self):
        """Give everything back; what the other side still sends is not read."""
        self._handles.close()

    # --- request --------------------------------------------------------------------------

    def write(self, data):
        """Write as much of `data` as the host takes now; how many bytes it took.

        Where the other side wants no more of it, all is taken and lost: the answer tells why.
        """
        stream = self._handles.out_stream
        if stream is None:
            return len(data)
        try:
            allowed = min(stream.check_write(), len(data))
            if allowed:
                output.write(stream, data[:allowed])
            return allowed
        except output.StreamEndedError:
            self._break()
        except Err as error:
            release_error(error)
            self._break()
        return len(data)

    def writable(self):
        """What to wait for before `write` is worth another try."""
        return waits.Wait(self._handles.out_stream.subscribe(), self._handles.waits)

    def end_request(self):
        """All of the request's body was written."""
        handles = self._handles
        if handles.out_stream is None:
            return
        drop(handles.out_stream)
        handles.out_stream = None
        body, handles.out_body = handles.out_body, None
        try:
            wasi_http_types.OutgoingBody.finish(body, None)
        except Err:
            # Fewer or more bytes than Content-Length said: the host breaks the connection.
            self._broken = True

    def _break(self):
        handles = self._handles
        drop(handles.out_stream)
        drop(handles.out_body)
        handles.out_stream = handles.out_body = None

    # --- answer ---------------------------------------------------------------------------

    def head(self):
        """(status, [(name, bytes)]), or None while it has not come.

        Raises the OSError that ended the exchange; ConnectionResetError where the other side went away.
        """
        if self._outcome is not None:
            return self._outcome
        handles = self._handles
        if self.failed is not None:
            raise self.failed
        if handles.future is None:
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        found = handles.future.get()
        if found is None:
            return None
        found = _unwrapped(found)
        if isinstance(found, Err):
            handles.close()
            self.failed = error_of(found.value, self.authority) or Gone(
                errno.ECONNRESET, "Connection reset by peer"
            )
            raise self.failed
        handles.response = found
        fields = found.headers()
        try:
            entries = [(name, bytes(value)) for name, value in fields.entries()]
        finally:
            drop(fields)
        self._outcome = found.status(), entries
        return self._outcome

    def answered(self):
        """What to wait for before `head` has something to say."""
        return waits.Wait(self._handles.future.subscribe(), self._handles.waits)

    def read(self, size=_PIECE):
        """Bytes of the answer's body that are here; None while there are none; b"" at its end.

        A body that breaks off ends: libraries compare with its length.
        """
        if self._ended:
            return b""
        handles = self._handles
        if handles.stream is None:
            if handles.response is None:
                return b""
            handles.body = handles.response.consume()
            handles.stream = handles.body.stream()
        try:
            return bytes(handles.stream.read(size)) or None
        except Err as error:
            self._ended = True
            self.cut = not isinstance(error.value, streams.StreamError_Closed)
            release_error(error)
            self.close()
            return b""

    def readable(self):
        """What to wait for before `read` is worth another try."""
        return waits.Wait(self._handles.stream.subscribe(), self._handles.waits)


class Gone(ConnectionResetError):
    """The other side ended the connection without an answer."""


def _unwrapped(found):
    """option<result<result<response, error-code>>> as componentize-py gives it."""
    while hasattr(found, "value") and (isinstance(found, Ok) or type(found).__name__ == "Some"):
        found = found.value
    if isinstance(found, Err) and isinstance(found.value, (Ok, Err)):
        found = found.value
    return found


def warn_once(text, _said=set()):  # noqa: B006 - what was said is meant to stay
    """To the log, once for each text of an instance."""
    if text not in _said:
        _said.add(text)
        print(f"dock2wasm: {text}", file=sys.stderr, flush=True)
