"""The field's headline claims beside what was measured here: holds, does not hold, or not measured."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from migrate.model import Claim, Held, Measurement, Side
from migrate.validate.measuring.quantities import quantity, ratio_interval


@dataclass(frozen=True, slots=True)
class Said:
    """One entry of `claims.toml`; its head explains the fields."""

    id: str
    claimed: str
    source: str
    metric: tuple[str, ...]
    side: str
    low: float
    high: float
    method: str


@cache
def said() -> tuple[Said, ...]:
    """All claims, in the order of the file."""
    data = tomllib.loads(Path(__file__).with_name("claims.toml").read_text("utf-8"))
    return tuple(
        Said(
            one["id"],
            one["claimed"],
            one["source"],
            tuple(one["metric"]),
            one["side"],
            one.get("from", -math.inf),
            one.get("to", math.inf),
            one["method"],
        )
        for one in data["claim"]
    )


def judge(measurements: Sequence[Measurement]) -> tuple[Claim, ...]:
    """Each claim, judged. A claim holds only where the whole interval lies within its bounds."""
    return tuple(_judged(one, measurements) for one in said())


def _judged(claim: Said, measurements: Sequence[Measurement]) -> Claim:
    by_key = {(one.metric, one.side): one for one in measurements if one.n}
    for metric in claim.metric:
        original, candidate = by_key.get((metric, Side.ORIGINAL)), by_key.get((metric, Side.CANDIDATE))
        if claim.side == "ratio":
            found = _ratio(claim, original, candidate)
        else:
            one = candidate if claim.side == str(Side.CANDIDATE) else original
            found = _alone(one) if one is not None else None
        if found is not None:
            text, low, high = found
            held = Held.HOLDS if claim.low <= low and high <= claim.high else Held.NOT
            return Claim(claim.id, claim.claimed, claim.source, text, f"{claim.method} ({metric})", held)
    why = next(
        (one.method for one in measurements if one.metric in claim.metric and not one.n), "not measured"
    )
    return Claim(claim.id, claim.claimed, claim.source, why, claim.method, Held.UNMEASURED)


def _alone(one: Measurement) -> tuple[str, float, float]:
    low, high = one.ci95 or (one.median, one.median)
    text = quantity(one.median, one.unit)
    if one.ci95:
        text += f" [{quantity(low, one.unit)}, {quantity(high, one.unit)}]"
    return text, low, high


def _ratio(
    claim: Said, original: Measurement | None, candidate: Measurement | None
) -> tuple[str, float, float] | None:
    if original is None or candidate is None or original.median <= 0:
        return None
    value = candidate.median / original.median
    low, high = ratio_interval(original, candidate)
    numbers = (
        f"{quantity(candidate.median, candidate.unit)} against {quantity(original.median, original.unit)}"
    )
    if math.isfinite(claim.high):
        return f"{_less(value)} ({numbers})", low, high
    return f"{value:.0%} of the original's ({numbers})", low, high


def _less(value: float) -> str:
    return f"{1 - value:.0%} less" if value <= 1 else f"{value - 1:.0%} more"
