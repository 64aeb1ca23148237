"""
## What it says

The service speaks WebSocket beside HTTP.

## Why

A WebSocket begins with an HTTP request that is then taken over. `wasi:http` has no such upgrade, so
the handshake cannot be answered.

## How to mend

Use server-sent events or long polling, or leave the WebSocket part in a service of its own.

## What it cannot know

Whether a client can do without (many libraries fall back to polling). Where WebSocket is the only
listener, `listener-not-http` speaks.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="websocket",
    title="WebSockets",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=30,
    needs=(Need(NeedKind.WEBSOCKET),),
    remedy="Use server-sent events, or leave the WebSocket part in a service of its own.",
    effort=(2, 8),
)


def check(service: Service) -> Iterator[Finding]:
    for found in service.facts(FactKind.WEBSOCKET):
        yield RULE.finding(
            f"{found.subject} speaks WebSocket, which wasi:http cannot.",
            found.evidence,
            confidence=found.confidence,
        )


CASES = (
    bad("flask-sock", service(fact(FactKind.WEBSOCKET, "flask_sock.Sock", "ws.py:3")), "ws.py:3"),
    good("none", service()),
)
