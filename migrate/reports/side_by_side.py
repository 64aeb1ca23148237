"""Two answers side by side, line by line, as readers of pull requests know it; bounded whatever they hold."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from migrate.model import Answer
from migrate.validate.values import show, show_both

LINES = 300  # of a body
BYTES = 200_000
_AROUND = 3  # equal lines shown around a difference


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the two columns. `kind` is `same`, `changed` or `gap`; a number of 0 means no line there."""

    kind: str
    left_number: int
    left: str
    right_number: int
    right: str


def answers(original: Answer, candidate: Answer) -> list[Line]:
    """Status, fields and body of both."""
    head = _rows(_head(original), _head(candidate), whole=True)
    return [*head, *_rows(_body(original), _body(candidate), whole=False)]


def _head(answer: Answer) -> list[str]:
    if answer.error is not None and not answer.status:
        return [f"(no answer: {answer.error})"]
    fields = sorted(f"{name.lower()}: {value}" for name, value in answer.headers)
    return [f"status {answer.status}", *fields, *([f"(broken off: {answer.error})"] if answer.error else [])]


def _body(answer: Answer) -> list[str]:
    size = answer.full_size if answer.full_size is not None else len(answer.body)
    if not answer.body:
        return []
    data = answer.body[:BYTES]
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return [f"({size:,} bytes that are no text)", *_hex(data)]
    if len(data) == len(answer.body):
        text = _indented(text)
    lines = text.split("\n")
    if len(lines) > LINES or size > BYTES:
        lines = [*lines[:LINES], f"(and more, {size:,} bytes in all)"]
    return lines


def _indented(text: str) -> str:
    """JSON over several lines, members in their order; other text as it is."""
    if text[:1] not in "{[":
        return text
    try:
        return json.dumps(json.loads(text), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def _hex(data: bytes) -> Iterator[str]:
    for start in range(0, min(len(data), 256), 16):
        yield data[start : start + 16].hex(" ")


def _rows(left: Sequence[str], right: Sequence[str], *, whole: bool) -> list[Line]:
    found: list[Line] = []
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for tag, start, end, other, other_end in matcher.get_opcodes():
        if tag == "equal":
            found += _equal(left, start, end, other, whole=whole, last=end == len(left))
            continue
        for offset in range(max(end - start, other_end - other)):
            mine = start + offset if start + offset < end else None
            theirs = other + offset if other + offset < other_end else None
            found.append(_changed(left, right, mine, theirs))
    return found


def _changed(left: Sequence[str], right: Sequence[str], mine: int | None, theirs: int | None) -> Line:
    if mine is not None and theirs is not None:
        first, second = show_both(left[mine], right[theirs])
    else:
        first = show(left[mine]) if mine is not None else ""
        second = show(right[theirs]) if theirs is not None else ""
    return Line(
        "changed",
        mine + 1 if mine is not None else 0,
        first,
        theirs + 1 if theirs is not None else 0,
        second,
    )


def _equal(
    left: Sequence[str], start: int, end: int, other: int, *, whole: bool, last: bool
) -> Iterator[Line]:
    length = end - start
    first = 0 if start == 0 and other == 0 else _AROUND
    final = 0 if last else _AROUND
    if whole or length <= first + final + 1:
        for offset in range(length):
            yield _same(left, start + offset, other + offset)
        return
    for offset in range(first):
        yield _same(left, start + offset, other + offset)
    yield Line("gap", 0, f"{length - first - final} equal lines", 0, "")
    for offset in range(length - final, length):
        yield _same(left, start + offset, other + offset)


def _same(left: Sequence[str], mine: int, theirs: int) -> Line:
    text = show(left[mine])
    return Line("same", mine + 1, text, theirs + 1, text)
