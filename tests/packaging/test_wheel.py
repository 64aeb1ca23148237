"""The wheel, installed in an empty environment outside the checkout, does the work there."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT, CommandLine, copy_fixture


def run(*argv: str | Path) -> None:
    done = subprocess.run(
        [str(a) for a in argv], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", out, ROOT)
    (made,) = out.glob("dock2wasm-*-py3-none-any.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The program of an environment that holds the locked dependencies and the wheel, nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    pip = (folder / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    run(*pip, "--require-hashes", "-r", ROOT / "requirements.lock")
    run(*pip, "--no-deps", wheel)
    # A cache of its own: the build must run, not be found.
    cache = tmp_path_factory.mktemp("cache")
    return CommandLine(folder / "bin" / "dock2wasm", tmp_path_factory.mktemp("elsewhere"), cache)


@pytest.fixture(scope="module")
def repository(installed: CommandLine) -> Path:
    return copy_fixture("flask-orders", installed.cwd)


@pytest.fixture(scope="module")
def converted(installed: CommandLine, repository: Path) -> Path:
    done = installed("convert", repository)
    assert done.code == 0, done.err
    return repository / "wasm" / "flask-orders"


def files_under(*folders: str, suffixes: tuple[str, ...]) -> set[str]:
    found = (p for folder in folders for p in (ROOT / folder).rglob("*") if p.suffix in suffixes)
    return {p.relative_to(ROOT).as_posix() for p in found if "__pycache__" not in p.parts}


def test_the_wheel_holds_code_data_and_templates_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    info = wheel.name.removesuffix("-py3-none-any.whl") + ".dist-info"
    assert {name.split("/")[0] for name in names} == {"migrate", "analyzers", info}
    assert [name for name in names if name.endswith(".pyc")] == []
    expected = files_under("migrate", "analyzers", suffixes=(".py", ".toml", ".json"))
    assert expected - names == set()
    templates = subprocess.run(
        ["git", "ls-files", "templates"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    assert templates
    assert {f"migrate/_{name}" for name in templates} - names == set()


def test_it_answers_help_and_version(installed: CommandLine) -> None:
    assert "assess" in installed("--help").out
    assert installed("--version").out.startswith("dock2wasm ")


def test_it_assesses(installed: CommandLine, repository: Path) -> None:
    done = installed("assess", repository, "--format", "json")
    assert done.code == 0, done.err
    (service,) = json.loads(done.out)["services"]
    assert (service["name"], service["verdict"]) == ("flask-orders", "convert")


def test_it_converts_from_its_own_templates(converted: Path) -> None:
    assert {"build.sh", "run.sh", "spin.toml", "README.md"} <= {p.name for p in converted.iterdir()}
    assert any((converted / "adapter").rglob("*.py"))


@pytest.mark.build
def test_it_builds(installed: CommandLine, repository: Path, converted: Path) -> None:
    done = installed("build", repository)
    assert done.code == 0, done.err
    component = converted / "build" / "flask-orders.wasm"
    assert component.read_bytes()[:8] == b"\0asm\x0d\0\x01\0"  # a component, not a core module
