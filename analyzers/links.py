"""Connections between the services of a repository, from what compose, the image and the source say.

A link needs a statement: `depends_on`, a variable or a word of the command that holds the other service's
name as a host, or an address in the source. A bare word counts as a host only in a variable whose name says
that it holds one: `POSTGRES_USER=shop` is no connection to a service `shop`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from analyzers import base_images
from analyzers.model import ComposeFacts, Evidence, FactKind, Image, Link, Source

_SCHEMES = {
    "postgresql": "postgres",
    "psql": "postgres",
    "pgsql": "postgres",
    "rediss": "redis",
    "mariadb": "mysql",
    "mongodb+srv": "mongodb",
    "https": "http",
    "amqps": "amqp",
    "sqlserver": "mssql",
    "grpcs": "grpc",
    "tcp": "",
    "tls": "",
    "ssl": "",
}
_NAMES_A_HOST = re.compile(
    r"(^|_)(HOST(S|NAMES?)?|ADDR(S|ESS(ES)?)?|SERVERS?|UR[LI]S?|ENDPOINTS?|BROKERS?|NODES?|UPSTREAM|BACKEND"
    r"|CONTACT_POINTS|PROXY|SERVICE)($|_)",
    re.IGNORECASE,
)
_SEPARATORS = re.compile(r"[,;|\s]+")
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Peer:
    """Another service of the same project: its unique name, and what of it tells how one speaks to it."""

    title: str
    image_name: str  # the image that runs, or the base of the one that is built
    built: bool


def links(
    peers: Mapping[str, Peer], facts: ComposeFacts | None, image: Image | None, source: Source | None
) -> tuple[Link, ...]:
    """The connections to `peers`, by the names that compose gives them; the service itself is not there."""
    if not peers:
        return ()
    found: dict[str, Link] = {}
    for name, scheme, port, evidence in _named(facts, image, source):
        peer = peers.get(name)
        if peer is None:
            continue
        known = base_images.find(peer.image_name)
        protocol = scheme or (known.protocol if known else "") or ("http" if peer.built else "tcp")
        number = port or (known.port if known else 0) or None
        before = found.get(peer.title)
        if before is None or (before.port is None and number is not None):
            found[peer.title] = Link(peer.title, protocol, number, evidence)
    return tuple(sorted(found.values(), key=lambda link: link.service))


def _named(
    facts: ComposeFacts | None, image: Image | None, source: Source | None
) -> Iterator[tuple[str, str, int | None, Evidence | None]]:
    """Hosts that are named: host, protocol ("" where not said), port, evidence. Statements come first."""
    variables = (*(facts.environment if facts else ()), *(image.env if image else ()))
    for variable in variables:
        says = _NAMES_A_HOST.search(variable.name) is not None
        for host, scheme, port in hosts(variable.value or "", bare=says):
            yield host, scheme, port, variable.evidence
    for command in (facts.entrypoint, facts.command) if facts else ():
        for word in command.argv if command else ():
            for host, scheme, port in hosts(word.rpartition("=")[2], bare=False):
                yield host, scheme, port, command.evidence if command else None
    yield from _of_source(source)
    for name in facts.depends_on if facts else ():
        yield name, "", None, facts.ref.evidence if facts else None


def _of_source(source: Source | None) -> Iterator[tuple[str, str, int | None, Evidence | None]]:
    for fact in source.facts if source else ():
        evidence = fact.evidence[0] if fact.evidence else None
        if fact.kind in (FactKind.OUTBOUND, FactKind.DATABASE):
            protocol = "" if fact.subject == "sql" else fact.subject  # which database is told by the peer
            for host, _, port in hosts(fact.detail, bare=True):
                yield host, protocol, port, evidence
        elif fact.kind is FactKind.FORWARD:
            for host, scheme, port in hosts(fact.subject, bare=True):
                yield host, scheme, port, evidence
        elif fact.kind is FactKind.ENV_READ and fact.detail:
            says = _NAMES_A_HOST.search(fact.subject) is not None
            for host, scheme, port in hosts(fact.detail, bare=says):
                yield host, scheme, port, evidence


def stated(links_: Iterable[Link], facts: ComposeFacts | None) -> tuple[Link, ...]:
    """Those links that rest on more than the order of starting (`depends_on`)."""
    order = facts.ref.evidence if facts else None
    return tuple(link for link in links_ if link.evidence != order)


def hosts(value: str, *, bare: bool) -> Iterator[tuple[str, str, int | None]]:
    """Host, protocol and port of each URL and each `host:port` in a value; of single names too if `bare`."""
    if len(value) > _LONGEST:
        return
    scheme = ""
    for part in _SEPARATORS.split(value.strip()):
        text = re.sub(r"^(jdbc|r2dbc):", "", part)
        if "://" in text:
            try:
                url = urlsplit(text)
                host, port = url.hostname or "", url.port
            except ValueError:
                continue
            scheme = _protocol(url.scheme)
            if host:
                yield host, scheme, port
            continue
        host, colon, rest = text.partition(":")
        number = re.match(r"\d{1,5}(?=$|/)", rest)
        if number is not None:
            yield host, scheme, int(number[0])
        elif bare and host and not colon:
            yield host, scheme, None


def names_a_host(variable: str) -> bool:
    """Whether a variable's name says that it holds a host: `REDIS_HOST`, `DB_URL`."""
    return _NAMES_A_HOST.search(variable) is not None


def _protocol(scheme: str) -> str:
    scheme = scheme.lower()
    if scheme not in _SCHEMES:
        scheme = scheme.partition("+")[0]
    return _SCHEMES.get(scheme, scheme)
