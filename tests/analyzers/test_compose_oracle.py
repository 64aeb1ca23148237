"""Answers compared with compose-go, Docker Compose's own library, which runs beside ours (`compose_oracle/`).

Projects made from seeds with every form of every key, compose-go's own test data, interpolation and env
files: the resolved services are equal. Where compose-go refuses a project, we say so and read the rest.
"""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from analyzers.compose import dotenv, is_compose_file
from analyzers.compose.template import TemplateError, interpolate
from tests.analyzers import compose_variants
from tests.analyzers.compose_go import Oracle, ours, theirs
from tests.analyzers.trees import write

pytestmark = pytest.mark.go

VARIANTS = 150


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    return Oracle(tmp_path_factory.mktemp("oracle"))


def _compare(oracle: Oracle, roots: list[Path]) -> None:
    for root, answer in zip(roots, oracle.projects(roots), strict=True):
        found, trouble = ours(root)
        if "error" in answer:
            assert trouble, f"{root.name}: compose-go refuses it: {answer['error']}"
        else:
            assert found == theirs(answer, root), root.name
            assert not trouble, root.name


def test_projects_made_by_chance(oracle: Oracle, tmp_path: Path) -> None:
    seeds = range(VARIANTS)
    _compare(oracle, [write(tmp_path / f"shop{seed}", compose_variants.project(seed)) for seed in seeds])


TAKEN: dict[str, dict[str, str]] = {
    "a service that is reset": {
        "compose.yaml": "services: {a: {image: x}, b: {image: y}}",
        "compose.override.yaml": "services: {a: !reset null}",
    },
    "a service that is overridden": {
        "compose.yaml": "services: {a: {image: x, user: root, ports: ['80']}}",
        "compose.override.yaml": "services: {a: !override {image: y}}",
    },
    "a command that is emptied": {
        "compose.yaml": "services: {a: {image: x, command: run, entrypoint: [e], user: root}}",
        "compose.override.yaml": "services: {a: {command: null, entrypoint: [], user: null}}",
    },
    "deep resets": {
        "compose.yaml": "services: {a: {build: {args: {A: 1, B: 2}}, environment: {C: 3, D: 4}}}",
        "compose.override.yaml": "services: {a: {build: {args: {A: !reset }}, environment: {C: !reset }}}",
    },
    "several documents": {
        "compose.yaml": "services: {a: {image: x, cap_add: [A]}}\n---\nservices: {a: {cap_add: [B]}}\n"
    },
    "anchors and extensions": {
        "compose.yaml": """\
            x-env: &env {A: 1, B: two}
            x-base: &base
              image: x
              environment: {<<: *env, C: 3}
              x-note: {any: thing}
            services:
              a: {<<: *base, user: root}
              b: {<<: [{user: me}, *base], environment: {<<: *env, B: own}}
              c: {image: y, command: &c [run, it]}
              d: {image: y, entrypoint: *c}
            """
    },
    "files of version 2": {
        "docker-compose.yml": "version: '2'\nservices: {a: {image: x, links: ['b:c']}, b: {image: y}}",
    },
    "files of a swarm": {
        "docker-compose.yaml": "version: '3.8'\nservices: {a: {image: x, deploy: {replicas: 2}}}",
        "docker-compose.override.yml": "version: '3.8'\nservices: {a: {user: me}}",
    },
    "the first of several": {
        "compose.yml": "services: {a: {image: x}}",
        "docker-compose.yml": "services: {a: {image: y}}",
        "compose.override.yaml": "services: {a: {user: me}}",
        "docker-compose.override.yml": "services: {a: {user: you}}",
    },
    "an env file that names its format": {
        "compose.yaml": "services: {a: {image: x, env_file: [{path: a.env, format: .env}]}}",
        "a.env": "A=$$x\n",
    },
    "two includes of one file": {
        "compose.yaml": "include: [l.yaml, r.yaml]\nservices: {a: {image: x}}",
        "l.yaml": "include: [base.yaml]\nservices: {l: {image: x}}",
        "r.yaml": "include: [base.yaml]\nservices: {r: {image: x}}",
        "base.yaml": "services: {base: {image: x, cap_add: [A], ports: ['80']}}",
    },
    "an include that is laid over": {
        "compose.yaml": "include: [base.yaml]\nservices: {base: {user: me, cap_add: [B]}}",
        "base.yaml": "services: {base: {image: x, cap_add: [A], ports: ['80']}}",
    },
    "an include of two files": {
        "compose.yaml": "include: [{path: [sub/base.yaml, over.yaml]}]\nservices: {a: {image: x}}",
        "sub/base.yaml": "services: {base: {build: ., volumes: ['./d:/d']}}",
        "over.yaml": "services: {base: {volumes: ['./e:/e']}}",
    },
}


def test_projects_made_by_hand(oracle: Oracle, tmp_path: Path) -> None:
    roots = [write(tmp_path / name.replace(" ", "-"), dict(files)) for name, files in TAKEN.items()]
    for root, answer in zip(roots, oracle.projects(roots), strict=True):
        assert "error" not in answer, f"{root.name}: {answer['error']}"
        assert ours(root)[0] == theirs(answer, root), root.name


REFUSED: dict[str, dict[str, str]] = {
    "duplicate key": {"compose.yaml": "services: {web: {image: x, image: y}}"},
    "number as a key": {"compose.yaml": "services: {web: {image: x, environment: {1: a}}}"},
    "unknown key": {"compose.yaml": "services: {web: {image: x, comand: y}}"},
    "version 1": {"compose.yaml": "web:\n  image: x\n"},
    "list of services": {"compose.yaml": "services: [web]"},
    "text as a service": {"compose.yaml": "services: {web: x}"},
    "empty service": {"compose.yaml": "services: {web: }"},
    "mapping as a command": {"compose.yaml": "services: {web: {image: x, command: {a: b}}}"},
    "text as ports": {"compose.yaml": "services: {web: {image: x, ports: '80'}}"},
    "bad port": {"compose.yaml": "services: {web: {image: x, ports: ['a:b']}}"},
    "port too high": {"compose.yaml": "services: {web: {image: x, ports: ['70000']}}"},
    "bad protocol": {"compose.yaml": "services: {web: {image: x, ports: ['80/icmp']}}"},
    "ranges that differ": {"compose.yaml": "services: {web: {image: x, ports: ['1-2:1-3']}}"},
    "bad volume": {"compose.yaml": "services: {web: {image: x, volumes: ['data::b']}}"},
    "number as a volume": {"compose.yaml": "services: {web: {image: x, volumes: [[1]]}}"},
    "bad template": {"compose.yaml": "services: {web: {image: '${'}}"},
    "bad quote": {"compose.yaml": 'services: {web: {image: x, command: "a \'b"}}'},
    "no env file": {"compose.yaml": "services: {web: {image: x, env_file: none.env}}"},
    "bad env file": {"compose.yaml": "services: {web: {image: x, env_file: a.env}}", "a.env": "A='x\n"},
    "extends nobody": {"compose.yaml": "services: {web: {extends: {service: none}}}"},
    "extends itself": {"compose.yaml": "services: {web: {extends: {service: web}}}"},
    "extends no file": {"compose.yaml": "services: {web: {extends: {file: x.yaml, service: web}}}"},
    "extends in a circle": {
        "compose.yaml": "services: {a: {extends: {service: b}}, b: {extends: {service: a}}}"
    },
    "extends in a circle of files": {
        "compose.yaml": "services: {a: {extends: {file: x.yaml, service: a}}}",
        "x.yaml": "services: {a: {extends: {file: compose.yaml, service: a}}}",
    },
    "includes itself": {"compose.yaml": "include: [compose.yaml]\nservices: {a: {image: x}}"},
    "includes in a circle": {
        "compose.yaml": "include: [x.yaml]\nservices: {a: {image: x}}",
        "x.yaml": "include: [compose.yaml]\nservices: {b: {image: x}}",
    },
    "includes nothing": {"compose.yaml": "include: [x.yaml]\nservices: {a: {image: x}}"},
    "include is a text": {"compose.yaml": "include: x.yaml\nservices: {a: {image: x}}"},
}


def test_what_compose_refuses_is_said(oracle: Oracle, tmp_path: Path) -> None:
    roots = [write(tmp_path / name.replace(" ", "-"), files) for name, files in REFUSED.items()]
    for root, answer in zip(roots, oracle.projects(roots), strict=True):
        assert "error" in answer, f"{root.name}: compose-go takes it"
        assert ours(root)[1], f"{root.name}: compose-go says {answer['error']}"


# Of compose-go's own test data: what compose-go checks and this reader does not look at.
_NOT_LOOKED_AT = re.compile(
    r"depends on|dependency cycle|no such file|must not be empty|label file|mutually exclusive|build.ssh"
)


def test_the_test_data_of_compose_go(oracle: Oracle, tmp_path: Path) -> None:
    roots = []
    for number, path in enumerate(sorted(oracle.module.glob("**/testdata/**/*.y*ml"))):
        if not re.search(rb"^services:", path.read_bytes(), re.MULTILINE):
            continue
        root = tmp_path / f"case{number}"
        shutil.copytree(path.parent, root)
        _writable(root)
        text = path.read_text("utf-8")
        for other in root.rglob("*"):  # those it does not name would be projects of their own
            if is_compose_file(other.name) and other.name not in text:
                other.unlink()
        (root / "compose.yaml").write_text(text, "utf-8")
        roots.append(root)
    assert len(roots) > 20
    compared = 0
    for root, answer in zip(roots, oracle.projects(roots), strict=True):
        found, trouble = ours(root)
        if "error" in answer:
            assert trouble or _NOT_LOOKED_AT.search(answer["error"]), f"{root.name}: {answer['error']}"
        elif not answer["unset"]:
            assert found == theirs(answer, root), (root / "compose.yaml").read_text("utf-8")
            compared += 1
    assert compared > 10


def _writable(root: Path) -> None:
    for path in (root, *root.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)


ENVIRONMENT = {"A": "1", "E": "", "LONG_NAME": "x y"}
_PARTS = [
    "$",
    "$$",
    "${",
    "}",
    "{",
    "A",
    "E",
    "U",
    "LONG_NAME",
    ":-",
    "-",
    ":?",
    "?",
    ":+",
    "+",
    "x",
    " ",
    "\n",
]


def _texts(seed: int, parts: list[str], count: int) -> list[str]:
    chance = random.Random(seed)  # noqa: S311 - reproducible, no secret
    whole = ["${A:-d}", "${U:-${A}}", "${E-d}", "${U:+r}", "${A+${E:-z}}", "$A", "$U", "${U?gone}"]
    return ["".join(chance.choices(parts + whole, k=chance.randint(1, 9))) for _ in range(count)]


def test_interpolation(oracle: Oracle) -> None:
    texts = _texts(7, _PARTS, 20_000)
    answers = oracle.ask([{"kind": "template", "text": text, "env": ENVIRONMENT} for text in texts])
    compared = 0
    for text, answer in zip(texts, answers, strict=True):
        try:
            found, unset = interpolate(text, ENVIRONMENT)
        except TemplateError:
            assert "error" in answer, text
            continue
        if "error" in answer:
            assert "required variable" in answer["error"], (text, answer)
            assert unset, text
        elif unset:
            assert set(unset) == set(answer["unset"] or []), text
        else:
            assert found == answer["text"], text
            compared += 1
    assert compared > 5_000


_LINES = [
    "A=1", "B = two", "export C=3", "D='sin\\'gle $A'", 'E="dou\\nble ${A} \\$x"', "F=${A}-$B", "# note", "",
    "G=a # b", "H=a#b", "I: yes", "J=\"multi\nline\"", "K=\\t", "  L=sp  ", "M=", "N=''", "A=again", "O=$$x",
    "P.q-r=1", "Q=\"\\101 \\0101\"", "R='#no'", "S=\"a\" # c", "T=é", "lone", "bad name=1", "U='open", "V%=1",
]  # fmt: skip


def test_env_files(oracle: Oracle) -> None:
    chance = random.Random(11)  # noqa: S311 - reproducible, no secret
    texts = ["\n".join(chance.choices(_LINES, k=chance.randint(1, 7))) + "\n" for _ in range(3_000)]
    outer = {"B": "outer"}
    answers = oracle.ask([{"kind": "dotenv", "text": text, "env": outer} for text in texts])
    compared = 0
    for text, answer in zip(texts, answers, strict=True):
        try:
            found: dict[str, Any] = {one.name: one.value for one in dotenv.parse(text, outer)}
        except dotenv.DotenvError:
            assert "error" in answer, text
            continue
        assert "error" not in answer, (text, answer)
        if not answer["unset"]:
            known = {name: value for name, value in found.items() if value is not None}
            assert known == (answer.get("env") or {}), text
            compared += 1
    assert compared > 1_000
