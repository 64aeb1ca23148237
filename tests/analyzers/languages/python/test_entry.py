"""From a start command to the application object."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyzers.languages.python.entry.paste import factory
from analyzers.model import FactKind, Source
from tests.analyzers.trees import DOCKERFILE, only

APP = "from flask import Flask\napp = Flask(__name__)\n"
FACTORY = "from flask import Flask\ndef create_app(env='x'):\n    app = Flask(__name__)\n    return app\n"
FAST = "from fastapi import FastAPI\napi = FastAPI()\n"


def read(root: Path, cmd: list[str], files: dict[str, str], *lines: str) -> tuple[Source, int | None]:
    docker = "\n".join(["FROM python:3.13", "WORKDIR /srv", "COPY . .", *lines, f"CMD {json.dumps(cmd)}", ""])
    service = only(root, {"Dockerfile": docker, **files})
    assert service.source is not None
    return service.source, service.port


GUNICORN = "gunicorn"


@pytest.mark.parametrize(
    ("cmd", "files", "entry", "framework", "port"),
    [
        # gunicorn
        ([GUNICORN, "app:app"], {"app.py": APP}, "app:app", "flask", 8000),
        ([GUNICORN, "app"], {"app.py": APP + "application = app\n"}, "app:application", "flask", 8000),
        (
            [GUNICORN, "-w4", "-b0.0.0.0:80", "a.b:app"],
            {"a/__init__.py": "", "a/b.py": APP},
            "a.b:app",
            "flask",
            80,
        ),
        ([GUNICORN, "--bind=:81", "-k", "gevent", "a.b:app"], {"a/b.py": APP}, "a.b:app", "flask", 81),
        ([GUNICORN, "app:create_app()"], {"app.py": FACTORY}, "app:create_app()", "flask", 8000),
        ([GUNICORN, "app:create_app('p')"], {"app.py": FACTORY}, "app:create_app('p')", "flask", 8000),
        ([GUNICORN, "--chdir", "src", "app:app"], {"src/app.py": APP}, "app:app", "flask", 8000),
        ([GUNICORN, "--pythonpath", "lib", "app:app"], {"lib/app.py": APP}, "app:app", "flask", 8000),
        ([GUNICORN, "--no-new-thing", "app:app"], {"app.py": APP}, "app:app", "flask", 8000),
        (
            [GUNICORN, "-c", "conf.py", "app:app"],
            {"app.py": APP, "conf.py": "import os\nbind = f\"0.0.0.0:{os.getenv('PORT', '82')}\"\n"},
            "app:app",
            "flask",
            82,
        ),
        (
            [GUNICORN],
            {"app.py": APP, "gunicorn.conf.py": "wsgi_app='app:app'\nbind=['a:83']"},
            "app:app",
            "flask",
            83,
        ),
        (
            [GUNICORN, "-k", "uvicorn.workers.UvicornWorker", "m:api"],
            {"m.py": FAST},
            "m:api",
            "fastapi",
            8000,
        ),
        (["python", "-m", "gunicorn", "app:app"], {"app.py": APP}, "app:app", "flask", 8000),
        # re-exports, wrappers, factories behind names
        (
            [GUNICORN, "wsgi:app"],
            {
                "wsgi.py": "from pkg import app",
                "pkg/__init__.py": "from .core import app",
                "pkg/core.py": APP,
            },
            "wsgi:app",
            "flask",
            8000,
        ),
        (
            [GUNICORN, "wsgi:app"],
            {"wsgi.py": "from core import *", "core.py": APP},
            "wsgi:app",
            "flask",
            8000,
        ),
        (
            [GUNICORN, "wsgi:application"],
            {"wsgi.py": "from app import create_app\napplication = create_app()", "app.py": FACTORY},
            "wsgi:application",
            "flask",
            8000,
        ),
        (
            [GUNICORN, "wsgi:app"],
            {
                "wsgi.py": "from werkzeug.middleware.proxy_fix import ProxyFix\nimport app as a\n"
                "app = ProxyFix(a.app)",
                "app.py": APP,
            },
            "wsgi:app",
            "flask",
            8000,
        ),
        (
            [GUNICORN, "app:app"],
            {"app.py": "from flask import Flask\nclass Mine(Flask): pass\napp = Mine(__name__)"},
            "app:app",
            "flask",
            8000,
        ),
        (
            [GUNICORN, "app:app"],
            {"app.py": "try:\n    import x\nexcept ImportError:\n    x = None\n" + APP},
            "app:app",
            "flask",
            8000,
        ),
        (
            [GUNICORN, "app:app"],
            {"app.py": "def app(environ, start_response):\n    return []\n"},
            "app:app",
            None,
            8000,
        ),
        # other servers
        (["uvicorn", "m:api", "--port", "84"], {"m.py": FAST}, "m:api", "fastapi", 84),
        (
            ["uvicorn", "--factory", "m:make"],
            {"m.py": FAST + "def make():\n    return api\n"},
            "m:make()",
            "fastapi",
            8000,
        ),
        (["uvicorn", "m:api", "--app-dir", "src"], {"src/m.py": FAST}, "m:api", "fastapi", 8000),
        (["hypercorn", "asgi:m:api", "--bind", "0.0.0.0:85"], {"m.py": FAST}, "m:api", "fastapi", 85),
        (["daphne", "-p", "86", "m:api"], {"m.py": FAST}, "m:api", "fastapi", 86),
        (
            ["waitress-serve", "--listen=*:87", "--call", "app:create_app"],
            {"app.py": FACTORY},
            "app:create_app()",
            "flask",
            87,
        ),
        (["waitress-serve", "--port", "88", "app:app"], {"app.py": APP}, "app:app", "flask", 88),
        (
            ["uwsgi", "--http", ":89", "--module", "app:app", "--master"],
            {"app.py": APP},
            "app:app",
            "flask",
            89,
        ),
        (
            ["uwsgi", "--http-socket=:90", "--wsgi-file", "app.py", "--callable", "app"],
            {"app.py": APP},
            "app:app",
            "flask",
            90,
        ),
        (
            ["uwsgi", "--ini", "u.ini"],
            {"u.ini": "[uwsgi]\nhttp = :91\nmodule = app\ncallable = app\n", "app.py": APP},
            "app:app",
            "flask",
            91,
        ),
        # flask run
        (["flask", "run", "-h", "0.0.0.0"], {"app.py": APP}, "app:app", "flask", 5000),
        (["flask", "run"], {"app.py": APP, "wsgi.py": "from app import app"}, "wsgi:app", "flask", 5000),
        (
            ["flask", "--app", "shop", "run", "--port=92"],
            {"shop/__init__.py": FACTORY},
            "shop:create_app()",
            "flask",
            92,
        ),
        (
            ["flask", "--app", "shop:create_app", "run"],
            {"shop.py": FACTORY},
            "shop:create_app()",
            "flask",
            5000,
        ),
        (
            ["flask", "run"],
            {
                "site.py": "",
                ".flaskenv": "FLASK_APP=my.py\nFLASK_RUN_PORT=93",
                "my.py": "from flask import Flask\nsrv = Flask('x')",
            },
            "my:srv",
            "flask",
            93,
        ),
        (["python", "-m", "flask", "run"], {"app.py": APP}, "app:app", "flask", 5000),
        # scripts
        (
            ["python", "run.py"],
            {
                "run.py": "from app import app\nif __name__ == '__main__':\n    app.run(port=94)",
                "app.py": APP,
            },
            "run:app",
            "flask",
            94,
        ),
        (["python3", "-u", "app.py"], {"app.py": APP + "app.run('0.0.0.0', 95)"}, "app:app", "flask", 95),
        (
            ["python", "-m", "shop"],
            {
                "shop/__init__.py": FACTORY,
                "shop/__main__.py": "from shop import create_app\napp = create_app()\napp.run()",
            },
            "shop.__main__:app",
            "flask",
            5000,
        ),
        (
            ["python", "run.py"],
            {
                "run.py": "from app import create_app\nif __name__ == '__main__':\n    app = create_app()"
                "\n    app.run(port=96)",
                "app.py": FACTORY,
            },
            "app:create_app()",
            "flask",
            96,
        ),
        (
            ["python", "m.py"],
            {"m.py": FAST + "import uvicorn\nuvicorn.run('m:api', port=97)"},
            "m:api",
            "fastapi",
            97,
        ),
        (
            ["python", "m.py"],
            {"m.py": FAST + "import uvicorn\ndef main():\n    uvicorn.run(api, port=98)\nmain()"},
            "m:api",
            "fastapi",
            98,
        ),
        (
            ["python", "s.py"],
            {"s.py": APP + "from waitress import serve\nserve(app, listen='*:99')"},
            "s:app",
            "flask",
            99,
        ),
        (
            ["python", "s.py"],
            {
                "s.py": "from http.server import *\nfrom http.server import HTTPServer, "
                "BaseHTTPRequestHandler\nclass H(BaseHTTPRequestHandler): pass\n"
                "HTTPServer(('', 100), H).serve_forever()"
            },
            "s:H",
            "http.server",
            100,
        ),
        # FastAPI's own command
        (["fastapi", "run", "m.py", "--port", "101"], {"m.py": FAST}, "m:api", "fastapi", 101),
        (
            ["fastapi", "run"],
            {"app/main.py": FAST.replace("api =", "app =")},
            "app.main:app",
            "fastapi",
            8000,
        ),
    ],
)
def test_entry(
    tmp_path: Path, cmd: list[str], files: dict[str, str], entry: str, framework: str | None, port: int
) -> None:
    source, found = read(tmp_path, cmd, files)
    assert (source.entry, source.framework, found) == (entry, framework, port)
    assert source.entry_evidence is not None
    assert source.entry_evidence.path.endswith(".py")


def test_evidence_is_the_definition(tmp_path: Path) -> None:
    files = {"wsgi.py": "from pkg.core import app\n", "pkg/core.py": "\n\n" + APP}
    source, _ = read(tmp_path, [GUNICORN, "wsgi:app"], files)
    assert str(source.entry_evidence) == "pkg/core.py:4"


@pytest.mark.parametrize(
    ("cmd", "files", "what"),
    [
        ([GUNICORN, "none:app"], {}, "no file of the image has that name"),
        ([GUNICORN, "app:other"], {"app.py": APP}, "does not define it"),
        ([GUNICORN, "app:app"], {"app.py": "def (:"}, "is not Python that this version can read"),
        (["flask", "run"], {"x.py": APP}, "there is no wsgi.py or app.py"),
        (["python", "none.py"], {}, "no file of the image has that name"),
    ],
)
def test_an_entry_that_is_not_there_is_unknown_with_what_settles_it(
    tmp_path: Path, cmd: list[str], files: dict[str, str], what: str
) -> None:
    source, _ = read(tmp_path, cmd, files)
    assert source.entry is None
    assert any(what in u.what and u.settle_with and u.evidence for u in source.unknown)


def test_django_runserver_and_gunicorn(tmp_path: Path) -> None:
    files = {
        "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n",
        "site1/settings.py": "WSGI_APPLICATION = 'site1.wsgi.application'\nROOT_URLCONF = 'site1.urls'\n"
        "INSTALLED_APPS = ['django.contrib.admin', 'blog']\n",
        "site1/wsgi.py": "import os\nfrom django.core.wsgi import get_wsgi_application\n"
        "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'site1.settings')\n"
        "application = get_wsgi_application()\n",
        "site1/urls.py": "from django.urls import include, path\n"
        "urlpatterns = [path('blog/', include('blog.urls'))]\n",
        "blog/__init__.py": "",
        "blog/models.py": "",
        "blog/urls.py": "from django.urls import path, re_path\nfrom . import views\n"
        "urlpatterns = [path('', views.home), path('<int:pk>/', views.post), "
        "re_path(r'^old/$', views.home)]\n",
        "blog/views.py": "",
        "blog/management/commands/load.py": "",
    }
    for cmd in (
        ["python", "manage.py", "runserver", "0.0.0.0:8080"],
        [GUNICORN, "-b", ":8080", "site1.wsgi"],
    ):
        source, port = read(tmp_path, cmd, files)
        assert (source.entry, source.framework, source.interface, port) == (
            "site1.wsgi:application", "django", "wsgi", 8080,
        )  # fmt: skip
        assert [r.path for r in source.routes] == ["/blog/", "/blog/<int:pk>/", "/blog/old/"]
        assert "blog/models.py" in source.files
        assert "blog/management/commands/load.py" not in source.files


def test_a_worker_serves_nothing(tmp_path: Path) -> None:
    source, port = read(tmp_path, ["celery", "-A", "tasks", "worker"], {"tasks.py": "import redis\n"})
    assert (source.server, source.entry, source.interface, port) == ("celery", None, None, None)
    assert source.files == ("tasks.py",)


def test_root_workdir_and_search_path(tmp_path: Path) -> None:
    docker = """\
    FROM python:3.13
    WORKDIR /srv
    ENV PYTHONPATH=/srv/lib
    COPY backend/ ./
    CMD ["sh", "-c", "cd web && gunicorn app:app"]
    """
    files = {"Dockerfile": docker, "backend/web/app.py": "import helper\n" + APP, "backend/lib/helper.py": ""}
    source = only(tmp_path, files).source
    assert source is not None
    assert (source.root, source.workdir, source.search_path) == (
        "backend/web",
        "/srv/web",
        ("/srv/web", "/srv/lib"),
    )
    assert source.files == ("backend/web/app.py", "backend/lib/helper.py")


def test_files_are_those_that_imports_lead_to(tmp_path: Path) -> None:
    files = {
        "app.py": """\
        from __future__ import annotations
        from typing import TYPE_CHECKING
        from flask import Flask
        from pkg import views
        import space.inner
        if TYPE_CHECKING:
            import only_for_types
        try:
            import maybe
        except ImportError:
            maybe = None
        app = Flask(__name__)
        def later():
            from lazy import thing
        """,
        "pkg/__init__.py": "",
        "pkg/views.py": "from .models import X\nfrom ..above import Y\n",
        "pkg/models.py": "import importlib\nimportlib.import_module('plugin')\n",
        "space/inner.py": "",
        "lazy.py": "",
        "maybe.py": "",
        "plugin.py": "",
        "only_for_types.py": "",
        "above.py": "",
        "unused.py": "",
    }
    source, _ = read(tmp_path, [GUNICORN, "app:app"], files)
    assert set(source.files) == {
        "app.py",
        "pkg/__init__.py",
        "pkg/views.py",
        "pkg/models.py",
        "space/inner.py",
        "lazy.py",
        "maybe.py",
        "plugin.py",
    }


def test_an_own_package_with_a_src_folder_is_found(tmp_path: Path) -> None:
    files = {
        "pyproject.toml": "[project]\nname='shop'\ndependencies=['flask==3.1.3']\n",
        "src/shop/__init__.py": APP,
    }
    source, _ = read(tmp_path, [GUNICORN, "shop:app"], files, "RUN pip install .")
    assert source.entry == "shop:app"
    assert [(d.name, d.version) for d in source.dependencies][:1] == [("flask", "3.1.3")]


def test_a_module_that_cannot_be_parsed_is_unknown(tmp_path: Path) -> None:
    source, _ = read(
        tmp_path, [GUNICORN, "app:app"], {"app.py": "import broken\n" + APP, "broken.py": "print 'two'\n"}
    )
    assert source.entry == "app:app"
    assert any("broken.py" in u.what for u in source.unknown)


@pytest.mark.parametrize(
    "text",
    [
        "(" * 100_000,
        "-" * 100_000 + "1",
        "+".join(["1"] * 100_000),
        "a" + ".a" * 100_000,
        "x = " + "[" * 90 + "]" * 90,
        "f(" * 80 + ")" * 80,
        "not " * 50_000 + "x",
        "if 1:\n" * 5 + "x",
        "\0",
        "# -*- coding: nonsense -*-",
    ],
)
def test_hostile_python_is_said_and_never_raises(tmp_path: Path, text: str) -> None:
    source, _ = read(
        tmp_path, [GUNICORN, "app:app"], {"app.py": "import hostile\n" + APP, "hostile.py": text}
    )
    assert source.entry == "app:app"


def test_code_is_never_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = f"open({str(mark)!r}, 'w')\n" + APP
    read(tmp_path / "r", [GUNICORN, "-c", "conf.py", "app:app"], {"app.py": code, "conf.py": code})
    assert not mark.exists()


@pytest.mark.parametrize("entry", [True, False])
def test_syntax_that_this_python_does_not_know_is_said_with_what_settles_it(
    tmp_path: Path, entry: bool
) -> None:
    newer = "x = 1\nnot yet any version's syntax\n"
    app = "import flask\nimport newer\napp = flask.Flask('x')\n"
    source = only(
        tmp_path,
        {"Dockerfile": DOCKERFILE, "app.py": newer if entry else app, "newer.py": newer},
    ).source
    assert source is not None
    name = "app.py" if entry else "newer.py"
    (said,) = [u for u in source.unknown if u.what.startswith(f"what {name} does")]
    assert "this version can read" in said.what
    assert "line 2" in said.what
    assert "a newer Python to run dock2wasm" in said.settle_with
    assert not any("no file of the image" in u.what for u in source.unknown)


# --- PasteDeploy and uWSGI's own files ---

_PASTE = """
[pipeline:main]
pipeline:
  prefix
  shop

[app:shop]
use = call:shop.app:create_app

[filter:prefix]
use = egg:PasteDeploy#prefix
"""
_PYRAMID = """from pyramid.config import Configurator


def create_app(_, **settings):
    config = Configurator(settings=settings)
    return config.make_wsgi_app()
"""


def test_a_paste_file_names_the_factory(tmp_path: Path) -> None:
    files = {
        "Dockerfile": "FROM python:3.13\nWORKDIR /app\nRUN pip install pyramid gunicorn\nCOPY . .\n"
        'CMD ["gunicorn", "--paste", "conf/production.ini", "-b", "0.0.0.0:9083"]\n',
        "conf/production.ini": _PASTE,
        "shop/__init__.py": "",
        "shop/app.py": _PYRAMID,
    }
    source = only(tmp_path, files).source
    assert source is not None
    assert (source.framework, source.interface, source.files[0]) == ("pyramid", "wsgi", "shop/app.py")
    assert source.entry is None  # its settings are in the file: it cannot be imported alone
    assert any("conf/production.ini" in one.what for one in source.unknown)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("[app:main]\nuse = call:a.b:c\n", "a.b:c"),
        ("[app:main]\npaste.app_factory = a:b\n", "a:b"),
        ("[composite:main]\nuse = egg:Paste#urlmap\n/ = inner\n", None),
        ("[pipeline:main]\npipeline = main\n", None),
        ("[app:main\n", None),
        ("", None),
    ],
)
def test_the_factory_of_a_paste_file(text: str, where: str | None) -> None:
    assert factory(text) == where


@pytest.mark.parametrize(("protocol", "listens"), [("protocol = http\n", "http"), ("", "tcp")])
def test_uwsgi_speaks_http_on_its_socket_where_told_to(tmp_path: Path, protocol: str, listens: str) -> None:
    files = {
        "Dockerfile": "FROM python:3.13\nWORKDIR /app\nRUN pip install flask uwsgi\nCOPY . .\n"
        'CMD ["uwsgi", "--ini", "app.ini"]\n',
        "app.ini": f"[uwsgi]\nwsgi-file = app.py\ncallable = app\nsocket = 0.0.0.0:8080\n{protocol}",
        "app.py": "from flask import Flask\napp = Flask(__name__)\n",
    }
    service = only(tmp_path, files)
    assert [(str(one.protocol), one.port) for one in service.listeners] == [(listens, 8080)]


def test_programs_that_uwsgi_starts_beside_the_application(tmp_path: Path) -> None:
    ini = "[uwsgi]\nhttp=:8000\nmodule=app:app\n"
    ini += "attach-daemon = ./worker.sh --fast\nhook-pre-app = exec:./migrate\n"
    source, _ = read(tmp_path, ["uwsgi", "uwsgi.ini"], {"app.py": APP, "uwsgi.ini": ini})
    started = {(f.subject, f.detail) for f in source.facts if f.kind is FactKind.SUBPROCESS}
    assert started == {("./worker.sh --fast", "worker.sh"), ("./migrate", "migrate")}


def test_a_start_script_that_waits_for_its_argument(tmp_path: Path) -> None:
    script = (
        '#!/bin/bash\nif [ "$1" == web-local ]\nthen\n  exec flask run\nelif [ "$1" == web ]\nthen\n'
        "  exec gunicorn -b :81 app:app\nelse\n  exec $@\nfi\n"
    )
    docker = 'FROM python:3.13\nWORKDIR /srv\nCOPY . .\nENTRYPOINT ["/srv/start.sh"]\n'
    service = only(tmp_path, {"Dockerfile": docker, "app.py": APP, "start.sh": script})
    assert service.source is not None
    assert (service.source.entry, service.source.server, service.port) == ("app:app", "gunicorn", 81)
    assert any("start.sh" in item.what for item in service.source.unknown)
