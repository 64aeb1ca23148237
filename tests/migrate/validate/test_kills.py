"""Killing us or a container at any moment leaves nothing running, nothing half-written, and says why."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrate.provenance import PROVENANCE, Provenance, to_bytes
from migrate.validate import engine, scratch
from tests.needs import BASE_IMAGE

if TYPE_CHECKING:
    from docker import DockerClient

ROOT = Path(__file__).parents[3]
SERVER = """
import http.server, time
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.5)
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers()
        self.wfile.write(b"ok")
http.server.ThreadingHTTPServer(("", 8000), H).serve_forever()
"""
DOCKERFILE = f"""
FROM {BASE_IMAGE}
COPY server.py .
EXPOSE 8000
CMD ["python", "server.py"]
"""
COMPOSE = f"""
services:
  web: {{build: ., depends_on: [store], environment: {{STORE_HOST: store}}}}
  store:
    image: {BASE_IMAGE}
    command: [python, -c, "import time; print('store', flush=True); time.sleep(600)"]
"""


@pytest.fixture(scope="module")
def client() -> Iterator[DockerClient]:
    with engine.connect() as connected:
        yield connected


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("killed")
    tree = root / "wasm" / "web"
    (tree / "build").mkdir(parents=True)
    provenance = Provenance(
        tool_version="0",
        service="web",
        lane="python",
        entry="app:app",
        targets=("wasmtime",),
        kind="http",
        wasi="0.2",
        repository="../..",
        dockerfile="Dockerfile",
        port=8000,
        snapshot_app="never",
        promise=False,
        accepted=(),
        grants=(),
        inputs=(),
        files=(),
    )
    for name, content in {
        "compose.yaml": COMPOSE.encode(),
        "Dockerfile": DOCKERFILE.encode(),
        "server.py": SERVER.encode(),
        f"wasm/web/{PROVENANCE}": to_bytes(provenance),
        "wasm/web/build/web.wasm": b"\0asm",
        "wasm/web/probes.yaml": b"schema_version: 1\nprobes: [{id: a, path: /}, {id: b, path: /b}]\n",
    }.items():
        (root / name).write_bytes(content)
    return root


def started(repository: Path, temporary: Path) -> tuple[subprocess.Popen[str], str]:
    """A validation that has just begun, and the label of what it makes."""
    temporary.mkdir(exist_ok=True)
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.migrate.validate.killed", str(repository)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def left(client: DockerClient, owner: str) -> list[str]:
    label: dict[str, str | list[str] | bool] = {"label": f"{engine.OWNER}={owner}"}
    containers = client.containers.list(all=True, filters=label, ignore_removed=True)
    return [one.name or "" for one in containers] + [
        one.name or "" for one in client.networks.list(filters=label)
    ]


def whole(repository: Path) -> None:
    """What was written is all there or not at all."""
    recording = repository / "wasm" / "web" / "recording.json"
    if recording.exists():
        assert json.loads(recording.read_bytes())["schema_version"]
    assert [one.name for one in recording.parent.iterdir() if one.name.endswith((".tmp", ".part"))] == []


@pytest.mark.engine
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("seed", range(4))
def test_at_any_moment(
    client: DockerClient,
    repository: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    seed: int,
) -> None:
    temporary = tmp_path / "tmp"
    child, owner = started(repository, temporary)
    with child:
        time.sleep(random.Random(seed * 100 + number).uniform(0.1, 7.0))  # noqa: S311 - which moment, no secret
        child.send_signal(number)
        _, said = child.communicate(timeout=90)
    assert child.returncode in {-number, 128 + number}, said
    assert "Traceback" not in said
    whole(repository)
    if number is signal.SIGKILL:
        # Nobody could remove anything: the next run does.
        engine.remove_leftovers(client)
        monkeypatch.setattr("tempfile.tempdir", str(temporary))
        scratch.remove_leftovers()
    assert left(client, owner) == []
    assert [one.name for one in temporary.iterdir() if one.name.startswith("dock2wasm-")] == []


@pytest.mark.engine
@pytest.mark.parametrize("which", ["original", "neighbour"])
def test_a_container_that_is_killed_is_told(
    client: DockerClient, repository: Path, tmp_path: Path, which: str
) -> None:
    child, owner = started(repository, tmp_path / "tmp")
    with child:
        end = time.monotonic() + 60
        labels = [f"{engine.OWNER}={owner}", f"{engine.LABEL}={which}"]
        # The first is that of the trial, which only has to answer once.
        found: list[str] = []
        while len(found) < 2 and time.monotonic() < end:
            for one in client.containers.list(filters={"label": labels}, ignore_removed=True):
                found += [str(one.id)] if str(one.id) not in found else []
        client.api.kill(found[1])
        _, said = child.communicate(timeout=120)
    assert child.returncode == 29, said
    assert "137" in said
    assert ("original's container" if which == "original" else "neighbour store") in said
    assert left(client, owner) == []
    whole(repository)


def test_folders_of_the_dead_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    host = engine.owner().partition(":")[0]
    dead = tmp_path / f"dock2wasm-validate@{host}@{2**22 + 1}@1@abc"
    elsewhere = tmp_path / f"dock2wasm-validate@not-{host}@{2**22 + 1}@1@abc"
    others = tmp_path / "dock2wasm-other"
    for one in (dead, elsewhere, others):
        one.mkdir()
        (one / "file").write_text("x")
    (tmp_path / f"dock2wasm-link@{host}@{2**22 + 1}@1@abc").symlink_to(others)
    with scratch.folder("validate") as mine:
        assert mine.is_dir()
        assert not dead.exists()
        assert scratch.remove_leftovers() == []
    assert not mine.exists()
    assert elsewhere.is_dir()
    assert (others / "file").is_file()
