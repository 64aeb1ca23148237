"""Figures in words that people read, and how two of them compare."""

from __future__ import annotations

import math

from migrate.model import Measurement


def quantity(value: float, unit: str) -> str:
    """A number with its unit: `27.3 MB`, `1.3 ms`, `10,799/s`."""
    match unit:
        case "byte":
            size = abs(value)
            return f"{value / 1e6:.1f} MB" if size >= 1e5 else f"{value / 1e3:.1f} kB"
        case "s":
            return _time(value)
        case "1/s":
            return f"{value:,.0f}/s" if value >= 100 else f"{value:.1f}/s"
        case "copies":
            return f"{value:,.0f}"
    return f"{value:g} {unit}"


def _time(value: float) -> str:
    size = abs(value)
    if size >= 10:
        return f"{value:.1f} s"
    if size >= 1:
        return f"{value:.2f} s"
    if size >= 0.01:
        return f"{value * 1e3:.0f} ms"
    if size >= 0.001:
        return f"{value * 1e3:.1f} ms"
    return f"{value * 1e6:.0f} µs"


def ratio_interval(original: Measurement, candidate: Measurement) -> tuple[float, float]:
    """Bounds of candidate / original from both intervals: wider than 95 %, never too narrow."""
    low, high = candidate.ci95 or (candidate.median, candidate.median)
    base_low, base_high = original.ci95 or (original.median, original.median)
    return low / base_high if base_high > 0 else math.inf, high / base_low if base_low > 0 else math.inf


def distinguishable(original: Measurement, candidate: Measurement) -> bool:
    """Whether a difference was shown: the intervals do not overlap, and A/A is smaller than it."""
    if (
        original.ci95
        and candidate.ci95
        and original.ci95[0] <= candidate.ci95[1]
        and candidate.ci95[0] <= original.ci95[1]
    ):
        return False
    own = max(original.same or 0.0, candidate.same or 0.0)
    smaller = min(original.median, candidate.median)
    return smaller <= 0 or abs(original.median - candidate.median) / smaller > own
