"""
## What it says

The image installs a browser: Chromium, Firefox, their drivers.

## Why

A service that has a browser in its image drives it as a program of its own. A component starts no
programs, and no browser is built for WebAssembly.

## How to mend

Leave it in its container. Where the browser only makes PDF files or pictures, a service of its own can
do that, called through HTTP; the rest may move.

## What it cannot know

Whether the browser is started by requests or only by tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzers.infrastructure import Role, role_of
from analyzers.model import Confidence, Effect, Finding, Service, Severity
from analyzers.rules._build import image, run, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.run_lines import commands

RULE = Rule(
    id="browser",
    title="It drives a browser",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=70,
    confidence=Confidence.MEDIUM,
    remedy="Leave it in its container, or move what needs the browser into a service of its own.",
    effort=(2, 10),
)
_INSTALLS = re.compile(r"\b(apt-get|apt|apk|dnf|microdnf|yum|zypper|pacman|snap)\b")
_PACKAGE = re.compile(
    r"(?<![\w-])(chromium(-browser|-chromedriver|-driver|-headless-shell|-swiftshader)?|google-chrome-(stable|beta)"
    r"|firefox(-esr)?|geckodriver|chromedriver|microsoft-edge-stable)(?=[=\s]|$)"
)
_FETCHES = re.compile(
    r"\b(playwright|rebrowser-playwright|patchright)\s+install\b|\bpuppeteer\s+browsers\s+install\b"
)


def check(service: Service) -> Iterator[Finding]:
    image = service.image
    if image is None:
        return  # image-only says more
    if service.source is not None and role_of(image.base) is Role.BROWSER:
        yield RULE.finding(f"Its base {image.base} brings a browser.", [image.base_evidence])
    for line in image.runs:
        for command in commands(line):
            installed = _PACKAGE.search(command) if _INSTALLS.search(command) else None
            if installed or _FETCHES.search(command):
                what = installed[1] if installed else "a browser"
                yield RULE.finding(f"The image installs {what}.", [line.evidence])
                break


CASES = (
    bad(
        "Chromium from the distribution",
        service(of=image(runs=(run("apt-get update && apt-get install -y chromium", 4),))),
        "Dockerfile:4",
        effect=Effect.KEEP,
    ),
    bad(
        "Playwright's own",
        service(of=image(runs=(run("npx playwright install --with-deps chromium", 4),))),
        "Dockerfile:4",
    ),
    bad(
        "an image that brings one",
        service(of=image(base="mcr.microsoft.com/playwright:v1.50.0")),
        "Dockerfile:1",
    ),
    good("another package", service(of=image(runs=(run("apt-get install -y chromium-bsu curl", 4),)))),
    good("none", service()),
)
