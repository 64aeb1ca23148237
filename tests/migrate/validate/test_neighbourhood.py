"""Neighbours in a real engine: one group for each side, seeded alike, apart, waited for and removed."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analyzers.model import Evidence, Healthcheck
from migrate.errors import EngineError, OriginalError
from migrate.model import Component, Sent
from migrate.progress import Silent
from migrate.runtimes import ServeRequest
from migrate.validate import engine, neighbourhood, original
from migrate.validate.client import exchange
from migrate.validate.neighbourhood import Neighbourhood
from migrate.validate.neighbours import Neighbour
from tests.needs import BASE_IMAGE

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.engine

STORE = """
import pathlib, socket, sys, time
print("store starts", flush=True)
seed = pathlib.Path("/docker-entrypoint-initdb.d/seed.txt").read_text().strip()
time.sleep(0.3)
listener = socket.create_server(("", 7000)); count = 0
while True:
    peer, _ = listener.accept()
    word = peer.recv(16)
    if word == b"add": count += 1; peer.sendall(f"{seed} {count}".encode())
    peer.close()
"""
ASKS = """
import http.server, os, socket
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"ready"
        if self.path == "/add":
            s = socket.create_connection((os.environ["STORE_HOST"], 7000))
            s.sendall(b"add"); body = s.recv(99)
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(("", 8000), H).serve_forever()
"""
EVIDENCE = Evidence("compose.yaml", 1, "")


@pytest.fixture(scope="module")
def client() -> Iterator[DockerClient]:
    with engine.connect() as connected:
        yield connected


@pytest.fixture
def around(client: DockerClient, tmp_path: Path) -> Neighbourhood:
    (tmp_path / "init").mkdir()
    (tmp_path / "init" / "seed.txt").write_text("blue\n")
    store = Neighbour(
        "shop-store",
        "store",
        BASE_IMAGE,
        port=7000,
        command=("python", "-c", STORE),
        seeds=(("./init", "/docker-entrypoint-initdb.d"),),
    )
    return Neighbourhood((store,), {"STORE_HOST": "store"}, {}, tmp_path, tmp_path, Silent(), client)


def request(folder: Path) -> ServeRequest:
    component = Component(folder, "", "http", "0.2", (), ())
    return ServeRequest(component, folder, folder / "log", {"STORE_HOST": "store", "KEPT": "x"})


def add(host: str) -> bytes:
    with socket.create_connection((host, 7000), timeout=10) as connection:
        connection.sendall(b"add")
        return connection.recv(99)


def ours(client: DockerClient) -> list[str]:
    """Containers and networks that this process made."""
    containers = [c.name or "" for c in client.containers.list(all=True, filters=mine())]
    return containers + [n.name or "" for n in client.networks.list(filters=mine())]


def mine() -> dict[str, str | list[str] | bool]:
    return {"label": f"{engine.OWNER}={engine.owner()}"}


def test_each_side_has_its_own_copy_with_the_same_seed(client: DockerClient, around: Neighbourhood) -> None:
    setup = original.Setup(
        BASE_IMAGE, 8000, {"STORE_HOST": "store"}, command=("python", "-c", ASKS), ready_timeout=30
    )
    with (
        around.of_candidate(request(around.repository)) as given,
        around.of_original(setup) as placed,
        original.running(client, placed) as container,
    ):
        assert given.environment["KEPT"] == "x"
        host = given.environment["STORE_HOST"]
        assert host.startswith("127.")
        assert [add(host), add(host)] == [b"blue 1", b"blue 2"]
        ask = Sent("GET", "/add", (("Host", "localhost"),), b"")
        # The original's copy has counted nothing yet.
        assert [exchange(container.url, ask).body for _ in range(2)] == [b"blue 1", b"blue 2"]
    with around.of_candidate(request(around.repository)) as given:
        assert add(given.environment["STORE_HOST"]) == b"blue 1"  # a new run, a new copy
    assert ours(client) == []


def test_a_health_check_is_waited_for(around: Neighbourhood) -> None:
    test = "test -e /tmp/made || { touch /tmp/made; exit 1; }"
    checked = replace(around.neighbours[0], healthcheck=Healthcheck((test,), True, EVIDENCE))
    around.neighbours = (checked,)
    with around.of_candidate(request(around.repository)) as given:
        assert add(given.environment["STORE_HOST"]) == b"blue 1"
        assert around.client is not None
        (container,) = around.client.containers.list(filters=mine())
        assert container.attrs["State"]["Health"]["Status"] == "healthy"


def test_one_that_ends_or_never_listens_shows_its_log_and_keeps_it(
    client: DockerClient, around: Neighbourhood, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = around.neighbours[0]
    around.neighbours = (replace(one, seeds=()),)
    with pytest.raises(OriginalError, match=r"shop-store .* ended before it was ready") as error:
        around.of_original(original.Setup(BASE_IMAGE, 8000, {})).__enter__()
    assert "FileNotFoundError" in error.value.why
    assert "--no-neighbours" in error.value.do
    assert "store starts" in (around.logs / "neighbour-original-store.log").read_text()
    assert ours(client) == []
    monkeypatch.setattr(neighbourhood, "READY", 1.5)
    around.neighbours = (replace(one, port=7001),)
    with pytest.raises(OriginalError, match="takes no connection"):
        around.of_candidate(request(around.repository)).__enter__()
    assert ours(client) == []


def test_an_image_that_cannot_be_had(client: DockerClient, around: Neighbourhood) -> None:
    name = f"localhost:9/dock2wasm-no-such-image-{os.getpid()}"
    around.neighbours = (replace(around.neighbours[0], image=name),)
    with pytest.raises(EngineError, match="cannot be had") as error:
        around.of_candidate(request(around.repository)).__enter__()
    assert "docker pull" in error.value.do
    assert ours(client) == []
