"""What a component of the Python lane weighs, answers and takes, beside its original container.

    python benchmarks/python_lane.py COMPONENT --path /health [--env K=V] [--image IMAGE --port 8000]

Latency: requests one after another, each on a connection of its own, against `wasmtime serve` on this
machine; the container by the same client through its own network address, so that no proxy stands between.
Beside milliseconds, which depend on the machine's load, stand minor page faults and CPU time a request, which
depend less on it. Memory is PSS: what several processes share is counted once, in parts. The copies of a
component are `wasmtime serve` processes on one precompiled file; those of the container are containers. Needs
wasmtime and, for the container, docker; prints Markdown.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import http.client
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

KEEP = ("-O", "pooling-allocator=y", "-O", "pooling-memory-keep-resident=33554432")
FRESH = ("--max-instance-reuse-count=1", "--max-instance-concurrent-reuse-count=1")
REUSED = (
    "--max-instance-reuse-count=100000000",
    "--max-instance-concurrent-reuse-count=1",
    "--idle-instance-timeout=600s",
)
WARM_UP = 20
_ADDRESS = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    """Something that answers: where, and the processes that are it."""

    host: str
    port: int
    pids: tuple[int, ...]


@contextlib.contextmanager
def serving(
    wasmtime: str, compiled: Path, environment: Sequence[str], options: Sequence[str]
) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [wasmtime, "serve", "-S", "cli", f"--addr=127.0.0.1:{port}", "--allow-precompiled", *options]
    command += [f"--env={pair}" for pair in environment]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen([*command, str(compiled)], stdout=log, stderr=log)
        try:
            _wait("127.0.0.1", port)
            yield Server("127.0.0.1", port, (process.pid,))
        finally:
            process.terminate()
            process.wait()


@contextlib.contextmanager
def container(image: str, port: int, environment: Sequence[str]) -> Iterator[Server]:
    pairs = [part for pair in environment for part in ("--env", pair)]
    name = _docker("run", "--detach", "--rm", *pairs, image)
    try:
        address = _docker(
            "inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name
        )
        _wait(address, port)
        pids = tuple(int(line.split()[1]) for line in _docker("top", name).splitlines()[1:])
        yield Server(address, port, pids)
    finally:
        _docker("kill", name)


def _docker(*arguments: str) -> str:
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True).stdout.strip()


def _wait(host: str, port: int) -> None:
    for _ in range(600):
        with contextlib.suppress(OSError):
            socket.create_connection((host, port), timeout=1).close()
            return
        time.sleep(0.05)
    sys.exit(f"nothing answers at {host}:{port}")


def ask(server: Server, path: str) -> float:
    """Seconds that one request takes, its connection included. Any answer but 200 ends the run."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    start = time.perf_counter()
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    seconds = time.perf_counter() - start
    connection.close()
    if answer.status != 200:
        sys.exit(f"{path} answered {answer.status}")
    return seconds


def spent(pids: Sequence[int]) -> tuple[int, float]:
    """(minor faults, CPU seconds) of these processes so far."""
    faults, ticks = 0, 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        faults += int(fields[7])
        ticks += int(fields[11]) + int(fields[12])
    return faults, ticks / TICKS


def pss(pids: Sequence[int]) -> float:
    """Proportional set size in MiB."""
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:"))
    return total / 1024


def latency(name: str, server: Server, path: str, number: int) -> str:
    for _ in range(WARM_UP):
        ask(server, path)
    before = spent(server.pids)
    times = sorted(ask(server, path) * 1000 for _ in range(number))
    after = spent(server.pids)
    low, high = times[len(times) // 10], times[len(times) * 9 // 10]
    return (
        f"| {name} | {path} | {number} | {statistics.median(times):.2f} | {times[0]:.2f} "
        f"| {low:.2f} to {high:.2f} | {1000 * (after[1] - before[1]) / number:.2f} "
        f"| {(after[0] - before[0]) / number:.0f} | {1000 / statistics.fmean(times):.0f} "
        f"| {os.getloadavg()[0]:.1f} |"
    )


def memory(name: str, servers: Sequence[Server], path: str, busy: int) -> str:
    """Idle: after one request each. Busy: after `busy` more each."""
    pids = [pid for server in servers for pid in server.pids]
    start = pss(pids)
    for server in servers:
        ask(server, path)
    idle = pss(pids)
    for server in servers:
        for _ in range(busy):
            ask(server, path)
    return f"| {name} | {len(servers)} | {start:.0f} | {idle:.0f} | {pss(pids):.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("component", type=Path)
    parser.add_argument("--path", action="append", required=True)
    parser.add_argument("--env", action="append", default=[], metavar="K=V")
    parser.add_argument("--changed", action="append", default=[], metavar="K=V", help="in a row of its own")
    parser.add_argument("--image", help="the original, with the same variables")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--number", type=int, default=200)
    parser.add_argument("--copies", default="1,10")
    parser.add_argument("--busy", type=int, default=100, help="requests to each copy before the last figure")
    parser.add_argument("--only", choices=("latency", "memory"))
    parser.add_argument("--wasmtime", default="wasmtime")
    given = parser.parse_args()
    version = subprocess.run([given.wasmtime, "--version"], capture_output=True, text=True, check=True).stdout
    now = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    print(f"{now}, {version.strip()}, {os.cpu_count()} cores, {platform.machine()}\n")
    with tempfile.TemporaryDirectory() as folder:
        compiled = Path(folder) / "component.cwasm"
        subprocess.run([given.wasmtime, "compile", "-o", compiled, given.component], check=True)
        data = given.component.read_bytes()
        sizes = (len(data), len(gzip.compress(data, 6)), compiled.stat().st_size)
        print("| .wasm | gzip -6 | .cwasm |\n| --- | --- | --- |")
        print("| " + " | ".join(f"{size / 1e6:.2f} MB" for size in sizes) + " |\n")
        if given.only != "memory":
            _latencies(given, compiled)
        if given.only != "latency":
            _memories(given, compiled)


def _latencies(given: argparse.Namespace, compiled: Path) -> None:
    print("| | path | n | median ms | least | p10 to p90 | CPU ms | faults | requests/s | load |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    ways: list[tuple[str, list[str], tuple[str, ...]]] = [
        ("fresh", given.env, FRESH),
        ("fresh, memory kept", given.env, (*FRESH, *KEEP)),
        ("reused", given.env, (*REUSED, *KEEP)),
    ]
    if given.changed:
        ways.append(("fresh, memory kept, imported anew", [*given.env, *given.changed], (*FRESH, *KEEP)))
    for path in given.path:
        for name, environment, options in ways:
            with serving(given.wasmtime, compiled, environment, options) as server:
                print(latency(name, server, path, given.number), flush=True)
        if given.image:
            with container(given.image, given.port, given.env) as server:
                print(latency("container", server, path, given.number), flush=True)
    print()


def _memories(given: argparse.Namespace, compiled: Path) -> None:
    print(f"| PSS, MiB | copies | started | after one request each | after {given.busy} more each |")
    print("| --- | --- | --- | --- | --- |")
    ways = [("fresh", FRESH), ("fresh, memory kept", (*FRESH, *KEEP)), ("reused", REUSED)]
    for copies in map(int, given.copies.split(",")):
        for name, options in ways:
            with contextlib.ExitStack() as stack:
                servers = [
                    stack.enter_context(serving(given.wasmtime, compiled, given.env, options))
                    for _ in range(copies)
                ]
                print(memory(name, servers, given.path[0], given.busy), flush=True)
        if given.image:
            with contextlib.ExitStack() as stack:
                servers = [
                    stack.enter_context(container(given.image, given.port, given.env)) for _ in range(copies)
                ]
                print(memory("container", servers, given.path[0], given.busy), flush=True)


if __name__ == "__main__":
    main()
