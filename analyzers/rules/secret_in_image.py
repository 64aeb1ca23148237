"""
## What it says

The Dockerfile or compose gives a variable that holds a secret a value.

## Why

Whoever has the image or the repository has the secret. A component never carries one: it is passed
when the component is started.

## How to mend

Take the value out, change the secret, and pass it at start (`--env NAME`, a secret of the
platform).

## What it cannot know

Whether the value is a real secret or an example for development.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, EnvVar, Finding, Service, Severity
from analyzers.redaction import is_secret
from analyzers.rules._build import compose, env, image, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="secret-in-image",
    title="A secret stands in the Dockerfile or in compose",
    severity=Severity.MINOR,
    effect=Effect.NONE,
    weight=3,
    remedy="Take the value out and pass it at start.",
)
_EXAMPLES = frozenset(
    {"", "changeme", "change-me", "secret", "password", "example", "test", "dev", "development"}
)


def check(service: Service) -> Iterator[Finding]:
    found: list[EnvVar] = [*(service.image.env if service.image else ())]
    found += service.compose.environment if service.compose else ()
    for variable in found:
        if variable.value is None or not is_secret(variable.name, variable.value):
            continue
        if variable.value.lower() in _EXAMPLES or variable.value.startswith("$"):
            continue
        yield RULE.finding(
            f"{variable.name} has a value here; the component gets it at start only.",
            [variable.evidence],
            severity=Severity.MINOR,
        )


CASES = (
    bad("ENV", service(of=image(variables=(env("SECRET_KEY", "b3a1", "Dockerfile:3"),))), "Dockerfile:3"),
    bad(
        "a URL with a password",
        service(with_compose=compose(variables=(env("DB", "mysql://a:b@db/x", "compose.yaml:4"),))),
        "compose.yaml:4",
    ),
    good(
        "handed through by compose",
        service(with_compose=compose(variables=(env("SECRET_KEY", None, "compose.yaml:4"),))),
    ),
    good("no secret", service(of=image(variables=(env("LOG_LEVEL", "info"),)))),
)
