"""
## What it says

The container is given the socket of the Docker engine: compose mounts it, the Dockerfile names it
in a variable, or the source opens a client of the engine.

## Why

Whoever holds that socket rules the machine, and speaks to it through a Unix socket, which a
component has not.

## How to mend

Leave it in its container.

## What it cannot know

What the socket is used for, whether a variable that names it is read, and whether a client in the source
calls the engine through HTTP instead.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import at, compose, env, fact, image, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.volumes import is_docker_socket

RULE = Rule(
    id="docker-socket",
    title="It is given the Docker engine's socket",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=80,
    remedy="Leave it in its container.",
)


def check(service: Service) -> Iterator[Finding]:
    for source, target, _, evidence in service.compose.volumes if service.compose else ():
        if is_docker_socket(source, target):
            yield RULE.finding("The Docker engine's socket is mounted.", [evidence])
    for found in service.facts(FactKind.FILE_READ):
        if is_docker_socket(found.subject, ""):
            yield RULE.finding(
                "Its source calls the Docker engine.", found.evidence, confidence=Confidence.MEDIUM
            )
    for variable in service.image.env if service.image else ():
        if is_docker_socket((variable.value or "").rstrip("/"), ""):
            yield RULE.finding(
                f"{variable.name} names the Docker engine's socket.",
                [variable.evidence],
                confidence=Confidence.MEDIUM,
            )


def is_given(service: Service) -> bool:
    """Whether the service holds the socket, for the `privileged` facet."""
    return next(check(service), None) is not None


SOCKET = "/var/run/docker.sock"
CASES = (
    bad(
        "mounted",
        service(with_compose=compose(volumes=((SOCKET, SOCKET, True, at("compose.yaml:7")),))),
        "compose.yaml:7",
    ),
    bad(
        "named in a variable of the image",
        service(of=image(variables=(env("SOCKET_PATH", SOCKET, "Dockerfile:28"),))),
        "Dockerfile:28",
    ),
    bad(
        "a client of the engine in the source",
        service(fact(FactKind.FILE_READ, SOCKET, "main.go:12"), language="go"),
        "main.go:12",
    ),
    good(
        "another volume",
        service(with_compose=compose(volumes=(("data", "/data", False, at("compose.yaml:7")),))),
    ),
)
