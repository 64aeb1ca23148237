"""Small repositories for tests, written to a temporary folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from analyzers import inventory
from analyzers.model import Fact, FactKind, Service, Source

DOCKERFILE = """\
FROM python:3.13-slim
WORKDIR /app
COPY . .
RUN pip install -r requirements.txt
CMD ["gunicorn", "-b", "0.0.0.0:8000", "app:app"]
"""


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below `root`; text is dedented."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else dedent(content).encode())
    return root


def services(root: Path, files: Mapping[str, str | bytes]) -> dict[str, Service]:
    """The services of a repository that holds these files, by name."""
    return {service.name: service for service in inventory.read(write(root, files)).services}


def only(root: Path, files: Mapping[str, str | bytes]) -> Service:
    """The one service of a repository."""
    (service,) = services(root, files).values()
    return service


def flask(root: Path, app: str, files: Mapping[str, str | bytes] | None = None) -> Source:
    """The source of a Flask service whose `app.py` follows `from flask import Flask; app = Flask(…)`."""
    head = "import os\nfrom flask import Flask, request\napp = Flask(__name__)\n"
    given = {
        "Dockerfile": DOCKERFILE,
        "requirements.txt": "flask==3.1.3\n",
        "app.py": head + dedent(app),
        **(files or {}),
    }
    source = only(root, given).source
    assert source is not None
    return source


def found(source: Source, kind: FactKind) -> dict[str, Fact]:
    """Facts of one kind by subject."""
    return {fact.subject: fact for fact in source.facts if fact.kind is kind}
