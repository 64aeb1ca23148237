"""Every mutation of a recorded answer is found; the recorded answer itself never differs, noise and all.

The answers are those of three containers of each fixture (`recorded/README.md`): two teach the noise, the
third stands for the candidate's, unchanged or mutated by what `mutations.py` lists. Through a real
connection, and, chosen by hypothesis, without one.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from migrate.model import Answer, ExchangeVerdict, Probe
from migrate.reports.wire import recording
from migrate.validate import client
from migrate.validate.compare import Judgement, compare
from tests.migrate.validate.mutations import FIELDS, KINDS, NAMED, Case
from tests.migrate.validate.wire import TIMEOUT, Proxy, Wire, proxying

RECORDED = Path(__file__).parent / "recorded"
EACH = 2
"""Exchanges on which each kind of mutation is tried through a connection; hypothesis tries many more."""


@cache
def cases() -> tuple[Case, ...]:
    found = []
    for path in sorted(RECORDED.glob("*.json")):
        runs = recording.load(path.read_bytes(), path.name).runs
        for (probe, sent, first), (_, _, second), (_, own_sent, third) in zip(*runs, strict=True):
            found.append(Case(f"{path.stem} {probe}", (sent, own_sent), (first, second), third))
    return tuple(found)


def judge(case: Case, candidate: Answer) -> Judgement:
    probe = Probe(id="one", method=case.sent[0].method, path=case.sent[0].path, timeout=TIMEOUT)
    return compare(probe, case.originals, candidate, case.sent)


def ask(proxy: Proxy, case: Case, wire: Wire) -> Answer:
    proxy.next = wire
    sent = replace(case.sent[1], path="/", body=b"", headers=(), raw=False)
    return client.exchange(proxy.url, sent, timeout=1.5 if wire.end == "hang" else TIMEOUT)


def whole(case: Case) -> bool:
    """Whether the recorded exchange can be played again: answers that came whole, to one plain request."""
    return not case.sent[0].raw and not any(one.error for one in (*case.originals, case.candidate))


def found(kind: str, judged: Judgement) -> bool:
    """A difference; or, of a value that a normalisation covers, its name in the report."""
    field = re.sub(r" \w+$", "", kind).lower()
    named = kind.endswith((" changed", " cut")) and NAMED.get(field) in {
        o.name for o in judged.normalisations
    }
    return judged.verdict is ExchangeVerdict.DIFFERENT or named


def test_there_are_kinds_enough_of_every_part_of_a_message() -> None:
    assert len(KINDS) >= 60
    assert len([kind for kind in KINDS if kind.partition(" ")[0] not in FIELDS]) >= 60
    assert len(cases()) > 150


def test_the_recorded_answers_do_not_differ() -> None:
    """Each of the three as the candidate's, learnt from the two others: clocks, tokens and ids included."""
    judged = []
    for case in cases():
        first, second = case.originals
        third = case.candidate
        for originals, own in (((first, second), third), ((second, third), first), ((first, third), second)):
            one = judge(replace(case, originals=originals), own)
            assert one.differences == (), (case.name, one.differences)
            judged.append(one)
    assert len(judged) > 450
    assert sum(len(one.blind) for one in judged) < 0.02 * sum(one.leaves for one in judged)


@pytest.mark.parametrize("kind", KINDS)
def test_each_mutation_is_found_through_a_connection(kind: str) -> None:
    numbers = random.Random(kind)  # noqa: S311 - the same every time, guarding nothing
    order = [case for case in cases() if whole(case)]
    numbers.shuffle(order)
    tried = 0
    with proxying() as proxy:
        for case in order:
            mutated = KINDS[kind](case, numbers)
            if mutated is None:
                continue
            given_case, wire = mutated
            judged = judge(given_case, ask(proxy, given_case, wire))
            assert found(kind, judged), (case.name, wire)
            tried += 1
            if tried == EACH:
                break
    assert tried, "no recorded exchange has what this mutation is about"


@pytest.mark.parametrize("name", ["flask-orders", "conformance"])
def test_what_is_sent_again_unchanged_does_not_differ(name: str) -> None:
    """So that what the tests above find is the mutation, not the connection."""
    own = [case for case in cases() if case.name.startswith(name) and whole(case)][:80]
    with proxying() as proxy:
        for case in own:
            judged = judge(case, ask(proxy, case, case.wire))
            assert judged.differences == (), (case.name, judged.differences)


@settings(
    max_examples=1500,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_any_mutation_of_any_recorded_answer_is_found(kind: str, at: int, numbers: random.Random) -> None:
    order = [case for case in cases() if whole(case)]
    case = order[at % len(order)]
    mutated = KINDS[kind](case, numbers)
    assume(mutated is not None)
    assert mutated is not None
    judged = judge(mutated[0], mutated[1].answer())
    assert found(kind, judged), (case.name, mutated[1])
