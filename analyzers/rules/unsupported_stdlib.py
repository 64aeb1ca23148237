"""
## What it says

The source imports a module of the standard library that CPython on WASI does not have (`ctypes`,
`mmap`, `bz2`, ...), or calls something that fails there (`ssl.wrap_socket`, `socket.gethostbyname`).

## Why

The import or the call fails in the component, and with it whatever needed it.

## How to mend

Import it only where it is used, or use another module (`zlib` for `bz2`). TLS is done by the
runtime: `ssl` is rarely needed by a service itself. What a service looks up of its own host
(its address, its full name) can be handed to it as a variable.

## What it cannot know

Whether the import is guarded, beyond the guards that the reader recognises.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Need, NeedKind, Reach, Service, Severity
from analyzers.rules._build import fact, flask, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="unsupported-stdlib",
    title="A part of the standard library that WASI lacks",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=20,
    needs=(Need(NeedKind.NATIVE),),
    remedy="Do without it where it is used, or use another module.",
    effort=(0.25, 2),
)


def check(service: Service) -> Iterator[Finding]:
    for found in service.facts(FactKind.UNSUPPORTED_STDLIB):
        why = f": {found.detail}" if found.detail else ""
        yield RULE.finding(
            f"{found.subject} does not work in CPython for WASI{why}.",
            found.evidence,
            needs=(Need(NeedKind.NATIVE, found.subject),),
            confidence=Confidence.MEDIUM if found.reach is Reach.UNKNOWN else found.confidence,
        )


CASES = (
    bad(
        "ctypes, imported by the application",
        flask("import ctypes\n\n@app.get('/')\ndef home():\n    return str(ctypes.sizeof(ctypes.c_int))\n"),
        "app.py:7",
    ),
    bad(
        "the address of its own host",
        flask("import socket\n\n@app.get('/')\ndef home():\n    return socket.gethostbyname('localhost')\n"),
        "app.py:11",
    ),
    bad("ctypes", service(fact(FactKind.UNSUPPORTED_STDLIB, "ctypes", "lib.py:1")), "lib.py:1"),
    good("none", service()),
)
