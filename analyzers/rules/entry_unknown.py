"""
## What it says

Reading could not tell how the application is called: the object that the server imports, or the
interface (WSGI, ASGI) that it has.

## Why

The adapter calls the application instead of the server. Without its name there is nothing to call.

## How to mend

State it: a start command in the Dockerfile or compose that names it (`gunicorn shop.wsgi:app`), in
the exec form, without a script in between that computes it.

## What it cannot know

What a start script computes at run time, and what an image inherits from its base.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.listeners import has_listener
from analyzers.model import Effect, Finding, Service, Severity
from analyzers.rules._build import service
from analyzers.rules._rule import Rule, bad, good
from analyzers.support import load

RULE = Rule(
    id="entry-unknown",
    title="How the application is called is not known",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=30,
    remedy='Name the application in the start command, e.g. CMD ["gunicorn", "shop.wsgi:app"].',
    effort=(0.25, 1),
)


def check(service: Service) -> Iterator[Finding]:
    if service.image is None or load().lane_for(service.language) is None:
        return  # image-only and no-lane say more
    if service.source is None:
        yield RULE.finding(
            f"It is written in {service.language}, but the source that it starts could not be found.",
            service.start_evidence or [service.image.base_evidence],
        )
    elif not has_listener(service):
        return  # scheduler-or-worker says more
    elif service.source.entry is None:
        yield RULE.finding(
            "The application object could not be found from the start command.",
            service.start_evidence or [service.image.base_evidence],
        )
    elif service.source.interface is None:
        yield RULE.finding(
            f"Whether {service.source.entry} is a WSGI or an ASGI application could not be told.",
            [service.source.entry_evidence, *service.start_evidence],
            remedy="Start it with a server that says it: gunicorn for WSGI, uvicorn for ASGI.",
        )


CASES = (
    bad("no entry", service(entry=None, interface=None, start=("./start.sh",)), "Dockerfile:9"),
    bad("no interface", service(interface=None), "Dockerfile:9"),
    good("known", service()),
    bad("no source", service(language="python", source_read=False, start=("/start.sh",)), "Dockerfile:9"),
    good("a worker has none", service(server="celery", entry=None, interface=None, listeners=())),
    good("a language without a lane", service(language="java")),
)
