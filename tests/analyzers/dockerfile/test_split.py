"""Splitting: lines, flags, forms of arguments, heredocs, and what is refused."""

from __future__ import annotations

import pytest

from analyzers.dockerfile.instructions import duration
from analyzers.dockerfile.split import DockerfileSyntaxError, Instruction, parse, split


def one(line: str) -> Instruction:
    """The instruction below a FROM."""
    return split(f"FROM a\n{line}\n".encode())[1]


def refused(text: str) -> DockerfileSyntaxError:
    with pytest.raises(DockerfileSyntaxError) as caught:
        split(text.encode())
    return caught.value


def test_lines_of_instructions() -> None:
    text = "# syntax=docker/dockerfile:1\n\nFROM a\nRUN x \\\n  # comment\n\n  && y\nUSER u\n"
    assert [(i.name, i.line, i.end_line) for i in split(text.encode())] == [
        ("FROM", 3, 3),
        ("RUN", 4, 7),
        ("USER", 8, 8),
    ]


def test_an_escape_directive() -> None:
    parsed = parse(b"# escape=`\nFROM a\nCOPY a `\n  C:\\x\\\nUSER u\n")
    assert parsed.escape == "`"
    assert [i.arguments for i in parsed.instructions] == [("a",), ("a", "C:\\x\\"), ("u",)]


def test_an_escape_directive_after_a_comment_is_none() -> None:
    assert parse(b"# hello\n# escape=`\nFROM a\n").escape == "\\"


def test_a_character_torn_apart_by_a_continuation() -> None:
    (_, user) = split(b"FROM a\nUSER \xe2\x99\\\n\xa5\n")
    assert user.arguments == ("♥",)
    assert user.text == "USER ♥"


def test_keywords_in_any_case() -> None:
    i = one("cOpY a b")
    assert (i.name, i.keyword) == ("COPY", "cOpY")


@pytest.mark.parametrize(
    ("line", "arguments", "is_json"),
    [
        ('CMD ["python", "-m", "x"]', ("python", "-m", "x"), True),
        ("CMD python -m  x", ("python -m  x",), False),
        ("CMD ['python']", ("['python']",), False),
        ('ENTRYPOINT ["a", "b"', ('["a", "b"',), False),
        ("CMD []", (), True),
        ('SHELL ["/bin/bash", "-c"]', ("/bin/bash", "-c"), True),
        ('COPY ["a b", "c/"]', ("a b", "c/"), True),
        ("COPY  a\tb   c/", ("a", "b", "c/"), False),
        ("ENV A=1 B='x y' C=\"p q\" D=r\\ s", ("A", "1", "B", "'x y'", "C", '"p q"', "D", "r\\ s"), False),
        ("ENV A  hello  world", ("A", "hello  world"), False),
        ("ENV A b=c", ("A", "b=c"), False),
        ("LABEL a.b=c d=", ("a.b", "c", "d", ""), False),
        ("ARG A B=1 C=", ("A", "B=1", "C="), False),
        ("HEALTHCHECK --interval=5s CMD curl x", ("CMD", "curl x"), False),
        ('HEALTHCHECK CMD ["curl", "x"]', ("CMD", "curl", "x"), True),
        ("HEALTHCHECK none", ("none",), False),
        ("EXPOSE 80 443/tcp", ("80", "443/tcp"), False),
        ("ONBUILD COPY . /app", ("COPY", ".", "/app"), False),
        ("WORKDIR /a b", ("/a b",), False),
    ],
)
def test_arguments(line: str, arguments: tuple[str, ...], is_json: bool) -> None:
    i = one(line)
    assert (i.arguments, i.json) == (arguments, is_json)


def test_flags() -> None:
    i = one("COPY --from=b --chown='a b' --link --exclude=x --exclude=y -- --src /dst")
    assert i.flags == ("--from=b", "--chown=a b", "--link", "--exclude=x", "--exclude=y")
    assert i.arguments == ("--src", "/dst")
    assert (i.flag("from"), i.flag("chmod"), i.flag("link")) == ("b", None, "")
    assert i.flag_values("exclude") == ("x", "y")
    assert (i.is_true("link"), i.is_true("parents")) == (True, False)


def test_heredocs() -> None:
    i = one("COPY <<a.txt <<-'b' /d/\nx\n<<c\na.txt\n\ty $z\n\t\tb")
    assert (i.line, i.end_line) == (2, 7)
    first, second = i.heredocs
    assert (first.name, first.content, first.expand, first.chomp) == ("a.txt", "x\n<<c\n", True, False)
    assert (second.name, second.content, second.expand, second.chomp) == ("b", "\ty $z\n", False, True)
    assert second.data == "y $z\n"


def test_heredocs_keep_carriage_returns_and_comments() -> None:
    (_, run) = split(b"FROM a\r\nRUN 3<< E\r\n# x\r\nE\r\n")
    (doc,) = run.heredocs
    assert (doc.descriptor, doc.content) == (3, "# x\r\n")


@pytest.mark.parametrize("line", ["RUN echo '<<E'", "RUN ((1<<2)) <<<x", "CMD <<E", 'RUN ["a", "<<E"]'])
def test_what_is_no_heredoc(line: str) -> None:
    assert one(line).heredocs == ()


def test_a_heredoc_below_onbuild() -> None:
    i = one("ONBUILD RUN <<E\nx\nE")
    assert [d.content for d in i.heredocs] == ["x\n"]
    assert i.child is not None
    assert i.child.name == "RUN"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", 1, "no instructions"),
        ("# only\n# comments\n", 2, "no instructions"),
        ("FROM a\nRUN <<EOF\nx\n", 2, "unterminated heredoc 'EOF'"),
        ("FROM a\n\nENV X\n", 3, "ENV must have two arguments"),
        ("FROM a\nENV a=b c\n", 2, "can't find = in 'c'"),
        ('FROM a\nCMD ["a", 1]\n', 2, "strings only"),
        ("FROM a\nFRM b\n", 2, "unknown instruction: FRM"),
        ("FROM a\nCOPY x\n", 2, "at least two arguments"),
        ("FROM a\nCOPY --form=b x y\n", 2, "unknown flag: --form"),
        ("FROM a\nSHELL sh\n", 2, "JSON form"),
        ("FROM a b\n", 1, "one or three arguments"),
        ("FROM a AS B@d\n", 1, "invalid name for build stage"),
        ("USER u\nFROM a\n", 1, "before the first FROM"),
        ("FROM a\nONBUILD ONBUILD RUN x\n", 2, "ONBUILD ONBUILD"),
        ("FROM a\nHEALTHCHECK x\n", 2, "Unknown type"),
        ("# escape=x\nFROM a\n", 1, "invalid escape token"),
    ],
)
def test_refused(text: str, line: int, message: str) -> None:
    error = refused(text)
    assert error.line == line
    assert message in error.message
    assert str(error) == f"line {line}: {error.message}"


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("1s", 10**9),
        ("1h2m3.5s", 3_723_500_000_000),
        (".5ms", 500_000),
        ("-1µs", -1_000),
        ("+2m", 12 * 10**10),
    ],
)
def test_durations(text: str, nanoseconds: int) -> None:
    assert duration(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "1", "s", "1x", "1s2", ".s", "99999999999h", "1 s"])
def test_no_durations(text: str) -> None:
    with pytest.raises(ValueError, match="invalid duration"):
        duration(text)
