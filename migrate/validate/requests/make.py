"""One request of a file made into a probe, or an error with file and line."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from migrate.errors import ProbesError
from migrate.model import Capture, Probe
from migrate.reports.wire.probes import MAX_BODY, METHOD, PATH, VALUE

_SAFE = "/:@!$&'()*+,;=~%-._?{}[]|"
# Fields that our own client writes, or that belong to one connection.
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "accept-encoding", "te", "upgrade"}
)
_URL = re.compile(r"(?:[A-Za-z][A-Za-z0-9+.-]*:)?//|\{\{[^{}]*\}\}(?=[/?{]|$)")


@dataclass(slots=True)
class Maker:
    """Makes probes with unique names; `origin` is the file's name, for errors."""

    origin: str
    names: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    """What was left out, and why."""

    def fail(self, line: int, message: str, do: str = "") -> ProbesError:
        return ProbesError(f"{self.origin}:{line}: {message}", do=do)

    def probe(
        self,
        line: int,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        *,
        name: str = "",
        session: str | None = None,
        captures: tuple[Capture, ...] = (),
        expect: int | None = None,
    ) -> Probe:
        """The probe. `target` is a URL or a path. Raises ProbesError."""
        if not METHOD.match(method) or method == "CONNECT":
            raise self.fail(line, f"{method[:40]!r} is no method that can be sent.")
        path = self.path(line, target)
        kept = [(key, value.strip()) for key, value in headers if key.lower() not in _OURS and key[:1] != ":"]
        for key, value in kept:
            if not METHOD.match(key):
                raise self.fail(line, f"{key[:40]!r} is no name of a header.")
            if not VALUE.match(value):
                raise self.fail(line, f"The value of {key} holds a control character.")
        if len(body) > MAX_BODY:
            raise self.fail(line, f"The body is longer than {MAX_BODY:,} bytes.")
        return Probe(
            id=self.name(name or f"{method.lower()}-{path.partition('?')[0]}"),
            method=method,
            path=path,
            headers=tuple(kept),
            body=body,
            session=session,
            captures=captures,
            expect_status=expect,
        )

    def path(self, line: int, target: str) -> str:
        """The path and query of a URL, percent-encoded where they must be."""
        text = target.strip()
        if _URL.match(text):
            text = re.sub(r"^\{\{[^{}]*\}\}", "http://host", text)
            try:
                parts = urlsplit(text)
            except ValueError as error:
                raise self.fail(line, f"{target[:60]!r} is no URL: {error}.") from None
            text = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        else:
            text = text.partition("#")[0]
        path = quote(text, safe=_SAFE)
        if not PATH.match(path) or len(path) > 8000:
            raise self.fail(line, f"{target[:60]!r} is no path of this service.", "Write `/path` or a URL.")
        return path

    def name(self, wanted: str) -> str:
        """A unique id that resembles `wanted`."""
        word = re.sub(r"[^A-Za-z0-9._]+", "-", wanted).strip("-._")[:80] or "request"
        name, number = word, 2
        while name in self.names:
            name, number = f"{word}-{number}", number + 1
        self.names.add(name)
        return name
