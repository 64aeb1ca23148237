"""The whole line on the fixtures, with the real engine and runtime; done once a session."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import CommandLine, Result, copy_fixture
from tests.e2e import neighbours
from tests.needs import needs_rust_for_wasi

SECRET = "e2e-" + hashlib.sha256(b"a secret of these tests").hexdigest()


@dataclass(frozen=True)
class Migrated:
    """A fixture after `dock2wasm migrate`."""

    repository: Path
    tree: Path
    result: Result
    expected: dict[str, Any]
    """The `validate` table of its `expect.toml`."""
    choices: tuple[str, ...]
    """The options of `convert` that were given."""
    before: dict[str, bytes]
    """Every file of the repository as it was."""

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(self.result.out)
        return report

    def exchanges(self, instances: str) -> list[dict[str, Any]]:
        (run,) = [r for r in self.report["runs"] if r["instances"] == instances]
        found: list[dict[str, Any]] = run["exchanges"]
        return found


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, generated trees left out."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in sorted(folder.rglob("*"))
        if p.is_file() and p.relative_to(folder).parts[0] != "wasm"
    }


def migrate(dock2wasm: CommandLine, name: str, folder: Path) -> Migrated:
    repository = copy_fixture(name, folder)
    (service,) = tomllib.loads((repository / "expect.toml").read_text())["service"]
    before = contents(repository)
    if service["validate"].get("build_wheels"):
        needs_rust_for_wasi()
    accept = service["validate"].get("accept", [])
    choices: list[str] = ["--accept", ",".join(accept)] if accept else []
    for target in dict.fromkeys([service["validate"]["target"], *service["targets"]]):
        choices += ["--target", target]
    with neighbours.started(name) as addresses:
        result = dock2wasm(
            "migrate",
            repository,
            *("--probes", repository / "probes.yaml"),
            *choices,
            *(["--build-wheels"] if service["validate"].get("build_wheels") else []),
            *("--env", "SECRET_KEY"),
            *(word for variable, value in addresses.items() for word in ("--env", f"{variable}={value}")),
            *("--no-measure", "--quiet", "--format", "json"),
            SECRET_KEY=SECRET,
        )
    tree = repository / "wasm" / name
    return Migrated(repository, tree, result, service["validate"], tuple(choices), before)


@pytest.fixture(scope="session")
def orders(dock2wasm: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    return migrate(dock2wasm, "flask-orders", tmp_path_factory.mktemp("orders"))


@pytest.fixture(scope="session")
def counter(dock2wasm: CommandLine, tmp_path_factory: pytest.TempPathFactory) -> Migrated:
    return migrate(dock2wasm, "flask-counter", tmp_path_factory.mktemp("counter"))
