"""
## What it says

The service's main job is to hand requests on to other servers: a reverse proxy, a gateway, a tunnel.

## Why

A proxy is where connections are kept open, pooled, balanced, cut off and encrypted. A component sees one
request at a time and owns no connection, so what makes a proxy good is lost, and every request pays
twice.

## How to mend

Leave it in its container, or let the platform's own gateway do it. A site that forwards only some paths
is none: it stays a site that calls an upstream.

## What it cannot know

Configuration that is made when the container starts, and what is fetched from a control plane.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="forwarder",
    title="Forwarding requests is its main job",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=70,
    remedy="Leave it in its container, or use the gateway of the platform.",
)
MAIN = "main"


def check(service: Service) -> Iterator[Finding]:
    if service.image is None:
        return  # image-only says more
    found = [one for one in service.facts(FactKind.FORWARD) if one.detail == MAIN]
    if found:
        order = list(Confidence)
        to = ", ".join(dict.fromkeys(one.subject for one in found if one.subject))
        yield RULE.finding(
            f"Requests are handed on{f' to {to}' if to else ''}: that is what it is for.",
            (evidence for one in found for evidence in one.evidence),
            confidence=min((one.confidence for one in found), key=order.index),
        )


CASES = (
    bad(
        "a proxy",
        service(fact(FactKind.FORWARD, "http://api:8080", "nginx.conf:9", MAIN)),
        "nginx.conf:9",
        effect=Effect.KEEP,
    ),
    good(
        "a site that forwards one path",
        service(fact(FactKind.FORWARD, "http://api:8080", "nginx.conf:9")),
    ),
    good("none", service()),
)
