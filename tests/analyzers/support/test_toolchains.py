"""Toolchains are read strictly, and speak for every language that a reader can name."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzers.support import SupportError, toolchains
from analyzers.support.toolchains import Checked, Maturity, Output, Server, load, read

LANGUAGES = [
    "python",
    "node",
    "go",
    "rust",
    "static",
    "java",
    "kotlin",
    "csharp",
    "php",
    "ruby",
    "c",
    "cpp",
    "elixir",
    "swift",
    "shell",
    "zig",
    "haskell",
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_its_page(language: str) -> None:
    found = load()[language]
    assert found.title
    assert found.rewrite.endswith(".")
    assert found.toolchains or language == "shell"


def test_nothing_that_is_known_of_a_tool_contradicts_itself() -> None:
    for language in load().values():
        for tool in language.toolchains:
            assert not tool.says.endswith(".")
            assert (tool.makes is Output.COMPONENT) == bool({"0.2", "0.3"} & set(tool.wasi)), tool.name
            assert (tool.makes is Output.JAVASCRIPT) == (not tool.wasi), tool.name


def test_the_best_tool_comes_first() -> None:
    order = list(Server)
    for language in load().values():
        servers = [order.index(tool.server) for tool in language.toolchains if tool.makes is Output.COMPONENT]
        assert servers == sorted(servers)
        assert all(tool.status is not Maturity.ABANDONED for tool in language.toolchains[:1])


def test_dotnet_is_experimental_and_only_read_of() -> None:
    best = load()["csharp"].best
    assert best is not None
    assert (best.status, best.server, best.checked) == (
        Maturity.EXPERIMENTAL,
        Server.REWRITTEN,
        Checked.READ,
    )


GOOD = 'language = "cobol"\ntitle = "COBOL"\nrewrite = "All."\nrewrite_days = [1, 2]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("[1, 2]", "[2, 1]"), "smaller one first"),
        (GOOD.replace("[1, 2]", "[true, 2]"), "smaller one first"),
        (GOOD.replace("[1, 2]", '"two"'), "smaller one first"),
        (GOOD.replace('"cobol"', '"pascal"'), "must be called pascal.toml"),
        (GOOD + "age = 60\n", "unknown key 'age'"),
        (GOOD + '[[toolchain]]\nname = "x"\n', "versions must be a text"),
        (
            GOOD + '[[toolchain]]\nname = "x"\nversions = "1"\nstatus = "good"\n',
            "status must be one of stable, experimental, abandoned",
        ),
        ("language", "cobol.toml"),
    ],
)
def test_a_file_that_breaks_the_schema_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "cobol.toml").write_text(text, "utf-8")
    with pytest.raises(SupportError) as raised:
        read(tmp_path)
    assert message in str(raised.value)


def test_no_two_files_speak_for_a_language(tmp_path: Path) -> None:
    (tmp_path / "cobol.toml").write_text(GOOD, "utf-8")
    (tmp_path / "pascal.toml").write_text(GOOD.replace('"cobol"', '"pascal"') + 'also = ["cobol"]\n', "utf-8")
    with pytest.raises(SupportError, match="another file speaks for 'cobol'"):
        toolchains.read(tmp_path)
