"""An assessment as one HTML file to read, filter, sort and print; it loads nothing and needs no network."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from analyzers import rules
from analyzers.model import Effect, Evidence, ServiceAssessment, Verdict
from analyzers.redaction import redacted_evidence
from migrate.policy import Review
from migrate.reports import page
from migrate.reports.assess_terminal import describe_grant

_PLACES = 20  # of one finding
_ROUTES = 200  # of one service


def render(review: Review) -> str:
    """The page."""
    assessment = review.assessment
    inventory = assessment.inventory
    found = {finding.rule for one in assessment.services for finding in one.findings}
    return page.render(
        "assess.html.j2",
        script="assess.js",
        name=inventory.root.name or inventory.root.as_posix(),
        commit=inventory.commit,
        version=assessment.tool_version,
        rules_version=assessment.rules_version,
        counts=[(verdict, sum(one.verdict is verdict for one in assessment.services)) for verdict in Verdict],
        services=review.services,
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
        converts_on=_converts_on,
        main_reason=_main_reason,
    )


def _by_file(places: Iterable[Evidence]) -> list[list[Evidence]]:
    """Places of one file that follow each other are shown together."""
    return [list(lines) for _, lines in groupby(map(redacted_evidence, places), lambda place: place.path)]


def _converts_on(one: ServiceAssessment) -> list[str]:
    return [item.target for item in one.targets if item.verdict is Verdict.CONVERT]


def _main_reason(one: ServiceAssessment) -> str:
    return next((finding.rule for finding in one.findings if finding.effect is not Effect.NONE), "")
