"""
## What it says

Work runs beside the requests: a scheduler, an endless loop, a task that goes on after the answer.

## Why

An instance lives as long as its request. A loop that is started once and runs for hours has no
place to run, and work that goes on after the answer is cut off.

## How to mend

Move it into a job or a worker of its own that stays in a container, or trigger it by a request from
a scheduler.

## What it cannot know

Whether the work matters to the answers that the service gives.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="background-work",
    title="Work runs beside the requests",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=25,
    needs=(Need(NeedKind.BACKGROUND),),
    remedy="Move it into a worker or a scheduled job of its own.",
    effort=(1, 5),
)


def check(service: Service) -> Iterator[Finding]:
    for found in service.facts(FactKind.BACKGROUND):
        yield RULE.finding(
            f"{found.subject} runs beside the requests; an instance ends with its request.",
            found.evidence,
            confidence=found.confidence,
        )


CASES = (
    bad("a scheduler", service(fact(FactKind.BACKGROUND, "BackgroundScheduler", "jobs.py:4")), "jobs.py:4"),
    good("none", service()),
)
