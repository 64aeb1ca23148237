"""
## What it says

Compose runs an image that this repository does not build.

## Why

There is no source to convert. Databases, brokers and proxies are what such services usually are,
and they belong in containers.

## How to mend

Nothing; the services that use it may move. If the image is built from another repository of yours,
assess that one.

## What it cannot know

What is in the image, beyond its name.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.infrastructure import role_of
from analyzers.model import Effect, Finding, Service, Severity
from analyzers.rules._build import compose, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="image-only",
    title="An image that is not built here",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=90,
    remedy="Leave it as it is; assess the repository that builds the image if it is yours.",
)


def check(service: Service) -> Iterator[Finding]:
    if service.image is None and service.image_name:
        role = role_of(service.image_name)
        what = f", a {role}" if role else ""
        yield RULE.finding(
            f"Runs the image {service.image_name}{what}; its source is not here.",
            [service.compose.ref.evidence if service.compose else None],
        )


CASES = (
    bad(
        "postgres",
        service(has_image=False, language=None, image_name="postgres:16", with_compose=compose()),
        "compose.yaml:2",
    ),
    good("built from a Dockerfile", service()),
    good(
        "a Dockerfile that could not be read", service(has_image=False, language=None, with_compose=compose())
    ),
)
