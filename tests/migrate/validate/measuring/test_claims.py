"""Claims are judged on the whole interval, and nothing is judged on a figure that was not taken."""

from __future__ import annotations

import pytest

from migrate.model import Held, Measurement, Side
from migrate.validate.measuring import claims
from migrate.validate.measuring.statistics import not_measured


def figure(
    metric: str, side: Side, median: float, ci95: tuple[float, float] | None = None, unit: str = "s"
) -> Measurement:
    return Measurement(metric, side, unit, (median,), "how", median, None, ci95)


def held(name: str, *measured: Measurement) -> Held:
    return next(one.held for one in claims.judge(measured) if one.id == name)


def test_every_claim_says_who_says_it_and_has_bounds() -> None:
    for one in claims.said():
        assert one.claimed
        assert one.source
        assert one.method
        assert one.low < one.high
        assert one.side in {"original", "candidate", "ratio"}


def test_nothing_measured_nothing_claimed() -> None:
    assert {one.held for one in claims.judge(())} == {Held.UNMEASURED}
    (one,) = (
        claim
        for claim in claims.judge([not_measured("cold-start", Side.CANDIDATE, "s", "it broke")])
        if claim.id == "process-start"
    )
    assert one.measured == "not measured: it broke"


@pytest.mark.parametrize(
    ("median", "ci95", "expected"),
    [(0.0005, (0.0004, 0.0006), Held.HOLDS), (0.0009, (0.0005, 0.002), Held.NOT), (0.08, None, Held.NOT)],
)
def test_the_whole_interval_must_lie_within(
    median: float, ci95: tuple[float, float] | None, expected: Held
) -> None:
    assert held("instance-start", figure("instance-start", Side.CANDIDATE, median, ci95)) is expected


def test_a_container_that_starts_too_soon_is_not_what_was_claimed() -> None:
    assert held("container-start", figure("cold-start", Side.ORIGINAL, 0.4)) is Held.HOLDS
    assert held("container-start", figure("cold-start", Side.ORIGINAL, 0.2)) is Held.NOT


@pytest.mark.parametrize(("mine", "expected"), [(6e6, Held.HOLDS), (20e6, Held.NOT), (40e6, Held.NOT)])
def test_memory_is_judged_on_the_copies_where_they_ran(mine: float, expected: Held) -> None:
    rows = [
        figure("memory-copy-10", Side.ORIGINAL, 33e6, unit="byte"),
        figure("memory-copy-10", Side.CANDIDATE, mine, unit="byte"),
        figure("memory-rest", Side.ORIGINAL, 40e6, unit="byte"),
        figure("memory-rest", Side.CANDIDATE, 400e6, unit="byte"),
    ]
    assert held("memory", *rows) is expected


def test_speed_needs_both_sides_and_both_intervals() -> None:
    mine = figure("throughput-c8", Side.CANDIDATE, 900, (890, 910), "1/s")
    assert held("native-speed", mine) is Held.UNMEASURED
    near = figure("throughput-c8", Side.ORIGINAL, 1000, (990, 1010), "1/s")
    wide = figure("throughput-c8", Side.ORIGINAL, 1000, (900, 1100), "1/s")
    assert held("native-speed", mine, near) is Held.HOLDS
    assert held("native-speed", mine, wide) is Held.NOT
