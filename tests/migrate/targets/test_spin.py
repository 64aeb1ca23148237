from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from analyzers.model import Grant
from migrate.errors import TargetError
from migrate.model import Plan
from migrate.plan import make_plan
from migrate.targets import spin
from migrate.targets.spin_manifest import SCHEMA_LINE, parse
from tests.migrate import made


def plan(*grants: Grant) -> Plan:
    return make_plan(made.assessment(Path("/repository"), made.assessed(grants=grants)), None)


def written(*grants: Grant) -> str:
    (file,) = spin.render(plan(*grants))
    assert file.path == "spin.toml"
    return file.content.decode()


def test_the_manifest_of_a_service() -> None:
    text = written(
        made.env("GREETING", 'hé "you"'),
        made.secret("KEY"),
        made.env("HANDED", None),
        made.outbound("https", "api.example.com", 443),
        made.outbound("http", "stock", 8080),
    )
    assert text.splitlines()[0] == SCHEMA_LINE
    document = tomllib.loads(text)
    assert document["trigger"]["http"] == [{"route": "/...", "component": "api"}]
    assert document["component"]["api"] == {
        "source": "build/api.wasm",
        "environment": {"GREETING": 'hé "you"'},
        "allowed_outbound_hosts": ["https://api.example.com", "http://stock:8080"],
        "build": {"command": "./build.sh"},
        "tool": {
            "dock2wasm": {
                "lane": "python",
                "wasi": "0.2",
                "promise": True,
                "accepted": [],
                "provenance": "dock2wasm.provenance.json",
            }
        },
    }
    parse(text)


def test_nothing_of_a_secret_is_in_the_manifest() -> None:
    assert "KEY" not in written(made.secret("KEY"))


def test_secrets_are_handed_over_at_start() -> None:
    assert '-e KEY="$KEY" -e HANDED="$HANDED"' in spin.how_to_run(
        plan(made.secret("KEY"), made.env("HANDED", None))
    )
    assert " -e " not in spin.how_to_run(plan(made.env("A", "b")))


def test_the_order_does_not_depend_on_that_of_the_grants() -> None:
    grants = [
        made.env("B", "1"),
        made.env("A", "2"),
        made.outbound("https", "b", 443),
        made.outbound("https", "a", 1),
    ]
    assert written(*grants) == written(*reversed(grants))


def test_a_directory_outside_the_tree_cannot_be_given() -> None:
    with pytest.raises(TargetError, match=r"compose\.yaml:8"):
        written(made.directory("data", "/data"))
