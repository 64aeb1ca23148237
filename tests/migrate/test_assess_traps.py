"""A repository with a trap in each place where a tool would run something of it: `assess` runs nothing.

Every trap would leave a marker file. Beside the marker, an audit hook of the interpreter watches for
programs, connections, code of the repository that is executed, and files that are written or read outside.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from typer.testing import CliRunner

from migrate.cli import app
from tests.migrate.traps import OUTSIDE, traps

FORMATS = ("terminal", "json", "sarif", "markdown", "html")


@dataclass
class Watch:
    """What the interpreter did while it was watched."""

    active: bool = False
    root: str = ""
    outside: str = ""
    programs: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def hook(self, event: str, args: tuple[object, ...]) -> None:
        if not self.active:
            return
        if event == "subprocess.Popen":
            self.programs.append(str(args[0]))
        elif event in ("os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect", "socket.bind"):
            self.wrong.append(f"{event} {args}")
        elif event == "exec" and str(getattr(args[0], "co_filename", "")).startswith(self.root):
            self.wrong.append(f"code of the repository was executed: {args[0]}")
        elif event == "open" and isinstance(args[0], str):
            self._opened(args[0], args[1], args[2])

    def _opened(self, path: str, mode: object, flags: object) -> None:
        writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if path.startswith(self.outside) or (path.startswith(self.root) and writes):
            self.wrong.append(f"{path} was opened ({mode})")


WATCH = Watch()
sys.addaudithook(WATCH.hook)  # it can never be taken out again; it does nothing while it is not active


@pytest.fixture
def trapped(tmp_path: Path) -> Iterator[Path]:
    marker = tmp_path / "marker"
    root = tmp_path / "repository"
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text(f"{OUTSIDE}\nservices: {{x: {{image: {OUTSIDE}}}}}\n")
    for name, text in traps(marker).items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(0o755)
    (root / "api/linked.py").symlink_to(outside / "secret")
    (root / "linked").mkdir()
    (root / "linked/Dockerfile").symlink_to(outside / "secret")
    (root / "linked-folder").symlink_to(outside)
    (tmp_path / "marker.sh").write_text(f"#!/bin/sh\ntouch {marker}\n")
    (tmp_path / "marker.sh").chmod(0o755)
    _commit(root)
    _trap_git(root, tmp_path / "marker.sh")
    yield root
    WATCH.active = False


def _git(root: Path, *arguments: str) -> None:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.email=a@example.com", "-c", "user.name=A"]
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, env=environment)


def _commit(root: Path) -> None:
    _git(root.parent, "init", "-q", "-b", "main", str(root))
    (root / ".gitattributes").write_text("* filter=trap diff=trap merge=trap\n")
    _git(root, "add", "-A")
    _git(root, "commit", "-qm", "first", "--no-verify")


def _trap_git(root: Path, trap: Path) -> None:
    for key in (
        "core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass", "core.editor", "credential.helper",
        "diff.external", "diff.trap.textconv", "diff.trap.command", "filter.trap.clean", "filter.trap.smudge",
        "filter.trap.process", "merge.trap.driver", "gpg.program", "pager.diff", "pager.status",
        "core.alternateRefsCommand", "core.gitProxy",
    ):  # fmt: skip
        _git(root, "config", key, str(trap))
    hooks = root / ".git/hooks"
    hooks.mkdir(exist_ok=True)
    for hook in (
        "post-index-change",
        "pre-commit",
        "post-checkout",
        "fsmonitor-watchman",
        "reference-transaction",
    ):
        (hooks / hook).write_text(trap.read_text())
        (hooks / hook).chmod(0o755)
    os.utime(root / "web/server.js", (1, 1))


def assess(root: Path, *options: str) -> str:
    """The report on stdout of one run, watched."""
    WATCH.root, WATCH.outside = str(root), str(root.parent / "outside")
    WATCH.programs.clear()
    WATCH.wrong.clear()
    WATCH.active = True
    try:
        result = CliRunner().invoke(app, ["assess", str(root), *options])
    finally:
        WATCH.active = False
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.parametrize("name", FORMATS)
def test_no_trap_goes_off(trapped: Path, name: str) -> None:
    text = assess(trapped, "--format", name)
    assert WATCH.programs == [] and WATCH.wrong == []
    assert not (trapped.parent / "marker").exists()
    assert OUTSIDE not in text
    for service in ("api", "web", "rusty", "goer", "site"):  # they were read all the same
        assert service in text, service


def test_no_trap_goes_off_where_git_is_asked(trapped: Path) -> None:
    (trapped / "api/app.py").write_text((trapped / "api/app.py").read_text() + "# more\n")
    text = assess(trapped, "--changed-since", "main", "--format", "json")
    assert WATCH.programs and set(WATCH.programs) == {"git"}
    assert [one for one in WATCH.wrong if not one.startswith("os.fork")] == []
    assert not (trapped.parent / "marker").exists()
    assert OUTSIDE not in text


def test_nothing_of_the_repository_is_imported(trapped: Path) -> None:
    before = set(sys.modules)
    assess(trapped)
    come = [sys.modules[name] for name in set(sys.modules) - before]
    assert not [one for one in come if str(getattr(one, "__file__", "") or "").startswith(str(trapped))]


def test_the_traps_are_traps(trapped: Path) -> None:
    """Run by hand they do leave the marker: so the tests above show something."""
    marker = trapped.parent / "marker"
    for command in (
        [sys.executable, "trap.py"],
        ["sh", "more.sh"],
        [sys.executable, "setup.py", "--version"],
        [sys.executable, "conftest.py"],
    ):
        subprocess.run(command, cwd=trapped / "api", capture_output=True, check=False)
        assert marker.exists(), command
        marker.unlink()
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull}
    subprocess.run(["git", "status"], cwd=trapped, env=environment, capture_output=True, check=False)
    assert marker.exists()
