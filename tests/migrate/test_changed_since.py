"""`assess --changed-since`: what a change touches, in real repositories, hostile ones among them."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migrate.cli import app
from migrate.errors import GitError
from migrate.git import changed_since
from migrate.pipeline import assess

DOCKERFILE = (
    'FROM python:3.14\nWORKDIR /app\nCOPY . .\nRUN pip install flask gunicorn\nCMD ["gunicorn", "app:app"]\n'
)
APP = "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef home():\n    return 'x'\n"
SHOP = {
    "compose.yaml": "services:\n  api: {build: api}\n  web: {build: web, volumes: ['./conf:/etc/web:ro']}\n"
    "  shared: {build: {context: ., dockerfile: shared/Dockerfile}}\n  db: {image: postgres}\n",
    "api/Dockerfile": DOCKERFILE,
    "api/app.py": APP,
    "api/extra.py": "X = 1\n",
    "web/Dockerfile": DOCKERFILE,
    "web/app.py": APP,
    "web/.dockerignore": "docs\n",
    "web/docs/read.md": "x\n",
    "conf/web.conf": "x\n",
    "shared/Dockerfile": DOCKERFILE.replace("COPY . .", "COPY shared/app.py lib/common.py ./"),
    "shared/app.py": APP,
    "lib/common.py": "Y = 1\n",
    "lone/Dockerfile": DOCKERFILE,
    "lone/app.py": APP,
    "README.md": "x\n",
}


def run_git(folder: Path, *arguments: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", "-C", str(folder), "-c", "user.email=a@example.com", "-c", "user.name=A", *arguments],
        check=True,
        env=environment,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(folder: Path, message: str = "next") -> str:
    run_git(folder, "add", "-A")
    run_git(folder, "commit", "-qm", message, "--no-verify")
    return run_git(folder, "rev-parse", "HEAD")


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    for name, text in SHOP.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    run_git(tmp_path, "init", "-q", "-b", "main", str(root))
    commit(root, "first")
    run_git(root, "checkout", "-q", "-b", "topic")
    return root


def names(root: Path, ref: str = "main") -> list[str]:
    return [one.service.name for one in assess(root, changed_since=ref).services]


@pytest.mark.parametrize(
    ("path", "touched"),
    [
        ("api/app.py", ["api"]),
        ("api/new.py", ["api"]),
        ("web/Dockerfile", ["web"]),
        ("web/.dockerignore", ["web"]),
        ("web/docs/read.md", []),
        ("conf/web.conf", ["web"]),
        ("lib/common.py", ["shared"]),
        ("lone/app.py", ["lone"]),
        ("README.md", []),
        ("compose.override.yaml", ["api", "db", "shared", "web"]),
        (".env", ["api", "db", "shared", "web"]),
        ("dock2wasm.toml", ["api", "db", "lone", "shared", "web"]),
    ],
)
def test_a_change_touches_the_services_that_read_the_path(shop: Path, path: str, touched: list[str]) -> None:
    if path == "compose.override.yaml":
        (shop / path).write_text("services: {api: {environment: {A: b}}}\n")
    else:
        with (shop / path).open("a") as file:
            file.write("# more\n")
    assert names(shop) == touched  # edited or new, not committed yet
    commit(shop)
    assert names(shop) == touched


def test_a_file_that_is_gone_touches_those_that_took_its_neighbours(shop: Path) -> None:
    (shop / "api/extra.py").unlink()
    assert names(shop) == ["api"]
    commit(shop)
    assert names(shop) == ["api"]


def test_a_file_that_a_copy_names_and_that_is_gone_touches_its_service(shop: Path) -> None:
    (shop / "lib/common.py").unlink()
    assert "shared" in names(shop)


def test_a_renamed_service_is_touched_under_its_new_name(shop: Path) -> None:
    run_git(shop, "mv", "lone", "alone")
    commit(shop)
    assert names(shop) == ["alone"]


def test_nothing_changed_is_a_report_that_says_so(shop: Path) -> None:
    result = CliRunner().invoke(app, ["assess", str(shop), "--changed-since", "main", "--fail-on", "keep"])
    assert result.exit_code == 0, result.output
    assert "0 services" in result.output
    assert "Left out: api, db, lone, shared, web." in " ".join(result.output.split())


def test_the_common_ancestor_counts_not_what_others_did_since(shop: Path) -> None:
    run_git(shop, "checkout", "-q", "main")
    (shop / "web/app.py").write_text(APP + "# on main\n")
    commit(shop)
    run_git(shop, "checkout", "-q", "topic")
    (shop / "api/app.py").write_text(APP + "# on topic\n")
    commit(shop)
    assert names(shop) == ["api"]


def test_paths_are_those_below_the_folder_that_is_assessed(shop: Path) -> None:
    (shop / "api/app.py").write_text(APP + "# more\n")
    (shop / "web/app.py").write_text(APP + "# more\n")
    (shop / "api" / "new.py").write_text("x = 1\n")
    assert changed_since(shop / "api", "main")[1] == ("app.py", "new.py")
    assert len(names(shop / "api")) == 1


def test_names_that_are_no_text_are_paths_too(shop: Path) -> None:
    strange = os.fsdecode(b"api/caf\xe9\nname.py")
    (shop / strange).write_text("x = 1\n")
    assert changed_since(shop, "main")[1] == (strange,)
    assert names(shop) == ["api"]


@pytest.mark.parametrize("ref", ["nowhere", "--output=/tmp/x", "-q", "", "main:api", "main..topic", "a b"])
def test_a_name_that_is_no_commit_is_an_error(shop: Path, ref: str) -> None:
    with pytest.raises(GitError) as caught:
        changed_since(shop, ref)
    assert "commit" in str(caught.value)


def test_a_folder_without_git_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(DOCKERFILE)
    with pytest.raises(GitError):
        assess(tmp_path, changed_since="main")


def test_unrelated_histories_are_an_error(shop: Path) -> None:
    run_git(shop, "checkout", "-q", "--orphan", "other")
    commit(shop)
    with pytest.raises(GitError, match="no commit in common"):
        changed_since(shop, "main")


@pytest.mark.parametrize("other", [["--service", "api"], ["--write-baseline", "known.json"]])
def test_options_that_contradict_are_refused(shop: Path, other: list[str]) -> None:
    result = CliRunner().invoke(app, ["assess", str(shop), "--changed-since", "main", *other])
    assert result.exit_code != 0
    assert not (shop / "known.json").exists()


def reports(root: Path) -> Iterator[tuple[str, str]]:
    for name in ("terminal", "json", "sarif", "markdown", "html"):
        result = CliRunner().invoke(app, ["assess", str(root), "--changed-since", "main", "--format", name])
        assert result.exit_code == 0, result.output
        yield name, result.output


def test_every_report_says_what_was_left_out(shop: Path) -> None:
    (shop / "api/app.py").write_text(APP + "# more\n")
    for name, text in reports(shop):
        if name == "json":
            scope = json.loads(text)["scope"]
            assert scope["since"] == "main" and len(scope["commit"]) == 40
            assert scope["changed"] == ["api/app.py"]
            assert scope["left_out"] == ["db", "lone", "shared", "web"]
        else:
            assert "Left out: db, lone, shared, web" in " ".join(text.split()), name


def test_a_baseline_loses_nothing_for_what_was_not_assessed(shop: Path) -> None:
    known = shop.parent / "known.json"
    assert CliRunner().invoke(app, ["assess", str(shop), "--write-baseline", str(known)]).exit_code == 0
    (shop / "api/app.py").write_text(APP + "# more\n")
    result = CliRunner().invoke(
        app,
        ["assess", str(shop), "--changed-since", "main", "--baseline", str(known), "--format", "json"],
    )
    assert json.loads(result.output)["baseline"]["gone"] == []


def test_nothing_of_the_repository_is_executed(shop: Path) -> None:
    marker = shop.parent / "marker"
    trap = shop.parent / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    trap.chmod(0o755)
    hooks = shop.parent / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "post-index-change", "fsmonitor-watchman", "reference-transaction"):
        (hooks / hook).write_text(trap.read_text())
        (hooks / hook).chmod(0o755)
    (shop / ".gitattributes").write_text("* filter=trap diff=trap merge=trap\n")
    commit(shop)
    for key in (
        "core.fsmonitor", "core.pager", "pager.diff", "core.sshCommand", "core.editor", "core.askPass",
        "core.gitProxy", "core.alternateRefsCommand", "credential.helper", "diff.external",
        "diff.trap.textconv", "diff.trap.command", "filter.trap.clean", "filter.trap.smudge",
        "filter.trap.process", "merge.trap.driver", "gpg.program", "uploadpack.packObjectsHook",
        "difftool.trap.cmd", "interactive.diffFilter", "sequence.editor",
    ):  # fmt: skip
        run_git(shop, "config", key, str(trap))
    run_git(shop, "config", "core.hooksPath", str(hooks))
    run_git(shop, "config", "filter.trap.required", "true")
    (shop / ".git/hooks").mkdir(exist_ok=True)
    (shop / ".git/hooks/post-index-change").write_text(trap.read_text())
    (shop / ".git/hooks/post-index-change").chmod(0o755)
    (shop / "api/app.py").write_text(APP + "# more\n")
    os.utime(shop / "web/app.py", (1, 1))  # git must look at the contents
    marker.unlink(missing_ok=True)
    for _, text in reports(shop):
        assert text
    assert names(shop) == ["api"]
    assert not marker.exists()


def test_the_traps_are_traps(shop: Path) -> None:
    """Plain git runs the filter: so the test above shows something."""
    marker = shop.parent / "marker"
    trap = shop.parent / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    trap.chmod(0o755)
    (shop / ".gitattributes").write_text("* filter=trap\n")
    commit(shop)
    run_git(shop, "config", "filter.trap.clean", str(trap))
    os.utime(shop / "web/app.py", (1, 1))
    run_git(shop, "diff", "--name-only", "main")
    assert marker.exists()
