"""
## What it says

The application is called through ASGI (Starlette, FastAPI, Quart), for which the python lane has no
proven adapter.

## Why

`convert` is promised only for what a fixture has proven: a component that answered every probe as
its container did.

## How to mend

Wait for the lane. The source need not change for it.

## What it cannot know

Nothing of importance: the interface is read from the start command and the object that it names.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import service
from analyzers.rules._rule import Rule, bad, good
from analyzers.support import load

RULE = Rule(
    id="asgi-not-proven",
    title="The python lane is not proven for ASGI",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=20,
    needs=(Need(NeedKind.LANE, "python:asgi"),),
    remedy="Wait for the lane to be proven for it; the source need not change.",
    effort=(1, 4),
)


def check(service: Service) -> Iterator[Finding]:
    source = service.source
    if source is None or source.language != "python" or source.interface != "asgi":
        return
    if not load().at_baseline("python", RULE.needs):
        yield RULE.finding(
            f"{source.entry or 'The application'} is called through ASGI, which no fixture has proven yet.",
            [source.entry_evidence],
        )


CASES = (
    bad("asgi", service(interface="asgi", framework="starlette"), "Dockerfile:9"),
    good("WSGI", service()),
)
