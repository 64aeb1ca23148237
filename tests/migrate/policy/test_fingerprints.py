"""A finding keeps its name while code around it moves, and loses it when it is another finding."""

from __future__ import annotations

from pathlib import Path

from tests.migrate.policy.judged import FILES, edited, judged, marks, names, repository


def test_each_finding_has_a_name_of_its_own(tmp_path: Path) -> None:
    reviewed = judged(repository(tmp_path))
    every = [mark.fingerprint for one in reviewed.services for mark in one.marks]
    assert len(every) >= 2
    assert len(set(every)) == len(every)


def test_names_survive_lines_that_move(tmp_path: Path) -> None:
    before = judged(repository(tmp_path))
    edited(
        tmp_path,
        "app.py",
        ("from flask", '"""Says hello."""\n\nimport json\nfrom flask'),
        ("    seen[name] =", "\n\n    # count it\n    seen[name]  =  "),
    )
    after = judged(tmp_path)
    moved = marks(after, "memory-state")
    assert names(moved) == names(marks(before, "memory-state"))
    assert moved[0][0].evidence[0].line != marks(before, "memory-state")[0][0].evidence[0].line


def test_an_ignore_comment_is_no_part_of_the_line(tmp_path: Path) -> None:
    before = names(marks(judged(repository(tmp_path)), "memory-state"))
    line = "last.append(name)  # dock2wasm: ignore[memory-state] to Redis"
    edited(tmp_path, "app.py", ("last.append(name)", line))
    after = marks(judged(tmp_path), "memory-state")
    assert any(mark.suppressed for _, mark in after)
    assert names(after) == before


def test_an_edited_line_is_another_finding(tmp_path: Path) -> None:
    before = names(marks(judged(repository(tmp_path)), "memory-state"))
    edited(tmp_path, "app.py", ("last.append(name)", "last.append(name.upper())"))
    after = names(marks(judged(tmp_path), "memory-state"))
    assert len(after) == len(before) == 2
    assert len(set(before) & set(after)) == 1


def test_another_file_is_another_finding(tmp_path: Path) -> None:
    files = {
        **FILES,
        "main.py": FILES["app.py"],
        "Dockerfile": FILES["Dockerfile"].replace("app:app", "main:app"),
    }
    first = names(marks(judged(repository(tmp_path / "a" / "web")), "memory-state"))
    second = names(marks(judged(repository(tmp_path / "b" / "web", files)), "memory-state"))
    assert first
    assert second
    assert not set(first) & set(second)


def test_equal_lines_are_told_apart_by_number(tmp_path: Path) -> None:
    text = FILES["app.py"].replace(
        "    last.append(name)\n", "    seen[name] = 1\n    last[:] = seen[name] = 1\n"
    )
    reviewed = judged(repository(tmp_path, {**FILES, "app.py": text}))
    every = [mark.fingerprint for one in reviewed.services for mark in one.marks]
    assert len(set(every)) == len(every)
