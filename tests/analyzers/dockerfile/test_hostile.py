"""Files made to hurt: each gets an answer or a clear error with a line.

Without its bound each of these takes minutes, all memory, or the interpreter's stack.
"""

from __future__ import annotations

import pytest

from analyzers.dockerfile import ignore
from analyzers.dockerfile.errors import DockerfileError, DockerfileSyntaxError
from analyzers.dockerfile.globs import Patterns
from analyzers.dockerfile.split import split
from analyzers.dockerfile.stages import resolve
from analyzers.model import Image


def image(text: str | bytes, **options: object) -> Image:
    data = text.encode() if isinstance(text, str) else text
    return resolve(data, dockerfile="Dockerfile", context="", **options)  # type: ignore[arg-type] # options of the test


def refused(text: str, **options: object) -> DockerfileSyntaxError:
    with pytest.raises(DockerfileSyntaxError) as caught:
        image(text, **options)
    assert isinstance(caught.value, DockerfileError)
    assert 1 <= caught.value.line <= text.count("\n") + 1
    return caught.value


def test_one_line_of_a_megabyte() -> None:
    error = refused("FROM a\nRUN " + "x" * 1_000_000)
    assert error.line == 2
    assert "65535" in error.message


def test_a_file_of_many_megabytes() -> None:
    assert "at most" in refused("FROM a\n" + "RUN x\n" * 1_000_000).message


def test_a_megabyte_of_continuations_is_one_instruction() -> None:
    (_, run) = split(b"FROM a\nRUN x" + b" \\\ny" * 200_000)
    assert (run.line, run.end_line) == (2, 200_002)


def test_nul_bytes_and_bytes_that_are_no_text() -> None:
    found = image(b'FROM a\nENV A=\x00 B=\xff\xc3( C=\xed\xa0\x80\nCMD ["\xfe"]\n')
    assert [v.value for v in found.env] == ["\x00", "\ufffd\ufffd(", "\ufffd\ufffd\ufffd"]
    assert found.cmd is not None
    "".join((*found.cmd.argv, *(v.value or "" for v in found.env))).encode()  # no surrogate is left


def test_variables_that_double() -> None:
    lines = ["FROM a", "ARG V0=0123456789"] + [f"ARG V{i + 1}=$V{i}$V{i}" for i in range(60)]
    assert "grows beyond" in refused("\n".join(lines)).message


def test_many_large_values() -> None:
    large = "FROM a\nARG V=" + "v" * 60_000 + "\n" + "ENV W=$V$V\n" * 50_000
    assert "more work" in refused(large).message


def test_replacements_that_multiply() -> None:
    text = "FROM a\nARG A=" + "x" * 60_000 + "\nENV B=${A//x/" + "y" * 5_000 + "}\n"
    assert refused(text).line == 3


def test_patterns_that_backtrack() -> None:
    image("FROM a\nARG A=" + "a" * 3_000 + "\nENV B=${A##" + "*a" * 60 + "b}\n")
    assert (
        "more work"
        in refused("FROM a\nARG A=" + "a" * 60_000 + "\nENV B=${A##" + "*a" * 20_000 + "b}\n").message
    )


def test_deep_substitutions() -> None:
    depth = 10_000
    assert "nested" in refused("FROM a\nENV A=" + "${x:-" * depth + "}" * depth).message


def test_deep_json() -> None:
    assert "nested" in refused("FROM a\nCMD " + "[" * 60_000 + "]" * 4_000).message


def test_a_chain_of_onbuild() -> None:
    assert "ONBUILD" in refused("FROM a\n" + "ONBUILD " * 8_000).message


def test_thousands_of_stages() -> None:
    lines = ["FROM base AS s0", "ENV A=1"]
    for i in range(1, 4_000):
        lines += [f"FROM s{i - 1} AS s{i}", "RUN x"]
    found = image("\n".join(lines))
    assert (found.base, len(found.runs)) == ("base", 3_999)


def test_thousands_of_stages_that_copy_everything() -> None:
    lines = ["FROM scratch AS s0", "COPY . /"]
    for i in range(1, 8_000):
        lines += [f"FROM s{i - 1} AS s{i}", f"COPY --from=s{i - 1} / /x{i}/"]
    paths = [f"d{i}/f" for i in range(2_000)]
    assert "more work" in refused("\n".join(lines), paths=paths).message


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("FROM a AS x\nCOPY --from=0 / /\n", 1, "circular"),
        ("FROM a AS x\nCOPY --from=1 / /\nFROM a AS y\nCOPY --from=0 / /\n", 1, "circular"),
        ("FROM a\nCOPY --from=7 / /\n", 2, "invalid stage index"),
        ("FROM a\nCOPY --from=-1 / /\n", 2, "invalid stage index"),
        ("FROM a AS x\nRUN --mount=from=y true\nFROM x AS y\n", 2, "needs to be defined before"),
    ],
)
def test_stages_that_need_each_other(text: str, line: int, message: str) -> None:
    error = refused(text)
    assert (error.line, message in error.message) == (line, True), error


def test_ports_by_the_million() -> None:
    assert "more work" in refused("FROM a\n" + "EXPOSE 0-65535 0-65535/udp\n" * 1_000).message


def test_ignore_patterns_that_backtrack() -> None:
    assert not Patterns(["*a" * 30 + "b", "**/" * 20 + "x*y"]).matches("a" * 4_000)


def test_an_ignore_file_of_many_patterns_for_many_files() -> None:
    read = ignore.parse("".join(f"f{i}\n" for i in range(20_000)))
    with pytest.raises(DockerfileSyntaxError, match="ignore file"):
        image("FROM a\nCOPY . .\n", paths=[f"{i}" for i in range(10_000)], ignore=read)


def test_no_path_leads_out_of_the_context_or_the_image() -> None:
    found = image(
        "FROM a\nWORKDIR ../../w\nCOPY ../secret ../../x/\nCOPY ./svc/../../b /../y\n",
        paths=["svc/b", "secret", "b"],
    )
    assert {(f.source, f.guest) for f in found.files} == {("secret", "/x/secret"), ("b", "/y")}
    inside = resolve(
        b"FROM a\nCOPY ../secret /x\n", dockerfile="svc/Dockerfile", context="svc", paths=["secret", "svc/a"]
    )
    assert inside.files == ()
    assert [e.line for e in inside.missing] == [2]
