"""
## What it says

A package of the service is not in the table of packages that were judged for CPython on WASI.

## Why

It may be pure Python and work, or hold native code and fail. The build decides: it imports the
application's dependencies and names the module that is missing.

## How to mend

Run `dock2wasm build`: a package that does not load there is named with its remedy.

## What it cannot know

Everything about the package; that is the point. It lowers the confidence of the verdict, not the
verdict.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import DependencyClass, Effect, Finding, Service, Severity
from analyzers.rules._build import package, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="dependency-unknown",
    title="A package of which nothing is known",
    severity=Severity.MINOR,
    effect=Effect.NONE,
    weight=3,
    remedy="Build: `dock2wasm build` imports it and says what is missing.",
)


def check(service: Service) -> Iterator[Finding]:
    unknown = [
        found
        for found in (service.source.dependencies if service.source else ())
        if found.kind is DependencyClass.UNKNOWN
    ]
    for found in unknown:
        if found.imported:
            yield RULE.finding(
                f"Whether {found.name} runs in a component is not known.",
                [found.evidence],
                severity=Severity.MINOR,
            )
    rest = [found for found in unknown if not found.imported]
    if rest:
        yield RULE.finding(
            f"Not known, and not imported by their own names: {', '.join(found.name for found in rest)}.",
            (found.evidence for found in rest),
            weight=1,
        )


CASES = (
    bad(
        "a package of the house",
        service(dependencies=(package("acme-auth", DependencyClass.UNKNOWN, line=2),)),
        "requirements.txt:2",
        effect=Effect.NONE,
    ),
    bad(
        "a package that is imported by another name, or not at all",
        service(dependencies=(package("acme-auth", DependencyClass.UNKNOWN, imported=False),)),
        "requirements.txt:1",
        effect=Effect.NONE,
    ),
    good("known", service(dependencies=(package("flask", DependencyClass.PURE),))),
)
