"""Every answer compared with BuildKit's own code, which runs beside ours (`oracle/`).

Its 33 test files, its refused files, its heredoc cases, and changed copies of all of them: no difference
in any field. Where BuildKit refuses a file and we refuse it too, the wording may differ.
"""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any

import pytest

from analyzers.dockerfile import ignore
from analyzers.dockerfile.copies import Files, copy
from analyzers.dockerfile.errors import DockerfileSyntaxError
from analyzers.dockerfile.instructions import Instruction
from analyzers.dockerfile.lex import Lexer, LexError
from analyzers.dockerfile.limits import Work
from analyzers.dockerfile.paths import clean
from analyzers.dockerfile.split import parse, parse_unchecked
from analyzers.dockerfile.stages import resolve
from analyzers.model import Command, Image
from tests.analyzers.dockerfile import generated, mutations
from tests.analyzers.dockerfile.buildkit import Oracle

pytestmark = pytest.mark.go


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    return Oracle(tmp_path_factory.mktemp("oracle"))


@pytest.fixture(scope="module")
def testfiles(oracle: Oracle) -> dict[str, bytes]:
    return {p.parent.name: p.read_bytes() for p in sorted((oracle.parser / "testfiles").glob("*/Dockerfile"))}


@pytest.fixture(scope="module")
def heredoc_cases(oracle: Oracle) -> list[bytes]:
    """The Dockerfiles in the source of BuildKit's heredoc tests, each also below a FROM."""
    sources = (
        oracle.parser / "parser_heredoc_test.go",
        oracle.parser / "../instructions/parse_heredoc_test.go",
    )
    texts = [text for path in sources for text in re.findall(r"`([^`]*)`", Path(path).read_text("utf-8"))]
    return [file for text in texts for file in (text.encode(), b"FROM scratch\n" + text.encode())]


def _ours(data: bytes) -> dict[str, Any]:
    try:
        parsed = parse_unchecked(data)
    except DockerfileSyntaxError as e:
        return {"parse_error": e.message}
    answer: dict[str, Any] = {
        "escape": parsed.escape,
        "instructions": [_fields(i) for i in parsed.instructions],
    }
    try:
        parse(data)
    except DockerfileSyntaxError as e:
        answer["check_error"] = e.message
    return answer


def _fields(i: Instruction) -> dict[str, Any]:
    return {
        "name": i.keyword,
        "start": i.line,
        "end": i.end_line,
        "text": i.text,
        "flags": list(i.flags),
        "json": i.json,
        "arguments": list(i.arguments),
        "heredocs": [
            {"name": d.name, "content": d.content, "fd": d.descriptor, "expand": d.expand, "chomp": d.chomp}
            for d in i.heredocs
        ],
    }


def _difference(theirs: dict[str, Any], ours: dict[str, Any]) -> str:
    """What differs, "" for nothing."""
    if "parse_error" in theirs or "parse_error" in ours:
        refused = all("parse_error" in a or "check_error" in a for a in (theirs, ours))
        return (
            "" if refused else f"refused by one: {theirs.get('parse_error')!r}, {ours.get('parse_error')!r}"
        )
    for i in theirs["instructions"]:
        i["arguments"] = _without_separators(i["name"], i["arguments"])
    for field in ("escape", "instructions"):
        if theirs[field] != ours[field]:
            return f"{field}:\n  BuildKit {theirs[field]}\n  ours     {ours[field]}"
    if ("check_error" in theirs) != ("check_error" in ours):
        return f"arguments: {theirs.get('check_error')!r}, {ours.get('check_error')!r}"
    return ""


def _without_separators(name: str, arguments: list[str]) -> list[str]:
    """BuildKit adds `=` or "" to every pair of ENV and LABEL."""
    if name.upper() == "ONBUILD" and arguments:
        return arguments[:1] + _without_separators(arguments[0], arguments[1:])
    if name.upper() in ("ENV", "LABEL"):
        return [a for position, a in enumerate(arguments) if position % 3 != 2]
    return arguments


def _differences(oracle: Oracle, files: list[bytes]) -> list[str]:
    found = (
        (file, _difference(answer, _ours(file)))
        for file, answer in zip(files, oracle.split(files), strict=True)
    )
    return [f"{file!r}\n{difference}" for file, difference in found if difference]


def test_the_oracle_reads_all_of_its_own_test_files(oracle: Oracle, testfiles: dict[str, bytes]) -> None:
    assert len(testfiles) == 33
    answers = oracle.split(list(testfiles.values()))
    assert [a.get("parse_error") for a in answers] == [None] * 33


def test_buildkits_test_files(oracle: Oracle, testfiles: dict[str, bytes]) -> None:
    assert _differences(oracle, list(testfiles.values())) == []


def test_files_that_buildkit_refuses(oracle: Oracle) -> None:
    folder = oracle.parser / "testfiles-negative"
    files = {p.parent.name: p.read_bytes() for p in sorted(folder.glob("*/Dockerfile"))}
    assert set(files) == {"empty_dockerfile", "env_no_value", "only_comments", "shykes-nested-json"}
    for name, file in files.items():
        with pytest.raises(DockerfileSyntaxError) as caught:
            parse(file)
        assert caught.value.message, name
    assert _differences(oracle, list(files.values())) == []


def test_heredocs(oracle: Oracle, heredoc_cases: list[bytes]) -> None:
    assert len(heredoc_cases) >= 28
    assert sum(bool(_ours(f).get("instructions")) for f in heredoc_cases) >= 28
    assert _differences(oracle, heredoc_cases) == []


@pytest.mark.parametrize(
    "file",
    [
        "FROM a\nRUN <<'on' two'\non\n",  # a quote left open: no heredoc
        "FROM a\nRUN cat <<EOF ${x^^}\nEOF\n",  # a modifier that BuildKit does not know: no heredoc
        "FROM a\nRUN <<EOF a${x:-b}c <<E\nEOF\nE\n",
        "FROM a\nRUN 99999999999999999999999<<EOF\nEOF\n",
        "FROM\\\n a\n",
        "FROM a\nRUN a \\\n\n  # c\n\n b\\\n",
        "\ufeff# escape=`\nFROM a\nRUN a `\n b \\\n",
        "# check=skip=all\n# escape=`\n# syntax=x\nFROM a\nCOPY a `\n b\n",
        "# escape=`\n# escape=`\nFROM a\n",
        "# escape=x\nFROM a\n",
        "FROM a\n\\\n",
        "FROM a\nENV X\n",
        "FROM a\nENV a b=c d\n",
        "FROM a\nENV a=b c\n",
        "FROM a\nENV =b\n",
        "FROM a\nENV a=' b' c=\"d e\"f g=h\\ i\n",
        'FROM a\nCMD ["a", 1]\n',
        'FROM a\nCMD ["a", ["b"]]\n',
        "FROM a\nCMD [1e999]\n",
        'FROM a\nCMD ["\\ud800", "\\u00e9"]\n',
        "FROM a\nCMD []\nENTRYPOINT []\nSHELL []\n",
        "FROM a\nSHELL sh -c\n",
        "FROM a\nCOPY --from=b --chown='x y' \"a b\" c\n",
        "FROM a\nCOPY --chown=é --link a b\n",
        "FROM a\nCOPY --nope a b\n",
        "FROM a\nCOPY --link=maybe a b\n",
        "FROM a\nCOPY --from=b --from=c a b\n",
        "FROM a\nCOPY -- --x b\n",
        "FROM a\nCOPY a\n",
        "FROM a\nCOPY a <<EOF\nEOF\n",
        "FROM a\nRUN --mount=type=bind,from=$x true\n",
        'FROM a\nRUN --mount=type="b true\n',
        "FROM a\nRUN --network=lan true\n",
        "FROM a\nRUN --device=a,b true\n",
        "FROM a\nHEALTHCHECK --interval=1us CMD true\n",
        "FROM a\nHEALTHCHECK --interval=1h2m3.5s --timeout=.5s --retries=+3 CMD true\n",
        "FROM a\nHEALTHCHECK --retries=-1 CMD true\n",
        "FROM a\nHEALTHCHECK --interval=5 CMD true\n",
        "FROM a\nHEALTHCHECK --nope NONE\n",
        "FROM a\nHEALTHCHECK CMD\n",
        'FROM a\nVOLUME [" "]\n',
        "FROM a AS 1x\n",
        "FROM a AS\n",
        "FROM a aS Bb\n",
        "RUN before\nFROM a\n",
        "FROM a\nONBUILD FROM b\n",
        "FROM a\nONBUILD RUN <<EOF\nx\nEOF\n",
        "FROM a\nONBUILD NOPE x\n",
        "FROM a\nNOPE x\n",
        "FROM a\nARG =x\n",
        "FROM a\nARG --x a b=c d=\n",
        "FROM a\nRUN x\x00y\n",
        "FROM a\nLABEL a=" + "b" * 65000 + "\n",
        "FROM a\nLABEL a=" + "b" * 66000 + "\n",
    ],
)
def test_single_cases(oracle: Oracle, file: str) -> None:
    assert _differences(oracle, [file.encode()]) == []


def test_a_character_torn_apart_by_a_continuation(oracle: Oracle) -> None:
    assert _differences(oracle, [b"FROM a\nUSER \xe2\x99\\\n\xa5 \xe2\\\n\n"]) == []


@pytest.mark.parametrize("seed", [1, 2])
def test_changed_files(
    oracle: Oracle, testfiles: dict[str, bytes], heredoc_cases: list[bytes], seed: int
) -> None:
    files = mutations.dockerfiles([*testfiles.values(), *heredoc_cases], mutations.seeded(seed), 500)
    assert _differences(oracle, files) == []


def test_variables(oracle: Oracle) -> None:
    cases = mutations.words(mutations.seeded(3), 2000)
    questions = [{"kind": "expand", "word": w, "env": env, "escape": esc} for w, env, esc in cases]
    for (word, env, escape), theirs in zip(cases, oracle.ask(questions), strict=True):
        try:
            lexed = Lexer(escape).process(word, env)
        except LexError:
            assert "error" in theirs, (word, env, escape)
        else:
            assert "error" not in theirs, (word, env, escape)
            assert (lexed.text, list(lexed.words)) == (theirs["word"], theirs.get("words", [])), (
                word,
                env,
                escape,
            )


def test_ignore_files(oracle: Oracle) -> None:
    rng = mutations.seeded(4)
    cases = [
        ("\n".join(mutations.pattern(rng) for _ in range(rng.randint(1, 6))), mutations.tree(rng))
        for _ in range(600)
    ]
    questions = [
        {"kind": "ignore", "data": base64.b64encode(text.encode()).decode(), "paths": paths}
        for text, paths in cases
    ]
    for (text, paths), theirs in zip(cases, oracle.ask(questions), strict=True):
        try:
            read = ignore.parse(text)
        except DockerfileSyntaxError:
            assert "error" in theirs, (text, paths)
        else:
            assert "error" not in theirs, (text, paths)
            kept = [p for p in paths if not read.excludes(p)]
            assert kept == sorted(theirs.get("paths", [])), (text, paths)


def test_copies(oracle: Oracle) -> None:
    rng = mutations.seeded(5)
    cases: list[tuple[list[str], list[dict[str, Any]]]] = []
    for _ in range(600):
        paths = mutations.tree(rng)
        cases.append((paths, [mutations.copy_line(paths, rng) for _ in range(rng.randint(1, 3))]))
    answers = oracle.ask([{"kind": "copy", "paths": paths, "copies": lines} for paths, lines in cases])
    compared = 0
    for (paths, lines), theirs in zip(cases, answers, strict=True):
        if "error" in theirs:
            continue  # a source that is not there, or a file in the place of a folder: the build stops
        context = Files((f"/{p}", p) for p in paths)
        image = Files()
        for line in lines:
            copy(
                context,
                image,
                line["includes"][0] if line["includes"] else line["source"],
                line["destination"],
                excludes=tuple(line["excludes"]),
                parents=bool(line["includes"]),
                work=Work(),
            )
        assert sorted([g, s] for g, s in image.taken()) == sorted(theirs.get("files", [])), (paths, lines)
        compared += 1
    assert compared > 300


def _argv(command: Command | None) -> list[str]:
    return list(command.argv) if command else []


def _facts(image: Image) -> dict[str, Any]:
    health = image.healthcheck
    test = None
    if health is not None:
        shell = ["CMD-SHELL", health.command[-1]] if health.shell else ["CMD", *health.command]
        test = shell if health.command else ["NONE"]
    return {
        "env": {f"{v.name}={v.value}" for v in image.env},
        "workdir": image.workdir,
        "user": image.user or "",
        "entrypoint": _argv(image.entrypoint),
        "cmd": _argv(image.cmd),
        "ports": {f"{p.number}/{p.protocol}" for p in image.ports},
        "volumes": {path for path, _ in image.volumes},
        "healthcheck": test,
        "shell": list(image.shell),
    }


def _buildkit_facts(answer: dict[str, Any]) -> dict[str, Any]:
    image = answer["image"]
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {
        "env": {e for e in image["env"] or [] if e != path},
        "workdir": clean(image["workdir"] or "/"),
        "user": image["user"],
        "entrypoint": image["entrypoint"] or [],
        "cmd": image["cmd"] or [],
        "ports": set(image["ports"] or []),
        "volumes": set(image["volumes"] or []),
        "healthcheck": image["healthcheck"],
        "shell": image["shell"] or ["/bin/sh", "-c"],
    }


def test_resolved_stages(oracle: Oracle) -> None:
    """The configuration of the final image, as BuildKit computes it over base images that set nothing."""
    rng = mutations.seeded(6)
    files = [generated.dockerfile(rng) for _ in range(800)]
    arguments = [rng.choice([{}, {"A": "given"}, {"P": "99", "TARGETARCH": "arm64"}]) for _ in files]
    questions = [
        {"kind": "resolve", "data": base64.b64encode(f.encode()).decode(), "env": a}
        for f, a in zip(files, arguments, strict=True)
    ]
    compared = 0
    for file, given, theirs in zip(files, arguments, oracle.ask(questions), strict=True):
        try:
            image = resolve(file.encode(), dockerfile="Dockerfile", context="", build_args=given)
        except DockerfileSyntaxError as e:
            assert "error" in theirs, f"{file}\nrefused here only: {e}"
            continue
        if "error" in theirs:
            assert image.unresolved, f"{file}\nrefused by BuildKit only: {theirs['error']}"
            continue  # a variable without a value is listed here and no error
        assert _facts(image) == _buildkit_facts(theirs), f"{file}\nwith {given}"
        compared += 1
    assert compared > 400
