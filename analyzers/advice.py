"""Advice on findings: what a worker could be called by, where state could go, what lifts a finding.

Advice is no promise: it changes no verdict and no score. Its texts are data in `analyzers/support/advice`
and `analyzers/support/toolchains`, each with source and date; this module only chooses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analyzers.listeners import inbound, worker_program
from analyzers.model import Advice, Effect, FactKind, Finding, Need, Service
from analyzers.support import INSIDE, Status, Support, Target, toolchains
from analyzers.support import advice as data

_WORKER = "scheduler-or-worker"
_CONSUMER = "message-consumer"
_NO_LANE = "no-lane"
_SCHEDULE, _JOB = "schedule", "job"


def advise(
    service: Service, findings: Sequence[Finding], support: Support, lane: str | None
) -> tuple[Advice, ...]:
    """Advice on the findings that count, in their order. Of a service that stays, only on what keeps it."""
    given: list[Advice] = []
    kept = [finding for finding in findings if finding.effect is Effect.KEEP]
    counting = kept or [finding for finding in findings if finding.effect is not Effect.NONE]
    for rule in dict.fromkeys(finding.rule for finding in counting):
        mine = [finding for finding in findings if finding.rule == rule]
        if rule in (_WORKER, _CONSUMER):
            given += _triggers(rule, service)
        elif rule == _NO_LANE:
            given += _by_hand(service)
        else:
            given += _on_rule(rule, service)
        given += _lifted(rule, mine, support, lane)
    return tuple(given)


def _triggers(rule: str, service: Service) -> Iterator[Advice]:
    subjects = _work(service)
    chosen = [entry for entry in data.load().triggers if subjects & set(entry.subjects)]
    if not chosen and rule == _WORKER:
        chosen = [entry for entry in data.load().triggers if _JOB in entry.subjects]
    for entry in chosen:
        yield Advice(rule, f"{entry.text}.", entry.source, entry.date)


def _work(service: Service) -> frozenset[str]:
    """What calls its handler today: words that name brokers, libraries, programs, or the clock."""
    program = worker_program(service.start_command) or ""
    named = [program, *(fact.subject for fact in service.facts(FactKind.WORKER))]
    found = {word for name in named for word in _words(name)}
    if not found and service.facts(FactKind.BACKGROUND):
        found.add(_SCHEDULE)
    known = {subject for entry in data.load().triggers for subject in entry.subjects}
    if found and not found & known:
        # A worker whose library does not tell its broker (Celery, Dramatiq): what it talks to does.
        found |= {fact.subject for fact in service.facts(FactKind.OUTBOUND)}
        found |= {link.protocol for link in service.links}
    return frozenset(found)


def _words(name: str) -> frozenset[str]:
    """`@acme/bullmq.Worker` is `bullmq`, among others; a name of several words is also known as a whole."""
    lower = name.lower()
    return frozenset({lower, *re.split(r"[^a-z0-9]+", lower)} - {""})


def _by_hand(service: Service) -> Iterator[Advice]:
    language = toolchains.load().get(service.language or "")
    for tool in language.toolchains if language else ():
        checked = "" if tool.checked is toolchains.Checked.RUN else "; read, not run"
        yield Advice(
            _NO_LANE,
            f"{tool.status}: {tool.name} ({tool.versions}). {tool.says}.",
            f"{tool.source}{checked}" if "read" not in tool.source else tool.source,
            tool.date.isoformat(),
        )


def _on_rule(rule: str, service: Service) -> Iterator[Advice]:
    kinds = (FactKind.OUTBOUND, FactKind.DATABASE)
    subjects = {str(inbound(service)), *(fact.subject for fact in service.facts(*kinds))}
    for entry in data.load().rules:
        if entry.name == rule and (not entry.subjects or subjects & set(entry.subjects)):
            yield Advice(rule, f"{entry.text}.", entry.source, entry.date)


def _lifted(rule: str, findings: Sequence[Finding], support: Support, lane: str | None) -> Iterator[Advice]:
    """Where the host gives what the findings need, and whether the lane is proven for it already."""
    needs = tuple(dict.fromkeys(need for finding in findings for need in finding.needs))
    asked = [need for need in needs if need.kind not in INSIDE]
    if not asked or len(asked) < len(needs) or support.lane(lane) is None:
        return
    hosts = [
        target
        for target in support.targets
        if all(target.status(need.kind, "http") is Status.PROVEN for need in asked)
    ]
    given = [target for target in hosts if not support.missing(target, lane, needs, "http")]
    later = [target for target in hosts if target not in given]
    what = _listed([str(need) for need in asked])
    if given:
        names = _listed([target.name for target in given])
        yield _from_data(rule, f"It does not count on {names}: {what} can be granted there.", given[0], asked)
    elif later:
        names = _listed([target.name for target in later])
        yield _from_data(
            rule,
            f"{what} can be granted on {names}; the {lane} lane is not proven for it yet.",
            later[0],
            asked,
        )


def _from_data(rule: str, text: str, target: Target, asked: Sequence[Need]) -> Advice:
    row = next(row for row in target.features if Need(asked[0].kind) in row.needs)
    return Advice(rule, text, row.source, row.date.isoformat())


def _listed(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
