"""Inventory -> Assessment: verdict, score, targets, facets, grants, effort and gain of every service.

How a verdict is computed stands in `docs/verdict.md`; what is judged by stands in the rules and in
`analyzers/support`. This module only adds up.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version

from analyzers import grants as granting
from analyzers import rules
from analyzers.advice import advise
from analyzers.facets import facets
from analyzers.gains import gains
from analyzers.listeners import has_listener
from analyzers.model import (
    Assessment,
    Confidence,
    Effect,
    Effort,
    Finding,
    Inventory,
    Need,
    NeedKind,
    NotRead,
    RuleFailure,
    Service,
    ServiceAssessment,
    Severity,
    TargetVerdict,
    Unknown,
    Verdict,
)
from analyzers.redaction import redacted, redacted_evidence
from analyzers.run_lines import Kind, commands, kind
from analyzers.support import Support, Target, load, toolchains

BANDS = {Verdict.CONVERT: (80, 100), Verdict.REFACTOR: (40, 79), Verdict.KEEP: (0, 39)}
_OF_EFFECT = {Effect.NONE: Verdict.CONVERT, Effect.REFACTOR: Verdict.REFACTOR, Effect.KEEP: Verdict.KEEP}
_EFFECTS = (Effect.NONE, Effect.REFACTOR, Effect.KEEP)
_SEVERITIES = tuple(Severity)
_CONFIDENCES = tuple(Confidence)
# Findings that say that something was not judged.
_BLIND = frozenset({"dependency-unknown", "dynamic-import", "python-version"})
_NO_LANE = "no-lane"
_PLACES = 8  # of one change
_SOURCE_SUFFIXES = (".py", ".js", ".ts", ".go", ".rs", ".rb", ".java", "Dockerfile", ".sh")
_MANIFESTS = frozenset({"pyproject.toml", "setup.cfg", "Pipfile", "Pipfile.lock", "poetry.lock", "uv.lock"})
_REQUIREMENTS = re.compile(r".*requirements.*\.(txt|in)|constraints.*\.txt", re.IGNORECASE)


def assess(
    inventory: Inventory,
    loaded: Sequence[rules.LoadedRule] | None = None,
    support: Support | None = None,
) -> Assessment:
    """The verdicts on a repository. `loaded` are the rules to judge by, all of them unless given.

    `support` is what lanes and targets can take, the data of this distribution unless given: with other data
    the same findings are added up anew, as if those lanes stood. A rule that raises is listed in
    `rules_failed`, and lowers the confidence of the service it failed on.
    """
    support = load() if support is None else support
    loaded = rules.load() if loaded is None else loaded
    services: list[ServiceAssessment] = []
    failed: list[RuleFailure] = []
    for service in inventory.services:
        assessed, failures = _assess(service, support, loaded, inventory.not_read)
        services.append(assessed)
        failed += failures
    return Assessment(inventory, tuple(services), tool_version(), rules.version(), tuple(failed))


def tool_version() -> str:
    """The version of the distribution, from its metadata."""
    try:
        return version("dock2wasm")
    except PackageNotFoundError:
        return "unknown"


def _assess(
    service: Service, support: Support, loaded: Sequence[rules.LoadedRule], not_read: Sequence[NotRead]
) -> tuple[ServiceAssessment, tuple[RuleFailure, ...]]:
    lane = support.lane_for(service.language)
    lane_name = lane.name if lane else None
    found, failures = rules.run(service, loaded)
    findings = _ordered(_at_baseline(finding, support, lane_name) for finding in found)
    subject = _Subject(
        lane_name,
        base_needs(service, lane_name),
        findings,
        _floor(service, failures, {rule.rule.id: rule.rule.effect for rule in loaded}),
    )
    verdict = subject.on(support.baseline, support).verdict
    granted, ungranted = granting.derive(service)
    unknown = _unknown(service, ungranted, not_read)
    efforts = {rule.rule.id: rule.rule.effort for rule in loaded}
    return (
        ServiceAssessment(
            service=service,
            lane=lane_name,
            verdict=verdict,
            score=score(verdict, findings),
            confidence=_confidence(verdict, findings, unknown, bool(failures)),
            targets=tuple(subject.on(target, support) for target in support.targets),
            facets=facets(service),
            effort=_effort(service, verdict, findings, efforts),
            findings=findings,
            grants=granted,
            gain=gains(service, support, lane_name, verdict),
            changes=_changes(service, verdict, findings, subject.lifted(support)),
            unknown=unknown,
            advice=advise(service, findings, support, lane_name),
        ),
        failures,
    )


def score(verdict: Verdict, findings: Iterable[Finding]) -> int:
    """100 minus the weights, held inside the verdict's band."""
    low, high = BANDS[verdict]
    return max(low, min(high, 100 - sum(finding.weight for finding in findings)))


def _floor(service: Service, failures: Sequence[RuleFailure], effects: dict[str, Effect]) -> Effect:
    """The least effect that holds whatever the findings say.

    No promise is made for a service whose source was not read whole, or where a rule that could have
    stood against it failed: the silence of a rule is no pass.
    """
    source = service.source
    whole = source is not None and source.entry is not None and source.interface is not None
    silent = any(effects.get(failure.rule) is not Effect.NONE for failure in failures)
    return Effect.NONE if whole and not silent else Effect.REFACTOR


def _at_baseline(finding: Finding, support: Support, lane: str | None) -> Finding:
    """The finding, without effect where the baseline gives all that it needs."""
    finding = replace(
        finding,
        message=redacted(finding.message),
        evidence=tuple(map(redacted_evidence, finding.evidence)),
    )
    if finding.effect is Effect.NONE or not finding.needs or not support.at_baseline(lane, finding.needs):
        return finding
    return replace(finding, effect=Effect.NONE, weight=0, severity=Severity.INFO)


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    def key(finding: Finding) -> tuple[int, int, str, str, int]:
        first = finding.evidence[0] if finding.evidence else None
        return (
            -_EFFECTS.index(finding.effect),
            _SEVERITIES.index(finding.severity),
            finding.rule,
            first.path if first else "",
            first.line if first else 0,
        )

    return tuple(sorted(findings, key=key))


def base_needs(service: Service, lane: str | None) -> tuple[Need, ...]:
    """What every component of this service asks of lane and target, before any finding."""
    if service.image is None:
        return ()  # nothing is built
    if lane is None:
        return (Need(NeedKind.LANE, service.language or ""),)
    interface = service.source.interface if service.source else None
    return (Need(NeedKind.LANE, lane), *([Need(NeedKind.LANE, f"{lane}:{interface}")] if interface else []))


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is judged on each target. `needs` hold before any finding."""

    lane: str | None
    needs: tuple[Need, ...]
    findings: tuple[Finding, ...]
    floor: Effect

    def on(self, target: Target, support: Support) -> TargetVerdict:
        """The verdict on a target: the best of the kinds that it runs."""
        judged = [self._of_kind(target, support, kind) for kind in target.kinds]
        order = list(Verdict)
        return min(judged, key=lambda one: (order.index(one.verdict), len(one.lacks)))

    def lifted(self, support: Support) -> dict[str, tuple[str, ...]]:
        """By rule, the targets on which none of its findings that count at the baseline does."""
        found: dict[str, tuple[str, ...]] = {}
        for finding in self.findings:
            if finding.effect is not Effect.NONE:
                given = tuple(
                    target.name
                    for target in support.targets
                    if finding.needs
                    and any(
                        not support.missing(target, self.lane, finding.needs, kind) for kind in target.kinds
                    )
                )
                before = found.get(finding.rule, given)
                found[finding.rule] = tuple(name for name in given if name in before)
        return found

    def _of_kind(self, target: Target, support: Support, kind: str) -> TargetVerdict:
        lacks = set(support.missing(target, self.lane, self.needs, kind))
        effect = Effect.REFACTOR if lacks else self.floor
        for finding in self.findings:
            missing = support.missing(target, self.lane, finding.needs, kind)
            lacks.update(missing)
            if finding.needs and not missing:
                continue
            # The baseline may give what this target does not: then the finding counts here.
            here = Effect.REFACTOR if finding.effect is Effect.NONE and missing else finding.effect
            effect = max(effect, here, key=_EFFECTS.index)
        return TargetVerdict(target.name, _OF_EFFECT[effect], tuple(sorted(map(str, lacks))))


def _confidence(
    verdict: Verdict, findings: Sequence[Finding], unknown: Sequence[Unknown], failed: bool
) -> Confidence:
    """How sure the verdict is: that of its surest reason, lowered by what could not be judged."""
    deciding = [
        f.confidence for f in findings if _OF_EFFECT[f.effect] is verdict and f.effect is not Effect.NONE
    ]
    level = min((_CONFIDENCES.index(one) for one in deciding), default=0)
    if verdict is not Verdict.KEEP:
        level += failed + bool(unknown) + any(finding.rule in _BLIND for finding in findings)
    return _CONFIDENCES[min(level, len(_CONFIDENCES) - 1)]


def _says_what_runs(path: str) -> bool:
    """Whether the verdict rests on this file: source, or a list of dependencies."""
    name = path.rpartition("/")[2]
    return name.endswith(_SOURCE_SUFFIXES) or name in _MANIFESTS or _REQUIREMENTS.fullmatch(name) is not None


def _unknown(
    service: Service, ungranted: Sequence[Unknown], not_read: Sequence[NotRead]
) -> tuple[Unknown, ...]:
    found = [*service.unknown, *(service.source.unknown if service.source else ()), *ungranted]
    if service.image is not None and service.source is None and not has_listener(service):
        found.append(
            Unknown(
                "what it listens on",
                "EXPOSE in the Dockerfile, or `ports` in compose",
                service.image.base_evidence,
            )
        )
    if service.image is not None and service.source is not None:
        for run in service.image.runs:
            found += [
                Unknown(
                    f"whether `{command}` makes files that the service reads",
                    "the files in the repository instead of a RUN line, or a probe that reads them",
                    run.evidence,
                )
                for command in commands(run)
                if kind(command) is Kind.UNKNOWN
            ]
        prefix = f"{service.source.root.strip('/')}/".lstrip("/")
        found += [
            Unknown(f"what {skipped.path} holds: it was not read ({skipped.reason})", "a readable file")
            for skipped in not_read
            if skipped.path.startswith(prefix) and _says_what_runs(skipped.path)
        ]
    return tuple(
        replace(
            one,
            what=redacted(one.what),
            evidence=redacted_evidence(one.evidence) if one.evidence else None,
        )
        for one in dict.fromkeys(found)
    )


def _effort(
    service: Service, verdict: Verdict, findings: Sequence[Finding], efforts: dict[str, tuple[float, float]]
) -> Effort:
    """A judgement, not a measurement: days for the first place of a rule, a quarter more each time the places
    double, for what is learnt once is used again. `docs/verdict.md` says the same to readers.
    """
    if verdict is Verdict.KEEP:
        return Effort(0, 0, ("nothing is converted; a rewrite is not estimated",))
    low, high = 0.5, 1.0
    assumptions = [
        "one person who knows the service",
        "half a day to a day to convert, validate and review",
        "a judgement, not a measurement",
    ]
    counted: dict[str, set[str]] = {}
    for finding in findings:
        if finding.effect is not Effect.NONE:
            places = {str(place) for place in finding.evidence} or {finding.message}
            counted.setdefault(finding.rule, set()).update(places)
    language = toolchains.load().get(service.language or "")
    for rule, found in counted.items():
        least, most = efforts.get(rule, (0, 0))
        if rule == _NO_LANE and language is not None:
            least, most = language.rewrite_days
        factor = 1 + 0.25 * math.log2(len(found))
        low, high = low + least * factor, high + most * factor
        more = f"; {len(found)} places, times {factor:.2g}" if len(found) > 1 else "; 1 place"
        assumptions.append(f"{rule}: {least:g} to {most:g} days{more}")
    return Effort(round(low, 1), round(high, 1), tuple(assumptions))


def _changes(
    service: Service, verdict: Verdict, findings: Sequence[Finding], lifted: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """What has to change: one entry a rule and remedy, its places, the targets that need no change."""
    if verdict is Verdict.KEEP:
        return ()
    changes: list[str] = []
    if service.source and service.source.server:
        changes.append(f"{service.source.server} is replaced by the adapter and the runtime.")
    grouped: dict[tuple[str, str], list[str]] = {}
    for finding in findings:
        if finding.effect is not Effect.NONE:
            places = grouped.setdefault((finding.rule, finding.remedy), [])
            places += [str(place) for place in finding.evidence if str(place) not in places]
    for (rule, remedy), places in grouped.items():
        named = ", ".join(places[:_PLACES])
        more = f" and {len(places) - _PLACES} more" if len(places) > _PLACES else ""
        at = f" ({named}{more})" if places else ""
        free = f" Not needed on {', '.join(lifted[rule])}." if lifted.get(rule) else ""
        changes.append(f"{rule}{at}: {remedy}{free}")
    return tuple(changes)
