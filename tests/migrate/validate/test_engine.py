"""The real engine: an image built, containers limited, asked and removed, whatever ends us."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from migrate.errors import EngineError, OriginalError
from migrate.model import Sent, Side
from migrate.progress import Silent
from migrate.validate import context, engine, image, original
from migrate.validate.client import exchange
from migrate.validate.measuring import memory, processes, sizes
from tests.needs import BASE_IMAGE

if TYPE_CHECKING:
    from docker import DockerClient

pytestmark = pytest.mark.engine

SERVER = """
import http.server, os, sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = repr((os.environ.get("A"), sorted(os.listdir(".")))).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
print("starting", flush=True)
if os.environ.get("FAIL"): sys.exit("no setting")
if not os.environ.get("DEAF"): http.server.ThreadingHTTPServer(("", 8000), H).serve_forever()
import time; time.sleep(600)
"""
DOCKERFILE = f"""
FROM {BASE_IMAGE}
WORKDIR /app
COPY . .
EXPOSE 8000
ENV A=image
CMD ["python", "server.py"]
"""


@pytest.fixture(scope="module")
def client() -> Iterator[DockerClient]:
    with engine.connect() as connected:
        yield connected


def repository(folder: Path, dockerfile: str = DOCKERFILE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "Dockerfile").write_text(dockerfile)
    (folder / "server.py").write_text(SERVER)
    (folder / ".dockerignore").write_text("Dockerfile\n.dockerignore\nignored\n")
    (folder / "ignored").write_text("x")
    tree = folder / "wasm" / "api"
    tree.mkdir(parents=True)
    (tree / "dock2wasm.provenance.json").write_text("{}")
    return folder


def build(client: DockerClient, folder: Path, name: str) -> image.Image:
    found = context.read(folder, context="", dockerfile="Dockerfile")
    return image.build(client, found, name=name, log=folder / "wasm" / "build.log", progress=Silent())


@pytest.fixture(scope="module")
def built(client: DockerClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[image.Image]:
    name = f"dock2wasm-test/engine-{os.getpid()}:x"
    yield build(client, repository(tmp_path_factory.mktemp("repository")), name)
    client.images.remove(name, force=True)


def setup(built: image.Image, **environment: str) -> original.Setup:
    return original.Setup(built.id, 8000, environment, ready_timeout=30.0)


def ours(client: DockerClient) -> list[str]:
    """Containers that this process or its child made."""
    return [c.name or "" for c in client.containers.list(all=True, filters={"label": engine.OWNER})]


@pytest.mark.parametrize("buildkit", [True, False])
def test_the_image_holds_the_context_and_nothing_more(
    client: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buildkit: bool
) -> None:
    if not buildkit:
        monkeypatch.setattr(image, "find_builder", lambda: image.Builder(None, {}, "classic builder"))
    elif image.find_builder().argv is None:
        pytest.skip("no docker client here has BuildKit; the classic builder is tested beside this")
    name = f"dock2wasm-test/build-{os.getpid()}:{buildkit}".lower()
    made = build(client, repository(tmp_path / "r"), name)
    try:
        with original.running(client, setup(made, A="given")) as container:
            answer = exchange(container.url, Sent("GET", "/", (("Host", "localhost"),), b""))
            assert answer.body == b"('given', ['server.py'])"
    finally:
        client.images.remove(name, force=True)


def test_a_build_that_fails_shows_its_end_and_the_log(client: DockerClient, tmp_path: Path) -> None:
    broken = repository(tmp_path / "r", f"FROM {BASE_IMAGE}\nRUN echo before; exit 7\n")
    with pytest.raises(OriginalError) as error:
        build(client, broken, "dock2wasm-test/broken:x")
    assert "does not build" in error.value.what
    assert "exit 7" in error.value.why
    assert str(broken / "wasm" / "build.log") in error.value.do
    assert "before" in (broken / "wasm" / "build.log").read_text()


def test_the_container_is_limited_local_and_gone_afterwards(client: DockerClient, built: image.Image) -> None:
    with original.running(client, setup(built)) as container:
        assert original.first_answer(container.url, "/", timeout=5.0) == 200
        attributes = client.containers.get(container.id).attrs
        host = attributes["HostConfig"]
        assert host["Privileged"] is False
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges"]
        assert (host["Memory"], host["PidsLimit"]) == (original.MEMORY, original.PIDS)
        assert host["PortBindings"]["8000/tcp"][0]["HostIp"] == "127.0.0.1"
        assert "starting" in container.logs()
        pids, why = processes.of_container(container.pid, container.id)
        if why:
            assert not pids
        else:
            assert container.pid in pids
            assert (memory.pss(pids) or 0) > 1_000_000
    assert container.name not in ours(client)


def test_a_container_that_ends_shows_its_log(client: DockerClient, built: image.Image) -> None:
    with pytest.raises(OriginalError) as error, original.running(client, setup(built, FAIL="1")):
        pass
    assert "ended" in error.value.what
    assert "exit code 1" in error.value.what
    assert "no setting" in error.value.why
    assert ours(client) == []


def test_a_container_that_never_answers(client: DockerClient, built: image.Image) -> None:
    deaf = original.Setup(built.id, 8000, {"DEAF": "1"}, ready_timeout=1.5)
    with (
        pytest.raises(OriginalError, match="does not answer HTTP on port 8000") as error,
        original.running(client, deaf),
    ):
        pass
    assert "starting" in error.value.why
    assert ours(client) == []


def test_a_command_that_is_not_in_the_image(client: DockerClient, built: image.Image) -> None:
    missing = original.Setup(built.id, 8000, {}, command=("no-such-program",))
    with pytest.raises(OriginalError, match="does not start"), original.running(client, missing):
        pass
    assert ours(client) == []


def test_capabilities_come_back_only_where_the_image_needs_them(
    client: DockerClient, built: image.Image
) -> None:
    same, note = original.with_capabilities_where_needed(client, setup(built))
    assert (same.bare, note) == (True, "")
    # Changing a file's owner needs CAP_CHOWN.
    code = "import os, runpy; os.chown('/app/server.py', 12345, 12345); runpy.run_path('/app/server.py')"
    needy = original.Setup(built.id, 8000, {}, command=("python", "-c", code))
    relaxed, note = original.with_capabilities_where_needed(client, needy)
    assert relaxed.bare is False
    assert "capabilities" in note


def test_sizes_of_the_image(client: DockerClient, built: image.Image) -> None:
    size, packed = sizes.image_sizes(client, built.id, built.size, Silent())
    assert (size.side, size.median) == (Side.ORIGINAL, built.size)
    assert 0 < packed.median < built.size


CHILD = """
import sys
from migrate.processes import signals_raise
from migrate.validate import engine, original
with signals_raise(), engine.connect() as client:
    with original.running(client, original.Setup(sys.argv[1], 8000, {})) as container:
        print(container.name, flush=True)
        sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left_when_we_are_stopped(
    client: DockerClient, built: image.Image, number: signal.Signals
) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(CHILD), built.id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with child:
        assert child.stdout is not None
        name = child.stdout.readline().strip()
        assert name in ours(client)
        child.send_signal(number)
        assert child.wait(60) != 0
    if number is signal.SIGKILL:
        # Nobody could remove it: the next run does, and only then.
        assert name in ours(client)
        assert engine.remove_leftovers(client) == [name]
    assert name not in ours(client)


def test_containers_of_the_living_are_left_alone(client: DockerClient, built: image.Image) -> None:
    with original.running(client, setup(built)) as container:
        assert engine.remove_leftovers(client) == []
        assert container.name in ours(client)


# The docker package leaves the socket that it could not connect to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_no_engine_is_an_error_that_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    with pytest.raises(EngineError, match="No Docker engine answers") as error, engine.connect():
        pass
    assert "docker version" in error.value.do
    del error
    gc.collect()


def test_an_engine_that_dies_is_one_too(client: DockerClient) -> None:
    start = time.monotonic()
    with pytest.raises(EngineError, match="it broke"), engine.translated("it broke"):
        client.containers.get("0" * 64)
    assert time.monotonic() - start < 60
