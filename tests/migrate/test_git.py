"""A repository full of traps: git runs, none of them does."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from migrate.errors import GitError
from migrate.git import git, has_changes


def _init(folder: Path) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    for arguments in (
        ["init", "-q", "-b", "main"],
        ["config", "user.email", "a@example.com"],
        ["config", "user.name", "A"],
        ["add", "-A"],
        ["commit", "-qm", "first"],
    ):
        subprocess.run(["git", "-C", str(folder), *arguments], check=True, env=environment)


def test_reads_the_commit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a\n")
    _init(tmp_path)
    assert len(git(tmp_path, ["rev-parse", "HEAD"]).strip()) == 40


def test_has_changes_sees_edits_and_new_files_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "a.txt").write_text("a\n")
    _init(tmp_path)
    assert not has_changes(tmp_path)
    (tmp_path / "wasm").mkdir()
    (tmp_path / "wasm" / "made.txt").write_text("m\n")
    assert not has_changes(tmp_path, without="wasm")
    (tmp_path / "new.txt").write_text("n\n")
    assert has_changes(tmp_path, without="wasm")
    assert not has_changes(tmp_path, "api")
    (tmp_path / "api" / "a.txt").write_text("b\n")
    assert has_changes(tmp_path, "api")


def test_nothing_of_the_repository_is_executed(tmp_path: Path) -> None:
    repository = tmp_path / "r"
    repository.mkdir()
    marker = tmp_path / "marker"
    (repository / ".gitattributes").write_text("*.txt filter=trap diff=trap merge=trap\n")
    (repository / "a.txt").write_text("a\n")
    _init(repository)
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch '{marker}'\ncat\n")
    trap.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for hook in ("post-checkout", "post-index-change", "fsmonitor-watchman", "pre-commit"):
        (hooks / hook).write_text(trap.read_text())
        (hooks / hook).chmod(0o755)
    included = tmp_path / "included"
    included.write_text(f'[filter "Trap.Dots"]\n\tclean = {trap}\n')
    for key, value in {
        "core.hooksPath": str(hooks),
        "core.fsmonitor": str(trap),
        "core.pager": str(trap),
        "core.sshCommand": str(trap),
        "filter.trap.clean": str(trap),
        "filter.trap.smudge": str(trap),
        "filter.trap.process": str(trap),
        "filter.trap.required": "true",
        "diff.external": str(trap),
        "diff.trap.textconv": str(trap),
        "diff.trap.command": str(trap),
        "include.path": str(included),
    }.items():
        subprocess.run(["git", "-C", str(repository), "config", key, value], check=True)
    os.utime(repository / "a.txt", (1, 1))
    (repository / "a.txt").write_text("changed\n")
    # The trap is live: git without the guard springs it.
    subprocess.run(["git", "-C", str(repository), "diff"], check=False, capture_output=True)
    assert marker.exists()
    marker.unlink()

    assert has_changes(repository)
    assert "+changed" in git(repository, ["diff"])
    git(repository, ["log", "-p"])
    git(repository, ["show", "HEAD"])
    assert not marker.exists()


@pytest.mark.parametrize("arguments", [[], ["clone", "x"], ["-c", "x=y"], ["commit"]])
def test_other_subcommands_are_refused(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(GitError, match="not allowed"):
        git(tmp_path, arguments)


def test_a_folder_that_is_no_repository_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(GitError, match="failed in"):
        git(tmp_path, ["rev-parse", "HEAD"])
