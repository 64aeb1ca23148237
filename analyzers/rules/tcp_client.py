"""
## What it says

The service opens connections that are not HTTP: a database driver, Redis, a message broker, SMTP.

## Why

At the baseline only HTTP leaves a component. Raw sockets (and looking up names for them) are
something a target may give and a lane must be proven for; without TLS in the guest, encrypted
connections are a question of their own.

## How to mend

Use an HTTP interface of the same service where there is one, or a target that gives sockets: see
`targets` and `lacks`.

## What it cannot know

Whether the connection is encrypted, and whether the driver is used in every request.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzers.model import (
    Confidence,
    Effect,
    Fact,
    FactKind,
    Finding,
    Link,
    Need,
    NeedKind,
    Service,
    Severity,
)
from analyzers.rules._build import at, fact, flask, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="tcp-client",
    title="Connections other than HTTP go out",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=20,
    needs=(Need(NeedKind.TCP), Need(NeedKind.DNS)),
    remedy="Use an HTTP interface, or deploy to a target that gives sockets.",
    effort=(1, 6),
)
UDP = frozenset({"udp", "statsd", "syslog", "snmp", "ntp"})
HTTP = frozenset({"http", "https"})
_ADDRESS = re.compile(r"(?:\d{1,3}\.){3}\d{1,3}(?::\d+)?|\[[0-9a-fA-F:]+\](?::\d+)?")


def check(service: Service) -> Iterator[Finding]:
    if service.image is None:
        return  # image-only says more
    facts = [
        one
        for one in service.facts(FactKind.OUTBOUND, FactKind.DATABASE)
        if one.subject not in HTTP and one.subject != "sqlite"
    ]
    for protocol in dict.fromkeys(one.subject for one in facts):
        mine = [one for one in facts if one.subject == protocol]
        hosts = tuple(dict.fromkeys(one.detail for one in mine if one.detail))
        to = f" to {', '.join(hosts)}" if hosts else ""
        yield RULE.finding(
            f"Speaks {protocol}{to} over a socket of its own.",
            (evidence for one in mine for evidence in one.evidence),
            needs=_needs(protocol, hosts),
            confidence=_surest(mine),
        )
    spoken = {one.subject for one in facts}
    for link in service.links:
        if link.protocol not in spoken | HTTP and service.source is None:
            yield RULE.finding(
                f"Is connected to {link.service} ({link.protocol}).",
                [link.evidence],
                needs=_needs(link.protocol, ()),
                confidence=Confidence.MEDIUM,
            )


def _surest(facts: list[Fact]) -> Confidence:
    order = list(Confidence)
    return min((one.confidence for one in facts), key=order.index)


def _needs(protocol: str, hosts: tuple[str, ...]) -> tuple[Need, ...]:
    kind = NeedKind.UDP if protocol in UDP else NeedKind.TCP
    named = not hosts or any(not _ADDRESS.fullmatch(host) for host in hosts)
    return (Need(kind), Need(NeedKind.DNS)) if named else (Need(kind),)


CASES = (
    bad(
        "redis-py",
        flask(
            "import redis\n\ncache = redis.Redis(host='cache')\n\n@app.get('/')\ndef home():\n"
            "    return cache.get('x')\n",
            requirements="flask==3.1.3\nredis==6.4.0",
        ),
        "app.py:9",
    ),
    bad("Redis", service(fact(FactKind.OUTBOUND, "redis", "cache.py:3", "redis:6379")), "cache.py:3"),
    bad("PostgreSQL", service(fact(FactKind.DATABASE, "postgres", "db.py:3")), "db.py:3"),
    bad(
        "two protocols are two findings",
        service(fact(FactKind.OUTBOUND, "smtp", "a.py:1"), fact(FactKind.OUTBOUND, "redis", "b.py:1")),
        "a.py:1",
        "b.py:1",
    ),
    bad(
        "linked by compose, source not read",
        service(language=None, links=(Link("db", "postgres", 5432, at("compose.yaml:9")),)),
        "compose.yaml:9",
    ),
    good("HTTP", service(fact(FactKind.OUTBOUND, "http", detail="api.example.com"))),
    good("SQLite", service(fact(FactKind.DATABASE, "sqlite"))),
)
