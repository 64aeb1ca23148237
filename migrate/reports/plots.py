"""Drawings of figures as plain coordinates; the page's template makes them SVG.

A plot of values shows every value kept as a dot and the share of values up to each point (ECDF), with the
median, its interval and the 99th percentile. Single values stand on a common axis.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.model import Measurement
from migrate.validate.measuring.quantities import quantity

WIDTH = 360
HEIGHT = 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 34, 12, 10, 58  # room for labels, and below the axis for the dots
_SIDE = 22  # beside single values, for half a label
_ROW = 46
_DOTS = 120
_LOG_FROM = 8.0  # largest divided by smallest, from which on the axis is logarithmic


@dataclass(frozen=True, slots=True)
class Series:
    """One side in a plot; `side` is a class of the style sheet."""

    side: str
    curve: str
    dots: tuple[tuple[float, float], ...]
    median: float
    interval: tuple[float, float] | None
    p99: float | None


@dataclass(frozen=True, slots=True)
class Plot:
    """Distributions of one metric. `label` says in words what is drawn."""

    ticks: tuple[tuple[float, str], ...]
    series: tuple[Series, ...]
    logarithmic: bool
    label: str
    bottom: float = HEIGHT - _BOTTOM
    top: float = _TOP
    left: float = _LEFT
    right: float = WIDTH - _RIGHT


@dataclass(frozen=True, slots=True)
class Mark:
    """One single value: where, which side, and its text."""

    x: float
    side: str
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One metric among single values."""

    name: str
    y: float
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class Strip:
    """Single values of one unit on a common axis."""

    height: int
    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]
    logarithmic: bool
    label: str
    left: float = _SIDE
    right: float = WIDTH - _SIDE


def distribution(name: str, sides: Sequence[tuple[str, Measurement]]) -> Plot | None:
    """A plot of the sides' values; None where no side has at least three."""
    known = [(side, one) for side, one in sides if len(one.values) >= 3]
    if not known:
        return None
    values = [value for _, one in known for value in one.values]
    axis = _axis(min(values), max(values), _LEFT, WIDTH - _RIGHT)
    unit = known[0][1].unit
    said = "; ".join(f"{side}: median {quantity(one.median, one.unit)}, n {one.n}" for side, one in known)
    return Plot(
        axis.ticks(unit),
        tuple(_series(side, one, axis, place) for place, (side, one) in enumerate(known)),
        axis.logarithmic,
        f"Distribution of {name}. {said}",
    )


def strip(rows: Sequence[tuple[str, Sequence[tuple[str, Measurement]]]], unit: str) -> Strip | None:
    """Single values side by side; None where there is none."""
    rows = [(name, [(side, one) for side, one in sides if one.n]) for name, sides in rows]
    rows = [(name, sides) for name, sides in rows if sides]
    values = [one.median for _, sides in rows for _, one in sides if one.median > 0]
    if not values:
        return None
    axis = _axis(min(values), max(values), _SIDE, WIDTH - _SIDE)
    drawn = tuple(
        Row(
            name,
            _ROW * place + 30.0,
            tuple(
                Mark(axis.x(max(one.median, min(values))), side, quantity(one.median, one.unit))
                for side, one in sides
            ),
        )
        for place, (name, sides) in enumerate(rows)
    )
    said = "; ".join(f"{row.name}: {', '.join(f'{m.side} {m.text}' for m in row.marks)}" for row in drawn)
    return Strip(_ROW * len(drawn) + 28, drawn, axis.ticks(unit), axis.logarithmic, said)


@dataclass(frozen=True, slots=True)
class _Axis:
    low: float
    high: float
    left: float
    right: float
    logarithmic: bool

    def x(self, value: float) -> float:
        value = min(max(value, self.low), self.high)
        if self.logarithmic:
            share = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            share = (value - self.low) / (self.high - self.low)
        return round(self.left + share * (self.right - self.left), 1)

    def ticks(self, unit: str) -> tuple[tuple[float, str], ...]:
        """At most five round numbers with their words."""
        if self.logarithmic:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            places = [10.0**power for power in range(first, last + 1)]
            if len(places) < 3:
                places = sorted(
                    value
                    for power in range(first - 1, last + 1)
                    for value in (10.0**power, 2 * 10.0**power, 5 * 10.0**power)
                    if self.low <= value <= self.high
                )
            step = math.ceil(len(places) / 4)
            places = places[::step]
        else:
            span = self.high - self.low
            step_size = 10.0 ** math.floor(math.log10(span / 3)) if span > 0 else 1.0
            step_size *= next((by for by in (1, 2, 5) if span / (step_size * by) <= 4), 10)
            first_place = math.ceil(self.low / step_size)
            places = [
                number * step_size
                for number in range(first_place, first_place + 6)
                if number * step_size <= self.high
            ]
        return tuple((self.x(place), _short(place, unit)) for place in places)


def _axis(low: float, high: float, left: float, right: float) -> _Axis:
    if low > 0 and high / low >= _LOG_FROM:
        return _Axis(low / 1.15, high * 1.15, left, right, logarithmic=True)
    room = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    start = low - room
    return _Axis(0.0 if low >= 0 > start else start, high + room, left, right, logarithmic=False)


def _short(value: float, unit: str) -> str:
    return quantity(value, unit).replace(".0 ", " ").replace(".0/", "/")


def _series(side: str, one: Measurement, axis: _Axis, place: int) -> Series:
    ordered = sorted(one.values)
    height = HEIGHT - _BOTTOM - _TOP

    def y(share: float) -> float:
        return round(_TOP + (1 - share) * height, 1)

    parts = [f"M{axis.x(ordered[0])} {y(0)}"]
    for number, value in enumerate(ordered, 1):
        parts.append(f"H{axis.x(value)}V{y(number / len(ordered))}")
    parts.append(f"H{axis.right}")
    step = max(1, math.ceil(len(ordered) / _DOTS))
    base = HEIGHT - _BOTTOM + 24 + 11 * place
    # Dots of one side lie on three lines, so that equal values are seen as several.
    dots = tuple(
        (axis.x(value), round(base + (number % 3 - 1) * 2.4, 1))
        for number, value in enumerate(ordered[::step])
    )
    return Series(
        side,
        "".join(parts),
        dots,
        axis.x(one.median),
        (axis.x(one.ci95[0]), axis.x(one.ci95[1])) if one.ci95 else None,
        axis.x(one.p99) if one.p99 is not None else None,
    )
