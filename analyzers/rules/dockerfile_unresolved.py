"""
## What it says

Lines of the Dockerfile use variables whose values only a build can know.

## Why

What such a line copies or starts was not read, so it was not judged.

## How to mend

Give the variable a default in the Dockerfile (`ARG NAME=value`).

## What it cannot know

The value that your builds give.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, Finding, Service, Severity
from analyzers.rules._build import at, image, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="dockerfile-unresolved",
    title="Variables of the Dockerfile that reading cannot settle",
    severity=Severity.MINOR,
    effect=Effect.NONE,
    weight=3,
    remedy="Give the variable a default in the Dockerfile.",
)


def check(service: Service) -> Iterator[Finding]:
    if service.image and service.image.unresolved:
        yield RULE.finding(
            "What these lines say depends on arguments of the build.",
            service.image.unresolved,
            severity=Severity.MINOR,
        )


CASES = (
    bad(
        "ARG without a default",
        service(of=image(unresolved=(at("Dockerfile:2"),))),
        "Dockerfile:2",
        effect=Effect.NONE,
    ),
    good("all known", service()),
)
