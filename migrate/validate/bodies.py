"""Compares bodies: JSON by structure and type, HTML by tree, text by line, anything else by hash."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from migrate.model import Answer, DifferenceKind, Noise
from migrate.validate import normalisations as allowed
from migrate.validate.lines import compare_lines
from migrate.validate.noise import MISSING
from migrate.validate.trees import compare_html
from migrate.validate.values import Findings, dump, leaves_of, same, show, value_at

_INFLATED = 64 << 20  # bytes up to which a compressed body is decoded
# Python's own codecs that no client knows; some take quadratic time.
_NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "utf-7"})
_MAGIC = 4  # bytes that files of one format begin with
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|[\[\]{},:]')


def compare_bodies(found: Findings, originals: Sequence[Answer], candidate: Answer) -> None:
    reference = originals[0]
    if any(answer.full_sha256 for answer in (*originals, candidate)):
        _binary(found, list(map(_blob, originals)), _blob(candidate))
        return
    bodies = [answer.body for answer in originals]
    own_body = candidate.body
    if all(body == bodies[0] for body in (*bodies, own_body)):
        parsed = _parse_json(own_body) if _kind(reference) == "json" else MISSING
        text = _decode(reference, own_body)
        found.leaves += (
            leaves_of(parsed)
            if parsed is not MISSING
            else text.count("<" if _kind(reference) == "html" else "\n") + 1
            if text is not None and _kind(reference) != "binary"
            else 1
        )
        return
    coding = _coding(reference)
    if coding and all(_coding(answer) == coding for answer in (*originals, candidate)):
        decoded = [_inflate(coding, body) for body in (*bodies, own_body)]
        if all(body is not None for body in decoded):
            *bodies, own_body = (body or b"" for body in decoded)
            before = len(found.differences)
            _plain_body(found, originals, bodies, candidate, own_body)
            if len(found.differences) == before:
                found.apply(
                    allowed.by_rule("content-coding"),
                    "body",
                    f"{len(reference.body)} bytes of {coding}",
                    f"{len(candidate.body)} bytes of {coding}",
                )
            return
    _plain_body(found, originals, bodies, candidate, own_body)


def _plain_body(
    found: Findings, originals: Sequence[Answer], bodies: Sequence[bytes], candidate: Answer, own: bytes
) -> None:
    reference = originals[0]
    kind = _kind(reference)
    if kind == "json":
        parsed = [_parse_json(body) for body in bodies]
        if all(one is not MISSING for one in parsed):
            part = Findings()
            try:
                _json_body(part, bodies, parsed, own)
            except RecursionError:  # nested about as deep as the parser goes: compared as text
                pass
            else:
                found.add(part)
                return
    if kind != "binary":
        texts = [_decode(reference, body) for body in bodies]
        mine = _decode(candidate, own)
        if all(text is not None for text in texts):
            if mine is None:
                found.leaves += 1
                found.differ(DifferenceKind.BODY_TYPE, "body", "text", f"{len(own)} bytes that are no text")
                return
            compared = compare_html if kind == "html" else compare_lines
            compared(found, [text or "" for text in texts], mine)
            return
    _binary(found, list(map(_whole, bodies)), _whole(own))


@dataclass(frozen=True, slots=True)
class _Blob:
    """A body of which nothing is read: its first bytes, its size and its SHA-256."""

    start: bytes
    size: int
    digest: str

    def __str__(self) -> str:
        return f"{self.size} bytes, sha256 {self.digest[:16]}"


def _whole(body: bytes) -> _Blob:
    return _Blob(body[:_MAGIC], len(body), hashlib.sha256(body).hexdigest())


def _blob(answer: Answer) -> _Blob:
    if answer.full_sha256 is None or answer.full_size is None:
        return _whole(answer.body)
    return _Blob(answer.body[:_MAGIC], answer.full_size, answer.full_sha256)


def _binary(found: Findings, samples: Sequence[_Blob], own: _Blob) -> None:
    """By hash; where the original's own bytes vary, by the format's first bytes and by length."""
    found.leaves += 1
    first = samples[0]
    other = next((one for one in samples if one.digest != first.digest), None)
    if other is None:
        if own.digest != first.digest:
            found.differ(DifferenceKind.BODY, "body", first, own)
        return
    found.noise.append(Noise("body", str(first), str(other)))
    magic = len(first.start) == _MAGIC and all(one.start == first.start for one in samples)
    low, high = min(one.size for one in samples), max(one.size for one in samples)
    if magic and own.start != first.start:
        found.differ(DifferenceKind.BODY_TYPE, "body", first.start.hex(" "), own.start.hex(" "))
    elif not magic:
        found.blind.append("body")
    if (low == high != own.size) or not low // 2 <= own.size <= high * 2:
        found.differ(DifferenceKind.BODY, "body", first, f"{own} (the original has {low} to {high} bytes)")


def _kind(answer: Answer) -> str:
    """json, html, text or binary, by Content-Type; without one text is tried."""
    value = next((v for name, v in answer.headers if name.lower() == "content-type"), "text/plain")
    media = value.partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        return "json"
    if media in {"text/html", "application/xhtml+xml"}:
        return "html"
    textual = {
        "application/javascript",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/x-ndjson",
        "application/yaml",
        "image/svg+xml",
    }
    return "text" if media.startswith("text/") or media in textual or media.endswith("+xml") else "binary"


def _decode(answer: Answer, body: bytes) -> str | None:
    """The text by the answer's charset (UTF-8 without one); None where it is none."""
    value = next((v for name, v in answer.headers if name.lower() == "content-type"), "")
    match = re.search(r"charset\s*=\s*\"?([\w.:+-]{1,40})", value, re.IGNORECASE)
    charset = match.group(1).lower().replace("_", "-") if match else "utf-8"
    if charset in _NO_CHARSETS:
        return None
    try:
        return body.decode(charset)
    except (ValueError, LookupError):
        return None


def _coding(answer: Answer) -> str:
    values = [v.strip().lower() for name, v in answer.headers if name.lower() == "content-encoding"]
    return values[0] if len(values) == 1 and values[0] in {"gzip", "x-gzip", "deflate"} else ""


def _inflate(coding: str, body: bytes) -> bytes | None:
    """The decoded body; None where it is broken or too long."""
    decoder = zlib.decompressobj(31 if "gzip" in coding else 15)
    try:
        decoded = decoder.decompress(body, _INFLATED)
    except (zlib.error, gzip.BadGzipFile):
        return None
    return decoded if decoder.eof and not decoder.unused_data else None


class _DuplicateMemberError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateMemberError
    return found


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def _parse_json(body: bytes) -> Any:
    """The value, numbers with a fraction exact; MISSING where it is no JSON that has one meaning."""
    try:
        return json.loads(
            body.decode("utf-8"), object_pairs_hook=_unique, parse_float=Decimal, parse_constant=_refuse
        )
    except (ValueError, RecursionError, ArithmeticError):
        return MISSING


def _json_body(found: Findings, bodies: Sequence[bytes], parsed: Sequence[Any], own: bytes) -> None:
    value = _parse_json(own)
    if value is MISSING:
        found.leaves += 1
        text = own.decode("utf-8", "backslashreplace")
        found.differ(DifferenceKind.BODY_TYPE, "body", "JSON", f"no JSON: {show(text)}")
        return
    before = len(found.differences)
    value_at(found, DifferenceKind.BODY, DifferenceKind.BODY_TYPE, "$", parsed, value)
    if len(found.differences) > before:
        return
    order = not _same_order(parsed[0], value)
    if order:
        found.apply(allowed.by_rule("json-member-order"), "body", dump(parsed[0]), dump(value))
    theirs, mine = bodies[0].decode(), own.decode()
    if _reformatted(theirs, mine, in_order=not order):
        found.apply(allowed.by_rule("json-formatting"), "body", theirs, mine)


def _same_order(one: Any, other: Any) -> bool:
    """Whether the members that both have come in the same order, at every place that both have."""
    if isinstance(one, dict) and isinstance(other, dict):
        both = [name for name in one if name in other]
        return both == [name for name in other if name in one] and all(
            _same_order(one[name], other[name]) for name in both
        )
    if isinstance(one, list) and isinstance(other, list):
        return all(map(_same_order, one, other))
    return True


def _blanks(text: str) -> list[str]:
    """Which blanks are used around tokens."""
    return sorted(set(_JSON_TOKEN.split(text)))


def _reformatted(one: str, other: str, *, in_order: bool) -> bool:
    """Whether blanks, or the spelling of an equal value, differ."""
    mine, theirs = _JSON_TOKEN.findall(one), _JSON_TOKEN.findall(other)
    if not in_order or len(mine) != len(theirs):
        return _blanks(one) != _blanks(other)
    if _JSON_TOKEN.split(one) != _JSON_TOKEN.split(other):
        return True
    pairs = zip(mine, theirs, strict=True)
    return any(first != second and _spelled_otherwise(first, second) for first, second in pairs)


def _spelled_otherwise(one: str, other: str) -> bool:
    first, second = _parse_json(one.encode()), _parse_json(other.encode())
    return first is not MISSING and same(first, second)
