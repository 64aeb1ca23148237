"""
## What it says

Requests do work that is heavy on the processor.

## Why

WebAssembly runs such work slower than the container's machine code, interpreters inside a component
several times so: a password hash in pure Python takes seconds where OpenSSL takes milliseconds.

## How to mend

Measure it: `dock2wasm validate` shows the times of both sides. Move the heavy part elsewhere if it
matters.

## What it cannot know

How often it happens and how long it takes.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="compute-heavy",
    title="Heavy computation is slower",
    severity=Severity.MINOR,
    effect=Effect.NONE,
    weight=5,
    remedy="Measure it with `dock2wasm validate`; move the heavy part elsewhere if it matters.",
)


def check(service: Service) -> Iterator[Finding]:
    found = service.facts(FactKind.COMPUTE)
    if found:
        yield RULE.finding(
            f"Slower than in the container: {', '.join(dict.fromkeys(one.subject for one in found))}.",
            (evidence for one in found for evidence in one.evidence),
            severity=Severity.MINOR,
        )


CASES = (
    bad(
        "password hashes",
        service(fact(FactKind.COMPUTE, "hashlib.pbkdf2_hmac", "auth.py:8")),
        "auth.py:8",
        effect=Effect.NONE,
    ),
    good("none", service()),
)
