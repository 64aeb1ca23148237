"""What the reports share: the order of services, their main reason, targets that agree, links both ways."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from analyzers.model import Advice, Effect, Finding, Link, Scope, ServiceAssessment, TargetVerdict, Verdict
from migrate.policy import ReviewedService

_IMAGE_ONLY = "image-only"
_LEFT_OUT = 20  # names shown of services that were not assessed
_QUOTED = re.compile(r"`([^`]+)`")
_TOKEN = re.compile(r"[\w@/.:-]+")
_OF_NAMES = re.compile(r"[._/:0-9]")  # in names, and not in words of a sentence
_PART_OF_NAME = re.compile(r"\w")


@dataclass(frozen=True, slots=True)
class TargetGroup:
    """Targets with the same verdict for the same lacks."""

    verdict: Verdict
    names: tuple[str, ...]
    lacks: tuple[str, ...]


def of_scope(scope: Scope) -> str:
    """What part of the repository was assessed, in a sentence or two; names as they are."""
    paths = f"{len(scope.changed)} changed path{'s' * (len(scope.changed) != 1)}"
    said = f"Only services that {paths} since {scope.since} ({scope.commit[:12]}) can touch were assessed."
    if not scope.left_out:
        return f"{said} None is left out."
    shown = ", ".join(scope.left_out[:_LEFT_OUT])
    more = len(scope.left_out) - _LEFT_OUT
    return f"{said} Left out: {shown}{f' and {more} more' if more > 0 else ''}."


def by_use(services: Iterable[ReviewedService]) -> list[ReviewedService]:
    """What can move now comes first, then what can move on some target, then by score; what stays is last."""

    def key(one: ReviewedService) -> tuple[int, bool, int]:
        judged = one.assessment
        return (list(Verdict).index(judged.verdict), not converts_on(judged), -judged.score)

    return sorted(services, key=key)


def converts_on(one: ServiceAssessment) -> tuple[str, ...]:
    """The targets with the verdict `convert`, in their order."""
    return tuple(item.target for item in one.targets if item.verdict is Verdict.CONVERT)


def main_reason(one: ServiceAssessment) -> str:
    """The rule of the finding that weighs most among those that hold its verdict, or ""."""
    counting = [finding for finding in one.findings if finding.effect is not Effect.NONE]
    strongest = [finding for finding in counting if finding.effect is counting[0].effect]
    return max(strongest, key=lambda finding: finding.weight).rule if strongest else ""


def in_short(one: ServiceAssessment) -> str:
    """A few words for a table: where it converts although the baseline does not, and the main reason."""
    elsewhere = converts_on(one) if one.verdict is Verdict.REFACTOR else ()
    reasons = dict.fromkeys(finding.rule for finding in one.findings if finding.effect is not Effect.NONE)
    more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return "; ".join(
        part
        for part in (
            f"converts on {', '.join(elsewhere)}" if elsewhere else "",
            f"{main_reason(one)}{more}" if reasons else "",
        )
        if part
    )


def target_groups(targets: Sequence[TargetVerdict]) -> tuple[TargetGroup, ...]:
    """Targets that agree, the best verdict first, then those that lack least.

    A part of a lane (`lane:python:wsgi`) is left out where the whole lane is lacking.
    """
    found: dict[tuple[Verdict, tuple[str, ...]], list[str]] = {}
    for item in targets:
        whole = {f"{lack}:" for lack in item.lacks if lack.startswith("lane:") and lack.count(":") == 1}
        lacks = tuple(lack for lack in item.lacks if not any(map(lack.startswith, whole)))
        found.setdefault((item.verdict, lacks), []).append(item.target)
    groups = [TargetGroup(verdict, tuple(names), lacks) for (verdict, lacks), names in found.items()]
    return tuple(sorted(groups, key=lambda one: (list(Verdict).index(one.verdict), len(one.lacks))))


def is_infrastructure(one: ServiceAssessment) -> bool:
    """Whether its image is built elsewhere, so that nothing here can change what is said of it."""
    return one.service.image is None and any(finding.rule == _IMAGE_ONLY for finding in one.findings)


def advice_on(one: ServiceAssessment, rule: str) -> tuple[Advice, ...]:
    return tuple(item for item in one.advice if item.rule == rule)


def callers(services: Iterable[ReviewedService]) -> dict[str, tuple[tuple[str, Link], ...]]:
    """Service -> who is linked to it: the links the other way round."""
    found: dict[str, list[tuple[str, Link]]] = {}
    for one in services:
        service = one.assessment.service
        for link in service.links:
            found.setdefault(link.service, []).append((service.name, link))
    return {name: tuple(links) for name, links in found.items()}


def last_of_rule(findings: Sequence[Finding], position: int) -> bool:
    """Whether the next finding, if any, has another rule or another remedy."""
    if position + 1 == len(findings):
        return True
    mine, after = findings[position], findings[position + 1]
    return (after.rule, after.remedy) != (mine.rule, mine.remedy)


def named_in(message: str, line: str) -> tuple[int, int] | None:
    """Where the line has what the message names: columns from and to. None where that is not one place.

    Only names count (`app.hits`, `python:3.9`, something in backquotes), whole or by their last part.
    """
    for name in _names(message):
        start = line.find(name)
        end = start + len(name)
        if start < 0 or line.find(name, start + 1) >= 0:
            continue
        around = (line[start - 1 : start], line[end : end + 1])
        inside = (name[0], name[-1])
        if any(
            _PART_OF_NAME.match(a) and _PART_OF_NAME.match(b) for a, b in zip(around, inside, strict=True)
        ):
            continue
        return start, end
    return None


def _names(message: str) -> Iterator[str]:
    yield from _QUOTED.findall(message)
    found = [name.rstrip(".:") for name in _TOKEN.findall(message)]
    found = [name for name in found if _OF_NAMES.search(name)]
    yield from (name for name in found if len(name) > 2)
    for name in found:
        last = name.rpartition(".")[2]
        if last != name and len(last) > 2:
            yield last
