"""The command line as a shell runs it: streams, exit codes, help."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMANDS = ("assess", "convert", "build", "serve", "validate", "migrate", "doctor", "explain", "schema")


def shell(command: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """`command` with `$d` for dock2wasm and the arguments as `$1`, `$2`, ..."""
    return subprocess.run(
        ["/bin/sh", "-c", f"d='{sys.executable} -m migrate.cli'; {command}", "sh", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "COLUMNS": "80"},
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A service."""
    (tmp_path / "Dockerfile").write_text(
        'FROM python:3.12\nWORKDIR /app\nCOPY . .\nCMD ["gunicorn", "app:app"]\n'
    )
    (tmp_path / "requirements.txt").write_text("flask==3.1.2\ngunicorn==23.0.0\n")
    (tmp_path / "app.py").write_text("from flask import Flask\napp = Flask(__name__)\n")
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_examples(name: str) -> None:
    told = shell('$d "$1" --help', name)
    assert told.returncode == 0
    assert f"dock2wasm {name}" in told.stdout.partition("Examples:")[2]


def test_a_reader_that_leaves_is_no_difference(repository: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    told = subprocess.run(
        [sys.executable, "-m", "migrate.cli", "assess", "--format", "json", str(repository)],
        stdout=writing,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(writing)
    assert (told.returncode, told.stderr) == (141, b"")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_streams_that_are_closed(repository: Path, closed: str) -> None:
    told = shell(f'$d assess "$1" {closed}', repository)
    assert (told.returncode, told.stderr) == (0, "")


def test_output_for_a_closed_stream_does_not_land_in_the_report(repository: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    told = shell('$d assess "$1" --format json --report "$2" >&- 2>&- <&-', repository, report)
    assert told.returncode == 0
    assert report.read_text().startswith("{")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_behind_the_output(repository: Path, unbuffered: str) -> None:
    told = shell(f'PYTHONUNBUFFERED={unbuffered} $d assess "$1" >/dev/full', repository)
    assert told.returncode == 34
    assert "disk is full" in told.stderr


def test_an_error_does_not_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_bytes(b"FROM python\n\x1b[31mFOO\x1b]0;title\x07 bar\n")
    told = shell('$d assess "$1"', tmp_path)
    assert told.returncode == 23
    assert r"unknown instruction: \x1b[31mFOO\x1b]0;title\x07" in told.stderr
    assert "\x1b" not in told.stderr


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("nonsense", 2),
        ("assess --nope", 2),
        ("schema nonsense", 2),
        ("explain nonsense", 2),
        ("--version", 0),
    ],
)
def test_exit_codes_of_the_command_line(arguments: str, code: int) -> None:
    told = shell(f"$d {arguments}")
    assert told.returncode == code
    assert "Traceback" not in told.stderr


@pytest.mark.parametrize("command", ["validate", "migrate"])
def test_a_report_that_cannot_be_written_is_refused_before_the_work(repository: Path, command: str) -> None:
    told = shell(f'$d {command} "$1" --report "$1/none/report.txt"', repository)
    assert told.returncode == 34
    assert "--report" in told.stderr
    assert not (repository / "wasm").exists()
