"""An assessment as SARIF 2.1.0, for code scanning of forges and for editors.

A verdict is no vulnerability: there is no `security-severity`, and no result has the level `error` unless
the run was asked to fail on it (`--fail-on`): forges fail a pull request on that level by themselves.
Paths are relative to `%SRCROOT%`. What was not read and the rules that failed are notifications.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from analyzers import rules
from analyzers.model import Evidence, Finding, ServiceAssessment, Severity
from analyzers.redaction import redacted_evidence
from migrate.policy import FailOn, Mark, Review, fails
from migrate.policy.fingerprints import VERSION
from migrate.reports.console import printable
from migrate.reports.summary import advice_on, of_scope
from migrate.reports.wire.assess import clean

Json = dict[str, Any]

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {
    Severity.BLOCKER: "warning",
    Severity.MAJOR: "warning",
    Severity.MINOR: "note",
    Severity.INFO: "note",
}
_TEXTS = ("shortDescription", "fullDescription", "help")
_NOT_READ, _RULE_FAILED, _IDLE_IGNORE = "not-read", "rule-failed", "idle-ignore"
_NOTIFICATIONS = {
    _NOT_READ: "A path of the repository was not read.",
    _RULE_FAILED: "A rule failed on a service; its silence is no pass.",
    _IDLE_IGNORE: "An ignore that does nothing.",
}


def to_sarif(review: Review, fail_on: Sequence[FailOn] = ()) -> Json:
    """One run with a result for each finding of each service, as JSON-serialisable data."""
    assessment = review.assessment
    descriptors = _rules(review)
    index = {descriptor["id"]: position for position, descriptor in enumerate(descriptors)}
    sarif: Json = clean(
        {
            "$schema": SCHEMA,
            "version": "2.1.0",
            "runs": [
                {
                    "tool": {
                        "driver": {
                            "name": "dock2wasm",
                            "version": assessment.tool_version,
                            "rules": descriptors,
                            "notifications": [
                                {"id": name} | {key: {"text": text} for key in _TEXTS}
                                for name, text in _NOTIFICATIONS.items()
                            ],
                            "properties": {"rules": assessment.rules_version},
                        }
                    },
                    "automationDetails": {"id": "dock2wasm/assess/"},
                    "originalUriBaseIds": {
                        "%SRCROOT%": {"description": {"text": "The repository that was assessed."}}
                    },
                    "invocations": [_invocation(review, index)],
                    "results": [
                        _result(review, one.assessment, finding, mark, index, fail_on)
                        for one in review.services
                        for finding, mark in one.findings()
                    ],
                    "properties": {
                        "commit": assessment.inventory.commit,
                        "scope": _text(of_scope(assessment.scope)) if assessment.scope else None,
                        "services": [_service(one) for one in assessment.services],
                    },
                }
            ],
        }
    )
    return sarif


def _rules(review: Review) -> list[Json]:
    """A descriptor for every rule, found something or not; then those that only findings or failures name."""
    known = {found.rule.id: _rule(found) for found in rules.load()}
    named = [finding.rule for one in review.services for finding in one.assessment.findings]
    named += [failure.rule for failure in review.assessment.rules_failed]
    for name in named:
        known.setdefault(name, {"id": name})
    return list(known.values())


def _rule(found: rules.LoadedRule) -> Json:
    rule = found.rule
    sections = dict(found.sections)
    says = " ".join(sections["What it says"].split())
    return {
        "id": rule.id,
        "shortDescription": {"text": f"{rule.title}."},
        "fullDescription": {"text": says},
        "help": {
            "text": "\n\n".join(f"{heading}\n{text}" for heading, text in found.sections),
            "markdown": "\n\n".join(f"## {heading}\n\n{text}" for heading, text in found.sections),
        },
        "defaultConfiguration": {"level": _LEVELS[rule.severity]},
        "properties": {
            "tags": ["webassembly", "migration"],
            "severity": rule.severity,
            "effect": rule.effect,
            "needs": [str(need) for need in rule.needs],
        },
    }


def _result(
    review: Review,
    one: ServiceAssessment,
    finding: Finding,
    mark: Mark,
    index: Mapping[str, int],
    fail_on: Sequence[FailOn],
) -> Json:
    failing = fails(finding, mark, fail_on)
    result: Json = {
        "ruleId": finding.rule,
        "ruleIndex": index[finding.rule],
        "level": "error" if failing else _LEVELS[finding.severity],
        "message": {"text": _text(_said(one, finding))},
        "locations": [_location(place) | _logical(one) for place in finding.evidence[:1] or (_home(one),)],
        "partialFingerprints": {VERSION: mark.fingerprint},
        "suppressions": _suppressions(mark),
        "properties": {
            "service": one.service.name,
            "severity": finding.severity,
            "confidence": finding.confidence,
            "effect": finding.effect,
            "weight": finding.weight,
            "needs": [str(need) for need in finding.needs],
        },
    }
    if len(finding.evidence) > 1:
        result["relatedLocations"] = [
            {"id": number, "message": {"text": "also here"}} | _location(place)
            for number, place in enumerate(finding.evidence[1:], 1)
        ]
    if review.has_baseline:
        result["baselineState"] = "unchanged" if mark.known else "new"
    return result


def _said(one: ServiceAssessment, finding: Finding) -> str:
    advice = "".join(f" {item.text}" for item in advice_on(one, finding.rule))
    return f"{one.service.name}: {finding.message} {finding.remedy}{advice}"


def _suppressions(mark: Mark) -> list[Json]:
    if mark.suppressed is None:
        return []
    comment = mark.suppressed.comment
    said = {"status": "accepted", "justification": mark.suppressed.reason}
    if comment is None:
        return [{"kind": "external", **said, "properties": {"where": mark.suppressed.where}}]
    return [{"kind": "inSource", **said, "location": _location(comment)}]


def _home(one: ServiceAssessment) -> Evidence:
    """Where a finding stands that names no line: the file that makes this a service."""
    service = one.service
    if service.dockerfile:
        return Evidence(service.dockerfile, 1)
    return service.compose.ref.evidence if service.compose else Evidence(service.path or ".", 0)


def _location(place: Evidence) -> Json:
    shown = redacted_evidence(place)
    physical: Json = {"artifactLocation": _artifact(shown.path)}
    if shown.line > 0:
        physical["region"] = {"startLine": shown.line}
        if shown.snippet:
            physical["region"]["snippet"] = {"text": shown.snippet}
    return {"physicalLocation": physical}


def _logical(one: ServiceAssessment) -> Json:
    return {"logicalLocations": [{"name": one.service.name, "kind": "service"}]}


def _artifact(path: str) -> Json:
    # A name may hold anything; with ":" escaped too, none is read as a scheme.
    uri = quote(path.encode("utf-8", "backslashreplace"), safe="/")
    return {"uri": uri or ".", "uriBaseId": "%SRCROOT%"}


def _text(text: str) -> str:
    """Text in which no viewer finds a link (SARIF's `[text](target)`) or a control character."""
    return printable(text).replace("](", "] (")


def _invocation(review: Review, index: Mapping[str, int]) -> Json:
    assessment = review.assessment
    notifications: list[Json] = [
        {
            "descriptor": {"id": _NOT_READ},
            "level": "note",
            "message": {"text": _text(f"{item.path} {item.reason}; it was not read.")},
            "locations": [{"physicalLocation": {"artifactLocation": _artifact(item.path)}}],
        }
        for item in assessment.inventory.not_read
    ]
    notifications += [
        {
            "descriptor": {"id": _RULE_FAILED},
            "associatedRule": {"id": item.rule, "index": index[item.rule]},
            "level": "error",
            "message": {"text": _text(f"{item.rule} failed on {item.service}: {item.error}")},
        }
        for item in assessment.rules_failed
    ]
    return {
        "executionSuccessful": not assessment.rules_failed,
        "toolExecutionNotifications": notifications,
        "toolConfigurationNotifications": [
            {
                "descriptor": {"id": _IDLE_IGNORE},
                "level": "warning",
                "message": {"text": _text(f"{item.where}: ignore of {item.rule or 'no rule'} {item.why}.")},
            }
            for item in review.idle
        ],
    }


def _service(one: ServiceAssessment) -> Json:
    routes = one.service.source.routes if one.service.source else ()
    return {
        "name": one.service.name,
        "verdict": one.verdict,
        "score": one.score,
        "confidence": one.confidence,
        "targets": {item.target: item.verdict for item in one.targets},
        "unknown": [item.what for item in one.unknown],
        "routes": [f"{route.method} {route.path}" for route in routes],
        "links": [{"service": link.service, "protocol": link.protocol} for link in one.service.links],
    }
