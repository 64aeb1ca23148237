"""Memory of many copies: computed from what ran, skipped where it would not fit, never guessed."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from migrate.errors import RuntimeStartError
from migrate.model import Side
from migrate.progress import Silent
from migrate.validate.measuring import memory
from migrate.validate.measuring.statistics import measurement, not_measured
from tests.migrate.validate.pair import serving


class Copies:
    """Copies that take what `sizes` says: of n processes the first shares nothing, each other adds `more`."""

    def __init__(self, first: int, more: int) -> None:
        self.first, self.more = first, more
        self.running = 0
        self.most = 0

    @contextlib.contextmanager
    def start(self) -> Iterator[memory.Copy]:
        with serving() as url:
            self.running += 1
            self.most = max(self.most, self.running)
            number = self.running
            try:
                yield memory.Copy(url, lambda: ([number], ""), lambda: [1000])
            finally:
                self.running -= 1

    def pss(self, pids: list[int]) -> int | None:
        if 1000 in pids:
            return 4_000_000 * len(pids)
        return self.first + self.more * (len(pids) - 1)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> Copies:
    one = Copies(20_000_000, 5_000_000)
    monkeypatch.setattr(memory, "pss", one.pss)
    monkeypatch.setattr(memory, "available", lambda: 1_000_000_000)
    monkeypatch.setattr(memory, "_SETTLE", 0.0)
    return one


def test_one_more_copy_is_what_is_added(copies: Copies) -> None:
    idle, busy, engine = memory.copies(Side.ORIGINAL, copies.start, "/list", 5, Silent())
    assert (idle.metric, idle.median) == ("memory-copy-5", 5_000_000)
    assert (busy.metric, busy.median) == ("memory-copy-load-5", 5_000_000)
    assert (engine.metric, engine.median) == ("memory-engine-5", 4_000_000)
    assert "20 more answers each" in busy.method
    assert (copies.running, copies.most) == (0, 5)


def test_copies_that_would_not_fit_are_not_started(copies: Copies, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 100_000_000)
    rows = memory.copies(Side.CANDIDATE, copies.start, "/list", 10, Silent())
    assert copies.most == 1
    assert [one.n for one in rows] == [0, 0]
    assert "10 copies of 19 MiB do not fit into 60% of 95 MiB free" in rows[0].method


def test_a_copy_that_does_not_start_ends_the_others(copies: Copies) -> None:
    @contextlib.contextmanager
    def third_breaks() -> Iterator[memory.Copy]:
        if copies.running == 2:
            raise RuntimeStartError("The third does not start.")
        with copies.start() as one:
            yield one

    rows = memory.copies(Side.CANDIDATE, third_breaks, "/list", 5, Silent())
    assert copies.running == 0
    assert {one.method for one in rows} == {"not measured: The third does not start."}


def test_copies_in_a_gigabyte_are_computed_from_the_most_that_ran() -> None:
    rows = [
        measurement("memory-copy-10", Side.CANDIDATE, "byte", [5e6], "how"),
        measurement("memory-copy-100", Side.CANDIDATE, "byte", [4e6], "how"),
        not_measured("memory-copy-load-10", Side.CANDIDATE, "byte", "why"),
        measurement("memory-copy-10", Side.ORIGINAL, "byte", [30e6], "how"),
        measurement("copies-idle-per-gb", Side.ORIGINAL, "copies", [33], "recorded"),
    ]
    (one,) = memory.per_gigabyte(rows)
    assert (one.metric, one.side, one.median) == ("copies-idle-per-gb", Side.CANDIDATE, 250)
    assert "computed, not run" in one.method


def test_load_ends_in_time(copies: Copies) -> None:
    with copies.start() as one:
        rows = memory.one_copy(Side.CANDIDATE, one, "/list")
        assert [row.metric for row in rows] == ["memory-rest", "memory-load"]
        assert "after 200 more answers" in rows[1].method
