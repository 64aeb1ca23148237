"""
## What it says

Compose mounts a folder or file into the service that it only reads.

## Why

Its content is not part of the image, so it is not part of the component either. It must be mounted
where the component runs, which is something that a target may give and a lane must be proven for.

## How to mend

Copy the files into the image, if they belong to the service: then the component carries them.
Settings and certificates that differ per environment are better passed in variables.

## What it cannot know

Whether the service reads the files at all.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import at, compose, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.volumes import is_file, keeps_data

RULE = Rule(
    id="read-only-volume",
    title="A volume is mounted read-only",
    severity=Severity.MINOR,
    effect=Effect.REFACTOR,
    weight=10,
    needs=(Need(NeedKind.MOUNT),),
    remedy="Copy the files into the image, or pass settings in variables.",
    effort=(0.25, 1),
)


def check(service: Service) -> Iterator[Finding]:
    if service.image is None:
        return
    for source, target, read_only, evidence in service.compose.volumes if service.compose else ():
        if (read_only or is_file(target)) and keeps_data(service, source, target):
            yield RULE.finding(f"{source or 'A volume'} is mounted at {target}.", [evidence])


CASES = (
    bad(
        "settings",
        service(with_compose=compose(volumes=(("./conf", "/conf", True, at("compose.yaml:7")),))),
        "compose.yaml:7",
    ),
    good(
        "writable is another rule",
        service(with_compose=compose(volumes=(("data", "/data", False, at("compose.yaml:7")),))),
    ),
    bad(
        "a single file, though nobody wrote :ro",
        service(with_compose=compose(volumes=(("./app.ini", "/etc/app.ini", False, at("compose.yaml:7")),))),
        "compose.yaml:7",
    ),
    good("no volume", service()),
)
