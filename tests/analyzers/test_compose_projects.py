"""Compose projects of several files: which belong together, who says what, and each service once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers import compose, inventory
from analyzers.compose import ComposeModel, ComposeService, interpolate
from analyzers.compose.merge import KNOWN
from analyzers.compose.template import TemplateError
from analyzers.repository import open_tree
from tests.analyzers.trees import DOCKERFILE, only, write
from tests.conftest import ROOT

SCHEMA = ROOT.parent / "shared" / "schemas" / "compose-spec.json"


def read(root: Path, files: dict[str, str | bytes]) -> tuple[ComposeModel, dict[str, str]]:
    tree = open_tree(write(root, files))
    model = compose.read(tree)
    return model, {item.path: item.reason for item in tree.not_read}


def one(root: Path, files: dict[str, str | bytes], name: str = "web") -> ComposeService:
    model, trouble = read(root, files)
    assert not trouble
    return next(service for service in model.services if service.name == name)


def test_an_override_keeps_the_lines_of_both_files(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        {
            "compose.yaml": """\
                services:
                  web:
                    image: shop
                    command: serve
                    environment:
                      A: "1"
                      B: "1"
                    ports: ["8080:80"]
                    volumes: ["./a:/a", "./b:/b"]
                """,
            "compose.override.yaml": """\
                services:
                  web:
                    command: [debug]
                    environment: [B=2, C=3]
                    ports: ["9090:90"]
                    volumes:
                      - ./other:/b:ro
                """,
        },
    )
    facts = found.facts
    assert facts.ref.evidence.path == "compose.yaml"
    assert facts.ref.evidence.line == 2
    assert facts.command is not None
    assert (facts.command.argv, str(facts.command.evidence)) == (("debug",), "compose.override.yaml:3")
    assert [(v.name, v.value, str(v.evidence)) for v in facts.environment] == [
        ("A", "1", "compose.yaml:6"),
        ("B", "2", "compose.override.yaml:4"),
        ("C", "3", "compose.override.yaml:4"),
    ]
    assert [(p.number, str(p.evidence)) for p in facts.ports] == [
        (80, "compose.yaml:8"),
        (90, "compose.override.yaml:5"),
    ]
    assert [(s, t, ro, str(e)) for s, t, ro, e in facts.volumes] == [
        ("./a", "/a", False, "compose.yaml:9"),
        ("./other", "/b", True, "compose.override.yaml:7"),
    ]


def test_reset_and_override(tmp_path: Path) -> None:
    found = one(
        tmp_path,
        {
            "compose.yaml": "services: {web: {image: x, privileged: true, ports: ['80'], cap_add: [A]}}",
            "compose.override.yaml": """\
                services:
                  web:
                    privileged: !reset null
                    ports: !override ["90"]
                    cap_add: [B]
                """,
        },
    )
    assert [port.number for port in found.facts.ports] == [90]
    assert [word for word, _ in found.facts.privileges] == ["cap_add A", "cap_add B"]


def test_compose_file_in_env_says_what_belongs_together(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        ".env": "COMPOSE_FILE=docker-compose.base.yml:docker-compose.dev.yml\n",
        "docker-compose.base.yml": "services: {web: {image: x, user: root}}",
        "docker-compose.dev.yml": "services: {web: {user: app}}",
    }
    assert one(tmp_path, files).facts.user == "app"


def test_extends_sees_paths_from_its_own_folder(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "compose.yaml": "services: {web: {extends: {file: base/common.yaml, service: app}, user: me}}",
        "base/common.yaml": """\
            services:
              app:
                extends: root
                env_file: app.env
                volumes: [./data:/data]
              root:
                build: ./src
            """,
        "base/app.env": "FROM_FILE=1\n",
    }
    found = one(tmp_path, files)
    assert found.build is not None
    assert (found.build.context, found.build.dockerfile_path) == ("base/src", "base/src/Dockerfile")
    assert str(found.build.evidence) == "base/common.yaml:7"
    assert [(v.name, str(v.evidence)) for v in found.facts.environment] == [("FROM_FILE", "base/app.env:1")]
    assert found.facts.volumes[0][0] == "./base/data"
    assert (found.facts.user, found.facts.ref.evidence.path) == ("me", "compose.yaml")


def test_what_cannot_be_extended_is_unknown_and_the_rest_is_read(tmp_path: Path) -> None:
    model, trouble = read(
        tmp_path,
        {
            "compose.yaml": """\
                services:
                  a: {extends: b, image: x}
                  b: {extends: a}
                  c: {extends: {file: ../out.yaml, service: c}, image: y}
                  d: {image: z}
                """
        },
    )
    assert {service.name: bool(service.unknown) for service in model.services} == {
        "a": True,
        "b": True,
        "c": True,
        "d": False,
    }
    assert (
        "line 2: `extends` of 'a' leads back" in trouble["compose.yaml"]
        or "line 3" in trouble["compose.yaml"]
    )
    assert "line 4: `extends` names ../out.yaml" in trouble["compose.yaml"]


def test_include_brings_its_own_folder_and_variables(tmp_path: Path) -> None:
    model, trouble = read(
        tmp_path,
        {
            "compose.yaml": "include: [{path: api/compose.yaml}]\nservices: {web: {image: 'x:${TAG}'}}",
            ".env": "TAG=1\n",
            "api/compose.yaml": "services: {api: {build: ., image: 'y:${TAG}-${OWN}'}}",
            "api/.env": "TAG=2\nOWN=3\n",
        },
    )
    assert not trouble
    found = {service.name: service for service in model.services}
    assert set(found) == {"web", "api"}
    assert found["api"].image == "y:1-3"
    assert found["api"].build is not None
    assert found["api"].build.context == "api"
    assert found["api"].folder == ""


def test_an_include_that_leads_back_is_said(tmp_path: Path) -> None:
    model, trouble = read(
        tmp_path,
        {
            "compose.yaml": "include: [more.compose.yaml]\nservices: {a: {image: x}}",
            "more.compose.yaml": "include: [compose.yaml]\nservices: {b: {image: x}}",
        },
    )
    assert {service.name for service in model.services} == {"a", "b"}
    assert "leads back to compose.yaml" in trouble["more.compose.yaml"]


def test_long_chains_end(tmp_path: Path) -> None:
    chain = "\n".join(f"  s{i}: {{extends: s{i + 1}}}" for i in range(1500))
    files: dict[str, str | bytes] = {
        f"c{i}.compose.yaml": f"include: [c{i + 1}.compose.yaml]" for i in range(300)
    }
    files["compose.yaml"] = f"include: [c0.compose.yaml]\nservices:\n{chain}\n  s1500: {{image: x}}\n"
    model, trouble = read(tmp_path, files)
    assert "`extends` goes on" in trouble["compose.yaml"]
    assert any("`include` goes on" in why for why in trouble.values())
    assert len(model.services) == 1501


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(), st.text(), st.text())
def test_any_text_is_read_or_told(tmp_path: Path, main: str, override: str, env: str) -> None:
    files: dict[str, str | bytes] = {
        "compose.yaml": main.encode("utf-8", "surrogatepass"),
        "compose.override.yaml": f"services: {{web: {{image: {override}}}}}".encode("utf-8", "surrogatepass"),
        ".env": env.encode("utf-8", "surrogatepass"),
    }
    read(tmp_path, files)


@given(st.text())
def test_a_doubled_dollar_is_a_dollar(text: str) -> None:
    assert interpolate(text.replace("$", "$$"), {}) == (text, ())


@given(st.text(alphabet="${}:-+?AEU \n"))
def test_a_template_is_replaced_or_refused(text: str) -> None:
    variables = {"A": "1", "E": ""}
    try:
        found, unset = interpolate(text, variables)
    except TemplateError:
        return
    if not unset:
        assert interpolate(found.replace("$", "$$"), {})[0] == found
    assert not set(unset) & {"A"}


VOTING: dict[str, str | bytes] = {
    "docker-compose.yml": """\
        services:
          vote: {build: {context: ./vote, target: dev}}
          result: {build: ./result, entrypoint: nodemon server.js}
          redis: {image: redis}
        """,
    "result/docker-compose.test.yml": """\
        version: '2'
        services:
          sut: {build: ./tests/, depends_on: [vote, result]}
          vote: {build: ../vote/, ports: ["80"]}
          result: {build: ., ports: ["80"]}
          redis: {image: redis}
        """,
    "vote/Dockerfile": "FROM python:3.13 AS dev\nCMD flask run\nFROM dev\nCMD gunicorn app:app\n",
    "result/Dockerfile": 'FROM node\nCMD ["node", "server.js"]\n',
    "result/tests/Dockerfile": 'FROM node\nCMD ["node", "render.js"]\n',
}  # fmt: skip


def test_a_test_file_states_the_same_services(tmp_path: Path) -> None:
    services = {s.name: s for s in inventory.read(write(tmp_path, VOTING)).services}
    assert set(services) == {"vote", "result", "redis", "sut"}
    assert {link.service for link in services["sut"].links} == {"vote", "result"}


def test_services_of_other_projects_count_for_themselves(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "a/compose.yaml": "services: {db: {image: postgres}, web: {build: .}}",
        "b/compose.yaml": "services: {db: {image: postgres}, web: {build: .}}",
        "a/Dockerfile": DOCKERFILE,
        "b/Dockerfile": DOCKERFILE,
    }
    assert len(inventory.read(write(tmp_path, files)).services) == 4


def test_a_dockerfile_of_a_repeated_service_is_no_service_of_its_own(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "compose.yaml": "services: {web: {build: .}}",
        "compose.prod.yaml": "services: {web: {build: {context: ., dockerfile: Dockerfile.prod}}}",
        "Dockerfile": DOCKERFILE,
        "Dockerfile.prod": DOCKERFILE,
    }
    (found,) = inventory.read(write(tmp_path, files)).services
    assert found.dockerfile == "Dockerfile"


def test_secrets_configs_healthcheck_and_the_rest(tmp_path: Path) -> None:
    facts = one(
        tmp_path,
        {
            "compose.yaml": """\
                services:
                  web:
                    build:
                      context: .
                      args: [A=1, B]
                      additional_contexts: {lib: ./lib}
                    user: "1000"
                    profiles: [debug]
                    scale: 3
                    security_opt: [seccomp:unconfined]
                    external_links: [other_db:db]
                    network_mode: service:vpn
                    volumes_from: [data:ro]
                    secrets: [token, {source: key, target: /k}]
                    configs: [{source: ini}]
                    healthcheck: {test: [CMD, curl, localhost]}
                    tmpfs: /run
                secrets: {token: {file: ./t.txt}, key: {environment: KEY}}
                configs: {ini: {file: ../../etc/x}}
                """
        },
    ).facts
    assert [(v.name, v.value, v.evidence.line) for v in facts.build_args] == [("A", "1", 5), ("B", None, 5)]
    assert (facts.user, facts.profiles, facts.replicas) == ("1000", ("debug",), 3)
    assert facts.security_opt[0][0] == "seccomp:unconfined"
    assert facts.external_links == ("other_db:db",)
    assert facts.depends_on == ("vpn", "data")
    assert [(s.name, s.target, s.file, s.environment, s.evidence.line) for s in facts.secrets] == [
        ("token", "/run/secrets/token", "./t.txt", None, 14),
        ("key", "/k", None, "KEY", 14),
    ]
    assert [(c.name, c.target, c.file) for c in facts.configs] == [("ini", "/ini", "../../etc/x")]
    assert facts.healthcheck is not None
    assert facts.healthcheck.command == ("curl", "localhost")
    assert [(source, target) for source, target, _, _ in facts.volumes] == [("tmpfs", "/run")]


def test_a_raw_env_file_is_taken_as_it_stands(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "compose.yaml": "services: {web: {image: x, env_file: [{path: a.env, format: raw}]}}",
        "a.env": '# note\nA="$B" # c\n\nHOST\n',
    }
    found = one(tmp_path, files).facts.environment
    assert [(v.name, v.value, v.evidence.line) for v in found] == [("A", '"$B" # c', 2), ("HOST", None, 4)]


def test_a_port_that_nothing_settles_is_unknown(tmp_path: Path) -> None:
    found = one(
        tmp_path, {"compose.yaml": "services: {web: {image: x, ports: ['80:${PORT}', '${P:?x}:81']}}"}
    )
    assert [port.number for port in found.facts.ports] == [81]
    assert "${PORT}" in found.unknown[0].what


def test_what_is_outside_of_the_repository_is_never_a_path_of_it(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "sub/compose.yaml": """\
            services:
              web:
                build: {context: ../.., dockerfile: /etc/passwd}
                env_file: [../../../etc/passwd, /etc/passwd]
                volumes: ["../../x:/x", "~/.ssh:/ssh", "../ok:/ok"]
            """
    }
    found = one(tmp_path, files)
    assert found.build is not None
    assert (found.build.context, found.build.dockerfile_path) == (None, None)
    assert len(found.unknown) == 2
    assert [source for source, _, _, _ in found.facts.volumes] == ["../../x", "~/.ssh", "./ok"]


def test_build_args_reach_the_image(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "compose.yaml": "services: {web: {build: {context: ., args: {PY: '3.12', PASSED: }}}}",
        ".env": "PASSED=yes\n",
        "Dockerfile": 'ARG PY\nFROM python:$PY\nARG PASSED\nENV P=$PASSED\nCMD ["python", "a.py"]\n',
    }
    (found,) = inventory.read(write(tmp_path, files)).services
    assert found.image is not None
    assert found.image.base == "python:3.12"
    assert [(v.name, v.value) for v in found.image.env if v.name == "P"] == [("P", "yes")]


def test_lines_of_an_inline_dockerfile(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "compose.yaml": """\
            services:
              web:
                build:
                  dockerfile_inline: |
                    FROM alpine
                    EXPOSE 80
            """
    }
    (found,) = inventory.read(write(tmp_path, files)).services
    assert found.image is not None
    assert str(found.image.ports[0].evidence) == "compose.yaml:6"


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("services:\n  web: {image: x}\n  web: {image: y}\n", 3, "stands in line 2 already"),
        ("services:\n  web:\n    image: [x]\n", 3, "`image` must be text"),
        ("services:\n  web:\n    image: x\n    ports:\n      - a:b\n", 5, "is no port"),
        ("services:\n  web:\n    image: x\n    environment:\n      A: [1]\n", 5, "must be text"),
        ("services:\n  web:\n    image: ${}\n", 3, "invalid interpolation"),
        ("services:\n  web:\n    image: x\n    comand: y\n", 4, "no key of a service"),
        ("services:\n  web:\n    image: x\n    volumes: {a: b}\n", 4, "`volumes` must be a list"),
        ("services:\n  web: &w\n    image: x\n    a: *w\n", 4, "stands inside of what it names"),
        ("services:\n  web:\n    image: x\n    healthcheck: {test: [curl]}\n", 4, "must begin with CMD"),
    ],
)
def test_a_wrong_statement_is_told_with_its_line_and_the_rest_is_read(
    tmp_path: Path, text: str, line: int, why: str
) -> None:
    model, trouble = read(
        tmp_path, {"compose.yaml": text, "sub/compose.yaml": "services: {other: {image: y}}"}
    )
    assert f"line {line}: " in trouble["compose.yaml"]
    assert why in trouble["compose.yaml"]
    assert "other" in [service.name for service in model.services]


def bomb(fill: str, key: str) -> str:
    levels = "".join(
        f"x{i + 1}: &x{i + 1} {{{', '.join(f'k{n}: *x{i}' for n in range(9))}}}\n" for i in range(12)
    )
    return f"x0: &x0 {fill}\n{levels}services: {{web: {{image: x, {key}: *x12}}, two: {{extends: web}}}}\n"


KEYS = sorted(KNOWN - {"image"})


@pytest.mark.parametrize("key", KEYS)
def test_alias_bombs_go_off_nowhere(tmp_path: Path, key: str) -> None:
    text = bomb("{a: b}", key)
    model, _ = read(tmp_path, {"compose.yaml": text, "compose.override.yaml": text})
    assert [service.name for service in model.services] in (["web", "two"], ["web"], [])


@pytest.mark.parametrize(
    "value", ["null", "1", "'x'", "[]", "{}", "[[x]]", "{a: {b: c}}", "[null]", "!reset null"]
)
@pytest.mark.parametrize("key", KEYS)
def test_any_type_in_any_key(tmp_path: Path, key: str, value: str) -> None:
    text = f"services: {{web: {{image: x, {key}: {value}}}}}"
    model, _ = read(tmp_path, {"compose.yaml": text, "compose.override.yaml": text})
    assert [service.name for service in model.services] == ["web"]


def test_the_keys_of_a_service_are_those_of_the_specification() -> None:
    if not SCHEMA.exists():
        pytest.skip(f"NOT TESTED HERE: the schema of the compose specification is not at {SCHEMA}.")
    schema = json.loads(SCHEMA.read_text("utf-8"))
    assert set(schema["definitions"]["service"]["properties"]) <= KNOWN
    newer = {"pre_start", "pull_refresh_after", "umask"}
    assert KNOWN - set(schema["definitions"]["service"]["properties"]) <= newer


def test_additional_contexts_that_are_folders_are_copied_from(tmp_path: Path) -> None:
    image = only(
        tmp_path,
        {
            "compose.yaml": """\
            services:
              web:
                build:
                  context: web
                  additional_contexts:
                    Shared: ./lib
                    other: ../outside
                    image: docker-image://alpine
            """,
            "web/Dockerfile": "FROM alpine AS own\nFROM alpine\nCOPY --from=shared . /lib/\n"
            "COPY --from=other . /o/\nCOPY --from=own /x /y\nCOPY a.txt /\n",
            "web/a.txt": "a",
            "lib/common.py": "x",
            "lib/skip.md": "x",
            "lib/.dockerignore": "*.md\n",
        },
    ).image
    assert image is not None
    taken = {(file.source, file.guest) for file in image.files}
    assert taken == {
        ("lib/.dockerignore", "/lib/.dockerignore"),
        ("lib/common.py", "/lib/common.py"),
        ("web/a.txt", "/a.txt"),
    }
    assert [copy.stage for copy in image.made] == ["other", "own"]
