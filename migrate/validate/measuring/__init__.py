"""Measures both sides by one method each: size, cold start, memory. What cannot be measured says why.

Statistics: median, 99th percentile (nearest rank, from n = 20 on), and a 95 % interval of the median by
bootstrap (2,000 resamples, fixed seed), from n = 5 on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migrate.model import Answer, Measurement, Sent, Side
from migrate.progress import Progress
from migrate.runtimes import Runtime, ServeRequest
from migrate.validate import original
from migrate.validate.measuring import memory, sizes, starts
from migrate.validate.measuring.machine import machine
from migrate.validate.measuring.statistics import not_measured

if TYPE_CHECKING:
    from docker import DockerClient

__all__ = ["Subjects", "machine", "take"]


@dataclass(frozen=True, slots=True)
class Subjects:
    """Both sides, as they are started for figures.

    `answers` are those of the original (probe id, request, answer): from them follows what is asked.
    `client` and `setup` are None in a replay; `recorded` are then the original's figures of another day.
    `image_size` is in bytes on disk.
    """

    runtime: Runtime
    request: ServeRequest
    answers: Sequence[tuple[str, Sent, Answer]]
    client: DockerClient | None = None
    setup: original.Setup | None = None
    image_size: int | None = None
    recorded: tuple[Measurement, ...] = ()
    cold_starts: int = 10


def take(subjects: Subjects, progress: Progress) -> tuple[Measurement, ...]:
    """All figures. Every container and process that was started is gone when this returns or raises."""
    client, setup, chosen, request = subjects.client, subjects.setup, subjects.runtime, subjects.request
    rows: list[Measurement] = []
    path = _path_for_figures(subjects.answers)
    if client is not None and setup is not None:
        rows += sizes.image_sizes(client, setup.image, subjects.image_size or 0, progress)
    else:
        rows += subjects.recorded
    rows += sizes.component_sizes(request.component)
    if path is None:
        return (*rows, *_no_path())

    @contextlib.contextmanager
    def start_candidate() -> Iterator[tuple[str, float]]:
        with chosen.start(request, wait=False) as server:
            yield server.url, server.spawned

    @contextlib.contextmanager
    def start_original() -> Iterator[tuple[str, float]]:
        assert client is not None and setup is not None  # noqa: S101 - only used where both are there
        with original.running(client, replace(setup, ready_path=path)) as container:
            yield container.url, container.spawned

    live = client is not None and setup is not None
    compiled = "precompiled" if request.component.precompiled else "compiled from its cache"
    rows += starts.cold_starts(
        start_original if live else None,
        start_candidate,
        path,
        subjects.cold_starts,
        {
            Side.ORIGINAL: f"container created and started, to the first 200 of GET {path}, published port",
            Side.CANDIDATE: f"{chosen.NAME} started ({compiled}), to the first 200 of GET {path}",
        },
        progress,
    )
    with progress.step("measure memory"):
        if client is not None and setup is not None:
            with original.running(client, setup) as container:
                rows += memory.memory(
                    Side.ORIGINAL,
                    container.url,
                    path,
                    lambda: memory.container_processes(container.pid, container.id),
                )
        with chosen.start(request) as server:
            rows += memory.memory(
                Side.CANDIDATE, server.url, path, lambda: (memory.group_processes(server.pid), "")
            )
    return tuple(rows)


def _path_for_figures(answers: Sequence[tuple[str, Sent, Answer]]) -> str | None:
    """The first GET that the original answers with 200 without a cookie."""
    for _, sent, answer in answers:
        names = {name.lower() for name, _ in sent.headers}
        if sent.method == "GET" and answer.status == 200 and not answer.error and "cookie" not in names:
            return sent.path
    return None


def _no_path() -> tuple[Measurement, ...]:
    why = "no probe is a plain GET that the original answers with 200"
    return tuple(
        not_measured(metric, side, unit, why)
        for metric, unit in (("cold-start", "s"), ("memory-rest", "byte"), ("memory-load", "byte"))
        for side in Side
    )
