"""Bad input beside a healthy service: it is said what was not read, and the rest is assessed all the same."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from migrate.cli import app

FORMATS = ("terminal", "json", "sarif", "markdown", "html")
HEALTHY = {
    "ok/Dockerfile": "FROM python:3.14\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n"
    'CMD ["gunicorn", "app:app"]\n',
    "ok/requirements.txt": "flask==3.1.3\ngunicorn==23.0.0\n",
    "ok/app.py": "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef home():\n"
    "    return 'x'\n",
}
DEEP = 20_000
LARGE = 100 * 1024 * 1024


def write(root: Path, files: Mapping[str, str | bytes]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)


def service(folder: str, name: str, content: str | bytes, start: str) -> dict[str, str | bytes]:
    """A service whose one file `name` is bad."""
    base = {"python": "python:3.14", "node": "node:22", "go": "golang:1.25"}.get(start.split()[0], "debian")
    command = json.dumps(start.split())
    dockerfile = f"FROM {base}\nWORKDIR /app\nCOPY . .\nCMD {command}\n"
    return {f"{folder}/Dockerfile": dockerfile, f"{folder}/{name}": content}


def sparse(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.truncate(LARGE)


def large(root: Path) -> None:
    for name in (
        "big/compose.yaml",
        "big/Dockerfile",
        "big2/requirements.txt",
        "big2/app.py",
        "big3/package.json",
    ):
        sparse(root / name)
    write(
        root,
        {
            "big2/Dockerfile": HEALTHY["ok/Dockerfile"],
            "big3/Dockerfile": "FROM node\nCOPY . .\nCMD npm start\n",
        },
    )


def links(root: Path) -> None:
    (root / "out").mkdir()
    (root / "out/Dockerfile").symlink_to("/etc/hostname")
    (root / "out/compose.yaml").symlink_to("../../outside.yaml")
    (root / "round").symlink_to(".")
    (root / "self").symlink_to("self")
    os.mkfifo(root / "out/requirements.txt")


def deep_folders(root: Path) -> None:
    path = root
    for _ in range(100):
        path = path / "d"
        path.mkdir()
    (path / "Dockerfile").write_text("FROM alpine\nCMD x\n")


# What is bad: files, or a function that makes them; and the paths that must be told, with a word of why.
CASES: dict[str, tuple[dict[str, str | bytes] | Callable[[Path], None], dict[str, str]]] = {
    "invalid YAML": ({"bad/compose.yaml": "services: [\n  a: {{\n"}, {"bad/compose.yaml": "YAML"}),
    "YAML that is no mapping": ({"bad/compose.yaml": "- 1\n- 2\n"}, {"bad/compose.yaml": ""}),
    "a tab for an indent": (
        {"bad/compose.yaml": "services:\n\ta: {image: x}\n"},
        {"bad/compose.yaml": "YAML"},
    ),
    "cyclic extends": (
        {
            "bad/compose.yaml": "services:\n  a: {image: x, extends: {service: b}}\n"
            "  b: {image: x, extends: {service: a}}\n"
        },
        {"bad/compose.yaml": "extends"},
    ),
    "cyclic extends over files": (
        {
            "bad/compose.yaml": "services:\n  a: {image: x, extends: {file: other.yml, service: a}}\n",
            "bad/other.yml": "services:\n  a: {image: x, extends: {file: compose.yaml, service: a}}\n",
        },
        {"bad": "extends"},
    ),
    "cyclic include": (
        {
            "bad/compose.yaml": "include: [other.yml]\nservices: {a: {image: x}}\n",
            "bad/other.yml": "include: [compose.yaml]\nservices: {b: {image: x}}\n",
        },
        {"bad": "include"},
    ),
    "an alias bomb": (
        {
            "bad/compose.yaml": "a0: &a0 [x, x]\n"
            + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
            + "services: {a: {image: x, command: *a39}}\n"
        },
        {"bad/compose.yaml": ""},
    ),
    "YAML that is nested deeply": (
        {"bad/compose.yaml": "services: " + "[" * DEEP + "]" * DEEP + "\n"},
        {"bad/compose.yaml": ""},
    ),
    "binary files": (
        {
            "bad/Dockerfile": b"FROM alpine\n\0\x01\x02\xff",
            "bad/compose.yaml": bytes(range(256)),
            **service("bin", "app.py", bytes(range(256)), "python app.py"),
            "bin/requirements.txt": bytes(range(256)),
        },
        {"bad/compose.yaml": "", "bin/app.py": "", "bin/requirements.txt": ""},
    ),
    "files of 100 MB": (
        large,
        {
            "big/compose.yaml": "bytes",
            "big/Dockerfile": "bytes",
            "big2/app.py": "bytes",
            "big3/package.json": "bytes",
        },
    ),
    "unknown encodings": (
        {
            "bad/compose.yaml": "services: {a: {image: grün}}\n".encode("utf-32"),
            "latin/compose.yaml": "services: {a: {image: x, command: grün}}\n".encode("latin-1"),
            **service("enc", "app.py", "x = 'grün'\nimport flask\n".encode("latin-1"), "python app.py"),
            **service("enc2", "app.py", "# -*- coding: nonsense -*-\nimport flask\n", "python app.py"),
        },
        {"bad/compose.yaml": "", "latin/compose.yaml": "UTF-8", "enc/app.py": "", "enc2/app.py": ""},
    ),
    "links out of the tree": (
        links,
        {
            "out/Dockerfile": "link",
            "out/compose.yaml": "link",
            "round": "",
            "self": "",
            "out/requirements.txt": "",
        },
    ),
    "very deep folders": (deep_folders, {"/".join("d" * 65): "deep"}),
    "source that is nested deeply": (
        {
            **service("py", "app.py", "x = " + "(" * DEEP + ")" * DEEP + "\n", "python app.py"),
            **service("py2", "app.py", "x = " + "-" * DEEP + "1\n", "python app.py"),
            **service("js", "server.js", "f(" * DEEP + ")" * DEEP + ";\n", "node server.js"),
            **service("js2", "package.json", '{"a": ' + "[" * DEEP + "]" * DEEP + "}", "node server.js"),
            **service(
                "go", "main.go", "package main\nfunc main() { " + "{" * DEEP + "}" * DEEP + "}", "go run ."
            ),
            "go/go.mod": "module x\n",
            **service("sh", "start.sh", "$(" * DEEP + "x" + ")" * DEEP + "\n", "sh start.sh"),
        },
        {},
    ),
    "names with newlines and controls": (
        {
            "we\nird/Dockerfile": "FROM alpine\nCMD x\n",
            "esc\x1b[31m/Dockerfile": "FROM alpine\nCMD x\n",
            "quote'\"<b>/Dockerfile": "FROM alpine\nCMD x\n",
            "|pipe`/Dockerfile": "FROM\n",
        },
        {"|pipe`/Dockerfile": "Dockerfile"},
    ),
    "Dockerfiles that no build takes": (
        {
            "a/Dockerfile": "",
            "b/Dockerfile": "FROM\n",
            "c/Dockerfile": "RUN x\n",
            "d/Dockerfile": "FROM alpine\nFROBNICATE x\n",
            "e/Dockerfile": "FROM alpine\nRUN <<EOF\nnever ends\n",
            "f/Dockerfile": "FROM a AS a\nFROM a AS a\nCOPY --from=b x y\n",
            "g/Dockerfile": "FROM alpine\n" + "RUN x \\\n" * DEEP,
        },
        {"b/Dockerfile": "Dockerfile", "c/Dockerfile": "", "d/Dockerfile": ""},
    ),
    "start scripts that call each other": (
        {
            "loop/Dockerfile": 'FROM alpine\nWORKDIR /a\nCOPY . .\nCMD ["./a.sh"]\n',
            "loop/a.sh": "#!/bin/sh\nexec ./b.sh\n",
            "loop/b.sh": "#!/bin/sh\nexec ./a.sh\n",
        },
        {},
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    write(folder, HEALTHY)
    return folder


def assess(root: Path, name: str = "json") -> str:
    result = CliRunner().invoke(app, ["assess", str(root), "--format", name])
    assert result.exit_code == 0, result.output[-2000:]
    assert "Traceback" not in result.output
    return result.output


def verdict(report: dict[str, Any]) -> str:
    return next(str(one["verdict"]) for one in report["services"] if one["path"] == "ok")


@pytest.mark.parametrize("case", CASES)
def test_what_is_bad_is_said_and_the_rest_is_assessed(root: Path, case: str) -> None:
    alone = verdict(json.loads(assess(root)))
    bad, told = CASES[case]
    if callable(bad):
        bad(root)
    else:
        write(root, bad)
    report = json.loads(assess(root))
    assert verdict(report) == alone == "convert"
    assert report["rules_failed"] == []
    not_read = {item["path"]: item["reason"] for item in report["not_read"]}
    for path, why in told.items():
        reasons = [
            reason for place, reason in not_read.items() if place == path or place.startswith(f"{path}/")
        ]
        assert reasons and any(why in reason for reason in reasons), (path, not_read)
    assert all(not_read.values())


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_stands_all_of_it_at_once(root: Path, name: str) -> None:
    for number, (bad, _) in enumerate(CASES.values()):
        folder = root / f"case{number}"
        folder.mkdir()
        if callable(bad):
            bad(folder)
        else:
            write(folder, bad)
    text = assess(root, name)
    assert "\x1b[31m" not in text
    if name == "json":
        assert verdict(json.loads(text)) == "convert"


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter: those of pytest belong to one user."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_what_may_not_be_read_is_said(open_folder: Path) -> None:
    write(open_folder, HEALTHY)
    write(
        open_folder, {"shut/Dockerfile": "FROM alpine\nCMD x\n", "closed/Dockerfile": "FROM alpine\nCMD x\n"}
    )
    write(open_folder, {"ok/secret.py": "x = 1\n"})
    assess(open_folder)  # all modules are loaded before rights are given up
    (open_folder / "shut").chmod(0)
    (open_folder / "closed/Dockerfile").chmod(0)
    (open_folder / "ok/secret.py").chmod(0)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)  # nobody: for root every file may be read
    try:
        report = json.loads(assess(open_folder))
    finally:
        if root:
            os.seteuid(0)
    not_read = {item["path"]: item["reason"] for item in report["not_read"]}
    assert "ermission denied" in not_read["shut"] and "ermission denied" in not_read["closed/Dockerfile"]
    assert verdict(report) == "convert"
