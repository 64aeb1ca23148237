"""
## What it says

A secret (a session key, a salt, a key that signs tokens) is made at random when the program starts.

## Why

A container starts once and keeps its secret until it ends. A component is started for each request where
the runtime gives fresh instances, and in several instances anyway: what one signs, the next refuses. Logins
are forgotten, CSRF tokens are invalid, and nothing in the log says why. (The container has the same fault,
more rarely: every restart logs everybody out.)

## How to mend

Give the secret from outside, as an environment variable that is read when the program starts.

## What it cannot know

Whether a later request depends on it: a key that is used within one request only needs no mending. Secrets
are told by the names of variables and settings.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Need, NeedKind, Service, Severity
from analyzers.rules._build import fact, flask, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="start-secret",
    title="A secret is made anew at each start",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=20,
    needs=(Need(NeedKind.STATE),),
    remedy="Read it from an environment variable.",
    effort=(0.1, 0.5),
)


def check(service: Service) -> Iterator[Finding]:
    for found in service.facts(FactKind.START_SECRET):
        if found.detail:
            yield RULE.finding(
                f"Set {found.detail}: without it {found.subject} makes another for each instance.",
                found.evidence,
                effect=Effect.NONE,
                severity=Severity.MINOR,
                confidence=found.confidence,
            )
        else:
            yield RULE.finding(
                f"{found.subject} makes another secret for each instance: what one signs the next refuses.",
                found.evidence,
                confidence=min(found.confidence, Confidence.MEDIUM, key=list(Confidence)[::-1].index),
            )


CASES = (
    bad("a session key", flask("import os\n\napp.secret_key = os.urandom(24)\n"), "app.py:9"),
    bad(
        "a setting",
        flask("import secrets\n\napp.config['SECRET_KEY'] = secrets.token_hex(16)\n"),
        "app.py:9",
    ),
    bad(
        "unless a variable is set",
        flask("import os, secrets\n\napp.secret_key = os.environ.get('SECRET_KEY') or secrets.token_hex()\n"),
        "app.py:9",
        effect=Effect.NONE,
    ),
    bad("of another language", service(fact(FactKind.START_SECRET, "rand.Read", "main.go:5")), "main.go:5"),
    good(
        "a token within a request",
        flask(
            "import secrets\n\n\n@app.get('/')\ndef new():\n    key = secrets.token_hex()\n    return key\n"
        ),
    ),
    good("a number that is no secret", flask("import random\n\nDELAY = random.random()\n")),
)
