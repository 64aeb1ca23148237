from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.model import Grant, TargetVerdict, Verdict
from migrate import lanes
from migrate.convert import render
from migrate.model import Excluded, GeneratedFile, Plan
from migrate.plan import make_plan
from migrate.provenance import PROVENANCE, from_bytes
from migrate.templating import code
from migrate.tree import sha256, write
from tests.migrate import made

pytestmark = pytest.mark.usefixtures("small_lane")

GRANTS = (
    made.env("GREETING", "hé | `you`"),
    made.env("HANDED", None),
    made.secret("SECRET_KEY"),
    made.outbound("https", "api.example.com", 443),
)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    (root / "Dockerfile").write_text("FROM python:3.14-slim\nCOPY . /app\n")
    (root / "requirements.txt").write_text("flask\n")
    (root / "app.py").write_text("app = 1\n")
    return root


def plan(repository: Path, *grants: Grant, output: Path | None = None) -> Plan:
    return make_plan(made.assessment(repository, made.assessed(grants=grants)), None, output=output)


def rendered(one: Plan) -> dict[str, GeneratedFile]:
    return {file.path: file for file in render(one)}


def readme(one: Plan) -> str:
    return rendered(one)["README.md"].content.decode()


def test_the_tree_holds_the_parts_of_lane_and_targets(repository: Path) -> None:
    assert list(rendered(plan(repository))) == [
        ".gitignore",
        "README.md",
        "adapter/component.wasm",
        "build.sh",
        PROVENANCE,
        "files.json",
        "lane.json",
        "run.sh",
        "spin.toml",
    ]


def test_only_the_planned_targets_are_written(repository: Path) -> None:
    files = rendered(replace(plan(repository), targets=("wasmtime",)))
    assert "run.sh" in files
    assert "spin.toml" not in files


def test_rendering_is_the_same_every_time(repository: Path) -> None:
    assert render(plan(repository, *GRANTS)) == render(plan(repository, *GRANTS))


def test_a_second_conversion_changes_nothing(repository: Path) -> None:
    one = plan(repository, *GRANTS)
    write(one.output, render(one))
    again = plan(repository, *GRANTS)
    assert not write(again.output, render(again))


def test_the_file_set_is_listed(repository: Path) -> None:
    assert json.loads(rendered(plan(repository))["files.json"].content) == {
        "schema_version": 1,
        "repository": "../..",
        "files": [{"source": "app.py", "guest": "/app/app.py"}],
    }


def test_provenance(repository: Path) -> None:
    files = rendered(plan(repository, *GRANTS))
    found = from_bytes(files[PROVENANCE].content)
    assert (found.service, found.lane, found.entry, found.port) == ("api", "python", "app:app", 8000)
    assert (found.repository, found.dockerfile, found.promise) == ("../..", "Dockerfile", True)
    assert {f.path: f.sha256 for f in found.files} == {
        path: sha256(file.content) for path, file in files.items() if path != PROVENANCE
    }
    assert {f.path: f.sha256 for f in found.inputs} == {
        name: sha256((repository / name).read_bytes()) for name in ("Dockerfile", "requirements.txt")
    }
    assert [g.name for g in found.grants] == [g.name for g in GRANTS]


def test_nothing_generated_names_a_place_on_this_machine(repository: Path) -> None:
    one = plan(repository, *GRANTS, output=repository.parent / "elsewhere")
    for file in render(one):
        assert str(repository.parent).encode() not in file.content, file.path
    assert from_bytes(rendered(one)[PROVENANCE].content).repository == "../repository"


def test_a_link_is_no_input(repository: Path) -> None:
    (repository / "requirements.txt").unlink()
    (repository / "requirements.txt").symlink_to("/etc/hostname")
    inputs = from_bytes(rendered(plan(repository))[PROVENANCE].content).inputs
    assert [file.path for file in inputs] == ["Dockerfile"]


def test_two_parts_cannot_write_the_same_file(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lane = lanes.lane("python")
    monkeypatch.setattr(lane, "render", lambda _: (GeneratedFile("run.sh", b""),))
    one = plan(repository)
    with pytest.raises(ValueError, match=r"run\.sh"):
        write(one.output, render(one))


def test_a_volume_has_its_folder(repository: Path) -> None:
    one = replace(plan(repository, made.directory("pgdata", "/data", "rw")), targets=("wasmtime",))
    assert rendered(one)["volumes/pgdata/.gitignore"].content == b"*\n!.gitignore\n"


# --- README --------------------------------------------------------------------------------


def test_the_readme_says_what_the_component_may_do_and_why(repository: Path) -> None:
    text = readme(plan(repository, *GRANTS))
    assert "| env | `GREETING` | `` hé \\| `you` `` | `Dockerfile:4` |" in text
    assert "| env | `HANDED` | from your shell at start | `Dockerfile:4` |" in text
    assert "| secret | `SECRET_KEY` | at start only | `app.py:5` |" in text
    assert "| outbound | `api.example.com` | `https://api.example.com:443` | `app.py:6` |" in text
    assert "api forgets everything between requests." in text
    assert "spin up" in text
    assert "./run.sh" in text
    assert "**Promise:** for spin and wasmtime" in text


def test_the_readme_names_the_option_that_granted_a_host(repository: Path) -> None:
    one = make_plan(made.assessment(repository, made.assessed()), None, allow_hosts=["http://stock:8080"])
    assert "| `http://stock:8080` | `--allow-host http://stock:8080` |" in readme(one)


def test_the_readme_of_a_component_without_grants(repository: Path) -> None:
    assert "Nothing beyond answering HTTP requests" in readme(plan(repository))


def test_the_readme_says_what_was_left_out(repository: Path) -> None:
    one = replace(plan(repository), excluded=(Excluded(".env", "may hold a secret (matches .env)"),))
    assert "- `.env`: may hold a secret (matches .env)" in readme(one)


def test_without_a_promise_the_readme_says_so(repository: Path) -> None:
    one = made.assessed(verdict=Verdict.REFACTOR, findings=[made.finding("memory-state")])
    text = readme(make_plan(made.assessment(repository, one), None, accept=["memory-state"]))
    assert "**No promise.**" in text
    assert "- `memory-state`: memory-state speaks against it (app.py:7)" in text
    assert "Promise:**" not in text


def test_the_readme_names_the_targets_that_were_not_written(repository: Path) -> None:
    one = made.assessed(
        targets=[
            TargetVerdict("spin", Verdict.REFACTOR, ("tcp",)),
            TargetVerdict("wasmtime", Verdict.CONVERT),
        ]
    )
    text = readme(make_plan(made.assessment(repository, one), None))
    assert "No files were written for spin: its verdict is `refactor` (lacks tcp)." in text


def test_no_line_of_the_readme_is_left_to_chance(repository: Path) -> None:
    """Nothing of a template shows through, and blank lines do not pile up."""
    text = readme(plan(repository, *GRANTS))
    assert not re.search(r"\{[{%]|[%}]\}|\n{4,}", text)


@given(st.text(max_size=40))
def test_any_text_is_one_code_span_in_one_line(text: str) -> None:
    shown = code(text)
    assert "\n" not in shown
    assert not re.search(r"(?<!\\)\|", shown)
    if text.split():
        fence = re.match(r"`+", shown)
        assert fence
        assert shown.endswith(fence[0])
        assert fence[0] not in re.findall(r"`+", shown[len(fence[0]) : -len(fence[0])])
