"""An answer as bytes and pauses on a connection, and a server that sends such answers."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from migrate.model import Answer, Chunk

TIMEOUT = 4.0
"""Seconds after which a client of these answers gives up: a recorded stream takes up to three."""


@dataclass(frozen=True)
class Wire:
    """An answer that will be sent. `pieces` are seconds since the request, and bytes; `end` is `whole`, `cut`
    (the connection ends in the middle), `hang` (nothing more comes) or `none` (no answer at all)."""

    status: int
    headers: tuple[tuple[str, str], ...]
    pieces: tuple[tuple[float, bytes], ...]
    head: bool = False
    end: str = "whole"
    interim: tuple[int, ...] = ()

    @classmethod
    def of(cls, answer: Answer, *, head: bool) -> Wire:
        pieces, at = [], 0
        for chunk in answer.chunks:
            pieces.append((chunk.at, answer.body[at : at + chunk.size]))
            at += chunk.size
        return cls(answer.status, answer.headers, tuple(pieces), head, interim=answer.interim)

    @property
    def body(self) -> bytes:
        return b"".join(piece for _, piece in self.pieces)

    @property
    def bodiless(self) -> bool:
        return self.head or self.status in (204, 304)

    def with_body(self, body: bytes) -> Wire:
        """Another body, with the Content-Length that it has."""
        headers = tuple(
            (name, str(len(body)) if name.lower() == "content-length" else value)
            for name, value in self.headers
        )
        return replace(self, headers=headers, pieces=((0.0, body),) if body else ())

    def answer(self) -> Answer:
        """What a client makes of it, without a connection."""
        if self.end == "none":
            return Answer(0, (), b"", 0.0, error="connection closed without an answer")
        pieces = self.pieces
        error = None
        if self.end != "whole":
            pieces = ((0.0, self.body[: len(self.body) // 2]),)
            cut = f"the body ended {len(self.body) - len(pieces[0][1])} bytes early"
            error = cut if self.end == "cut" else f"the body did not end within {TIMEOUT:g} s"
        chunks = tuple(Chunk(at, len(piece)) for at, piece in pieces)
        body = b"".join(piece for _, piece in pieces)
        return Answer(self.status, self.headers, body, 0.01, chunks, error, interim=self.interim)


class Proxy(socketserver.ThreadingTCPServer):
    """Answers whatever is asked with `next`, byte for byte, and closes."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.next = Wire(200, (), ())
        self.stopped = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, Proxy)
        wire, sock = self.server.next, self.request
        with contextlib.suppress(OSError):
            started, asked = time.monotonic(), b""
            while b"\r\n\r\n" not in asked and (piece := sock.recv(1 << 16)):
                asked += piece
            if wire.end == "none":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            self._send(wire, sock, started)

    def _send(self, wire: Wire, sock: socket.socket, started: float) -> None:
        names = {name.lower(): value for name, value in wire.headers}
        chunked = not wire.bodiless and names.get("transfer-encoding") == "chunked"
        early = "".join(f"HTTP/1.1 {status} Early\r\nLink: </a>\r\n\r\n" for status in wire.interim)
        fields = "".join(f"{name}: {value}\r\n" for name, value in wire.headers)
        text = f"{early}HTTP/1.1 {wire.status} Recorded\r\n{fields}\r\n"
        sock.sendall(text.encode("latin-1" if text.isascii() else "utf-8"))
        if wire.bodiless:
            return
        pieces = wire.pieces if wire.end == "whole" else ((0.0, wire.body[: len(wire.body) // 2]),)
        for at, piece in pieces:
            time.sleep(max(0.0, started + at - time.monotonic()))
            sock.sendall(f"{len(piece):x}\r\n".encode() + piece + b"\r\n" if chunked else piece)
        if wire.end == "hang" and isinstance(self.server, Proxy):
            self.server.stopped.wait(2 * TIMEOUT)
        elif chunked and wire.end == "whole":
            sock.sendall(b"0\r\n\r\n")


@contextlib.contextmanager
def proxying() -> Iterator[Proxy]:
    """The proxy, until the end of the block."""
    proxy = Proxy()
    thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        proxy.stopped.set()
        proxy.shutdown()
        proxy.server_close()
        thread.join()
