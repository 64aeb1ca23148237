"""A service that moves as it is: flask-orders answers the same as a component, on every probe."""

from __future__ import annotations

import json

import pytest
import yaml

from tests.conftest import ROOT, CommandLine
from tests.e2e.conftest import SECRET, Migrated, contents

pytestmark = [pytest.mark.engine, pytest.mark.runtime, pytest.mark.build]


def test_it_is_equal_on_every_probe(orders: Migrated) -> None:
    assert orders.result.code == 0, orders.result.out + orders.result.err
    assert orders.report["outcome"] == orders.expected["outcome"] == "equal"
    assert orders.report["target"] == orders.expected["target"]
    asked = [p["id"] for p in yaml.safe_load((orders.repository / "probes.yaml").read_text())["probes"]]
    for instances in ("fresh", "reused"):
        exchanges = orders.exchanges(instances)
        assert [e["id"] for e in exchanges] == asked
        assert {e["verdict"] for e in exchanges} <= {"equal", "normalised"}


def test_the_original_really_ran(orders: Migrated) -> None:
    original = orders.report["original"]
    assert original["recorded"] is None
    assert original["image_digest"].startswith("sha256:")


def test_nothing_outside_the_generated_tree_was_touched(orders: Migrated) -> None:
    assert contents(orders.repository) == orders.before


def test_the_secret_was_written_nowhere(orders: Migrated) -> None:
    assert SECRET not in orders.result.out + orders.result.err
    holding = [p for p in orders.tree.rglob("*") if p.is_file() and SECRET.encode() in p.read_bytes()]
    assert holding == []


def test_nothing_is_left_behind(orders: Migrated) -> None:
    import docker

    client = docker.from_env()
    try:
        image = orders.report["original"]["image_digest"]
        containers = client.containers.list(all=True, filters={"ancestor": image})
        assert [c.name for c in containers] == []
    finally:
        client.close()


def test_reports_lie_beside_the_tree(orders: Migrated) -> None:
    report = json.loads((orders.tree / "reports" / "validate.json").read_text())
    assert report["outcome"] == "equal"
    assert "EQUAL" in (orders.tree / "reports" / "validate.md").read_text()


def test_converting_again_changes_nothing(orders: Migrated, dock2wasm: CommandLine) -> None:
    done = dock2wasm("convert", orders.repository, *orders.choices, "--dry-run", "--diff", "--quiet")
    assert (done.code, done.out) == (0, "")


def test_building_again_takes_the_component_from_the_cache(orders: Migrated, dock2wasm: CommandLine) -> None:
    done = dock2wasm("build", orders.repository, "--json", "--quiet")
    assert done.code == 0, done.err
    assert json.loads(done.out)["cached"] is True


def test_the_committed_recording_is_equal_too(orders: Migrated, dock2wasm: CommandLine) -> None:
    """What `make demo` shows where no Docker engine answers. A stale one: docs/fixtures.md."""
    done = dock2wasm(
        "validate",
        orders.repository,
        *("--probes", orders.repository / "probes.yaml"),
        *("--recording", ROOT / "fixtures" / "flask-orders" / "recording.json"),
        *("--replay", "--env", "SECRET_KEY", "--no-measure", "--quiet"),
        SECRET_KEY=SECRET,
    )
    assert done.code == 0, done.out + done.err
    assert "replayed from a recording" in done.out.splitlines()[0]


def test_a_recording_is_replayed_and_refused_once_the_context_changes(
    orders: Migrated, dock2wasm: CommandLine
) -> None:
    recording = orders.repository / "recording.json"
    arguments = (
        "--probes",
        orders.repository / "probes.yaml",
        "--recording",
        recording,
        "--env",
        "SECRET_KEY",
    )
    quiet = ("--no-measure", "--quiet")

    recorded = dock2wasm("validate", orders.repository, *arguments, "--record", *quiet, SECRET_KEY=SECRET)
    assert recorded.code == 0, recorded.out + recorded.err
    assert SECRET not in recording.read_text()

    replayed = dock2wasm("validate", orders.repository, *arguments, "--replay", *quiet, SECRET_KEY=SECRET)
    assert replayed.code == 0, replayed.out + replayed.err
    assert "replayed from a recording" in replayed.out.splitlines()[0]

    terms = orders.repository / "content" / "terms.en.txt"
    text = terms.read_text()
    try:
        terms.write_text(text + "\n\nAnd one more thing.\n")
        refused = dock2wasm("validate", orders.repository, *arguments, "--replay", *quiet, SECRET_KEY=SECRET)
    finally:
        terms.write_text(text)
    assert refused.code == 31
    assert "context" in refused.err
