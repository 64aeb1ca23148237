"""How long a start takes: from nothing to the first answer, the sides taking turns."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from migrate.errors import Dock2wasmError
from migrate.model import Measurement, Side
from migrate.progress import Progress
from migrate.validate.measuring.statistics import measurement, not_measured
from migrate.validate.original import first_answer

_READY = 60.0  # seconds for one start

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
