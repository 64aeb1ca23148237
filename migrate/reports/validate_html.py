"""A comparison as one HTML file: what differs side by side, figures as distributions, claims, grants, noise.

It loads nothing and needs no network. Bodies stand in it only where answers differ, at most
`side_by_side.LINES` lines of each.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from analyzers.model import Grant
from migrate.model import Comparison, Exchange, ExchangeVerdict, Held, Kept, Measurement, Outcome
from migrate.reports import page, plots, side_by_side
from migrate.reports.assess_terminal import describe_grant
from migrate.reports.validate_text import (
    FigureRow,
    curl,
    figures,
    headline,
    metric_name,
    normalisation_counts,
    sides,
    start_lines,
    tally,
    triples,
    why_not_comparable,
)

_EXCHANGES = 2000  # of one page; those that differ come first
_DETAILED = 200  # that differ and are shown side by side
_NOISE = 300
_CLASSES = {
    ExchangeVerdict.EQUAL: "convert",
    ExchangeVerdict.NORMALISED: "convert",
    ExchangeVerdict.DIFFERENT: "keep",
    ExchangeVerdict.NOT_COMPARABLE: "refactor",
}
_WORDS = {ExchangeVerdict.NOT_COMPARABLE: "not comparable"}
_OUTCOMES = {Outcome.EQUAL: "convert", Outcome.DIFFERENT: "keep", Outcome.INCONCLUSIVE: "refactor"}
_HELD = {Held.HOLDS: "convert", Held.NOT: "keep", Held.UNMEASURED: "none"}
_KEPT = {Kept.MET: "convert", Kept.EXCEEDED: "keep", Kept.UNMEASURED: "refactor"}
_ORDER = {
    ExchangeVerdict.DIFFERENT: 0,
    ExchangeVerdict.NOT_COMPARABLE: 1,
    ExchangeVerdict.NORMALISED: 2,
    ExchangeVerdict.EQUAL: 3,
}


@dataclass(frozen=True, slots=True)
class _Row:
    """An exchange as the page shows it."""

    exchange: Exchange
    word: str
    colour: str
    lines: list[side_by_side.Line]
    why: str
    curls: tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Figure:
    """A metric's row of the table and its plot."""

    row: FigureRow
    plot: plots.Plot | None


def render(comparison: Comparison) -> str:
    """The page."""
    run = comparison.runs[0]
    ordered = sorted(run.exchanges, key=lambda one: _ORDER[one.verdict])
    counts = Counter(one.verdict for one in run.exchanges)
    return page.render(
        "validate.html.j2",
        script="validate.js",
        style="validate.css",
        comparison=comparison,
        headline=headline(comparison),
        outcome_colour=_OUTCOMES[comparison.outcome],
        sides=sides(comparison),
        counts=[(verdict, _word(verdict), _CLASSES[verdict], counts[verdict]) for verdict in _ORDER],
        runs=[(run.instances, tally(run)) for run in comparison.runs],
        rows=[_row(one, number < _DETAILED) for number, one in enumerate(ordered[:_EXCHANGES])],
        left_out=max(0, len(ordered) - _EXCHANGES),
        figures=_figures(comparison),
        strips=_strips(comparison),
        claims=[(one, _HELD[one.held]) for one in comparison.claims] if comparison.measurements else [],
        budgets=[(one, _KEPT[one.kept]) for one in comparison.budgets],
        grants=[_granted(one) for one in comparison.grants],
        normalisations=normalisation_counts(comparison),
        noise=_noise(run.exchanges),
        noise_shown=_NOISE,
        starts=start_lines(comparison),
    )


def _word(verdict: ExchangeVerdict) -> str:
    return _WORDS.get(verdict, str(verdict))


def _row(exchange: Exchange, detailed: bool) -> _Row:
    unequal = exchange.verdict in {ExchangeVerdict.DIFFERENT, ExchangeVerdict.NOT_COMPARABLE}
    return _Row(
        exchange,
        _word(exchange.verdict),
        _CLASSES[exchange.verdict],
        side_by_side.answers(exchange.original, exchange.candidate) if unequal and detailed else [],
        why_not_comparable(exchange) if exchange.verdict is ExchangeVerdict.NOT_COMPARABLE else "",
        (curl(exchange.sent_original, "ORIGINAL"), curl(exchange.sent_candidate, "CANDIDATE")),
    )


def _figures(comparison: Comparison) -> list[_Figure]:
    return [
        _Figure(row, plots.distribution(metric_name(metric), _known(original, candidate, floor)))
        for row, (metric, original, candidate, floor) in zip(
            figures(comparison), triples(comparison), strict=True
        )
    ]


def _strips(comparison: Comparison) -> list[tuple[str, plots.Strip]]:
    """Sizes and memory: one value each."""
    found = []
    for title, prefix in (("Size", "size"), ("Memory", "memory")):
        rows: list[tuple[str, Sequence[tuple[str, Measurement]]]] = [
            (metric_name(metric), _known(original, candidate, floor))
            for metric, original, candidate, floor in triples(comparison)
            if metric.startswith(prefix)
        ]
        drawn = plots.strip(rows, "byte")
        if drawn is not None:
            found.append((title, drawn))
    return found


def _known(*measured: Measurement | None) -> list[tuple[str, Measurement]]:
    return [
        (side, one)
        for side, one in zip(("original", "component", "floor"), measured, strict=True)
        if one is not None and one.n and math.isfinite(one.median)
    ]


def _granted(grant: Grant) -> tuple[str, str]:
    return describe_grant(grant), str(grant.evidence)


def _noise(exchanges: Sequence[Exchange]) -> list[tuple[str, str, str, str]]:
    """Probe, place, and two of the original's own answers there."""
    return [
        (one.probe.id, noise.where, noise.first, noise.second) for one in exchanges for noise in one.noise
    ]
