"""Compares what the candidate answered with what the original answered, place by place.

Several answers of the original to the same probe teach its noise (`noise.py`); the list of allowed
differences is `normalisations.toml`. Nothing else is forgiven, and nothing is forgiven silently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

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
from migrate.validate.lines import compare_lines
from migrate.validate.normalisations import by_rule
from migrate.validate.streaming import compare_streaming
from migrate.validate.values import Findings, show, value_at

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
    if all(map(_unfinished, (*originals, candidate))):
        return _both_unfinished(probe, originals, candidate, sent)
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
    compare_streaming(found, originals, candidate)
    found.add(body)
    return _judged(probe, reference, found)


def _timed_out(answer: Answer) -> bool:
    return answer.error is not None and answer.error.endswith(" s")


def _broke_off(answer: Answer) -> bool:
    """Whether a head came and its body never ended: the connection broke, no time ran out."""
    return answer.status > 0 and answer.error is not None and not _timed_out(answer)


def _unfinished(answer: Answer) -> bool:
    """Whether a head came and time ran out before the body ended."""
    return answer.status > 0 and _timed_out(answer)


def _failure(answer: Answer) -> str:
    """The class of an answer that did not come whole."""
    if not answer.error:
        return "whole"
    return "time-out" if _timed_out(answer) else "broken"


def _both_broken(
    probe: Probe, originals: Sequence[Answer], candidate: Answer, sent: tuple[Sent, Sent] | None
) -> Judgement:
    """All sides break an answer off. The heads must agree; how much came before is chance."""
    found = Findings()
    found.leaves += 1
    texts = [answer.error or "" for answer in (originals[0], candidate)]
    found.apply(by_rule("broken"), "answer", *texts)
    if candidate.status:
        _heads(found, probe, originals, candidate, sent)
    return _judged(probe, originals[0], found)


def _both_unfinished(
    probe: Probe, originals: Sequence[Answer], candidate: Answer, sent: tuple[Sent, Sent] | None
) -> Judgement:
    """No side ends its body in time, as streams without an end do: heads, pace and what came are compared."""
    found = Findings()
    _heads(found, probe, originals, candidate, sent)
    length = min(len(answer.body) for answer in (*originals, candidate))
    # A line that the time-out cut is no line: bytes after the last whole one are not compared.
    parts = [answer.body[:length] for answer in (*originals, candidate)]
    texts = [part[: part.rfind(b"\n") + 1].decode("utf-8", "backslashreplace") for part in parts]
    counts = min(text.count("\n") for text in texts)
    cut = ["\n".join(text.split("\n")[:counts]) for text in texts]
    compare_lines(found, cut[:-1], cut[-1])
    compare_streaming(found, originals, candidate)
    sizes = [f"{len(answer.body)} bytes" for answer in (originals[0], candidate)]
    found.apply(by_rule("unfinished"), "body", *sizes)
    if not counts:
        found.blind.append("body")
    return _judged(probe, originals[0], found)


def _heads(
    found: Findings,
    probe: Probe,
    originals: Sequence[Answer],
    candidate: Answer,
    sent: tuple[Sent, Sent] | None,
) -> None:
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


def _with_errors(probe: Probe, originals: Sequence[Answer], candidate: Answer, found: Findings) -> Judgement:
    """The original failed at least once: a difference where it always does in one way and the candidate
    answers, or fails in another (one keeps its client waiting, the other closes)."""
    found.leaves += 1
    ways = {_failure(answer) for answer in originals}
    if "whole" not in ways and (not candidate.error or ({_failure(candidate)} != ways and len(ways) == 1)):
        said = candidate.error or f"status {candidate.status}"
        found.differ(DifferenceKind.ERROR, "answer", originals[0].error, said)
    else:
        told = [answer.error or f"status {answer.status}" for answer in originals]
        found.noise.append(Noise("answer", show(told[0]), show(told[-1])))
        found.blind.append("answer")
    judged = _judged(probe, originals[0], found)
    if judged.verdict is ExchangeVerdict.DIFFERENT:
        return judged
    return replace(judged, verdict=ExchangeVerdict.NOT_COMPARABLE)


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
