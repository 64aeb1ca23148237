"""Services of a repository: which count, where they are built, what they listen on and are linked to."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzers import inventory
from analyzers.discovery import is_dockerfile
from analyzers.model import FactKind, Inbound
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


def test_a_stage_that_is_copied_from_tells_the_context_too(tmp_path: Path) -> None:
    docker = (
        "FROM golang AS build\nWORKDIR /src\nCOPY go.mod ./\nRUN go build -o /shop .\n"
        "FROM alpine\nCOPY --from=build /shop /shop\nCMD /shop\n"
    )
    found = services(tmp_path, {"go.mod": "module shop\n", "docker/Dockerfile": docker, "docker/run.sh": ""})
    (one,) = found.values()
    assert one.image is not None
    assert one.image.context == ""


def test_the_dockerfile_beside_compose_keeps_the_context_of_its_sources(tmp_path: Path) -> None:
    found = services(
        tmp_path / "shop",
        {
            "app.py": "",
            "deploy/Dockerfile": "FROM python\nCOPY app.py /\nCMD x\n",
            "deploy/compose.yaml": "services:\n  web:\n    image: corp/shop\n",
        },
    )
    image = found["web"].image
    assert image is not None
    assert image.context == ""
    assert [file.source for file in image.files] == ["app.py"]


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
    assert [(x.protocol, x.port) for x in found["mystery"].listeners] == [(Inbound.HTTP, 7000)]


def test_reading_twice_gives_the_same(tmp_path: Path) -> None:
    write(
        tmp_path, {"b/Dockerfile": IMAGE, "a/Dockerfile": IMAGE, "compose.yaml": "services: {x: {image: y}}"}
    )
    assert inventory.read(tmp_path) == inventory.read(tmp_path)


@pytest.mark.parametrize(
    ("compose", "heard"),
    [
        ("{image: acme/mq, expose: ['5672', '15672']}", [(Inbound.TCP, 5672), (Inbound.HTTP, 15672)]),
        ("{image: 'rabbitmq:4', ports: ['15672', '5672']}", [(Inbound.TCP, 5672), (Inbound.HTTP, 15672)]),
        ("{image: 'redis:7', expose: ['7001']}", [(Inbound.TCP, 7001)]),
        ("{image: acme/dns, ports: ['53:53', '53:53/udp']}", [(Inbound.TCP, 53), (Inbound.UDP, 53)]),
        ("{image: acme/turn, ports: ['5349', '5349/udp']}", [(Inbound.TCP, 5349), (Inbound.UDP, 5349)]),
        ("{image: acme/web, ports: ['443:443', '443:443/udp']}", [(Inbound.HTTP, 443)]),
        ("{image: acme/rpc, expose: ['50051']}", [(Inbound.GRPC, 50051)]),
        ("{image: acme/site, environment: {VIRTUAL_HOST: a.b, VIRTUAL_PORT: '81'}}", [(Inbound.HTTP, 81)]),
        (
            "{image: acme/app, healthcheck: {test: curl -f http://localhost:3000/health || exit 1}}",
            [(Inbound.HTTP, 3000)],
        ),
        ("{image: acme/app, healthcheck: {test: curl -f https://example.com/}}", []),
        ("{image: acme/job}", []),
    ],
)
def test_what_an_unread_image_listens_on(
    tmp_path: Path, compose: str, heard: list[tuple[Inbound, int]]
) -> None:
    found = services(tmp_path, {"compose.yaml": f"services: {{one: {compose}}}\n"})
    assert [(one.protocol, one.port) for one in found["one"].listeners] == heard


def test_links_are_what_names_a_host(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "compose.yaml": """\
            services:
              web:
                image: acme/web
                command: [serve, --upstream=shop:9000, --mode=quiet]
                environment:
                  POSTGRES_USER: db
                  DB_HOST: db
                  BROKERS: "a:9092,b:9093"
                  SPRING_DATASOURCE_URL: jdbc:mysql://legacy:3307/x
                  LONG: "X"
              db: {image: "postgres:16"}
              shop: {image: acme/shop}
              a: {image: "apache/kafka"}
              b: {image: "apache/kafka"}
              legacy: {image: mariadb}
              quiet: {image: acme/quiet}
              x: {image: acme/x}
            """,
        },
    )
    assert [(link.service, link.protocol, link.port) for link in found["web"].links] == [
        ("a", "kafka", 9092),
        ("b", "kafka", 9093),
        ("db", "postgres", 5432),
        ("legacy", "mysql", 3307),
        ("shop", "tcp", 9000),
    ]


def test_an_address_in_the_source_is_a_link(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "compose.yaml": "services:\n  web: {build: .}\n  cart: {image: acme/c}\n  db: {image: redis}\n",
            "Dockerfile": 'FROM python:3.14\nWORKDIR /app\nCOPY . .\nCMD ["gunicorn", "app:app"]\n',
            "requirements.txt": "flask\ngunicorn\nrequests\nredis\n",
            "app.py": "import requests, redis, os\nfrom flask import Flask\napp = Flask(__name__)\n"
            "store = redis.Redis(host=os.environ.get('STORE_HOST', 'db'))\n\n\n"
            "@app.get('/')\ndef home():\n    store.get('a')\n"
            "    return requests.get('http://cart:8080/items').text\n",
        },
    )
    assert [(link.service, link.protocol, link.port) for link in found["web"].links] == [
        ("cart", "http", 8080),
        ("db", "redis", 6379),
    ]


def test_an_image_that_the_repository_builds_is_no_foreign_one(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "compose.yaml": """\
            services:
              web: {build: ., image: shop}
              worker: {image: "shop:latest", command: work}
              store-a: {image: acme/store}
              store-b: {image: acme/store}
              cache: {image: redis}
            """,
            "compose.dev.yaml": "services:\n  store-a: {build: store}\n",
            "Dockerfile": IMAGE,
            "store/Dockerfile": IMAGE,
        },
    )
    built = {name: service.dockerfile for name, service in found.items()}
    assert built == {
        "web": "Dockerfile",
        "worker": "Dockerfile",
        "store-a": "store/Dockerfile",
        "store-b": "store/Dockerfile",
        "cache": None,
    }


@pytest.mark.parametrize(
    ("image", "repository", "own"),
    [
        ("docuseal/docuseal:latest", "docuseal", True),
        ("ghcr.io/erikvl87/languagetool", "docker-languagetool", True),
        ("postgres:16", "docuseal", False),
        ("docuseal/docuseal-proxy", "docuseal", False),
    ],
)
def test_a_published_image_of_the_dockerfile_beside_is_that_service(
    tmp_path: Path, image: str, repository: str, own: bool
) -> None:
    files = {"compose.yaml": f"services: {{app: {{image: '{image}'}}}}", "Dockerfile": IMAGE}
    read = inventory.read(write(tmp_path, files), name=repository)
    assert [service.dockerfile for service in read.services if service.name == "app"] == [
        "Dockerfile" if own else None
    ]
    assert len(read.services) == (1 if own else 2)


def test_volumes_that_begin_with_files_of_the_repository(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "compose.yaml": "services:\n  a:\n    image: acme/a\n    volumes:\n      - ./conf:/etc/a\n"
            "      - ./data:/var/a\n      - ./empty:/var/b\n      - ./one.conf:/one.conf\n      - named:/n\n"
            "volumes: {named: {}}\n",
            "conf/a.conf": "x",
            "empty/.gitkeep": "",
            "one.conf": "x",
        },
    )
    assert found["a"].committed == ("./conf", "./one.conf")


def test_a_dockerfile_among_its_like_is_built_from_the_project_above(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "deploy/docker/Dockerfile": "FROM python:3.14\nWORKDIR /app\nCOPY . .\nCMD gunicorn app:app\n",
            "deploy/docker/README.md": "x",
            "requirements.txt": "flask",
            "app.py": "from flask import Flask\napp = Flask(__name__)\n",
            "own/Dockerfile": "FROM alpine\nCOPY . .\nCMD x\n",
            "own/server.py": "x = 1\n",
            "bare/Dockerfile": "FROM alpine\nCMD x\n",
        },
    )
    contexts = {name: service.image.context for name, service in found.items() if service.image}
    assert contexts == {"docker": "", "own": "own", "bare": "bare"}
    assert found["docker"].source is not None
    assert any("build context" in one.what for one in found["docker"].unknown)


def test_a_compose_file_of_tests_does_not_say_how_a_service_runs(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        {
            "Dockerfile": IMAGE,
            "app/Dockerfile": IMAGE,
            "docker/test/compose.yaml": "services:\n  shop-under-test: {build: ../.., privileged: true}\n"
            "  fake: {build: fake}\n  db: {image: postgres}\n",
            "docker/test/fake/Dockerfile": IMAGE,
        },
    )
    found = inventory.read(files, name="shop").services
    assert {service.name: service.dockerfile for service in found if service.image} == {
        "shop": "Dockerfile",
        "app": "app/Dockerfile",
        "fake": "docker/test/fake/Dockerfile",
    }


def test_files_for_development_come_after_those_that_ship(tmp_path: Path) -> None:
    found = services(
        tmp_path,
        {
            "hack/dev.compose.yaml": "services: {api: {build: {context: ../api, dockerfile: d.Dockerfile}}}",
            "hack/ship.compose.yaml": "services: {api: {build: ../api}}\n",
            "api/Dockerfile": IMAGE,
            "api/d.Dockerfile": IMAGE,
        },
    )
    assert [service.dockerfile for service in found.values()] == ["api/Dockerfile"]


@pytest.mark.parametrize(
    ("compose", "requirements", "spoken"),
    [
        ("environment: {DATABASE_URL: 'postgresql://u:p@db/x'}", "sqlalchemy", "postgres"),
        ("depends_on: [store]", "sqlalchemy", "mysql"),
        ("restart: always", "sqlalchemy\npsycopg2-binary", "postgres"),
        ("restart: always", "sqlalchemy\npsycopg2-binary\npymysql", "sql"),
    ],
)
def test_the_database_behind_a_setting_is_told_by_what_is_stated(
    tmp_path: Path, compose: str, requirements: str, spoken: str
) -> None:
    found = services(
        tmp_path,
        {
            "compose.yaml": f"services:\n  web:\n    build: .\n    {compose}\n  store: {{image: mariadb}}\n",
            "Dockerfile": 'FROM python:3.14\nWORKDIR /app\nCOPY . .\nCMD ["gunicorn", "app:app"]\n',
            "requirements.txt": f"flask\ngunicorn\n{requirements}\n",
            "app.py": "import os\nfrom flask import Flask\nfrom sqlalchemy import create_engine, text\n"
            "app = Flask(__name__)\nengine = create_engine(os.environ['DATABASE_URL'])\n\n\n"
            "@app.get('/')\ndef home():\n    with engine.connect() as c:\n"
            "        return str(c.execute(text('select 1')).scalar())\n",
        },
    )
    source = found["web"].source
    assert source is not None
    assert {fact.subject for fact in source.facts if fact.kind is FactKind.DATABASE} == {spoken}
