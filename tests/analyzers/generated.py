"""Python services of any size: every module is reached from the entry and shows several facts."""

from __future__ import annotations

from pathlib import Path

_DOCKERFILE = """\
FROM python:3.14-slim
WORKDIR /srv
RUN pip install flask gunicorn requests
COPY . .
CMD ["gunicorn", "shop:create_app()"]
"""
_MODULE = '''"""Module {number}."""
import os

import requests
from flask import Blueprint, request

from shop.tools import Store
from shop.{before} import LIMIT

bp = Blueprint("m{number}", __name__)
store = Store()
seen = {{}}
URL = os.environ.get("URL_{shared}", "http://other:8080")
LIMIT = LIMIT + 1


class Thing:
    rows = []

    def __init__(self, name):
        self.name = name
        self.parts = []

    def add(self, part):
        self.parts.append(part)
        return self


@bp.route("/m{number}/<name>")
def view{number}(name):
    seen[name] = Thing(name).add(request.remote_addr)
    store.put(name, helper{number}(name))
    return requests.get(f"{{URL}}/x").text


def helper{number}(name):
    found = []
    for part in name.split("-"):
        found.append(part.strip())
    with open("/data/" + name) as file:
        return file.read()
'''
_TOOLS = '''"""What all modules use."""


class Store:
    def __init__(self):
        self.rows = {}

    def put(self, key, value):
        self.rows[key] = value
'''


def write_service(root: Path, modules: int) -> None:
    """A Flask service of so many modules, and three more files, below `root`."""
    package = root / "shop"
    package.mkdir(parents=True)
    (root / "Dockerfile").write_text(_DOCKERFILE, encoding="utf-8")
    (package / "tools.py").write_text(_TOOLS, encoding="utf-8")
    (package / "base.py").write_text("LIMIT = 1\n", encoding="utf-8")
    factory = "from flask import Flask\n\n\ndef create_app():\n    app = Flask(__name__)\n"
    for number in range(modules):
        before = f"m{number - 1}" if number % 10 else "base"
        text = _MODULE.format(number=number, shared=number % 7, before=before)
        (package / f"m{number}.py").write_text(text, encoding="utf-8")
        factory += f"    from shop.m{number} import bp as b{number}\n    app.register_blueprint(b{number})\n"
    (package / "__init__.py").write_text(factory + "    return app\n", encoding="utf-8")
