"""Compares text line by line, with the original's own texts for noise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from migrate.model import DifferenceKind, Noise
from migrate.validate.values import Findings, show, value_at

ALIGNED = 4000
"""Lines or nodes up to which two sequences of different length are aligned; aligning takes quadratic time."""


def compare_lines(found: Findings, samples: Sequence[str], value: str, where: str = "") -> None:
    """Compare texts line by line; `where` names what they are part of, "" for a whole body."""
    split = [sample.split("\n") for sample in samples]
    own = value.split("\n")
    if len({len(lines) for lines in split}) > 1:
        _ragged(found, split, own, where or "body")
        return
    reference = split[0]
    prefix = f"{where} " if where else ""
    if len(own) != len(reference):
        at = next(
            (i for i, (a, b) in enumerate(zip(reference, own, strict=False)) if a != b),
            min(len(reference), len(own)),
        )
        found.leaves += len(reference)
        found.differ(
            DifferenceKind.BODY,
            f"{prefix}line {at + 1}",
            f"{_line(reference, at)} (of {len(reference)} lines)",
            f"{_line(own, at)} (of {len(own)} lines)",
        )
        return
    for number, (line, *column) in enumerate(zip(own, *split, strict=True), 1):
        if all(other == line for other in column):
            found.leaves += 1
        else:
            value_at(found, DifferenceKind.BODY, DifferenceKind.BODY, f"{prefix}line {number}", column, line)


def _line(lines: Sequence[str], at: int) -> str:
    return show(lines[at]) if at < len(lines) else "(end)"


def _ragged(found: Findings, samples: Sequence[Sequence[str]], own: Sequence[str], where: str) -> None:
    """The original's own texts vary in length: the lines that all of them share must be there, in order."""
    shared: Sequence[str] = samples[0]
    for sample in samples[1:]:
        shared = list(common(shared, sample))
    found.leaves += len(samples[0])
    low, high = min(map(len, samples)), max(map(len, samples))
    other = next(sample for sample in samples[1:] if len(sample) != len(samples[0]))
    found.noise.append(Noise(where, f"{len(samples[0])} lines", f"{len(other)} lines"))
    found.blind += [where] * (len(samples[0]) - len(shared))
    rest = iter(own)
    for line in shared:
        if not any(one == line for one in rest):
            found.differ(
                DifferenceKind.BODY, where, line, "(this line of every answer of the original is missing)"
            )
            return
    if not low // 2 <= len(own) <= high * 2:
        found.differ(DifferenceKind.BODY, where, f"{low} to {high} lines", f"{len(own)} lines")


def common(one: Sequence[str], other: Sequence[str]) -> Iterator[str]:
    """What both sequences hold in the same order; nothing of sequences longer than `ALIGNED`."""
    if max(len(one), len(other)) > ALIGNED:
        return
    for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks():
        yield from one[block.a : block.a + block.size]
