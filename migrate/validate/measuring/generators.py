"""Who sends the load: vegeta where it is installed, else a closed-loop client of ours.

vegeta keeps to its rate whatever the answers take, so waiting is not left out of the figures (coordinated
omission). Our own client asks again when it has its answer; latency at a fixed rate is not measured then.
"""

from __future__ import annotations

import csv
import math
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from migrate.errors import ToolMissingError
from migrate.processes import run
from migrate.toolchains import Program, find
from migrate.validate.measuring.confinement import pinned

_SLACK = 40.0  # seconds beyond a turn until the generator is ended
_WORKERS = 2000  # that vegeta may have waiting at a fixed rate


@dataclass(frozen=True, slots=True)
class Address:
    """Where a side answers. `inside`: the process whose network the generator enters first (nsenter)."""

    url: str
    inside: int | None = None

    def enter(self) -> list[str]:
        return ["nsenter", f"--net=/proc/{self.inside}/ns/net", "--"] if self.inside else []


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn under load brought: seconds of each answer with status 200, and how many were none."""

    latencies: tuple[float, ...]
    failed: int
    seconds: float
    problem: str = ""

    @property
    def throughput(self) -> float:
        return len(self.latencies) / self.seconds


class Generator(Protocol):
    """Sends requests for some seconds."""

    name: str
    open_loop: bool
    limitation: str

    def closed(self, address: Address, path: str, clients: int, seconds: float) -> Turn:
        """`clients` connections, each asking again when it has its answer."""
        ...

    def at_rate(self, address: Address, path: str, rate: int, seconds: float) -> Turn:
        """`rate` requests a second, whatever the answers take."""
        ...


def generator(folder: Path, cores: Sequence[int]) -> Generator:
    """The best one that is here. `folder` is for its files, `cores` are those it may use."""
    try:
        return Vegeta(find("vegeta"), folder, cores)
    except ToolMissingError as error:
        return Own(cores, f"{error.what} {error.do}".replace("\n", " "))


class Vegeta:
    """vegeta (github.com/tsenart/vegeta)."""

    open_loop = True
    limitation = ""

    def __init__(self, program: Program, folder: Path, cores: Sequence[int]) -> None:
        self.name = f"vegeta {program.version}"
        self._path = program.path
        self._folder = folder
        self._cores = cores

    def closed(self, address: Address, path: str, clients: int, seconds: float) -> Turn:
        flags = ["-rate=0", f"-workers={clients}", f"-max-workers={clients}", f"-connections={clients}"]
        return self._attack(address, path, flags, seconds)

    def at_rate(self, address: Address, path: str, rate: int, seconds: float) -> Turn:
        return self._attack(address, path, [f"-rate={rate}/1s", f"-max-workers={_WORKERS}"], seconds)

    def _attack(self, address: Address, path: str, flags: Sequence[str], seconds: float) -> Turn:
        targets, results = self._folder / "targets", self._folder / "results.bin"
        targets.write_text(f"GET {address.url}{path}\n")
        attack = [
            *(str(self._path), "attack", *flags, f"-duration={seconds}s", f"-targets={targets}"),
            *("-max-body=0", "-redirects=-1", "-timeout=30s", "-http2=false", "-header=Host: localhost"),
            f"-output={results}",
        ]
        problem = _run([*address.enter(), *attack], self._folder, self._cores, seconds)
        if problem:
            return Turn((), 0, seconds, problem)
        rows = self._folder / "results.csv"
        encode = [str(self._path), "encode", "-to=csv", f"-output={rows}", str(results)]
        problem = _run(encode, self._folder, (), seconds)
        if problem:
            return Turn((), 0, seconds, problem)
        return _turn(_read_csv(rows), seconds)


class Own:
    """The client in `requester.py`."""

    name = "dock2wasm's own client"
    open_loop = False

    def __init__(self, cores: Sequence[int], why: str) -> None:
        self.limitation = f"closed loop only, and itself limited to a few thousand requests a second: {why}"
        self._cores = cores

    def closed(self, address: Address, path: str, clients: int, seconds: float) -> Turn:
        program = Path(__file__).with_name("requester.py")
        argv = [
            *(*address.enter(), sys.executable, "-I", str(program)),
            *(f"{address.url}{path}", str(clients), str(seconds)),
        ]
        lines: list[str] = []
        problem = _run(argv, program.parent, self._cores, seconds, lines)
        if problem:
            return Turn((), 0, seconds, problem)
        pairs = (line.split() for line in lines)
        return _turn(((float(start), float(taken), int(status)) for start, taken, status in pairs), seconds)

    def at_rate(self, address: Address, path: str, rate: int, seconds: float) -> Turn:
        del address, path, rate
        return Turn((), 0, seconds, "needs an open-loop load generator (vegeta)")


def _run(
    argv: Sequence[str], cwd: Path, cores: Sequence[int], seconds: float, lines: list[str] | None = None
) -> str:
    """ "" or what went wrong."""
    try:
        with pinned(cores):
            done = run(
                argv,
                cwd=cwd,
                timeout=seconds + _SLACK,
                on_line=lines.append if lines is not None else None,
                tail=2000,
            )
    except subprocess.TimeoutExpired:
        return f"{argv[0]} did not end"
    except OSError as error:
        return f"{argv[0]}: {error.strerror or error}"
    if done.returncode:
        return f"{argv[0]} ended with code {done.returncode}: {done.output.strip()[-300:]}"
    return ""


def _read_csv(path: Path) -> Iterator[tuple[float, float, int]]:
    """Start, latency (both in seconds) and status of each request, from vegeta's CSV."""
    csv.field_size_limit(1 << 24)
    with path.open(newline="") as file:
        for row in csv.reader(file):
            yield int(row[0]) / 1e9, int(row[2]) / 1e9, int(row[1])


def _turn(answers: Iterator[tuple[float, float, int]], seconds: float) -> Turn:
    """The turn lasted from the first request to the last answer: of slow ones few fall into `seconds`."""
    latencies = []
    failed = 0
    first, last = math.inf, 0.0
    for start, taken, status in answers:
        first, last = min(first, start), max(last, start + taken)
        if status == 200:
            latencies.append(taken)
        else:
            failed += 1
    return Turn(tuple(latencies), failed, last - first if last > first else seconds)
