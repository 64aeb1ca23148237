"""Words with variables: every modifier, quotes, escapes; who sees what in a Dockerfile."""

from __future__ import annotations

import pytest

from analyzers.dockerfile.lex import Lexer, LexError
from analyzers.dockerfile.stages import resolve
from analyzers.model import Image

ENV = {"x": "foo.tar.gz", "p": "/a/b/a", "empty": "", "star": "a*b"}


def image(text: str, **build_args: str) -> Image:
    return resolve(text.encode(), dockerfile="Dockerfile", context="", build_args=build_args)


def env(text: str, **build_args: str) -> dict[str, str | None]:
    return {v.name: v.value for v in image(text, **build_args).env}


@pytest.mark.parametrize(
    ("word", "result"),
    [
        ("$x ${x}", "foo.tar.gz foo.tar.gz"),
        ("'$x' \"$x\" \\$x", "$x foo.tar.gz $x"),
        ("a'b c'\"d\"", "ab cd"),
        ("$nope|${nope}|", "||"),
        ("${nope:-d} ${empty:-d} ${x:-d}", "d d foo.tar.gz"),
        ("${nope-d} ${empty-d} ${x-d}", "d  foo.tar.gz"),
        ("${nope:+d}|${empty:+d}|${x:+d}", "||d"),
        ("${nope+d}|${empty+d}|${x+d}", "|d|d"),
        ("${x:?must} ${empty?must}", "foo.tar.gz "),
        ("${x#*.} ${x##*.}", "tar.gz gz"),
        ("${x%.*} ${x%%.*}", "foo.tar foo"),
        ("${p#/a} ${p%a} ${p#b}", "/b/a /a/b/ /a/b/a"),
        ("${star%\\*b} ${star#?}", "a *b"),
        ("${p/a/X} ${p//a/X} ${p//\\//_}", "/X/b/a /X/b/X _a_b_a"),
        ("${p/z/X} ${x//?/-}", "/a/b/a ----------"),
        ("${nope:-${x%.gz}}", "foo.tar"),
        ("${nope:-'a b'}", "a b"),
        ("$", "$"),
        ("$1$@", ""),
    ],
)
def test_words(word: str, result: str) -> None:
    assert Lexer().process(word, ENV).text == result


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("${x", "missing '}'|unsupported modifier"),
        ("${}", "bad substitution"),
        ("${x:#a}", r"unsupported modifier \(:#\)"),
        ("${x^^}", r"unsupported modifier \(\^\)"),
        ("${x/a}", "missing '/'"),
        ("'a", "single-quote"),
        ('"a', "double-quote"),
        ("${x#\\a}", "invalid escape"),
    ],
)
def test_bad_words(word: str, message: str) -> None:
    with pytest.raises(LexError, match=message):
        Lexer().process(word, ENV)


def test_another_escape_character() -> None:
    assert Lexer("`").process("C:\\dir `$x", ENV).text == "C:\\dir $x"


def test_variables_without_a_value_are_named() -> None:
    assert Lexer().process("$a ${b} ${c:-d} ${e:+f} ${g#h} ${i:?j}", {}).unset == ("a", "b", "g", "i")


def test_words_are_split_after_values_are_put_in() -> None:
    assert Lexer().process("80 $ports '1 2'", {"ports": "81 82"}).words == ("80", "81", "82", "1 2")


def test_one_env_instruction_sees_what_was_before_it() -> None:
    assert env("FROM a\nENV A=1\nENV A=2 B=$A\nENV C=$A\n") == {"A": "2", "B": "1", "C": "2"}


def test_an_arg_is_seen_from_its_line_on() -> None:
    found = image("FROM a\nENV A=$V\nARG V=1\nENV B=$V\n")
    assert [v.value for v in found.env] == ["", "1"]
    assert [e.line for e in found.unresolved] == [2]


def test_build_arguments_go_before_defaults() -> None:
    text = "ARG G=g\nFROM a:$G\nARG V=1\nARG G\nENV A=$V B=$G\n"
    assert env(text) == {"A": "1", "B": "g"}
    assert env(text, V="2", G="h") == {"A": "2", "B": "h"}
    assert image(text, G="h").base == "a:h"


def test_a_build_argument_without_arg_is_not_seen() -> None:
    assert env("FROM a\nENV A=${V:-no}\n", V="yes") == {"A": "no"}


def test_a_global_arg_must_be_taken_into_a_stage() -> None:
    assert env("ARG V=1\nFROM a\nENV A=${V:-no}\nARG V\nENV B=$V\n") == {"A": "no", "B": "1"}


def test_arguments_that_buildkit_sets() -> None:
    text = (
        "FROM --platform=$BUILDPLATFORM a:$TARGETARCH AS last\n"
        "ARG TARGETOS TARGETSTAGE\nENV A=$TARGETOS/$TARGETSTAGE\n"
    )
    assert image(text).base == "a:amd64"
    assert env(text) == {"A": "linux/last"}


def test_a_stage_starts_with_the_variables_of_its_base() -> None:
    text = "FROM a AS b\nARG V=1\nENV A=$V\nFROM b\nENV B=$V$A\nFROM a\nENV C=${V:-none}\n"
    assert env(text.rsplit("FROM", 1)[0]) == {"A": "1", "B": "11"}
    assert env(text) == {"C": "none"}


def test_what_never_expands() -> None:
    found = image(
        'FROM a\nENV A=1\nRUN echo $A\nCMD ["$A"]\nENTRYPOINT e $A\nHEALTHCHECK CMD c $A\nSHELL ["$A"]\n'
    )
    assert found.runs[0].command == "echo $A"
    assert found.entrypoint is not None
    assert found.cmd is not None
    assert found.healthcheck is not None
    assert (found.cmd.argv, found.entrypoint.argv[-1]) == (("$A",), "e $A")
    assert (found.healthcheck.command, found.shell) == (("$A", "c $A"), ("$A",))


def test_a_base_that_only_a_build_argument_names() -> None:
    found = image("ARG BASE\nFROM $BASE\n")
    assert (found.base, [e.line for e in found.unresolved]) == ("$BASE", [2])


def test_a_path_in_front_of_the_path() -> None:
    assert env("FROM a\nENV PATH=/venv/bin:$PATH\n")["PATH"] == (
        "/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    )
