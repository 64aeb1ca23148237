"""An assessment as Markdown, for a comment on a pull request: a short table, then the reasons."""

from __future__ import annotations

import html
from collections.abc import Iterator

from analyzers.model import Effect, Finding, ServiceAssessment, Severity, Verdict
from analyzers.redaction import redacted_evidence
from migrate.policy import Mark, Review, ReviewedService
from migrate.reports.console import cut, printable
from migrate.reports.markdown import cell, code, fence, text
from migrate.reports.summary import advice_on, converts_on, last_of_rule, main_reason, of_scope, target_groups

LIMIT = 60_000  # characters; forges refuse comments of more than 65,536
_MARKS = {Verdict.CONVERT: "🟢", Verdict.REFACTOR: "🟡", Verdict.KEEP: "🔴"}
_ORDER = (Verdict.KEEP, Verdict.REFACTOR, Verdict.CONVERT)
_ROWS = 100
_FINDINGS = 20  # of one service
_EVIDENCE = 3
_NOT_READ = 20
_ROUTES = 20


def render(review: Review) -> str:
    """The report, a line feed at its end, in at most LIMIT characters; what was left out is said."""
    head = "\n".join(_head(review)) + "\n"
    tail = "\n".join(_tail(review)) + "\n"
    parts, used, left = [], len(head) + len(tail) + 200, 0
    for one in _by_verdict(review):
        part = "\n".join(_service(one)) + "\n"
        if left or used + len(part) > LIMIT:
            left += 1
            continue
        parts.append(part)
        used += len(part)
    if left:
        noun = "service" if left == 1 else "services"
        parts.append(f"\nThe details of {left} more {noun} are in the JSON and HTML reports.\n")
    return head + "".join(parts) + tail


def _by_verdict(review: Review) -> list[ReviewedService]:
    return sorted(review.services, key=lambda one: _ORDER.index(one.assessment.verdict))


def _head(review: Review) -> Iterator[str]:
    services = review.services
    counts = ", ".join(
        f"{sum(one.assessment.verdict is verdict for one in services)} {verdict}"
        for verdict in reversed(_ORDER)
    )
    yield f"### WebAssembly: {counts}"
    yield ""
    commit = review.assessment.inventory.commit
    at = f" at {code(commit[:12])}" if commit else ""
    version = code(review.assessment.tool_version)
    yield f"{len(services)} service{'s' * (len(services) != 1)}{at}, read by dock2wasm {version}."
    if review.assessment.scope is not None:
        yield text(of_scope(review.assessment.scope))
    if review.has_baseline or review.suppressed:
        every = sum(len(one.marks) for one in services)
        new = every - review.known - review.suppressed
        yield f"Findings, notes included: {new} new, {review.known} known, {review.suppressed} ignored."
    yield ""
    if services:
        yield "| service | verdict | score | confidence | converts on | main reason |"
        yield "| --- | --- | ---: | --- | --- | --- |"
    for one in _by_verdict(review)[:_ROWS]:
        yield _row(one)
    if len(services) > _ROWS:
        yield f"| and {len(services) - _ROWS} more | | | | | |"


def _row(one: ReviewedService) -> str:
    judged = one.assessment
    takes = ", ".join(converts_on(judged))
    reason = main_reason(judged)
    name = cell(cut(printable(judged.service.name), 60))
    return (
        f"| {name} | {_MARKS[judged.verdict]} **{judged.verdict}** | {judged.score} "
        f"| {judged.confidence} | {takes or '-'} | {cell(reason) if reason else '-'} |"
    )


def _service(one: ReviewedService) -> Iterator[str]:
    judged = one.assessment
    shown = [pair for pair in one.findings() if _serious(pair[0])]
    shown.sort(key=lambda pair: not pair[1].counts)  # what is new first
    routes = judged.service.source.routes if judged.service.source else ()
    if not shown and not judged.unknown and not routes and not judged.service.links:
        return
    new = sum(mark.counts for _, mark in shown)
    aside = f", {len(shown) - new} known or ignored" if new < len(shown) else ""
    noun = "finding" if len(shown) == 1 else "findings"
    name = html.escape(printable(judged.service.name))
    yield ""
    yield (f"<details><summary><code>{name}</code>: {judged.verdict}, {len(shown)} {noun}{aside}</summary>")
    if judged.verdict is not Verdict.KEEP:
        yield ""
        yield "; ".join(_targets(judged)) + "."
        low, high = judged.effort.low, judged.effort.high
        yield f"Effort {low:g} to {high:g} days, a judgement."
    found = [finding for finding, _ in shown]
    for position, (finding, mark) in enumerate(shown[:_FINDINGS]):
        yield from _finding(finding, mark)
        if last_of_rule(found, position):
            yield f"→ {text(finding.remedy)}"
            for advice in advice_on(judged, finding.rule):
                yield ""
                yield f"Advice: {text(advice.text)} ({text(advice.source)}, {advice.date})"
    if len(shown) > _FINDINGS:
        yield ""
        yield f"And {len(shown) - _FINDINGS} more; the JSON and HTML reports have all."
    if judged.unknown:
        yield ""
        yield "Could not be settled by reading:"
        yield ""
    for item in judged.unknown:
        yield f"- {text(item.what)}; settled by {text(item.settle_with)}"
    if judged.service.links:
        called = ", ".join(f"{code(link.service)} ({link.protocol})" for link in judged.service.links)
        yield ""
        yield f"Calls here: {called}."
    if routes:
        named = ", ".join(code(f"{route.method} {route.path}") for route in routes[:_ROUTES])
        more = f" and {len(routes) - _ROUTES} more" if len(routes) > _ROUTES else ""
        yield ""
        yield f"Routes: {named}{more}."
    yield ""
    yield "</details>"


def _targets(judged: ServiceAssessment) -> Iterator[str]:
    for group in target_groups(judged.targets):
        names = "all targets" if len(group.names) == len(judged.targets) else ", ".join(group.names)
        lacks = f" (lacks {', '.join(map(code, group.lacks))})" if group.lacks else ""
        yield f"**{group.verdict}** on {names}{lacks}"


def _serious(finding: Finding) -> bool:
    return finding.effect is not Effect.NONE or finding.severity is not Severity.INFO


def _finding(finding: Finding, mark: Mark) -> Iterator[str]:
    label = "note" if finding.effect is Effect.NONE else str(finding.effect)
    yield ""
    yield f"**{label}** {code(finding.rule)} {text(finding.message)}"
    yield ""
    if mark.suppressed:
        yield f"*Ignored: {text(mark.suppressed.reason)}* ({code(mark.suppressed.where)})"
        yield ""
    elif mark.known:
        yield "*Known: it stands in the baseline.*"
        yield ""
    for place in map(redacted_evidence, finding.evidence[:_EVIDENCE]):
        yield code(str(place))
        yield ""
        if place.snippet.strip():
            yield from fence([place.snippet.strip()])
            yield ""
    if len(finding.evidence) > _EVIDENCE:
        yield f"and {len(finding.evidence) - _EVIDENCE} more."
        yield ""


def _tail(review: Review) -> Iterator[str]:
    assessment = review.assessment
    not_read = assessment.inventory.not_read
    if not not_read and not assessment.rules_failed:
        yield ""
        yield "Everything was read, and no rule failed."
    if assessment.rules_failed:
        yield ""
        yield "**Rules that failed** (their silence is no pass):"
        yield ""
    for failed in assessment.rules_failed[:_NOT_READ]:
        yield f"- {code(failed.rule)} on {code(failed.service)}: {text(failed.error[:200])}"
    yield from _more(len(assessment.rules_failed))
    if review.idle:
        yield ""
        yield "**Ignores that do nothing:**"
        yield ""
    for idle in review.idle[:_NOT_READ]:
        yield f"- {code(idle.where[:200])}: {code(idle.rule[:200])} {text(idle.why)}"
    yield from _more(len(review.idle))
    if not_read:
        noun = "path" if len(not_read) == 1 else "paths"
        yield ""
        yield f"<details><summary>{len(not_read)} {noun} not read</summary>"
        yield ""
        for item in not_read[:_NOT_READ]:
            yield f"- {code(item.path[:200])}: {text(item.reason[:200])}"
        yield from _more(len(not_read))
        yield ""
        yield "</details>"
    if review.gone:
        yield ""
        yield f"Findings of the baseline that are gone: {len(review.gone)}. Write it anew."


def _more(count: int) -> Iterator[str]:
    if count > _NOT_READ:
        yield f"- and {count - _NOT_READ} more"
