"""Every lane answers every exchange as its own container does; see README.md beside this file."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from migrate.model import Instances
from migrate.runtimes import runtime
from migrate.serve import request_for
from migrate.validate import normalisations, probes
from migrate.validate.measuring import memory, processes
from tests.conftest import ROOT, CommandLine, copy_fixture

HERE = Path(__file__).parent
GROUPS = sorted(HERE.glob("*.yaml"))
LANES = sorted(path.name.removeprefix("conformance-") for path in (ROOT / "fixtures").glob("conformance-*"))
GROWTH = 6 << 20
"""Bytes that five hundred requests may add to an instance which has served as many before."""


@dataclass(frozen=True)
class Ran:
    lane: str
    tree: Path
    report: dict[str, Any]


def test_the_exchanges_are_a_few_hundred_and_named_once() -> None:
    ids = [probe.id for path in GROUPS for probe in probes.load(path).probes]
    assert len(ids) > 300
    assert len(set(ids)) == len(ids)
    for path in GROUPS:
        assert all(probe.id.startswith(f"{path.stem}-") for probe in probes.load(path).probes)


@pytest.fixture(scope="session", params=LANES)
def ran(
    request: pytest.FixtureRequest, dock2wasm: CommandLine, tmp_path_factory: pytest.TempPathFactory
) -> Ran:
    lane = str(request.param)
    folder = tmp_path_factory.mktemp(f"conformance-{lane}")
    name = f"conformance-{lane}"
    repository = copy_fixture(name, folder)
    asked = folder / "probes.yaml"
    exchanges = "".join(path.read_text().partition("probes:\n")[2] for path in GROUPS)
    asked.write_text(f"schema_version: 1\nprobes:\n{exchanges}")
    done = dock2wasm(
        "migrate",
        repository,
        *("--target", "wasmtime", "--probes", asked),
        *("--no-measure", "--quiet", "--format", "json"),
    )
    assert done.code in (0, 1, 4), done.err
    return Ran(lane, repository / "wasm" / name, json.loads(done.out))


@pytest.mark.engine
@pytest.mark.runtime
@pytest.mark.build
@pytest.mark.parametrize("instances", ["fresh", "reused"])
def test_every_exchange_is_answered_as_by_the_container(ran: Ran, instances: str) -> None:
    (run,) = [run for run in ran.report["runs"] if run["instances"] == instances]
    assert len(run["exchanges"]) == sum(len(probes.load(path).probes) for path in GROUPS)
    wrong = {
        one["id"]: one["differences"] or one["status"]
        for one in run["exchanges"]
        if one["verdict"] not in ("equal", "normalised")
    }
    assert wrong == {}


@pytest.mark.engine
@pytest.mark.runtime
@pytest.mark.build
def test_only_listed_differences_were_forgiven(ran: Ran) -> None:
    applied = {
        one["name"]
        for run in ran.report["runs"]
        for exchange in run["exchanges"]
        for one in exchange["normalisations"]
    }
    assert applied <= {one.name for one in normalisations.load()}


@pytest.mark.engine
@pytest.mark.runtime
@pytest.mark.build
def test_one_instance_serves_a_thousand_requests_without_growing(ran: Ran) -> None:
    request = request_for(ran.tree, instances=Instances.REUSED)
    with runtime("wasmtime").start(request) as server:
        _ask(server.port, 500)
        before = memory.pss(processes.of_session(server.pid))
        _ask(server.port, 500)
        after = memory.pss(processes.of_session(server.pid))
        assert server.alive()
    assert before is not None
    assert after is not None
    assert after - before < GROWTH


def _ask(port: int, times: int) -> None:
    """Requests of several kinds, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    body = b"x" * 2000
    for number in range(times):
        match number % 4:
            case 0:
                connection.request("GET", f"/echo/{number}?n={number}")
            case 1:
                connection.request("POST", "/upload", body=body)
            case 2:
                connection.request("GET", "/bytes/30000")
            case _:
                connection.request("GET", "/status/404")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (404 if number % 4 == 3 else 200)
    connection.close()
