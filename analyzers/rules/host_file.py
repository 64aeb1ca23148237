"""
## What it says

The source reads files of the operating system: below /proc, /sys, /dev, /run or /etc.

## Why

A component has no operating system around it; it sees the files of the image that were copied from
the repository, and nothing else.

## How to mend

Take the value from the environment, or carry the file in the repository.

## What it cannot know

Whether a missing file is handled.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="host-file",
    title="Files of the operating system are read",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=15,
    confidence=Confidence.MEDIUM,
    remedy="Take the value from the environment, or carry the file in the repository.",
    effort=(0.25, 2),
)
_HOST = ("/proc/", "/sys/", "/dev/", "/run/", "/var/run/", "/etc/", "/usr/", "/var/lib/", "/var/log/")


def check(service: Service) -> Iterator[Finding]:
    carried = {file.guest for file in service.image.files} if service.image else set()
    for found in service.facts(FactKind.FILE_READ):
        if found.subject.startswith(_HOST) and not _carries(carried, found.subject):
            yield RULE.finding(f"{found.subject} is not among the files of the component.", found.evidence)


def _carries(files: set[str], path: str) -> bool:
    return path in files or any(file.startswith(path.rstrip("/") + "/") for file in files)


CASES = (
    bad(
        "memory of the machine",
        service(fact(FactKind.FILE_READ, "/proc/meminfo", "health.py:4")),
        "health.py:4",
    ),
    good("a file of the service", service(fact(FactKind.FILE_READ, "prices.json"))),
)
