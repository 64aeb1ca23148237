"""Throughput, latency and processor time under load, the sides taking turns.

Closed loop: so many connections, each asking again when it has its answer; it says how much a side can
take. Open loop: the same rate for both sides, a share of what the slower one can take; it says how long
somebody waits who does not wait for others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from statistics import median

from migrate.model import Measurement, Side
from migrate.progress import Progress
from migrate.validate.measuring.effort import Effort
from migrate.validate.measuring.generators import Address, Generator, Turn
from migrate.validate.measuring.processes import cpu_seconds
from migrate.validate.measuring.statistics import measurement, not_measured, pooled

FLOOR = "floor-"
"""Begins the metrics of the trivial handler."""
_WARM = 0.5  # seconds of load that are not counted, before each turn's first
_SLOW = 1.0  # requests a second from which on a rate can be kept
_REQUESTS = 60  # at a fixed rate, so that there is a 99th percentile; slow services get longer turns for it
_LONGER = 5  # times as long as other turns, at most


@dataclass(frozen=True, slots=True)
class Target:
    """Something under load: a side, or the floor (`prefix`). `processes` gives the PIDs that work for it."""

    side: Side
    address: Address
    path: str
    processes: Callable[[], Sequence[int]]
    prefix: str = ""


@dataclass(slots=True)
class _Taken:
    turns: list[Turn] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)  # seconds a request, one value a turn


def under_load(
    targets: Sequence[Target], generator: Generator, effort: Effort, where: str, progress: Progress
) -> list[Measurement]:
    """All figures of these targets. `where` says cores and network for the method."""
    rows: list[Measurement] = []
    best: dict[int, float] = {}
    for clients in effort.clients:
        with progress.step(f"measure throughput ({clients} client{'s' if clients > 1 else ''})"):
            taken = _turns(
                targets,
                partial(_closed, generator, clients),
                effort,
            )
        for index, (target, one) in enumerate(zip(targets, taken, strict=True)):
            how = (
                f"{generator.name}, {clients} connection{'s' if clients > 1 else ''}, closed loop, "
                f"{effort.turns} turns of {effort.seconds:g} s; {where}"
            )
            if generator.limitation:
                how += f"; {generator.limitation}"
            rows += _closed_rows(target, one, clients, how)
            rates = [turn.throughput for turn in one.turns if not turn.problem]
            best[index] = max(best.get(index, 0.0), median(rates) if rates else 0.0)
    sides = [(target, best[index]) for index, target in enumerate(targets) if not target.prefix]
    for share in effort.shares:
        rows += _open(sides, generator, share, effort, where, progress)
    return rows


def _open(
    sides: Sequence[tuple[Target, float]],
    generator: Generator,
    share: float,
    effort: Effort,
    where: str,
    progress: Progress,
) -> list[Measurement]:
    metric = f"latency-{share:.0%}".removesuffix("%")
    slower = min((best for _, best in sides), default=0.0)
    if not generator.open_loop:
        return [not_measured(metric, one.side, "s", generator.limitation) for one, _ in sides]
    if slower * share < _SLOW:
        why = f"the slower side manages {slower:.1f} requests a second"
        return [not_measured(metric, one.side, "s", why) for one, _ in sides]
    rate = max(1, int(slower * share))
    longer = min(_LONGER * effort.seconds, max(effort.seconds, _REQUESTS / rate / effort.turns))
    effort = replace(effort, seconds=round(longer, 2))
    with progress.step(f"measure latency at {rate} requests a second"):
        taken = _turns(
            [one for one, _ in sides],
            lambda one, seconds: generator.at_rate(one.address, one.path, rate, seconds),
            effort,
        )
    how = (
        f"{generator.name}, open loop, {rate} requests a second ({share:.0%} of what the slower side "
        f"manages), {effort.turns} turns of {effort.seconds:g} s; {where}"
    )
    return [_latency(metric, target, one, how) for (target, _), one in zip(sides, taken, strict=True)]


def _closed(generator: Generator, clients: int, target: Target, seconds: float) -> Turn:
    return generator.closed(target.address, target.path, clients, seconds)


def _turns(targets: Sequence[Target], send: Callable[[Target, float], Turn], effort: Effort) -> list[_Taken]:
    """Each target has its turn, then all again, each time in the other direction: what drifts hits all."""
    taken = [_Taken() for _ in targets]
    for number in range(effort.turns):
        order = list(enumerate(targets))
        for index, target in order if number % 2 == 0 else reversed(order):
            if any(turn.problem for turn in taken[index].turns):
                continue
            if number == 0:
                send(target, min(_WARM, effort.seconds))
            before = cpu_seconds(target.processes())
            turn = send(target, effort.seconds)
            after = cpu_seconds(target.processes())
            taken[index].turns.append(turn)
            answered = len(turn.latencies) + turn.failed
            if before is not None and after is not None and answered:
                taken[index].cpu.append((after - before) / answered)
    return taken


def _problem(one: _Taken) -> str:
    """Why there is no figure; "" where there is one. A side that fails under load has no latency."""
    for turn in one.turns:
        if turn.problem:
            return turn.problem
    failed, right = sum(turn.failed for turn in one.turns), sum(len(turn.latencies) for turn in one.turns)
    if not right or failed > 0.01 * right:
        return f"{failed} of {failed + right} requests were not answered with 200"
    return ""


def _closed_rows(target: Target, one: _Taken, clients: int, how: str) -> list[Measurement]:
    suffix = f"-c{clients}"
    names = (f"throughput{suffix}", f"latency{suffix}", f"cpu{suffix}")
    units = ("1/s", "s", "s")
    throughput, latency, cpu = (f"{target.prefix}{name}" for name in names)
    problem = _problem(one)
    if problem:
        return [
            not_measured(f"{target.prefix}{name}", target.side, unit, problem)
            for name, unit in zip(names, units, strict=True)
        ]
    rates = [turn.throughput for turn in one.turns]
    rows = [
        measurement(throughput, target.side, units[0], rates, how, turns=True),
        _latency(latency, target, one, how),
    ]
    if one.cpu:
        method = f"user and system time of its processes by /proc/PID/stat, divided by the answers; {how}"
        rows.append(measurement(cpu, target.side, "s", one.cpu, method, turns=True))
    else:
        rows.append(not_measured(cpu, target.side, "s", "its processes are not visible here"))
    return rows


def _latency(metric: str, target: Target, one: _Taken, how: str) -> Measurement:
    problem = _problem(one)
    if problem:
        return not_measured(metric, target.side, "s", problem)
    return pooled(metric, target.side, "s", [turn.latencies for turn in one.turns], how)
