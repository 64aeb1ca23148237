"""How long a start takes: from nothing to the first answer, and of a fresh instance in a running runtime."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from migrate.errors import Dock2wasmError
from migrate.model import Measurement, Side
from migrate.progress import Progress
from migrate.validate.measuring.statistics import measurement, not_measured
from migrate.validate.original import first_answer

_READY = 60.0  # seconds for one start
_ANSWER = 30.0  # seconds for one answer of a running server
_WARM = 5  # answers that are not counted

Start = Callable[[], contextlib.AbstractContextManager[tuple[str, float]]]
"""Starts one side without waiting: its URL and time.monotonic() just before the start."""


def cold_starts(
    starts: Mapping[tuple[str, Side], tuple[Start, str, str]], n: int, progress: Progress
) -> list[Measurement]:
    """Seconds from start to first 200, by turns; the first start of each is not counted.

    `starts` holds, by metric and side: the start, the path that is asked, and the method for the report.
    """
    values: dict[tuple[str, Side], list[float]] = {key: [] for key in starts}
    failed: dict[tuple[str, Side], str] = {}
    with progress.step(f"measure cold starts ({n} each)"):
        for turn in range(n + 1):
            for key, (start, path, _) in starts.items():
                if key in failed:
                    continue
                try:
                    with start() as (url, spawned):
                        taken = until_200(url, path, spawned)
                except Dock2wasmError as error:
                    failed[key] = error.what
                    continue
                if taken is None:
                    failed[key] = f"no 200 within {_READY:.0f} s"
                elif turn:
                    values[key].append(taken)
    return [
        not_measured(*key, "s", failed[key])
        if key in failed
        else measurement(*key, "s", values[key], method, turns=True)
        for key, (_, _, method) in starts.items()
    ]


def until_200(url: str, path: str, spawned: float) -> float | None:
    """Seconds from `spawned` to the first 200; None where none comes in time."""
    end = spawned + _READY
    while time.monotonic() < end:
        status = first_answer(url, path, timeout=max(0.1, end - time.monotonic()))
        if status == 200:
            return time.monotonic() - spawned
        time.sleep(0.002)
    return None


def answers(
    servers: Mapping[tuple[str, Side], tuple[str, str, str]], n: int, progress: Progress
) -> list[Measurement]:
    """Seconds of single answers on kept connections, one at a time, the servers taking turns.

    `servers` holds, by metric and side: URL, path, and the method for the report. Beside them stands
    `instance-start`: by how much the answer of a fresh instance takes longer than that of a used one, turn by
    turn, where both are among them.
    """
    values: dict[tuple[str, Side], list[float]] = {key: [] for key in servers}
    failed: dict[tuple[str, Side], str] = {}
    with (
        progress.step(f"measure single answers ({n} each)"),
        contextlib.ExitStack() as stack,
    ):
        clients = {}
        for key, (url, _, _) in servers.items():
            parts = urlsplit(url)
            client = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=_ANSWER)
            stack.callback(client.close)
            clients[key] = client
        for turn in range(n + _WARM):
            for key, (_, path, _) in servers.items():
                if key in failed:
                    continue
                taken, problem = _one(clients[key], path)
                if problem:
                    failed[key] = problem
                elif turn >= _WARM:
                    values[key].append(taken)
    rows = [
        not_measured(*key, "s", failed[key])
        if key in failed
        else measurement(*key, "s", values[key], method, turns=True)
        for key, (_, _, method) in servers.items()
    ]
    return rows + _instance_start(values, failed)


FRESH = ("fresh-answer", Side.CANDIDATE)
REUSED = ("reused-answer", Side.CANDIDATE)


def _instance_start(
    values: Mapping[tuple[str, Side], Sequence[float]], failed: Mapping[tuple[str, Side], str]
) -> list[Measurement]:
    metric = ("instance-start", Side.CANDIDATE, "s")
    missing = [key for key in (FRESH, REUSED) if key in failed or not values.get(key)]
    if missing:
        why = failed.get(missing[0], "the runtime gives fresh and used instances no comparable answers here")
        return [not_measured(*metric, why)]
    differences = [fresh - used for fresh, used in zip(values[FRESH], values[REUSED], strict=True)]
    return [
        measurement(
            *metric,
            differences,
            "a fresh instance's answer less that of a used one, in a running runtime, turn by turn",
            turns=True,
        )
    ]


def _one(client: http.client.HTTPConnection, path: str) -> tuple[float, str]:
    """Seconds, and what went wrong."""
    started = time.perf_counter()
    try:
        client.request("GET", path, headers={"Host": "localhost", "User-Agent": "dock2wasm"})
        answer = client.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException) as error:
        client.close()
        return 0.0, f"no answer: {type(error).__name__}"
    taken = time.perf_counter() - started
    return taken, "" if answer.status == 200 else f"an answer had status {answer.status}"
