"""The tree: what is listed, what is left out and said, and the commit."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from analyzers.repository import PROVENANCE, Limits, RepositoryUnreadable, open_tree
from tests.analyzers.trees import write

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def reasons(root: Path, **limits: int) -> dict[str, str]:
    return {n.path: n.reason for n in open_tree(root, Limits(**limits)).not_read}


def test_paths_are_relative_sorted_and_slashed(tmp_path: Path) -> None:
    write(tmp_path, {"b/c.txt": "x", "a.txt": "x", "b/a/d.txt": "x"})
    assert open_tree(tmp_path).paths == ("a.txt", "b/a/d.txt", "b/c.txt")


@pytest.mark.parametrize("folder", [".git", "node_modules", ".venv", "__pycache__", "deep/.git"])
def test_folders_of_tools_are_skipped(tmp_path: Path, folder: str) -> None:
    write(tmp_path, {f"{folder}/x": "x", "kept": "x"})
    assert open_tree(tmp_path).paths == ("kept",)


def test_a_virtual_environment_of_any_name_is_skipped(tmp_path: Path) -> None:
    write(tmp_path, {"env3/pyvenv.cfg": "", "env3/lib/x.py": "", "kept": ""})
    assert open_tree(tmp_path).paths == ("kept",)


def test_our_output_is_no_input(tmp_path: Path) -> None:
    write(tmp_path, {f"wasm/api/{PROVENANCE}": "{}", "wasm/api/adapter/x.py": "", "app.py": ""})
    tree = open_tree(tmp_path)
    assert tree.paths == ("app.py",)
    assert tree.not_read == ()


def test_a_folder_elsewhere_that_claims_to_be_ours_is_skipped_aloud(tmp_path: Path) -> None:
    write(tmp_path, {f"src/{PROVENANCE}": "{}", "src/x.py": "", "app.py": ""})
    assert open_tree(tmp_path).paths == ("app.py",)
    assert PROVENANCE in reasons(tmp_path)["src"]


def test_links_do_not_lead_out_of_the_tree_or_round_in_circles(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret": "s"})
    root = write(tmp_path / "root", {"file": "f", ".git/config": "c"})
    (root / "inside").symlink_to("file")
    (root / "out").symlink_to(outside / "secret")
    (root / "outfolder").symlink_to(outside)
    (root / "loop").symlink_to(".")
    (root / "self").symlink_to("self")
    (root / "git").symlink_to(".git/config")
    (root / "dangling").symlink_to("nowhere")
    tree = open_tree(root)
    assert tree.paths == ("file", "inside")
    assert tree.text("inside") == "f"
    assert {n.path for n in tree.not_read} == {"out", "outfolder", "loop", "self", "git", "dangling"}


def test_a_file_swapped_for_a_link_after_the_walk_is_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"root/file": "f", "secret": "s"})
    tree = open_tree(tmp_path / "root")
    (tmp_path / "root/file").unlink()
    (tmp_path / "root/file").symlink_to(tmp_path / "secret")
    assert tree.data("file") is None
    assert [n.path for n in tree.not_read] == ["file"]


def test_a_fifo_neither_blocks_nor_is_listed(tmp_path: Path) -> None:
    write(tmp_path, {"file": "f"})
    os.mkfifo(tmp_path / "pipe")
    assert open_tree(tmp_path).paths == ("file",)
    assert reasons(tmp_path)["pipe"] == "is no regular file"
    tree = open_tree(tmp_path)
    (tmp_path / "file").unlink()
    os.mkfifo(tmp_path / "file")
    assert tree.data("file") is None


def test_a_huge_file_is_listed_and_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(1 << 30)
    tree = open_tree(tmp_path)
    assert tree.data("huge") is None
    assert "1,073,741,824 bytes" in tree.not_read[0].reason


def test_files_beyond_the_limits_are_said(tmp_path: Path) -> None:
    write(tmp_path, {"a/b/c/d": "", "x": "", "y": ""})
    assert reasons(tmp_path, depth=2)["a/b/c"] == "lies more than 2 folders deep"
    assert "more than 1 files" in reasons(tmp_path, files=1)["."]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbfa\r\nb\r", "a\nb\n"),
        ("ä".encode("utf-16"), "ä"),
        ("grün".encode(), "grün"),
        (b"gr\xfcn", None),
        (b"a\0b", None),
    ],
)
def test_text_is_utf8_or_utf16_or_said(tmp_path: Path, data: bytes, text: str | None) -> None:
    tree = open_tree(write(tmp_path, {"f": data}))
    assert tree.text("f") == text
    assert (text is None) == bool(tree.not_read)


def test_names_with_newlines_are_kept_and_names_that_are_no_text_are_said(tmp_path: Path) -> None:
    write(tmp_path, {"a\nb": "x"})
    write(tmp_path, {"ok": ""})
    os.close(os.open(os.fsencode(tmp_path) + b"/bad\xff", os.O_CREAT))
    tree = open_tree(tmp_path)
    assert tree.paths == ("a\nb", "ok")
    assert tree.text("a\nb") == "x"
    assert [n.reason for n in tree.not_read] == ["has a name that is not UTF-8"]


def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path, {"closed/x": "", "open": ""})
    scandir = os.scandir

    def refusing(path: str | Path) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    tree = open_tree(tmp_path)
    assert tree.paths == ("open",)
    assert "Permission denied" in {n.path: n.reason for n in tree.not_read}["closed"]


@pytest.mark.parametrize("name", ["missing", "file", "loop"])
def test_a_root_that_is_no_folder_is_an_error(tmp_path: Path, name: str) -> None:
    write(tmp_path, {"file": ""})
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(RepositoryUnreadable) as error:
        open_tree(tmp_path / name)
    assert error.value.what
    assert error.value.why


# --- the commit ---


@pytest.mark.parametrize(
    "files",
    [
        {".git/HEAD": COMMIT},
        {".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": COMMIT + "\n"},
        {".git/HEAD": "ref: refs/heads/a/b\n", ".git/packed-refs": f"# pack-refs\n{COMMIT} refs/heads/a/b\n"},
    ],
)
def test_the_commit_is_read_from_git_files(tmp_path: Path, files: dict[str, str]) -> None:
    assert open_tree(write(tmp_path, files)).commit == COMMIT
    write(tmp_path, {"part/x": ""})
    assert open_tree(tmp_path / "part").commit == COMMIT


@pytest.mark.parametrize(
    "files",
    [
        {".git/HEAD": "ref: ../../etc/passwd"},
        {".git/HEAD": "ref: refs/heads/../../../outside"},
        {".git/HEAD": "ref: refs/heads/none"},
        {".git/HEAD": "nonsense"},
        {".git/HEAD": b"\xff\xfe"},
        {".git": "gitdir: /etc"},
    ],
)
def test_a_commit_that_cannot_be_told_is_none(tmp_path: Path, files: dict[str, str]) -> None:
    write(tmp_path, {"outside": COMMIT})
    assert open_tree(write(tmp_path / "root", files)).commit is None


def test_a_worktree_is_followed_only_when_it_points_back(tmp_path: Path) -> None:
    git = tmp_path / "main/.git/worktrees/w"
    root = write(tmp_path / "w", {".git": f"gitdir: {git}\n"})
    write(git, {"HEAD": "ref: refs/heads/w", "commondir": "../..", "gitdir": f"{root}/.git"})
    write(tmp_path / "main/.git", {"refs/heads/w": COMMIT})
    assert open_tree(root).commit == COMMIT
    write(git, {"gitdir": "/somewhere/else/.git"})
    assert open_tree(root).commit is None


def test_paths_under_a_folder(tmp_path: Path) -> None:
    write(tmp_path, {"a/x": "", "a/b/y": "", "a-b": "", "a0": "", "ab/z": "", "c": ""})
    tree = open_tree(tmp_path)
    assert tree.under("a") == ("a/b/y", "a/x")
    assert tree.under("./a/b/") == ("a/b/y",)
    assert tree.under("") == tree.under(".") == tree.paths
    assert tree.under("none") == ()


def test_lines_are_the_same_after_many_other_files(tmp_path: Path) -> None:
    write(tmp_path, {f"f{n}": f"first\nline of {n}\n" for n in range(200)})
    tree = open_tree(tmp_path)
    for _ in range(2):
        assert [tree.line(f"f{n}", 2) for n in range(200)] == [f"line of {n}" for n in range(200)]
