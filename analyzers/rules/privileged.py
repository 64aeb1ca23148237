"""
## What it says

Compose gives the container rights over the machine: `privileged`, added capabilities, devices, the
host's process table.

## Why

A component has no such rights and no system calls to use them with. A service that needs them works
on the machine, not on requests.

## How to mend

Leave it in its container. If the right is not needed, take it out of compose.

## What it cannot know

Whether the right is really used.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, Evidence, Finding, Service, Severity
from analyzers.rules._build import at, compose, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="privileged",
    title="It has rights over the machine",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=75,
    remedy="Leave it in its container, or take the right away if it is not needed.",
)
_NETWORK = "network host"


def check(service: Service) -> Iterator[Finding]:
    rights: list[tuple[str, Evidence]] = [
        item for item in (service.compose.privileges if service.compose else ()) if item[0] != _NETWORK
    ]
    if rights:
        yield RULE.finding(
            f"Compose gives it {', '.join(name for name, _ in rights)}.", (evidence for _, evidence in rights)
        )


CASES = (
    bad(
        "privileged",
        service(with_compose=compose(privileges=(("privileged", at("compose.yaml:5")),))),
        "compose.yaml:5",
    ),
    bad(
        "a capability",
        service(with_compose=compose(privileges=(("cap_add NET_ADMIN", at("compose.yaml:6")),))),
        "compose.yaml:6",
    ),
    good(
        "the host's network is another rule",
        service(with_compose=compose(privileges=(("network host", at("compose.yaml:6")),))),
    ),
    good("none", service(with_compose=compose())),
)
