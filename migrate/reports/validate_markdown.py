"""A comparison as Markdown, for a pull request. Text of answers and logs is escaped: it is not ours."""

from __future__ import annotations

import re
from collections.abc import Iterator

from migrate.model import Comparison, Exchange, ExchangeVerdict, Held, Kept, Outcome
from migrate.reports.markdown import cell, text
from migrate.reports.validate_text import (
    curl,
    figures,
    headline,
    normalisation_counts,
    safe,
    sides,
    start_lines,
    tally,
    unequal,
    why_not_comparable,
)

_MARKS = {Outcome.EQUAL: "✅", Outcome.DIFFERENT: "❌", Outcome.INCONCLUSIVE: "❔"}
_EXCHANGES = 20
_DIFFERENCES = 10


def render(comparison: Comparison) -> str:
    """The report, a line feed at its end."""
    return "\n".join(_lines(comparison)) + "\n"


def _fence(lines: list[str]) -> Iterator[str]:
    body = "\n".join(lines)
    ticks = "`" * max(3, max((len(run) for run in re.findall("`+", body)), default=0) + 1)
    yield f"{ticks}sh"
    yield body
    yield ticks


def _lines(comparison: Comparison) -> Iterator[str]:
    yield f"### {_MARKS[comparison.outcome]} {text(headline(comparison))}"
    yield ""
    if not comparison.promise:
        yield "**No promise:** findings were accepted to convert this service."
        yield ""
    for line in sides(comparison):
        yield f"- {cell(line)}"
    yield f"- probes: {text(comparison.probes.origin)}"
    if comparison.probes.thin:
        yield f"- **thin:** {text(comparison.probes.thin)}"
    for run in comparison.runs:
        yield f"- {run.instances} instances: {tally(run)}"
    spots = comparison.blind_spots
    yield f"- blind spots: {len(spots.blind)} of {spots.leaves} places ({spots.share:.1%})"
    for note in comparison.notes:
        yield f"- note: {text(note)}"
    yield from _figures(comparison)
    yield from _judged(comparison)
    if comparison.log_findings:
        yield ""
        yield "#### Logs"
        yield ""
        for finding in comparison.log_findings:
            mark = "**fatal** " if finding.fatal else ""
            yield f"- {mark}{finding.why} in the log of the {finding.side}: {cell(finding.line)}"
    yield from _differences(comparison)
    counts = normalisation_counts(comparison)
    if counts:
        yield ""
        yield "<details><summary>Allowed differences that were applied</summary>"
        yield ""
        yield "| times | name | first |"
        yield "| ---: | --- | --- |"
        for name, count, example in counts:
            yield f"| {count} | {name} | {cell(example)} |"
        yield ""
        yield "</details>"


def _figures(comparison: Comparison) -> Iterator[str]:
    rows = figures(comparison)
    if not rows:
        return
    yield ""
    yield "| | original | component | | host floor | A/A |"
    yield "| --- | ---: | ---: | --- | ---: | ---: |"
    for row in rows:
        yield (
            f"| {row.metric} | {row.original} | {row.candidate} | {row.change} | {row.floor} | {row.same} |"
        )
    yield ""
    yield "<details><summary>How this was measured</summary>"
    yield ""
    for row in rows:
        for note in row.notes:
            yield f"- {row.metric}, {text(note)}"
    yield f"- median with its 95 % interval (bootstrap), on: {text(comparison.machine)}"
    yield "- host floor: a trivial handler on the same runtime"
    yield "- A/A: so far apart are a side's own odd and even turns; a smaller difference shows nothing"
    yield ""
    yield "</details>"


_HELD = {Held.HOLDS: "✅", Held.NOT: "❌", Held.UNMEASURED: "❔"}
_KEPT = {Kept.MET: "✅", Kept.EXCEEDED: "❌", Kept.UNMEASURED: "❔"}


def _judged(comparison: Comparison) -> Iterator[str]:
    if comparison.budgets:
        yield ""
        yield "| | budget | limit | measured |"
        yield "| --- | --- | --- | --- |"
        for one in comparison.budgets:
            yield f"| {_KEPT[one.kept]} {one.kept} | {one.name} | {cell(one.limit)} | {text(one.measured)} |"
    if comparison.claims and comparison.measurements:
        yield ""
        yield "<details><summary>What the field claims, and what was found here</summary>"
        yield ""
        yield "| | claimed | measured here | method | who says it |"
        yield "| --- | --- | --- | --- | --- |"
        for claim in comparison.claims:
            words = (claim.claimed, claim.measured, claim.method, claim.source)
            yield f"| {_HELD[claim.held]} {claim.held} | {' | '.join(text(word) for word in words)} |"
        yield ""
        yield "</details>"


def _differences(comparison: Comparison) -> Iterator[str]:
    found = unequal(comparison)
    if not found:
        return
    yield ""
    yield "#### What differs"
    for exchange in found[:_EXCHANGES]:
        yield from _exchange(exchange)
    if len(found) > _EXCHANGES:
        yield ""
        yield f"And {len(found) - _EXCHANGES} more probes; the JSON report has them all."
    yield ""
    yield from _fence(list(start_lines(comparison)))


def _exchange(exchange: Exchange) -> Iterator[str]:
    yield ""
    yield f"**{text(exchange.probe.id)}** {cell(f'{exchange.probe.method} {exchange.sent_original.path}')}"
    yield ""
    if exchange.verdict is ExchangeVerdict.NOT_COMPARABLE:
        yield f"Not comparable: {text(why_not_comparable(exchange))}."
        yield ""
    if exchange.differences:
        yield "| what | where | original | component |"
        yield "| --- | --- | --- | --- |"
    for one in exchange.differences[:_DIFFERENCES]:
        kind = one.kind if one.confirmed else f"{one.kind} (unconfirmed)"
        yield f"| {kind} | {cell(one.where)} | {cell(one.original)} | {cell(one.candidate)} |"
    if len(exchange.differences) > _DIFFERENCES:
        yield f"| and {len(exchange.differences) - _DIFFERENCES} more | | | |"
    yield ""
    yield from _fence(
        [safe(curl(exchange.sent_original, "ORIGINAL")), safe(curl(exchange.sent_candidate, "CANDIDATE"))]
    )
