"""
## What it says

The application asks for the name of the machine it runs on: `socket.gethostname()`,
`platform.node()`, `platform.uname()` or `os.uname()`.

## Why

A container has a host name of its own, the first digits of its id unless compose or the
orchestrator gives it one. A component has none: WASI names no host, and these calls return
`(none)`. A response that shows which replica answered, or a key made from the name, differs.

## How to mend

Hand the name over as an environment variable and read that. What only goes to a log can stay.

## What it cannot know

Whether the name that is read while the application is imported ever reaches a response, unless a
request handler of the same module reads the variable that holds it. Names that libraries ask for.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Reach, Service, Severity
from analyzers.rules._build import fact, flask, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="host-identity",
    title="The host name is asked for, and a component has none",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=10,
    remedy="Hand the name over as an environment variable and read that.",
    effort=(0.1, 0.5),
)


def check(service: Service) -> Iterator[Finding]:
    found = service.facts(FactKind.HOST)
    lines = {(e.path, e.line) for one in found if one.reach is not Reach.IMPORT for e in one.evidence}
    for one in found:
        if one.reach is not Reach.IMPORT:
            yield RULE.finding(
                f"{one.subject} is `(none)` in a component; a container has a host name of its own.",
                one.evidence,
                confidence=one.confidence if one.reach is Reach.REQUEST else Confidence.LOW,
            )
        elif rest := [e for e in one.evidence if (e.path, e.line) not in lines]:
            yield RULE.finding(
                f"{one.subject} is `(none)` in a component; it is read while the application is imported.",
                rest,
                effect=Effect.NONE,
                severity=Severity.MINOR,
                confidence=Confidence.MEDIUM,
            )


CASES = (
    bad(
        "shown by a page",
        flask("import socket\n\n\n@app.get('/')\ndef who():\n    return socket.gethostname()\n"),
        "app.py:12",
        effect=Effect.REFACTOR,
    ),
    bad(
        "kept at import, read by a page",
        flask("import platform\n\nNAME = platform.node()\n\n\n@app.get('/')\ndef who():\n    return NAME\n"),
        "app.py:9",
        effect=Effect.REFACTOR,
    ),
    bad(
        "read at import",
        service(fact(FactKind.HOST, "socket.gethostname", "log.py:3", reach=Reach.IMPORT)),
        "log.py:3",
        effect=Effect.NONE,
    ),
    good("a name from the environment", service(fact(FactKind.ENV_READ, "HOSTNAME", detail="web"))),
)
