"""How much memory the processes of one side take: proportional set size, at rest and after load."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from migrate.model import Measurement, Side
from migrate.validate.measuring.statistics import measurement, not_measured
from migrate.validate.original import first_answer

LOAD = 200  # requests before memory is measured again
LOAD_CLIENTS = 4
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
