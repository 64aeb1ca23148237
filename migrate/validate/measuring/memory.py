"""How much memory one copy takes, and one more of many: proportional set size, at rest and after load.

Proportional set size (PSS) counts a page that n processes share as a n-th for each: the sum over all
copies is what they take together.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import Dock2wasmError
from migrate.model import Measurement, Side
from migrate.progress import Progress
from migrate.validate.measuring.statistics import measurement, not_measured
from migrate.validate.original import first_answer

LOAD = 200  # requests before the memory of one copy is measured again
COPY_LOAD = 20  # requests to each of many copies
LOAD_TIME = 10.0  # seconds that either may take
LOAD_CLIENTS = 4
PSS = "PSS summed over the processes, /proc/PID/smaps_rollup"
GIGABYTE = 1_000_000_000
_SHARE = 0.6  # of the memory that is free, which copies may take
_SETTLE = 0.2  # seconds

Processes = Callable[[], tuple[Sequence[int], str]]
"""The PIDs of a copy, or why they cannot be seen."""


@dataclass(frozen=True, slots=True)
class Copy:
    """One running copy. `engine` are processes that the container engine runs for it."""

    url: str
    processes: Processes
    engine: Callable[[], Sequence[int]] = tuple


Start = Callable[[], AbstractContextManager[Copy]]


def pss(pids: Sequence[int]) -> int | None:
    """Bytes of proportional set size of some processes; None where that cannot be seen."""
    total = 0
    seen = False
    for pid in pids:
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
        except ProcessLookupError:
            continue
        except OSError:
            if not Path(f"/proc/{pid}").exists():
                continue
            return None
        for line in text.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
                seen = True
    return total if seen else None


def one_copy(side: Side, copy: Copy, path: str, prefix: str = "") -> list[Measurement]:
    """PSS after the first answer, and after some load."""
    rows = []
    for metric, requests in ((f"{prefix}memory-rest", 1), (f"{prefix}memory-load", LOAD)):
        done = _ask(copy.url, path, requests, LOAD_TIME)
        when = f"after {done} more answers to {LOAD_CLIENTS} clients" if requests > 1 else "after one answer"
        time.sleep(_SETTLE)
        pids, why = copy.processes()
        found = pss(pids) if not why else None
        if found is None:
            rows.append(not_measured(metric, side, "byte", why or "smaps_rollup cannot be read"))
        else:
            count = f"{len(pids)} process{'es' if len(pids) != 1 else ''}"
            rows.append(measurement(metric, side, "byte", [found], f"{PSS}; {count}, {when}"))
    return rows


def copies(side: Side, start: Start, path: str, count: int, progress: Progress) -> list[Measurement]:
    """What one more copy takes, idle and busy, from `count` that run at the same time.

    Skipped, with the reason, where the memory that is free would not do, as the first copy shows.
    """
    metrics = (f"memory-copy-{count}", f"memory-copy-load-{count}", f"memory-engine-{count}")
    try:
        with (
            progress.step(f"measure the memory of {count} copies ({side})"),
            contextlib.ExitStack() as stack,
        ):
            return _copies(side, start, path, count, metrics, stack)
    except Dock2wasmError as error:
        return [not_measured(metric, side, "byte", error.what) for metric in metrics[:2]]


def _copies(
    side: Side,
    start: Start,
    path: str,
    count: int,
    metrics: tuple[str, str, str],
    stack: contextlib.ExitStack,
) -> list[Measurement]:
    running = [stack.enter_context(start())]
    _ask(running[0].url, path, 1)
    time.sleep(_SETTLE)
    first, why = _together(running)
    free = available()
    if first is not None and free is not None and first * count > _SHARE * free:
        why = f"{count} copies of {first >> 20} MiB do not fit into {_SHARE:.0%} of {free >> 20} MiB free"
    elif first is not None and free is None:
        why = "this system does not say how much memory is free"
    if first is None or why:
        return [not_measured(metric, side, "byte", why) for metric in metrics[:2]]
    while len(running) < count:
        copy = stack.enter_context(start())
        _ask(copy.url, path, 1)
        running.append(copy)
    time.sleep(_SETTLE)
    idle, why = _together(running)
    # The first copy again: what it shares with the others counts in part for it now.
    done = [_ask(copy.url, path, COPY_LOAD, LOAD_TIME / count) for copy in running]
    more = f"{min(done)} to {max(done)}" if min(done) < max(done) else f"{max(done)}"
    time.sleep(_SETTLE)
    busy, why_busy = _together(running)
    how = f"{PSS}; {count} copies at the same time"
    rows = []
    for metric, total, problem, when in (
        (metrics[0], idle, why, "after one answer each, less a single one"),
        (metrics[1], busy, why_busy, f"after {more} more answers each, less a single one at rest"),
    ):
        if total is None:
            rows.append(not_measured(metric, side, "byte", problem))
        else:
            value = (total - first) / (count - 1)
            rows.append(measurement(metric, side, "byte", [value], f"{how}, {when}, divided by {count - 1}"))
    engine = pss([pid for copy in running for pid in copy.engine()])
    if engine is not None:
        method = f"{PSS}; containerd-shim and docker-proxy of {count} containers, divided by {count}"
        rows.append(measurement(metrics[2], side, "byte", [engine / count], method))
    return rows


def per_gigabyte(rows: Sequence[Measurement]) -> list[Measurement]:
    """How many copies fit into 1 GB: computed from what one more takes, of the largest number that ran.

    What a recording brought along is not computed again.
    """
    found = []
    for side in Side:
        for metric, name in (
            ("memory-copy-", "copies-idle-per-gb"),
            ("memory-copy-load-", "copies-busy-per-gb"),
        ):
            known = [
                one
                for one in rows
                if one.side is side and one.metric.removeprefix(metric).isdigit() and one.n and one.median > 0
            ]
            if known and not any(one.metric == name and one.side is side for one in rows):
                one = max(known, key=lambda row: int(row.metric.rpartition("-")[2]))
                method = f"computed, not run: 1 GB divided by what one more copy takes ({one.metric})"
                found.append(measurement(name, side, "copies", [int(GIGABYTE / one.median)], method))
    return found


def available() -> int | None:
    """Bytes that new programs may take without swapping, as the kernel estimates."""
    try:
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def _together(running: Sequence[Copy]) -> tuple[int | None, str]:
    """PSS of all copies, or why it cannot be said."""
    pids: list[int] = []
    for copy in running:
        found, why = copy.processes()
        if why:
            return None, why
        pids += found
    total = pss(pids)
    return total, "" if total is not None else "smaps_rollup cannot be read"


def _ask(url: str, path: str, count: int, limit: float = 30.0) -> int:
    """Ask `count` times, none of it begun later than after `limit` seconds; how often an answer came."""
    end = time.monotonic() + limit

    def one(_: int) -> bool:
        return time.monotonic() < end and first_answer(url, path, timeout=30.0) is not None

    with ThreadPoolExecutor(min(LOAD_CLIENTS, count)) as pool:
        return sum(pool.map(one, range(count)))
