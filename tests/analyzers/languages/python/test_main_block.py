"""What a started script does under `if __name__ == "__main__":` that a server importing it does not."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from analyzers.model import Fact, FactKind, Reach
from tests.analyzers.trees import flask, found

DOCKER = 'FROM python:3.13\nWORKDIR /app\nRUN pip install flask\nCOPY . .\nCMD ["python", "app.py"]\n'
HEAD = "COLOR = 'red'\n@app.get('/')\ndef view():\n    return COLOR\n"


def told(
    tmp_path: Path, block: str, head: str = "", files: dict[str, str] | None = None, cmd: str = DOCKER
) -> list[str]:
    """The statements of a script's block that count."""
    app = f"{HEAD}{dedent(head)}if __name__ == '__main__':\n{indent(dedent(block), '    ')}"
    return list(found(flask(tmp_path, app, {"Dockerfile": cmd, **(files or {})}), FactKind.MAIN_BLOCK))


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ("COLOR = os.environ['C']\napp.run()\n", "COLOR = os.environ['C']"),
        ("if os.environ.get('C'):\n    COLOR = os.environ['C']\napp.run()\n", "COLOR = os.environ['C']"),
        ("app.config['SECRET'] = 'x'\napp.run()\n", "app.config['SECRET'] = 'x'"),
        ("cfg = app.config\ncfg['SECRET'] = 'x'\napp.run()\n", "cfg['SECRET'] = 'x'"),
        ("app.register_blueprint(None)\napp.run()\n", "app.register_blueprint(None)"),
        ("app.wsgi_app = wrap(app.wsgi_app)\napp.run()\n", "app.wsgi_app = wrap(app.wsgi_app)"),
        (
            "from models import db\nwith app.app_context():\n    db.create_all()\napp.run()\n",
            "db.create_all()",
        ),
        ("import models\napp.run()\n", "import models"),
        ("from dotenv import load_dotenv\nload_dotenv()\napp.run()\n", "load_dotenv()"),
        ("@app.get('/x')\ndef x():\n    return ''\napp.run()\n", "@app.get('/x')"),
    ],
)
def test_what_an_import_would_miss(tmp_path: Path, block: str, expected: str) -> None:
    assert told(tmp_path, block, files={"models.py": "db = object()\n"}) == [expected]


@pytest.mark.parametrize(
    "block",
    [
        "app.run(host='0.0.0.0', port=8080)\n",
        "app.run(debug=True, port=int(os.environ.get('PORT', 5000)))\n",
        "port = int(os.environ['PORT'])\nprint(f'on {port}')\napp.run(port=port)\n",
        "import argparse\np = argparse.ArgumentParser()\nargs = p.parse_args()\napp.run(port=args.port)\n",
        "app.debug = True\napp.config['DEBUG'] = True\napp.run()\n",
        "import logging\nlogging.basicConfig(level='INFO')\napp.logger.info('starting')\napp.run()\n",
        "from waitress import serve\nserve(app, port=8080)\n",
        "import wsgiref.simple_server as w\nwith w.make_server('', 80, app) as s:\n    s.serve_forever()\n",
        "try:\n    app.run()\nexcept KeyboardInterrupt:\n    exit(1)\n",
    ],
)
def test_starting_the_server_does_not_count(tmp_path: Path, block: str) -> None:
    assert told(tmp_path, block) == []


def test_own_functions_are_followed(tmp_path: Path) -> None:
    head = """
    def init_db():
        open('x.db', 'w').close()
    def banner():
        print('hello')
    """
    assert told(tmp_path, "banner()\ninit_db()\napp.run()\n", head) == ["init_db()"]


def test_of_a_function_that_serves_its_statements_are_named(tmp_path: Path) -> None:
    head = """
    def main():
        global COLOR
        port = 5000
        COLOR = 'blue'
        main() if port == 1 else app.run(port=port)
    """
    assert told(tmp_path, "main()\n", head) == ["COLOR = 'blue'"]


def test_a_factory_that_the_adapter_calls_too(tmp_path: Path) -> None:
    head = """
    def create_app():
        made = Flask(__name__)
        made.config['A'] = 1
        return made
    """
    assert told(tmp_path, "create_app().run()\n", head) == []
    assert told(tmp_path, "made = create_app()\nmade.run()\n", head) == []


def test_an_own_object_that_only_holds_options(tmp_path: Path) -> None:
    head = """
    class Options:
        def __init__(self):
            self.port = int(os.environ['PORT'])
        def apply(self):
            app.config['A'] = 1
    """
    assert told(tmp_path, "o = Options()\napp.run(port=o.port)\n", head) == []
    assert told(tmp_path, "o = Options()\no.apply()\napp.run(port=o.port)\n", head) == ["o.apply()"]


def test_a_script_whose_application_is_another_modules(tmp_path: Path) -> None:
    shop = "from flask import Flask\ndef create_app():\n    return Flask(__name__)\n"
    run = "from shop import create_app\nif __name__ == '__main__':\n    app = create_app()\n"
    files = {"Dockerfile": DOCKER.replace("app.py", "run.py"), "shop.py": shop}
    changed = flask(tmp_path, "", {**files, "run.py": run + "    app.config['A'] = 1\n    app.run()\n"})
    assert list(found(changed, FactKind.MAIN_BLOCK)) == ["app.config['A'] = 1"]
    started = flask(tmp_path, "", {**files, "run.py": run + "    app.run()\n"})
    assert list(found(started, FactKind.MAIN_BLOCK)) == []


def test_a_server_that_imports_the_module_never_ran_the_block(tmp_path: Path) -> None:
    gunicorn = DOCKER.replace('"python", "app.py"', '"gunicorn", "app:app"')
    assert told(tmp_path, "COLOR = 'blue'\napp.run()\n", cmd=gunicorn) == []


# --- the host's name and the client's address ---


def of(tmp_path: Path, app: str, kind: FactKind) -> list[tuple[str, Reach]]:
    facts: list[Fact] = [fact for fact in flask(tmp_path, app).facts if fact.kind is kind]
    return [(fact.subject, fact.reach) for fact in facts]


def test_the_host_name_of_a_request(tmp_path: Path) -> None:
    app = (
        "import socket\ndef n():\n    return socket.gethostname()\n@app.get('/')\ndef v():\n    return n()\n"
    )
    assert of(tmp_path, app, FactKind.HOST) == [("socket.gethostname", Reach.REQUEST)]


def test_the_host_name_at_import(tmp_path: Path) -> None:
    app = "import os\nprint(os.uname().nodename)\n"
    assert of(tmp_path, app, FactKind.HOST) == [("os.uname", Reach.IMPORT)]


@pytest.mark.parametrize(
    "expression",
    [
        "request.remote_addr",
        "request.remote_addr.strip()",
        "str(request.access_route[0])",
        "request.environ['REMOTE_ADDR']",
        "request.environ.get('REMOTE_ADDR', '')",
    ],
)
def test_the_client_address(tmp_path: Path, expression: str) -> None:
    app = f"@app.get('/')\ndef v():\n    return {expression}\n"
    ((_, reach),) = of(tmp_path, app, FactKind.CLIENT_ADDRESS)
    assert reach is Reach.REQUEST


def test_a_limiter_that_counts_by_address(tmp_path: Path) -> None:
    app = (
        "from flask_limiter import Limiter\nfrom flask_limiter.util import get_remote_address\n"
        "limiter = Limiter(get_remote_address, app=app, storage_uri='redis://r')\n"
    )
    assert of(tmp_path, app, FactKind.CLIENT_ADDRESS) == [("get_remote_address", Reach.REQUEST)]


def test_another_address_is_none_of_a_client(tmp_path: Path) -> None:
    app = "@app.get('/')\ndef v(peer):\n    return peer.remote_addr\n"
    assert of(tmp_path, app, FactKind.CLIENT_ADDRESS) == []
