"""Compares single values, and objects and lists by their parts, with the original's values there."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from migrate.model import Applied, Difference, DifferenceKind, Noise
from migrate.validate.noise import MISSING, fit, shape, tokens, type_name

_SHOWN = 200  # characters of a value in a report
_BEFORE = 60  # of them before the first difference
MISSING_TEXT = "(none)"


@dataclass(slots=True)
class Findings:
    differences: list[Difference] = field(default_factory=list)
    normalisations: list[Applied] = field(default_factory=list)
    noise: list[Noise] = field(default_factory=list)
    leaves: int = 0
    blind: list[str] = field(default_factory=list)

    def add(self, part: Findings) -> None:
        """Take over what another comparison found."""
        self.differences += part.differences
        self.normalisations += part.normalisations
        self.noise += part.noise
        self.leaves += part.leaves
        self.blind += part.blind

    def differ(
        self, kind: DifferenceKind, where: str, original: object, candidate: object, problem: str = ""
    ) -> None:
        """Add a difference; `problem` says what is wrong where the values themselves do not show it."""
        first, second = show_both(original, candidate)
        self.differences.append(
            Difference(kind, where, first, f"{second} ({problem})" if problem else second)
        )

    def apply(self, name: str, where: str, original: object, candidate: object) -> None:
        self.normalisations.append(Applied(name, where, show(original), show(candidate)))


def show(value: object) -> str:
    """A value as a report shows it: shortened, control characters escaped."""
    return _window(_text_of(value), 0)


def show_both(one: object, other: object) -> tuple[str, str]:
    """Two values as a report shows them side by side: of long ones, the part around the first difference."""
    first, second = _text_of(one), _text_of(other)
    start = 0
    if max(len(first), len(second)) > _SHOWN and one is not MISSING and other is not MISSING:
        start = max(0, _first_difference(first, second) - _BEFORE)
    return _window(first, start), _window(second, start)


def _text_of(value: object) -> str:
    if value is MISSING:
        return MISSING_TEXT
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list, bool, Decimal)) or value is None:
        return dump(value)
    return str(value)


def _window(text: str, start: int) -> str:
    """`_SHOWN` characters from `start`, or from where as many are left; what is cut off is marked."""
    if len(text) <= _SHOWN:
        return _escaped(text)
    start = min(start, len(text) - _SHOWN)
    end = start + _SHOWN - (20 if start + _SHOWN < len(text) else 0)
    shown = _escaped(text[start:end])
    before = "…" if start else ""
    return f"{before}{shown}{'…' if end < len(text) else ''} ({len(text):,} characters)"


def _escaped(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def _first_difference(one: str, other: str) -> int:
    """Where two texts begin to differ, by halves: comparing slices is quick, comparing characters is not."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def value_at(
    found: Findings,
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
        known, rows = _names(samples), _rows(samples)
        if rows and not any(name in rows or name not in known for name in value):
            found.leaves += 1
            found.differ(kind, where, "rows", "no row")
        for name in names:
            parts = [sample.get(name, MISSING) for sample in samples]
            if rows and (name in rows or name not in known):
                own = value.get(name, MISSING)
                _row(found, kind, _member(where, name), list(rows.values()), parts[0], own)
                continue
            value_at(found, kind, type_kind, _member(where, name), parts, value.get(name, MISSING))
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
            value_at(
                found,
                kind,
                type_kind,
                f"{where}[{index}]",
                [sample[index] for sample in samples],
                value[index],
            )
        return
    first = samples[0]
    if all(same(first, sample) for sample in samples[1:]):
        found.leaves += leaves_of(first)
        if not same(first, value):
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


def _names(samples: Sequence[dict[str, Any]]) -> set[str]:
    """All names of several objects."""
    return set().union(*samples)


def _rows(samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The members that are not in every sample, where each sample has some of its own: a table by id."""
    always = set(samples[0]).intersection(*samples[1:])
    if not all(
        set(sample) - _names([other for other in samples if other is not sample]) for sample in samples
    ):
        return {}
    return {name: row for sample in samples for name, row in sample.items() if name not in always}


def _row(found: Findings, kind: DifferenceKind, where: str, rows: list[Any], sample: Any, value: Any) -> None:
    """One row of a table whose ids differ from answer to answer: it must have the shape of the others."""
    found.leaves += 1
    found.noise.append(Noise(where, show(sample), show(value)))
    if value is not MISSING and (problem := shape(rows, value)):
        found.differ(kind, where, sample, f"{show(value)} ({problem})")


def _noisy(found: Findings, kind: DifferenceKind, where: str, samples: Sequence[Any], value: Any) -> None:
    """A place where the original's own values differ."""
    leaves = max(1, *(leaves_of(sample) for sample in samples))
    found.leaves += leaves
    other = next(sample for sample in samples[1:] if not same(samples[0], sample))
    found.noise.append(Noise(where, show(samples[0]), show(other)))
    fitted = fit(samples, value)
    if fitted.problem:
        found.differ(kind, where, samples[0], value, fitted.problem)
    if not fitted.checked:
        found.blind += [where] * leaves


def _text(found: Findings, kind: DifferenceKind, where: str, samples: Sequence[str], value: str) -> None:
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
        if len(set(column)) == 1 and column[0] in "+/" and word in "+/":
            continue  # letters of base64, which pair up by chance
        if len(set(column)) == 1:
            problem = (
                "" if word == column[0] else f"{show(word)} where the original always has {show(column[0])}"
            )
        else:
            problem = fit(column, word).problem
        if problem:
            found.differ(kind, where, samples[0], value, problem)
            return


def same(one: Any, other: Any) -> bool:
    """Equal in value and in type: `1`, `1.0` and `true` are three values."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


def leaves_of(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(leaves_of, value.values())) or 1
    if isinstance(value, list):
        return sum(map(leaves_of, value)) or 1
    return 1


def _member(where: str, name: str) -> str:
    return f"{where}.{name}" if re.fullmatch(r"[A-Za-z_][\w-]*", name) else f"{where}[{json.dumps(name)}]"
