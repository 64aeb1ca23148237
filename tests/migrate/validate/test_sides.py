"""Both sides asked and compared, end to end over real sockets, without Docker and without Wasm."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from migrate.model import (
    BlindSpots,
    CandidateInfo,
    Difference,
    DifferenceKind,
    ExchangeVerdict,
    Instances,
    OriginalInfo,
    Outcome,
    ProbeSet,
)
from migrate.progress import Silent
from migrate.validate import course
from migrate.validate.course import (
    Answers,
    Candidate,
    Compared,
    Original,
    compare_sides,
    converse,
    outcome_of,
)
from tests.migrate.validate.pair import probes, serving

INFO = OriginalInfo("sha256:" + "0" * 64, "sha256:" + "1" * 64, "docker 1 (linux/amd64)")
CANDIDATE = CandidateInfo("2" * 64, "http", "0.2", "fake", "1", 1000)


def asked_once(defect: str = "", asked: ProbeSet | None = None) -> Answers:
    with serving(defect) as url:
        return converse(url, asked or probes())


@pytest.fixture(autouse=True)
def asked_again_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for what is the same each time."""
    monkeypatch.setattr(course, "ROUNDS", 2)


@pytest.fixture(scope="module")
def original() -> Original:
    first = asked_once()
    time.sleep(1.1)  # so that the cookie's second differs
    return Original(INFO, (first, asked_once()), asked_once, "")


def compared(original: Original, defect: str = "", log: str = "", changed: tuple[str, ...] = ()) -> Compared:
    def answers(way: Instances) -> tuple[Answers, str, tuple[str, ...]]:
        return asked_once(defect), log, changed

    return compare_sides(original, Candidate(CANDIDATE, answers), probes(), "0.2", Silent())


def test_the_same_service_on_both_sides_is_equal(original: Original) -> None:
    result = compared(original)
    differing = [e for e in result.runs[0].exchanges if e.differences]
    assert differing == []
    assert result.outcome is Outcome.EQUAL
    assert [run.instances for run in result.runs] == [Instances.FRESH, Instances.REUSED]
    noisy = {one.where for exchange in result.runs[0].exchanges for one in exchange.noise}
    assert {"cookie session value", "form > input @value", "$.at", "$.order.id"} <= noisy


def test_captures_and_cookies_belong_to_each_side(original: Original) -> None:
    shown = {probe: (sent, answer) for probe, sent, answer in original.runs[0]}
    other = {probe: (sent, answer) for probe, sent, answer in original.runs[1]}
    assert shown["order-shown"][1].status == other["order-shown"][1].status == 200
    assert shown["order-shown"][0].path != other["order-shown"][0].path
    assert shown["order-shown"][1].body == b"<p>k%C3%A4se+%26+brot</p>"
    assert dict(shown["order"][0].headers)["Cookie"].startswith("session=")


@pytest.mark.parametrize(
    ("defect", "probe", "kind"),
    [
        ("status", "list", DifferenceKind.STATUS),
        ("header", "missing", DifferenceKind.HEADER_MISSING),
        ("cookie", "page", DifferenceKind.COOKIE),
        ("token", "page", DifferenceKind.BODY),
        ("type", "list", DifferenceKind.BODY_TYPE),
        ("byte", "echo", DifferenceKind.BODY),
        ("forget", "order-shown", DifferenceKind.STATUS),
        ("blob", "stream", DifferenceKind.STREAMING),
        ("cut", "stream", DifferenceKind.ERROR),
    ],
)
def test_each_defect_is_found_and_confirmed(
    original: Original, defect: str, probe: str, kind: DifferenceKind
) -> None:
    result = compared(original, defect)
    assert result.outcome is Outcome.DIFFERENT
    exchange = next(e for e in result.runs[0].exchanges if e.probe.id == probe)
    assert kind in {one.kind for one in exchange.differences}
    assert all(one.confirmed for one in exchange.differences)


def test_what_differs_is_asked_up_to_five_times_more(
    original: Original, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(course, "ROUNDS", 5)
    few = ProbeSet(tuple(probe for probe in probes().probes if probe.id == "list"), "few")
    asked: list[str] = []

    def ask(side: str, defect: str) -> Answers:
        asked.append(side)
        return asked_once(defect, few)

    def candidate(defects: Iterator[str]) -> Candidate:
        return Candidate(CANDIDATE, lambda _: (ask("candidate", next(defects)), "", ()))

    def judged(defects: Iterable[str]) -> list[Difference]:
        asked.clear()
        first = asked_once("", few)
        known = Original(INFO, (first, asked_once("", few)), lambda: ask("original", ""), "")
        result = compare_sides(known, candidate(iter(defects)), few, "0.3", Silent())
        return [one for exchange in result.runs[0].exchanges for one in exchange.differences]

    assert {one.confirmed for one in judged(["type"] * 6)} == {True}
    assert (asked.count("original"), asked.count("candidate")) == (10, 6)
    # A value that never came again is none, one that comes and goes is not confirmed, a status always counts.
    assert judged(["type", *[""] * 5]) == []
    assert {one.confirmed for one in judged(["type", "type", *[""] * 4])} == {False}
    assert [one.confirmed for one in judged(["status", *[""] * 5])] == [False]


def test_in_replay_nothing_is_asked_again_and_nothing_confirmed(original: Original) -> None:
    result = compared(replace(original, again=None), "byte")
    (exchange,) = [e for e in result.runs[0].exchanges if e.differences]
    assert not any(one.confirmed for one in exchange.differences)


def test_order_of_json_members_is_shown_by_name(original: Original) -> None:
    result = compared(original, "order")
    listed = next(e for e in result.runs[0].exchanges if e.probe.id == "list")
    assert listed.verdict is ExchangeVerdict.NORMALISED
    assert "json-member-order" in {one.name for one in listed.normalisations}


def test_a_trap_after_correct_answers_is_fatal(original: Original) -> None:
    result = compared(original, log="error: wasm trap: wasm `unreachable` instruction executed\n")
    assert result.outcome is Outcome.DIFFERENT
    assert [one.why for one in result.log_findings] == ["trap"]


def test_a_changed_read_only_file_is_fatal(original: Original) -> None:
    result = compared(original, changed=("/app/data.json",))
    assert result.outcome is Outcome.DIFFERENT
    assert result.log_findings[0].line == "/app/data.json"


def test_too_many_blind_spots_are_inconclusive(original: Original) -> None:
    exchanges = compared(original).runs[0].exchanges
    assert outcome_of(exchanges, BlindSpots(100, ("a",)), ()) is Outcome.EQUAL
    assert outcome_of(exchanges, BlindSpots(100, ("a", "b")), ()) is Outcome.INCONCLUSIVE
    assert outcome_of((), BlindSpots(0, ()), ()) is Outcome.INCONCLUSIVE
