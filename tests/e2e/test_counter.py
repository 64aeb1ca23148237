"""A service that needs the memory of its process: convert refuses, and validate shows why."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import CommandLine
from tests.e2e.conftest import Migrated


def test_convert_refuses_without_a_promise(dock2wasm: CommandLine, flask_counter: Path) -> None:
    done = dock2wasm("convert", flask_counter, "--quiet")
    assert done.code == 3
    assert "memory-state" in done.err
    assert "app.py:" in done.err
    assert not (flask_counter / "wasm").exists()


def test_accepting_another_rule_is_not_enough(dock2wasm: CommandLine, flask_counter: Path) -> None:
    assert dock2wasm("convert", flask_counter, "--accept", "local-write", "--quiet").code in (2, 3)
    assert not (flask_counter / "wasm").exists()


def test_the_generated_tree_says_that_there_is_no_promise(
    dock2wasm: CommandLine, flask_counter: Path
) -> None:
    done = dock2wasm("convert", flask_counter, "--accept", "memory-state", "--quiet")
    assert done.code == 0, done.err
    readme = (flask_counter / "wasm" / "flask-counter" / "README.md").read_text()
    assert "no promise" in readme.lower()
    assert "memory-state" in readme


@pytest.mark.engine
@pytest.mark.runtime
@pytest.mark.build
class TestAccepted:
    def test_it_is_different_exactly_where_memory_is_needed(self, counter: Migrated) -> None:
        assert counter.result.code == 1, counter.result.out + counter.result.err
        assert counter.report["outcome"] == counter.expected["outcome"] == "different"
        verdicts = {e["id"]: e["verdict"] for e in counter.exchanges("fresh")}
        differing = {probe for probe, verdict in verdicts.items() if verdict == "different"}
        assert differing == set(counter.expected["different"])
        assert "not_comparable" not in verdicts.values()

    def test_the_difference_names_both_values(self, counter: Migrated) -> None:
        (second,) = [e for e in counter.exchanges("fresh") if e["id"] == "second-visit"]
        counts = [d for d in second["differences"] if "visits" in d["where"]]
        assert [(d["original"], d["candidate"]) for d in counts] == [("2", "1")]
