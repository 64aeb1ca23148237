"""Each rule is worth its place: without it some answer is another one, in a case of its own or in a fixture.

Facts are read once; only the judging is repeated without the rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from analyzers import inventory, rules
from analyzers.assess import assess
from analyzers.model import Inventory, Service, ServiceAssessment
from analyzers.rules import LoadedRule
from analyzers.rules._rule import Case

ROOT = Path(__file__).parents[3]
RULES = [pytest.param(rule, id=rule.rule.id) for rule in rules.load()]


def answers(one: ServiceAssessment) -> Mapping[str, object]:
    """What people act on. Findings do not count: that they are fewer without a rule says nothing."""
    return {
        "verdict": one.verdict,
        "targets": one.targets,
        "score": one.score,
        "confidence": one.confidence,
        "effort": (one.effort.low, one.effort.high),
        "changes": one.changes,
        "advice": one.advice,
    }


def judged(services: tuple[Service, ...], loaded: tuple[LoadedRule, ...]) -> list[Mapping[str, object]]:
    read = Inventory(ROOT, None, services)
    return [answers(one) for one in assess(read, loaded).services]


def service_of(case: Case, folder: Path) -> Service:
    if case.service is not None:
        return case.service
    for name, text in case.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    (found,) = inventory.read(folder).services
    return found


@pytest.mark.parametrize("rule", RULES)
def test_without_the_rule_an_answer_is_another_one(rule: LoadedRule, tmp_path: Path) -> None:
    speaking = [case for case in rule.cases if case.at]
    services = tuple(service_of(case, tmp_path / str(n)) for n, case in enumerate(speaking))
    rest = tuple(one for one in rules.load() if one is not rule)
    assert judged(services, rules.load()) != judged(services, rest)
