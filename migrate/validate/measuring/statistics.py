"""Figures from values: median, 99th percentile, and the 95 % interval of the median by bootstrap."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Sequence

from migrate.model import Measurement, Side

RESAMPLES = 2000


def measurement(metric: str, side: Side, unit: str, values: Sequence[float], method: str) -> Measurement:
    """A figure from its values."""
    return Measurement(
        metric,
        side,
        unit,
        tuple(values),
        method,
        statistics.median(values) if values else math.nan,
        percentile(values, 0.99) if len(values) >= 20 else None,
        bootstrap(values) if len(values) >= 5 else None,
    )


def not_measured(metric: str, side: Side, unit: str, why: str) -> Measurement:
    """A figure that could not be taken."""
    return measurement(metric, side, unit, (), f"not measured: {why}")


def percentile(values: Sequence[float], share: float) -> float:
    """Nearest rank."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def bootstrap(values: Sequence[float], resamples: int = RESAMPLES) -> tuple[float, float]:
    """The 95 % interval of the median (percentile method)."""
    chance = random.Random(20250101)  # noqa: S311 - statistics: the same values give the same interval
    medians = sorted(statistics.median(chance.choices(values, k=len(values))) for _ in range(resamples))
    return medians[int(0.025 * resamples)], medians[min(resamples - 1, int(0.975 * resamples))]
