"""
## What it says

The image brings a table of scheduled jobs (crontab, `/etc/cron.d`) beside its service.

## Why

Nothing in a component waits for a time. The jobs would silently never run.

## How to mend

Give each job a route and let the platform's scheduler call it (a Kubernetes CronJob with curl, Spin's cron
trigger for a component of its own), or keep the jobs in a container.

## What it cannot know

Tables that are written when the container starts, and whether cron is started at all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzers.listeners import has_listener
from analyzers.model import Confidence, Effect, Evidence, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import copy, image, run, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.run_lines import commands

RULE = Rule(
    id="schedule",
    title="Scheduled jobs run beside the service",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=20,
    confidence=Confidence.MEDIUM,
    needs=(Need(NeedKind.BACKGROUND),),
    remedy="Give each job a route that a scheduler calls, or keep the jobs in a container.",
    effort=(0.5, 3),
)
_TABLE = re.compile(
    r"^/etc/(cron\.(d|hourly|daily|weekly|monthly)(/|$)|crontab)|^/(var/spool/cron|etc/crontabs)/"
)
_WRITES = re.compile(r"(^|\s)crontab\s+(?!-[lr]\b)\S|>\s*/(etc/cron|var/spool/cron)")


def check(service: Service) -> Iterator[Finding]:
    if service.image is None or not has_listener(service):
        return  # image-only and scheduler-or-worker say more
    places: list[Evidence] = [one.evidence for one in service.image.copies if _TABLE.search(one.destination)]
    places += [
        line.evidence
        for line in service.image.runs
        if any(_WRITES.search(command) for command in (line.command, *commands(line)))
    ]
    if places:
        yield RULE.finding("The image brings a table of scheduled jobs.", places)


CASES = (
    bad(
        "a file in /etc/cron.d",
        service(of=image(copies=(copy("jobs", "/etc/cron.d/jobs", 5),))),
        "Dockerfile:5",
        effect=Effect.REFACTOR,
    ),
    bad("crontab", service(of=image(runs=(run("crontab /app/jobs.txt", 6),))), "Dockerfile:6"),
    good(
        "a scheduler without a listener is another rule",
        service(
            of=image(copies=(copy("jobs", "/etc/cron.d/jobs", 5),)),
            start=("cron", "-f"),
            listeners=(),
            server="cron",
            interface=None,
        ),
    ),
    good("none", service(of=image(copies=(copy("cron.py", "/app/", 5),)))),
)
