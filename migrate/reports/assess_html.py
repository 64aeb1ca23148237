"""An assessment as one HTML file to read, filter, sort and print; it loads nothing and needs no network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from analyzers import rules
from analyzers.model import Evidence, Finding, Link, Verdict
from analyzers.redaction import redacted_evidence
from migrate.policy import Mark, Review, ReviewedService
from migrate.reports import graph, page, summary
from migrate.reports.assess_terminal import describe_grant

_PLACES = 20  # of one finding
_ROUTES = 200  # of one service


def render(review: Review) -> str:
    """The page."""
    assessment = review.assessment
    inventory = assessment.inventory
    found = {finding.rule for one in assessment.services for finding in one.findings}
    services = summary.by_use(review.services)
    return page.render(
        "assess.html.j2",
        script="assess.js",
        name=inventory.root.name or inventory.root.as_posix(),
        commit=inventory.commit,
        scope=summary.of_scope(assessment.scope) if assessment.scope else None,
        version=assessment.tool_version,
        rules_version=assessment.rules_version,
        counts=[(verdict, sum(one.verdict is verdict for one in assessment.services)) for verdict in Verdict],
        services=services,
        numbers={one.assessment.service.name: number for number, one in enumerate(services, 1)},
        moving=[one for one in services if not _stays(one)],
        linked=_linked(services),
        graph=graph.draw((row.source, row.link.service) for row in _linked(services)),
        verdicts={one.assessment.service.name: one.assessment.verdict for one in services},
        called={
            name: tuple(dict.fromkeys(caller for caller, _ in links))
            for name, links in summary.callers(services).items()
        },
        targets=list(dict.fromkeys(target.target for one in assessment.services for target in one.targets)),
        not_read=[(item.path, item.reason) for item in inventory.not_read],
        failed=[(item.rule, f"on {item.service}: {item.error}") for item in assessment.rules_failed],
        idle=[(item.where, f"{item.rule} {item.why}") for item in review.idle],
        gone=len(review.gone),
        explained=[loaded for loaded in rules.load() if loaded.rule.id in found],
        places=_PLACES,
        routes=_ROUTES,
        by_file=_by_file,
        describe=describe_grant,
        converts_on=summary.converts_on,
        main_reason=summary.in_short,
        target_groups=summary.target_groups,
        advice_on=summary.advice_on,
        last_of_rule=_last_of_rule,
    )


def _by_file(places: Iterable[Evidence]) -> list[list[Evidence]]:
    """Places of one file that follow each other are shown together."""
    return [list(lines) for _, lines in groupby(map(redacted_evidence, places), lambda place: place.path)]


@dataclass(frozen=True, slots=True)
class _LinkRow:
    source: str
    source_verdict: Verdict
    link: Link
    verdict: Verdict | None  # of the service that is called; None where it is not of this repository


def _linked(services: Sequence[ReviewedService]) -> list[_LinkRow]:
    verdicts = {one.assessment.service.name: one.assessment.verdict for one in services}
    return [
        _LinkRow(one.assessment.service.name, one.assessment.verdict, link, verdicts.get(link.service))
        for one in services
        for link in one.assessment.service.links
    ]


def _stays(one: ReviewedService) -> bool:
    verdicts = {one.assessment.verdict, *(item.verdict for item in one.assessment.targets)}
    return verdicts == {Verdict.KEEP}


def _last_of_rule(findings: Sequence[tuple[Finding, Mark]], position: int) -> bool:
    return summary.last_of_rule([finding for finding, _ in findings], position)
