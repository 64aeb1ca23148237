"""What the original's own answers have in common, where they differ from one another.

Several containers of the original answer the same requests. A place where they differ is noise: its
value says nothing of the candidate. But whatever all of the original's values share (type, length,
punctuation, alphabet, presence) must hold for the candidate too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final


class Missing(Enum):
    """The value of a place that an answer does not have."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING

# `-` and `_` are letters of base64url, `+`, `/` and `=` of base64: by themselves they separate nothing.
# A number with a fraction is one word, or its first digit would be held to what it happens to be.
_TOKEN = re.compile(r"(?<![\w.-])\d{1,40}\.\d{1,40}(?:e[+-]?\d{1,9})?(?![\w.-])|[\w-]+|[^\w-]")
_FRACTION = re.compile(r"\d+\.\d+(?:e[+-]?\d+)?\Z")
_OPAQUE = re.compile(r"[\w+/=-]+")
_CODING = frozenset("-_+/=")
_WORD = re.compile(r"[^\W_]")
_DIGITS_SAMPLE = 20  # characters seen before "all digits" is: ten of sixteen digits of hexadecimal are
_HEX_SAMPLE = 16  # characters seen before "all hexadecimal" is taken for more than chance
_SLACK = 4  # characters by which compressed or encoded values of one kind vary, and
_SLACK_SHARE = 10  # one part in this many
_LONG_NUMBER = 6  # digits from which on a number's magnitude says what it is: a time, an address, a size
_MAGNITUDE = 3  # digits by which seconds differ from milliseconds
_HUGE = 10**40
_DEEP = 50  # levels of a value of varying shape that are held against the original's
_LISTED = 1000  # elements of a list of varying length that are held against the original's

_ALPHABETS: tuple[tuple[str, re.Pattern[str], int], ...] = (
    ("digits", re.compile(r"[0-9\W_]*\Z"), _DIGITS_SAMPLE),
    ("lower-case hexadecimal", re.compile(r"[0-9a-f\W_]*\Z"), _HEX_SAMPLE),
    ("hexadecimal", re.compile(r"[0-9a-fA-F\W_]*\Z"), _HEX_SAMPLE),
    ("digits or hexadecimal", re.compile(r"[0-9a-fA-F\W_]*\Z"), 1),
)

# Numbers in these (ids, digests) have one length.
_EXACT = frozenset({"lower-case hexadecimal", "hexadecimal"})


def tokens(text: str) -> list[str]:
    """Words and single other characters; joined they are the text again."""
    return _TOKEN.findall(text)


def type_name(value: Any) -> str:
    """The type as JSON knows it, whole numbers told apart from others."""
    match value:
        case Missing():
            return "missing"
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case str():
            return "string"
        case dict():
            return "object"
        case list():
            return "array"
        case _:
            return "number"


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a value could be the original's: `problem` says why not, `checked` what was compared."""

    problem: str
    checked: tuple[str, ...]


def fit(samples: Sequence[Any], value: Any) -> Fit:
    """Hold a value against what all the original's values share. `samples` differ among themselves."""
    kinds = {type_name(sample) for sample in samples}
    kind = type_name(value)
    if kind not in kinds:
        return Fit(f"{kind} where the original has {' or '.join(sorted(kinds))}", ("type",))
    checked = ["type"] if len(kinds) == 1 else []
    alike = [sample for sample in samples if type_name(sample) == kind]
    if kind == "string":
        problem, more = _fit_text([str(sample) for sample in alike], str(value))
        # For text alone "it is text" compares nothing: everything in a header or a page is.
        return Fit(problem, (*(c for c in checked if len(kinds) > 1), *more))
    if kind in {"integer", "number"}:
        signs = {sample < 0 for sample in alike}
        if len(signs) == 1:
            checked.append("sign")
            if (value < 0) not in signs:
                return Fit("the sign changed", tuple(checked))
        low, high = min(map(_digits, alike)), max(map(_digits, alike))
        if low >= _LONG_NUMBER or _digits(value) >= high + _LONG_NUMBER:
            checked.append("magnitude")
            if not low - _MAGNITUDE < _digits(value) < high + _MAGNITUDE:
                return Fit(f"{_digits(value)} digits where the original has {low} to {high}", tuple(checked))
    if kind == "array":
        return _fit_list(alike, value)
    if kind == "object":
        return Fit(_members(alike, value), (*checked, "presence"))
    return Fit("", tuple(checked))


def _digits(value: Any) -> int:
    """Digits before the point."""
    return len(str(int(abs(value)))) if abs(value) < _HUGE else len(str(_HUGE))


def _fit_list(samples: Sequence[list[Any]], value: list[Any]) -> Fit:
    """Lists of varying length: each element must have the shape of one of the original's elements there."""
    problem = shape(samples, value)
    return Fit(problem, ("type", "presence", "length class", "shape") if any(samples) else ())


def shape(samples: Sequence[Any], value: Any, depth: int = 0) -> str:
    """Why a value has not the shape of any of `samples`, "" where it has: type, members, length class.

    Less than `fit` asks: samples of different places, or a single one, do not teach what varies.
    """
    if depth > _DEEP:
        return ""
    kind = type_name(value)
    kinds = {type_name(sample) for sample in samples}
    if kind not in kinds:
        return f"{kind} where the original has {' or '.join(sorted(kinds))}"
    alike = [sample for sample in samples if type_name(sample) == kind]
    if kind in {"string", "array"}:
        low, high = min(map(len, alike)), max(map(len, alike))
        if low and not value:
            return "empty where the original never is"
        if not low // 2 - _SLACK <= len(value) <= high * 2 + 2 * _SLACK:
            unit = "characters" if kind == "string" else "elements"
            return f"{len(value)} {unit} where the original has {low} to {high}"
    if kind == "array":
        inner = [one for sample in alike for one in sample]
        for index, one in enumerate(value[:_LISTED] if inner else ()):
            if problem := shape(inner, one, depth + 1):
                return f"[{index}]: {problem}"
    return _members(alike, value, depth) if kind == "object" else ""


def _members(samples: Sequence[dict[str, Any]], value: dict[str, Any], depth: int = 0) -> str:
    always = set(samples[0]).intersection(*samples[1:])
    known = set(samples[0]).union(*samples[1:])
    if lost := sorted(always - set(value)):
        return f"without the member {lost[0]!r} that the original always has"
    # Objects whose names vary are tables by id; a new name is no news there.
    if always == known and (added := sorted(set(value) - known)):
        return f"with the member {added[0]!r} that the original never has"
    for name, one in value.items():
        theirs = [sample[name] for sample in samples if name in sample]
        if theirs and (problem := shape(theirs, one, depth + 1)):
            return f".{name}: {problem}"
    return ""


def _fit_text(samples: Sequence[str], value: str) -> tuple[str, tuple[str, ...]]:
    checked = []
    if all(map(_FRACTION.match, samples)):
        return "" if _FRACTION.match(value) else "no number with a fraction", ("type",)
    alphabet = _alphabet(samples)
    if alphabet is not None:
        checked.append("alphabet")
        name, pattern = alphabet
        if not pattern.match(value):
            return f"not all {name}, as the original's values are", tuple(checked)
    low, high = min(map(len, samples)), max(map(len, samples))
    # Numbers in hexadecimal (ids, digests) have a fixed length; what is compressed varies a little.
    slack = max(_SLACK, high // _SLACK_SHARE)
    if low == high:
        checked.append("length")
        exact = alphabet is not None and alphabet[0] in _EXACT
        if (exact and len(value) != high) or abs(len(value) - high) > slack or (high > 0 and not value):
            return f"{len(value)} characters where the original always has {high}", tuple(checked)
    elif not low // 2 <= len(value) <= high * 2 + slack or (low > 0 and not value):
        return f"{len(value)} characters where the original has {low} to {high}", ("length",)
    else:
        checked.append("length class")
    skeletons = {_OPAQUE.sub("w", sample) for sample in samples}
    if len(skeletons) == 1 and skeletons.isdisjoint({"w", ""}):
        checked.append("punctuation")
        if _OPAQUE.sub("w", value) not in skeletons:
            return "other punctuation than all the original's values", tuple(checked)
    if low == high == len(value):
        for at in _separators(samples):
            if value[at] != samples[0][at]:
                return f"{value[at]!r} at {at + 1} where the original always has {samples[0][at]!r}", tuple(
                    checked
                )
    return "", tuple(checked)


def _separators(samples: Sequence[str]) -> list[int]:
    """Where texts of one length hold a letter of base64 that structures them, as `-` does in a UUID.

    Two random signatures agree in a single `-` once in some ten pairs; that all places of a letter agree, and
    are at least two, is no chance.
    """
    found: list[int] = []
    for letter in sorted(_CODING):
        places = {tuple(at for at, other in enumerate(sample) if other == letter) for sample in samples}
        if len(places) == 1:
            (shared,) = places
            found += shared if len(shared) > 1 else ()
    return sorted(found)


def _alphabet(samples: Sequence[str]) -> tuple[str, re.Pattern[str]] | None:
    """The narrowest alphabet that all samples keep to, where that is more than chance."""
    total = sum(map(len, samples))
    if not any(map(_WORD.search, samples)):
        return None
    for name, pattern, least in _ALPHABETS:
        if total >= least and all(map(pattern.match, samples)):
            return name, pattern
    return None
