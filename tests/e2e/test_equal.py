"""Fixtures that move as they are: each answers every probe alike, on fresh and on reused instances."""

from __future__ import annotations

import pytest
import yaml

from tests.conftest import CommandLine
from tests.e2e.conftest import Migrated, contents, migrate

pytestmark = [pytest.mark.engine, pytest.mark.runtime, pytest.mark.build]

NAMES = (
    "django-pages",
    "fastapi-orders",
    "flask-gateway",
    "flask-postgres",
    "flask-redis",
    "http-server-shortener",
    "starlette-gateway",
    "starlette-stream",
)


@pytest.fixture(scope="module", params=NAMES)
def migrated(
    request: pytest.FixtureRequest, dock2wasm: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> Migrated:
    name = str(request.param)
    return migrate(dock2wasm, name, tmp_path_factory.mktemp(name))


@pytest.mark.parametrize("instances", ["fresh", "reused"])
def test_every_probe_is_answered_alike(migrated: Migrated, instances: str) -> None:
    assert migrated.result.code == 0, migrated.result.out + migrated.result.err
    assert migrated.report["outcome"] == migrated.expected["outcome"] == "equal"
    asked = [p["id"] for p in yaml.safe_load((migrated.repository / "probes.yaml").read_text())["probes"]]
    exchanges = migrated.exchanges(instances)
    assert [e["id"] for e in exchanges] == asked
    assert {e["verdict"] for e in exchanges} <= {"equal", "normalised"}


def test_the_repository_is_as_it_was(migrated: Migrated) -> None:
    assert contents(migrated.repository) == migrated.before
