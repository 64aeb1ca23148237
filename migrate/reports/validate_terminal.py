"""A comparison for the terminal: the verdict first, then the figures, then what differs and how to see it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from migrate.model import Comparison, Exchange, ExchangeVerdict, Outcome
from migrate.reports.validate_text import (
    FigureRow,
    curl,
    figures,
    headline,
    metric_name,
    normalisation_counts,
    safe,
    sides,
    start_lines,
    tally,
    unequal,
    why_not_comparable,
)

_COLORS = {Outcome.EQUAL: "32", Outcome.DIFFERENT: "31", Outcome.INCONCLUSIVE: "33"}
_SHOWN = 20  # differences of one exchange
_SPOTS = 5


def render(comparison: Comparison, *, color: bool = False, width: int = 80) -> str:
    """The report as text, a line feed at its end."""
    return "\n".join(_lines(comparison, color, max(40, width))) + "\n"


def _lines(comparison: Comparison, color: bool, width: int) -> Iterator[str]:
    yield _paint(headline(comparison), _COLORS[comparison.outcome], color)
    if not comparison.promise:
        yield "no promise: findings were accepted to convert this service"
    yield from (f"  {line}" for line in sides(comparison))
    probes = comparison.probes
    yield f"  probes     {safe(probes.origin)}"
    if probes.thin:
        yield from _wrapped(f"THIN: {probes.thin}", width, "  ")
    for run in comparison.runs:
        yield f"  {run.instances:<10} {tally(run)}"
    spots = comparison.blind_spots
    blind = f"{len(spots.blind)} of {spots.leaves} places ({spots.share:.1%})"
    yield f"  blind      {blind} could not be compared"
    for place in sorted(set(spots.blind))[:_SPOTS]:
        yield f"               {safe(place)}"
    for note in comparison.notes:
        yield from _wrapped(f"note: {safe(note)}", width, "  ")
    if comparison.measurements:
        yield ""
        yield from _figures(comparison, width)
    yield from _logs(comparison)
    yield from _differences(comparison, width)
    yield from _normalisations(comparison)


def _figures(comparison: Comparison, width: int) -> Iterator[str]:
    rows = figures(comparison)
    floor = any(row.floor for row in rows)
    head = FigureRow("", "original", "component", "", (), "host floor" if floor else "", "A/A")
    cells = [
        (row.metric, row.original, row.candidate, row.change, row.floor, row.same) for row in (head, *rows)
    ]
    sizes = [max(len(text) for text in column) for column in zip(*cells, strict=True)]
    if sum(sizes) + 2 * len(sizes) <= width:
        for row in cells:
            line = "  ".join(f"{text:<{size}}" for text, size in zip(row, sizes, strict=True) if size)
            yield f"  {line}".rstrip()
    else:
        for one in rows:
            yield from _figure(one, width)
    yield ""
    yield from _wrapped(f"median [95 % interval, bootstrap], measured on: {comparison.machine}", width, "  ")
    if floor:
        yield from _wrapped("host floor: a trivial handler on the same runtime", width, "  ")
    yield from _wrapped(
        "A/A: so far apart are the larger side's own odd and even turns; a smaller difference shows nothing",
        width,
        "  ",
    )
    for missing in comparison.measurements:
        if not missing.n:
            said = f"{metric_name(missing.metric)}, {missing.side}: {safe(missing.method)}"
            yield from _wrapped(said, width, "  ")
    yield from _wrapped("How each figure was taken: the JSON, Markdown and HTML reports.", width, "  ")
    yield from _claims(comparison, width)
    yield from _budgets(comparison)


def _figure(row: FigureRow, width: int) -> Iterator[str]:
    """One figure over several lines, for narrow terminals."""
    yield f"  {row.metric}"
    both = f"{row.original} -> {row.candidate}" if row.original != "-" else row.candidate
    extra = [
        row.change,
        f"host floor {row.floor}" if row.floor else "",
        f"A/A {row.same}" if row.same else "",
    ]
    yield from _wrapped("; ".join([both, *filter(None, extra)]), width, "    ")


def _claims(comparison: Comparison, width: int) -> Iterator[str]:
    if comparison.claims:
        yield ""
        yield "What the field claims, and what was found here"
        for one in comparison.claims:
            yield from _wrapped(f"{one.held}: {one.claimed}; here {safe(one.measured)}", width, "  ")


def _budgets(comparison: Comparison) -> Iterator[str]:
    if comparison.budgets:
        yield ""
        yield "Budgets (dock2wasm.toml)"
        for one in comparison.budgets:
            yield f"  {one.kept:<12} {one.name} {one.limit}: {safe(one.measured)}"


def _logs(comparison: Comparison) -> Iterator[str]:
    if comparison.log_findings:
        yield ""
        yield "Logs"
        for finding in comparison.log_findings:
            mark = "FATAL " if finding.fatal else ""
            yield f"  {mark}{finding.why} in the log of the {finding.side}: {safe(finding.line)}"


def _differences(comparison: Comparison, width: int) -> Iterator[str]:
    found = unequal(comparison)
    if not found:
        return
    yield ""
    yield "What differs"
    for exchange in found:
        yield from _exchange(exchange, width)
    first, second = start_lines(comparison)
    yield ""
    yield f"  to ask the original:   {first}"
    yield f"  to ask the component:  {second}"


def _exchange(exchange: Exchange, width: int) -> Iterator[str]:
    yield ""
    request = f"{exchange.probe.method} {exchange.sent_original.path}"
    yield f"  {exchange.probe.id}: {safe(request)}"
    if exchange.verdict is ExchangeVerdict.NOT_COMPARABLE:
        yield from _wrapped(f"not comparable: {why_not_comparable(exchange)}", width, "    ")
    for one in exchange.differences[:_SHOWN]:
        unconfirmed = "" if one.confirmed else " (unconfirmed)"
        yield f"    {one.kind} {safe(one.where)}{unconfirmed}"
        if one.original or one.candidate:
            yield f"      original:  {safe(one.original)}"
            yield f"      component: {safe(one.candidate)}"
    if len(exchange.differences) > _SHOWN:
        yield f"    and {len(exchange.differences) - _SHOWN} more"
    yield f"    {safe(curl(exchange.sent_original, 'ORIGINAL'))}"
    yield f"    {safe(curl(exchange.sent_candidate, 'CANDIDATE'))}"


def _normalisations(comparison: Comparison) -> Iterator[str]:
    counts = normalisation_counts(comparison)
    if counts:
        yield ""
        yield "Allowed differences that were applied (docs/normalisations.md)"
        for name, count, example in counts:
            yield f"  {count:>4}  {name:<18} {example}"


def _wrapped(text: str, width: int, indent: str) -> Iterator[str]:
    yield from textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False
    )


def _paint(text: str, code: str, color: bool) -> str:
    return f"\x1b[1;{code}m{text}\x1b[0m" if color else text
