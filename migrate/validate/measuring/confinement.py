"""The same cores and the same limits for both sides, and other cores for whoever sends the load.

The container gets its limits from the engine. The runtime gets the same ones through a control group where
this machine lets us make one (root, or a delegated version 2 hierarchy); where not, the report says so.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.validate.original import MEMORY, PIDS

ROOT = Path("/sys/fs/cgroup")
PREFIX = "dock2wasm-"


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores serve and which send; the same ones where there is only one (`shared`), none where the
    system cannot pin."""

    service: tuple[int, ...]
    load: tuple[int, ...]

    @property
    def shared(self) -> bool:
        return self.service == self.load

    def describe(self) -> str:
        """For the report."""
        if not self.service:
            return "not pinned to cores (this system cannot)"
        count = f"{len(self.service)} core{'s' if len(self.service) != 1 else ''}"
        if self.shared:
            return f"both sides and the load generator share {count}"
        return f"each side pinned to the same {count}, the load generator to {len(self.load)} other"


def cores() -> Cores:
    """Half of our cores for the service, the others for the load generator."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores((), ())
    ours = tuple(sorted(os.sched_getaffinity(0)))
    half = len(ours) // 2
    return Cores(ours[half:], ours[:half]) if half else Cores(ours, ours)


@contextlib.contextmanager
def pinned(to: Sequence[int]) -> Iterator[None]:
    """Programs that this thread starts within run on these cores only."""
    if not to or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, to)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextlib.contextmanager
def limited(pids: Sequence[int]) -> Iterator[str]:
    """Put processes under the limits that the container has; yields "" or why that was not possible."""
    if not pids:
        yield "no process to limit"
        return
    _remove_leftovers()
    made: list[Path] = []
    try:
        try:
            for folder, limits in _groups():
                folder.mkdir()
                made.append(folder)
                for name, value in limits:
                    (folder / name).write_text(str(value))
                for pid in pids:
                    (folder / "cgroup.procs").write_text(str(pid))
            why = "" if made else "no control groups here"
        except OSError as error:
            why = f"control group: {error.strerror or error}"
        yield why
    finally:
        for folder in made:
            _empty(folder)


def _groups() -> list[tuple[Path, list[tuple[str, int]]]]:
    name = f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
    if (ROOT / "cgroup.controllers").is_file():
        return [(ROOT / name, [("memory.max", MEMORY), ("pids.max", PIDS)])]
    return [
        (ROOT / kind / name, limits)
        for kind, limits in (
            ("memory", [("memory.limit_in_bytes", MEMORY)]),
            ("pids", [("pids.max", PIDS)]),
        )
        if (ROOT / kind).is_dir()
    ]


def _empty(folder: Path) -> None:
    """Move what still runs there up, and remove the group; a process that is just ending moves nowhere."""
    with contextlib.suppress(OSError):
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (folder.parent / "cgroup.procs").write_text(pid)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _remove_leftovers() -> None:
    """Empty groups of runs that were killed before they could remove them."""
    for parent in (ROOT, ROOT / "memory", ROOT / "pids"):
        with contextlib.suppress(OSError):
            for folder in parent.glob(f"{PREFIX}*"):
                owner = folder.name.removeprefix(PREFIX).partition("-")[0]
                if not Path(f"/proc/{owner}").exists():
                    with contextlib.suppress(OSError):
                        folder.rmdir()
