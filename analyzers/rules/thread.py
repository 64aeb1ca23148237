"""
## What it says

The service starts threads or uses a pool of threads.

## Why

A component of WASI 0.2 has one thread. CPython there cannot start another (`RuntimeError: can't start
new thread`), and no lane runs the work of threads in line yet.

## How to mend

Do the work in the request, or in a worker of its own. Calls that were made in parallel to save time
can be made one after another.

## What it cannot know

Whether a thread ends with its request or runs on; `background-work` covers loops that the reader
recognises.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import fact, flask, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="thread",
    title="Threads are started",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=15,
    needs=(Need(NeedKind.BACKGROUND),),
    remedy="Do the work in the request, or in a worker of its own.",
    effort=(0.5, 3),
)


def check(service: Service) -> Iterator[Finding]:
    for found in service.facts(FactKind.THREAD):
        yield RULE.finding(
            f"{found.subject} starts a thread; a component has but one.",
            found.evidence,
            confidence=found.confidence,
        )


CASES = (
    bad(
        "a thread per request",
        flask(
            "import threading\n\n@app.get('/')\ndef home():\n"
            "    threading.Thread(target=print).start()\n    return 'ok'\n"
        ),
        "app.py:11",
    ),
    bad("a thread", service(fact(FactKind.THREAD, "threading.Thread", "app.py:20")), "app.py:20"),
    good("none", service()),
)
