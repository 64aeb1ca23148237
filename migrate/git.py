"""The one place where git is started, so that a repository's own configuration starts nothing.

A repository is untrusted input: its `.git/config` may name programs (hooks, fsmonitor, filters,
external diffs, text conversions, ssh commands, credential helpers) that git would run. Here every
such setting is overridden by name before git reads a file of the work tree.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from migrate.errors import GitError, ToolMissingError

# Read-only subcommands that this project needs; another one is refused.
ALLOWED = frozenset({"rev-parse", "status", "ls-files", "diff", "log", "show", "merge-base", "config"})

_FIXED = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.pager": "cat",
    "core.editor": "false",
    "core.askPass": "",
    "core.sshCommand": "false",
    "core.gitProxy": "",
    "core.alternateRefsCommand": "",
    "core.attributesFile": os.devnull,
    "core.excludesFile": os.devnull,
    "diff.external": "",
    "diff.submodule": "short",
    "diff.ignoreSubmodules": "all",
    "submodule.recurse": "false",
    "status.submoduleSummary": "false",
    "credential.helper": "",
    "protocol.allow": "never",
    "log.showSignature": "false",
    "gpg.program": "false",
    "gc.auto": "0",
    "maintenance.auto": "false",
}

# Keys below `filter.<name>.`, `diff.<name>.` and `merge.<name>.` whose value git would run.
_PROGRAMS = ("clean", "smudge", "process", "textconv", "command", "driver")


def git(repository: Path, arguments: Sequence[str], *, timeout: float = 30.0) -> str:
    """What `git ARGUMENTS` prints in `repository`, with nothing of the repository executed.

    Raises GitError when git refuses, fails or takes longer than `timeout` seconds, and
    ToolMissingError where git is not installed.
    """
    if not arguments or arguments[0] not in ALLOWED:
        raise GitError(f"git {' '.join(arguments[:1])} is not allowed here.", why="Only reading is.")
    overrides = dict(_FIXED)
    for key in _run(repository, overrides, ["config", "--list", "--name-only", "-z"], timeout).split("\0"):
        section, _, rest = key.partition(".")
        name, _, last = rest.rpartition(".")
        if section.lower() in {"filter", "diff", "merge"} and name and last.lower() in _PROGRAMS:
            overrides[key] = ""
            if section.lower() == "filter":
                overrides[f"filter.{name}.required"] = "false"
    return _run(repository, overrides, _guarded(arguments), timeout)


def has_changes(repository: Path, folder: str = ".", *, without: str | None = None) -> bool:
    """Whether tracked files below `folder` differ from the commit, or untracked ones are there.

    What lies below `without` does not count. Both are relative to `repository`.
    """
    apart = [f":(exclude){without}"] if without else []
    asked = ["status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=all", "--"]
    return bool(git(repository, [*asked, folder, *apart]))


def changed_since(folder: Path, ref: str) -> tuple[str, tuple[str, ...]]:
    """The commit where HEAD's history and that of `ref` part, and the paths below `folder` that differ.

    Paths are relative to `folder`: committed, edited, deleted and new ones; a renamed file is two. Raises
    GitError where `folder` is in no repository, `ref` names no commit, or nothing in common is here.
    """
    if ref.startswith("-") or not ref.strip():
        raise GitError(f"{ref!r} is no name of a commit.", do="Name a branch, a tag or a commit.")
    inside = git(folder, ["rev-parse", "--is-inside-work-tree"]).strip()
    if inside != "true":
        raise GitError(f"{folder} is no work tree of git.", do="Run it in a checkout.")
    try:
        commit = git(folder, ["rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}"]).strip()
    except GitError:
        raise GitError(
            f"There is no commit {ref!r} in {folder}.",
            why="Neither a branch, nor a tag, nor a commit of that name was fetched.",
            do=f"git fetch origin {ref}, or name another one; a CI checkout may need a greater fetch depth.",
        ) from None
    try:
        base = git(folder, ["merge-base", commit, "HEAD"]).strip()
    except GitError:
        raise GitError(
            f"{ref!r} and HEAD have no commit in common here.",
            why="The histories are unrelated, or the checkout is shallow and does not reach back far enough.",
            do="Fetch more history (git fetch --unshallow, or fetch-depth: 0 in CI).",
        ) from None
    asked = ["--name-only", "--no-renames", "--relative", "--ignore-submodules=all", "-z", base, "--", "."]
    differs = git(folder, ["diff", *asked])
    new = git(folder, ["ls-files", "--others", "--exclude-standard", "-z", "--", "."])
    return base, tuple(sorted({path for path in (*differs.split("\0"), *new.split("\0")) if path}))


def _guarded(arguments: Sequence[str]) -> list[str]:
    if arguments[0] in {"diff", "log", "show"}:
        return [arguments[0], "--no-ext-diff", "--no-textconv", "--no-color", *arguments[1:]]
    return list(arguments)


def _run(repository: Path, overrides: dict[str, str], arguments: Sequence[str], timeout: float) -> str:
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "HOME": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_CONFIG_COUNT": str(len(overrides)),
    }
    for number, (key, value) in enumerate(sorted(overrides.items())):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    try:
        done = subprocess.run(
            ["git", "--no-pager", "-C", str(repository), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout,
            check=False,
        )
    except FileNotFoundError:
        raise ToolMissingError(
            "git is not installed.", do="Install git with your system's package manager."
        ) from None
    except subprocess.TimeoutExpired:
        raise GitError(f"git {arguments[0]} took longer than {timeout:.0f} s.") from None
    if done.returncode != 0:
        raise GitError(
            f"git {arguments[0]} failed in {repository}.",
            why=done.stderr.decode("utf-8", "replace").strip()[-500:],
        )
    return os.fsdecode(done.stdout)  # names of files keep their bytes
