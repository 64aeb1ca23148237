"""`spin up`, against a stand-in that behaves as Spin's source and documentation say."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import shlex
import signal
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from migrate import ports
from migrate.errors import PortError, RuntimeStartError, ToolMissingError
from migrate.model import Component, Instances
from migrate.runtimes import Mount, Runtime, ServeRequest, runtime, spin
from tests import components
from tests.migrate.runtimes import spin_stand_in
from tests.migrate.runtimes.serving import Ask, component_at, get

MANIFEST = """\
spin_manifest_version = 2
[application]
name = "api"
[[trigger.http]]
route = "/..."
component = "api"
[component.api]
source = "build/api.wasm"
allowed_outbound_hosts = ["https://api.example.com"]
files = [{ source = "assets", destination = "/assets" }]
"""


@pytest.fixture(autouse=True)
def stand_in(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program `spin` on PATH."""
    program = tmp_path_factory.mktemp("bin") / "spin"
    command = shlex.join([sys.executable, spin_stand_in.__file__])
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("DOCK2WASM_SPIN", raising=False)
    return program


@pytest.fixture(autouse=True)
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "spin.toml"
    path.write_text(MANIFEST)
    return path


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def group(number: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == number and fields[0] != "Z":
            found.append(int(status.parent.name))
    return found


def test_the_module_is_a_runtime(stand_in: Path) -> None:
    chosen: Runtime = runtime("spin")
    located = chosen.locate()
    assert (located.path, located.version) == (stand_in, "4.0.2")


def test_it_answers_and_ends_without_a_trace(ask: Ask) -> None:
    with spin.start(ask(ready_path="/.well-known/spin/health")) as server:
        assert get(server.url)[0] == 200
        log = server.log.read_text()
        assert f"Serving {server.url}" in log
        work = re.search(r"working directory (.*)", log)
        assert work
        assert Path(work.group(1)).is_dir()
        assert len(group(server.pid)) == 2
    assert not group(server.pid)
    assert not Path(work.group(1)).exists()  # Spin had the time to remove it
    ports.require_free(server.port)


def test_arguments_and_environment(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OURS", "must not be seen")
    given = {"PLAIN": "a=b c", "EMPTY": "", "DASHED": "--quiet"}
    with spin.start(ask(environment=given)) as server:
        seen = json.loads(get(server.url)[1])
        assert seen["arguments"] == [
            *("-f", "spin.toml", "--listen", f"127.0.0.1:{server.port}"),
            *("--log-dir", "", "--state-dir", "build/spin-state"),
            *("-e", "PLAIN=a=b c", "-e", "EMPTY=", "-e", "DASHED=--quiet"),
        ]
        assert "OURS" not in seen["environment"]


def test_what_lives_on_when_the_first_process_is_killed_is_ended(ask: Ask) -> None:
    with spin.start(ask()) as server:
        os.kill(server.pid, signal.SIGTERM)  # Spin does not handle it: its second process lives on
        assert eventually(lambda: not server.alive())
        assert len(group(server.pid)) == 1
    assert not group(server.pid)
    ports.require_free(server.port)


def test_a_taken_port(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    free = ports.free_port
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        with pytest.raises(PortError, match="is taken"):
            spin.start(ask(port=port))
        handed_out = iter([port])
        monkeypatch.setattr(ports, "free_port", lambda: next(handed_out, None) or free())
        with spin.start(ask()) as server:
            assert server.port != port


@pytest.mark.parametrize("instances", [Instances.REUSED, Instances.RESIDENT])
def test_reuse_is_refused(ask: Ask, instances: Instances) -> None:
    with pytest.raises(RuntimeStartError, match=f"WASI 0.2 component with {instances} instances") as caught:
        spin.start(ask(instances=instances))
    assert "--runtime wasmtime" in caught.value.do


def test_a_component_that_spin_refuses(ask: Ask, counter: Component) -> None:
    counter.path.write_bytes(b"rubbish")
    with pytest.raises(RuntimeStartError, match="ended with code 1") as caught:
        spin.start(ask(component_at(counter.path)))
    assert "Failed to instantiate" in caught.value.why


def test_it_never_gets_ready(ask: Ask) -> None:
    with pytest.raises(RuntimeStartError, match="was not ready after 0 s"):
        spin.start(ask(ready_timeout=0.0))


def test_the_manifest_must_run_this_component(ask: Ask, tmp_path: Path) -> None:
    other = component_at(components.write(tmp_path / "other.wasm"))
    with pytest.raises(RuntimeStartError, match="does not run"):
        spin.start(ask(other))


@pytest.mark.parametrize("text", ["", "component = 1", "[component]\na = 1", "[component.a]\nsource = 7"])
def test_a_manifest_without_components(ask: Ask, manifest: Path, text: str) -> None:
    manifest.write_text(text)
    with pytest.raises(RuntimeStartError, match="does not run"):
        spin.start(ask())


def test_a_manifest_that_cannot_be_read(ask: Ask, manifest: Path) -> None:
    manifest.write_bytes(b"= \xff")
    with pytest.raises(RuntimeStartError, match="cannot be read"):
        spin.start(ask())
    manifest.unlink()
    with pytest.raises(RuntimeStartError, match="is missing") as caught:
        spin.start(ask())
    assert "--target spin" in caught.value.do


def test_the_manifest_must_give_what_is_asked(ask: Ask, tmp_path: Path) -> None:
    granted = ask(outbound=("https://api.example.com",), mounts=(Mount(tmp_path, "/assets", writable=False),))
    with spin.start(granted):
        pass
    with pytest.raises(RuntimeStartError, match=r"does not grant https://other\.example\.com"):
        spin.start(ask(outbound=("https://other.example.com",)))
    with pytest.raises(RuntimeStartError, match="does not mount /data"):
        spin.start(ask(mounts=(Mount(tmp_path, "/data", writable=False),)))
    with pytest.raises(RuntimeStartError, match="writable directory /assets"):
        spin.start(ask(mounts=(Mount(tmp_path, "/assets", writable=True),)))


def test_no_tree(counter: Component, tmp_path: Path) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(RuntimeStartError, match="is missing"):
        spin.start(ServeRequest(counter, missing, tmp_path / "log"))


def test_no_spin(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ToolMissingError, match="spin is not installed"):
        spin.start(ask())


def test_spin_compiles_by_itself(counter: Component, tmp_path: Path) -> None:
    assert spin.precompile(counter, tmp_path / "cache") is counter
    assert not (tmp_path / "cache").exists()


def test_a_component_of_0_3_may_be_reused(ask: Ask, counter: Component) -> None:
    newer = dataclasses.replace(counter, wasi="0.3")
    with spin.start(ask(newer, instances=Instances.REUSED)) as server:
        assert get(server.url)[0] == 200
