"""A comparison becomes JSON (schema: `dock2wasm schema validate`)."""

from __future__ import annotations

import re
from typing import Any

from migrate.model import Comparison, Exchange, LogFinding, ProbeRun
from migrate.reports.wire import grants
from migrate.reports.wire.recording import measurement_to_json, sent_to_json
from migrate.version import version

SCHEMA_VERSION = 1


def to_json(comparison: Comparison) -> dict[str, Any]:
    """The report as plain data, its members in the schema's order."""
    original, candidate = comparison.original, comparison.candidate
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "dock2wasm", "version": version()},
        "service": comparison.service,
        "target": comparison.target,
        "outcome": str(comparison.outcome),
        "promise": comparison.promise,
        "original": {
            "url": original.url,
            "image_digest": original.image_digest or None,
            "context_hash": original.context_hash or None,
            "engine": original.engine or None,
            "recorded": original.recorded,
            "image_size": original.image_size,
        },
        "candidate": {
            "sha256": candidate.sha256,
            "kind": candidate.kind,
            "wasi": candidate.wasi,
            "runtime": candidate.runtime,
            "version": candidate.version,
            "size": candidate.size,
        },
        "probes": {
            "origin": comparison.probes.origin,
            "count": len(comparison.probes.probes),
            "thin": comparison.probes.thin,
        },
        "runs": [_run(run) for run in comparison.runs],
        "blind_spots": {
            "leaves": comparison.blind_spots.leaves,
            "blind": len(comparison.blind_spots.blind),
            "share": round(comparison.blind_spots.share, 6),
            "places": sorted(set(comparison.blind_spots.blind)),
        },
        "machine": comparison.machine,
        "measurements": [measurement_to_json(one, values=True) for one in comparison.measurements],
        "claims": [
            {
                "id": one.id,
                "claimed": one.claimed,
                "source": one.source,
                "measured": one.measured,
                "method": one.method,
                "held": str(one.held),
            }
            for one in comparison.claims
        ],
        "budgets": [
            {"name": one.name, "limit": one.limit, "measured": one.measured, "kept": str(one.kept)}
            for one in comparison.budgets
        ],
        "grants": [grants.to_json(grant) for grant in comparison.grants],
        "imports": list(comparison.imports),
        "log_findings": [_log_finding(one) for one in comparison.log_findings],
        "notes": list(comparison.notes),
    }


def _run(run: ProbeRun) -> dict[str, Any]:
    return {"instances": str(run.instances), "exchanges": [_exchange(one) for one in run.exchanges]}


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "id": exchange.probe.id,
        "request": sent_to_json(exchange.sent_original),
        "verdict": str(exchange.verdict),
        "status": {
            "expected": exchange.probe.expect_status,
            "original": exchange.original.status or None,
            "candidate": exchange.candidate.status or None,
        },
        "errors": {"original": exchange.original.error, "candidate": exchange.candidate.error},
        "differences": [
            {
                "kind": str(one.kind),
                "where": one.where,
                "original": one.original,
                "candidate": one.candidate,
                "confirmed": one.confirmed,
            }
            for one in exchange.differences
        ],
        "normalisations": [
            {"name": one.name, "where": one.where, "original": one.original, "candidate": one.candidate}
            for one in exchange.normalisations
        ],
        "noise": [{"where": one.where, "first": one.first, "second": one.second} for one in exchange.noise],
    }


def _log_finding(finding: LogFinding) -> dict[str, Any]:
    line = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "\N{REPLACEMENT CHARACTER}", finding.line)
    return {"side": str(finding.side), "line": line, "why": finding.why, "fatal": finding.fatal}
