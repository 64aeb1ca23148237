"""Answers for tests: what a small Flask service behind gunicorn says."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from migrate.model import Answer, Chunk, Probe

PROBE = Probe(id="one", method="GET", path="/")


def answer(
    body: bytes | str = b"",
    *,
    status: int = 200,
    content_type: str | None = "text/plain; charset=utf-8",
    headers: tuple[tuple[str, str], ...] = (),
    chunks: tuple[Chunk, ...] = (),
    error: str | None = None,
) -> Answer:
    data = body.encode() if isinstance(body, str) else body
    fields = (("Content-Type", content_type),) if content_type else ()
    return Answer(status, (*fields, *headers), data, 0.01, chunks or (Chunk(0.01, len(data)),), error)


def json_answer(value: Any, **more: Any) -> Answer:
    return answer(json.dumps(value), content_type="application/json", **more)


def with_header(one: Answer, name: str, value: str) -> Answer:
    """The field replaced, its place kept."""
    return replace(one, headers=tuple((n, value if n.lower() == name.lower() else v) for n, v in one.headers))


def without_header(one: Answer, name: str) -> Answer:
    return replace(one, headers=tuple((n, v) for n, v in one.headers if n.lower() != name.lower()))
