"""A baseline as JSON and back: `dock2wasm schema baseline` is its schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analyzers.model import SCHEMA_VERSION, Effect, Severity, Verdict
from migrate.errors import BaselineError
from migrate.policy.baseline import Baseline, KnownFinding, KnownService
from migrate.reports.wire.assess import clean

LIMIT = 50_000_000  # bytes


def to_bytes(baseline: Baseline) -> bytes:
    """The file's content, indented and in a fixed order, so that a change can be reviewed as a diff."""
    data = clean(
        {
            "schema_version": SCHEMA_VERSION,
            "tool": {"version": baseline.tool_version, "rules": baseline.rules_version},
            "services": [
                {
                    "name": one.name,
                    "verdict": one.verdict,
                    "findings": [
                        {
                            "fingerprint": finding.fingerprint,
                            "rule": finding.rule,
                            "severity": finding.severity,
                            "effect": finding.effect,
                            "path": finding.path,
                            "message": finding.message,
                        }
                        for finding in sorted(one.findings, key=lambda f: (f.rule, f.path, f.fingerprint))
                    ],
                }
                for one in sorted(baseline.services, key=lambda one: one.name)
            ],
        }
    )
    return (json.dumps(data, indent=1, ensure_ascii=False) + "\n").encode()


def read(path: Path) -> Baseline:
    """The baseline in a file. Raises BaselineError where it is missing or is none."""
    do = f"Write one: dock2wasm assess --write-baseline {path}"
    try:
        if not path.is_file() or path.stat().st_size > LIMIT:
            raise BaselineError(f"{path} is no file of at most {LIMIT:,} bytes.", do=do)
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BaselineError(f"The baseline {path} cannot be read.", why=str(error), do=do) from None
    try:
        return _baseline(data)
    except (KeyError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {error}; its schema: dock2wasm schema baseline"
        raise BaselineError(f"{path} is no baseline of dock2wasm.", why=why, do=do) from None


def _baseline(data: Any) -> Baseline:
    if data["schema_version"] != SCHEMA_VERSION:
        raise ValueError(f"schema_version {data['schema_version']!r} is not {SCHEMA_VERSION}")
    return Baseline(
        _text(data["tool"]["version"]),
        _text(data["tool"]["rules"]),
        tuple(
            KnownService(
                _text(one["name"]),
                Verdict(one["verdict"]),
                tuple(
                    KnownFinding(
                        _text(finding["fingerprint"]),
                        _text(finding["rule"]),
                        Severity(finding["severity"]),
                        Effect(finding["effect"]),
                        _text(finding["path"]),
                        _text(finding["message"]),
                    )
                    for finding in one["findings"]
                ),
            )
            for one in data["services"]
        ),
    )


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value
