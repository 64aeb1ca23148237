"""
## What it says

The service takes a secret from its environment.

## Why

Configuration is the environment, and a secret is passed at start only; no secret is ever frozen
into a component or written into a manifest. A target without a way to pass one at start cannot run
the service.

## How to mend

Nothing in the source. Pass the secret when the component is started.

## What it cannot know

Secrets that come from files or from a vault's API; variables whose names do not tell.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.grants import secrets
from analyzers.model import Effect, FactKind, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import compose, env, fact, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.support import load

RULE = Rule(
    id="secret-env",
    title="Secrets come from the environment",
    severity=Severity.MINOR,
    effect=Effect.REFACTOR,
    weight=5,
    needs=(Need(NeedKind.SECRET_ENV),),
    remedy="Pass the secret when the component is started.",
    effort=(0, 0.5),
)


def check(service: Service) -> Iterator[Finding]:
    found = secrets(service)
    if found and load().lane_for(service.language) is not None:
        yield RULE.finding(
            f"Passed at start only: {', '.join(grant.name for grant in found)}.",
            (grant.evidence for grant in found),
        )


CASES = (
    bad(
        "read by the source", service(fact(FactKind.ENV_READ, "SECRET_KEY", "settings.py:3")), "settings.py:3"
    ),
    bad(
        "set by compose",
        service(with_compose=compose(variables=(env("API_TOKEN", None, "compose.yaml:5"),))),
        "compose.yaml:5",
    ),
    good(
        "no lane takes it anyway",
        service(language="java", with_compose=compose(variables=(env("API_TOKEN", None, "compose.yaml:5"),))),
    ),
    good("a plain variable", service(fact(FactKind.ENV_READ, "LOG_LEVEL", detail="info"))),
)
