"""
## What it says

The service keeps a cache in memory (`functools.lru_cache`, a cache object of a library) whose loss
costs time, not correctness.

## Why

A fresh instance starts with the cache as the build left it, so each request pays for what the cache
would have saved.

## How to mend

Nothing must change. If the cached work is slow, let the build do it (it is kept in the snapshot
when it happens while dependencies are imported), or use a cache outside the process.

## What it cannot know

Whether something relies on the cache for correctness, for example to count attempts.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="memory-cache",
    title="A cache in memory starts empty in each instance",
    severity=Severity.INFO,
    effect=Effect.NONE,
    weight=2,
    remedy="Nothing must change; a slow computation is better cached outside the process.",
)


def check(service: Service) -> Iterator[Finding]:
    found = service.facts(FactKind.CACHE)
    if found:
        names = ", ".join(dict.fromkeys(one.subject for one in found))
        yield RULE.finding(
            f"Caches in memory are filled anew by each fresh instance: {names}.",
            (evidence for one in found for evidence in one.evidence),
        )


CASES = (
    bad("lru_cache", service(fact(FactKind.CACHE, "app.load", "app.py:5")), "app.py:5", effect=Effect.NONE),
    good("no cache", service()),
)
