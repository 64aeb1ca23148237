"""Stages resolved to one image, and the files that it takes."""

from __future__ import annotations

import pytest

from analyzers.dockerfile import ignore
from analyzers.dockerfile.errors import DockerfileSyntaxError
from analyzers.dockerfile.stages import ports, resolve
from analyzers.model import Command, Evidence, Image

REPOSITORY = ["app/main.py", "app/util/x.py", "requirements.txt", "README.md", "static/a.css", "docs/a.md"]


def image(text: str, target: str | None = None, paths: list[str] = REPOSITORY) -> Image:
    return resolve(text.encode(), dockerfile="Dockerfile", context="", target=target, paths=paths)


def files(text: str, paths: list[str] = REPOSITORY) -> dict[str, str]:
    """Guest path -> repository file."""
    return {f.guest: f.source for f in image(text, paths=paths).files}


def lines(evidence: tuple[Evidence, ...]) -> list[int]:
    return [e.line for e in evidence]


# ---- the image


def test_every_fact_carries_its_line() -> None:
    found = image(
        "FROM python:3.12-slim\nENV A=1\nEXPOSE 8000\nVOLUME /data\nRUN x\nCOPY app /app\n"
        'HEALTHCHECK CMD y\nCMD ["a"]\nENTRYPOINT ["b"]\nCMD   ["c"]\n'
    )
    assert str(found.base_evidence) == "Dockerfile:1"
    assert found.base_evidence.snippet == "FROM python:3.12-slim"
    assert found.env[0].evidence.line == 2
    assert found.ports[0].evidence.line == 3
    assert found.volumes == (("/data", Evidence("Dockerfile", 4, "VOLUME /data")),)
    assert found.runs[0].evidence.line == 5
    assert found.copies[0].evidence.line == 6
    assert found.healthcheck is not None
    assert found.healthcheck.evidence.line == 7
    assert found.cmd == Command(("c",), False, Evidence("Dockerfile", 10, 'CMD   ["c"]'))


def test_a_variable_points_to_its_own_line() -> None:
    found = image("FROM a\nENV A=1 \\\n    DATA=x \\\n  # TA=no\n    TA='y' A=2\nENV OLD form\n")
    assert [(v.name, v.value, v.evidence.line) for v in found.env] == [
        ("A", "2", 5),
        ("DATA", "x", 3),
        ("TA", "y", 5),
        ("OLD", "form", 6),
    ]


def test_a_stage_inherits_all() -> None:
    found = image(
        "FROM a AS base\nWORKDIR /srv\nUSER app\nENV A=1\nEXPOSE 80\nCMD run\nRUN one\nCOPY app .\n"
        "FROM base AS last\nWORKDIR sub\nRUN two\nENV B=2\n"
    )
    assert (found.base, found.base_evidence.line, found.stage) == ("a", 1, "last")
    assert (found.workdir, found.user) == ("/srv/sub", "app")
    assert [v.name for v in found.env] == ["A", "B"]
    assert [(r.command, r.workdir) for r in found.runs] == [("one", "/srv"), ("two", "/srv/sub")]
    assert found.cmd is not None
    assert found.cmd.argv == ("/bin/sh", "-c", "run")
    assert [c.destination for c in found.copies] == ["/srv/"]


@pytest.mark.parametrize(
    ("text", "cmd"),
    [
        ('FROM a\nCMD ["c"]\nENTRYPOINT ["e"]\n', ("c",)),
        ('FROM a AS b\nCMD ["c"]\nFROM b\nENTRYPOINT ["e"]\n', None),
        ('FROM a AS b\nCMD ["c"]\nFROM b\nENTRYPOINT ["e"]\nCMD ["d"]\n', ("d",)),
        ('FROM a AS b\nENTRYPOINT ["e"]\nCMD ["c"]\nFROM b\n', ("c",)),
    ],
)
def test_entrypoint_resets_only_an_inherited_cmd(text: str, cmd: tuple[str, ...] | None) -> None:
    found = image(text)
    assert found.entrypoint is not None
    assert (found.cmd.argv if found.cmd else None) == cmd


def test_an_empty_entrypoint_is_a_statement() -> None:
    found = image("FROM a\nENTRYPOINT []\n")
    assert found.entrypoint is not None
    assert found.entrypoint.argv == ()


def test_shell_forms_use_the_shell_of_their_line() -> None:
    found = image('FROM a\nCMD one\nSHELL ["/bin/bash", "-ec"]\nENTRYPOINT two\n')
    assert found.cmd is not None
    assert found.entrypoint is not None
    assert found.cmd.argv == ("/bin/sh", "-c", "one")
    assert found.entrypoint == Command(("/bin/bash", "-ec", "two"), True, found.entrypoint.evidence)
    assert found.shell == ("/bin/bash", "-ec")


def test_targets() -> None:
    text = "FROM a AS one\nENV A=1\nFROM b AS two\nFROM one\n"
    assert image(text, "ONE").stage == "one"
    assert image(text).stage is None
    with pytest.raises(DockerfileSyntaxError, match="'three' could not be found; stages: one, two"):
        image(text, "three")


def test_a_stage_that_is_not_needed_is_not_run() -> None:
    text = "FROM a AS broken\nEXPOSE x\nFROM b AS fine\n"
    assert image(text).base == "b"
    with pytest.raises(DockerfileSyntaxError, match="line 2: invalid containerPort"):
        image(text, "broken")


def test_stage_names_are_found_as_buildkit_finds_them() -> None:
    # FROM compares as written, COPY --from does not; the last of two equal names counts for COPY.
    text = "FROM a AS Base\nCOPY app/main.py /x\nFROM Base\nCOPY --from=BASE /x /y\n"
    found = image(text)
    assert (found.base, [f.guest for f in found.files]) == ("Base", ["/y"])


def test_ports() -> None:
    found = image("FROM a\nENV P=80\nEXPOSE $P 53/UDP 9000-9001/tcp\nEXPOSE 80\nEXPOSE ${Q}/tcp\n")
    assert [(p.number, p.protocol, p.evidence.line) for p in found.ports] == [
        (80, "tcp", 3),
        (53, "udp", 3),
        (9000, "tcp", 3),
        (9001, "tcp", 3),
    ]
    assert lines(found.unresolved) == [5]


@pytest.mark.parametrize("text", ["", "/tcp", "x", "80/http", "70000", "9-8", "-1", "80-"])
def test_no_ports(text: str) -> None:
    with pytest.raises(ValueError, match="invalid"):
        ports(text)


def test_healthchecks() -> None:
    none = image("FROM a AS b\nHEALTHCHECK CMD x\nFROM b\nHEALTHCHECK NONE\n").healthcheck
    assert none is not None
    assert (none.command, none.shell) == ((), False)
    listed = image('FROM a\nHEALTHCHECK --interval=3s CMD ["curl", "x"]\n').healthcheck
    assert listed is not None
    assert (listed.command, listed.shell) == (("curl", "x"), False)


def test_onbuild_runs_in_the_child_only() -> None:
    text = "FROM a AS b\nONBUILD COPY app /app\nONBUILD RUN <<E\nx\nE\nFROM b AS c\nRUN y\nFROM c\n"
    assert image(text, "b").runs == ()
    child = image(text, "c")
    assert [(r.command, r.evidence.line) for r in child.runs] == [("x\n", 3), ("y", 7)]
    assert {f.guest for f in child.files} == {"/app/main.py", "/app/util/x.py"}
    assert len(image(text).runs) == 2


def test_runs_with_heredocs() -> None:
    found = image('FROM a\nRUN <<-E\n\tone\n\ttwo\nE\nRUN cat <<A && cat <<B\n1\nA\n2\nB\nRUN ["a", "b c"]\n')
    assert [r.command for r in found.runs] == ["one\ntwo\n", "cat <<A && cat <<B\n1\nA\n2\nB", "a 'b c'"]
    assert found.runs[2].argv == ("a", "b c")


# ---- files


def test_the_whole_context() -> None:
    text = "FROM a\nWORKDIR /app\nCOPY . .\n"
    assert files(text) == {f"/app/{p}": p for p in REPOSITORY}


def test_ignored_files_are_not_taken() -> None:
    found = resolve(
        b"FROM a\nCOPY . /\n",
        dockerfile="svc/Dockerfile",
        context="./svc/",
        paths=["svc/a.py", "svc/b.md", "other/a.py"],
        ignore=ignore.parse("*.md\n"),
    )
    assert found.context == "svc"
    assert [(f.source, f.guest) for f in found.files] == [("svc/a.py", "/a.py")]


@pytest.mark.parametrize(
    ("copy", "guests"),
    [
        ("COPY requirements.txt /app/", ["/app/requirements.txt"]),
        ("COPY requirements.txt /app/r.txt", ["/app/r.txt"]),
        ("COPY requirements.txt .", ["/w/requirements.txt"]),
        ("COPY requirements.txt made", ["/w/made/requirements.txt"]),
        ("COPY requirements.txt /usr/local/bin", ["/usr/local/bin/requirements.txt"]),
        ("COPY requirements.txt ./new", ["/w/new"]),
        ("COPY app /x", ["/x/main.py", "/x/util/x.py"]),
        ("COPY app/ ./x/", ["/w/x/main.py", "/w/x/util/x.py"]),
        ("COPY *.txt *.md /x/", ["/x/README.md", "/x/requirements.txt"]),
        ("COPY app/* /x/", ["/x/main.py", "/x/x.py"]),
        ("COPY app static /x/", ["/x/a.css", "/x/main.py", "/x/util/x.py"]),
        ("COPY --exclude=util --exclude=*.md app docs /x/", ["/x/main.py"]),
        ("COPY --parents app/util/x.py docs/*.md /x/", ["/x/app/util/x.py", "/x/docs/a.md"]),
        ("COPY --parents ./app/./util /x/", ["/x/util/x.py"]),
        ("ADD static /x", ["/x/a.css"]),
        ('COPY ["README.md", "/a b/"]', ["/a b/README.md"]),
        ("COPY nothing*.here /x/", []),
    ],
)
def test_where_files_go(copy: str, guests: list[str]) -> None:
    found = image(f"FROM a\nWORKDIR /w\nRUN mkdir -p made\n{copy}\n")
    assert [f.guest for f in found.files] == guests
    assert found.missing == ()


def test_a_later_copy_wins() -> None:
    text = "FROM a\nCOPY app/main.py /x\nCOPY README.md /x\n"
    assert files(text) == {"/x": "README.md"}
    assert files(text + "COPY <<x /\nhello\nx\n") == {}


def test_through_stages() -> None:
    text = (
        "FROM node AS web\nWORKDIR /web\nCOPY static ./src\nRUN build\n"
        "FROM python AS builder\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install\nCOPY app ./pkg\n"
        "FROM python\nWORKDIR /srv\n"
        "COPY --from=builder /app/pkg ./pkg\nCOPY --from=1 /opt/venv /opt/venv\n"
        "COPY --from=web /web/dist ./static\nCOPY --from=web src/a.css /nothing\n"
        "COPY --from=nginx:1 /etc/nginx /n\n"
    )
    found = image(text)
    assert {f.guest: f.source for f in found.files} == {
        "/srv/pkg/main.py": "app/main.py",
        "/srv/pkg/util/x.py": "app/util/x.py",
    }
    assert [(c.stage, c.sources, c.destination) for c in found.made] == [
        ("builder", ("/opt/venv",), "/opt/venv"),
        ("web", ("/web/dist",), "/srv/static"),
        ("web", ("src/a.css",), "/nothing"),
        ("nginx:1", ("/etc/nginx",), "/n"),
    ]
    assert lines(tuple(c.evidence for c in found.made)) == [13, 14, 15, 16]


def test_what_add_fetches_or_unpacks_is_made() -> None:
    found = image(
        "FROM a\nADD https://x.example/y.txt git@x.example:z.git v.tar.gz README.md /d/\n",
        paths=["v.tar.gz", "README.md"],
    )
    assert [c.sources for c in found.made] == [("https://x.example/y.txt", "git@x.example:z.git", "v.tar.gz")]
    assert [f.guest for f in found.files] == ["/d/README.md"]
    assert found.missing == ()


def test_copy_does_not_unpack() -> None:
    assert files("FROM a\nCOPY v.tar.gz /d/\n", paths=["v.tar.gz"]) == {"/d/v.tar.gz": "v.tar.gz"}
    assert files("FROM a\nADD --unpack=false v.tar.gz /d/\n", paths=["v.tar.gz"]) == {
        "/d/v.tar.gz": "v.tar.gz"
    }


def test_sources_that_are_not_there() -> None:
    found = image("FROM a\nCOPY dist /x\nCOPY $UNKNOWN /y\nCOPY app /z\n")
    assert lines(found.missing) == [2]
    assert lines(found.unresolved) == [3]
    assert image("FROM a\nCOPY dist /x\n", paths=[]).missing == ()


def test_inline_files() -> None:
    found = image("FROM a\nENV P=80\nCOPY <<a <<'b' /etc/\np=$P \"q\"\na\np=$P\nb\n")
    assert found.copies[0].inline == (("a", 'p=80 "q"\n'), ("b", "p=$P\n"))
    assert found.copies[0].destination == "/etc/"


def test_copy_from_a_variable_is_refused() -> None:
    with pytest.raises(
        DockerfileSyntaxError, match=r"line 2: variable expansion is not supported for --from"
    ):
        image("FROM a\nCOPY --from=$x a b\n")
