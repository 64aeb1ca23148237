"""What a team asks of an assessment: what is known, what is ignored, and what fails a run.

A verdict is a promise, and nothing here changes one. This only says which findings count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from analyzers import rules
from analyzers.model import Assessment, Effect, Finding, ServiceAssessment, Severity, Verdict
from migrate.config import Config
from migrate.policy.baseline import Baseline, KnownFinding, KnownService, covers
from migrate.policy.fingerprints import fingerprints
from migrate.policy.ignores import IdleIgnore, Ignores, Suppression, comments

SEVERITIES = (Severity.INFO, Severity.MINOR, Severity.MAJOR, Severity.BLOCKER)
_VERDICTS = (Verdict.CONVERT, Verdict.REFACTOR, Verdict.KEEP)
_EFFECT = {Verdict.REFACTOR: Effect.REFACTOR, Verdict.KEEP: Effect.KEEP}


class FailOn(StrEnum):
    """What a run may be asked to fail on: findings of a severity or worse, verdicts or worse."""

    INFO = "info"
    MINOR = "minor"
    MAJOR = "major"
    BLOCKER = "blocker"
    REFACTOR = "refactor"
    KEEP = "keep"


UNFINISHED = 10  # a rule failed: its silence is no pass
_SEVERITY_CODES = {Severity.INFO: 11, Severity.MINOR: 12, Severity.MAJOR: 13, Severity.BLOCKER: 14}
_VERDICT_CODES = {Verdict.REFACTOR: 13, Verdict.KEEP: 14}


@dataclass(frozen=True, slots=True)
class Mark:
    """What is to be said of a finding besides what the rule says."""

    fingerprint: str
    known: bool = False
    suppressed: Suppression | None = None

    @property
    def counts(self) -> bool:
        """Whether it may fail a run."""
        return not self.known and self.suppressed is None


@dataclass(frozen=True, slots=True)
class ReviewedService:
    """A service's assessment; `marks` holds one for each of its findings, in their order."""

    assessment: ServiceAssessment
    marks: tuple[Mark, ...]
    verdict_known: bool = False

    def findings(self) -> Iterator[tuple[Finding, Mark]]:
        """The findings with their marks."""
        return zip(self.assessment.findings, self.marks, strict=True)


@dataclass(frozen=True, slots=True)
class Review:
    """An assessment with its marks.

    `idle` are ignores that do nothing; `has_baseline` tells whether one was given, `gone` what it
    holds and is no more.
    """

    assessment: Assessment
    services: tuple[ReviewedService, ...]
    idle: tuple[IdleIgnore, ...] = ()
    has_baseline: bool = False
    gone: tuple[KnownFinding, ...] = ()

    @property
    def suppressed(self) -> int:
        """How many findings are ignored."""
        return sum(mark.suppressed is not None for one in self.services for mark in one.marks)

    @property
    def known(self) -> int:
        """How many findings stand in the baseline and are not ignored."""
        return sum(mark.known and mark.suppressed is None for one in self.services for mark in one.marks)


def plain(assessment: Assessment) -> Review:
    """The assessment without any policy: every finding counts."""
    return Review(
        assessment,
        tuple(
            ReviewedService(one, tuple(Mark(name) for name in fingerprints(one)))
            for one in assessment.services
        ),
    )


def review(assessment: Assessment, config: Config, baseline: Baseline | None = None) -> Review:
    """Mark the findings of an assessment (narrow it with `only` afterwards).

    Of one that has a `scope`, what is gone and which ignores are idle is not known.
    """
    ignores = Ignores(config.ignores, comments(assessment), config.where)
    known = baseline.by_fingerprint() if baseline else {}
    verdicts = baseline.verdicts() if baseline else {}
    services = []
    for one in assessment.services:
        marks = []
        for finding, name in zip(one.findings, fingerprints(one), strict=True):
            before = known.get(name)
            is_known = before is not None and covers(before, finding)
            marks.append(Mark(name, is_known, ignores.of(one, finding)))
        before_verdict = verdicts.get(one.service.name)
        verdict_known = before_verdict is not None and _strength(one.verdict) <= _strength(before_verdict)
        services.append(ReviewedService(one, tuple(marks), verdict_known))
    whole = assessment.scope is None
    present = {mark.fingerprint for one in services for mark in one.marks}
    return Review(
        assessment,
        tuple(services),
        ignores.idle({found.rule.id for found in rules.load()}) if whole else (),
        baseline is not None,
        tuple(entry for name, entry in known.items() if whole and name not in present),
    )


def only(reviewed: Review, chosen: ServiceAssessment) -> Review:
    """The same, for one service. `gone` may be of others and is left out; ignores are the repository's."""
    name = chosen.service.name
    services = tuple(one for one in reviewed.services if one.assessment.service.name == name)
    return replace(
        reviewed, assessment=replace(reviewed.assessment, services=(chosen,)), services=services, gone=()
    )


def new_baseline(reviewed: Review) -> Baseline:
    """A baseline of all that is there now, less what is ignored: when the ignore goes, it counts."""
    return Baseline(
        reviewed.assessment.tool_version,
        reviewed.assessment.rules_version,
        tuple(
            KnownService(
                one.assessment.service.name,
                one.assessment.verdict,
                tuple(
                    KnownFinding(
                        mark.fingerprint,
                        finding.rule,
                        finding.severity,
                        finding.effect,
                        finding.evidence[0].path if finding.evidence else "",
                        finding.message,
                    )
                    for finding, mark in one.findings()
                    if mark.suppressed is None
                ),
            )
            for one in reviewed.services
        ),
    )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run fails: its exit code and a line for people."""

    code: int
    why: str


def fails(finding: Finding, mark: Mark, asked: Sequence[FailOn]) -> bool:
    """Whether this finding makes a run fail that was asked to."""
    return _code(finding, mark, asked) > 0


def failure(reviewed: Review, asked: Sequence[FailOn]) -> Failure | None:
    """The highest of what was asked for, or None where nothing of it is there.

    Codes: 14 a blocker or the verdict `keep`, 13 a major finding or `refactor`, 12 minor, 11 info;
    10 where there is none of these but a rule failed, so that nobody can tell.
    """
    if not asked:
        return None
    codes: list[int] = []
    findings = verdicts = 0
    for one in reviewed.services:
        found = [code for finding, mark in one.findings() if (code := _code(finding, mark, asked))]
        unheld = _unheld_verdict(one, asked)
        findings += len(found)
        verdicts += unheld > 0
        codes += [*found, *([unheld] if unheld else [])]
    names = ", ".join(dict.fromkeys(asked))
    if codes:
        parts = [f"{findings} finding{'s' * (findings != 1)}"] if findings else []
        parts += [f"{verdicts} verdict{'s' * (verdicts != 1)} without a finding"] if verdicts else []
        rest = [f"{reviewed.known} known"] if reviewed.known else []
        rest += [f"{reviewed.suppressed} ignored"] if reviewed.suppressed else []
        aside = f" ({', '.join(rest)})" if rest else ""
        return Failure(max(codes), f"--fail-on {names}: {' and '.join(parts)}{aside}")
    if reviewed.assessment.rules_failed:
        return Failure(UNFINISHED, f"--fail-on {names}: a rule failed, and its silence is no pass")
    return None


def _code(finding: Finding, mark: Mark, asked: Sequence[FailOn]) -> int:
    if not mark.counts:
        return 0
    code = 0
    for name in asked:
        if name.value in _VERDICTS:
            for verdict, effect in _EFFECT.items():
                if finding.effect is effect and _strength(verdict) >= _strength(Verdict(name.value)):
                    code = max(code, _VERDICT_CODES[verdict])
        elif SEVERITIES.index(finding.severity) >= SEVERITIES.index(Severity(name.value)):
            code = max(code, _SEVERITY_CODES[finding.severity])
    return code


def _unheld_verdict(one: ReviewedService, asked: Sequence[FailOn]) -> int:
    """The code of a verdict that no finding holds (source not read whole, a rule that failed), or 0."""
    verdict = one.assessment.verdict
    effect = _EFFECT.get(verdict)
    if effect is None or one.verdict_known or any(f.effect is effect for f in one.assessment.findings):
        return 0
    wanted = [Verdict(name.value) for name in asked if name.value in _VERDICTS]
    return max((_VERDICT_CODES[verdict] for w in wanted if _strength(verdict) >= _strength(w)), default=0)


def _strength(verdict: Verdict) -> int:
    return _VERDICTS.index(verdict)
