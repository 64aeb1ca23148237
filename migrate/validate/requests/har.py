"""HAR 1.2, as browsers export it: the entries of the page's own host, in their order, in one session."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import urlsplit

from migrate.model import Probe
from migrate.reports.wire.probes import MAX_PROBES
from migrate.validate.requests.make import Maker

# Of the browser, not of the request; `cookie` comes from the session's own jar.
_LEFT_OUT = frozenset(
    {"cookie", "user-agent", "referer", "origin", "dnt", "priority", "pragma", "cache-control"}
    | {"upgrade-insecure-requests", "if-none-match", "if-modified-since"}
)


def read(value: dict[str, Any], maker: Maker) -> tuple[Probe, ...]:
    """The requests of a HAR document. Raises ProbesError; entries are counted from 1."""
    log = value.get("log")
    entries = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(entries, list) or not entries:
        raise maker.fail(1, "log.entries is no list of requests.", "Export the HAR with its content.")
    requests = []
    for number, entry in enumerate(entries, 1):
        request = entry.get("request") if isinstance(entry, dict) else None
        if not isinstance(request, dict) or not isinstance(request.get("url"), str):
            raise maker.fail(1, f"Entry {number} has no request with a url.")
        requests.append((number, request, _host(request["url"])))
    own = requests[0][2]
    foreign = sum(host != own for _, _, host in requests)
    if foreign:
        maker.notes.append(f"{foreign} requests to other hosts than {own}")
    kept = [(number, request) for number, request, host in requests if host == own]
    if len(kept) > MAX_PROBES:
        maker.notes.append(f"{len(kept) - MAX_PROBES} requests after the first {MAX_PROBES}")
    return tuple(_probe(maker, number, request) for number, request in kept[:MAX_PROBES])


def _host(url: str) -> str:
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _probe(maker: Maker, number: int, request: dict[str, Any]) -> Probe:
    headers = [
        (one["name"], one["value"])
        for one in request.get("headers") or ()
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("value"), str)
    ]
    headers = [
        (name, value)
        for name, value in headers
        if name.lower() not in _LEFT_OUT and not name.lower().startswith("sec-")
    ]
    return maker.probe(
        1,
        str(request.get("method", "GET")).upper(),
        request["url"],
        headers,
        _body(maker, number, request.get("postData")),
        session="har",
    )


def _body(maker: Maker, number: int, data: Any) -> bytes:
    if not isinstance(data, dict):
        return b""
    text = data.get("text", "")
    if not isinstance(text, str):
        raise maker.fail(1, f"The postData.text of entry {number} is no text.")
    if data.get("encoding") == "base64":
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise maker.fail(1, f"The postData of entry {number} is no base64.") from None
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise maker.fail(1, f"The postData of entry {number} holds half a surrogate pair.") from None
