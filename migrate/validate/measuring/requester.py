"""Our own closed-loop client, run as a program of its own: `python requester.py URL CLIENTS SECONDS`.

It needs only Python's standard library and prints one line a request: when it was sent, seconds until its
answer, and status (0: no answer).
Each client keeps its connection and asks again as soon as it has its answer.
"""

from __future__ import annotations

import http.client
import sys
import threading
import time
from urllib.parse import urlsplit

_TIMEOUT = 30.0


def _ask(url: str, end: float, found: list[tuple[float, float, int]]) -> None:
    parts = urlsplit(url)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    while (started := time.perf_counter()) < end:
        status = 0
        try:
            connection.request("GET", path, headers={"Host": "localhost", "User-Agent": "dock2wasm"})
            answer = connection.getresponse()
            answer.read()
            status = answer.status
        except (OSError, http.client.HTTPException):
            connection.close()
        found.append((started, time.perf_counter() - started, status))
    connection.close()


def main() -> None:
    """Send, then print what came."""
    url, clients, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    end = time.perf_counter() + seconds
    found: list[list[tuple[float, float, int]]] = [[] for _ in range(clients)]
    threads = [threading.Thread(target=_ask, args=(url, end, mine)) for mine in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write("".join(f"{one[0]:.6f} {one[1]:.6f} {one[2]}\n" for mine in found for one in mine))


if __name__ == "__main__":
    main()
