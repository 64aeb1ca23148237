"""The start command of a container."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.command import resolve
from analyzers.guest import Guest
from analyzers.model import Command, Evidence, Image, Reach
from analyzers.repository import open_tree
from tests.analyzers.trees import only, services

AT = Evidence("Dockerfile", 1)


def built(entrypoint: Command | None, cmd: Command | None) -> Image:
    """An image of which nothing but its start is known."""
    return Image("Dockerfile", "", None, "x", AT, (), "/", None, entrypoint, cmd, (), (), None, (), ())


def docker(*lines: str) -> str:
    return "\n".join(["FROM python:3.13", "WORKDIR /srv", "COPY . .", *lines, ""])


@pytest.mark.parametrize(
    ("lines", "argv"),
    [
        (['CMD ["gunicorn", "a:b"]'], ("gunicorn", "a:b")),
        (["CMD gunicorn a:b"], ("gunicorn", "a:b")),
        (["ENV PORT=80", "CMD gunicorn -b :$PORT a:b"], ("gunicorn", "-b", ":80", "a:b")),
        (["CMD gunicorn -b :${PORT:-9} a:b"], ("gunicorn", "-b", ":9", "a:b")),
        (['CMD ["gunicorn", "-b", ":$PORT"]'], ("gunicorn", "-b", ":$PORT")),
        (['ENTRYPOINT ["gunicorn"]', 'CMD ["a:b"]'], ("gunicorn", "a:b")),
        (["ENTRYPOINT gunicorn a:b", 'CMD ["ignored"]'], ("gunicorn", "a:b")),
        (['ENTRYPOINT ["/tini", "--"]', 'CMD ["srv"]'], ("srv",)),
        (['ENTRYPOINT ["dumb-init", "-v"]', 'CMD ["su-exec", "app", "srv", "-x"]'], ("srv", "-x")),
        (['CMD ["poetry", "run", "gunicorn", "a:b"]'], ("gunicorn", "a:b")),
        (['CMD ["uv", "run", "--no-dev", "--project", "x", "srv"]'], ("srv",)),
        (['CMD ["pipenv", "run", "srv"]'], ("srv",)),
        (['CMD ["newrelic-admin", "run-program", "srv"]'], ("srv",)),
        (['CMD ["ddtrace-run", "srv"]'], ("srv",)),
        (['CMD ["opentelemetry-instrument", "--service_name", "x", "srv"]'], ("srv",)),
        (['CMD ["env", "A=1", "gosu", "user:group", "srv"]'], ("srv",)),
        (['CMD ["./wait-for-it.sh", "db:5432", "--", "srv"]'], ("srv",)),
        (['CMD ["su", "user", "-c", "exec srv -x"]'], ("srv", "-x")),
        (['CMD ["bash", "-euo", "pipefail", "-c", "exec srv"]'], ("srv",)),
        (['CMD ["sh", "run.sh", "-y"]'], ("srv", "-x", "-y")),
        (['ENTRYPOINT ["./run.sh"]', 'CMD ["-y"]'], ("srv", "-x", "-y")),
        (["COPY run.sh /usr/local/bin/start", 'CMD ["start"]'], ("srv", "-x")),
        (["COPY <<EOF /go.sh", "#!/bin/sh", "exec inline", "EOF", 'CMD ["/go.sh"]'], ("inline",)),
        (['CMD ["honcho", "start", "worker"]'], ("celery", "worker")),
        ([], ("web-srv",)),
        (['CMD ["supervisord", "-n", "-c", "one.conf"]'], ("srv", "-x")),
        (['ENTRYPOINT ["docker-entrypoint.sh"]', 'CMD ["node", "x.js"]'], ("node", "x.js")),
    ],
)
def test_dockerfile(tmp_path: Path, lines: list[str], argv: tuple[str, ...]) -> None:
    files = {
        "Dockerfile": docker(*lines),
        "run.sh": '#!/usr/bin/env bash\nset -e\nexec srv -x "$@"\n',
        "one.conf": "[supervisord]\nnodaemon=true\n[program:web]\ncommand = srv -x\n",
        "Procfile": "worker: celery worker\nweb: web-srv\n",
    }
    assert only(tmp_path, files).start_command == argv


def test_compose_outranks_the_image(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "Dockerfile": docker('ENTRYPOINT ["tini"]', 'CMD ["image"]'),
            "compose.yaml": """\
            services:
              both: {build: ., entrypoint: own, command: given}
              entry: {build: ., entrypoint: [own]}
              command: {build: ., command: [given, "$$x"]}
              neither: {build: .}
            """,
        },
    )
    assert found["both"].start_command == ("own", "given")
    assert found["entry"].start_command == ("own",)
    assert found["command"].start_command == ("given", "$x")
    assert found["neither"].start_command == ("image",)


def test_evidence_leads_to_the_line_of_the_script(tmp_path: Path) -> None:
    files = {"Dockerfile": docker('CMD ["./run.sh"]'), "run.sh": "#!/bin/sh\nmigrate\nworker &\nexec srv\n"}
    found = only(tmp_path, files)
    assert [str(e) for e in found.start_evidence] == ["Dockerfile:4", "run.sh:4"]


def test_other_programs_of_the_script_are_facts(tmp_path: Path) -> None:
    image = built(None, Command(("sh", "-c", "m up; w & s"), False, AT))
    start = resolve(Guest(open_tree(tmp_path), image), image, None)
    assert start.argv == ("s",)
    assert [(f.subject, f.detail, f.reach) for f in start.facts] == [
        ("m up", "m", Reach.IMPORT),
        ("w", "w", Reach.UNKNOWN),
    ]


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        (['CMD ["./made-by-run.sh"]'], "is no file of the repository"),
        (["CMD srv :$PORT"], "the value of PORT"),
        (["CMD 'open"], "a quote is never closed"),
        (
            [
                "COPY <<E /etc/supervisord.conf",
                "[program:a]",
                "command=x",
                "[program:b]",
                "command=y",
                "E",
                "CMD supervisord",
            ],
            "which program of supervisord is the service: x, y",
        ),
        (["CMD if [ -f /x ]; then exec a; fi; exec b"], "whether a is started instead"),
    ],
)
def test_what_cannot_be_told_is_said_with_what_settles_it(
    tmp_path: Path, lines: list[str], what: str
) -> None:
    found = only(tmp_path, {"Dockerfile": docker(*lines)})
    assert any(what in u.what and u.settle_with for u in found.unknown)


def test_the_base_images_command_is_not_guessed(tmp_path: Path) -> None:
    found = only(tmp_path, {"Dockerfile": "FROM example/base:1\n"})
    assert found.start_command == ()
    assert "example/base:1" in found.unknown[0].what


@pytest.mark.parametrize(
    ("dockerfile", "argv"),
    [
        ("FROM httpd:2.4\nCOPY . .\n", ("httpd-foreground",)),
        ('FROM gcr.io/distroless/nodejs22-debian12\nCMD ["a.js"]\n', ("/nodejs/bin/node", "a.js")),
        ('FROM denoland/deno:2\nCMD ["run", "-A", "a.ts"]\n', ("deno", "run", "-A", "a.ts")),
        (
            "FROM tiangolo/uvicorn-gunicorn-fastapi:python3.11\nENV PORT=8080\nCOPY app /app/app\n",
            ("gunicorn", "-k", "uvicorn.workers.UvicornWorker", "-b", "0.0.0.0:8080", "app.main:app"),
        ),
    ],
)
def test_a_public_base_image_tells_its_command(
    tmp_path: Path, dockerfile: str, argv: tuple[str, ...]
) -> None:
    found = only(tmp_path, {"Dockerfile": dockerfile, "app/main.py": "", "a.js": "", "a.ts": ""})
    assert found.start_command == argv
    assert found.start_evidence[0] == Evidence("Dockerfile", 1, dockerfile.partition("\n")[0])
    assert not any("start command" in unknown.what for unknown in found.unknown)


@pytest.mark.parametrize(
    "dockerfile",
    ['FROM nginx\nENTRYPOINT ["/run"]\n', 'FROM distroless/nodejs\nENTRYPOINT ["/run"]\n'],
)
def test_an_entrypoint_of_its_own_resets_what_is_inherited(tmp_path: Path, dockerfile: str) -> None:
    assert only(tmp_path, {"Dockerfile": dockerfile}).start_command == ("/run",)


def test_an_interpreter_alone_is_no_service(tmp_path: Path) -> None:
    found = only(tmp_path, {"Dockerfile": "FROM python:3.14-slim\nCOPY . /app\n"})
    assert found.start_command == ()
    assert "starts only `python3`" in found.unknown[0].what


def test_workdir_and_user_are_those_of_the_base_image(tmp_path: Path) -> None:
    found = only(tmp_path, {"Dockerfile": "FROM bitnami/nginx\nCOPY . site\n", "index.html": ""})
    assert found.image is not None
    assert (found.image.workdir, found.image.user) == ("/app", "1001")
    assert "/app/site/index.html" in [file.guest for file in found.image.files]


def test_an_image_that_compose_only_names_starts_its_own_command(tmp_path: Path) -> None:
    compose = """\
        services:
          a: {image: "redis:7", command: [--save, ""]}
          b: {image: "postgres:16"}
          c: {image: "acme/own", command: run}
        """
    found = services(tmp_path, {"compose.yaml": compose})
    assert found["a"].start_command == ("redis-server", "--save", "")
    assert found["b"].start_command == ("postgres",)
    assert found["c"].start_command == ("run",)


def test_scripts_that_start_each_other_end(tmp_path: Path) -> None:
    files = {
        "Dockerfile": docker('CMD ["./a.sh"]'),
        "a.sh": "#!/bin/sh\nexec ./b.sh",
        "b.sh": "#!/bin/sh\nexec ./a.sh",
    }
    assert only(tmp_path, files).start_command


# fmt: off
WORDS = st.lists(st.sampled_from([
    "sh", "-c", "bash", "-euo", "tini", "--", "env", "A=1", "exec", "su", "python", "-m", "gunicorn", "a:b",
    "uv", "run", "poetry", "-x", "$A", '"$@"', "'", "./run.sh", "honcho", "start", "timeout", "5", "-", "",
]), max_size=10)
# fmt: on


@settings(max_examples=200)
@given(WORDS, WORDS, st.booleans())
def test_no_command_line_breaks_the_resolver(entrypoint: list[str], cmd: list[str], shell: bool) -> None:
    given = Command((" ".join(cmd),) if shell else tuple(cmd), shell, AT)
    image = built(Command(tuple(entrypoint), False, AT), given)
    start = resolve(Guest(EMPTY, image), image, None)
    assert all(isinstance(word, str) for word in start.argv)


EMPTY = open_tree(Path(__file__).parent / "languages")
