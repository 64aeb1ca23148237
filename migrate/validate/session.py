"""One side's conversation: its cookie jars, what it captured, and each request as it is really sent."""

from __future__ import annotations

import email.utils
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus

from migrate.model import Answer, Capture, Probe, Sent
from migrate.reports.wire.probes import PLACEHOLDER
from migrate.validate import client, raw

HOST = "localhost"
"""Sent to both sides, so that addresses which a service makes of it are the same on both."""
_AGENT = "dock2wasm"
_REGEX_LIMIT = 1 << 20
_RAW_KEPT = 1 << 16  # bytes of a raw connection that are kept for reports


@dataclass(frozen=True, slots=True)
class SetCookie:
    """A Set-Cookie field, parsed as browsers do (RFC 6265, section 5.2). Attribute names in lower case."""

    name: str
    value: str
    attributes: tuple[tuple[str, str], ...]

    def get(self, attribute: str) -> str | None:
        """The last value of an attribute; "" for a flag; None where it is not set."""
        return next((value for name, value in reversed(self.attributes) if name == attribute), None)


def parse_set_cookie(text: str) -> SetCookie | None:
    """The cookie, or None where the field has no `name=`."""
    first, *rest = text.split(";")
    name, equals, value = first.partition("=")
    if not equals or not name.strip():
        return None
    attributes = []
    for part in rest:
        key, _, content = part.partition("=")
        if key.strip():
            attributes.append((key.strip().lower(), content.strip()))
    return SetCookie(name.strip(), value.strip(), tuple(attributes))


@dataclass(slots=True)
class Jar:
    """The cookies of one session: (name, path) -> value.

    One host, so domains do not count; Secure ones are sent too, because TLS ends before the service.
    """

    cookies: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, answer: Answer, request_path: str) -> None:
        """Keep, replace or forget what the answer sets."""
        for name, text in answer.headers:
            cookie = parse_set_cookie(text) if name.lower() == "set-cookie" else None
            if cookie is None:
                continue
            given = cookie.get("path") or ""
            directory = request_path.partition("?")[0].rpartition("/")[0] or "/"
            key = (cookie.name, given if given.startswith("/") else directory)
            self.cookies.pop(key, None)
            if not _expired(cookie):
                self.cookies[key] = cookie.value

    def header(self, request_path: str) -> str:
        """The Cookie field for a path, longest cookie path first; "" for none."""
        path = request_path.partition("?")[0]
        fitting = [
            (cookie_path, f"{name}={value}")
            for (name, cookie_path), value in self.cookies.items()
            if path == cookie_path
            or path.startswith(cookie_path if cookie_path.endswith("/") else f"{cookie_path}/")
        ]
        return "; ".join(pair for _, pair in sorted(fitting, key=lambda item: -len(item[0])))


def _expired(cookie: SetCookie) -> bool:
    age = cookie.get("max-age")
    if age is not None and re.fullmatch(r"-?[0-9]{1,18}", age):
        return int(age) <= 0
    expires = cookie.get("expires")
    if expires:
        try:
            return email.utils.parsedate_to_datetime(expires).timestamp() <= time.time()
        except (ValueError, TypeError, OverflowError):
            return False
    return False


@dataclass(slots=True)
class Conversation:
    """Asks one server, probe after probe. `host` is what both sides are called (the field Host)."""

    url: str
    host: str = HOST
    jars: dict[str, Jar] = field(default_factory=dict)
    captured: dict[str, str | None] = field(default_factory=dict)

    def ask(self, probe: Probe) -> tuple[Sent, Answer]:
        """Send a probe, with cookies and captures filled in; keep what the answer gives."""
        if probe.steps:
            return _raw(probe), raw.exchange(self.url, probe.method, probe.steps, probe.timeout)
        sent, problem = self.prepare(probe)
        if problem:
            answer = Answer(0, (), b"", 0.0, error=problem)
        else:
            answer = client.exchange(self.url, sent, chunked=probe.chunked, timeout=probe.timeout)
        if probe.session is not None:
            self.jars.setdefault(probe.session, Jar()).take(answer, sent.path)
        for capture in probe.captures:
            self.captured[capture.name] = extract(capture, answer)
        return sent, answer

    def prepare(self, probe: Probe) -> tuple[Sent, str]:
        """The request as it would be sent now, and why it cannot be ("" where it can)."""
        missing: list[str] = []

        def fill(text: str, encode: Callable[[str], str]) -> str:
            def value(match: re.Match[str]) -> str:
                name = match.group(1)
                if name not in self.captured:
                    return match.group()  # not one of ours: the text's own braces
                found = self.captured[name]
                if found is None:
                    missing.append(name)
                    return match.group()
                return encode(found)

            return PLACEHOLDER.sub(value, text)

        path = fill(probe.path, lambda value: quote(value, safe="/-._~%?&=+:,;@!$'()*"))
        given = [(name, fill(value, _one_line)) for name, value in probe.headers]
        kind = next((value for name, value in given if name.lower() == "content-type"), "").lower()
        body = probe.body
        if b"{{" in body and self.captured:
            encode = _encoder(kind)
            body = fill(body.decode("utf-8", "surrogateescape"), encode).encode("utf-8", "surrogateescape")
        headers = self._headers(probe, path, given, body)
        problem = f"{{{{{missing[0]}}}}} was not captured on this side" if missing else ""
        return Sent(probe.method, path, headers, body), problem

    def _headers(
        self, probe: Probe, path: str, given: list[tuple[str, str]], body: bytes
    ) -> tuple[tuple[str, str], ...]:
        names = {name.lower() for name, _ in given}
        headers = [
            (name, value)
            for name, value in (("Host", self.host), ("User-Agent", _AGENT), ("Accept", "*/*"))
            if name.lower() not in names
        ]
        cookies = self.jars[probe.session].header(path) if probe.session in self.jars else ""
        if cookies and "cookie" in names:
            given = [
                (name, f"{value}; {cookies}" if name.lower() == "cookie" else value) for name, value in given
            ]
        elif cookies:
            headers.append(("Cookie", cookies))
        headers += given
        if probe.chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        elif body or probe.method in {"POST", "PUT", "PATCH"}:
            headers.append(("Content-Length", str(len(body))))
        return tuple(headers)


def _raw(probe: Probe) -> Sent:
    written = b"".join(
        step.data * min(step.times, 1 + _RAW_KEPT // max(1, len(step.data))) for step in probe.steps
    )
    return Sent(probe.method, probe.path, (), written[:_RAW_KEPT], raw=True)


def _one_line(value: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f]", "", value)


def _encoder(content_type: str) -> Callable[[str], str]:
    """How a captured value is written into a body of this type."""
    if "json" in content_type:
        return lambda value: json.dumps(value)[1:-1]
    if content_type.startswith("application/x-www-form-urlencoded"):
        return quote_plus
    return lambda value: value


def extract(capture: Capture, answer: Answer) -> str | None:
    """The captured value, None where the answer does not have it."""
    if answer.error:
        return None
    match capture.source:
        case "header":
            wanted = capture.expression.lower()
            return next((value for name, value in answer.headers if name.lower() == wanted), None)
        case "cookie":
            cookies = [parse_set_cookie(v) for name, v in answer.headers if name.lower() == "set-cookie"]
            return next((c.value for c in reversed(cookies) if c and c.name == capture.expression), None)
        case "regex":
            # The file is the user's own; a slow expression takes only their time, and the text is bounded.
            text = answer.body[:_REGEX_LIMIT].decode("utf-8", "replace")
            found = re.search(capture.expression, text)
            return found.group(1) if found else None
        case _:
            return _json_at(capture.expression, answer.body)


def _json_at(expression: str, body: bytes) -> str | None:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for step in expression.split("."):
        if isinstance(value, dict) and step in value:
            value = value[step]
        elif (
            isinstance(value, list)
            and re.fullmatch(r"-?[0-9]{1,9}", step)
            and -len(value) <= int(step) < len(value)
        ):
            value = value[int(step)]
        else:
            return None
    if isinstance(value, str):
        return value
    return json.dumps(value)
