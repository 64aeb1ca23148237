"""A repository on disk with one service, judged: the whole way from files to marks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from analyzers.assess import assess
from analyzers.inventory import read
from analyzers.model import Finding
from migrate import config
from migrate.policy import Mark, Review, review
from migrate.policy.baseline import Baseline

FILES = {
    "Dockerfile": "FROM python:3.14\nWORKDIR /app\nCOPY . .\nRUN pip install flask gunicorn\nEXPOSE 8000\n"
    'CMD ["gunicorn", "app:app"]\n',
    "requirements.txt": "flask==3.1.3\ngunicorn==23.0.0\n",
    "app.py": "from flask import Flask\n\napp = Flask(__name__)\nseen = {}\nlast = []\n\n\n"
    "@app.get('/<name>')\ndef hello(name):\n"
    "    seen[name] = seen.get(name, 0) + 1\n    last.append(name)\n    return str(seen[name])\n",
}


def repository(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    """The files written."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def judged(folder: Path, baseline: Baseline | None = None) -> Review:
    """What `dock2wasm assess` makes of a folder."""
    return review(assess(read(folder)), config.load(folder), baseline)


def marks(reviewed: Review, rule: str) -> list[tuple[Finding, Mark]]:
    """The findings of one rule, of all services."""
    return [pair for one in reviewed.services for pair in one.findings() if pair[0].rule == rule]


def edited(folder: Path, name: str, *changes: tuple[str, str]) -> None:
    """Replace text in a file; each must be there."""
    text = (folder / name).read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / name).write_text(text)


def names(found: Sequence[tuple[Finding, Mark]]) -> list[str]:
    """The fingerprints."""
    return [mark.fingerprint for _, mark in found]
