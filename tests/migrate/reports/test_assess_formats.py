"""What all formats of `assess` share, and the command line that writes them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analyzers.model import Evidence
from migrate.policy import Review, plain
from migrate.reports import assess_html, assess_markdown, assess_terminal
from migrate.reports.assess_sarif import to_sarif
from migrate.reports.wire.assess import to_json
from tests.conftest import CommandLine
from tests.migrate.made import assessed, assessment, finding
from tests.migrate.policy.judged import FILES, edited, repository
from tests.migrate.reports.hostile import hostile

FORMATS: dict[str, Callable[[Review], str]] = {
    "terminal": lambda r: assess_terminal.render(r.assessment, color=False, width=120, review=r),
    "json": lambda r: json.dumps(to_json(r.assessment, r)),
    "sarif": lambda r: json.dumps(to_sarif(r)),
    "markdown": assess_markdown.render,
    "html": assess_html.render,
}
all_formats = pytest.mark.parametrize("name", FORMATS)


@all_formats
def test_what_is_not_said_by_findings_is_in_every_format(name: str) -> None:
    made = hostile("onefailed", "notread", "toolarge", "somerule", "becauseso")
    text = FORMATS[name](made)
    for said in ("notread", "toolarge", "somerule", "onefailed", "becauseso"):
        assert said in text


@all_formats
def test_a_secret_is_in_no_format(name: str) -> None:
    line = Evidence("settings.py", 4, 'PASSWORD = "hunter2hunter2"')
    bad = replace(finding("memory-state"), evidence=(line,))
    text = FORMATS[name](plain(assessment(Path("/repo"), assessed(findings=(bad,)))))
    assert "PASSWORD" in text
    assert "hunter2" not in text


def test_reports_pair_with_formats(dock2wasm: CommandLine, tmp_path: Path) -> None:
    repo = repository(tmp_path / "web")
    done = dock2wasm(
        "assess", repo, "-f", "sarif", "--report", tmp_path / "a.sarif",
        "-f", "html", "--report", tmp_path / "a.html", "-f", "markdown",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("### WebAssembly")
    assert json.loads((tmp_path / "a.sarif").read_text())["version"] == "2.1.0"
    assert (tmp_path / "a.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("-f", "json", "-f", "html"), "printed one after the other"),
        (("--report", "a", "--report", "b"), "Give each file its format"),
        (("-f", "json", "--report", "a", "-f", "html", "--report", "a"), "written to one file"),
        (("--fail-on", "serious"), "no level 'serious'"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    dock2wasm: CommandLine, tmp_path: Path, arguments: tuple[str, ...], says: str
) -> None:
    done = dock2wasm("assess", repository(tmp_path), *arguments)
    assert done.code == 2
    assert says in done.err


def test_a_baseline_is_written_and_taken(dock2wasm: CommandLine, tmp_path: Path) -> None:
    repo, known = repository(tmp_path / "web"), tmp_path / "known.json"
    assert dock2wasm("assess", repo, "--write-baseline", known, "--fail-on", "refactor").code == 13
    done = dock2wasm("assess", repo, "--baseline", known, "--fail-on", "info,refactor")
    assert (done.code, done.err) == (0, "")
    assert "known: it stands in the baseline" in done.out
    edited(repo, "app.py", ("last.append(name)", "last.append(name.upper())"))
    done = dock2wasm("assess", repo, "--baseline", known, "--fail-on", "major", "-f", "sarif")
    assert done.code == 13
    assert "exit code 13" in done.err
    assert json.loads(done.out)["version"] == "2.1.0"


def test_a_bad_baseline_is_an_error(dock2wasm: CommandLine, tmp_path: Path) -> None:
    done = dock2wasm("assess", repository(tmp_path / "web"), "--baseline", tmp_path / "none.json")
    assert done.code == 40
    assert "--write-baseline" in done.err


def test_ignores_of_other_services_are_not_idle_when_one_is_asked_for(
    dock2wasm: CommandLine, tmp_path: Path
) -> None:
    repository(tmp_path / "a")
    repository(tmp_path / "b", {**FILES, "app.py": FILES["app.py"].replace("seen", "met")})
    (tmp_path / "dock2wasm.toml").write_text(
        '[[assess.ignore]]\nrule = "memory-state"\nservice = "b"\nreason = "x"\n'
    )
    done = dock2wasm("assess", tmp_path, "--service", "a", "--fail-on", "keep")
    assert done.code == 0
    assert "do nothing" not in done.out
    assert "── b " not in done.out
