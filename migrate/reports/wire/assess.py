"""An assessment as JSON: `dock2wasm schema assess` is its schema, stable from release to release."""

from __future__ import annotations

from typing import Any

from analyzers.model import (
    SCHEMA_VERSION,
    Assessment,
    Evidence,
    Facets,
    Finding,
    Grant,
)
from analyzers.redaction import redacted, redacted_evidence
from migrate.policy import Mark, Review, ReviewedService, plain

Json = dict[str, Any]


def to_json(assessment: Assessment, review: Review | None = None) -> Json:
    """The report as JSON-serialisable data; `review` says what is known and ignored (default: nothing is).

    Names of files that are no UTF-8 are written with escapes, so the result can always be encoded.
    """
    inventory = assessment.inventory
    review = plain(assessment) if review is None else review
    report: Json = clean(
        {
            "schema_version": SCHEMA_VERSION,
            "tool": {"version": assessment.tool_version, "rules": assessment.rules_version},
            "repository": {"path": inventory.root.as_posix(), "commit": inventory.commit},
            "scope": {
                "since": scope.since,
                "commit": scope.commit,
                "changed": list(scope.changed),
                "left_out": list(scope.left_out),
            }
            if (scope := assessment.scope) is not None
            else None,
            "services": [_service(one) for one in review.services],
            "not_read": [{"path": item.path, "reason": item.reason} for item in inventory.not_read],
            "rules_failed": [
                {"rule": item.rule, "service": item.service, "error": item.error}
                for item in assessment.rules_failed
            ],
            "idle_ignores": [
                {"where": item.where, "rule": item.rule, "why": item.why} for item in review.idle
            ],
            "baseline": {
                "gone": [
                    {
                        "fingerprint": item.fingerprint,
                        "rule": item.rule,
                        "path": item.path,
                        "message": item.message,
                    }
                    for item in review.gone
                ]
            }
            if review.has_baseline
            else None,
        }
    )
    return report


def _service(reviewed: ReviewedService) -> Json:
    one = reviewed.assessment
    service = one.service
    source = service.source
    compose = service.compose
    return {
        "name": service.name,
        "path": service.path,
        "dockerfile": service.dockerfile,
        "target": service.image.stage if service.image else None,
        "image": service.image_name,
        "compose": {"file": compose.ref.file, "service": compose.ref.service} if compose else None,
        "language": service.language,
        "framework": source.framework if source else None,
        "lane": one.lane,
        "start_command": [redacted(word) for word in service.start_command],
        "entry": source.entry if source else None,
        "port": service.port,
        "listeners": [{"protocol": item.protocol, "port": item.port} for item in service.listeners],
        "routes": [
            {"method": item.method, "path": item.path, "evidence": _evidence(item.evidence)}
            for item in (source.routes if source else ())
        ],
        "links": [
            {"service": item.service, "protocol": item.protocol, "port": item.port} for item in service.links
        ],
        "verdict": one.verdict,
        "score": one.score,
        "confidence": one.confidence,
        "targets": {
            item.target: {"verdict": item.verdict, "lacks": list(item.lacks)} for item in one.targets
        },
        "facets": _facets(one.facets),
        "effort": {
            "days": [one.effort.low, one.effort.high],
            "assumptions": list(one.effort.assumptions),
        },
        "gain": {
            item.metric: {
                "expected": item.expected,
                "source": item.source,
                "basis": item.basis,
                "date": item.date,
            }
            for item in one.gain
        },
        "changes": list(one.changes),
        "advice": [
            {"rule": item.rule, "text": item.text, "source": item.source, "date": item.date}
            for item in one.advice
        ],
        "grants": [grant_to_json(item) for item in one.grants],
        "unknown": [{"what": item.what, "settle_with": item.settle_with} for item in one.unknown],
        "findings": [_finding(item, mark) for item, mark in reviewed.findings()],
    }


def grant_to_json(grant: Grant) -> Json:
    """A grant with all its keys; those that its kind does not use are null."""
    return {
        "kind": grant.kind,
        "name": grant.name,
        "value": grant.value,
        "guest": grant.guest,
        "mode": grant.mode,
        "scheme": grant.scheme,
        "host": grant.host,
        "port": grant.port,
        "evidence": _evidence(grant.evidence),
    }


def _finding(finding: Finding, mark: Mark) -> Json:
    return {
        "rule": finding.rule,
        "severity": finding.severity,
        "confidence": finding.confidence,
        "effect": finding.effect,
        "weight": finding.weight,
        "needs": [str(need) for need in finding.needs],
        "message": finding.message,
        "evidence": [_evidence(item) for item in finding.evidence],
        "remedy": finding.remedy,
        "help": finding.help,
        "fingerprint": mark.fingerprint,
        "known": mark.known,
        "ignored": {"reason": mark.suppressed.reason, "where": mark.suppressed.where}
        if mark.suppressed
        else None,
    }


def _facets(facets: Facets) -> Json:
    return {
        "state": facets.state,
        "gpu": facets.gpu,
        "inbound": facets.inbound,
        "outbound": list(facets.outbound),
        "native_dependencies": list(facets.native_dependencies),
        "processes": facets.processes,
        "privileged": facets.privileged,
    }


def _evidence(evidence: Evidence) -> Json:
    shown = redacted_evidence(evidence)
    return {"path": shown.path, "line": shown.line, "snippet": shown.snippet}


def clean(value: Any) -> Any:
    """The same data with plain strings that UTF-8 can hold."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {str(clean(key)): clean(item) for key, item in value.items()}
    return [clean(item) for item in value] if isinstance(value, list) else value
