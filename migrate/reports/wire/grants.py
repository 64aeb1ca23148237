"""A grant as JSON, in the validate report and in a generated tree's provenance."""

from __future__ import annotations

from analyzers.model import Grant, GrantKind


def to_json(grant: Grant) -> dict[str, object]:
    """All keys of a grant; of a secret neither its value nor the line that may show it."""
    secret = grant.kind is GrantKind.SECRET
    return {
        "kind": str(grant.kind),
        "name": grant.name,
        "value": None if secret else grant.value,
        "guest": grant.guest,
        "mode": grant.mode,
        "scheme": grant.scheme,
        "host": grant.host,
        "port": grant.port,
        "evidence": {
            "path": grant.evidence.path,
            "line": grant.evidence.line,
            "snippet": "" if secret else grant.evidence.snippet,
        },
    }
