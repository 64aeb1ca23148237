"""HTTP/1.1 as client libraries write and read it, between them and the host's exchanges.

A library writes a request's bytes to what it takes for a connection, and reads the bytes of an answer. Here
the request is read as it comes, carried out by the host (`fetch`), and the answer is written back as
HTTP/1.1, piece by piece. So what libraries do themselves (redirects, cookies, retries, decoding, pools)
stays theirs.
"""

import errno
from http.client import responses

from dock2wasm_adapter.fetch import Call, Gone, warn_once
from dock2wasm_adapter.gaps import UnsupportedError

_HEAD_LIMIT = 1 << 20
_PROXY = (
    "dock2wasm: an HTTP proxy cannot be used: calls leave through the runtime, which connects by itself;"
    " unset HTTP_PROXY, HTTPS_PROXY and ALL_PROXY, or tell the library to use none"
)


class RequestReader:
    """Reads requests from the bytes of a connection: `feed` gives events.

    ("head", method, target, fields, with_body), ("data", bytes), ("end",).
    """

    def __init__(self):
        self._buffer = bytearray()
        self._step = self._head
        self._left = 0

    def feed(self, data):
        self._buffer += data
        while (event := self._step()) is not None:
            yield event

    def _until(self, mark, limit=_HEAD_LIMIT):
        found = self._buffer.find(mark)
        if found < 0:
            if len(self._buffer) > limit:
                raise ValueError("dock2wasm: the head of a request has no end")
            return None
        text = bytes(self._buffer[:found])
        del self._buffer[: found + len(mark)]
        return text

    def _head(self):
        head = self._until(b"\r\n\r\n")
        if head is None:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, target, version = first.split(" ", 2)
        if method == "CONNECT" or "://" in target.partition("?")[0]:
            raise OSError(errno.ENOTSUP, _PROXY)
        if not version.startswith("HTTP/1."):
            raise UnsupportedError(
                "dock2wasm: HTTP/2 cannot be spoken by the library; the runtime chooses the protocol,"
                " switch HTTP/2 off (http2=False)"
            )
        fields = []
        for line in lines:
            name, _, value = line.partition(":")
            fields.append((name.lower(), value.strip(" \t").encode("latin-1")))
        values = dict(fields)
        if b"websocket" in values.get("upgrade", b"").lower():
            raise UnsupportedError(
                "dock2wasm: a WebSocket cannot be opened: wasi:http has no upgrade of a connection"
            )
        length = values.get("content-length", b"")
        self._left = int(length) if length.isdigit() else 0
        if values.get("transfer-encoding", b"").lower().endswith(b"chunked"):
            self._step, with_body = self._chunk, True
        else:
            self._step, with_body = self._sized, self._left > 0
        return "head", method, target, fields, with_body

    def _sized(self):
        if not self._left:
            self._step = self._head
            return ("end",)
        return self._data()

    def _data(self):
        if not self._buffer:
            return None
        piece = bytes(self._buffer[: self._left])
        del self._buffer[: self._left]
        self._left -= len(piece)
        return "data", piece

    def _chunk(self):
        line = self._until(b"\r\n")
        if line is None:
            return None
        self._left = int(line.partition(b";")[0], 16)
        self._step = self._in_chunk if self._left else self._trailers
        return self._step()

    def _in_chunk(self):
        if self._left:
            return self._data()
        if len(self._buffer) < 2:
            return None
        del self._buffer[:2]
        self._step = self._chunk
        return self._step()

    def _trailers(self):
        line = self._until(b"\r\n")
        if line is None:
            return None
        if line:
            return self._step()  # trailers have no place to go
        self._step = self._head
        return ("end",)


class Conversation:
    """What stands behind one connection of a library. `secure` is set when the library starts TLS."""

    def __init__(self, host, port, connect_timeout=None):
        self.host = host
        self.port = port
        self.secure = False
        self.connect_timeout = connect_timeout
        self.call = None
        self.closed = False
        self._reader = RequestReader()
        self._waiting = []  # pieces of the request's body, None for its end
        self._head_said = False
        self._framing = ""
        self._left = 0  # of a sized answer
        self.answered = False  # the whole answer was given to the library
        self.broken = False  # the other side went away before

    # --- the library writes ---------------------------------------------------------------

    def feed(self, data):
        """Bytes of requests. Starts an exchange at the end of a head; `pump` sends what follows it.

        Raises what `Call` raises, and OSError or UnsupportedError for what the host cannot carry out.
        """
        if self.closed:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")
        for kind, *rest in self._reader.feed(data):
            if kind == "head":
                self._start(*rest)
            elif kind == "data":
                self._waiting.append(memoryview(rest[0]))
            else:
                self._waiting.append(None)

    def _start(self, method, target, fields, with_body):
        if self.call is not None:
            self.call.close()
        self._waiting.clear()
        self._head_said = self.answered = self.broken = False
        host = f"[{self.host}]" if ":" in self.host else self.host
        default = 443 if self.secure else 80
        authority = host if self.port == default else f"{host}:{self.port}"
        said = next((value.decode("latin-1") for name, value in fields if name == "host"), "")
        if said and said.lower() not in (authority.lower(), f"{host}:{self.port}".lower()):
            raise UnsupportedError(
                f"dock2wasm: the header field Host: {said} cannot be sent to {authority}: wasi:http derives"
                " it from the address that is called"
            )
        self.call = Call(
            "https" if self.secure else "http", authority, method, target, fields, with_body,
            self.connect_timeout,
        )  # fmt: skip

    def pump(self):
        """Send what was fed, as far as the host takes it now. Whether all of it is sent."""
        while self._waiting:
            piece = self._waiting[0]
            if piece is None:
                self.call.end_request()
            else:
                rest = piece[self.call.write(piece) :]
                if rest:
                    self._waiting[0] = rest
                    return False
            del self._waiting[0]
        return True

    def ended(self):
        """Whether a whole request was written and sent."""
        return self.call is not None and not self._waiting and self._reader._step == self._reader._head

    # --- the library reads ----------------------------------------------------------------

    def piece(self):
        """The next bytes of the answer, None while there are none, b"" where the connection ends."""
        if self.call is None or self.closed or self.answered or self.broken:
            return b""
        if not self._head_said:
            try:
                found = self.call.head()
            except Gone:
                return self._break()
            if found is None:
                return None
            self._head_said = True
            return self._head(*found)
        data = self.call.read()
        if data is None:
            return None
        if self._framing == "sized":
            self._left -= len(data)
            if self._left <= 0:
                self._done()
            return data or self._break()
        if data:
            return b"%x\r\n%s\r\n" % (len(data), data)
        if self.call.cut:
            return self._break()
        self._done()
        return b"0\r\n\r\n"

    def wait(self):
        """What to wait for before `piece` is worth another try."""
        return self.call.readable() if self._head_said else self.call.answered()

    def waits_for_head(self):
        return not self._head_said

    def _done(self):
        self.answered = True
        self.call.close()

    def _break(self):
        self.broken = True
        self.call.close()
        return b""

    def _head(self, status, entries):
        length = next((value for name, value in entries if name.lower() == "content-length"), b"")
        if self.call.method == "HEAD" or status in (204, 304) or status < 200:
            self._framing, self._left = "sized", 0
        elif length.isdigit():
            self._framing, self._left = "sized", int(length)
        else:
            self._framing = "chunked"
        lines = [b"HTTP/1.1 %d %s" % (status, responses.get(status, "").encode())]
        for name, value in entries:
            if name.lower() not in ("transfer-encoding", "connection", "keep-alive"):
                lines.append(name.encode("latin-1") + b": " + value)
        if self._framing == "chunked":
            lines.append(b"transfer-encoding: chunked")
        if self._framing == "sized" and not self._left:
            self._done()
        return b"\r\n".join([*lines, b"", b""])

    def close(self):
        self.closed = True
        if self.call is not None:
            self.call.close()


def secure(conversation, context, server_hostname):
    """From here on the runtime speaks TLS. What of the library's settings it cannot know is said once."""
    if server_hostname and server_hostname.lower().rstrip(".") != conversation.host.lower().rstrip("."):
        raise UnsupportedError(
            f"dock2wasm: TLS to {conversation.host} cannot be checked against another name"
            f" ({server_hostname}): the runtime takes the name from the address"
        )
    if context is not None:
        if not context.verify_mode:
            warn_once("certificates are checked by the runtime, also where the application asks for no check")
        for own in getattr(context, "own_authorities", ()):
            warn_once(f"the CA certificates of {own} are not used: the runtime checks against its own")
    conversation.secure = True
