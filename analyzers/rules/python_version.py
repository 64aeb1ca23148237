"""
## What it says

The image brings a Python that is much older than the one of the component, CPython 3.14.

## Why

The dependencies are resolved for CPython 3.14. Packages pinned in the years of Python 3.6 to 3.9
often use parts of the standard library that are gone since (`distutils`, `collections.Mapping`,
`pkgutil.find_loader`).

## How to mend

Raise the pins until the tests of the service pass on Python 3.14. `dock2wasm build` imports the
dependencies and names the first that fails.

## What it cannot know

Whether the pinned versions fail; it lowers the confidence of the verdict only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzers.model import Effect, Finding, Service, Severity
from analyzers.rules._build import image, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="python-version",
    title="The container runs a much older Python",
    severity=Severity.MINOR,
    effect=Effect.NONE,
    weight=4,
    remedy="Raise the pins until the tests pass on Python 3.14; `dock2wasm build` tells what fails.",
)
OLDEST = 10  # minor version from which nothing is said
_OFFICIAL = re.compile(r"(?:.*/)?python:(?P<major>\d+)(?:\.(?P<minor>\d+))?(?=[.\-]|$)")
# Distributions whose Python is older, by the beginning of the tag.
_DISTRIBUTIONS = re.compile(
    r"(?:.*/)?(?:ubuntu:(?:1[468]|20)\.|debian:(?:[89]|10|11|buster|bullseye)|centos:)"
)


def check(service: Service) -> Iterator[Finding]:
    if service.image is None or service.source is None or service.source.language != "python":
        return
    base = service.image.base
    found = _OFFICIAL.match(base)
    old = bool(_DISTRIBUTIONS.match(base))
    if found:
        major, minor = int(found["major"]), found["minor"]
        old = major < 3 or (minor is not None and int(minor) < OLDEST)
    if old:
        yield RULE.finding(
            f"{base} runs an old Python; the component runs CPython 3.14.",
            [service.image.base_evidence],
            severity=Severity.MINOR,
        )


CASES = (
    bad("Python 3.6", service(of=image(base="python:3.6-alpine")), "Dockerfile:1", effect=Effect.NONE),
    bad("Python 2", service(of=image(base="docker.io/library/python:2.7")), "Dockerfile:1"),
    bad("an old distribution", service(of=image(base="ubuntu:18.04")), "Dockerfile:1"),
    good("Python 3.11", service(of=image(base="python:3.11-slim"))),
    good("the newest", service(of=image(base="python:3"))),
    good("another image", service(of=image(base="debian:trixie"))),
)
