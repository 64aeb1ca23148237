"""
## What it says

The service calls other services through HTTP, or hands some of its paths on to them.

## Why

HTTP calls leave a component through `wasi:http/outgoing-handler`, one granted host at a time. Every
target gives that; the lane must be proven to route the libraries of its language there.

## How to mend

Nothing in the source must change once the lane is proven for it. Name the hosts: `--allow-host
https://api.example.com` for those that reading could not find.

## What it cannot know

Which hosts are called where an address is computed at run time.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Effect, Fact, FactKind, Finding, Link, Need, NeedKind, Service, Severity
from analyzers.rules._build import at, fact, flask, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.rules.forwarder import MAIN

RULE = Rule(
    id="http-out",
    title="HTTP calls go out",
    severity=Severity.MINOR,
    effect=Effect.REFACTOR,
    weight=10,
    needs=(Need(NeedKind.HTTP_OUT),),
    remedy="Name the hosts with --allow-host; the lane must be proven for outbound HTTP.",
    effort=(0.25, 1),
)
_HTTP = frozenset({"http", "https"})


def check(service: Service) -> Iterator[Finding]:
    facts = [one for one in service.facts(FactKind.OUTBOUND) if one.subject in _HTTP]
    facts += [one for one in service.facts(FactKind.FORWARD) if one.detail != MAIN]
    if facts:
        hosts = ", ".join(dict.fromkeys(_host(one) for one in facts if _host(one)))
        yield RULE.finding(
            f"Calls {hosts or 'other hosts'} through HTTP.",
            (evidence for one in facts for evidence in one.evidence),
        )


def _host(one: Fact) -> str:
    return one.subject if one.kind is FactKind.FORWARD else one.detail


CASES = (
    bad(
        "requests",
        flask(
            "import requests\n\n@app.get('/')\ndef home():\n"
            "    return requests.get('https://api.example.com/v1').text\n",
            requirements="flask==3.1.3\nrequests==2.32.5",
        ),
        "app.py:11",
    ),
    bad("a call", service(fact(FactKind.OUTBOUND, "http", "pay.py:8", "api.example.com")), "pay.py:8"),
    bad(
        "a path that is forwarded",
        service(fact(FactKind.FORWARD, "http://api:8080", "nginx.conf:9")),
        "nginx.conf:9",
    ),
    good("a proxy is another rule", service(fact(FactKind.FORWARD, "http://api", detail=MAIN))),
    good("no call", service()),
    good(
        "a link without a call in the source", service(links=(Link("api", "http", 80, at("compose.yaml:4")),))
    ),
)
