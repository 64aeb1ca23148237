"""
## What it says

The application reads its environment while its modules are imported, as settings modules do.

## Why

What runs at build time is frozen into the component. The application's own modules are therefore
imported at the first request of an instance, when the environment is the one that the runtime
gives. That costs the time of the import in each fresh instance. Compiled languages have no such
step: their `main` runs in the runtime's environment anyway.

## How to mend

Nothing must change. Settings that are read when they are used would let the build import the
application too.

## What it cannot know

Reads inside libraries.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Reach, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="import-time-environment",
    title="Settings are read while the application is imported",
    severity=Severity.INFO,
    effect=Effect.NONE,
    weight=1,
    remedy="Nothing must change: it is imported at the first request, in the runtime's environment.",
)


# Languages whose modules run when they are loaded.
_LOADED = frozenset({"python", "node"})


def check(service: Service) -> Iterator[Finding]:
    if service.language not in _LOADED:
        return
    found = [one for one in service.facts(FactKind.ENV_READ) if one.reach is Reach.IMPORT]
    if found:
        yield RULE.finding(
            f"Read at import: {', '.join(dict.fromkeys(one.subject for one in found))}.",
            (evidence for one in found for evidence in one.evidence),
        )


CASES = (
    bad(
        "settings",
        service(fact(FactKind.ENV_READ, "LOG_LEVEL", "settings.py:3", "info", reach=Reach.IMPORT)),
        "settings.py:3",
    ),
    good(
        "a compiled program reads it when it starts",
        service(fact(FactKind.ENV_READ, "LOG_LEVEL", "main.go:3", reach=Reach.IMPORT), language="go"),
    ),
    good("read by a request", service(fact(FactKind.ENV_READ, "LOG_LEVEL", detail="info"))),
)
