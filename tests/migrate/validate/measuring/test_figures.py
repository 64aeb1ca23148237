"""Figures: their statistics, their fall-backs, and processes seen by one method."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.errors import RuntimeStartError
from migrate.model import Component, Side
from migrate.progress import Silent
from migrate.validate.measuring import memory, processes, sizes, starts, statistics
from tests.migrate.validate.pair import serving


def test_statistics() -> None:
    one = statistics.measurement("cold-start", Side.ORIGINAL, "s", [5, 1, 3, 2, 4], "how")
    assert (one.n, one.median, one.p99) == (5, 3, None)
    assert one.ci95 is not None
    assert 1 <= one.ci95[0] <= 3 <= one.ci95[1] <= 5
    assert one.ci95 == statistics.bootstrap([5, 1, 3, 2, 4])
    assert statistics.measurement("x", Side.ORIGINAL, "s", [1, 2, 3], "how").ci95 is None
    assert statistics.percentile(list(range(1, 101)), 0.99) == 99
    assert statistics.bootstrap([2.0] * 8) == (2.0, 2.0)


def test_what_is_not_measured_says_why() -> None:
    one = statistics.not_measured("memory-rest", Side.ORIGINAL, "byte", "no reason")
    assert math.isnan(one.median)
    assert (one.n, one.method) == (0, "not measured: no reason")


def test_sizes_of_a_component(tmp_path: Path) -> None:
    path = tmp_path / "a.wasm"
    path.write_bytes(b"\0" * 100_000)
    rows = {one.metric: one for one in sizes.component_sizes(Component(path, "", "http", "0.2", (), ()))}
    assert rows["size"].median == 100_000
    assert 0 < rows["size-compressed"].median < 1000
    assert rows["size-precompiled"].n == 0


def test_cold_starts_take_turns_and_the_first_does_not_count() -> None:
    order: list[str] = []

    def start(side: str) -> starts.Start:
        @contextlib.contextmanager
        def one() -> Iterator[tuple[str, float]]:
            order.append(side)
            spawned = time.monotonic()
            with serving() as url:
                yield url, spawned

        return one

    wanted = {
        ("cold-start", Side.ORIGINAL): (start("o"), "/list", "a"),
        ("cold-start", Side.CANDIDATE): (start("c"), "/list", "b"),
    }
    rows = starts.cold_starts(wanted, 3, Silent())
    assert order == ["o", "c"] * 4
    assert [(row.side, row.n, row.method) for row in rows] == [
        (Side.ORIGINAL, 3, "a"),
        (Side.CANDIDATE, 3, "b"),
    ]
    assert all(value > 0 for row in rows for value in row.values)


def test_a_side_that_does_not_start_is_not_measured_and_the_other_is() -> None:
    @contextlib.contextmanager
    def broken() -> Iterator[tuple[str, float]]:
        raise RuntimeStartError("It does not start.")
        yield

    @contextlib.contextmanager
    def fine() -> Iterator[tuple[str, float]]:
        with serving() as url:
            yield url, time.monotonic()

    wanted = {
        ("cold-start", Side.ORIGINAL): (fine, "/list", "a"),
        ("cold-start", Side.CANDIDATE): (broken, "/list", "b"),
    }
    original, candidate = starts.cold_starts(wanted, 2, Silent())
    assert original.n == 2
    assert (candidate.n, candidate.method) == (0, "not measured: It does not start.")


linux = pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="needs Linux's /proc")


@linux
def test_memory_of_a_session_counts_its_children() -> None:
    code = (
        "import subprocess, sys; print('up', flush=True); subprocess.run([sys.executable, '-c', 'input()'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], start_new_session=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        end = time.monotonic() + 20
        while len(processes.of_session(process.pid)) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        pids = processes.of_session(process.pid)
        assert len(pids) == 2
        both, one = memory.pss(pids), memory.pss([process.pid])
        assert both is not None
        assert one is not None
        assert both > one > 500_000
        process.communicate(b"\n")


def test_processes_that_are_gone_or_not_the_containers_are_not_guessed() -> None:
    assert memory.pss([]) is None
    pids, why = processes.of_container(os.getpid(), "0" * 64)
    assert (pids, bool(why)) == ([], True)
    assert processes.of_container(0, "x")[0] == []
