"""Every rule is documented and tested by the cases beside it; a rule cannot exist without them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzers import inventory, rules
from analyzers.model import Effect, Finding, Service, Severity
from analyzers.rules import HEADINGS, LoadedRule
from analyzers.rules._build import service
from analyzers.rules._rule import Case, Check, Rule
from migrate.reports import rules_doc

ROOT = Path(__file__).parents[3]
CASES = [
    pytest.param(rule, case, id=f"{rule.rule.id}: {case.name}")
    for rule in rules.load()
    for case in rule.cases
]
RULES = [pytest.param(rule, id=rule.rule.id) for rule in rules.load()]


@pytest.mark.parametrize(("rule", "case"), CASES)
def test_a_case_says_what_the_rule_finds(rule: LoadedRule, case: Case, tmp_path: Path) -> None:
    given = case.service
    if given is None:
        for name, text in case.files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
        (given,) = inventory.read(tmp_path).services
    findings = list(rule.check(given))
    assert tuple(str(one.evidence[0]) if one.evidence else "" for one in findings) == case.at
    if case.effects:
        assert tuple(one.effect for one in findings) == case.effects
    assert all(one.rule == rule.rule.id and one.message and one.remedy for one in findings)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_whole(rule: LoadedRule) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", rule.rule.id)
    assert tuple(heading for heading, _ in rule.sections) == HEADINGS
    assert all(text for _, text in rule.sections)
    low, high = rule.rule.effort
    assert 0 <= low <= high
    assert 0 <= rule.rule.weight <= 100
    # A file is found by its rule's name; rules for one language begin with the language.
    assert rule.module == rule.rule.id.replace("-", "_") or rule.module.startswith("python_")


def test_ids_are_unique_and_sorted() -> None:
    ids = [rule.rule.id for rule in rules.load()]
    assert ids == sorted(set(ids))


def test_the_ordinary_service_has_no_finding() -> None:
    assert rules.run(service()) == ((), ())


def test_a_rule_that_raises_is_listed_and_the_rest_goes_on() -> None:
    def broken(_: Service) -> Iterator[Finding]:
        yield from ()
        raise RuntimeError("the rule is broken")

    def speaking(_: Service) -> Iterator[Finding]:
        yield Rule("speaks", "Speaks", Severity.INFO, Effect.NONE, 0, "none").finding("said", [])

    def loaded(name: str, check: Check) -> LoadedRule:
        return LoadedRule(Rule(name, name, Severity.INFO, Effect.NONE, 0, "none"), check, (), name, ())

    findings, failures = rules.run(service(), [loaded("broken", broken), loaded("speaks", speaking)])
    assert [one.rule for one in findings] == ["speaks"]
    assert [(one.rule, one.service, one.error) for one in failures] == [
        ("broken", "web", "RuntimeError: the rule is broken")
    ]


@pytest.mark.parametrize("rule", RULES)
def test_explain_prints_the_whole_page(rule: LoadedRule) -> None:
    page = rules.explain(rule.rule.id)
    assert page.startswith(f"{rule.rule.id}: {rule.rule.title}")
    for heading, text in rule.sections:
        assert heading.upper() in page
        assert text.splitlines()[0] in page


def test_explain_shows_what_is_bad_with_its_line_and_what_is_good() -> None:
    page = rules.explain("memory-state")
    assert "bad: a counter in a module" in page
    assert re.search(r"^ +> +9 \| +seen\[name\] = ", page, re.MULTILINE)
    assert "good: a constant that requests only read" in page
    assert "says: Speaks redis to redis:6379 over a socket of its own. (cache.py:3)" in rules.explain(
        "tcp-client"
    )


def test_explain_offers_names_near_an_unknown_one() -> None:
    with pytest.raises(KeyError, match="Did you mean memory-state"):
        rules.explain("memory_state")
    with pytest.raises(KeyError, match="Rules: "):
        rules.explain("zzzzzz")


def test_the_version_counts_the_rules() -> None:
    count, _, digest = rules.version().partition("-")
    assert int(count) == len(rules.load())
    assert re.fullmatch(r"[0-9a-f]{12}", digest)


def test_the_pages_in_docs_are_current() -> None:
    folder = ROOT / rules_doc.FOLDER
    written = {path.name: path.read_text("utf-8") for path in folder.glob("*.md")}
    assert written == rules_doc.pages(), "run: python -m migrate.reports.rules_doc"


def test_pages_are_written_once_and_those_of_lost_rules_removed(tmp_path: Path) -> None:
    stale = tmp_path / rules_doc.FOLDER / "gone.md"
    stale.parent.mkdir(parents=True)
    stale.write_text("x")
    assert "gone.md" in rules_doc.write(tmp_path)
    assert not stale.exists()
    assert rules_doc.write(tmp_path) == ()
