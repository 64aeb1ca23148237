"""
## What it says

The service writes its log into files.

## Why

A component has no disk of its own at the baseline, so the file ends with the request that wrote it.
Runtimes collect what goes to the standard streams.

## How to mend

Log to the standard streams: usually one line of configuration. What rotates and ships the files is then
not needed either.

## What it cannot know

Whether the file is only a copy of what goes to the standard streams as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzers.model import Effect, Fact, FactKind, Finding, Need, NeedKind, Reach, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="log-file",
    title="The log goes into files",
    severity=Severity.MINOR,
    effect=Effect.REFACTOR,
    weight=10,
    needs=(Need(NeedKind.WRITE),),
    remedy="Log to the standard streams.",
    effort=(0.1, 0.5),
)
_LOG = re.compile(
    r"(^|/)var/log(/|$)|\.log$|(^|[.\s])(Rotating|TimedRotating|Watched)?FileHandler\b|\blumberjack\b"
    r"|\bwinston\.transports\.File\b|\btracing_appender\b"
)


def is_log(one: Fact) -> bool:
    """Whether a written file is a log, by its path or the class that writes it."""
    return one.kind is FactKind.FILE_WRITE and _LOG.search(one.subject.strip("\"'")) is not None


def check(service: Service) -> Iterator[Finding]:
    for found in service.facts(FactKind.FILE_WRITE):
        if is_log(found) and found.reach is not Reach.IMPORT:
            yield RULE.finding(
                f"{found.subject} holds the log; a component keeps no file.",
                found.evidence,
                confidence=found.confidence,
            )


CASES = (
    bad(
        "a file below /var/log",
        service(fact(FactKind.FILE_WRITE, "/var/log/shop/access.log", "app.py:8")),
        "app.py:8",
        effect=Effect.REFACTOR,
    ),
    bad(
        "a handler of the logging library",
        service(fact(FactKind.FILE_WRITE, "logging.FileHandler", "app.py:8")),
        "app.py:8",
    ),
    good("another file", service(fact(FactKind.FILE_WRITE, "uploads/catalog"))),
    good(
        "made while starting",
        service(fact(FactKind.FILE_WRITE, "app.log", reach=Reach.IMPORT)),
    ),
)
