"""Ignore files."""

from __future__ import annotations

import pytest

from analyzers.dockerfile import ignore
from analyzers.dockerfile.errors import DockerfileSyntaxError
from analyzers.dockerfile.globs import BadPatternError, go_match, has_wildcards

PATHS = [
    "README.md",
    "a.py",
    "docs/a.md",
    "docs/img/x.png",
    "src/a.py",
    "src/__pycache__/a.pyc",
    "tmp/keep/x",
]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("", PATHS),
        ("# all\n\n   \n", PATHS),
        ("*.py\n", [p for p in PATHS if p != "a.py"]),
        ("**/*.py\n", [p for p in PATHS if not p.endswith(".py")]),
        ("docs\n", [p for p in PATHS if not p.startswith("docs/")]),
        ("/docs/\n", [p for p in PATHS if not p.startswith("docs/")]),
        ("docs/*\n!docs/img\n", [p for p in PATHS if p != "docs/a.md"]),
        ("*\n!src\n**/__pycache__\n", ["src/a.py"]),
        ("*\n!tmp/keep/x\n", ["tmp/keep/x"]),
        ("!src\nsrc\n", [p for p in PATHS if not p.startswith("src/")]),
        ("**\n", []),
        ("  tmp  \r\n./docs/../README.md\r\n", [p for p in PATHS if not p.startswith(("tmp", "README"))]),
        ("\ufeffa.py\n", [p for p in PATHS if p != "a.py"]),
        ("s?c/[a-b].py\n", [p for p in PATHS if p != "src/a.py"]),
        ("[^d]*\n", ["docs/a.md", "docs/img/x.png"]),
        ("../README.md\n", PATHS),
    ],
)
def test_what_is_kept(text: str, kept: list[str]) -> None:
    read = ignore.parse(text)
    assert [p for p in PATHS if not read.excludes(p)] == kept


def test_an_exception_must_name_more_than_the_folder_above() -> None:
    # The walk has left `dir/f` out before `!dir` could be asked again.
    read = ignore.parse("dir/f\n!dir\n")
    assert read.excludes("dir/f")


@pytest.mark.parametrize(("text", "line"), [("a\n!\n", 2), ("[\n", 1), ("a\n\n!/\n", 3), ("[]a]\n", 1)])
def test_refused(text: str, line: int) -> None:
    with pytest.raises(DockerfileSyntaxError) as caught:
        ignore.parse(text)
    assert caught.value.line == line
    assert "ignore file" in caught.value.message


@pytest.mark.parametrize(
    ("pattern", "name", "matches"),
    [
        ("*.py", "a.py", True),
        ("*.py", "b/a.py", False),
        ("a*b*c", "aXbbYc", True),
        ("?", "/", False),
        ("[a-c]x", "bx", True),
        ("[^a-c]x", "bx", False),
        ("\\*", "*", True),
        ("*/b", "a/b", True),
        ("", "", True),
    ],
)
def test_go_match(pattern: str, name: str, matches: bool) -> None:
    assert go_match(pattern, name) is matches


@pytest.mark.parametrize("pattern", ["[", "[a", "[a-", "[]a]", "[-a]", "\\"])
def test_bad_patterns(pattern: str) -> None:
    with pytest.raises(BadPatternError):
        go_match(pattern, "a")


def test_escaped_wildcards_are_none() -> None:
    assert has_wildcards("a*")
    assert not has_wildcards("a\\*\\[")
