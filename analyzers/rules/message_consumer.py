"""
## What it says

Beside its HTTP listener the service waits for messages of a broker or a queue.

## Why

An instance lives as long as its request. A consumer that is started with the process and runs for hours
has no place to run, so messages would stay where they are.

## How to mend

Move the consumer into a worker of its own that stays in a container. Where the broker can deliver over
HTTP (push subscriptions, webhooks), a route can take the messages instead.

## What it cannot know

Whether the consumer is switched on as the container is started.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.listeners import has_listener
from analyzers.model import Effect, FactKind, Finding, Need, NeedKind, Route, Service, Severity
from analyzers.rules._build import at, fact, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.rules.scheduler_or_worker import only_probes

RULE = Rule(
    id="message-consumer",
    title="Messages are consumed beside the requests",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=25,
    needs=(Need(NeedKind.BACKGROUND),),
    remedy="Move the consumer into a worker of its own, or let the broker deliver over HTTP.",
    effort=(1, 5),
)


def check(service: Service) -> Iterator[Finding]:
    found = service.facts(FactKind.WORKER)
    if service.image is None or not has_listener(service) or only_probes(service):
        return  # scheduler-or-worker says more
    for one in found:
        yield RULE.finding(
            f"Waits for messages of {one.subject} beside the requests.",
            one.evidence,
            confidence=one.confidence,
        )


_QUEUE = fact(FactKind.WORKER, "kafka", "app.py:30")
CASES = (
    bad("Kafka beside an API", service(_QUEUE), "app.py:30", effect=Effect.REFACTOR),
    good("a worker alone", service(_QUEUE, server=None, interface=None, listeners=())),
    good(
        "a worker with a health route",
        service(_QUEUE, routes=(Route("GET", "/health", at("app.py:9")),)),
    ),
    good("none", service()),
)
