"""Programs that a repository's own package installs are followed to the source behind them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analyzers.languages.python import console_scripts
from analyzers.model import FactKind, Reach
from tests.analyzers.trees import only

SERVER = """\
import waitress
from flask import Flask

app = Flask(__name__)
hits = {}

@app.get("/")
def home():
    hits["n"] = hits.get("n", 0) + 1
    return str(hits)

def load():
    hits["words"] = open("/srv/words.txt").read()

def main():
    load()
    waitress.serve(app, port=9000)
"""
PROJECT = "[project]\nname = 'shop'\nversion = '1'\ndependencies = ['flask', 'waitress']\n"


@pytest.mark.parametrize(
    ("manifest", "text", "module"),
    [
        ("pyproject.toml", f"{PROJECT}[project.scripts]\nshop-server = 'shop.web:main'\n", "shop/web.py"),
        ("pyproject.toml", "[tool.poetry.scripts]\nshop-server = 'shop.web:main'\n", "shop/web.py"),
        (
            "pyproject.toml",
            "[tool.poetry.scripts]\nshop-server = {callable = 'shop.web:main'}\n",
            "src/shop/web.py",
        ),
        (
            "setup.cfg",
            "[options.entry_points]\nconsole_scripts =\n  shop-server = shop.web:main\n",
            "shop/web.py",
        ),
        (
            "setup.py",
            "setup(name='shop', entry_points={'console_scripts': ['shop-server=shop.web:main']})\n",
            "shop/web.py",
        ),
        (
            "setup.py",
            "from setuptools import setup\nsetup(name='shop', entry_points=read('entry_points.txt'))\n",
            None,  # computed
        ),
        (
            "setup.py",
            "setup(name='shop', entry_points='''\n[console_scripts]\nshop-server = shop.web:main\n''')\n",
            "shop/web.py",
        ),
    ],
)
def test_a_console_script_of_the_own_package(
    tmp_path: Path, manifest: str, text: str, module: str | None
) -> None:
    package = f"{(module or 'shop/web.py').removesuffix('web.py')}__init__.py"
    docker = "FROM python:3.13\nWORKDIR /srv\nCOPY . .\nRUN pip install .\n"
    docker += f"CMD {json.dumps(['/usr/local/bin/shop-server', '--fast'])}\n"
    service = only(
        tmp_path, {"Dockerfile": docker, manifest: text, package: "", module or "shop/web.py": SERVER}
    )
    entry = service.source.entry if service.source else None
    assert entry == ("shop.web:app" if module else None)
    if service.source is not None and module:
        assert service.port == 9000
        states = [f for f in service.source.facts if f.subject == "shop.web.hits"]
        assert [f.reach for f in states] == [Reach.REQUEST]
        reads = [f for f in service.source.facts if f.subject == "/srv/words.txt"]
        assert [f.reach for f in reads] == [Reach.IMPORT]  # main() calls it before it serves
        done = [f.subject for f in service.source.facts if f.kind is FactKind.MAIN_BLOCK]
        assert done == ["load()"]


def test_a_file_with_the_interpreter_in_its_first_line(tmp_path: Path) -> None:
    docker = 'FROM python:3.13\nWORKDIR /srv\nCOPY . .\nCMD ["./bin/serve"]\n'
    text = "#!/usr/bin/env python3\nfrom app import app\napp.run(port=81)\n"
    service = only(
        tmp_path,
        {
            "Dockerfile": docker,
            "bin/serve": text,
            "bin/app.py": "from flask import Flask\napp = Flask('x')\n",
        },
    )
    assert service.source is not None
    assert (service.source.entry, service.source.framework) == ("serve:app", "flask")


@pytest.mark.parametrize(
    ("line", "python"),
    [
        ("#!/usr/bin/python3 -u\n", True),
        ("#!/usr/bin/env -S python3.11\n", True),
        ("#! /opt/venv/bin/python\n", True),
        ("#!/bin/sh\npython3 x.py\n", False),
        ("#!/usr/bin/pythonista\n", False),
        ("import os\n", False),
    ],
)
def test_the_first_line(line: str, python: bool) -> None:
    assert console_scripts.is_python(line) is python


def test_a_plugin_of_twistd(tmp_path: Path) -> None:
    docker = (
        'FROM python:3.13\nWORKDIR /srv\nCOPY . .\nCMD ["twistd", "-n", "--pidfile=", "shop", "--port=80"]\n'
    )
    plugin = "from twisted.application.service import ServiceMaker\n"
    plugin += "other = ServiceMaker('O', 'shop.other', 'x', 'other')\n"
    plugin += "maker = ServiceMaker('Shop', 'shop.tap', 'A shop', 'shop')\n"
    service = only(
        tmp_path,
        {
            "Dockerfile": docker,
            "twisted/plugins/shop_plugin.py": plugin,
            "shop/__init__.py": "",
            "shop/tap.py": "import requests\ndef makeService(config):\n    requests.get('http://a.example')\n",
        },
    )
    assert service.source is not None
    assert service.source.files == ("shop/tap.py", "shop/__init__.py")


def test_twistd_web_serves_a_wsgi_application(tmp_path: Path) -> None:
    docker = "FROM python:3.13\nWORKDIR /srv\nCOPY . .\nCMD twistd -n web --port tcp:81 --wsgi a.app\n"
    service = only(tmp_path, {"Dockerfile": docker, "a.py": "from flask import Flask\napp = Flask('x')\n"})
    assert service.source is not None
    assert (service.source.entry, service.port) == ("a:app", 81)
