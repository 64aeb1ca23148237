"""The processes of one side, whichever way it runs, and the processor time that they used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def of_container(pid: int, container: str) -> tuple[list[int], str]:
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


def of_session(pid: int) -> list[int]:
    """A program that leads a session (every one we start does), and all processes of that session."""
    return [one for one in _all() if one == pid or _session(one) == pid]


def of_engine(container: str, port: int) -> list[int]:
    """What the engine runs beside one container: its shim, and the proxies of its published port."""
    found = []
    for pid in _all():
        words = _command(pid)
        name = words[0].rpartition("/")[2] if words else ""
        if (name.startswith("containerd-shim") and container in words) or (
            name == "docker-proxy" and str(port) in words
        ):
            found.append(pid)
    return found


def cpu_seconds(pids: Sequence[int]) -> float | None:
    """User and system time that processes, and children they waited for, used; None where it is not seen."""
    ticks = 0
    seen = False
    for pid in pids:
        try:
            # Fields 14 to 17 of proc(5)'s stat, counted behind the name, which may hold blanks and brackets.
            rest = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(value) for value in rest[11:15])
        seen = True
    return ticks / os.sysconf("SC_CLK_TCK") if seen else None


def _all() -> list[int]:
    try:
        return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    except OSError:
        return []


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace").split("\0")
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
