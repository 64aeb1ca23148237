"""Compares bodies: JSON by structure and type, text by line, anything else by hash."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from decimal import Decimal
from difflib import SequenceMatcher
from typing import Any

from migrate.model import Answer, DifferenceKind, Noise
from migrate.validate import normalisations as allowed
from migrate.validate.noise import MISSING
from migrate.validate.values import Findings, dump, leaves_of, same, show, value_at

_ALIGN_LINES = 4000  # lines up to which two texts of different length are aligned
_INFLATED = 64 << 20  # bytes up to which a compressed body is decoded
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|[\[\]{},:]')


def compare_bodies(found: Findings, originals: Sequence[Answer], candidate: Answer) -> None:
    reference = originals[0]
    if any(answer.full_sha256 for answer in (*originals, candidate)):
        hashes = [answer.full_sha256 or hashlib.sha256(answer.body).hexdigest() for answer in originals]
        own = candidate.full_sha256 or hashlib.sha256(candidate.body).hexdigest()
        sizes = [answer.full_size or len(answer.body) for answer in originals]
        _binary(found, hashes, sizes, own, candidate.full_size or len(candidate.body))
        return
    bodies = [answer.body for answer in originals]
    own_body = candidate.body
    if all(body == bodies[0] for body in (*bodies, own_body)):
        parsed = _parse_json(own_body) if _kind(reference) == "json" else MISSING
        text = _decode(reference, own_body)
        found.leaves += (
            leaves_of(parsed)
            if parsed is not MISSING
            else text.count("\n") + 1
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
            _json_body(found, bodies, parsed, own)
            return
    if kind != "binary":
        texts = [_decode(reference, body) for body in bodies]
        mine = _decode(candidate, own)
        if all(text is not None for text in texts):
            if mine is None:
                found.leaves += 1
                found.differ(DifferenceKind.BODY_TYPE, "body", "text", f"{len(own)} bytes that are no text")
                return
            _lines(found, [text or "" for text in texts], mine)
            return
    hashes = [hashlib.sha256(body).hexdigest() for body in bodies]
    _binary(found, hashes, [len(body) for body in bodies], hashlib.sha256(own).hexdigest(), len(own))


def _binary(found: Findings, hashes: Sequence[str], sizes: Sequence[int], own: str, own_size: int) -> None:
    found.leaves += 1
    shown = [f"{size} bytes, sha256 {digest[:16]}" for digest, size in zip(hashes, sizes, strict=True)]
    mine = f"{own_size} bytes, sha256 {own[:16]}"
    if len(set(hashes)) == 1:
        if own != hashes[0]:
            found.differ(DifferenceKind.BODY, "body", shown[0], mine)
        return
    other = next(text for text, digest in zip(shown, hashes, strict=True) if digest != hashes[0])
    found.noise.append(Noise("body", shown[0], other))
    found.blind.append("body")
    low, high = min(sizes), max(sizes)
    if (low == high != own_size) or not low // 2 <= own_size <= high * 2:
        found.differ(
            DifferenceKind.BODY, "body", shown[0], f"{mine} (the original has {low} to {high} bytes)"
        )


def _kind(answer: Answer) -> str:
    """json, text or binary, by Content-Type; without one text is tried."""
    value = next((v for name, v in answer.headers if name.lower() == "content-type"), "text/plain")
    media = value.partition(";")[0].strip().lower()
    if media == "application/json" or media.endswith("+json"):
        return "json"
    textual = {
        "application/javascript",
        "application/xml",
        "application/xhtml+xml",
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
    try:
        return body.decode(match.group(1) if match else "utf-8")
    except (UnicodeDecodeError, LookupError):
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


def _lines(found: Findings, samples: Sequence[str], value: str) -> None:
    """Text, line by line."""
    split = [sample.split("\n") for sample in samples]
    own = value.split("\n")
    counts = {len(lines) for lines in split}
    if len(counts) > 1:
        _ragged(found, split, own)
        return
    reference = split[0]
    if len(own) != len(reference):
        at = next(
            (i for i, (a, b) in enumerate(zip(reference, own, strict=False)) if a != b),
            min(len(reference), len(own)),
        )
        found.leaves += len(reference)
        found.differ(
            DifferenceKind.BODY,
            f"line {at + 1}",
            f"{_line(reference, at)} (of {len(reference)} lines)",
            f"{_line(own, at)} (of {len(own)} lines)",
        )
        return
    for number, (line, *column) in enumerate(zip(own, *split, strict=True), 1):
        value_at(found, DifferenceKind.BODY, DifferenceKind.BODY, f"line {number}", column, line)


def _line(lines: Sequence[str], at: int) -> str:
    return show(lines[at]) if at < len(lines) else "(end)"


def _ragged(found: Findings, samples: Sequence[Sequence[str]], own: Sequence[str]) -> None:
    """The original's own texts vary in length: the lines that all of them share must be there, in order."""
    shared: Sequence[str] = samples[0]
    for sample in samples[1:]:
        shared = list(_common(shared, sample))
    found.leaves += len(samples[0])
    counts = sorted({len(sample) for sample in samples})
    found.noise.append(Noise("body", f"{len(samples[0])} lines", f"{len(samples[1])} lines"))
    found.blind += ["body"] * (len(samples[0]) - len(shared))
    rest = iter(own)
    for line in shared:
        if not any(one == line for one in rest):
            found.differ(
                DifferenceKind.BODY, "body", line, "(this line of every answer of the original is missing)"
            )
            return
    if not counts[0] // 2 <= len(own) <= counts[-1] * 2:
        found.differ(DifferenceKind.BODY, "body", f"{counts[0]} to {counts[-1]} lines", f"{len(own)} lines")


def _common(one: Sequence[str], other: Sequence[str]) -> Iterator[str]:
    if max(len(one), len(other)) > _ALIGN_LINES:
        return
    for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks():
        yield from one[block.a : block.a + block.size]
