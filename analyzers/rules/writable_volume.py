"""
## What it says

Compose or the Dockerfile gives the service a volume that it can write.

## Why

A volume is there because something must outlive the container. A component has no disk of its own
at the baseline, so whatever the volume keeps needs another home.

## How to mend

Move the data into a database or an object store. If the service only reads it, say so: end the
volume with `:ro`, and it becomes a read-only folder of the component.

## What it cannot know

Whether the service writes there. A volume that only the Dockerfile declares has no effect where the
source was read and writes nothing. A single file counts as one that is only read. A bind mount of the
service's own source (for development) is told apart and ignored.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import at, compose, fact, image, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.rules.local_write import is_temporary
from analyzers.volumes import is_file, keeps_data

RULE = Rule(
    id="writable-volume",
    title="A volume keeps data that the service writes",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=20,
    confidence=Confidence.MEDIUM,
    needs=(Need(NeedKind.WRITE),),
    remedy="Move the data into a database or an object store; end the volume with :ro if it is only read.",
    effort=(0.5, 3),
)


def check(service: Service) -> Iterator[Finding]:
    if service.image is None:
        return  # image-only says more
    writes = service.facts(FactKind.FILE_WRITE, FactKind.DATABASE)
    sure = Confidence.HIGH if writes else Confidence.MEDIUM
    for source, target, read_only, evidence in service.compose.volumes if service.compose else ():
        if not read_only and not is_file(target) and keeps_data(service, source, target):
            yield RULE.finding(
                f"{source or 'A volume'} is mounted writable at {target}.", [evidence], confidence=sure
            )
    for target, evidence in service.image.volumes:
        if _writes_nothing(service):
            yield RULE.finding(
                f"The Dockerfile declares a volume at {target}, and the source that was read writes nothing.",
                [evidence],
                effect=Effect.NONE,
                confidence=Confidence.MEDIUM,
                remedy="Nothing must change where the volume only holds what the service reads.",
            )
        else:
            yield RULE.finding(f"The Dockerfile declares a volume at {target}.", [evidence], confidence=sure)


def _writes_nothing(service: Service) -> bool:
    """Whether the source was read from its entry, and no write was found in it but of temporary files."""
    source = service.source
    if source is None or source.entry is None or source.interface is None or not source.files:
        return False
    writes = (
        one
        for one in service.facts(FactKind.FILE_WRITE, FactKind.DATABASE)
        if one.kind is FactKind.FILE_WRITE or one.subject == "sqlite"
    )
    return all(one.kind is FactKind.FILE_WRITE and is_temporary(one) for one in writes)


CASES = (
    bad(
        "a named volume",
        service(with_compose=compose(volumes=(("data", "/data", False, at("compose.yaml:7")),))),
        "compose.yaml:7",
    ),
    bad(
        "VOLUME in the Dockerfile",
        service(fact(FactKind.FILE_WRITE, "/data/x"), of=image(volumes=(("/data", at("Dockerfile:6")),))),
        "Dockerfile:6",
        effect=Effect.REFACTOR,
    ),
    bad(
        "VOLUME of a service that writes nothing",
        service(of=image(volumes=(("/config", at("Dockerfile:6")),))),
        "Dockerfile:6",
        effect=Effect.NONE,
    ),
    good(
        "read-only", service(with_compose=compose(volumes=(("conf", "/conf", True, at("compose.yaml:7")),)))
    ),
    good(
        "the source, for development",
        service(with_compose=compose(volumes=((".", "/app", False, at("compose.yaml:7")),))),
    ),
    good("no volume", service(fact(FactKind.FILE_READ, "a.json"))),
)
