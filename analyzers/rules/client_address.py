"""
## What it says

The application reads the address of the client: `request.remote_addr`, `REMOTE_ADDR`, or a rate
limiter that counts by it.

## Why

WASI's HTTP interface hands a component the request and says nothing of the connection that it came
on. The adapter therefore gives `0.0.0.0`, the same for every client, unless a header tells the
address.

## How to mend

Where the runtime sets a header with the address, name it in the variable
`DOCK2WASM_CLIENT_ADDRESS_HEADER` (`spin-client-addr` on Spin). Behind a proxy, werkzeug's
`ProxyFix` reads `X-Forwarded-For` and works unchanged; then the rule is silent.

## What it cannot know

Whether the address decides anything, or only goes to a log. Behind a proxy the container sees the
proxy's address, not the client's.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, FactKind, Finding, Service, Severity
from analyzers.rules._build import fact, flask, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="client-address",
    title="The client's address is read, and a component is told none",
    severity=Severity.MINOR,
    effect=Effect.NONE,
    weight=3,
    remedy="Name the header that holds it in DOCK2WASM_CLIENT_ADDRESS_HEADER, where the runtime sets one.",
    confidence=Confidence.MEDIUM,
)


def check(service: Service) -> Iterator[Finding]:
    found = service.facts(FactKind.CLIENT_ADDRESS)
    if found:
        names = ", ".join(dict.fromkeys(one.subject for one in found))
        yield RULE.finding(
            f"{names}: 0.0.0.0 in a component unless DOCK2WASM_CLIENT_ADDRESS_HEADER names a header.",
            (evidence for one in found for evidence in one.evidence),
            severity=Severity.MINOR,
        )


_VIEW = "@app.get('/')\ndef who():\n    return request.remote_addr or ''\n"

CASES = (
    bad("shown by a page", flask(_VIEW), "app.py:9", effect=Effect.NONE),
    bad(
        "Django",
        service(fact(FactKind.CLIENT_ADDRESS, "request.META['REMOTE_ADDR']", "views.py:8")),
        "views.py:8",
    ),
    good(
        "a proxy's header",
        flask(
            "from werkzeug.middleware.proxy_fix import ProxyFix\n\n"
            "app.wsgi_app = ProxyFix(app.wsgi_app)\n\n\n" + _VIEW
        ),
    ),
)
