"""Budgets: limits of `dock2wasm.toml` for the figures, `p99_ratio = "<= 1.5"`.

A name is that of a figure (`cold_start`, `size`, ...): the component's value, or, where it ends in `_ratio`,
that value divided by the original's. Where a figure was taken at several loads, the worst counts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from migrate.errors import ConfigError
from migrate.model import Budget, Kept, Measurement, Side
from migrate.validate.measuring.quantities import quantity

RATIO = "_ratio"
_LIMIT = re.compile(r"(<=|>=)\s*(\d+(?:\.\d+)?)\s*([a-zA-Zµ/]*)\Z")
_FACTORS = {
    "byte": {"B": 1.0, "kB": 1e3, "MB": 1e6, "GB": 1e9, "KiB": 1024.0, "MiB": 1048576.0},
    "s": {"us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0},
    "1/s": {"/s": 1.0},
    "copies": {"": 1.0},
}


@dataclass(frozen=True, slots=True)
class Figure:
    """What a budget's name means: metrics that match `pattern`, their median or 99th percentile.

    Where none of them was measured those that match `otherwise` count: at saturation a latency says only how
    many wait, so the one at a fixed rate is meant where there is one.
    """

    pattern: str
    unit: str
    p99: bool = False
    otherwise: str = ""
    ratio: bool = True  # whether the original has it too


FIGURES = {
    "size": Figure("size", "byte"),
    "size_compressed": Figure("size-compressed", "byte"),
    "size_precompiled": Figure("size-precompiled", "byte", ratio=False),
    "cold_start": Figure("cold-start", "s"),
    "instance_start": Figure("instance-start", "s", ratio=False),
    "memory_rest": Figure("memory-rest", "byte"),
    "memory_load": Figure("memory-load", "byte"),
    "memory_copy": Figure(r"memory-copy-\d+", "byte"),
    "memory_copy_busy": Figure(r"memory-copy-load-\d+", "byte"),
    "copies_per_gb": Figure("copies-idle-per-gb", "copies"),
    "throughput": Figure(r"throughput-c\d+", "1/s"),
    "latency": Figure(r"latency-\d+", "s", otherwise=r"latency-c\d+"),
    "p99": Figure(r"latency-\d+", "s", p99=True, otherwise=r"latency-c\d+"),
    "cpu": Figure(r"cpu-c\d+", "s"),
}


@dataclass(frozen=True, slots=True)
class Limit:
    """A budget as read. `value` is in the figure's unit, or a ratio."""

    name: str
    text: str
    at_most: bool
    value: float


def read(table: Mapping[str, object], where: str) -> tuple[Limit, ...]:
    """The limits of `[validate.budgets]`. Raises ConfigError naming the one that cannot be read."""
    return tuple(_limit(name, value, where) for name, value in table.items())


def _limit(name: str, value: object, where: str) -> Limit:
    figure = FIGURES.get(name.removesuffix(RATIO))
    ratio = name.endswith(RATIO)
    if figure is None or (ratio and not figure.ratio):
        known = ", ".join(FIGURES)
        raise ConfigError(
            f"{where}: validate.budgets has no figure {name!r}.",
            do=f"Known: {known}; most also with {RATIO} (the component's divided by the original's).",
        )
    found = _LIMIT.match(value) if isinstance(value, str) else None
    factors = {"": 1.0} if ratio else _FACTORS[figure.unit]
    if found is None or found[3] not in factors:
        units = "" if ratio else f" and one of the units {', '.join(unit for unit in factors if unit)}"
        example = (
            '"<= 1.5"' if ratio or figure.unit == "copies" else f'"<= 50 {list(factors)[2 % len(factors)]}"'
        )
        raise ConfigError(
            f"{where}: validate.budgets.{name} is no limit.",
            why=f"A limit is text: <= or >=, a number{units}.",
            do=f"For example: {name} = {example}.",
        )
    return Limit(name, str(value), found[1] == "<=", float(found[2]) * factors[found[3]])


def judge(limits: Sequence[Limit], measurements: Sequence[Measurement]) -> tuple[Budget, ...]:
    """Each limit beside the worst figure that it is about."""
    return tuple(_judged(limit, measurements) for limit in limits)


def _judged(limit: Limit, measurements: Sequence[Measurement]) -> Budget:
    figure = FIGURES[limit.name.removesuffix(RATIO)]
    ratio = limit.name.endswith(RATIO)
    missing = ""
    found: list[tuple[float, str]] = []
    for pattern in filter(None, (figure.pattern, figure.otherwise)):
        if found:
            break
        values, why = _values(figure, pattern, measurements)
        missing = missing or why
        for metric, by_side in values.items():
            mine, theirs = by_side.get(Side.CANDIDATE), by_side.get(Side.ORIGINAL)
            if ratio and mine is not None and theirs:
                found.append((mine / theirs, metric))
            elif not ratio and mine is not None:
                found.append((mine, metric))
    if not found:
        return Budget(limit.name, limit.text, missing or "not measured", Kept.UNMEASURED)
    worst, metric = max(found) if limit.at_most else min(found)
    kept = worst <= limit.value if limit.at_most else worst >= limit.value
    text = f"{worst:.2f}" if ratio else quantity(worst, figure.unit)
    return Budget(limit.name, limit.text, f"{text} ({metric})", Kept.MET if kept else Kept.EXCEEDED)


def _values(
    figure: Figure, pattern: str, measurements: Sequence[Measurement]
) -> tuple[dict[str, dict[Side, float]], str]:
    """The figure's values by metric and side, and why the first that is missing is."""
    values: dict[str, dict[Side, float]] = {}
    missing = ""
    for one in measurements:
        if not re.fullmatch(pattern, one.metric):
            continue
        value = one.p99 if figure.p99 else one.median
        if not one.n or value is None:
            missing = missing or f"{one.metric} of the {one.side}: {one.method if not one.n else 'n < 20'}"
        else:
            values.setdefault(one.metric, {})[one.side] = value
    return values, missing
