"""
## What it says

Compose lays secrets or configs into the container as files (`secrets:`, `configs:`).

## Why

They are not part of the image, so they are not part of the component either. Their folder must be mounted
where the component runs, which is something that a target may give and a lane must be proven for. A
secret is never put into a component.

## How to mend

Read the secret from a variable: it is passed when the component is started. Copy configuration that
belongs to the service into the image, or pass it in variables.

## What it cannot know

Whether the service reads the files at all, and whether it takes a variable instead where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analyzers.model import ComposeFacts, Effect, Finding, GivenFile, Need, NeedKind, Service, Severity
from analyzers.rules._build import at, compose, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="given-file",
    title="Secrets or configs come as files",
    severity=Severity.MINOR,
    effect=Effect.REFACTOR,
    weight=10,
    needs=(Need(NeedKind.MOUNT),),
    remedy="Take them from variables, or copy configuration into the image.",
    effort=(0.25, 1),
)


def check(service: Service) -> Iterator[Finding]:
    given = service.compose
    if service.image is None or given is None:
        return
    for kind, files in (("secret", given.secrets), ("config", given.configs)):
        for file in files:
            yield RULE.finding(f"The {kind} {file.name} comes as the file {file.target}.", [file.evidence])


_PASSWORD = GivenFile("password", "/run/secrets/password", None, "DB_PASSWORD", at("compose.yaml:7"))


def _with(facts: ComposeFacts) -> Service:
    return service(with_compose=facts)


CASES = (
    bad("a secret", _with(replace(compose(), secrets=(_PASSWORD,))), "compose.yaml:7"),
    bad(
        "a config",
        _with(
            replace(
                compose(),
                configs=(GivenFile("app", "/etc/app/app.ini", "./app.ini", None, at("compose.yaml:9")),),
            )
        ),
        "compose.yaml:9",
    ),
    good("none", _with(compose())),
)
