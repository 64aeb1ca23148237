"""The options of `validate` that are judged before anything runs, and its reports as they are asked for."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from migrate import pipeline
from migrate.cli import app
from migrate.errors import UsageError
from migrate.model import Comparison, Outcome
from tests.migrate.reports.test_validate_reports import comparison


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--fail-on", "blocker"), "no level 'blocker'"),
        (("--fail-on", "never,budget"), "stands alone"),
        (("--format", "html", "--format", "json"), "printed one after the other"),
        (("--format", "json", "--report", "a", "--report", "b"), "2 --report"),
    ],
)
def test_what_cannot_be_is_said_first(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    result = CliRunner().invoke(app, ["validate", str(tmp_path), *arguments])
    assert isinstance(result.exception, UsageError)
    assert says in str(result.exception)


@pytest.mark.parametrize("arguments", [("--measure", "much"), ("--measure",)])
def test_an_effort_that_is_none_is_a_usage_error(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(app, ["validate", str(tmp_path), *arguments]).exit_code == 2


def test_several_reports_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[pipeline.ValidateChoices] = []

    def made(*given: object) -> Comparison:
        choices = given[3]
        assert isinstance(choices, pipeline.ValidateChoices)
        seen.append(choices)
        return comparison(Outcome.DIFFERENT)

    monkeypatch.setattr(pipeline, "validate", made)
    page, cases = tmp_path / "v.html", tmp_path / "v.xml"
    arguments = [
        *("validate", str(tmp_path), "--measure", "full", "--fail-on", "budget"),
        *("--format", "html", "--report", str(page), "--format", "junit", "--report", str(cases)),
        *("--format", "json"),
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert (seen[0].measure, seen[0].effort) == (True, "full")
    assert json.loads(result.stdout)["outcome"] == "different"
    assert page.read_text().startswith("<!doctype html>")
    assert ElementTree.parse(cases).getroot().tag == "testsuites"  # noqa: S314 - our own report
    assert CliRunner().invoke(app, ["validate", str(tmp_path), "--no-measure"]).exit_code == 1
    assert seen[1].measure is False
