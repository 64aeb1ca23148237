"""Compares header fields, and cookies attribute by attribute, forgiving what `normalisations.toml` lists."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from migrate.model import Answer, DifferenceKind, Noise, Probe, Sent
from migrate.validate import normalisations as allowed
from migrate.validate.noise import MISSING, shape
from migrate.validate.session import SetCookie, parse_set_cookie
from migrate.validate.values import MISSING_TEXT, Findings, same, value_at


def _fields(answer: Answer) -> dict[str, list[str]]:
    """Values by name in lower case, in the order they were sent."""
    found: dict[str, list[str]] = {}
    for name, value in answer.headers:
        found.setdefault(name.lower(), []).append(value.strip(" \t"))
    return found


def compare_headers(
    found: Findings,
    probe: Probe,
    originals: Sequence[Answer],
    candidate: Answer,
    sent: tuple[Sent, Sent] | None,
    *,
    body_equal: bool,
) -> None:
    """Compare all fields but Set-Cookie. `body_equal` tells whether the bodies may count as the same."""
    samples = [_fields(answer) for answer in originals]
    own = _fields(candidate)
    _names(found, originals[0], candidate)
    bodiless = probe.method == "HEAD" or originals[0].status in {204, 304}
    for name in sorted({name for one in (*samples, own) for name in one} - {"set-cookie"}):
        before: list[Any] = [one.get(name, MISSING) for one in samples]
        after: Any = own.get(name, MISSING)
        if same(before[0], after):
            found.leaves += 1
            continue
        rule = allowed.for_header(name)
        if rule is not None and (
            _allowed(rule, samples[0], own, name, body_equal=body_equal, bodiless=bodiless)
            or (
                rule.rule == "file-validators" and _asked_for(sent, before[0], after, originals[0], candidate)
            )
        ):
            found.leaves += 1
            found.apply(rule.name, name, _joined(before[0]), _joined(after))
            continue
        if after is MISSING or before[0] is MISSING:
            found.leaves += 1
            if any((one is MISSING) is (after is MISSING) for one in before):
                found.noise.append(Noise(name, _joined(before[0]), _joined(after)))
                problem = "" if after is MISSING else shape([o for o in before if o is not MISSING], after)
                if problem:
                    found.differ(DifferenceKind.HEADER_VALUE, name, MISSING, f"{_joined(after)} ({problem})")
            elif after is MISSING:
                found.differ(DifferenceKind.HEADER_MISSING, name, _joined(before[0]), MISSING)
            else:
                found.differ(DifferenceKind.HEADER_ADDED, name, MISSING, _joined(after))
            continue
        present = [one for one in before if one is not MISSING]
        counts = {len(one) for one in present}
        if counts == {1} and len(after) == 1:
            value_at(
                found,
                DifferenceKind.HEADER_VALUE,
                DifferenceKind.HEADER_VALUE,
                name,
                [one[0] for one in present],
                after[0],
            )
        else:
            value_at(found, DifferenceKind.HEADER_VALUE, DifferenceKind.HEADER_VALUE, name, present, after)


def _joined(values: Any) -> str:
    return MISSING_TEXT if values is MISSING else " | ".join(values)


def _names(found: Findings, original: Answer, candidate: Answer) -> None:
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
    if rule.rule == "http-date" and before is None and after is not None and len(after) == 1:
        return allowed.http_date(after[0]) is not None  # a server with a clock sends one
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
        and _TAG.fullmatch(tags[0]) is not None
        and allowed.http_date(times[0]) is not None
    )


_TAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def _asked_for(
    sent: tuple[Sent, Sent] | None, before: Any, after: Any, original: Answer, candidate: Answer
) -> bool:
    """Whether both sides say 304 and send one tag each, of the same strength, which their own request named
    or, asking by time or for any, could not name."""
    if sent is None or original.status != 304 or candidate.status != 304:
        return False
    if before is MISSING or after is MISSING or not len(before) == len(after) == 1:
        return False
    strengths = [match and match[1] for match in (_TAG.fullmatch(before[0]), _TAG.fullmatch(after[0]))]
    if strengths[0] != strengths[1] or not all(map(_TAG.fullmatch, (before[0], after[0]))):
        return False
    for one, tag in zip(sent, (before[0], after[0]), strict=True):
        named = [value.strip() for name, value in one.headers if name.lower() == "if-none-match"]
        by_time = any(name.lower() == "if-modified-since" for name, _ in one.headers)
        tags = [found[0] for value in named for found in _TAG.finditer(value)]
        if not (tag in tags if tags else named == ["*"] or (by_time and not named)):
            return False
    return True


def _date(fields: dict[str, list[str]]) -> float | None:
    return allowed.http_date(fields["date"][0]) if fields.get("date") else None


# --- cookies -------------------------------------------------------------------------------


def compare_cookies(found: Findings, originals: Sequence[Answer], candidate: Answer) -> None:
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
    found: Findings,
    name: str,
    samples: Sequence[tuple[str, SetCookie, str]],
    own: tuple[str, SetCookie, str],
    originals: Sequence[Answer],
    candidate: Answer,
) -> None:
    differences = len(found.differences)
    noise = len(found.noise)
    cookies = [cookie for _, cookie, _ in samples]
    mine = own[1]
    where = f"cookie {name}"
    value_at(
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
            and not same(before[0], after)
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
        value_at(found, DifferenceKind.COOKIE, DifferenceKind.COOKIE, f"{where} {key}", before, after)
    raw, own_raw = samples[0][2], own[2]
    values_alike = len(found.noise) == noise and not expiry
    if len(found.differences) == differences and (
        _spelling(raw) != _spelling(own_raw) or (values_alike and raw != own_raw)
    ):
        found.apply(allowed.by_rule("cookie-spelling"), where, raw, own_raw)


def _attribute(cookie: SetCookie, key: str) -> Any:
    """All values of an attribute, normally one: a repeated attribute must not hide behind the last."""
    values = [value for name, value in cookie.attributes if name == key]
    if not values:
        return MISSING
    return values[0] if len(values) == 1 else values


def _spelling(raw: str) -> tuple[str, ...]:
    """How the attributes are written, values left out."""
    return tuple(part.partition("=")[0] for part in raw.split(";")[1:])
