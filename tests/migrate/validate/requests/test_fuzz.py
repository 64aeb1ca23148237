"""Odd requests: the same for a seed, each another, each such that probes.yaml can hold it."""

from __future__ import annotations

from migrate.model import Capture, Probe, ProbeSet
from migrate.reports.wire import probes as wire
from migrate.validate.requests import fuzzed, write

GIVEN = ProbeSet(
    (
        Probe("list", "GET", "/items?page=1&size=2", captures=(Capture("ID", "json", "0.id"),), session="s"),
        Probe("one", "GET", "/items/{{ID}}"),
        Probe("make", "POST", "/items", (("Content-Type", "application/json"),), b'{"name": "x", "n": 1}'),
        Probe("root", "GET", "/"),
    ),
    "probes.yaml",
)


def test_each_is_another_and_stands_alone() -> None:
    made = fuzzed(GIVEN, 400, seed=7).probes
    assert len(made) == 400
    assert fuzzed(GIVEN, 400, seed=7).probes == made
    assert fuzzed(GIVEN, 400, seed=8).probes != made
    assert len({(one.method, one.path, one.headers, one.body, one.chunked) for one in made}) == 400
    assert not any(one.session or one.captures or "{{" in one.path for one in made)
    assert {one.method for one in made} >= {"GET", "HEAD", "POST", "DELETE", "PROPFIND"}
    assert any(one.chunked for one in made)
    assert sum(one.body not in (b"", GIVEN.probes[2].body) for one in made) > 20


def test_probes_yaml_can_hold_each() -> None:
    made = fuzzed(GIVEN, 1500, seed=1)
    again = wire.read(write(made), "probes.yaml").probes
    assert [(a.method, a.path, a.headers, a.body, a.chunked) for a in again] == [
        (b.method, b.path, b.headers, b.body, b.chunked) for b in made.probes
    ]


def test_nothing_comes_of_nothing() -> None:
    assert fuzzed(ProbeSet((GIVEN.probes[1],), "x"), 10).probes == ()
