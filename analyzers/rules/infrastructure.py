"""
## What it says

The Dockerfile builds on an image that is infrastructure: a database, a broker, a proxy, a browser.

## Why

Such an image brings its own server, which the Dockerfile only configures. Databases and brokers
keep state and speak protocols of their own; a proxy's job is to forward. None of that is a request
handler that could move.

## How to mend

Leave it in its container.

## What it cannot know

What the configuration makes of it. Web servers (nginx, Caddy) are not judged here: one that serves
files may move with the static lane.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.infrastructure import Role, role_of
from analyzers.model import Effect, Finding, Service, Severity
from analyzers.rules._build import image, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="infrastructure",
    title="Built on an infrastructure image",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=85,
    remedy="Leave it in its container.",
)


def check(service: Service) -> Iterator[Finding]:
    role = role_of(service.image.base) if service.image else None
    if service.image and service.source is None and role and role is not Role.WEB_SERVER:
        yield RULE.finding(f"Built on {service.image.base}, a {role} image.", [service.image.base_evidence])


CASES = (
    bad(
        "a configured PostgreSQL", service(language=None, of=image(base="postgres:16-alpine")), "Dockerfile:1"
    ),
    bad("a proxy", service(language=None, of=image(base="docker.io/library/haproxy:3.0")), "Dockerfile:1"),
    good("a web server", service(language=None, of=image(base="nginx:1.27"))),
    good("a language's image", service()),
)
