"""An ignore stops a finding from counting, changes no verdict, and is said when it does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.model import Verdict
from migrate.policy import FailOn, failure
from migrate.policy.ignores import parse
from tests.migrate.policy.judged import FILES, edited, judged, marks, repository

COMMENT = "# dock2wasm: ignore[memory-state] moves to Redis"


def setting(folder: Path, text: str) -> None:
    (folder / "dock2wasm.toml").write_text(f"[[assess.ignore]]\n{text}\n")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("last.append(name)", f"last.append(name)  {COMMENT}"),
        ("    last.append(name)", f"    {COMMENT}\n    last.append(name)"),
        ("    last.append(name)", f"    {COMMENT}\n    # and more\n\n    last.append(name)"),
    ],
)
def test_a_comment_ignores_its_line_only(tmp_path: Path, old: str, new: str) -> None:
    repository(tmp_path)
    edited(tmp_path, "app.py", (old, new))
    reviewed = judged(tmp_path)
    found = {f.message.split()[0]: mark.suppressed for f, mark in marks(reviewed, "memory-state")}
    assert found["app.seen"] is None
    suppressed = found["app.last"]
    assert suppressed is not None
    assert suppressed.reason == "moves to Redis"
    assert suppressed.where.startswith("app.py:")
    assert reviewed.idle == ()


def test_an_ignore_never_changes_the_verdict(tmp_path: Path) -> None:
    repository(tmp_path)
    before = judged(tmp_path).assessment
    setting(tmp_path, 'rule = "memory-state"\nreason = "known"')
    reviewed = judged(tmp_path)
    assert all(mark.suppressed for _, mark in marks(reviewed, "memory-state"))
    (was,), (now,) = before.services, reviewed.assessment.services
    assert (now.verdict, now.score, now.targets) == (was.verdict, was.score, was.targets)
    assert now.verdict is Verdict.REFACTOR
    assert failure(reviewed, [FailOn.REFACTOR, FailOn.MAJOR]) is None


@pytest.mark.parametrize(
    ("narrowed", "fits"),
    [
        ("", True),
        ('path = "app.py"', True),
        ('path = "*.py"', True),
        ('path = "src/*"', False),
        ('service = "*"', True),
        ('service = "other"', False),
    ],
)
def test_a_setting_is_narrowed_by_service_and_path(tmp_path: Path, narrowed: str, fits: bool) -> None:
    repository(tmp_path)
    setting(tmp_path, f'rule = "memory-state"\nreason = "known"\n{narrowed}')
    reviewed = judged(tmp_path)
    assert [bool(mark.suppressed) for _, mark in marks(reviewed, "memory-state")] == [fits, fits]
    assert [one.why for one in reviewed.idle] == ([] if fits else ["matches no finding"])


@pytest.mark.parametrize(
    ("comment", "why"),
    [
        ("# dock2wasm: ignore[memory-state]", "gives no reason, so it does not hold"),
        ("# dock2wasm: ignore[memory-sate] because", "there is no rule of that name"),
        ("# dock2wasm: ignore[] because", "names no rule"),
        ("# dock2wasm: ignore[gpu] because", "matches no finding in line 11"),
    ],
)
def test_a_comment_that_does_nothing_is_said(tmp_path: Path, comment: str, why: str) -> None:
    repository(tmp_path)
    edited(tmp_path, "app.py", ("last.append(name)", f"last.append(name)  {comment}"))
    reviewed = judged(tmp_path)
    assert [mark.suppressed for _, mark in marks(reviewed, "memory-state")] == [None, None]
    assert [(one.where, one.why) for one in reviewed.idle] == [("app.py:11", why)]


def test_a_setting_for_no_rule_is_said(tmp_path: Path) -> None:
    repository(tmp_path)
    setting(tmp_path, 'rule = "memory-sate"\nreason = "known"')
    (idle,) = judged(tmp_path).idle
    assert idle.where == "dock2wasm.toml, [[assess.ignore]] 1"
    assert idle.why == "there is no rule of that name"
    (tmp_path / ".github").mkdir()
    (tmp_path / "dock2wasm.toml").rename(tmp_path / ".github" / "dock2wasm.toml")
    (idle,) = judged(tmp_path).idle
    assert idle.where == ".github/dock2wasm.toml, [[assess.ignore]] 1"


def test_one_comment_names_several_rules(tmp_path: Path) -> None:
    repository(tmp_path)
    line = "last.append(name)  # dock2wasm: ignore[memory-state, gpu] both"
    edited(tmp_path, "app.py", ("last.append(name)", line))
    assert [one.rule for one in judged(tmp_path).idle] == ["gpu"]


def test_a_dockerfile_takes_comments_too(tmp_path: Path) -> None:
    docker = FILES["Dockerfile"].replace("FROM python:3.14", "FROM python:3.6")
    before = judged(repository(tmp_path, {**FILES, "Dockerfile": docker}))
    assert marks(before, "python-version")
    edited(tmp_path, "Dockerfile", ("FROM", "# dock2wasm: ignore[python-version] upgraded in May\nFROM"))
    after = judged(tmp_path)
    assert [bool(mark.suppressed) for _, mark in marks(after, "python-version")] == [True]


def test_comments_outside_the_repository_are_not_read(tmp_path: Path) -> None:
    outside = tmp_path / "outside.py"
    outside.write_text(FILES["app.py"].replace("last.append(name)", f"last.append(name)  {COMMENT}"))
    root = repository(tmp_path / "web")
    (root / "app.py").unlink()
    (root / "app.py").symlink_to(outside)
    assert not any(mark.suppressed for one in judged(root).services for mark in one.marks)


@given(st.text(max_size=200), st.sampled_from(["# dock2wasm: ignore[", "// dock2wasm: ignore[a] b", "]", ""]))
def test_any_text_is_parsed(text: str, mark: str) -> None:
    lines = f"{text}{mark}{text}".split("\n")
    for comment in parse("a", "\n".join(lines)):
        assert 1 <= comment.evidence.line <= comment.target <= len(lines) + 1
