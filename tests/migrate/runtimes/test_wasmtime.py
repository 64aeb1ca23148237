"""A real `wasmtime serve`, started with the grants and ended without a trace."""

from __future__ import annotations

import dataclasses
import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from migrate import ports
from migrate.errors import ComponentError, DiskError, PortError, RuntimeStartError, ToolMissingError
from migrate.model import Component, Instances
from migrate.runtimes import Mount, RunningServer, Runtime, ServeRequest, runtime, wasmtime
from tests import components
from tests.migrate.runtimes.serving import Ask, calls_by_instance, component_at, get

pytestmark = pytest.mark.runtime
ROOT = Path(__file__).resolve().parents[3]


def eventually(condition: Callable[[], bool], seconds: float = 30.0) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()


def running(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.joinpath("self").exists():
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
    return subprocess.run(["ps", "-p", str(pid)], capture_output=True, check=False).returncode == 0


def test_the_module_is_a_runtime(ask: Ask) -> None:
    chosen: Runtime = runtime("wasmtime")
    server: RunningServer
    with chosen.start(ask()) as server:
        assert server.alive()
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.log.exists()
        assert server.spawned <= time.monotonic()


def test_a_fresh_instance_answers_each_request(ask: Ask) -> None:
    with wasmtime.start(ask()) as server:
        assert [get(server.url)[1].splitlines()[0] for _ in range(3)] == ["calls=1"] * 3


def test_a_reused_instance_answers_many_and_being_ready_is_no_request(ask: Ask) -> None:
    with wasmtime.start(ask(instances=Instances.REUSED)) as server:
        counted = calls_by_instance([server.url] * 20)
        assert sum(counted.values()) == 20
        assert len(counted) < 20
        time.sleep(1.5)  # wasmtime itself would drop an idle instance after one second
        again = calls_by_instance([server.url] * 20)
        assert max(again.values()) > max(counted.values())
        assert sum((counted | again).values()) == 40


def test_a_ready_path_is_asked_once(ask: Ask) -> None:
    with wasmtime.start(ask(instances=Instances.REUSED, ready_path="/")) as server:
        counted: dict[str, int] = {}
        for sent in range(1, 200):
            counted |= calls_by_instance([server.url])
            if sum(counted.values()) == sent + 1:  # the instance that was asked first has answered again
                break
        assert sum(counted.values()) == sent + 1


def test_an_error_answer_is_an_answer(ask: Ask) -> None:
    with wasmtime.start(ask(ready_path="/trap")) as server:
        assert server.alive()


def test_the_environment_is_what_was_granted_and_nothing_else(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "must not be seen")
    given = {
        "PLAIN": "a=b c",
        "EMPTY": "",
        "SPACED NAME": "odd",
        "dotted.name-x": "odd",
        "MANY": "line 1\nline 2 \N{SNOWMAN}",
        "HOME": "/app",
        "PATH": "/opt/app/bin",
        "LD_PRELOAD": "/usr/lib/libjemalloc.so.2",
        "RUST_BACKTRACE": "full",
    }
    with wasmtime.start(ask(environment=given)) as server:
        lines = get(server.url)[1]
        log = server.log.read_text()
    expected = "".join(f"{name}={value}\n" for name, value in given.items())
    # Wasmtime's own, REQUEST_ID in older versions.
    assert lines.replace("REQUEST_ID", "INSTANCE_ID") == f"calls=1\n{expected}INSTANCE_ID=0\n"
    assert "libjemalloc" not in log


def test_no_value_stands_in_the_argument_list(ask: Ask) -> None:
    with wasmtime.start(ask(environment={"DATABASE_PASSWORD": "hunter2"})) as server:
        listed = subprocess.run(
            ["ps", "-ww", "-o", "args=", "-p", str(server.pid)], capture_output=True, text=True, check=True
        ).stdout
        assert "--env=DATABASE_PASSWORD " in listed
        assert "hunter2" not in listed
        assert "DATABASE_PASSWORD=hunter2" in get(server.url)[1]


@pytest.mark.parametrize("environment", [{"": "x"}, {"A=B": "x"}, {"A": "x\0y"}, {"A\0": "x"}])
def test_an_environment_that_cannot_be(ask: Ask, environment: dict[str, str]) -> None:
    with pytest.raises(RuntimeStartError, match="cannot be an environment variable"):
        wasmtime.start(ask(environment=environment))


def test_more_environment_than_a_program_can_get(ask: Ask) -> None:
    with pytest.raises(RuntimeStartError, match="cannot be started") as caught:
        wasmtime.start(ask(environment={"HUGE": "x" * 50_000_000}))
    assert os.strerror(errno.E2BIG) in str(caught.value)


def test_only_granted_flags(ask: Ask) -> None:
    with wasmtime.start(ask(outbound=("https://api.example.com",))) as server:
        plain = _arguments(server.pid)
    assert plain[plain.index("-S") + 1] == "cli"
    assert not any(argument.startswith("--dir") for argument in plain)
    assert f"--addr=127.0.0.1:{server.port}" in plain
    with wasmtime.start(ask(outbound=("postgres://db:5432",))) as server:
        sockets = _arguments(server.pid)
    assert sockets[sockets.index("-S") + 1] == "cli,inherit-network,tcp,udp=n,allow-ip-name-lookup"


def _arguments(pid: int) -> list[str]:
    listed = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True, check=True
    ).stdout
    return listed.split()


def test_directories(ask: Ask, tmp_path: Path) -> None:
    read, write = tmp_path / "read", tmp_path / "write"
    for folder in (read, write):
        folder.mkdir()
        (folder / "file").write_text("x")
    mounts = (Mount(read, "/read", writable=False), Mount(write, "/write", writable=True))
    with wasmtime.start(ask(mounts=mounts)) as server:
        given = [a.removeprefix("--dir=") for a in _arguments(server.pid) if a.startswith("--dir=")]
        copy = Path(given[0].partition("::")[0])
        assert given == [f"{copy}::/read", f"{write}::/write"]
        assert copy != read
        assert (copy / "file").read_text() == "x"
        assert server.changed() == ()
        (copy / "file").write_text("changed")
        (copy / "new").write_text("")
        assert server.changed() == ("/read/file", "/read/new")
    assert not copy.exists()
    assert (read / "file").read_text() == "x"


def test_directories_that_cannot_be_mounted(ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(RuntimeStartError, match="is missing"):
        wasmtime.start(ask(mounts=(Mount(tmp_path / "missing", "/data", writable=True),)))
    odd = tmp_path / "a::b"
    odd.mkdir()
    with pytest.raises(RuntimeStartError, match="'::'"):
        wasmtime.start(ask(mounts=(Mount(odd, "/data", writable=True),)))
    folder = tmp_path / "with-fifo"
    folder.mkdir()
    os.mkfifo(folder / "pipe")
    with pytest.raises(DiskError, match="cannot be copied"):
        wasmtime.start(ask(mounts=(Mount(folder, "/data", writable=False),)))


def test_a_trap_is_in_the_log_and_the_server_lives_on(ask: Ask) -> None:
    with wasmtime.start(ask()) as server:
        assert get(f"{server.url}/trap")[0] == 500
        assert get(f"{server.url}/late")[0] == 200  # correct answer, trap afterwards
        assert eventually(lambda: server.log.read_text().count("wasm backtrace") == 2)
        assert get(f"{server.url}/shout")[0] == 200
        assert eventually(lambda: "shouted" in server.log.read_text())
        assert get(server.url)[0] == 200
        # The runtime's own frames cost a stack walk at each trap and hide the guest's.
        assert "Stack backtrace" not in server.log.read_text()


def test_a_port_is_free_again_after_the_end(ask: Ask) -> None:
    with wasmtime.start(ask()) as server:
        get(server.url)
        port = server.port
    assert not server.alive()
    assert not running(server.pid)
    ports.require_free(port)
    with wasmtime.start(ask(port=port)) as again:
        assert again.port == port
        assert get(again.url)[0] == 200


def test_an_end_while_an_instance_is_kept_does_not_wait_for_it(ask: Ask) -> None:
    with wasmtime.start(ask(instances=Instances.REUSED)) as server:
        get(server.url)
        begun = time.monotonic()
    # It would be kept for ten minutes; no measurement, only "not that".
    assert time.monotonic() - begun < 60
    assert not running(server.pid)


@contextmanager
def listening() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield int(taken.getsockname()[1])


def test_a_taken_port_is_refused(ask: Ask) -> None:
    with listening() as port, pytest.raises(PortError, match=f"Port {port} of 127.0.0.1 is taken"):
        wasmtime.start(ask(port=port))


def test_a_port_that_somebody_else_took_first_is_left_to_them(
    ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program accepts connections there: it must not pass for ours, and the next port is tried."""
    free = ports.free_port
    with listening() as port:
        handed_out = iter([port])
        monkeypatch.setattr(ports, "free_port", lambda: next(handed_out, None) or free())
        with wasmtime.start(ask()) as server:
            assert server.port != port
            assert get(server.url)[0] == 200
        monkeypatch.setattr(ports, "free_port", lambda: port)
        with pytest.raises(PortError, match="is taken"):
            wasmtime.start(ask())


def test_a_killed_runtime_is_dead(ask: Ask) -> None:
    with wasmtime.start(ask()) as server:
        os.kill(server.pid, signal.SIGKILL)
        assert eventually(lambda: not server.alive())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "expected at least one module field"),
        (b"\0asm\x0d\0\1\0rubbish", "unexpected end-of-file"),
        (components.compiled(components.COUNTER)[:3000], "out of bounds"),
        (components.compiled(components.NOT_HTTP), "wasi:http/incoming-handler"),
    ],
    ids=["empty", "rubbish", "cut", "no handler"],
)
def test_a_component_that_is_none(ask: Ask, tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.wasm"
    path.write_bytes(content)
    with pytest.raises(RuntimeStartError) as caught:
        wasmtime.start(ask(component_at(path)))
    assert "ended with code 1" in caught.value.what
    assert said in caught.value.why


def test_a_missing_component(ask: Ask, counter: Component) -> None:
    counter.path.unlink()
    with pytest.raises(RuntimeStartError, match="is missing"):
        wasmtime.start(ask())


def test_an_error_shows_its_own_start_only(ask: Ask, tmp_path: Path, counter: Component) -> None:
    (tmp_path / "build" / "serve.log").write_text("an older start\n")
    counter.path.write_bytes(b"rubbish")
    with pytest.raises(RuntimeStartError) as caught:
        wasmtime.start(ask())
    assert "an older start" not in str(caught.value)
    assert (tmp_path / "build" / "serve.log").read_text().startswith("an older start\n")


def test_a_command_is_refused(ask: Ask, counter: Component) -> None:
    with pytest.raises(RuntimeStartError, match="kind http"):
        wasmtime.start(ask(dataclasses.replace(counter, kind="command")))


def test_no_wasmtime(ask: Ask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCK2WASM_WASMTIME", str(tmp_path / "missing"))
    with pytest.raises(ToolMissingError, match="DOCK2WASM_WASMTIME"):
        wasmtime.start(ask())


def test_without_waiting_it_is_only_started(ask: Ask) -> None:
    with wasmtime.start(ask(), wait=False) as server:
        assert eventually(lambda: ports.accepts(server.port))
        assert get(server.url)[0] == 200


def test_ctrl_c_while_waiting_leaves_nothing(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def interrupt(port: int, timeout: float = 1.0) -> bool:
        started.extend(pid for pid in _children() if pid not in started)
        raise KeyboardInterrupt

    monkeypatch.setattr(ports, "accepts", interrupt)
    with pytest.raises(KeyboardInterrupt):
        wasmtime.start(ask())
    assert started
    assert not any(running(pid) for pid in started)


def _children() -> list[int]:
    listed = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())], capture_output=True, text=True, check=False
    ).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if line.split()[1] == "wasmtime"]


def test_several_at_once(ask: Ask, tmp_path: Path) -> None:
    answers: list[str] = []

    def one(number: int) -> None:
        request = ask(environment={"NUMBER": str(number)})
        request = dataclasses.replace(request, log=tmp_path / f"{number}.log")
        with wasmtime.start(request) as server:
            answers.append(get(server.url)[1].splitlines()[1])

    threads = [threading.Thread(target=one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [f"NUMBER={n}" for n in range(4)]


# --- precompiled --------------------------------------------------------------------------------


def test_a_precompiled_component_answers(ask: Ask, counter: Component, tmp_path: Path) -> None:
    compiled = wasmtime.precompile(counter, tmp_path / "cache")
    assert compiled.precompiled
    assert compiled.precompiled.suffix == ".cwasm"
    with wasmtime.start(ask(compiled)) as server:
        assert "--allow-precompiled" in _arguments(server.pid)
        assert get(server.url)[1].startswith("calls=1\n")


def test_a_precompiled_component_of_another_wasmtime_is_not_run(ask: Ask, counter: Component) -> None:
    other = dataclasses.replace(counter, precompiled=Path("/nowhere.cwasm"), precompiled_by="wasmtime 1")
    with wasmtime.start(ask(other)) as server:
        assert "--allow-precompiled" not in _arguments(server.pid)


def test_compiled_once(counter: Component, tmp_path: Path) -> None:
    first = wasmtime.precompile(counter, tmp_path / "cache").precompiled
    assert first
    before = first.stat()
    again = wasmtime.precompile(counter, tmp_path / "cache").precompiled
    assert again == first
    assert (again.stat().st_ino, again.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert sorted(p.suffix for p in (tmp_path / "cache").iterdir()) == [".cwasm", ".json"]


@pytest.mark.parametrize("fault", ["cut", "changed", "no record", "bad record"])
def test_a_corrupt_entry_is_made_again(counter: Component, tmp_path: Path, fault: str) -> None:
    code = wasmtime.precompile(counter, tmp_path / "cache").precompiled
    assert code
    good = code.read_bytes()
    record = code.with_suffix(".json")
    if fault == "cut":
        code.write_bytes(good[:100])
    elif fault == "changed":
        code.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    elif fault == "no record":
        record.unlink()
    else:
        record.write_text("[")
    again = wasmtime.precompile(counter, tmp_path / "cache").precompiled
    assert again == code
    assert again.read_bytes() == good


def test_old_entries_go(counter: Component, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    for number in range(10):
        old = cache / f"{number}.cwasm"
        old.write_text("old")
        old.with_suffix(".json").write_text("{}")
        os.utime(old, (number, number))
    code = wasmtime.precompile(counter, cache).precompiled
    assert code
    names = {"7", "8", "9", code.stem}
    assert {path.stem for path in cache.glob("*.cwasm")} == names
    assert {path.stem for path in cache.glob("*.json")} == names


def test_a_compilation_that_takes_too_long(
    counter: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wasmtime, "COMPILE_TIMEOUT", 0.0)
    with pytest.raises(ComponentError, match="did not compile"):
        wasmtime.precompile(counter, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_component_that_changed_since_it_was_inspected(counter: Component, tmp_path: Path) -> None:
    counter.path.write_bytes(components.compiled(components.NOT_HTTP))
    with pytest.raises(ComponentError, match="changed"):
        wasmtime.precompile(counter, tmp_path / "cache")


def test_what_wasmtime_refuses_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bad.wasm"
    path.write_bytes(b"\0asm\x0d\0\1\0rubbish")
    with pytest.raises(ComponentError, match="refuses") as caught:
        wasmtime.precompile(component_at(path), tmp_path / "cache")
    assert "unexpected end-of-file" in caught.value.why
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_cache_that_cannot_be_written(counter: Component, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DiskError, match="cannot be written"):
        wasmtime.precompile(counter, tmp_path / "file" / "cache")


# --- our own end --------------------------------------------------------------------------------

OWNER = """
import sys, time
from pathlib import Path
from migrate.processes import signals_raise
from migrate.runtimes import ServeRequest, wasmtime
from tests.migrate.runtimes.serving import component_at
folder = Path(sys.argv[1])
request = ServeRequest(component_at(folder / "build" / "api.wasm"), folder, folder / "log")
with signals_raise(), wasmtime.start(request) as server:
    (folder / "pid").write_text(f"{server.pid}\\n")
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_runtime_is_left_when_we_are_ended(
    tmp_path: Path, counter: Component, number: signal.Signals
) -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        written = tmp_path / "pid"
        assert eventually(lambda: written.exists() and written.read_text().endswith("\n"))
        pid = int(written.read_text())
        assert running(pid)
        owner.send_signal(number)
        owner.wait(60)
        assert eventually(lambda: not running(pid))
    finally:
        owner.kill()
        owner.wait()


def test_a_request_needs_no_more_than_a_component(tmp_path: Path, counter: Component) -> None:
    with wasmtime.start(ServeRequest(counter, tmp_path, tmp_path / "deep" / "folder" / "log")) as server:
        assert get(server.url)[0] == 200
