"""Compares what the candidate answered with what the original answered, place by place.

Several answers of the original to the same probe teach its noise (`noise.py`); the list of allowed
differences is `normalisations.toml`. Nothing else is forgiven, and nothing is forgiven silently.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from migrate.model import (
    Answer,
    Applied,
    Difference,
    DifferenceKind,
    ExchangeVerdict,
    Noise,
    Probe,
)
from migrate.validate import normalisations as allowed
from migrate.validate.noise import MISSING, fit, tokens, type_name
from migrate.validate.session import SetCookie, parse_set_cookie

STREAM_SPREAD = 0.2
"""Seconds between the first and the last piece of a body from which on it counts as streamed."""
MAX_DIFFERENCES = 100
_SHOWN = 200  # characters of a value in a report
_ALIGN_LINES = 4000  # lines up to which two texts of different length are aligned
_INFLATED = 64 << 20  # bytes up to which a compressed body is decoded
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[-+.\w]+|[\[\]{},:]')

_MISSING_TEXT = "(none)"


@dataclass(frozen=True, slots=True)
class Judgement:
    """How one exchange compares. `leaves` counts the places looked at, `blind` names those where nothing
    could be compared."""

    verdict: ExchangeVerdict
    differences: tuple[Difference, ...]
    normalisations: tuple[Applied, ...]
    noise: tuple[Noise, ...]
    leaves: int
    blind: tuple[str, ...]


@dataclass(slots=True)
class _Findings:
    differences: list[Difference] = field(default_factory=list)
    normalisations: list[Applied] = field(default_factory=list)
    noise: list[Noise] = field(default_factory=list)
    leaves: int = 0
    blind: list[str] = field(default_factory=list)

    def differ(self, kind: DifferenceKind, where: str, original: object, candidate: object) -> None:
        self.differences.append(Difference(kind, where, show(original), show(candidate)))

    def apply(self, name: str, where: str, original: object, candidate: object) -> None:
        self.normalisations.append(Applied(name, where, show(original), show(candidate)))


def show(value: object) -> str:
    """A value as a report shows it: shortened, control characters escaped."""
    if value is MISSING:
        return _MISSING_TEXT
    if isinstance(value, str):
        text = value
    elif isinstance(value, (dict, list, bool, Decimal)) or value is None:
        text = _dump(value)
    else:
        text = str(value)
    text = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 20]}… ({len(text):,} characters)"


def compare(probe: Probe, originals: Sequence[Answer], candidate: Answer) -> Judgement:
    """Compare an answer of the candidate with the first of `originals`; the others teach noise."""
    found = _Findings()
    reference = originals[0]
    if any(answer.error for answer in originals):
        return _with_errors(probe, originals, candidate, found)
    if candidate.error:
        found.leaves += 1
        found.differ(DifferenceKind.ERROR, "answer", f"status {reference.status}", candidate.error)
        return _judged(probe, reference, found)
    _value(
        found,
        DifferenceKind.STATUS,
        DifferenceKind.STATUS,
        "status",
        [answer.status for answer in originals],
        candidate.status,
    )
    body = _Findings()
    _body(body, originals, candidate)
    _headers(found, probe, originals, candidate, body_equal=not body.differences)
    _cookies(found, originals, candidate)
    _streaming(found, originals, candidate)
    found.differences += body.differences
    found.normalisations += body.normalisations
    found.noise += body.noise
    found.leaves += body.leaves
    found.blind += body.blind
    return _judged(probe, reference, found)


def _with_errors(probe: Probe, originals: Sequence[Answer], candidate: Answer, found: _Findings) -> Judgement:
    """The original did not answer at least once: a difference only where it never does and the candidate does."""
    found.leaves += 1
    errors = [answer.error for answer in originals]
    if all(errors) and not candidate.error:
        found.differ(DifferenceKind.ERROR, "answer", errors[0], f"status {candidate.status}")
    else:
        said = [answer.error or f"status {answer.status}" for answer in originals]
        found.noise.append(Noise("answer", show(said[0]), show(said[-1])))
        found.blind.append("answer")
    judged = _judged(probe, originals[0], found)
    if judged.verdict is ExchangeVerdict.DIFFERENT:
        return judged
    return Judgement(
        ExchangeVerdict.NOT_COMPARABLE,
        judged.differences,
        judged.normalisations,
        judged.noise,
        judged.leaves,
        judged.blind,
    )


def _judged(probe: Probe, reference: Answer, found: _Findings) -> Judgement:
    if found.differences:
        verdict = ExchangeVerdict.DIFFERENT
    elif probe.expect_status is not None and reference.status != probe.expect_status:
        verdict = ExchangeVerdict.NOT_COMPARABLE
    elif found.normalisations:
        verdict = ExchangeVerdict.NORMALISED
    else:
        verdict = ExchangeVerdict.EQUAL
    differences = found.differences
    if len(differences) > MAX_DIFFERENCES:
        last = differences[MAX_DIFFERENCES]
        more = f"and {len(differences) - MAX_DIFFERENCES} more places"
        differences = [*differences[:MAX_DIFFERENCES], Difference(last.kind, more, "", "")]
    return Judgement(
        verdict,
        tuple(differences),
        tuple(found.normalisations),
        tuple(found.noise),
        found.leaves,
        tuple(found.blind),
    )


# --- values --------------------------------------------------------------------------------


def _value(
    found: _Findings,
    kind: DifferenceKind,
    type_kind: DifferenceKind,
    where: str,
    samples: Sequence[Any],
    value: Any,
) -> None:
    """Compare one place; objects and arrays by their parts. `samples` are the original's values there."""
    if all(isinstance(sample, dict) for sample in samples) and isinstance(value, dict):
        names = dict.fromkeys(name for one in (*samples, value) for name in one)
        if not names:
            found.leaves += 1
        for name in names:
            parts = [sample.get(name, MISSING) for sample in samples]
            _value(found, kind, type_kind, _member(where, name), parts, value.get(name, MISSING))
        return
    lengths = {len(sample) for sample in samples if isinstance(sample, list)}
    if all(isinstance(sample, list) for sample in samples) and isinstance(value, list) and len(lengths) == 1:
        length = lengths.pop()
        if length != len(value):
            found.leaves += 1
            found.differ(kind, where, f"{length} elements", f"{len(value)} elements")
        elif not length:
            found.leaves += 1
        for index in range(min(length, len(value))):
            _value(
                found,
                kind,
                type_kind,
                f"{where}[{index}]",
                [sample[index] for sample in samples],
                value[index],
            )
        return
    first = samples[0]
    if all(_same(first, sample) for sample in samples[1:]):
        found.leaves += _leaves(first)
        if not _same(first, value):
            changed = type_name(first) != type_name(value)
            shown = (first, value)
            if changed and first is not MISSING and value is not MISSING:
                shown = (f"{type_name(first)} {show(first)}", f"{type_name(value)} {show(value)}")
            found.differ(type_kind if changed else kind, where, *shown)
        return
    if all(isinstance(sample, str) for sample in samples) and isinstance(value, str):
        _text(found, kind, where, samples, value)
        return
    _noisy(found, kind, where, samples, value)


def _noisy(found: _Findings, kind: DifferenceKind, where: str, samples: Sequence[Any], value: Any) -> None:
    """A place where the original's own values differ."""
    leaves = max(1, *(_leaves(sample) for sample in samples))
    found.leaves += leaves
    other = next(sample for sample in samples[1:] if not _same(samples[0], sample))
    found.noise.append(Noise(where, show(samples[0]), show(other)))
    fitted = fit(samples, value)
    if fitted.problem:
        found.differ(kind, where, samples[0], f"{show(value)} ({fitted.problem})")
    if not fitted.checked:
        found.blind += [where] * leaves


def _text(found: _Findings, kind: DifferenceKind, where: str, samples: Sequence[str], value: str) -> None:
    """Text that differs among the original's answers: word by word where the words pair up."""
    cut = [tokens(sample) for sample in samples]
    count = {len(words) for words in cut}
    own = tokens(value)
    if (
        len(count) != 1
        or len(own) != len(cut[0])
        or not any(len(set(column)) == 1 for column in zip(*cut, strict=True))
    ):
        _noisy(found, kind, where, samples, value)
        return
    found.leaves += 1
    other = next(sample for sample in samples[1:] if sample != samples[0])
    found.noise.append(Noise(where, show(samples[0]), show(other)))
    for column, word in zip(zip(*cut, strict=True), own, strict=True):
        if len(set(column)) == 1:
            problem = (
                "" if word == column[0] else f"{show(word)} where the original always has {show(column[0])}"
            )
        else:
            problem = fit(column, word).problem
        if problem:
            found.differ(kind, where, samples[0], f"{show(value)} ({problem})")
            return


def _same(one: Any, other: Any) -> bool:
    """Equal in value and in type: `1`, `1.0` and `true` are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values())) or 1
    if isinstance(value, list):
        return sum(map(_leaves, value)) or 1
    return 1


def _member(where: str, name: str) -> str:
    return f"{where}.{name}" if re.fullmatch(r"[A-Za-z_][\w-]*", name) else f"{where}[{json.dumps(name)}]"


# --- headers -------------------------------------------------------------------------------


def _fields(answer: Answer) -> dict[str, list[str]]:
    """Values by name in lower case, in the order they were sent."""
    found: dict[str, list[str]] = {}
    for name, value in answer.headers:
        found.setdefault(name.lower(), []).append(value.strip(" \t"))
    return found


def _headers(
    found: _Findings, probe: Probe, originals: Sequence[Answer], candidate: Answer, *, body_equal: bool
) -> None:
    samples = [_fields(answer) for answer in originals]
    own = _fields(candidate)
    _names(found, originals[0], candidate)
    bodiless = probe.method == "HEAD" or originals[0].status in {204, 304}
    for name in sorted({name for one in (*samples, own) for name in one} - {"set-cookie"}):
        before: list[Any] = [one.get(name, MISSING) for one in samples]
        after: Any = own.get(name, MISSING)
        if _same(before[0], after):
            found.leaves += 1
            continue
        rule = allowed.for_header(name)
        if rule is not None and _allowed(
            rule, samples[0], own, name, body_equal=body_equal, bodiless=bodiless
        ):
            found.leaves += 1
            found.apply(rule.name, name, _joined(before[0]), _joined(after))
            continue
        if after is MISSING or before[0] is MISSING:
            found.leaves += 1
            if any((one is MISSING) is (after is MISSING) for one in before):
                found.noise.append(Noise(name, _joined(before[0]), _joined(after)))
            elif after is MISSING:
                found.differ(DifferenceKind.HEADER_MISSING, name, _joined(before[0]), MISSING)
            else:
                found.differ(DifferenceKind.HEADER_ADDED, name, MISSING, _joined(after))
            continue
        present = [one for one in before if one is not MISSING]
        counts = {len(one) for one in present}
        if counts == {1} and len(after) == 1:
            _value(
                found,
                DifferenceKind.HEADER_VALUE,
                DifferenceKind.HEADER_VALUE,
                name,
                [one[0] for one in present],
                after[0],
            )
        else:
            _value(found, DifferenceKind.HEADER_VALUE, DifferenceKind.HEADER_VALUE, name, present, after)


def _joined(values: Any) -> str:
    return _MISSING_TEXT if values is MISSING else " | ".join(values)


def _names(found: _Findings, original: Answer, candidate: Answer) -> None:
    """Case and order of the fields both sides send."""
    ours = [name for name, _ in candidate.headers]
    theirs = [name for name, _ in original.headers]
    spelled = {name.lower(): name for name in theirs}
    other = [(spelled[name.lower()], name) for name in ours if spelled.get(name.lower(), name) != name]
    if other:
        found.apply(
            allowed.by_rule("header-names"),
            "header names",
            ", ".join(dict.fromkeys(one for one, _ in other)),
            ", ".join(dict.fromkeys(one for _, one in other)),
        )
    common = {name.lower() for name in ours} & {name.lower() for name in theirs}
    first = list(dict.fromkeys(name.lower() for name in theirs if name.lower() in common))
    second = list(dict.fromkeys(name.lower() for name in ours if name.lower() in common))
    if first != second:
        found.apply(allowed.by_rule("header-order"), "headers", ", ".join(first), ", ".join(second))


def _allowed(
    rule: allowed.Normalisation,
    original: dict[str, list[str]],
    candidate: dict[str, list[str]],
    name: str,
    *,
    body_equal: bool,
    bodiless: bool,
) -> bool:
    """Whether a normalisation covers the difference in this field."""
    before, after = original.get(name), candidate.get(name)
    if rule.rule == "any":
        return True
    if rule.rule == "framing":
        if before is not None and after is not None:
            # Both frame it alike but with other values: of an equal body only where noise changed its length.
            return name == "content-length" and body_equal and not bodiless
        return body_equal
    if before is None or after is None or len(before) != 1 or len(after) != 1:
        return False
    match rule.rule:
        case "http-date":
            return allowed.http_date(before[0]) is not None and allowed.http_date(after[0]) is not None
        case "members":
            return allowed.members(before[0]) == allowed.members(after[0])
        case "relative-expiry":
            return allowed.same_distance(
                allowed.http_date(before[0]), _date(original), allowed.http_date(after[0]), _date(candidate)
            )
        case "file-validators":
            return (
                body_equal
                and all(_validators(one) for one in (original, candidate))
                and (original["etag"][0].startswith("W/") == candidate["etag"][0].startswith("W/"))
            )
        case _:
            return False


def _validators(fields: dict[str, list[str]]) -> bool:
    """Whether an answer has one well-formed ETag and one Last-Modified."""
    tags, times = fields.get("etag", []), fields.get("last-modified", [])
    return (
        len(tags) == len(times) == 1
        and re.fullmatch(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"', tags[0]) is not None
        and allowed.http_date(times[0]) is not None
    )


def _date(fields: dict[str, list[str]]) -> float | None:
    return allowed.http_date(fields["date"][0]) if fields.get("date") else None


# --- cookies -------------------------------------------------------------------------------


def _cookies(found: _Findings, originals: Sequence[Answer], candidate: Answer) -> None:
    samples = [_set_cookies(answer) for answer in originals]
    own = _set_cookies(candidate)
    if not own and not any(samples):
        return
    orders = [[name for name, _, _ in cookies] for cookies in samples]
    order = [name for name, _, _ in own]
    found.leaves += 1
    if order not in orders:
        lost = [name for name in orders[0] if name not in order]
        added = [name for name in order if name not in orders[0]]
        where = ", ".join(lost or added) or "order"
        found.differ(
            DifferenceKind.COOKIE,
            f"set-cookie {where}",
            ", ".join(orders[0]) or MISSING,
            ", ".join(order) or MISSING,
        )
    for name in dict.fromkeys((*orders[0], *order)):
        theirs = [[c for c in cookies if c[0] == name] for cookies in samples]
        ours = [c for c in own if c[0] == name]
        for index in range(min(len(ours), *(len(t) for t in theirs))):
            _cookie(found, name, [t[index] for t in theirs], ours[index], originals, candidate)


def _set_cookies(answer: Answer) -> list[tuple[str, SetCookie, str]]:
    """Name, cookie, raw text. A field that is no cookie is kept under its own text."""
    cookies = []
    for name, text in answer.headers:
        if name.lower() == "set-cookie":
            cookie = parse_set_cookie(text)
            cookies.append((cookie.name, cookie, text) if cookie else (text, SetCookie(text, "", ()), text))
    return cookies


def _cookie(
    found: _Findings,
    name: str,
    samples: Sequence[tuple[str, SetCookie, str]],
    own: tuple[str, SetCookie, str],
    originals: Sequence[Answer],
    candidate: Answer,
) -> None:
    differences = len(found.differences)
    noise = len(found.noise)
    cookies = [cookie for _, cookie, _ in samples]
    reference, mine = cookies[0], own[1]
    where = f"cookie {name}"
    _value(
        found,
        DifferenceKind.COOKIE,
        DifferenceKind.COOKIE,
        f"{where} value",
        [cookie.value for cookie in cookies],
        mine.value,
    )
    expiry = False
    attributes = dict.fromkeys(key for cookie in (*cookies, mine) for key, _ in cookie.attributes)
    for key in attributes:
        before = [_attribute(cookie, key) for cookie in cookies]
        after = _attribute(mine, key)
        if (
            key == "expires"
            and not _same(before[0], after)
            and allowed.same_distance(
                allowed.cookie_date(str(before[0])),
                _date(_fields(originals[0])),
                allowed.cookie_date(str(after)),
                _date(_fields(candidate)),
            )
        ):
            found.leaves += 1
            found.apply(allowed.by_rule("relative-expiry"), f"{where} expires", before[0], after)
            expiry = True
            continue
        _value(found, DifferenceKind.COOKIE, DifferenceKind.COOKIE, f"{where} {key}", before, after)
    unexplained = len(found.differences) == differences and len(found.noise) == noise and not expiry
    if (unexplained and samples[0][2] != own[2]) or (
        _spelling(reference, samples[0][2]) != _spelling(mine, own[2])
        and set(reference.attributes) == set(mine.attributes)
    ):
        found.apply(allowed.by_rule("cookie-spelling"), where, samples[0][2], own[2])


def _attribute(cookie: SetCookie, key: str) -> Any:
    """All values of an attribute, normally one: a repeated attribute must not hide behind the last."""
    values = [value for name, value in cookie.attributes if name == key]
    if not values:
        return MISSING
    return values[0] if len(values) == 1 else values


def _spelling(cookie: SetCookie, raw: str) -> tuple[str, ...]:
    """How the attributes are written, values left out."""
    return tuple(part.partition("=")[0] for part in raw.split(";")[1:])


# --- body ----------------------------------------------------------------------------------


def _body(found: _Findings, originals: Sequence[Answer], candidate: Answer) -> None:
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
            _leaves(parsed)
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
    found: _Findings, originals: Sequence[Answer], bodies: Sequence[bytes], candidate: Answer, own: bytes
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


def _binary(found: _Findings, hashes: Sequence[str], sizes: Sequence[int], own: str, own_size: int) -> None:
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


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _json_body(found: _Findings, bodies: Sequence[bytes], parsed: Sequence[Any], own: bytes) -> None:
    value = _parse_json(own)
    if value is MISSING:
        found.leaves += 1
        text = own.decode("utf-8", "backslashreplace")
        found.differ(DifferenceKind.BODY_TYPE, "body", "JSON", f"no JSON: {show(text)}")
        return
    before = len(found.differences)
    _value(found, DifferenceKind.BODY, DifferenceKind.BODY_TYPE, "$", parsed, value)
    if len(found.differences) > before:
        return
    order = _member_order(parsed[0]) != _member_order(value)
    if order:
        found.apply(allowed.by_rule("json-member-order"), "body", _dump(parsed[0]), _dump(value))
    theirs, mine = bodies[0].decode(), own.decode()
    if (not order and _reformatted(theirs, mine)) or (order and _blanks(theirs) != _blanks(mine)):
        found.apply(allowed.by_rule("json-formatting"), "body", theirs, mine)


def _member_order(value: Any) -> list[Any]:
    """The names of members in the order written, nested."""
    if isinstance(value, dict):
        return [[name, _member_order(one)] for name, one in value.items()]
    if isinstance(value, list):
        return [_member_order(one) for one in value]
    return []


def _blanks(text: str) -> list[str]:
    """Which blanks are used around tokens."""
    return sorted(set(_JSON_TOKEN.split(text)))


def _reformatted(one: str, other: str) -> bool:
    """Whether blanks, or the spelling of an equal value, differ."""
    if _JSON_TOKEN.split(one) != _JSON_TOKEN.split(other):
        return True
    for mine, theirs in zip_longest(_JSON_TOKEN.findall(one), _JSON_TOKEN.findall(other)):
        if mine != theirs:
            first, second = _parse_json(mine.encode()), _parse_json(theirs.encode())
            if first is not MISSING and _same(first, second):
                return True
    return False


def _lines(found: _Findings, samples: Sequence[str], value: str) -> None:
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
        _value(found, DifferenceKind.BODY, DifferenceKind.BODY, f"line {number}", column, line)


def _line(lines: Sequence[str], at: int) -> str:
    return show(lines[at]) if at < len(lines) else "(end)"


def _ragged(found: _Findings, samples: Sequence[Sequence[str]], own: Sequence[str]) -> None:
    """The original's own texts have different numbers of lines: what all of them share must be there, in order."""
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


# --- streaming -----------------------------------------------------------------------------


def spread(answer: Answer) -> float:
    """Seconds between the first and the last piece of a body; 0 for one piece."""
    return answer.chunks[-1].at - answer.chunks[0].at if len(answer.chunks) > 1 else 0.0


def _streaming(found: _Findings, originals: Sequence[Answer], candidate: Answer) -> None:
    """A body that comes in pieces over time on one side and all at once on the other.

    Spread below `STREAM_SPREAD` is no streaming: a long body takes time on a busy machine.
    """
    least, most = min(map(spread, originals)), max(map(spread, originals))
    own = spread(candidate)
    if max(most, own) < STREAM_SPREAD:
        return
    found.leaves += 1
    if (least >= STREAM_SPREAD and own < least / 4) or (own >= 2 * STREAM_SPREAD and most < own / 4):
        found.differ(DifferenceKind.STREAMING, "body", _pace(originals[0]), _pace(candidate))


def _pace(answer: Answer) -> str:
    if not answer.chunks:
        return "no body"
    count = len(answer.chunks)
    if count == 1:
        return f"one piece after {answer.chunks[0].at:.2f} s"
    return f"{count} pieces over {spread(answer):.2f} s, the first after {answer.chunks[0].at:.2f} s"
