"""SARIF that fits the standard's own schema, names lines that are there, and hides nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.assess import assess
from analyzers.model import FactKind, Inventory, Link, NotRead, Route, RuleFailure, Service
from analyzers.rules import load
from analyzers.rules._build import at, fact, service
from migrate.policy import FailOn, Review, new_baseline, plain
from migrate.reports.assess_sarif import to_sarif
from tests.conftest import ROOT
from tests.migrate.policy.judged import edited, judged, repository
from tests.migrate.reports.hostile import HOSTILE, hostile

SCHEMA = ROOT.parent / "shared" / "schemas" / "sarif-schema-2.1.0.json"


@pytest.fixture(scope="module")
def validator() -> Any:
    if not SCHEMA.exists():
        pytest.skip(f"NOT TESTED HERE: the schema of SARIF 2.1.0 is not at {SCHEMA}.")
    return jsonschema.Draft4Validator(json.loads(SCHEMA.read_text("utf-8")))


def run_of(review: Review, *asked: FailOn) -> dict[str, Any]:
    sarif = to_sarif(review, asked)
    json.dumps(sarif, ensure_ascii=False).encode()
    (run,) = sarif["runs"]
    return dict(run)


def results(review: Review, rule: str, *asked: FailOn) -> list[dict[str, Any]]:
    return [result for result in run_of(review, *asked)["results"] if result["ruleId"] == rule]


@pytest.mark.parametrize(
    "one",
    [pytest.param(c.service, id=f"{r.rule.id}: {c.name}") for r in load() for c in r.cases if c.service],
)
def test_every_case_of_every_rule_fits_the_schema(validator: Any, one: Service) -> None:
    validator.validate(to_sarif(plain(assess(Inventory(Path("/repo"), "a" * 40, (one,))))))


@given(st.tuples(*[HOSTILE] * 5))
def test_whatever_strangers_write_fits_the_schema(validator: Any, texts: tuple[str, ...]) -> None:
    sarif = to_sarif(hostile(*texts))
    validator.validate(json.loads(json.dumps(sarif, ensure_ascii=False).encode()))
    for message in _messages(sarif["runs"][0]["results"]):
        assert "](" not in message


def test_no_message_is_a_link() -> None:
    sarif = to_sarif(hostile("see [x](https://evil.example)", "a", "b", "[y](1)", "c"))
    messages = list(_messages(sarif["runs"][0]["results"]))
    assert "[x] (https://evil.example)" in messages[0]
    assert not [message for message in messages if "](" in message]


def _messages(results: list[dict[str, Any]]) -> Iterator[str]:
    for result in results:
        yield result["message"]["text"]


def test_a_result_names_the_line_and_shows_it(tmp_path: Path) -> None:
    first, last = results(judged(repository(tmp_path)), "memory-state")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": "app.py", "uriBaseId": "%SRCROOT%"}
    assert place["region"]["startLine"] == 10
    assert place["region"]["snippet"] == {"text": "seen[name] = seen.get(name, 0) + 1"}
    assert first["level"] == last["level"] == "warning"
    assert "is changed by requests" in first["message"]["text"]


def test_paths_are_relative_and_escaped() -> None:
    review = hostile("web", "a b/ü:#?.py", "x = 1", "mend", "flask")
    (first, _) = results(review, "memory-state")
    uri = first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
    assert re.fullmatch(r"[A-Za-z0-9%/._-]+", uri)
    assert unquote(uri) == "a b/ü:#?.py"
    assert "/repo" not in json.dumps(to_sarif(review))


def test_fingerprints_stay_while_lines_move(tmp_path: Path) -> None:
    before = results(judged(repository(tmp_path)), "memory-state")
    edited(tmp_path, "app.py", ("from flask", "import json\n\nfrom flask"))
    after = results(judged(tmp_path), "memory-state")
    assert [one["partialFingerprints"] for one in before] == [one["partialFingerprints"] for one in after]
    assert all(one["partialFingerprints"] for one in after)


def test_no_result_is_an_error_unless_the_run_fails_on_it(tmp_path: Path) -> None:
    review = judged(repository(tmp_path))
    levels = {one["level"] for one in run_of(review)["results"]}
    assert levels <= {"warning", "note"}
    assert {one["level"] for one in results(review, "memory-state", FailOn.MAJOR)} == {"error"}
    assert "security-severity" not in json.dumps(run_of(review))


def test_ignored_findings_are_suppressed_with_their_reason(tmp_path: Path) -> None:
    repository(tmp_path)
    comment = "last.append(name)  # dock2wasm: ignore[memory-state] to Redis"
    edited(tmp_path, "app.py", ("last.append(name)", comment))
    (tmp_path / "dock2wasm.toml").write_text(
        '[[assess.ignore]]\nrule = "memory-state"\npath = "app.py"\nreason = "decided"\n'
    )
    by_setting, by_comment = (one["suppressions"] for one in results(judged(tmp_path), "memory-state"))
    assert [(one["kind"], one["justification"]) for one in by_setting] == [("external", "decided")]
    assert [(one["kind"], one["justification"]) for one in by_comment] == [("inSource", "to Redis")]
    assert by_comment[0]["location"]["physicalLocation"]["region"]["startLine"] == 11


def test_a_baseline_marks_what_is_new(tmp_path: Path) -> None:
    baseline = new_baseline(judged(repository(tmp_path)))
    edited(tmp_path, "app.py", ("last.append(name)", "last.append(name.upper())"))
    states = [one["baselineState"] for one in results(judged(tmp_path, baseline), "memory-state")]
    assert states == ["unchanged", "new"]
    assert "baselineState" not in results(judged(tmp_path), "memory-state")[0]


def test_what_was_not_read_and_what_failed_are_notifications() -> None:
    assessment = assess(Inventory(Path("/repo"), None, (), (NotRead("big.bin", "is too large"),)))
    failed = (RuleFailure("thread", "web", "ValueError: no"),)
    whole = run_of(plain(assessment))["invocations"][0]
    broken = run_of(plain(replace(assessment, rules_failed=failed)))
    invocation = broken["invocations"][0]
    not_read, failure = invocation["toolExecutionNotifications"]
    assert whole["executionSuccessful"] is True
    assert invocation["executionSuccessful"] is False
    assert "big.bin is too large" in not_read["message"]["text"]
    assert "ValueError: no" in failure["message"]["text"]
    assert broken["tool"]["driver"]["rules"][failure["associatedRule"]["index"]]["id"] == "thread"


def test_an_idle_ignore_is_a_notification(tmp_path: Path) -> None:
    repository(tmp_path)
    (tmp_path / "dock2wasm.toml").write_text('[[assess.ignore]]\nrule = "gpu"\nreason = "x"\n')
    (said,) = run_of(judged(tmp_path))["invocations"][0]["toolConfigurationNotifications"]
    assert "matches no finding" in said["message"]["text"]


def test_every_rule_stands_there_with_its_help(tmp_path: Path) -> None:
    run = run_of(judged(repository(tmp_path)))
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert set(rules) == {found.rule.id for found in load()}
    for rule in rules.values():
        assert "How to mend" in rule["help"]["text"]
        assert rule["shortDescription"]["text"]
    for result in run["results"]:
        assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_advice_is_in_the_message_and_routes_and_links_in_the_properties(tmp_path: Path) -> None:
    one = service(
        fact(FactKind.OUTBOUND, "redis", "app.py:3", "redis:6379"), links=(Link("redis", "redis", 6379),)
    )
    assert one.source is not None
    one = replace(one, source=replace(one.source, routes=(Route("GET", "/a", at("app.py:9")),)))
    run = run_of(plain(assess(Inventory(tmp_path, None, (one,)))))
    (result,) = (item for item in run["results"] if item["ruleId"] == "tcp-client")
    assert "On Spin this can be its own interface" in result["message"]["text"]
    (shown,) = run["properties"]["services"]
    assert (shown["routes"], shown["links"]) == (["GET /a"], [{"service": "redis", "protocol": "redis"}])
