"""What is installed, what is missing, and the command that installs it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate import doctor
from migrate.errors import ToolMissingError
from migrate.toolchains import State, catalogue, docker, programs


def check(name: str, state: State, *, required: bool = True, remedy: str = "") -> doctor.Check:
    return doctor.Check(name, f"for {name}", state, required, remedy=remedy)


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with nothing but the running interpreter."""
    for tool in catalogue.tools().values():
        monkeypatch.delenv(tool.override, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs, "_wheel_binary", lambda: None)


def test_a_machine_with_nothing(nothing: None) -> None:
    checks = {found.name: found for found in doctor.examine()}
    assert set(checks) == set(catalogue.tools())  # nothing to say of an engine without a client
    assert checks["python"].ok
    for name in ("wasmtime", "docker"):
        assert checks[name].state is State.MISSING
        assert checks[name].remedy == catalogue.tools()[name].install()
    assert not doctor.complete(tuple(checks.values()))
    text = doctor.render(tuple(checks.values()), color=False)
    assert f"$ {checks['wasmtime'].remedy}\n" in text
    assert text.endswith("Missing for the main line: wasmtime, docker.\n")


def test_what_only_some_work_needs_does_not_count() -> None:
    checks = (check("a", State.OK), check("b", State.MISSING, required=False), check("c", State.UNTESTED))
    assert doctor.complete(checks)
    assert doctor.render(checks, color=False).endswith("serve and validate.\n")


@pytest.mark.parametrize("state", [State.MISSING, State.TOO_OLD, State.BROKEN])
def test_what_the_main_line_needs_counts(state: State) -> None:
    assert not doctor.complete((check("a", State.OK), check("b", state)))


def test_the_exit_code_is_that_of_a_missing_tool() -> None:
    assert ToolMissingError.code == doctor.EXIT_INCOMPLETE


def docker_on_path(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


def test_a_client_without_an_engine(nothing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = (
        'case "$1" in --version) echo "Docker version 28.2.2, build x";;\n'
        'version) echo "Cannot connect to the Docker daemon" >&2; exit 1;; *) exit 1;; esac'
    )
    docker_on_path(tmp_path, monkeypatch, script)
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    checks = {found.name: found for found in doctor.examine()}
    assert checks["docker"].ok
    assert checks["docker engine"].state is State.MISSING
    assert checks["docker engine"].notes == ("Cannot connect to the Docker daemon",)
    assert checks["docker engine"].remedy
    assert checks["buildkit"].state is State.MISSING
    assert checks["buildkit"].remedy == docker.install_buildx()
    assert not checks["buildkit"].required


def test_a_client_that_is_too_old(nothing: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_on_path(tmp_path, monkeypatch, 'echo "Docker version 18.09.1, build x"')
    checks = {found.name: found for found in doctor.examine()}
    assert checks["docker"].state is State.TOO_OLD
    assert "20.10 is the minimum" in checks["docker"].notes[-1]
    assert "docker engine" not in checks
    assert "too old" in doctor.render(tuple(checks.values()), color=False)


def test_json_is_complete_and_plain() -> None:
    checks = (
        doctor.Check("a", "for a", State.OK, True, "1.2", "/bin/a", "PATH", ("note",)),
        check("b", State.MISSING, remedy="get b"),
    )
    data = doctor.to_json(checks)
    assert json.loads(json.dumps(data)) == data
    assert data == {
        "schema_version": 1,
        "complete": False,
        "checks": [
            {
                "name": "a",
                "for": "for a",
                "state": "ok",
                "required": True,
                "version": "1.2",
                "path": "/bin/a",
                "origin": "PATH",
                "notes": ["note"],
                "remedy": None,
            },
            {
                "name": "b",
                "for": "for b",
                "state": "missing",
                "required": True,
                "version": None,
                "path": None,
                "origin": None,
                "notes": [],
                "remedy": "get b",
            },
        ],
    }


def test_colours_only_where_asked() -> None:
    checks = (check("a", State.OK), check("b", State.MISSING), check("c", State.MISSING, required=False))
    assert "\x1b" not in doctor.render(checks, color=False)
    text = doctor.render(checks, color=True)
    assert "\x1b[32m✓\x1b[0m a" in text
    assert "\x1b[31m✗\x1b[0m b" in text
    assert "\x1b[33m-\x1b[0m c" in text


def test_nothing_to_say() -> None:
    assert doctor.render((), color=False).endswith("validate.\n")
