"""Which engine is asked: Docker's or Podman's, by what says so; and how an answer of Podman's is read."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from migrate.errors import EngineError
from migrate.validate import engine


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DOCKER_HOST", "CONTAINER_HOST", "DOCKER_CONTEXT"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "config").mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setattr(engine, "_DOCKER", str(tmp_path / "docker-of-root.sock"))


@pytest.fixture
def listening() -> Iterator[list[socket.socket]]:
    opened: list[socket.socket] = []
    yield opened
    for one in opened:
        one.close()


def listen(opened: list[socket.socket], path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    one = socket.socket(socket.AF_UNIX)
    one.bind(str(path))
    one.listen()
    opened.append(one)
    return path


def test_what_the_environment_says_comes_first_docker_before_podman(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, listening: list[socket.socket]
) -> None:
    listen(listening, tmp_path / "docker-of-root.sock")
    monkeypatch.setenv("CONTAINER_HOST", "unix:///podman.sock")
    assert engine.address() == engine.Address("unix:///podman.sock", "CONTAINER_HOST")
    assert engine.for_clients() == {"DOCKER_HOST": "unix:///podman.sock"}
    monkeypatch.setenv("DOCKER_HOST", "tcp://elsewhere:2375")
    assert engine.address() == engine.Address("tcp://elsewhere:2375", "DOCKER_HOST")


def test_usual_sockets_in_their_order(tmp_path: Path, listening: list[socket.socket]) -> None:
    default = f"unix://{tmp_path}/docker-of-root.sock"
    assert engine.address().host == default  # nothing is there: the error names Docker's own
    (tmp_path / "docker.sock").write_text("no socket")
    assert engine.address().host == default
    mine = listen(listening, tmp_path / "podman" / "podman.sock")
    assert engine.address().host == f"unix://{mine}"
    desktop = listen(listening, tmp_path / ".docker" / "run" / "docker.sock")
    assert engine.address().host == f"unix://{desktop}"
    listen(listening, tmp_path / "docker-of-root.sock")
    assert engine.address().host == default


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_engine_names_where_it_was_looked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONTAINER_HOST", f"unix://{tmp_path}/none.sock")
    with pytest.raises(EngineError, match=r"none\.sock \(CONTAINER_HOST\)") as error, engine.connect():
        pass
    assert "podman.socket" in error.value.do


class Podman(http.server.BaseHTTPRequestHandler):
    """The two answers that tell Podman from Docker, as podman 4.9 gives them."""

    def do_GET(self) -> None:
        about = {
            "Components": [{"Name": "Podman Engine", "Version": "4.9.3"}, {"Name": "Conmon", "Version": "2"}],
            "Version": "4.9.3",
            "ApiVersion": "1.41",
            "Os": "linux",
            "Arch": "amd64",
        }
        body = b"OK" if self.path.endswith("/_ping") else json.dumps(about).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        del args


def test_podman_is_known_by_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Podman)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("CONTAINER_HOST", f"tcp://127.0.0.1:{server.server_port}")
    try:
        with engine.connect() as client:
            assert engine.is_podman(client)
            assert engine.describe(client) == "podman 4.9.3 (linux/amd64)"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
