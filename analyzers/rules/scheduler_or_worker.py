"""
## What it says

The service listens for nothing: a queue worker, a scheduler, a job that runs and ends.

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

from collections.abc import Iterator

from analyzers.listeners import has_listener, worker_program
from analyzers.model import Confidence, Effect, Finding, Service, Severity
from analyzers.rules._build import image, service
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


def check(service: Service) -> Iterator[Finding]:
    if service.image is None:
        return  # image-only says more
    program = worker_program(service.start_command)
    if program:
        yield RULE.finding(f"It starts {program}, which fetches its own work.", service.start_evidence)
    elif not has_listener(service) and service.source is not None:
        yield RULE.finding(
            "Neither its source nor the Dockerfile nor compose names a port that it listens on.",
            service.start_evidence or [service.image.base_evidence],
            confidence=Confidence.MEDIUM,
        )


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
        "a job",
        service(start=("python", "report.py"), server="python", listeners=(), entry=None, interface=None),
        "Dockerfile:9",
    ),
    good("a web service", service()),
    good("a language that was not read", service(language="go", listeners=(), start=("/server",))),
    good("a server whose application is not known", service(listeners=(), entry=None, interface=None)),
    good("an application whose port nobody names", service(listeners=())),
    good(
        "an image that inherits its command",
        service(language=None, listeners=(), start=(), of=image(command=())),
    ),
)
