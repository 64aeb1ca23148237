"""A name for a finding that survives when lines move: made of the line's text, not of its number."""

from __future__ import annotations

import hashlib
from collections import Counter

from analyzers.model import Finding, ServiceAssessment
from migrate.policy.ignores import without_comment

VERSION = "dock2wasm/v1"  # the name that SARIF files give to this way of computing


def fingerprints(one: ServiceAssessment) -> tuple[str, ...]:
    """One for each of the service's findings, in their order.

    Made of rule, service, path and the text of the first place (spaces collapsed), and a number where
    these are the same for several: blank lines, new code above and indentation change nothing, nor does
    an ignore comment; an edited line or a renamed file does.
    """
    seen: Counter[str] = Counter()
    found = []
    for finding in one.findings:
        base = _base(one.service.name, finding)
        seen[base] += 1
        found.append(f"{base}:{seen[base]}")
    return tuple(found)


def _base(service: str, finding: Finding) -> str:
    first = finding.evidence[0] if finding.evidence else None
    path = first.path if first else ""
    # Without a line to go by, the message has to do.
    line = without_comment(first.snippet) if first else ""
    text = " ".join((line or finding.message).split())
    parts = "\0".join((finding.rule, service, path, text))
    return hashlib.sha256(parts.encode("utf-8", "backslashreplace")).hexdigest()[:32]
