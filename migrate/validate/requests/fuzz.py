"""Requests like those that are there, with something odd about each: method, fields, query, path, body.

The same seed makes the same requests. Each stands alone: without session, captures or what an earlier request
captured, so that a difference is one curl line.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import quote

from migrate.model import Probe, ProbeSet
from migrate.reports.wire.probes import PLACEHOLDER, to_json
from migrate.validate.requests.make import Maker

ODD = (
    *("", "0", "-1", "1e9", "99999999999999999999", "1.0", "true", "null", "None", "NaN", "undefined", " "),
    *(
        "a b",
        "ä",
        "日本",
        "😀",
        "\u202e",
        "%",
        "%2",
        "%00",
        "../..",
        "<b>&\"'",
        "a" * 300,
        "{}",
        "[]",
        "1,2",
        "'--",
    ),
)
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "get", "X")
_FIELDS = (
    ("Accept", ("application/json", "text/html", "image/*;q=0.1", "*/*;q=0", "a", "")),
    ("Accept-Encoding", ("gzip", "gzip;q=0, *", "br", "identity;q=0")),
    ("Accept-Language", ("de", "de-AT,en;q=0.1", "*", "x" * 200)),
    ("Content-Type", ("application/json", "text/plain", "application/json; charset=utf-16", "a/b", "")),
    ("Content-Encoding", ("gzip", "identity", "x")),
    ("Cookie", ("a=1", "a=1; a=2", "=", 'a="b;c"', "a" * 300)),
    ("If-None-Match", ("*", '"a"', 'W/"a", "b"', "a")),
    ("If-Modified-Since", ("Sun, 06 Nov 1994 08:49:37 GMT", "Fri, 01 Jan 2100 00:00:00 GMT", "soon")),
    ("Range", ("bytes=0-0", "bytes=-1", "bytes=5-", "bytes=9-1", "bytes=0-0,2-3", "lines=1-2")),
    ("Authorization", ("Basic YTpi", "Basic ?", "Bearer x", "")),
    ("Origin", ("https://example.org", "null")),
    ("X-Forwarded-For", ("192.0.2.1", "a, b")),
    ("X-Requested-With", ("XMLHttpRequest",)),
    ("Host", ("example.org", "localhost:1", "")),
)


def fuzzed(probes: ProbeSet, count: int, seed: int = 0) -> ProbeSet:
    """`count` odd requests made of `probes`, each route in turn; fewer where no more can be told apart."""
    numbers = Random(seed)  # noqa: S311 - the same every time, guarding nothing
    alone = [_alone(probe) for probe in probes.probes if not probe.steps]
    plain = [probe for probe in alone if not PLACEHOLDER.search(json.dumps(to_json(probe)))]
    names = Maker(probes.origin)
    seen = {_key(probe) for probe in plain}
    found: list[Probe] = []
    for turn in range(20 * count if plain else 0):
        if len(found) == count:
            break
        probe = plain[turn % len(plain)]
        for _ in range(numbers.choice((1, 1, 1, 2, 3))):
            probe = numbers.choice(_CHANGES)(probe, numbers)
        key = _key(probe)
        if key not in seen and not PLACEHOLDER.search(key):
            seen.add(key)
            found.append(replace(probe, id=names.name(f"fuzz-{seed}-{len(found) + 1}")))
    return ProbeSet(tuple(found), f"{probes.origin}, fuzzed with seed {seed}")


def _alone(probe: Probe) -> Probe:
    return replace(probe, session=None, captures=(), expect_status=None)


def _key(probe: Probe) -> str:
    return json.dumps({**to_json(probe), "chunked": probe.chunked}, sort_keys=True)


def _method(probe: Probe, numbers: Random) -> Probe:
    return replace(probe, method=numbers.choice(_METHODS))


def _field(probe: Probe, numbers: Random) -> Probe:
    name, values = numbers.choice(_FIELDS)
    kept = probe.headers
    if numbers.random() < 0.7:  # else a second one of its name
        kept = tuple(pair for pair in kept if pair[0].lower() != name.lower())
    return replace(probe, headers=(*kept, (name, numbers.choice(values))))


def _no_field(probe: Probe, numbers: Random) -> Probe:
    if not probe.headers:
        return probe
    at = numbers.randrange(len(probe.headers))
    return replace(probe, headers=probe.headers[:at] + probe.headers[at + 1 :])


def _query(probe: Probe, numbers: Random) -> Probe:
    path, _, query = probe.path.partition("?")
    pairs = [pair for pair in query.split("&") if pair]
    odd = quote(numbers.choice(ODD), safe="%")
    match numbers.choice(("add", "change", "drop", "twice", "bare")):
        case "change" if pairs:
            at = numbers.randrange(len(pairs))
            pairs[at] = f"{pairs[at].partition('=')[0]}={odd}"
        case "drop" if pairs:
            pairs.pop(numbers.randrange(len(pairs)))
        case "twice" if pairs:
            pairs.append(numbers.choice(pairs))
        case "bare":
            pairs.append(odd or "=")
        case _:
            pairs.append(f"{numbers.choice(('q', 'page', 'id', 'a[]'))}={odd}")
    return replace(probe, path=path + (f"?{'&'.join(pairs)}" if pairs else ""))


def _path(probe: Probe, numbers: Random) -> Probe:
    path, mark, query = probe.path.partition("?")
    parts = path.split("/")
    at = numbers.randrange(1, len(parts)) if len(parts) > 1 else 0
    match numbers.choice(("odd", "slash", "double", "case", "encode", "drop")):
        case "odd" if at:
            parts[at] = quote(numbers.choice(ODD), safe="%")
        case "slash":
            parts = parts[:-1] if parts[-1] == "" and len(parts) > 2 else [*parts, ""]
        case "double":
            parts.insert(at, "")
        case "case" if at:
            parts[at] = parts[at].swapcase()
        case "encode" if at and parts[at]:
            parts[at] = f"%{ord(parts[at][0]):02x}{parts[at][1:]}"
        case _:
            parts = parts[:-1]
    return replace(probe, path=("/" + "/".join(parts).removeprefix("/")) + mark + query)


def _body(probe: Probe, numbers: Random) -> Probe:
    body = probe.body
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and value and numbers.random() < 0.7:
        return replace(probe, body=json.dumps(_json(value, numbers)).encode())
    at = numbers.randrange(len(body) + 1)
    return replace(
        probe, body=numbers.choice((body[:at], body + b"\n", body * 2, b"", b"{}", b"\xff\xfe", b"null"))
    )


def _json(value: dict[str, Any], numbers: Random) -> dict[str, Any]:
    name = numbers.choice(sorted(value))
    odd: Any = numbers.choice((None, 0, -1, 1.5, True, "", [], {}, [value[name]], *ODD, 2**53 + 1))
    rest = {key: one for key, one in value.items() if key != name}
    return numbers.choice(
        (rest, {**value, name: odd}, {**value, "extra": odd}, {**rest, name.upper(): value[name]})
    )


def _chunked(probe: Probe, numbers: Random) -> Probe:
    del numbers
    return replace(probe, chunked=not probe.chunked)


_CHANGES: tuple[Callable[[Probe, Random], Probe], ...] = (
    _method,
    _field,
    _field,
    _no_field,
    _query,
    _query,
    _path,
    _path,
    _body,
    _chunked,
)
