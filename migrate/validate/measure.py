"""Measures both sides by one method each: size, cold start, memory. What cannot be measured says why.

Statistics: median, 99th percentile (nearest rank, from n = 20 on), and a 95 % interval of the median by
bootstrap (2,000 resamples, fixed seed), from n = 5 on.
"""

from __future__ import annotations

import contextlib
import math
import os
import platform
import random
import statistics
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.errors import Dock2wasmError
from migrate.model import Component, Measurement, Side
from migrate.progress import Progress
from migrate.validate.original import first_answer

if TYPE_CHECKING:
    from docker import DockerClient

LEVEL = 6  # of gzip
COMPRESS_LIMIT = 2 << 30  # bytes of an image beyond which it is not compressed
RESAMPLES = 2000
LOAD = 200  # requests before memory is measured again
LOAD_CLIENTS = 4
_READY = 60.0  # seconds for one start


def measurement(metric: str, side: Side, unit: str, values: Sequence[float], method: str) -> Measurement:
    """A figure from its values."""
    return Measurement(
        metric,
        side,
        unit,
        tuple(values),
        method,
        statistics.median(values) if values else math.nan,
        percentile(values, 0.99) if len(values) >= 20 else None,
        bootstrap(values) if len(values) >= 5 else None,
    )


def not_measured(metric: str, side: Side, unit: str, why: str) -> Measurement:
    """A figure that could not be taken."""
    return measurement(metric, side, unit, (), f"not measured: {why}")


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def bootstrap(values: Sequence[float], resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % interval of the median (percentile method)."""
    chance = random.Random(20250101)  # noqa: S311 - statistics: the same values give the same interval
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(resamples))
    return medians[int(0.025 * resamples)], medians[min(resamples - 1, int(0.975 * resamples))]


# --- size ----------------------------------------------------------------------------------


def image_sizes(client: DockerClient, image: str, size: int, progress: Progress) -> list[Measurement]:
    """Bytes of the image on disk, and compressed."""
    rows = [measurement("size", Side.ORIGINAL, "byte", [size], "image on disk, as docker inspect says")]
    metric = "size-compressed"
    if size > COMPRESS_LIMIT:
        return [*rows, not_measured(metric, Side.ORIGINAL, "byte", f"larger than {COMPRESS_LIMIT >> 20} MiB")]
    try:
        with progress.step("compress the image"):
            packed = _gzipped(client.api.get_image(image))
    except Exception as error:
        # A figure is missing then, not the comparison; whatever the engine's answer was, the row says it.
        return [*rows, not_measured(metric, Side.ORIGINAL, "byte", f"docker save failed: {error}"[:200])]
    method = f"docker save, gzip level {LEVEL} (a registry keeps layers apart and is close to it)"
    return [*rows, measurement(metric, Side.ORIGINAL, "byte", [packed], method)]


def component_sizes(component: Component) -> list[Measurement]:
    """Bytes of the component, compressed, and precompiled."""
    rows = [
        measurement("size", Side.CANDIDATE, "byte", [component.path.stat().st_size], "the .wasm file"),
        measurement(
            "size-compressed",
            Side.CANDIDATE,
            "byte",
            [_gzipped(_blocks(component.path))],
            f"gzip level {LEVEL}",
        ),
    ]
    if component.precompiled is not None:
        rows.append(
            measurement(
                "size-precompiled",
                Side.CANDIDATE,
                "byte",
                [component.precompiled.stat().st_size],
                f"the .cwasm file of {component.precompiled_by}, for this machine's processor",
            )
        )
    else:
        rows.append(
            not_measured("size-precompiled", Side.CANDIDATE, "byte", "the runtime precompiles nothing")
        )
    return rows


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block


def _gzipped(blocks: Iterator[bytes]) -> int:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
    size = sum(len(packer.compress(block)) for block in blocks)
    return size + len(packer.flush())


# --- cold start ----------------------------------------------------------------------------

Start = Callable[[], contextlib.AbstractContextManager[tuple[str, float]]]
"""Starts one side without waiting: its URL and time.monotonic() just before the start."""


def cold_starts(
    original: Start | None,
    candidate: Start | None,
    path: str,
    n: int,
    methods: dict[Side, str],
    progress: Progress,
) -> list[Measurement]:
    """Seconds from start to first 200, the sides taking turns; the first start of each is not counted."""
    starts = {Side.ORIGINAL: original, Side.CANDIDATE: candidate}
    values: dict[Side, list[float]] = {side: [] for side in starts}
    failed: dict[Side, str] = {}
    with progress.step(f"measure cold starts ({n} each)"):
        for turn in range(n + 1):
            for side, start in starts.items():
                if start is None or side in failed:
                    continue
                try:
                    with start() as (url, spawned):
                        taken = until_200(url, path, spawned)
                except Dock2wasmError as error:
                    failed[side] = error.what
                    continue
                if taken is None:
                    failed[side] = f"no 200 within {_READY:.0f} s"
                elif turn:
                    values[side].append(taken)
    rows = []
    for side, start in starts.items():
        if start is None:
            continue
        if side in failed:
            rows.append(not_measured("cold-start", side, "s", failed[side]))
        else:
            rows.append(measurement("cold-start", side, "s", values[side], methods[side]))
    return rows


def until_200(url: str, path: str, spawned: float) -> float | None:
    """Seconds from `spawned` to the first 200; None where none comes in time."""
    end = spawned + _READY
    while time.monotonic() < end:
        status = first_answer(url, path, timeout=max(0.1, end - time.monotonic()))
        if status == 200:
            return time.monotonic() - spawned
        time.sleep(0.002)
    return None


# --- memory --------------------------------------------------------------------------------

PSS = "PSS summed over the processes, /proc/PID/smaps_rollup"


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


def container_processes(pid: int, container: str) -> tuple[list[int], str]:
    """The processes of a container by its PID namespace, and why they cannot be seen ("" where they can).

    The engine's PID means nothing here where the engine runs elsewhere (Docker Desktop, DOCKER_HOST): the
    process must carry the container's id in its cgroup, in version 1 and 2 alike.
    """
    unseen = "the container's processes are not visible here (Docker Desktop or a remote engine)"
    if pid <= 0 or not Path("/proc/self/ns/pid").exists():
        return [], unseen
    try:
        if container not in Path(f"/proc/{pid}/cgroup").read_text("utf-8", "replace"):
            return [], unseen
        space = str(Path(f"/proc/{pid}/ns/pid").readlink())
        own = str(Path("/proc/self/ns/pid").readlink())
    except PermissionError:
        return [], "reading another user's /proc needs root"
    except OSError:
        return [], unseen
    if space == own:
        return [], "the container shares this machine's processes"
    return [one for one in _all() if _namespace(one) == space], ""


def group_processes(pid: int) -> list[int]:
    """A program that leads a session (every one we start does), and all processes of that session."""
    return [one for one in _all() if one == pid or _session(one) == pid]


def _all() -> list[int]:
    try:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except OSError:
        return []


def _namespace(pid: int) -> str:
    try:
        return str(Path(f"/proc/{pid}/ns/pid").readlink())
    except OSError:
        return ""


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return -1


def memory(
    side: Side, url: str, path: str, processes: Callable[[], tuple[list[int], str]]
) -> list[Measurement]:
    """PSS after the first answer, and after some load."""
    rows = []
    for metric, requests, when in (
        ("memory-rest", 1, "after one answer"),
        ("memory-load", LOAD, f"after {LOAD} more answers to {LOAD_CLIENTS} clients"),
    ):
        _ask(url, path, requests)
        time.sleep(0.2)
        pids, why = processes()
        found = pss(pids) if not why else None
        if found is None:
            rows.append(not_measured(metric, side, "byte", why or "smaps_rollup cannot be read"))
        else:
            count = f"{len(pids)} process{'es' if len(pids) != 1 else ''}"
            rows.append(measurement(metric, side, "byte", [found], f"{PSS}; {count}, {when}"))
    return rows


def _ask(url: str, path: str, count: int) -> None:
    with ThreadPoolExecutor(min(LOAD_CLIENTS, count)) as pool:
        list(pool.map(lambda _: first_answer(url, path, timeout=30.0), range(count)))


# --- the machine ---------------------------------------------------------------------------


def machine() -> str:
    """Processor, cores, system and load, for the report."""
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    load = ""
    with contextlib.suppress(OSError):
        load = f", load average {os.getloadavg()[0]:.1f}"
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}{load}"
