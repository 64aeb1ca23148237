"""Services of a repository: which count, where they are built, what they listen on and are linked to."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzers import inventory
from analyzers.inventory import is_dockerfile
from analyzers.model import Inbound
from tests.analyzers.trees import only, services, write

IMAGE = 'FROM alpine\nCMD ["srv"]\n'


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("Dockerfile", True),
        ("a/Dockerfile.prod", True),
        ("api.Dockerfile", True),
        ("Containerfile", True),
        ("Dockerfile.dockerignore", False),
        ("api.Dockerfile.dockerignore", False),
        ("dockerfile.py", False),
        ("MyDockerfile", False),
    ],
)
def test_names_that_count(name: str, counts: bool) -> None:
    assert is_dockerfile(name) is counts


def test_a_dockerfile_that_compose_names_counts_once_a_command_and_target(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "api/Dockerfile": "FROM alpine AS a\nCMD one\nFROM a AS b\nCMD two\n",
            "lone/Dockerfile": IMAGE,
            "compose.yaml": """\
            services:
              web: {build: ./api}
              same: {build: {context: api}}
              worker: {build: ./api, command: work}
              first: {build: {context: api, target: a}}
              redis: {image: "redis:7"}
            """,
            "docker-compose.yml": "services: {web: {build: ./api, command: other}, more: {image: x}}",
            "compose.override.yaml": "services: {web: {ports: ['80:80']}}",
        },
    )
    assert sorted(found) == ["first", "lone", "more", "redis", "web", "worker"]
    assert found["web"].start_command == ("two",)
    assert found["first"].start_command == ("one",)
    assert found["redis"].image is None
    assert found["redis"].image_name == "redis:7"
    assert found["lone"].path == "lone"


def test_names_clash_across_folders(tmp_path: Path) -> None:
    text = "services: {web: {image: x}, db: {image: postgres}}"
    found = services(tmp_path, {"shop/compose.yaml": text, "blog/compose.yaml": text})
    assert sorted(found) == ["blog-db", "blog-web", "shop-db", "shop-web"]


def test_context_is_the_folder_or_where_the_sources_are(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "own/Dockerfile": "FROM alpine\nCOPY app.py /\nCMD x\n",
            "own/app.py": "",
            "svc/api/docker/Dockerfile": "FROM alpine\nCOPY src /src\nCMD x\n",
            "svc/api/src/a.py": "",
            "deploy/Dockerfile.top": "FROM alpine\nCOPY own/app.py /\nCMD x\n",
        },
    )
    contexts = {name: s.image.context for name, s in found.items() if s.image}
    assert contexts == {"own": "own", "docker": "svc/api", "top": ""}
    assert found["own"].unknown == ()
    assert "repository's root" in found["top"].unknown[0].what


def test_ignore_files_apply(tmp_path: Path) -> None:
    docker = "FROM alpine\nCOPY . /srv\nCMD x\n"
    found = services(
        tmp_path,
        {
            ".dockerignore": "*.txt\n",
            "Dockerfile": docker,
            "Dockerfile.b": docker,
            "Dockerfile.b.dockerignore": "*.py\n",
            "a.py": "",
            "a.txt": "",
        },
    )
    taken = {name: {f.source for f in s.image.files} for name, s in found.items() if s.image}
    b = taken.pop("b")
    (plain,) = taken.values()
    assert "a.py" in plain and "a.txt" not in plain
    assert "a.txt" in b and "a.py" not in b


def test_a_dockerfile_in_compose_keeps_its_lines(tmp_path: Path) -> None:
    text = """\
    services:
      web:
        build:
          context: .
          dockerfile_inline: |
            FROM alpine
            CMD ["srv"]
    """
    found = only(tmp_path, {"compose.yaml": text})
    assert found.start_command == ("srv",)
    assert str(found.start_evidence[0]) == "compose.yaml:7"


@pytest.mark.parametrize(
    ("build", "what"),
    [
        ("https://example.com/x.git", "no folder of the repository"),
        ("../elsewhere", "no folder of the repository"),
        ("./none", "none/Dockerfile is not in the repository"),
        ("{context: ., dockerfile: ../../../etc/passwd}", "is not in the repository"),
    ],
)
def test_a_build_that_is_not_here_is_a_service_with_an_unknown(tmp_path: Path, build: str, what: str) -> None:
    found = only(tmp_path, {"compose.yaml": f"services: {{web: {{build: {build}}}}}"})
    assert found.image is None
    assert any(what in u.what for u in found.unknown)


def test_an_unreadable_dockerfile_is_said(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a/Dockerfile": "RUN before from\n",
        "b/Dockerfile": b"\0\1",
        "c/Dockerfile": "",
        "d/Dockerfile": IMAGE,
    }
    read = inventory.read(write(tmp_path, files))
    assert [s.name for s in read.services] == ["d"]
    assert {n.path for n in read.not_read} == {"a/Dockerfile", "b/Dockerfile", "c/Dockerfile"}


def test_an_empty_repository_has_no_services(tmp_path: Path) -> None:
    assert inventory.read(tmp_path).services == ()


def test_links_and_listeners(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "Dockerfile": "FROM golang:1.25\nEXPOSE 8080 9000/udp\nCMD x\n",
            "compose.yaml": """\
            services:
              web:
                build: .
                depends_on: [cache, mystery]
                environment:
                  DATABASE_URL: postgresql+psycopg2://u:p@db:5433/x
                  SELF: http://web:8080
                  OUTSIDE: https://example.com
              db: {image: "postgres:16"}
              cache: {image: "docker.io/library/redis@sha256:abc"}
              mystery: {image: "acme/thing", expose: ["7000"]}
            """,
        },
    )
    links = [(link.service, link.protocol, link.port) for link in found["web"].links]
    assert links == [("cache", "redis", 6379), ("db", "postgres", 5433), ("mystery", "tcp", None)]
    assert [(x.protocol, x.port) for x in found["web"].listeners] == [
        (Inbound.HTTP, 8080),
        (Inbound.UDP, 9000),
    ]
    assert found["web"].language == "go"
    assert [(x.protocol, x.port) for x in found["db"].listeners] == [(Inbound.TCP, 5432)]
    assert [(x.protocol, x.port) for x in found["mystery"].listeners] == [(Inbound.TCP, 7000)]


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    write(
        tmp_path, {"b/Dockerfile": IMAGE, "a/Dockerfile": IMAGE, "compose.yaml": "services: {x: {image: y}}"}
    )
    assert inventory.read(tmp_path) == inventory.read(tmp_path)
