"""What all tests share: markers that ask for tools, copies of the fixtures, the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import needs

ROOT = Path(__file__).parents[1]

NEEDS: dict[str, Callable[[], None]] = {
    "engine": needs.needs_base_image,
    "runtime": needs.needs_wasmtime,
    "go": needs.needs_go,
}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, need in NEEDS.items():
        if item.get_closest_marker(marker):
            need()


@dataclass(frozen=True)
class Result:
    """A finished run of dock2wasm."""

    code: int
    out: str
    err: str


class CommandLine:
    """Runs `dock2wasm` as users do: the installed program, in a process of its own, no terminal.

    `cache` is where it keeps components; Python's settings of this process do not reach it.
    """

    def __init__(self, program: Path, cwd: Path, cache: Path) -> None:
        self.program = program
        self.cwd = cwd
        self.cache = cache

    def __call__(self, *arguments: str | Path, timeout: float = 1500, **environment: str) -> Result:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "FORCE_COLOR"))}
        done = subprocess.run(
            [self.program, *map(str, arguments)],
            cwd=self.cwd,
            env={**kept, "COLUMNS": "120", "XDG_CACHE_HOME": str(self.cache), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def dock2wasm(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The installed program, started in an empty folder; components are cached from session to session."""
    program = Path(sys.executable).parent / "dock2wasm"
    return CommandLine(program, tmp_path_factory.mktemp("cwd"), ROOT / ".cache" / "tests")


def copy_fixture(name: str, to: Path) -> Path:
    """A copy of `fixtures/<name>` without what was generated or left behind there."""
    return Path(
        shutil.copytree(
            ROOT / "fixtures" / name,
            to / name,
            ignore=shutil.ignore_patterns("wasm", "__pycache__", ".pytest_cache", ".venv"),
        )
    )


@pytest.fixture
def flask_orders(tmp_path: Path) -> Path:
    """A copy of the fixture that may be written to."""
    return copy_fixture("flask-orders", tmp_path)


@pytest.fixture
def flask_counter(tmp_path: Path) -> Path:
    """A copy of the fixture that may be written to."""
    return copy_fixture("flask-counter", tmp_path)
