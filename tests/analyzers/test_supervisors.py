"""Which of several programs is the service, and Makefiles."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers import makefile, supervisors
from analyzers.model import FactKind, Service
from analyzers.supervisors import choose, execline
from tests.analyzers.test_command import docker
from tests.analyzers.trees import only


@pytest.mark.parametrize(
    ("commands", "chosen"),
    [
        (["nginx -g 'daemon off;'", "gunicorn a:b"], 1),
        (["gunicorn a:b", "celery -A a worker"], 0),
        (["nginx", "php-fpm -F", "cron -f"], 1),
        (["nginx", "cron -f"], 0),
        (["celery -A a worker"], 0),
        (["node a.js", "node b.js"], None),
        ([], None),
    ],
)
def test_the_service_is_what_answers(commands: list[str], chosen: int | None) -> None:
    assert choose([command.split() for command in commands]) == chosen


def service(root: Path, *lines: str, **files: str) -> Service:
    return only(root, {"Dockerfile": docker(*lines), **files})


SUPERVISORD = """\
[supervisord]
nodaemon=true

[program:web]
command=gunicorn --bind :%(ENV_PORT)s
    app:app ; comment
directory=/srv/app

[program:nginx]
command = nginx -g "daemon off;"

[program:worker]
command=celery -A app worker

[program:off]
command=node x.js
autostart=false
"""


def test_supervisord_with_a_server_before_and_a_worker_beside(tmp_path: Path) -> None:
    files = {
        "Dockerfile": docker("ENV PORT=8000", 'CMD ["supervisord", "-c", "/srv/s.conf"]'),
        "s.conf": "[include]\nfiles = conf.d/*.conf\n",
        "conf.d/a.conf": SUPERVISORD,
    }
    found = only(tmp_path, files)
    assert found.start_command == ("gunicorn", "--bind", ":8000", "app:app")
    assert str(found.start_evidence[-1]) == "conf.d/a.conf:5"


@pytest.mark.parametrize(
    ("path", "script", "argv"),
    [
        ("/etc/services.d/web/run", "#!/usr/bin/with-contenv bash\nexec srv -x\n", ("srv", "-x")),
        (
            "/etc/s6-overlay/s6-rc.d/web/run",
            "#!/command/execlineb -P\nwith-contenv\ns6-setuidgid app\nforeground { echo { x } }\nsrv -x\n",
            ("srv", "-x"),
        ),
        ("/etc/service/web/run", "#!/bin/sh\ncd /srv\nexec srv -x 2>&1\n", ("srv", "-x")),
    ],
)
def test_s6_and_runit(tmp_path: Path, path: str, script: str, argv: tuple[str, ...]) -> None:
    entry = {"/etc/service/web/run": "/sbin/my_init"}.get(path, "/init")
    files = {"Dockerfile": docker(f"COPY run {path}", f'ENTRYPOINT ["{entry}"]'), "run": script}
    assert only(tmp_path, files).start_command == argv


@pytest.mark.parametrize(
    ("text", "argv"),
    [
        ("#!/bin/execlineb -P\nfdmove -c 2 1\nimportas -i P P\nsrv $P\n", ["srv", "$P"]),
        ("if { test -d /x }\nsrv\n", ["srv"]),
        ("#!/x\nexec -c srv\n", ["srv"]),
        ("foreground { never closed\n", []),
        ("'", []),
    ],
)
def test_execline(text: str, argv: list[str]) -> None:
    assert execline(text) == argv


@pytest.mark.parametrize(
    ("script", "argv", "beside"),
    [
        ("gunicorn a:b &\nnginx -g 'daemon off;'", ("gunicorn", "a:b"), ["nginx"]),
        ("php-fpm -D\nnginx -g 'daemon off;'", ("php-fpm", "-D"), ["nginx"]),
        ("nginx\nexec gunicorn a:b", ("gunicorn", "a:b"), ["nginx"]),
        ("cron &\nexec nginx -g 'daemon off;'", ("nginx", "-g", "daemon off;"), ["cron"]),
    ],
)
def test_a_web_server_before_another_program(
    tmp_path: Path, script: str, argv: tuple[str, ...], beside: list[str]
) -> None:
    files = {"Dockerfile": docker('CMD ["./go.sh"]'), "go.sh": f"#!/bin/sh\n{script}\n"}
    found = only(tmp_path, files)
    if argv[0] == "nginx":
        assert found.start_command == ("nginx", "-g", "daemon off;")
    else:
        assert found.start_command == argv
    assert [f.detail for f in found.start_facts if f.kind is FactKind.SUBPROCESS] == beside


MAKEFILE = """\
PORT ?= 8000
APP = app:app
.PHONY: run

build:
\techo building

run: migrate
\t@cd src && exec gunicorn \\
\t  -b :$(PORT) $(APP)

migrate:
\tpython manage.py migrate
"""


def test_make_runs_the_recipe_of_its_target(tmp_path: Path) -> None:
    files = {"Dockerfile": docker('CMD ["make", "run", "PORT=81"]'), "Makefile": MAKEFILE, "src/x": ""}
    found = only(tmp_path, files)
    assert found.start_command == ("gunicorn", "-b", ":81", "app:app")
    assert str(found.start_evidence[-1]) == "Makefile:9"
    assert [f.detail for f in found.start_facts] == ["python"]


@pytest.mark.parametrize(
    ("text", "target", "recipe"),
    [
        ("a:\n\tx $$y $(z)$(w)\nz = 1\n", None, "x $y 1"),
        ("a: ; x\n", "a", "x"),
        ("V = $(V)\na:\n\tx $(V)\n", "a", "x"),
        ("a:\n\tx\n", "b", None),
        ("", None, None),
    ],
)
def test_recipes(text: str, target: str | None, recipe: str | None) -> None:
    found = makefile.recipe(text, target, {})
    assert (found.text.strip() if found else None) == recipe


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["a", ":", "=", "\t", "\n", "$(a)", "${a}", "$", "\\\n", "b", "?=", "[program:x]", "command="]
        )
    ).map("".join)
)
def test_no_text_breaks_the_readers(text: str) -> None:
    makefile.recipe(text, None, {"a": text})
    execline(text)


def test_settings_of_supervisord_that_are_cut_off(tmp_path: Path) -> None:
    files = {
        "Dockerfile": docker('CMD ["supervisord"]'),
        "supervisord.conf": "[program:a]\n  continued\ncommand\n[include]\nfiles=[\n",
    }
    assert only(tmp_path, files).start_command == ("supervisord",)
    assert supervisors.choose([[]]) is None
