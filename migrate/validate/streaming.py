"""Compares how a body came: at once or in bursts, what each burst held, and where it stalled."""

from __future__ import annotations

from collections.abc import Sequence

from migrate.model import Answer, DifferenceKind
from migrate.validate.values import Findings

SPREAD = 0.2
"""Seconds between the first and the last piece of a body from which on it counts as streamed."""
PAUSE = 0.1
"""Seconds of silence that end a burst. Pieces within a burst say nothing: networks cut and join them."""
STALL = 0.5
"""Seconds by which the longest silence may exceed twice the original's."""
FIRST = 5.0
"""Seconds that the first piece may come later than the original's, which may be ten times as fast besides:
how fast an answer comes is measured, not compared; only one that seems to hang is a difference."""


def compare_streaming(found: Findings, originals: Sequence[Answer], candidate: Answer) -> None:
    """Compare the pace of bodies.

    Spread below `SPREAD` is no streaming: a long body takes time on a busy machine.
    """
    if _late(originals, candidate):
        found.leaves += 1
        found.differ(DifferenceKind.STREAMING, "first piece", pace(originals[0]), pace(candidate))
        return
    least, most = min(map(spread, originals)), max(map(spread, originals))
    own = spread(candidate)
    if max(most, own) < SPREAD:
        return
    found.leaves += 1
    if (least >= SPREAD and own < least / 4) or (own >= 2 * SPREAD and most < own / 4):
        found.differ(DifferenceKind.STREAMING, "body", pace(originals[0]), pace(candidate))
        return
    if least < SPREAD:
        return
    if _longest(candidate) > 2 * max(map(_longest, originals)) + STALL:
        found.differ(DifferenceKind.STREAMING, "longest silence", pace(originals[0]), pace(candidate))
        return
    shapes = [bursts(answer) for answer in originals]
    mine = bursts(candidate)
    if all(shape == shapes[0] for shape in shapes) and not _refines(mine, shapes[0]):
        found.differ(DifferenceKind.STREAMING, "bursts", _sizes(shapes[0]), _sizes(mine))


def spread(answer: Answer) -> float:
    """Seconds between the first and the last piece of a body; 0 for one piece."""
    return answer.chunks[-1].at - answer.chunks[0].at if len(answer.chunks) > 1 else 0.0


def bursts(answer: Answer) -> tuple[int, ...]:
    """Bytes of each run of pieces with no pause between them."""
    sizes: list[int] = []
    last = None
    for chunk in answer.chunks:
        if last is None or chunk.at - last >= PAUSE:
            sizes.append(0)
        sizes[-1] += chunk.size
        last = chunk.at
    return tuple(sizes)


def _refines(own: tuple[int, ...], theirs: tuple[int, ...]) -> bool:
    """Whether the bytes that the original had sent at each of its pauses, but for a few, ended a burst here.

    A slow machine splits a burst, and joins two whose pause is about as long as `PAUSE`: up to half of the
    pauses may be missing.
    """
    ends, seen = 0, set()
    for size in own:
        ends += size
        seen.add(ends)
    total, kept = 0, 0
    for size in theirs:
        total += size
        kept += total in seen
    return 2 * kept >= len(theirs)


def _longest(answer: Answer) -> float:
    pairs = zip(answer.chunks, answer.chunks[1:], strict=False)
    return max((after.at - before.at for before, after in pairs), default=0.0)


def _late(originals: Sequence[Answer], candidate: Answer) -> bool:
    if not candidate.chunks or not all(answer.chunks for answer in originals):
        return False
    most = max(answer.chunks[0].at for answer in originals)
    return candidate.chunks[0].at > max(10 * most, most + FIRST)


def _sizes(sizes: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, sizes[:8])) + (", ..." if len(sizes) > 8 else "")
    return f"{len(sizes)} bursts of {shown} bytes"


def pace(answer: Answer) -> str:
    """The pace in words."""
    if not answer.chunks:
        return "no body"
    count = len(answer.chunks)
    if count == 1:
        return f"one piece after {answer.chunks[0].at:.2f} s"
    return f"{count} pieces over {spread(answer):.2f} s, the first after {answer.chunks[0].at:.2f} s"
