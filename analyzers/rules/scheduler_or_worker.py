"""
## What it says

The service listens for nothing: a queue worker, a scheduler, a job that runs and ends. The same holds
where it waits for a broker's messages and its HTTP only answers probes (`/health`, `/metrics`).

## Why

A component of kind `http` runs when a request comes. A process that fetches its own work, or waits
for a time, is never called.

## How to mend

Leave it in its container, or give the work an HTTP endpoint that a scheduler or a queue's push
delivery calls.

## What it cannot know

Ports that are opened by code that reading does not reach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzers import programs
from analyzers.listeners import has_listener
from analyzers.model import Confidence, Effect, FactKind, Finding, Inbound, Listener, Route, Service, Severity
from analyzers.rules._build import at, fact, image, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="scheduler-or-worker",
    title="It listens for nothing",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=75,
    remedy="Leave it in its container, or give the work an HTTP endpoint.",
    effort=(2, 8),
)
_DOES = {
    programs.Kind.WORKER: "which fetches its own work",
    programs.Kind.SCHEDULER: "which waits for a time",
    programs.Kind.JOB: "which runs and ends",
}
_PROBE = re.compile(
    r"/?(api/|actuator/|-/)?(health(z|check|/.*)?|live(z|ness)?|alive|ready(z)?|readiness|ping|status|metrics|now|"
    r"version|info|startup)/?",
    re.IGNORECASE,
)


def check(service: Service) -> Iterator[Finding]:
    if service.image is None:
        return  # image-only says more
    program = programs.of(service.start_command)
    waits = service.facts(FactKind.WORKER)
    if program and program.kind in _DOES:
        yield RULE.finding(f"It starts {program.name}, {_DOES[program.kind]}.", service.start_evidence)
    elif waits and (not has_listener(service) or only_probes(service)):
        beside = "; its HTTP only answers probes" if only_probes(service) else ""
        yield RULE.finding(
            f"It waits for messages of {', '.join(dict.fromkeys(one.subject for one in waits))}{beside}.",
            (evidence for one in waits for evidence in one.evidence),
        )
    elif not has_listener(service) and service.source is not None:
        yield RULE.finding(
            "Neither its source nor the Dockerfile nor compose names a port that it listens on.",
            service.start_evidence or [service.image.base_evidence],
            confidence=Confidence.MEDIUM,
        )


def only_probes(service: Service) -> bool:
    """Whether all routes that were read are those that an orchestrator or a monitor asks for."""
    routes = service.source.routes if service.source else ()
    return bool(routes) and all(_PROBE.fullmatch(route.path) for route in routes)


_QUEUE = fact(FactKind.WORKER, "amqp", "worker.go:30")
_PORT = (Listener(Inbound.HTTP, 8080, at("Dockerfile:8")),)
CASES = (
    bad(
        "Celery",
        service(
            start=("celery", "-A", "shop", "worker"),
            server="celery",
            listeners=(),
            entry=None,
            interface=None,
        ),
        "Dockerfile:9",
    ),
    bad(
        "a migration that runs and ends, in an image that serves elsewhere",
        service(start=("flask", "db", "upgrade"), source_read=False),
        "Dockerfile:9",
    ),
    bad(
        "a job",
        service(start=("python", "report.py"), server="python", listeners=(), entry=None, interface=None),
        "Dockerfile:9",
    ),
    bad(
        "a consumer of a broker",
        service(_QUEUE, server=None, listeners=(), interface=None),
        "worker.go:30",
    ),
    bad(
        "a consumer whose HTTP answers probes",
        service(
            _QUEUE,
            fact(FactKind.LISTEN, "http", "main.go:9"),
            listeners=_PORT,
            routes=(Route("GET", "/healthz", at("main.go:8")), Route("GET", "/metrics", at("main.go:9"))),
        ),
        "worker.go:30",
    ),
    good(
        "a consumer beside an API",
        service(_QUEUE, listeners=_PORT, routes=(Route("GET", "/orders", at("main.go:8")),)),
    ),
    good("a web service", service()),
    good("a language that was not read", service(language="elixir", listeners=(), start=("/server",))),
    good("a server whose application is not known", service(listeners=(), entry=None, interface=None)),
    good("an application whose port nobody names", service(listeners=())),
    good(
        "an image that inherits its command",
        service(language=None, listeners=(), start=(), of=image(command=())),
    ),
)
