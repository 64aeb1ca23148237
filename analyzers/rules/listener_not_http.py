"""
## What it says

The service listens for something other than HTTP.

## Why

A component of kind `http` is called by the runtime with one HTTP request at a time; it owns no
socket. A service whose only listener is gRPC, TCP, UDP or WebSocket has nothing that could be
called. Beside an HTTP listener, the other one would be lost.

## How to mend

Leave it in its container. Where the same service answers HTTP too, split the other listener off.

## What it cannot know

Protocols spoken on ports that neither the source nor the Dockerfile nor compose names.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, Finding, Inbound, Listener, Service, Severity
from analyzers.rules._build import at, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="listener-not-http",
    title="It listens for something other than HTTP",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=70,
    remedy="Leave it in its container, or split the part that is not HTTP off.",
    effort=(2, 10),
)


def check(service: Service) -> Iterator[Finding]:
    if service.compose and not (service.image or service.image_name or service.source):
        return  # its Dockerfile could not be read: what a port in compose speaks is not known
    others = [item for item in service.listeners if item.protocol not in {Inbound.HTTP, Inbound.NONE}]
    if not others:
        return
    beside = any(item.protocol is Inbound.HTTP for item in service.listeners)
    names = ", ".join(dict.fromkeys(_name(item) for item in others))
    if beside:
        yield RULE.finding(
            f"Beside HTTP it listens for {names}; that listener would be lost.",
            (item.evidence for item in others),
            effect=Effect.REFACTOR,
            severity=Severity.MAJOR,
            weight=30,
        )
    else:
        yield RULE.finding(f"It listens for {names} only.", (item.evidence for item in others))


def _name(listener: Listener) -> str:
    return f"{listener.protocol} on {listener.port}" if listener.port else str(listener.protocol)


CASES = (
    bad(
        "gRPC alone",
        service(listeners=(Listener(Inbound.GRPC, 50051, at("server.py:9")),)),
        "server.py:9",
        effect=Effect.KEEP,
    ),
    bad(
        "HTTP and TCP",
        service(listeners=(Listener(Inbound.HTTP, 80, None), Listener(Inbound.TCP, 9000, at("server.py:9")))),
        "server.py:9",
        effect=Effect.REFACTOR,
    ),
    good("HTTP", service()),
    good(
        "a port of a service whose Dockerfile cannot be read",
        {
            "compose.yaml": "services:\n  api:\n    build: .\n    ports: ['8000:8000']\n",
            "Dockerfile": "FROM python\nFOO bar\n",
        },
    ),
)
