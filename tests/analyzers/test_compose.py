"""Compose files: forms, interpolation, lines, and files that mean harm."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzers import compose
from analyzers.compose import ComposeService, interpolate
from analyzers.compose.template import TemplateError
from analyzers.repository import Tree, open_tree
from tests.analyzers.trees import write


def tree(root: Path, text: str, **files: str) -> Tree:
    return open_tree(
        write(root, {"compose.yaml": text, **{k.replace("__", "/"): v for k, v in files.items()}})
    )


def service(root: Path, text: str, **files: str) -> ComposeService:
    (found,) = compose.read(tree(root, text, **files)).services
    return found


def test_identity_build_and_lines(tmp_path: Path) -> None:
    found = service(
        tmp_path,
        """\
        services:
          web:
            build:
              context: ./api
              dockerfile: Dockerfile.prod
              target: final
              args: {VERSION: "3", FROM_HOST: }
            command: gunicorn app:app -b ":80"
            entrypoint: ["/tini", "--"]
            working_dir: /srv
        """,
    )
    assert found.build is not None
    assert (found.build.context, found.build.dockerfile, found.build.target) == (
        "api",
        "Dockerfile.prod",
        "final",
    )
    assert found.build.args == (("VERSION", "3"), ("FROM_HOST", None))
    assert found.build.evidence.line == 3
    assert found.facts.ref.evidence.line == 2
    assert found.facts.command is not None
    assert found.facts.command.argv == ("gunicorn", "app:app", "-b", ":80")
    assert found.facts.command.evidence.line == 8
    assert found.facts.entrypoint is not None
    assert found.facts.entrypoint.argv == ("/tini", "--")
    assert found.facts.working_dir == "/srv"


def test_environment_outranks_env_files_and_keeps_what_is_not_known_open(tmp_path: Path) -> None:
    found = service(
        tmp_path,
        """\
        services:
          web:
            image: x
            env_file: [a.env]
            environment:
              - PLAIN=1
              - PASSED
              - URL=http://${HOST:-api}:${PORT}
              - FROM_DOTENV=${KNOWN}
              - BOTH=compose
        """,
        **{"a.env": "BOTH=file\nexport FILE='x y' # c\n", ".env": "KNOWN=yes\n"},
    )
    values = {v.name: (v.value, v.evidence.path, v.evidence.line) for v in found.facts.environment}
    assert values == {
        "PLAIN": ("1", "compose.yaml", 6),
        "PASSED": (None, "compose.yaml", 7),
        "URL": (None, "compose.yaml", 8),
        "FROM_DOTENV": ("yes", "compose.yaml", 9),
        "BOTH": ("compose", "compose.yaml", 10),
        "FILE": ("x y", "a.env", 2),
    }


def test_a_missing_env_file_is_unknown(tmp_path: Path) -> None:
    found = service(tmp_path, "services: {web: {image: x, env_file: [none.env]}}")
    assert "none.env" in found.unknown[0].what


def test_ports_volumes_and_privileges(tmp_path: Path) -> None:
    found = service(
        tmp_path,
        """\
        services:
          web:
            image: x
            privileged: true
            network_mode: host
            pid: host
            cap_add: [NET_ADMIN]
            devices: ["/dev/kvm:/dev/kvm"]
            ports: ["8080:80", "127.0.0.1:53:53/udp", "7000-7001:9000-9001", {target: 443}, "${NO}:1234"]
            expose: ["5000"]
            volumes:
              - ./data:/data:ro
              - named:/var/lib
              - /var/run/docker.sock:/var/run/docker.sock
              - {type: bind, source: ., target: /app}
              - ../../out:/out
            depends_on: {db: {condition: service_healthy}}
            links: ["cache:c"]
            deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}
        """,
    )
    facts = found.facts
    numbers = [(p.number, p.protocol) for p in facts.ports]
    assert numbers == [
        (80, "tcp"),
        (53, "udp"),
        (9000, "tcp"),
        (9001, "tcp"),
        (443, "tcp"),
        (1234, "tcp"),
        (5000, "tcp"),
    ]
    assert [(s, t, ro) for s, t, ro, _ in facts.volumes] == [
        ("./data", "/data", True),
        ("named", "/var/lib", False),
        ("/var/run/docker.sock", "/var/run/docker.sock", False),
        (".", "/app", False),
        ("../../out", "/out", False),
    ]
    assert [word for word, _ in facts.privileges] == [
        "privileged",
        "cap_add NET_ADMIN",
        "devices /dev/kvm:/dev/kvm",
        "network host",
        "pid host",
    ]
    assert facts.depends_on == ("db", "cache")
    assert len(facts.gpu) == 1


def test_merge_keys_and_anchors(tmp_path: Path) -> None:
    found = compose.read(
        tree(
            tmp_path,
            """\
            x-base: &base
              image: base
              environment: {A: "1"}
            services:
              one: {<<: *base, command: run}
              two: {<<: [*base], image: own}
            """,
        )
    ).services
    assert [(s.name, s.image, len(s.facts.environment)) for s in found] == [
        ("one", "base", 1),
        ("two", "own", 1),
    ]


def test_files_come_in_composes_own_order(tmp_path: Path) -> None:
    text = "services: {web: {image: x}}"
    names = [
        "docker-compose.prod.yml",
        "compose.override.yml",
        "docker-compose.yml",
        "compose.yaml",
        "sub/compose.yml",
    ]
    model = compose.read(open_tree(write(tmp_path, dict.fromkeys(names, text))))
    assert model.files == (
        "compose.yaml",
        "docker-compose.yml",
        "compose.override.yml",
        "docker-compose.prod.yml",
        "sub/compose.yml",
    )


def test_what_is_not_followed_is_said(tmp_path: Path) -> None:
    opened = tree(tmp_path, "include: [x.yaml]\nservices: {web: {extends: {service: base}, profiles: [dev]}}")
    (found,) = compose.read(opened).services
    assert "extends" in found.unknown[0].what
    assert found.profiles == ("dev",)
    assert "include" in opened.not_read[0].reason


@pytest.mark.parametrize(
    ("text", "expected", "missing"),
    [
        ("a$$b", "a$b", ()),
        ("$A-${A}", "1-1", ()),
        ("${B:-d}${B-d}${E:-d}${E-d}", "ddd", ()),
        ("${A:+r}${E:+r}${E+r}${B+r}", "rr", ()),
        ("${B}$B", "${B}$B", ("B", "B")),
        ("${B:?stop}", "${B:?stop}", ("B",)),
        ("${B:-${A}}", "1", ()),
        ("${B:-${C:-x}}y", "xy", ()),
        ("$1 a$", "$1 a$", ()),
    ],
)
def test_interpolation(text: str, expected: str, missing: tuple[str, ...]) -> None:
    assert interpolate(text, {"A": "1", "E": ""}) == (expected, missing)


@pytest.mark.parametrize("text", ["${", "${1}", "${A", "${A:-" * 5000 + "}" * 5000, "${A!}"])
def test_bad_interpolation_is_refused(text: str) -> None:
    with pytest.raises(TemplateError):
        interpolate(text, {})


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
)


@pytest.mark.parametrize(
    "text",
    [
        "services: [",
        "services:\n\tweb: {}",
        "just text",
        "- a\n- b",
        "services: {web: !!python/object/apply:os.system [id]}",
        BOMB + "services: {web: {image: x, environment: *i}}",
        "services: &s {web: *s}",
        "services: {web: &w {image: x, <<: *w}}",
        "[" * 5000,
        "services: " + "{a: " * 3000,
        'services: {web: {image: "\\UFFFFFFFF"}}',
        "services: {web: null, other: 3, [a]: b}",
        "services: {web: {build: [1], ports: {a: b}, volumes: x, environment: 3, command: {a: b}}}",
    ],
)
def test_bad_files_are_said_and_never_raise(tmp_path: Path, text: str) -> None:
    opened = tree(tmp_path, text)
    assert isinstance(compose.read(opened), compose.ComposeModel)


def test_a_file_that_cannot_be_parsed_names_the_line(tmp_path: Path) -> None:
    opened = tree(tmp_path, "services:\n  web: [\n")
    compose.read(opened)
    assert "line 3" in opened.not_read[0].reason


def test_a_huge_fan_of_aliases_is_given_up(tmp_path: Path) -> None:
    many = ", ".join(["*v"] * 3000)
    services = "\n".join(f"  s{i}: {{image: x, volumes: *m}}" for i in range(100))
    opened = tree(tmp_path, f"x: &v {{source: a, target: b}}\ny: &m [{many}]\nservices:\n{services}\n")
    compose.read(opened)
    assert "aliases" in opened.not_read[0].reason
