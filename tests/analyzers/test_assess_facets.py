"""Facets, listeners, what RUN lines do, and which public images are infrastructure."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.facets import facets
from analyzers.infrastructure import Role, role_of
from analyzers.listeners import inbound, main_listener
from analyzers.model import (
    ComposeFacts,
    Confidence,
    DependencyClass,
    FactKind,
    Inbound,
    Link,
    Listener,
    Reach,
    Run,
    Service,
    State,
)
from analyzers.rules._build import at, compose, fact, image, package, run, service
from analyzers.run_lines import Kind, commands, kind
from analyzers.volumes import is_own_source

WRITE = fact(FactKind.FILE_WRITE, "uploads/a")
SQLITE = fact(FactKind.DATABASE, "sqlite", detail="shop.db")
POSTGRES = fact(FactKind.DATABASE, "postgres")
MEMORY = fact(FactKind.MEMORY_STATE, "app.hits")
REDIS = fact(FactKind.OUTBOUND, "redis", detail="redis:6379")


def mounted(target: str) -> ComposeFacts:
    """A volume at a place of the container."""
    return compose(volumes=(("data", target, False, at("compose.yaml:7")),))


VOLUME = mounted("/data")


@pytest.mark.parametrize(
    ("given", "state"),
    [
        (service(REDIS, MEMORY, POSTGRES, WRITE), State.LOCAL_DISK),
        (service(REDIS, MEMORY, POSTGRES), State.DATABASE),
        (service(MEMORY, SQLITE), State.DATABASE),
        (service(SQLITE, with_compose=VOLUME), State.DATABASE),
        (service(SQLITE, fact(FactKind.FILE_WRITE, "shop.db")), State.DATABASE),
        (service(SQLITE, fact(FactKind.FILE_WRITE, "db_dir")), State.DATABASE),
        (service(SQLITE, fact(FactKind.FILE_WRITE, "upload_dir")), State.LOCAL_DISK),
        (service(fact(FactKind.FILE_WRITE, "shop.db")), State.LOCAL_DISK),
        (service(fact(FactKind.FILE_WRITE, "uploads/a", confidence=Confidence.LOW)), State.NONE),
        (
            service(fact(FactKind.DATABASE, "postgres", reach=Reach.UNKNOWN, confidence=Confidence.LOW)),
            State.NONE,
        ),
        (service(REDIS, MEMORY), State.IN_MEMORY),
        (service(fact(FactKind.DATABASE, "sqlite", detail=":memory:")), State.IN_MEMORY),
        (service(REDIS), State.EXTERNAL_STORE),
        (service(), State.NONE),
        (service(with_compose=VOLUME), State.LOCAL_DISK),
        (service(fact(FactKind.FILE_WRITE, "tempfile.mkstemp()")), State.NONE),
        (service(fact(FactKind.FILE_WRITE, "logs", reach=Reach.IMPORT)), State.NONE),
        (service(fact(FactKind.FILE_WRITE, "/var/cache/shop/a")), State.NONE),
        (service(fact(FactKind.FILE_WRITE, ".cache/a")), State.NONE),
        (service(fact(FactKind.FILE_WRITE, "shop.log")), State.NONE),
        (service(with_compose=mounted("/var/log/shop")), State.NONE),
        (service(with_compose=mounted("/app/.cache")), State.NONE),
        (service(with_compose=mounted("${DATA}")), State.NONE),
        (service(with_compose=mounted("/var/lib/shop")), State.LOCAL_DISK),
        (service(language=None, has_image=False, image_name="mysql:8"), State.LOCAL_DISK),
        (service(language=None, of=image(base="rabbitmq:3")), State.LOCAL_DISK),
    ],
)
def test_state_is_the_first_that_holds(given: Service, state: State) -> None:
    assert facets(given).state is state


def test_outbound_counts_links_only_where_the_source_was_not_read() -> None:
    link = (Link("db", "postgres", 5432),)
    assert facets(service(REDIS, links=link)).outbound == ("redis",)
    assert facets(service(language=None, links=link)).outbound == ("postgres",)
    assert facets(service(fact(FactKind.OUTBOUND, "https"), SQLITE)).outbound == ("http",)


def test_the_rest() -> None:
    plain = facets(service(fact(FactKind.THREAD, "Thread")))
    assert (plain.gpu, plain.processes, plain.privileged, plain.native_dependencies) == (
        False,
        False,
        False,
        (),
    )
    full = facets(
        service(
            fact(FactKind.GPU, "torch.cuda"),
            fact(FactKind.SUBPROCESS, "subprocess.run"),
            dependencies=(
                package("numpy", DependencyClass.NATIVE),
                package("lxml", DependencyClass.NATIVE, imported=False),
                package("orjson", DependencyClass.WASI_WHEEL),
            ),
            with_compose=compose(volumes=(("/var/run/docker.sock", "/d.sock", True, at("compose.yaml:5")),)),
        )
    )
    assert (full.gpu, full.processes, full.privileged, full.native_dependencies) == (
        True,
        True,
        True,
        ("numpy",),
    )


def test_the_main_listener_is_http_before_others() -> None:
    tcp, http = Listener(Inbound.TCP, 9000), Listener(Inbound.HTTP, 80)
    assert main_listener(service(listeners=(tcp, http))) is http
    assert inbound(service(listeners=(tcp,))) is Inbound.TCP
    assert inbound(service(listeners=())) is Inbound.HTTP  # an application that a server calls
    assert inbound(service(listeners=(), server="celery", entry=None, interface=None)) is Inbound.NONE


@pytest.mark.parametrize(
    ("reference", "role"),
    [
        ("postgres:16", Role.DATABASE),
        ("docker.io/library/postgres@sha256:00", Role.DATABASE),
        ("mcr.microsoft.com/mssql/server:2022-latest", Role.DATABASE),
        ("localhost:5000/bitnami/redis:7", Role.STORE),
        ("nginx", Role.WEB_SERVER),
        ("acme/server", None),
        ("server", None),
        ("python:3.14", None),
        ("", None),
    ],
)
def test_public_images_are_known_by_name(reference: str, role: Role | None) -> None:
    assert role_of(reference) is role


@pytest.mark.parametrize(
    ("source", "target", "own"),
    [
        (".", "/app", True),
        ("./", "/usr/src/app", True),
        ("./web", "/app", True),
        ("./data", "/app/data", False),
        ("data", "/app", False),
        ("cache", "/app/node_modules", True),
        ("", "/app/node_modules", True),
        ("", "/data", False),
        ("/srv/data", "/data", False),
    ],
)
def test_a_mount_of_the_own_source_is_told_apart(source: str, target: str, own: bool) -> None:
    assert is_own_source(service(path="web"), source, target) is own


def test_nameless_volumes_inside_the_mounted_source_are_holes_in_it() -> None:
    place = at("compose.yaml:7")
    mounts = (("", "/src/vault", False, place), (".", "/src", False, place), ("", "/data", False, place))
    given = service(with_compose=compose(volumes=mounts))
    assert [is_own_source(given, source, target) for source, target, _, _ in mounts] == [True, True, False]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("apt-get update", Kind.SYSTEM),
        ("DEBIAN_FRONTEND=noninteractive apt-get install -y curl", Kind.SYSTEM),
        ("rm -rf /var/lib/apt/lists/*", Kind.SYSTEM),
        ("pip install --no-cache-dir -r requirements.txt", Kind.PACKAGES),
        ("python -m pip install .", Kind.PACKAGES),
        ("python3.14 -m venv /opt/venv", Kind.PACKAGES),
        ("/opt/venv/bin/pip install x", Kind.PACKAGES),
        ("uv sync --frozen", Kind.PACKAGES),
        ("uv run python manage.py collectstatic", Kind.MAKES),
        ("python manage.py collectstatic --noinput", Kind.MAKES),
        ("npm ci", Kind.MAKES),
        ("npm install -g yarn", Kind.SYSTEM),
        ("echo hello > /app/version.txt", Kind.MAKES),
        ("echo deb http://x >> /etc/apt/sources.list", Kind.SYSTEM),
        ("curl -fsSL https://x/key.gpg", Kind.SYSTEM),
        ("curl -o model.bin https://x", Kind.MAKES),
        ("curl -o /usr/local/bin/tini https://x", Kind.SYSTEM),
        ("chown -R app:app /app", Kind.SYSTEM),
        ("sed -i s/a/b/ /etc/ssl/openssl.cnf", Kind.SYSTEM),
        ("sed -i s/a/b/ settings.py", Kind.MAKES),
        ("python -m unittest discover", Kind.SYSTEM),
        ("python make_data.py", Kind.MAKES),
        ("frobnicate", Kind.UNKNOWN),
        ("if [ -f x ]", Kind.SYSTEM),
        ("then pip install x", Kind.PACKAGES),
        ("apt-get install x 2>&1", Kind.SYSTEM),
        ("ls > /dev/null", Kind.SYSTEM),
        ('echo "unclosed', Kind.SYSTEM),
    ],
)
def test_commands_are_known_by_what_they_do(command: str, expected: Kind) -> None:
    assert kind(command) is expected


def test_a_run_line_is_split_outside_quotes() -> None:
    line = run("apt-get update && echo 'a && b' ; $(x; y) | tee f\nmake", 3)
    assert commands(line) == ("apt-get update", "echo 'a && b'", "$(x; y)", "tee f", "make")


def test_a_shell_in_a_shell_is_read() -> None:
    assert commands(run('bash -c "pip install x && make"', 3)) == ("pip install x", "make")
    assert commands(run("if [ -f x ]; then make; fi", 3)) == ("[ -f x ]", "make")


def test_an_exec_form_is_one_command() -> None:
    line = Run("pip install x", "/", at("Dockerfile:3"), ("pip", "install", "x"))
    assert commands(line) == ("pip install x",)


@given(st.text(max_size=200))
def test_any_run_line_is_read(text: str) -> None:
    assert all(isinstance(kind(command), Kind) for command in commands(run(text, 1)))


def test_who_mounts_a_list_of_packages_works_on_the_source() -> None:
    assert is_own_source(service(), "./package.json", "/opt/node_app/package.json")
    assert not is_own_source(service(), "./app.ini", "/etc/app.ini")


def test_a_raw_connection_beside_known_protocols_is_one_of_them() -> None:
    tcp = fact(FactKind.OUTBOUND, "tcp")
    assert facets(service(tcp)).outbound == ("tcp",)
    assert facets(service(tcp, REDIS)).outbound == ("redis",)
