"""Where shell scripts lead."""

from __future__ import annotations

import shlex
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.shell import ShellSyntaxError, follow


def main(text: str, *arguments: str, **env: str) -> str:
    found = follow(text, env=env, arguments=arguments, cwd="/app").main
    return " ".join(found.argv) if found else ""


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("exec gunicorn app:app", "gunicorn app:app"),
        ("#!/bin/sh\n# note\nset -e\necho hi\nsrv --a \\\n  --b\n", "srv --a --b"),
        ("migrate && srv", "srv"),
        ("srv || exit 1", "srv"),
        ("srv 2>&1 | tee log", "srv"),
        ("exec srv >/dev/null 2>&1 < /dev/null", "srv"),
        ("exec 2>&1\nexec srv", "srv"),
        ('if [ -n "$DEBUG" ]; then exec dev; fi; exec srv', "srv"),
        ("if test $ROLE = web; then exec srv; else exec worker; fi", "srv"),
        ('[ "$ROLE" != web ] && exec worker\nexec srv', "srv"),
        ("case $ROLE in w*) exec srv;; *) exec other;; esac", "srv"),
        ("run() { exec srv \"$@\"; }\nrun -a 'b c'", "srv -a b c"),
        ("function run {\n exec srv\n}\nrun", "srv"),
        ("until pg_isready; do sleep 1; done; exec srv", "srv"),
        ("while true; do job; sleep 5; done", "job"),
        ("cat <<EOF > f\nexec nothing\nEOF\nexec srv", "srv"),
        ("worker & exec srv", "srv"),
        ("worker &\nsrv &\nwait", "srv"),
        ("PORT=${PORT:-80} exec srv", "srv"),
        ("export P=${P:-80}; exec srv :$P", "srv :80"),
        (": ${P:=81}\nexec srv $P", "srv 81"),
        ('set -- srv "$@"; exec "$@"', "srv one two"),
        ('shift; exec "$@"', "two"),
        ('exec "${@:-help}"', "one two"),
        ("OPTS='-a -b'; exec srv $OPTS", "srv -a -b"),
        ("OPTS='-a -b'; exec srv \"$OPTS\"", "srv -a -b"),
        ("eval exec srv $1", "srv one"),
        ("(cd x && exec srv)", "srv"),
    ],
)
def test_main_command(text: str, command: str) -> None:
    assert main(text, "one", "two", ROLE="web") == command


def test_what_runs_before_beside_and_perhaps() -> None:
    outcome = follow("migrate up\nworker -x &\nif [ -f /flag ]; then exec other; fi\nexec srv", env={})
    assert [s.argv for s in outcome.setup] == [("migrate", "up")]
    assert [s.argv for s in outcome.background] == [("worker", "-x")]
    assert [s.argv for s in outcome.uncertain] == [("other",)]
    assert outcome.main is not None
    assert outcome.main.line == 4


def test_variables_without_a_value_stay_and_are_named() -> None:
    outcome = follow('exec srv -b ":$PORT" ${A:-1}', env={})
    assert outcome.main is not None
    assert outcome.main.argv == ("srv", "-b", ":$PORT", "1")
    assert outcome.missing == ("PORT",)


def test_cd_and_sourced_files_count() -> None:
    outcome = follow(
        ". ./env.sh; cd src; exec srv $X",
        env={},
        cwd="/app",
        source=lambda path, _: {"/app/env.sh": "X=1"}.get(path),
    )
    assert (outcome.cwd, outcome.main.argv if outcome.main else ()) == ("/app/src", ("srv", "1"))


@pytest.mark.parametrize(
    "text",
    [
        "if true; then",
        "echo 'open",
        "fi",
        "f() { f; }; f",
        "a() { b; }; b() { a; }; a",
        "{ " * 200,
        "eval " * 3 + "'",
        ". ./self.sh",
        ")",
        "case x in",
        "${A:-" * 400,
    ],
)
def test_scripts_that_make_no_sense_are_errors_or_nothing(text: str) -> None:
    try:
        follow(text, env={}, source=lambda *_: ". ./self.sh")
    except ShellSyntaxError as error:
        assert str(error)


# fmt: off
PIECES = st.sampled_from([
    "if", "then", "fi", "else", "case", "in", "esac", "while", "do", "done", "{", "}", "(", ")", "()", ";",
    ";;", "&&", "||", "|", "&", "\n", " ", "exec", "srv", "f", '"$@"', "${A:-x}", "'q'", "$(", "`",
    "<<E", "E", ">", "[", "]", "=", "!",
])
# fmt: on


@given(st.lists(PIECES, max_size=40).map(" ".join) | st.text(max_size=80))
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(ShellSyntaxError):
        follow(text, env={"A": "1"}, arguments=["x"])


WORDS = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8), min_size=1, max_size=5
)


@given(WORDS)
def test_quoted_words_arrive_as_they_are(words: list[str]) -> None:
    outcome = follow("exec srv " + shlex.join(words), env={})
    assert outcome.main is not None
    assert outcome.main.argv == ("srv", *words)


@pytest.mark.parametrize(
    ("script", "argv"),
    [
        ('a=(x "y z")\na+=("$1")\nexec srv "${a[@]}"', ("srv", "x", "y z", "one")),
        ('l=; for i in a b; do l="$l$i"; done\nexec srv $l', ("srv", "ab")),
        ('exec srv "${1#o}" "${1%e}" "${1:0:1}" "${1^^}"', ("srv", "ne", "on", "o", "ONE")),
        ('cd "$(dirname "$0")"\nexec "$(pwd)/srv"', ("/opt/srv",)),
        ('exec srv "$(basename "$0" .sh)" "$(echo a b)"', ("srv", "run", "a b")),
        ('[ -z "$MISSING" ] && exit 1\nexec srv', ("srv",)),
        ('if [ -z "$MISSING" ]; then echo no; exit 1; fi\nexec srv', ("srv",)),
        ("if grep -q x y; then A=1; else exit 2; fi\nexec srv $A", ("srv", "1")),
        ("cat <<!EOF! > /x\nnot run\n!EOF!\nexec srv", ("srv",)),
        ('if [ "${1#o}" != "$1" ]; then set -- srv "$@"; fi\nexec "$@"', ("srv", "one")),
    ],
)
def test_what_start_scripts_of_images_do(script: str, argv: tuple[str, ...]) -> None:
    outcome = follow(script, env={}, arguments=["one"], script="/opt/run.sh", cwd="/")
    assert outcome.main is not None
    assert outcome.main.argv == argv


def test_programs_that_change_files_are_told() -> None:
    outcome = follow("sed -i s/a/b/ /x\nexec srv", env={})
    assert [started.argv[0] for started in outcome.rewrites] == ["sed"]
    assert outcome.setup == ()


def test_many_guards_are_not_deep() -> None:
    guards = "".join(f'if [ -z "$A{n}" ]; then exit 1; fi\n[ -z "$B{n}" ] && exit 1\n' for n in range(100))
    assert main(f"{guards}exec srv") == "srv"


@pytest.mark.parametrize("line", ['a="$a$a"', "a=$a$a$a", 'a+="$a$a"'])
def test_values_do_not_grow_without_end(line: str) -> None:
    with suppress(ShellSyntaxError):
        follow("a=0123456789\n" + f"{line}\n" * 60 + "exec srv", env={})
