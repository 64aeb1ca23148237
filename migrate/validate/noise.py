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
_TOKEN = re.compile(r"[\w-]+|[^\w-]")
_OPAQUE = re.compile(r"[\w+/=-]+")
_CODING = frozenset("-_+/=")
_WORD = re.compile(r"[^\W_]")
_HEX_SAMPLE = 16  # characters seen before "all hexadecimal" is taken for more than chance
_SLACK = 4  # characters by which compressed or encoded values of one kind vary, and
_SLACK_SHARE = 10  # one part in this many

_ALPHABETS: tuple[tuple[str, re.Pattern[str], int], ...] = (
    ("digits", re.compile(r"[0-9\W_]*\Z"), 1),
    ("lower-case hexadecimal", re.compile(r"[0-9a-f\W_]*\Z"), _HEX_SAMPLE),
    ("hexadecimal", re.compile(r"[0-9a-fA-F\W_]*\Z"), _HEX_SAMPLE),
)


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
    if kind == "array":
        if all(alike) and not value:
            return Fit("empty where the original never is", tuple(checked))
        inner = {type_name(one) for sample in alike for one in sample}
        strange = {type_name(one) for one in value} - inner
        if strange and inner:
            return Fit(
                f"holds {' and '.join(sorted(strange))}, the original {' and '.join(sorted(inner))}", ()
            )
        checked = []  # a list of varying length: none of its values is compared
    return Fit("", tuple(checked))


def _fit_text(samples: Sequence[str], value: str) -> tuple[str, tuple[str, ...]]:
    checked = []
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
        exact = alphabet is not None and alphabet[0] != "digits"
        if (exact and len(value) != high) or abs(len(value) - high) > slack or (high > 0 and not value):
            return f"{len(value)} characters where the original always has {high}", tuple(checked)
    elif not low // 2 <= len(value) <= high * 2 + slack or (low > 0 and not value):
        return f"{len(value)} characters where the original has {low} to {high}", ("length",)
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
