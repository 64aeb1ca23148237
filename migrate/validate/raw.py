"""Plays the steps of a probe on a connection of its own, byte for byte: what no HTTP client would send."""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from migrate.model import Answer, Step, StepKind
from migrate.validate import client

_CLOSED_BY_US = "closed by the probe"


def exchange(url: str, method: str, steps: Sequence[Step], timeout: float) -> Answer:
    """The answer to what the steps send, `method` being that of their request (HEAD has no body).

    A whole answer is read at the end unless a step closed the connection. Never raises for what the server
    does: an answer that does not come whole has `error` set. `timeout` (seconds) is that of all steps.
    """
    parts = urlsplit(url)
    started = time.monotonic()
    expired = threading.Event()
    try:
        usual = 443 if parts.scheme == "https" else 80
        sock = socket.create_connection((parts.hostname or "", parts.port or usual), timeout=timeout)
        if parts.scheme == "https":
            sock = client.tls().wrap_socket(sock, server_hostname=parts.hostname)
    except OSError as error:
        return client.failed(started, client.say(error))

    def expire() -> None:
        expired.set()
        client.end(sock)

    timer = threading.Timer(timeout, expire)
    timer.daemon = True
    timer.start()
    play = _Play(sock, method, time.monotonic())
    try:
        answer = play.run(steps, expired)
    except (OSError, http.client.HTTPException, ValueError) as error:
        said = f"no answer within {timeout:g} s" if expired.is_set() else client.say(error)
        answer = client.failed(started, f"{play.unsent} while sending; {said}" if play.unsent else said)
    finally:
        timer.cancel()
        play.close()
    if expired.is_set() and answer.status:
        return client.late(answer, timeout)
    return answer


@dataclass(slots=True)
class _Play:
    """The connection while the steps are played."""

    sock: socket.socket
    method: str
    started: float
    reader: io.BufferedReader = field(init=False)
    open: http.client.HTTPResponse | None = None
    interim: list[int] = field(default_factory=list)
    body: client.Body = field(init=False)
    answer: Answer | None = None
    unsent: str = ""

    def __post_init__(self) -> None:
        self.reader = self.sock.makefile("rb")
        self.body = client.Body(self.started)

    def run(self, steps: Sequence[Step], expired: threading.Event) -> Answer:
        for step in steps:
            match step.kind:
                case StepKind.SEND:
                    self.send(step)
                case StepKind.PAUSE:
                    expired.wait(step.seconds)
                case StepKind.READ:
                    self.read(step)
                case StepKind.CLOSE if step.until == "write":
                    with contextlib.suppress(OSError):
                        self.sock.shutdown(socket.SHUT_WR)
                case StepKind.CLOSE:
                    if step.until == "reset":
                        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    self.close()
                    return self.answer or Answer(0, (), b"", time.monotonic() - self.started)
        return self.whole()

    def send(self, step: Step) -> None:
        """A server may refuse a body by answering early and closing: the answer may be there all the same."""
        if self.unsent:
            return
        try:
            for _ in range(step.times):
                self.sock.sendall(step.data)
        except OSError as error:
            self.unsent = client.say(error)

    def read(self, step: Step) -> None:
        match step.until:
            case "head":
                self.head()
            case "answer":
                self.whole()
            case "end":
                self.whole()
                while self.reader.read1(1 << 16):
                    pass
            case _:
                while self.open is None:
                    self.head()
                left = step.size
                while left > 0 and (piece := self.open.read1(min(left, 1 << 16))):
                    self.body.take(piece)
                    left -= len(piece)

    def head(self) -> None:
        """The next head: an interim one is noted, a final one opens its body."""
        first = self.reader.peek(12)[:12]
        if first.startswith(b"HTTP/1.1 1") and not first.startswith(b"HTTP/1.1 101"):
            self.reader.readline()
            http.client.parse_headers(self.reader)
            self.interim.append(int(first[9:12]))
            return
        response = http.client.HTTPResponse(_Handed(self.reader), method=self.method)  # type: ignore[arg-type]  # it asks its socket for the file only
        response.begin()
        self.open = response

    def whole(self) -> Answer:
        if self.answer is not None:
            return self.answer
        while self.open is None:
            self.head()
        self.answer = self.body.finish(self.open, tuple(self.interim))
        return self.answer

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.reader.close()
        with contextlib.suppress(OSError):
            self.sock.close()


@dataclass(frozen=True, slots=True)
class _Handed:
    """What HTTPResponse asks of a socket: the file, which lives on after the answer."""

    file: io.BufferedReader

    def makefile(self, mode: str) -> io.BufferedReader:  # noqa: ARG002 - a socket's signature
        return self.file
