"""
## What it says

The service shows metrics of its own process on a route (`/metrics`).

## Why

Each request gets a fresh instance, so what the process counted is always what one request counted, and
the figures of several instances are never added up. Default collectors (memory, threads, garbage
collection) tell of an instance that is about to end.

## How to mend

Take request counts and times from the runtime (OpenTelemetry, its own metrics). Counters of your own
can be sent out instead of being asked for.

## What it cannot know

Whether anybody asks for the route. Counters that the source itself defines are `memory-state`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzers.model import Effect, Finding, Route, Service, Severity
from analyzers.rules._build import at, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="metrics-route",
    title="Metrics of one process are shown",
    severity=Severity.MINOR,
    effect=Effect.NONE,
    weight=3,
    remedy="Take request metrics from the runtime; send counters of your own instead of showing them.",
)
_PATH = re.compile(r"/?([\w-]+/)?(metrics|prometheus)/?")


def check(service: Service) -> Iterator[Finding]:
    for route in service.source.routes if service.source else ():
        if _PATH.fullmatch(route.path):
            yield RULE.finding(
                f"{route.path} shows what one instance counted.", [route.evidence], severity=Severity.MINOR
            )


CASES = (
    bad(
        "Prometheus",
        service(routes=(Route("GET", "/metrics", at("app.py:9")),)),
        "app.py:9",
        effect=Effect.NONE,
    ),
    good("another route", service(routes=(Route("GET", "/metrics-of/<shop>", at("app.py:9")),))),
    good("none", service()),
)
