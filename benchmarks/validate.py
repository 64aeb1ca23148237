"""What comparing costs of our own: time for 5,000 exchanges, and memory as exchanges and bodies grow.

    python benchmarks/validate.py

The exchanges are recorded ones of three fixtures (`tests/migrate/validate/recorded`), over and over; a third
container's answers stand for the candidate's. Times are processor seconds of this process, the best of three.
Memory is that which Python holds (tracemalloc) after and at most while asking a server on 127.0.0.1.
"""

from __future__ import annotations

import http.server
import itertools
import json
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from migrate.model import Answer, Probe, ProbeSet, Sent
from migrate.reports.wire import recording
from migrate.validate.compare import compare
from migrate.validate.course import converse

RECORDED = Path(__file__).parents[1] / "tests" / "migrate" / "validate" / "recorded"
EXCHANGES = 5000

Case = tuple[Probe, list[Answer], Answer, tuple[Sent, Sent]]


def cases() -> list[Case]:
    found: list[Case] = []
    for path in sorted(RECORDED.glob("*.json")):
        runs = recording.load(path.read_bytes(), path.name).runs
        for (name, sent, first), (_, _, second), (_, own, third) in zip(*runs, strict=True):
            found.append((Probe(name, sent.method, sent.path), [first, second], third, (sent, own)))
    return found


def comparing() -> float:
    """Processor seconds for `EXCHANGES` comparisons."""
    own, times = cases(), []
    for _ in range(3):
        started = time.process_time()
        for probe, originals, candidate, sent in itertools.islice(itertools.cycle(own), EXCHANGES):
            compare(probe, originals, candidate, sent)
        times.append(time.process_time() - started)
    return min(times)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        size = int(self.path.rpartition("/")[2])
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(size))
        self.end_headers()
        piece = b"x" * (1 << 16)
        for start in range(0, size, len(piece)):
            self.wfile.write(piece[: size - start])

    def log_message(self, *args: object) -> None:
        del args


@contextmanager
def server() -> Iterator[str]:
    service = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=service.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{service.server_port}"
    finally:
        service.shutdown()
        service.server_close()
        thread.join()


def memory(url: str, exchanges: int, size: int) -> tuple[float, float, float]:
    """MB held after asking, MB at most while asking, and seconds, for answers of `size` bytes."""
    asked = ProbeSet(tuple(Probe(f"p{n}", "GET", f"/{size}") for n in range(exchanges)), "benchmark")
    tracemalloc.start()
    started = time.monotonic()
    answers = converse(url, asked)
    took = time.monotonic() - started
    held, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(answers) == exchanges
    return held / 1e6, most / 1e6, took


def main() -> None:
    took = comparing()
    figures: dict[str, object] = {f"{EXCHANGES} exchanges compared, processor seconds": round(took, 2)}
    with server() as url:
        for exchanges, size in ((1000, 200), (4000, 200), (1, 20 << 20), (1, 100 << 20), (4, 100 << 20)):
            held, most, seconds = memory(url, exchanges, size)
            figures[f"{exchanges} answers of {size:,} bytes"] = {
                "MB held": round(held, 2),
                "MB at most": round(most, 2),
                "seconds": round(seconds, 1),
            }
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
