"""The generated trees of the fixtures, from their Dockerfiles on, with the real lane."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from analyzers.assess import assess
from analyzers.inventory import read
from migrate.convert import render
from migrate.errors import NoPromiseError
from migrate.model import Plan
from migrate.plan import make_plan
from migrate.provenance import PROVENANCE
from migrate.targets.spin_manifest import parse
from migrate.tree import load, write


def planned(repository: Path, *accept: str) -> Plan:
    return make_plan(assess(read(repository)), None, accept=accept)


def converted(repository: Path, *accept: str) -> Plan:
    plan = planned(repository, *accept)
    write(plan.output, render(plan))
    return plan


def test_orders(flask_orders: Path) -> None:
    before = {p: p.read_bytes() for p in flask_orders.rglob("*") if p.is_file()}
    plan = converted(flask_orders)
    assert plan.promise
    assert plan.targets == ("spin", "wasmtime")
    assert {p: p.read_bytes() for p in before} == before, "the source is untouched"
    files = json.loads((plan.output / "files.json").read_text())["files"]
    assert {"source": "shop/wsgi.py", "guest": "/app/shop/wsgi.py"} in files
    assert not [f for f in files if f["source"].startswith(("tests/", "wasm/", "README"))]
    component = parse((plan.output / "spin.toml").read_text()).components["flask-orders"]
    assert component.environment["SHOP_NAME"] == "Kontor & Söhne"
    assert "SECRET_KEY" not in component.environment
    assert component.allowed_outbound_hosts == ()
    for script in ("build.sh", "run.sh"):
        subprocess.run(["/bin/sh", "-n", str(plan.output / script)], check=True, timeout=30)
    provenance = load(plan.output)
    assert (provenance.entry, provenance.repository) == ("shop.wsgi:app", "../..")


def test_orders_twice(flask_orders: Path) -> None:
    first = converted(flask_orders)
    assert not write(first.output, render(planned(flask_orders)))


def test_a_tree_is_no_input_of_the_next_conversion(flask_orders: Path) -> None:
    first = converted(flask_orders)
    (first.output / "build").mkdir()
    (first.output / "build/left.py").write_text("")
    assert planned(flask_orders).files == first.files


def test_nothing_names_this_machine(flask_orders: Path) -> None:
    for file in render(planned(flask_orders)):
        assert str(flask_orders.parent).encode() not in file.content, file.path


def test_counter(flask_counter: Path) -> None:
    with pytest.raises(NoPromiseError, match="memory-state"):
        planned(flask_counter)
    assert not (flask_counter / "wasm").exists()
    plan = converted(flask_counter, "memory-state")
    assert not plan.promise
    assert "**No promise.**" in (plan.output / "README.md").read_text()
    provenance = json.loads((plan.output / PROVENANCE).read_text())
    assert (provenance["promise"], provenance["accepted"]) == (False, ["memory-state"])
