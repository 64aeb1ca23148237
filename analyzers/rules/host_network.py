"""
## What it says

Compose puts the container into the network of the host (`network_mode: host`).

## Why

A component has no network of its own; requests are handed to it. A service that needs the host's
network usually listens on many ports, sends broadcasts or looks at traffic.

## How to mend

If the setting is there only to reach another service or to save a port mapping, take it out. Else
leave the service in its container.

## What it cannot know

Why the setting is there.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, Finding, Service, Severity
from analyzers.rules._build import at, compose, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="host-network",
    title="It uses the network of the host",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=65,
    remedy="Take `network_mode: host` out if it is not needed; else leave the service in its container.",
    effort=(0.25, 1),
)


def check(service: Service) -> Iterator[Finding]:
    for name, evidence in service.compose.privileges if service.compose else ():
        if name == "network host":
            yield RULE.finding("Compose puts it into the network of the host.", [evidence])


CASES = (
    bad(
        "host",
        service(with_compose=compose(privileges=(("network host", at("compose.yaml:6")),))),
        "compose.yaml:6",
    ),
    good("another right", service(with_compose=compose(privileges=(("privileged", at("compose.yaml:6")),)))),
    good("none", service()),
)
