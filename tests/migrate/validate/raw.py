"""A server that answers with exactly these bytes, piece by piece: for answers that no library would send."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def answering(*pieces: bytes, pause: float = 0.0, hang: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """Its URL, and what was received.

    Each connection gets all pieces, `pause` seconds apart; then it is closed, or with `hang` left open.
    """
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.05)
    stop = threading.Event()
    open_ones: list[socket.socket] = []

    def serve() -> None:
        while not stop.is_set():
            try:
                connection, _ = listener.accept()
            except TimeoutError:
                continue
            open_ones.append(connection)
            with contextlib.suppress(OSError):
                _talk(connection, pieces)

    def _talk(connection: socket.socket, said: Sequence[bytes]) -> None:
        connection.settimeout(0.2)
        data = b""
        with contextlib.suppress(TimeoutError):
            while True:
                more = connection.recv(65536)
                data += more
                if not more or (b"\r\n\r\n" in data and _complete(data)):
                    break
        received.append(data)
        for number, piece in enumerate(said):
            if number and pause:
                time.sleep(pause)
            connection.sendall(piece)
        if not hang:
            connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", received
    finally:
        stop.set()
        thread.join()
        for one in open_ones:
            one.close()
        listener.close()


def _complete(data: bytes) -> bool:
    head, _, body = data.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
        if line.startswith(b"transfer-encoding:"):
            return body.endswith(b"0\r\n\r\n")
    return True
