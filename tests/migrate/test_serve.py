"""`serve`: the grants of a generated tree, values from here, and a clean end."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from analyzers.model import Evidence, Grant, GrantKind
from migrate import serve
from migrate.errors import (
    ComponentError,
    ConfigError,
    OutputError,
    PortError,
    RuntimeStartError,
    TargetError,
)
from migrate.model import Instances
from migrate.progress import Silent
from migrate.provenance import PROVENANCE, Provenance, to_bytes
from migrate.runtimes import Mount
from migrate.tree import load
from tests import components
from tests.migrate.runtimes.serving import calls_by_instance, component_at, get

ROOT = Path(__file__).resolve().parents[2]
LINE = Evidence("app/settings.py", 7)

PLAIN = Grant(GrantKind.ENV, "GREETING", LINE, value="hello")
OPEN = Grant(GrantKind.ENV, "LOG_LEVEL", LINE)
SECRET = Grant(GrantKind.SECRET, "SECRET_KEY", LINE)


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a generated tree with these grants and a built component that tells its environment."""
    for name in ("GREETING", "LOG_LEVEL", "SECRET_KEY", "OTHER_KEY"):
        monkeypatch.delenv(name, raising=False)

    def make(*grants: Grant, built: bool = True) -> Path:
        folder = tmp_path / "shop" / "wasm" / "api"
        (folder / "build").mkdir(parents=True)
        provenance = Provenance(
            tool_version="0.1.0",
            service="api",
            lane="python",
            entry="app:app",
            targets=("wasmtime",),
            kind="http",
            wasi="0.2",
            repository="../..",
            dockerfile="Dockerfile",
            port=8000,
            snapshot_app="never",
            promise=True,
            accepted=(),
            grants=grants,
            inputs=(),
            files=(),
        )
        (folder / PROVENANCE).write_bytes(to_bytes(provenance))
        if built:
            components.write(folder / "build" / "api.wasm")
        return folder

    return make


Tree = Callable[..., Path]


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


# --- the request --------------------------------------------------------------------------------


def test_the_request_is_what_the_tree_says(tree: Tree, tmp_path: Path) -> None:
    folder = tree(
        PLAIN,
        Grant(GrantKind.DIR, "data", LINE, guest="/data", mode="rw"),
        Grant(GrantKind.DIR, "assets/icons", LINE, guest="/icons", mode="ro"),
        Grant(GrantKind.OUTBOUND, "db", LINE, scheme="postgres", host="db", port=5432),
        Grant(GrantKind.OUTBOUND, "api", LINE, scheme="https", host="api.example.com", port=443),
    )
    request = serve.request_for(folder)
    assert request.component.path == folder / "build" / "api.wasm"
    assert request.component.kind == "http"
    assert request.log == folder / "build" / "serve.log"
    assert request.environment == {"GREETING": "hello"}
    repository = tmp_path / "shop"
    assert request.mounts == (
        Mount(repository / "data", "/data", writable=True),
        Mount(repository / "assets" / "icons", "/icons", writable=False),
    )
    # As `spin.toml` writes them.
    assert request.outbound == ("postgres://db:5432", "https://api.example.com")
    assert request.port is None
    assert request.instances is Instances.FRESH


def test_a_secret_comes_from_here(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tree(PLAIN, SECRET)
    monkeypatch.setenv("SECRET_KEY", "from the environment")
    monkeypatch.setenv("UNGRANTED", "must not be given")
    assert serve.request_for(folder).environment == {
        "GREETING": "hello",
        "SECRET_KEY": "from the environment",
    }
    given = serve.request_for(folder, environment={"SECRET_KEY": "from --env"}).environment
    assert given["SECRET_KEY"] == "from --env"


def test_a_missing_secret_is_named(tree: Tree) -> None:
    folder = tree(SECRET, PLAIN, Grant(GrantKind.SECRET, "OTHER_KEY", LINE))
    with pytest.raises(ConfigError) as caught:
        serve.request_for(folder)
    assert caught.value.what == "api needs secrets that have no value here: SECRET_KEY, OTHER_KEY."
    assert "SECRET_KEY is read at app/settings.py:7." in caught.value.why
    assert "--env SECRET_KEY=VALUE" in caught.value.do
    with pytest.raises(ConfigError, match="needs a secret that has no value here: OTHER_KEY"):
        serve.request_for(folder, environment={"SECRET_KEY": ""})


def test_an_open_variable_may_be_absent(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tree(OPEN)
    assert serve.request_for(folder).environment == {}
    monkeypatch.setenv("LOG_LEVEL", "debug")
    assert serve.request_for(folder).environment == {"LOG_LEVEL": "debug"}


def test_what_the_caller_says_outranks_the_tree_and_our_environment(
    tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tree(PLAIN)
    monkeypatch.setenv("GREETING", "ours: not asked for, the tree has a value")
    assert serve.request_for(folder).environment == {"GREETING": "hello"}
    given = {"GREETING": "hi", "EXTRA": "1"}
    assert serve.request_for(folder, environment=given).environment == given


def test_no_tree_and_no_component(tree: Tree, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no generated tree"):
        serve.request_for(tmp_path)
    folder = tree(built=False)
    with pytest.raises(ComponentError, match="api is not built") as caught:
        serve.request_for(folder)
    assert "dock2wasm build --service api" in caught.value.do
    (folder / "build" / "api.wasm").write_bytes(b"rubbish")
    with pytest.raises(ComponentError, match="is no component"):
        serve.request_for(folder)


def test_a_directory_without_a_place(tree: Tree) -> None:
    with pytest.raises(ConfigError, match="has no place"):
        serve.request_for(tree(Grant(GrantKind.DIR, "data", LINE, mode="ro")))


def test_grants_are_told_without_values(tree: Tree) -> None:
    folder = tree(
        PLAIN,
        SECRET,
        Grant(GrantKind.DIR, "data", LINE, guest="/data", mode="rw"),
        Grant(GrantKind.OUTBOUND, "api", LINE, scheme="https", host="api.example.com", port=443),
    )
    request = serve.request_for(folder, environment={"SECRET_KEY": "hunter2", "EXTRA": "hunter3"})
    text = "\n".join(serve.describe(request, load(folder)))
    assert "environment: GREETING, SECRET_KEY" in text
    assert "asked for: EXTRA" in text
    assert f"directory: {request.mounts[0].host} at /data (read and write)" in text
    assert "outbound: https://api.example.com" in text
    assert "hunter" not in text


# --- serving ------------------------------------------------------------------------------------


def test_wasmtime_keeps_no_store(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    class Known:
        name, version, path = "wasmtime", "49.0.3", Path("/wasmtime")

    monkeypatch.setattr("migrate.runtimes.wasmtime.locate", Known)
    with pytest.raises(TargetError, match="key-value store") as caught:
        serve.serve_until_stopped(tree(Grant(GrantKind.KV, "default", LINE)), progress=Silent())
    assert "--runtime spin" in caught.value.do


def test_an_unknown_runtime(tree: Tree) -> None:
    with pytest.raises(TargetError, match="no runtime 'wasmer'"):
        serve.serve_until_stopped(tree(), runtime_name="wasmer", progress=Silent())


SERVE = """
import sys
from pathlib import Path
from migrate.progress import Lines
from migrate.serve import serve_until_stopped
reuse = "reuse" in sys.argv
serve_until_stopped(Path(sys.argv[1]), environment={"EXTRA": "1"}, progress=Lines(), reuse=reuse)
print("returned")
"""


class Served:
    """`serve` in a process of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.out = folder / "out"
        with self.out.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, str(folder), *arguments],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
                start_new_session=True,
            )

    def text(self) -> str:
        return self.out.read_text("utf-8")

    def url(self) -> str:
        assert eventually(lambda: "(Ctrl-C ends it)" in self.text()), self.text()
        line = next(line for line in self.text().splitlines() if "(Ctrl-C ends it)" in line)
        return line.split()[1]

    def __enter__(self) -> Served:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()


def answers(url: str) -> bool:
    try:
        return get(url)[0] == 200
    except OSError:
        return False


@pytest.mark.runtime
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_serves_until_it_is_asked_to_end(tree: Tree, number: signal.Signals, code: int) -> None:
    with Served(tree(PLAIN)) as served:
        url = served.url()
        assert get(url)[1].startswith("calls=1\nGREETING=hello\nEXTRA=1\n")
        assert get(f"{url}/shout")[0] == 200
        assert eventually(lambda: "shouted" in served.text())
        served.process.send_signal(number)
        assert served.process.wait(60) == code
        assert not answers(url)
        text = served.text()
    assert "stopped\n" in text
    assert ("returned" in text) is (number is signal.SIGINT)
    assert "Traceback" not in text
    assert "environment: GREETING" in text


@pytest.mark.runtime
def test_an_instance_may_be_reused(tree: Tree) -> None:
    with Served(tree(), "reuse") as served:
        url = served.url()
        assert max(calls_by_instance([url] * 20).values()) > 1
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(60) == 0


@pytest.mark.runtime
def test_a_runtime_that_is_killed_is_an_error(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    from migrate.runtimes import wasmtime

    start = wasmtime.start

    def start_and_kill(*arguments: object, **options: object) -> object:
        server = start(*arguments, **options)  # type: ignore[arg-type]  # handed on as they came
        threading.Timer(0.3, os.kill, (server.pid, signal.SIGKILL)).start()
        return server

    monkeypatch.setattr(wasmtime, "start", start_and_kill)
    out = io.StringIO()
    with pytest.raises(RuntimeStartError, match="ended by itself"):
        serve.serve_until_stopped(tree(), progress=Silent(), out=out)
    assert "(Ctrl-C ends it)" in out.getvalue()


@pytest.mark.runtime
def test_the_port_that_is_asked_for(tree: Tree) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortError, match="is taken"):
            serve.serve_until_stopped(tree(), port=int(taken.getsockname()[1]), progress=Silent())


def test_a_log_cannot_steer_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes("a\x1b[2Jb\rc\td ä\n".encode() + b"\xff\xc3")

    class Ended:
        url, port, pid, spawned = "", 0, 0, 0.0

        def __init__(self) -> None:
            self.log = log

        def alive(self) -> bool:
            return False

        def changed(self) -> tuple[str, ...]:
            return ()

        def stop(self) -> None: ...

        def __enter__(self) -> Ended:
            return self

        def __exit__(self, *exc: object) -> None: ...

    out = io.StringIO()
    with pytest.raises(RuntimeStartError):
        serve._follow(Ended(), out)
    unknown = "\N{REPLACEMENT CHARACTER}"
    assert out.getvalue() == f"a{unknown}[2Jb{unknown}c\td ä\n{unknown}"


def test_a_component_that_was_inspected_is_not_inspected_again(tree: Tree) -> None:
    folder = tree(built=False)
    components.write(folder / "elsewhere.wasm")
    known = replace(component_at(folder / "elsewhere.wasm"), sha256="known")
    assert serve.request_for(folder, known).component is known
