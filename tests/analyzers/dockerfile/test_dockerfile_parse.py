"""Why `dockerfile-parse` 2.0.1 does not read Dockerfiles here: what it gets wrong, next to what we read.

Each case is wrong there in its own way; should a later version get one right, its test fails and can go.
"""

from __future__ import annotations

import io
from typing import Any

import pytest
from dockerfile_parse import DockerfileParser

from analyzers.dockerfile.split import DockerfileSyntaxError, split
from analyzers.dockerfile.stages import resolve
from analyzers.model import Image


def theirs(text: str) -> Any:
    parser = DockerfileParser(fileobj=io.BytesIO())
    parser.content = text
    return parser


def names(text: str) -> tuple[list[str], list[str]]:
    """Instruction names: ours, theirs."""
    structure = theirs(text).structure
    return [i.name for i in split(text.encode())], [
        s["instruction"] for s in structure if s["instruction"] != "COMMENT"
    ]


def ours(text: str) -> Image:
    return resolve(text.encode(), dockerfile="Dockerfile", context="")


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("FROM a\nRUN <<EOF\npip install x\nEOF\nUSER u\n", ["FROM", "RUN", "USER"]),
        ("FROM a\nRUN a \\\n\n && b\n", ["FROM", "RUN"]),
        ("# check=skip=all\n# escape=`\nFROM a\nRUN x `\n y\n", ["FROM", "RUN"]),
        ("FROM a\nENV a=b\\\n  \nENV c=d\n", ["FROM", "ENV"]),
        ("FROM\\\n a\nUSER u\n", ["FROM", "USER"]),
    ],
    ids=["heredoc", "blank line in a continuation", "directives", "blank after a continuation", "FROM\\"],
)
def test_instructions(text: str, right: list[str]) -> None:
    mine, other = names(text)
    assert mine == right
    assert other != right


def test_a_byte_order_mark() -> None:
    mine, other = names("\ufeffFROM a\n")
    assert mine == ["FROM"]
    assert other == ["\ufeffFROM"]


def test_defaults_of_variables() -> None:
    text = "ARG V=3.20\nFROM alpine:${V:-3.19}\nENV A=${M:-d}\n"
    image = ours(text)
    assert (image.base, image.env[0].value) == ("alpine:3.20", "d")
    assert theirs(text).baseimage == "alpine:3.20:-3.19}"
    assert theirs(text).envs["A"] == ":-d}"


def test_a_dockerfile_inside_a_heredoc() -> None:
    text = "FROM outer\nCOPY <<EOF /Dockerfile\nFROM inner\nENV A=1\nEOF\n"
    image = ours(text)
    assert (image.base, image.env) == ("outer", ())
    assert theirs(text).baseimage == "inner"
    assert dict(theirs(text).envs) == {"A": "1"}


def test_a_stage_inherits_from_a_stage() -> None:
    text = "FROM a AS b\nENV A=1\nFROM b\n"
    assert [(v.name, v.value) for v in ours(text).env] == [("A", "1")]
    assert dict(theirs(text).envs) == {}


def test_what_buildkit_refuses_is_accepted() -> None:
    text = 'FROM a\nCMD ["a", ["b"]]\n'
    with pytest.raises(DockerfileSyntaxError):
        split(text.encode())
    assert theirs(text).cmd == '["a", ["b"]]'
