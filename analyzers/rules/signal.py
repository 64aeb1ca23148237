"""
## What it says

The source handles signals (SIGTERM, SIGHUP, SIGUSR1).

## Why

A component gets none: it has no process of its own. Graceful shutdown is the runtime's part and needs
no code. Work that a handler does besides (writing out what is held in memory, reading configuration
anew) never happens.

## How to mend

Nothing, where the handler only closes connections. Else do the work when it arises, and let a new
deployment bring new configuration.

## What it cannot know

What the handler does beyond closing.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="signal",
    title="Signals are handled, and a component gets none",
    severity=Severity.INFO,
    effect=Effect.NONE,
    weight=1,
    remedy="Nothing where the handler only closes; else do its work when it arises.",
)
# What asks for another thing than the end: to read configuration anew, to write something out.
_OTHER = frozenset({"SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGALRM", "SIGCHLD"})


def check(service: Service) -> Iterator[Finding]:
    found = service.facts(FactKind.SIGNAL)
    if not found:
        return
    names = dict.fromkeys(one.subject.rpartition(".")[2] for one in found)
    more = any(name in _OTHER for name in names)
    yield RULE.finding(
        f"Handled: {', '.join(names)}; a component gets no signals.",
        (evidence for one in found for evidence in one.evidence),
        severity=Severity.MINOR if more else Severity.INFO,
        weight=3 if more else 1,
    )


CASES = (
    bad("SIGTERM", service(fact(FactKind.SIGNAL, "SIGTERM", "app.py:4")), "app.py:4", effect=Effect.NONE),
    bad("SIGHUP", service(fact(FactKind.SIGNAL, "signal.SIGHUP", "app.py:4")), "app.py:4"),
    good("none", service()),
)
