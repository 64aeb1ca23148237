"""Figures from values: median, 99th percentile, bootstrap interval, and how far a side is from itself."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable, Sequence

from migrate.model import Measurement, Side

RESAMPLES = 2000
KEPT = 400  # values of a figure that are kept where there were more
_SEED = 20250101
_RANKS = 101  # of a turn, in the bootstrap over turns


def measurement(
    metric: str, side: Side, unit: str, values: Sequence[float], method: str, *, turns: bool = False
) -> Measurement:
    """A figure from its values. `turns`: they were taken in turns with the other side, in this order."""
    return Measurement(
        metric,
        side,
        unit,
        sample(values),
        method,
        statistics.median(values) if values else math.nan,
        percentile(values, 0.99) if len(values) >= 20 else None,
        bootstrap(values) if len(values) >= 5 else None,
        apart(values[0::2], values[1::2]) if turns and len(values) >= 6 else None,
        len(values) if len(values) > KEPT else None,
    )


def pooled(metric: str, side: Side, unit: str, turns: Sequence[Sequence[float]], method: str) -> Measurement:
    """A figure from many values in a few turns.

    Values of one turn are not independent, so the interval is that of drawing whole turns anew.
    """
    turns = [turn for turn in turns if turn]
    values = [value for turn in turns for value in turn]
    odd = [value for turn in turns[0::2] for value in turn]
    even = [value for turn in turns[1::2] for value in turn]
    return Measurement(
        metric,
        side,
        unit,
        sample(values),
        method,
        statistics.median(values) if values else math.nan,
        percentile(values, 0.99) if len(values) >= 20 else None,
        _bootstrap_turns(turns) if len(turns) >= 3 else None,
        apart(odd, even) if odd and even else None,
        len(values) if len(values) > KEPT else None,
    )


def not_measured(metric: str, side: Side, unit: str, why: str) -> Measurement:
    """A figure that could not be taken."""
    return measurement(metric, side, unit, (), f"not measured: {why}")


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def sample(values: Sequence[float], most: int = KEPT) -> tuple[float, ...]:
    """The values in their order; of more than `most`, those at even ranks, smallest and largest included."""
    if len(values) <= most:
        return tuple(values)
    ordered = sorted(values)
    last = len(ordered) - 1
    return tuple(ordered[round(rank * last / (most - 1))] for rank in range(most))


def apart(some: Sequence[float], others: Sequence[float]) -> float | None:
    """How far two medians lie apart, as a share of the median of all; None where that is 0."""
    middle = statistics.median([*some, *others])
    return abs(statistics.median(some) - statistics.median(others)) / middle if middle else None


def bootstrap(values: Sequence[float], resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % interval of the median (percentile method)."""
    kept = sample(values)
    chance = _chance()
    return _interval(lambda: statistics.median(chance.choices(kept, k=len(kept))), resamples)


def _bootstrap_turns(turns: Sequence[Sequence[float]]) -> tuple[float, float]:
    ranks = [sample(turn, _RANKS) for turn in turns]
    chance = _chance()

    def one() -> float:
        return statistics.median(value for turn in chance.choices(ranks, k=len(ranks)) for value in turn)

    return _interval(one, RESAMPLES // 4)


def _interval(one: Callable[[], float], resamples: int) -> tuple[float, float]:
    medians = sorted(one() for _ in range(resamples))
    return medians[int(0.025 * resamples)], medians[min(resamples - 1, int(0.975 * resamples))]


def _chance() -> random.Random:
    return random.Random(_SEED)  # noqa: S311 - statistics: the same values give the same interval
