"""Access logs: common, combined, or one JSON object a line. Each request once, the most frequent first.

A log holds no bodies: only GET, HEAD and OPTIONS are taken.
"""

from __future__ import annotations

import json
import re
from typing import Any

from migrate.model import Probe
from migrate.reports.wire.probes import MAX_PROBES
from migrate.validate.requests.make import Maker

COMMON = re.compile(
    r"\S+ \S+ .{0,200}?\[[^\]]{1,60}\] \"(?P<request>(?:[^\"\\]|\\.){0,8000})\" [0-9]{3} (?:[0-9]+|-)"
)
"""`host ident user [time] "request" status bytes`, of Apache's common format; combined has more behind it."""
_REQUEST = re.compile(r"([A-Z]{1,20}) (\S+)(?: HTTP/[0-9.]+)?\Z")
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# How nginx, Caddy, Traefik, Envoy, Django, Go and Node loggers name them.
_METHOD_KEYS = (
    "method",
    "request_method",
    "http_method",
    "verb",
    "RequestMethod",
    "requestMethod",
    "req.method",
    "request.method",
    "http.request.method",
)
_PATH_KEYS = (
    "uri",
    "request_uri",
    "path",
    "url",
    "request_path",
    "RequestPath",
    "requestUrl",
    "req.url",
    "request.uri",
    "request.path",
    "url.path",
    "url.original",
)
_QUERY_KEYS = ("query", "query_string", "args", "url.query")


def read(text: str, maker: Maker) -> tuple[Probe, ...]:
    """The requests of a log. Raises ProbesError where most lines are none of a format that is known."""
    counts: dict[tuple[str, str], int] = {}
    lines: dict[tuple[str, str], int] = {}
    strange: list[int] = []
    unsafe = total = 0
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        total += 1
        found = _json_line(line) if line.lstrip().startswith("{") else _common_line(line)
        if found is None:
            strange.append(number)
        elif found[0] not in _SAFE_METHODS:
            unsafe += 1
        else:
            counts[found] = counts.get(found, 0) + 1
            lines.setdefault(found, number)
    if not total or 2 * len(strange) > total:
        raise maker.fail(
            strange[0] if strange else 1,
            "this is no line of an access log.",
            "Known: the common and combined formats, and JSON lines with a method and a path or URI.",
        )
    if strange:
        maker.notes.append(f"{len(strange)} lines that are no requests (the first is line {strange[0]})")
    if unsafe:
        maker.notes.append(f"{unsafe} requests with methods whose bodies no log holds")
    often = sorted(counts, key=lambda one: (-counts[one], lines[one]))
    if len(often) > MAX_PROBES:
        maker.notes.append(f"{len(often) - MAX_PROBES} of {len(often)} requests, the rarest")
    return tuple(maker.probe(lines[one], *one, []) for one in often[:MAX_PROBES])


def _common_line(line: str) -> tuple[str, str] | None:
    match = COMMON.match(line)
    request = _REQUEST.match(match["request"].replace('\\"', "%22")) if match else None
    if not request or not _target(request[2]):
        return None
    return request[1], request[2]


def _json_line(line: str) -> tuple[str, str] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    method, path = _value(row, _METHOD_KEYS), _value(row, _PATH_KEYS)
    if method is None and (request := _REQUEST.match(_value(row, ("request",)) or "")):
        method, path = request[1], request[2]
    if not method or not path or not re.fullmatch(r"[A-Za-z]{1,20}", method) or not _target(path):
        return None
    query = _value(row, _QUERY_KEYS)
    if query and "?" not in path:
        path = f"{path}?{query.lstrip('?')}"
    return method.upper(), path


def _target(text: str) -> bool:
    return text.startswith(("/", "http://", "https://")) and len(text) < 8000


def _value(row: Any, keys: tuple[str, ...]) -> str | None:
    for key in keys:
        value = row.get(key) if isinstance(row, dict) else None
        if value is None and "." in key:
            value = row
            for step in key.split("."):
                value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str) and value:
            return value
    return None
