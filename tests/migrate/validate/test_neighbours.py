"""Which neighbours are started, and how variables that name them are rewritten."""

from __future__ import annotations

import io
import tarfile
import time
from dataclasses import replace
from pathlib import Path

import pytest

from analyzers.inventory import read
from migrate.errors import OriginalError
from migrate.progress import Silent
from migrate.validate import neighbourhood, neighbours
from migrate.validate.neighbours import Neighbour

COMPOSE = """
services:
  web:
    build: .
    environment:
      REDIS_HOST: cache
      DATABASE_URL: postgresql://db:db@db:5432/db
    depends_on: [cache, db, api]
  api:
    build: ./api
  cache:
    image: redis:7-alpine
    depends_on: [seeder]
  seeder:
    image: busybox
  db:
    image: postgres:16
    environment: [POSTGRES_PASSWORD=x, HANDED]
    command: postgres -c fsync=off
    healthcheck: {test: "pg_isready"}
    volumes: ["./init:/docker-entrypoint-initdb.d:ro", "data:/var/lib/postgresql/data", "/etc/hosts:/x"]
  unrelated:
    image: nginx
volumes: {data: {}}
"""


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    for name, text in {
        "compose.yaml": COMPOSE,
        "Dockerfile": "FROM python:3.11-slim\nCOPY app.py .\nCMD python app.py\n",
        "app.py": "import http.server\n",
        "api/Dockerfile": "FROM python:3.11-slim\nCOPY app.py .\nCMD python app.py\n",
        "api/app.py": "import http.server\n",
        "init/1.sql": "create table t();\n",
        "init/deep/run.sh": "true\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "init/deep/run.sh").chmod(0o755)
    (tmp_path / "init/link").symlink_to("/etc/passwd")
    return tmp_path


def test_image_only_services_that_it_is_linked_to_and_their_own(repository: Path) -> None:
    services = read(repository).services
    web = next(one for one in services if one.name == "web")
    found = {one.host: one for one in neighbours.of(web, services)}
    assert set(found) == {"cache", "db", "seeder"}
    assert neighbours.not_started(web, services) == ("api",)
    db = found["db"]
    assert (db.image, db.port) == ("postgres:16", 5432)
    assert dict(db.environment) == {"POSTGRES_PASSWORD": "x", "HANDED": None}
    assert db.command == ("postgres", "-c", "fsync=off")
    assert db.healthcheck is not None
    assert db.healthcheck.command == ("pg_isready",)
    assert db.seeds == (("./init", "/docker-entrypoint-initdb.d"),)
    assert found["cache"].port == 6379


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("REDIS_HOST", "redis", "127.1.2.3"),
        ("REDIS_USER", "redis", None),
        ("REDIS_URL", "redis://redis:6379/0", "redis://127.1.2.3:6379/0"),
        ("X", "redis://redis", "redis://127.1.2.3"),
        ("X", "redis://redis:redis@redis/redis", "redis://redis:redis@127.1.2.3/redis"),
        ("X", "redis://:p@ss@redis:1", "redis://:p@ss@127.1.2.3:1"),
        ("X", "jdbc:postgresql://redis:1/x", "jdbc:postgresql://127.1.2.3:1/x"),
        ("X", "redis:6379", "127.1.2.3:6379"),
        ("NODES", "other:1,redis:2; redis", "other:1,127.1.2.3:2; 127.1.2.3"),
        ("X", "redis:latest", None),
        ("REDIS_HOST", "redis.example.com", None),
        ("X", "http://redis.example.com/redis", None),
        ("X", "http://a/?u=redis:1", None),
        ("X", "my-redis:6379", None),
        ("REDIS_HOST", "redis" * 2000, None),
    ],
)
def test_only_hosts_are_replaced(name: str, value: str, expected: str | None) -> None:
    found = neighbours.rewritten({name: value}, {"redis": "127.1.2.3"})
    assert found.get(name) == expected


def test_rewriting_takes_no_exponential_time() -> None:
    started = time.monotonic()
    for value in ("a" * 4096, "a://" * 1024, "a:" * 2048, "://@" * 1024, ",;" * 2048):
        neighbours.rewritten({"HOST": value}, {"redis": "x"})
    assert time.monotonic() - started < 30  # a bound on its growth, not on its speed


def test_notes_name_variables_and_no_values() -> None:
    one = Neighbour("cache", "redis", "redis:7", seeds=(("./init", "/init"),))
    (note,) = neighbours.notes([one], {"URL": "redis://:hidden@redis:1", "OTHER": "x"})
    assert "URL" in note
    assert "./init" in note
    assert "OTHER" not in note
    assert "hidden" not in note
    (note,) = neighbours.notes([one], {})
    assert "no variable names redis" in note


def test_seed_data_is_a_read_only_copy_without_links(repository: Path) -> None:
    one = Neighbour("db", "db", "x", seeds=(("./init", "/docker-entrypoint-initdb.d"),))
    with tarfile.open(fileobj=io.BytesIO(neighbourhood._seeds(one, repository))) as tar:
        modes = {entry.name: entry.mode for entry in tar.getmembers()}
    assert modes == {
        "docker-entrypoint-initdb.d/1.sql": 0o444,
        "docker-entrypoint-initdb.d/deep/run.sh": 0o555,
    }


def test_seed_data_stays_in_the_repository_and_small(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (repository / "out").symlink_to("/etc")
    one = Neighbour("db", "db", "x", seeds=(("./out", "/seed"),))
    with pytest.raises(OriginalError, match="leads out of the repository"):
        neighbourhood._seeds(one, repository)
    with pytest.raises(OriginalError, match="leads out"):
        neighbourhood._seeds(replace(one, seeds=(("./../x", "/seed"),)), repository)
    monkeypatch.setattr(neighbourhood, "SEED_LIMIT", 10)
    with pytest.raises(OriginalError, match="larger than"):
        neighbourhood._seeds(replace(one, seeds=(("./init", "/seed"),)), repository)


def test_without_an_engine_nothing_is_started(tmp_path: Path) -> None:
    from migrate.model import Component
    from migrate.runtimes import ServeRequest

    around = neighbourhood.Neighbourhood(
        (Neighbour("cache", "redis", "redis:7"),), {"H_HOST": "redis"}, {}, tmp_path, tmp_path, Silent()
    )
    request = ServeRequest(Component(tmp_path, "", "http", "0.2", (), ()), tmp_path, tmp_path / "log")
    with around.of_candidate(request) as given:
        assert given is request
