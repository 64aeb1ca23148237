"""
## What it says

The service keeps its data in an SQLite file of its own.

## Why

The file is part of the local disk: at the baseline it is read-only or a throw-away copy, so nothing
that is written stays. A file that is only read (a lookup table shipped with the image) would work,
but reading cannot tell that apart.

## How to mend

Use a database server that a later target reaches, Spin's SQLite through its SDK (a source change),
or a folder mounted writable where target and lane can (`wasmtime serve --dir`).

## What it cannot know

Whether the service writes to the database at all, and whether several copies are meant to share it.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="sqlite-file",
    title="An SQLite file on the local disk",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=25,
    needs=(Need(NeedKind.WRITE),),
    remedy="Move the data to a database server, or mount its folder writable where the target can.",
    effort=(1, 5),
)
MEMORY = ":memory:"


def check(service: Service) -> Iterator[Finding]:
    for found in service.facts(FactKind.DATABASE):
        if found.subject != "sqlite":
            continue
        if found.detail == MEMORY:
            yield RULE.finding(
                "An SQLite database in memory is new in each instance.",
                found.evidence,
                needs=(Need(NeedKind.STATE),),
                confidence=found.confidence,
                remedy="Use it within one request only, or move the data out of the process.",
            )
        else:
            where = f" ({found.detail})" if found.detail else ""
            yield RULE.finding(
                f"Data is kept in an SQLite file{where}.", found.evidence, confidence=found.confidence
            )


CASES = (
    bad("a file", service(fact(FactKind.DATABASE, "sqlite", "db.py:4", "shop.db")), "db.py:4"),
    bad("in memory", service(fact(FactKind.DATABASE, "sqlite", "db.py:4", ":memory:")), "db.py:4"),
    good("another database", service(fact(FactKind.DATABASE, "postgres", "db.py:4", "db:5432"))),
)
