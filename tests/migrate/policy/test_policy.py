"""What fails a run: the ladder of `--fail-on`, and a baseline that keeps what is known from failing it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analyzers.model import Assessment, Effect, Finding, Inventory, RuleFailure, Severity, Verdict
from migrate.config import Config
from migrate.policy import FailOn, Review, fails, failure, new_baseline, only, plain, review
from tests.migrate.made import assessed, finding, service
from tests.migrate.policy.judged import edited, judged, marks, repository

SEVERITIES = {Severity.INFO: 11, Severity.MINOR: 12, Severity.MAJOR: 13, Severity.BLOCKER: 14}


def whole(*findings: Finding, verdict: Verdict = Verdict.REFACTOR, failed: bool = False) -> Assessment:
    one = assessed(service(), verdict=verdict, findings=findings)
    failures = (RuleFailure("thread", "api", "ValueError"),) if failed else ()
    return Assessment(Inventory(Path("/none"), None, (one.service,)), (one,), "1", "1-x", failures)


def of(severity: Severity, effect: Effect = Effect.NONE) -> Finding:
    return replace(finding("memory-state", effect), severity=severity)


def code(assessment: Assessment, *asked: str) -> int:
    found = failure(plain(assessment), [FailOn(name) for name in asked])
    return found.code if found else 0


@pytest.mark.parametrize("threshold", list(Severity))
@pytest.mark.parametrize("severity", list(Severity))
def test_a_finding_fails_from_its_severity_on(severity: Severity, threshold: Severity) -> None:
    expected = SEVERITIES[severity] if SEVERITIES[severity] >= SEVERITIES[threshold] else 0
    assert code(whole(of(severity)), threshold) == expected


@pytest.mark.parametrize(
    ("verdict", "effect", "asked", "expected"),
    [
        (Verdict.CONVERT, Effect.NONE, "refactor", 0),
        (Verdict.REFACTOR, Effect.REFACTOR, "refactor", 13),
        (Verdict.REFACTOR, Effect.REFACTOR, "keep", 0),
        (Verdict.KEEP, Effect.KEEP, "refactor", 14),
        (Verdict.KEEP, Effect.KEEP, "keep", 14),
    ],
)
def test_a_verdict_fails_through_the_findings_that_hold_it(
    verdict: Verdict, effect: Effect, asked: str, expected: int
) -> None:
    assert code(whole(of(Severity.MINOR, effect), verdict=verdict), asked) == expected


@pytest.mark.parametrize(("verdict", "expected"), [(Verdict.CONVERT, 0), (Verdict.REFACTOR, 13)])
def test_a_verdict_that_no_finding_holds_fails_too(verdict: Verdict, expected: int) -> None:
    assert code(whole(verdict=verdict), "refactor") == expected


def test_the_highest_of_what_is_asked_is_the_code() -> None:
    both = whole(of(Severity.MINOR), of(Severity.MAJOR, Effect.REFACTOR))
    assert code(both, "minor") == 13
    assert code(both, "minor", "keep") == 13
    assert code(both, "blocker", "keep") == 0


def test_nothing_fails_unless_asked() -> None:
    assert code(whole(of(Severity.BLOCKER, Effect.KEEP), verdict=Verdict.KEEP, failed=True)) == 0


def test_a_rule_that_failed_is_no_pass() -> None:
    assert code(whole(verdict=Verdict.CONVERT, failed=True), "blocker") == 10
    assert code(whole(of(Severity.BLOCKER), failed=True), "blocker") == 14


def test_what_is_known_does_not_fail_and_what_is_new_does(tmp_path: Path) -> None:
    baseline = new_baseline(judged(repository(tmp_path)))
    again = judged(tmp_path, baseline)
    assert failure(again, [FailOn.INFO, FailOn.REFACTOR]) is None
    assert again.known == sum(len(one.marks) for one in again.services) > 0
    edited(tmp_path, "app.py", ("last = []\n", "last = []\nmore = []\n"))
    edited(tmp_path, "app.py", ("    last.append(name)\n", "    last.append(name)\n    more.append(name)\n"))
    later = judged(tmp_path, baseline)
    found = failure(later, [FailOn.MAJOR])
    assert found is not None
    assert (found.code, found.why) == (13, f"--fail-on major: 1 finding ({later.known} known)")
    assert [f.message.split()[0] for f, mark in marks(later, "memory-state") if mark.counts] == ["app.more"]


def test_what_is_gone_is_said(tmp_path: Path) -> None:
    baseline = new_baseline(judged(repository(tmp_path)))
    edited(tmp_path, "app.py", ("    last.append(name)\n", ""))
    assert [entry.message.split()[0] for entry in judged(tmp_path, baseline).gone] == ["app.last"]


@pytest.mark.parametrize(
    ("severity", "effect", "known"),
    [
        (Severity.MAJOR, Effect.REFACTOR, True),
        (Severity.MINOR, Effect.NONE, True),
        (Severity.BLOCKER, Effect.REFACTOR, False),
        (Severity.MAJOR, Effect.KEEP, False),
    ],
)
def test_a_finding_that_got_worse_is_new(severity: Severity, effect: Effect, known: bool) -> None:
    baseline = new_baseline(plain(whole(of(Severity.MAJOR, Effect.REFACTOR))))
    now = review(whole(of(severity, effect)), Config(), baseline)
    assert [mark.known for one in now.services for mark in one.marks] == [known]


def test_a_known_verdict_without_a_finding_does_not_fail_and_a_worse_one_does() -> None:
    baseline = new_baseline(plain(whole(verdict=Verdict.REFACTOR)))
    same = review(whole(verdict=Verdict.REFACTOR), Config(), baseline)
    worse = review(whole(verdict=Verdict.KEEP), Config(), baseline)
    assert failure(same, [FailOn.REFACTOR]) is None
    assert (found := failure(worse, [FailOn.REFACTOR])) is not None
    assert found.code == 14


def test_ignored_findings_are_not_in_a_new_baseline(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / "dock2wasm.toml").write_text('[[assess.ignore]]\nrule = "memory-state"\nreason = "known"\n')
    baseline = new_baseline(judged(tmp_path))
    assert "memory-state" not in {entry.rule for one in baseline.services for entry in one.findings}


def test_one_service_can_be_looked_at_alone() -> None:
    assessment = whole(of(Severity.MAJOR))
    (one,) = assessment.services
    other = replace(one, service=replace(one.service, name="other"), findings=(of(Severity.BLOCKER),))
    both: Review = plain(replace(assessment, services=(one, other)))
    alone = only(both, one)
    assert [shown.assessment.service.name for shown in alone.services] == ["api"]
    assert alone.assessment.services == (one,)
    assert (found := failure(alone, [FailOn.INFO])) is not None
    assert found.code == 13


def test_fails_tells_what_makes_a_run_fail() -> None:
    reviewed = plain(whole(of(Severity.MAJOR)))
    ((found, mark),) = reviewed.services[0].findings()
    assert fails(found, mark, [FailOn.MAJOR])
    assert not fails(found, mark, [FailOn.BLOCKER])
    assert not fails(found, replace(mark, known=True), [FailOn.MAJOR])
