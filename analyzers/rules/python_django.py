"""
## What it says

The application is a Django project, for which the python lane has no proven fixture.

## Why

`convert` is promised only for what a fixture has proven. Django adds settings modules, template
discovery, static files that `collectstatic` gathers, and nearly always a database.

## How to mend

Wait for the lane. The source need not change for it.

## What it cannot know

Which parts of Django the project uses.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import service
from analyzers.rules._rule import Rule, bad, good
from analyzers.support import load

RULE = Rule(
    id="django-not-proven",
    title="The python lane is not proven for Django",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=15,
    needs=(Need(NeedKind.LANE, "python:django"),),
    remedy="Wait for the lane to be proven for it; the source need not change.",
    effort=(1, 5),
)


def check(service: Service) -> Iterator[Finding]:
    source = service.source
    if source is None or source.framework != "django":
        return
    if not load().at_baseline("python", RULE.needs):
        yield RULE.finding("A Django project; no fixture has proven one yet.", [source.entry_evidence])


CASES = (
    bad("Django", service(framework="django", entry="shop.wsgi:application"), "Dockerfile:9"),
    good("Flask", service()),
)
