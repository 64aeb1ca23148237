"""
## What it says

The container starts a development server.

## Why

If it serves an application that can be called (`flask run`, `manage.py runserver`, `app.run()`),
the adapter takes its place and nothing is lost: then this is a note. A development server whose job
is to rebuild and reload source (a bundler's) has nothing that could be deployed.

## How to mend

Start the application with a production server. For a bundler's server, deploy what its build makes.

## What it cannot know

Whether somebody relies on the reloader or the debugger in the container.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers import programs
from analyzers.model import Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="development-server",
    title="A development server is started",
    severity=Severity.MAJOR,
    effect=Effect.KEEP,
    weight=65,
    remedy="Start the application with a production server, or deploy what the build makes.",
    effort=(0.25, 1),
)
_INTERFACES = frozenset({"wsgi", "asgi", "http.server"})


def check(service: Service) -> Iterator[Finding]:
    if service.image is None:
        return  # image-only says more
    found = service.facts(FactKind.DEVELOPMENT_SERVER)
    evidence = [item for one in found for item in one.evidence]
    names = ", ".join(dict.fromkeys(one.subject for one in found))
    program = programs.of(service.start_command)
    if not found and program and program.kind is programs.Kind.DEVELOPMENT:
        evidence = [*service.start_evidence]
        names = program.name
    if not names:
        return
    source = service.source
    if source and source.entry and source.interface in _INTERFACES:
        yield RULE.finding(
            f"{names} is a development server; the adapter takes its place.",
            evidence,
            effect=Effect.NONE,
            remedy="Nothing must change for the component; the container should start a production server.",
        )
    else:
        yield RULE.finding(f"{names} is a development server.", evidence)


CASES = (
    bad(
        "flask run",
        service(fact(FactKind.DEVELOPMENT_SERVER, "flask run", "Dockerfile:9")),
        "Dockerfile:9",
        effect=Effect.NONE,
    ),
    bad(
        "a bundler's",
        service(fact(FactKind.DEVELOPMENT_SERVER, "vite", "Dockerfile:9"), entry=None, interface=None),
        "Dockerfile:9",
        effect=Effect.KEEP,
    ),
    bad(
        "hugo server, whose source no reader claims",
        service(language=None, start=("hugo", "server", "--disableFastRender")),
        "Dockerfile:9",
        effect=Effect.KEEP,
    ),
    good("gunicorn", service()),
)
