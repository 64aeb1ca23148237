"""The host floor answers on a real runtime and needs nothing."""

from __future__ import annotations

import hashlib
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from migrate.component import inspect
from migrate.model import Component
from migrate.runtimes import ServeRequest, runtime
from migrate.validate.measuring import floor


def like(tmp_path: Path, wasi: str = "0.2") -> ServeRequest:
    component = Component(tmp_path / "x.wasm", hashlib.sha256(b"").hexdigest(), "http", wasi, (), ())
    return ServeRequest(component, tmp_path, tmp_path / "x.log", environment={"KEY": "secret"})


@pytest.mark.runtime
def test_the_floor_answers_and_gets_nothing_of_the_services(tmp_path: Path) -> None:
    chosen = runtime("wasmtime")
    request = floor.request(chosen, like(tmp_path), tmp_path / "floor")
    assert isinstance(request, ServeRequest)
    assert request.environment == {}
    imports = inspect(request.component.path).imports
    assert {name.partition("/")[0] for name in imports} == {"wasi:io", "wasi:http"}
    with chosen.start(request) as server, urllib.request.urlopen(server.url, timeout=30) as answer:
        assert (answer.status, answer.read()) == (200, b"ok\n")


def test_another_wasi_has_no_floor(tmp_path: Path) -> None:
    said = floor.request(runtime("wasmtime"), like(tmp_path, "0.3"), tmp_path / "floor")
    assert isinstance(said, str)
    assert "0.3" in said
    command = like(tmp_path)
    command = replace(command, component=replace(command.component, kind="command"))
    assert isinstance(floor.request(runtime("wasmtime"), command, tmp_path), str)
