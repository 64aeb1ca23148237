"""
## What it says

The service is a script on `http.server`, which the python lane does not take over yet.

## Why

`convert` is promised only for what a fixture has proven: a component that answered every probe as
its container did.

## How to mend

Wait for the lane, or put the same handlers behind a WSGI application.

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
    id="http-server-not-proven",
    title="The python lane is not proven for http.server",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=20,
    needs=(Need(NeedKind.LANE, "python:http.server"),),
    remedy="Wait for the lane to be proven for it; the source need not change.",
    effort=(1, 4),
)


def check(service: Service) -> Iterator[Finding]:
    source = service.source
    if source is None or source.language != "python" or source.interface != "http.server":
        return
    if not load().at_baseline("python", RULE.needs):
        yield RULE.finding(
            f"{source.entry or 'The application'} is called through http.server; no fixture has proven it.",
            [source.entry_evidence],
        )


CASES = (
    bad("http.server", service(interface="http.server", framework=None), "Dockerfile:9"),
    good("WSGI", service()),
)
