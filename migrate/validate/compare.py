"""Compares what the candidate answered with what the original answered, place by place.

Several answers of the original to the same probe teach its noise (`noise.py`); the list of allowed
differences is `normalisations.toml`. Nothing else is forgiven, and nothing is forgiven silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migrate.model import (
    Answer,
    Applied,
    Difference,
    DifferenceKind,
    ExchangeVerdict,
    Noise,
    Probe,
    Sent,
)
from migrate.validate.bodies import compare_bodies
from migrate.validate.headers import compare_cookies, compare_headers
from migrate.validate.normalisations import by_rule
from migrate.validate.values import Findings, show, value_at

STREAM_SPREAD = 0.2
"""Seconds between the first and the last piece of a body from which on it counts as streamed."""
MAX_DIFFERENCES = 100


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


def compare(
    probe: Probe,
    originals: Sequence[Answer],
    candidate: Answer,
    sent: tuple[Sent, Sent] | None = None,
) -> Judgement:
    """Compare an answer of the candidate with the first of `originals`; the others teach noise.

    `sent` is what the first of `originals` and the candidate were asked, where that is known: a validator
    that came from the request is no difference of the answers.
    """
    found = Findings()
    reference = originals[0]
    if all(map(_broke_off, originals)) and candidate.error is not None and not _timed_out(candidate):
        return _both_broken(probe, originals, candidate, sent)
    if any(answer.error for answer in originals):
        return _with_errors(probe, originals, candidate, found)
    if candidate.error:
        found.leaves += 1
        found.differ(DifferenceKind.ERROR, "answer", f"status {reference.status}", candidate.error)
        return _judged(probe, reference, found)
    value_at(
        found,
        DifferenceKind.STATUS,
        DifferenceKind.STATUS,
        "status",
        [answer.status for answer in originals],
        candidate.status,
    )
    if any(answer.interim for answer in (*originals, candidate)):
        _interim(found, originals, candidate)
    body = Findings()
    compare_bodies(body, originals, candidate)
    compare_headers(found, probe, originals, candidate, sent, body_equal=not body.differences)
    compare_cookies(found, originals, candidate)
    _streaming(found, originals, candidate)
    found.differences += body.differences
    found.normalisations += body.normalisations
    found.noise += body.noise
    found.leaves += body.leaves
    found.blind += body.blind
    return _judged(probe, reference, found)


def _timed_out(answer: Answer) -> bool:
    return answer.error is not None and answer.error.endswith(" s")


def _broke_off(answer: Answer) -> bool:
    """Whether a head came and its body never ended: the connection broke, no time ran out."""
    return answer.status > 0 and answer.error is not None and not _timed_out(answer)


def _both_broken(
    probe: Probe, originals: Sequence[Answer], candidate: Answer, sent: tuple[Sent, Sent] | None
) -> Judgement:
    """All sides break an answer off. The heads must agree; how much came before is chance."""
    found = Findings()
    found.leaves += 1
    texts = [answer.error or "" for answer in (originals[0], candidate)]
    found.apply(by_rule("broken"), "answer", *texts)
    if candidate.status:
        value_at(
            found,
            DifferenceKind.STATUS,
            DifferenceKind.STATUS,
            "status",
            [answer.status for answer in originals],
            candidate.status,
        )
        compare_headers(found, probe, originals, candidate, sent, body_equal=False)
        compare_cookies(found, originals, candidate)
    return _judged(probe, originals[0], found)


def _with_errors(probe: Probe, originals: Sequence[Answer], candidate: Answer, found: Findings) -> Judgement:
    """The original failed at least once: a difference where it always does and the candidate answers."""
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


def _judged(probe: Probe, reference: Answer, found: Findings) -> Judgement:
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


def _interim(found: Findings, originals: Sequence[Answer], candidate: Answer) -> None:
    """1xx answers before the final one. Whether `100 Continue` is sent is up to the server layer."""
    told = [_interim_text(one, 100) for one in originals]
    value_at(
        found,
        DifferenceKind.STATUS,
        DifferenceKind.STATUS,
        "interim answers",
        told,
        _interim_text(candidate, 100),
    )
    if originals[0].interim != candidate.interim and not found.differences:
        found.apply(
            by_rule("interim"), "interim answers", _interim_text(originals[0]), _interim_text(candidate)
        )


def _interim_text(answer: Answer, without: int | None = None) -> str:
    return ", ".join(str(status) for status in answer.interim if status != without) or "none"


# --- streaming -----------------------------------------------------------------------------


def spread(answer: Answer) -> float:
    """Seconds between the first and the last piece of a body; 0 for one piece."""
    return answer.chunks[-1].at - answer.chunks[0].at if len(answer.chunks) > 1 else 0.0


def _streaming(found: Findings, originals: Sequence[Answer], candidate: Answer) -> None:
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
