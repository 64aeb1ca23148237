"""
## What it says

A module is imported whose name is computed at run time.

## Why

The build takes all of the application's files and its requirements, so most such imports work. But
reading cannot follow them, so what they bring in was not judged.

## How to mend

Nothing must change. Probes that reach the code show whether it works.

## What it cannot know

Which module it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="dynamic-import",
    title="Imports that reading cannot follow",
    severity=Severity.MINOR,
    effect=Effect.NONE,
    weight=3,
    remedy="Nothing must change; let a probe reach this code.",
)


def check(service: Service) -> Iterator[Finding]:
    found = service.facts(FactKind.DYNAMIC_IMPORT)
    if found:
        yield RULE.finding(
            f"What {', '.join(dict.fromkeys(one.subject for one in found))} imports was not judged.",
            (evidence for one in found for evidence in one.evidence),
            severity=Severity.MINOR,
        )


CASES = (
    bad(
        "plug-ins",
        service(fact(FactKind.DYNAMIC_IMPORT, "importlib.import_module(name)")),
        "app.py:10",
        effect=Effect.NONE,
    ),
    good("none", service()),
)
