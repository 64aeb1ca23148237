"""Sends one request and keeps the answer as it came: repeated headers in order, each piece with its time."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import socket
import ssl
import threading
import time
from functools import cache
from urllib.parse import urlsplit

from migrate.model import Answer, Chunk, Sent

KEEP = 16 << 20
"""Bytes of a body that are kept; of a longer one only the hash of the whole is compared."""
LIMIT = 100 << 20
"""Bytes after which a body is not read on."""
MAX_CHUNKS = 10_000

_PIECES = 3  # how many chunks a chunked request body is cut into


def exchange(url: str, sent: Sent, *, chunked: bool = False, timeout: float = 30.0) -> Answer:
    """Send a request to the server at `url` (`http[s]://host[:port]`) on a connection of its own.

    Never raises for what the server does: an answer that does not come whole has `error` set.
    """
    connection = connection_to(url, timeout)
    started = time.monotonic()
    expired = threading.Event()
    try:
        connection.connect()
        sock = connection.sock

        def expire() -> None:
            expired.set()
            end(sock)

        # A socket's own time-out starts anew with every byte; this one ends the exchange as a whole.
        timer = threading.Timer(timeout, expire)
        timer.daemon = True
        timer.start()
        try:
            started = time.monotonic()
            unsent = _send(connection, sent, chunked)
            answer = _receive(connection, started)
        finally:
            timer.cancel()
            sock.close()
        if expired.is_set():
            return late(answer, timeout)
        if unsent and answer.error:
            return failed(started, f"{unsent} while sending; {answer.error}")
        return answer  # noqa: TRY300 - an early return above makes an else block harder to read
    except (OSError, http.client.HTTPException, ValueError) as error:
        if expired.is_set() or isinstance(error, TimeoutError):
            return failed(started, f"no answer within {timeout:g} s")
        return failed(started, say(error))
    finally:
        connection.close()


def connection_to(url: str, timeout: float) -> http.client.HTTPConnection:
    """Not connected yet. Certificates are checked as this machine (SSL_CERT_FILE, SSL_CERT_DIR) says."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return http.client.HTTPSConnection(parts.hostname or "", parts.port, timeout=timeout, context=tls())
    return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)


@cache
def tls() -> ssl.SSLContext:
    """Reading the machine's certificates takes longer than an exchange, so it is done once."""
    return ssl.create_default_context()


def end(sock: socket.socket) -> None:
    """Break off what another thread sends or receives here."""
    # Not `sock.shutdown`: that of a TLS socket takes the TLS state away under the other thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(sock, socket.SHUT_RDWR)


def _send(connection: http.client.HTTPConnection, sent: Sent, chunked: bool) -> str:
    """Returns what went wrong while sending the body: the answer may be there all the same."""
    connection.putrequest(sent.method, sent.path, skip_host=True, skip_accept_encoding=True)
    for name, value in sent.headers:
        connection.putheader(name, value.encode("utf-8") if not value.isascii() else value)
    connection.endheaders()
    if not sent.body:
        if chunked:
            connection.send(b"0\r\n\r\n")
        return ""
    try:
        if chunked:
            size = max(1, -(-len(sent.body) // _PIECES))
            for start in range(0, len(sent.body), size):
                piece = sent.body[start : start + size]
                connection.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            connection.send(b"0\r\n\r\n")
        else:
            connection.send(sent.body)
    except OSError as error:
        # A server may refuse a body by answering early and closing.
        return say(error)
    return ""


def _receive(connection: http.client.HTTPConnection, started: float) -> Answer:
    return Body(started).finish(connection.getresponse())


class Body:
    """A body as it comes: kept up to `KEEP`, hashed whole, each piece with its time."""

    def __init__(self, started: float) -> None:
        self.started = started
        self.kept = io.BytesIO()
        self.hashed = hashlib.sha256()
        self.chunks: list[Chunk] = []
        self.size = 0

    def take(self, piece: bytes) -> None:
        now = time.monotonic() - self.started
        if len(self.chunks) < MAX_CHUNKS:
            self.chunks.append(Chunk(now, len(piece)))
        self.size += len(piece)
        self.hashed.update(piece)
        if self.kept.tell() < KEEP:
            self.kept.write(piece[: KEEP - self.kept.tell()])

    def finish(self, response: http.client.HTTPResponse, interim: tuple[int, ...] = ()) -> Answer:
        """The answer, its body read to the end."""
        headers = tuple((name, value) for name, value in response.getheaders())
        error: str | None = None
        try:
            while piece := response.read1(1 << 16):
                self.take(piece)
                if self.size > LIMIT:
                    error = f"the body is longer than {LIMIT:,} bytes"
                    break
            else:
                missing = response.length or 0
                if missing > 0:
                    error = f"the body ended {missing} bytes early, after {self.size}"
        except (OSError, http.client.HTTPException, ValueError) as failure:
            error = f"the body broke off after {self.size} bytes: {say(failure)}"
        long = self.size > KEEP
        return Answer(
            response.status,
            headers,
            self.kept.getvalue(),
            time.monotonic() - self.started,
            tuple(self.chunks),
            error,
            self.hashed.hexdigest() if long else None,
            self.size if long else None,
            interim,
        )


def late(answer: Answer, timeout: float) -> Answer:
    """The answer as far as it came in time."""
    return Answer(
        answer.status,
        answer.headers,
        answer.body,
        answer.seconds,
        answer.chunks,
        f"the body did not end within {timeout:g} s",
    )


def failed(started: float, error: str) -> Answer:
    """No answer, and why."""
    return Answer(0, (), b"", time.monotonic() - started, error=error)


def say(error: BaseException) -> str:
    """A stable sentence: addresses, ports and object ids would differ from run to run."""
    match error:
        case ssl.SSLCertVerificationError():
            return f"the certificate is not trusted: {error.verify_message}"
        case ssl.SSLError():
            return f"TLS failed: {error.reason or type(error).__name__}"
        case ConnectionRefusedError():
            return "connection refused"
        case http.client.RemoteDisconnected():
            return "connection closed without an answer"
        case ConnectionResetError():
            return "connection reset"
        case BrokenPipeError():
            return "connection closed by the server"
        case http.client.IncompleteRead():
            return "connection closed in the middle of the body"
        case http.client.BadStatusLine():
            return "the answer is no HTTP"
        case TimeoutError():
            return "timed out"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return str(error) or type(error).__name__
