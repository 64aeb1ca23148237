"""What the runtimes share: a port, a start, the wait until it answers, the end, and what goes wrong."""

from __future__ import annotations

import os
import re
import shutil
import signal
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from migrate import ports
from migrate.errors import DiskError, RuntimeStartError, ToolMissingError
from migrate.processes import Server
from migrate.runtimes import ServeRequest

ATTEMPTS = 5
"""Starts on another free port, where each time somebody else took it first."""

TAIL = 6_000
"""Bytes of the log that an error shows at most."""

_NAME = re.compile(r"[^=\0]+\Z")


@dataclass(frozen=True, slots=True)
class Launch:
    """How a runtime is started: arguments for a port, and its word for a port that is taken."""

    name: str
    command: Callable[[int], Sequence[str]]
    environment: Mapping[str, str]
    cwd: Path
    in_use: re.Pattern[str]
    stop_signal: signal.Signals
    grace: float


class ComponentServer:
    """A runtime with a component in it: `migrate.runtimes.RunningServer`."""

    def __init__(self, server: Server, port: int, log: Path, copies: ReadOnlyCopies) -> None:
        self._server = server
        self._copies = copies
        self.port = port
        self.url = f"http://{ports.HOST}:{port}"
        self.log = log
        self.spawned = server.started

    @property
    def pid(self) -> int:
        return self._server.pid

    def alive(self) -> bool:
        return self._server.alive()

    def changed(self) -> tuple[str, ...]:
        """Guest paths of read-only mounts that the component changed; ask before `stop`."""
        return self._copies.changed()

    def stop(self) -> None:
        try:
            self._server.stop()
        finally:
            self._copies.remove()

    def __enter__(self) -> ComponentServer:
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()


class ReadOnlyCopies:
    """Throw-away copies of directories, for a runtime that cannot mount them read-only."""

    def __init__(self) -> None:
        self._scratch: Path | None = None
        self._before: dict[str, tuple[Path, dict[str, tuple[int, int, int]]]] = {}

    def add(self, host: Path, guest: str) -> Path:
        """A copy of `host` to mount at `guest`. Raises DiskError where it cannot be made."""
        try:
            if self._scratch is None:
                self._scratch = Path(tempfile.mkdtemp(prefix="dock2wasm-"))
            copy = self._scratch / str(len(self._before))
            shutil.copytree(host, copy, symlinks=True)
        except (OSError, shutil.Error) as error:
            self.remove()
            raise DiskError(
                f"The read-only directory {host} cannot be copied.",
                why=str(error)[:500],
                do="Check its permissions and the space in the temporary directory.",
            ) from None
        self._before[guest] = (copy, _state(copy))
        return copy

    def changed(self) -> tuple[str, ...]:
        found = []
        for guest, (copy, before) in self._before.items():
            now = _state(copy)
            found += [
                f"{guest.rstrip('/')}/{path}"
                for path in sorted(before.keys() | now.keys())
                if before.get(path) != now.get(path)
            ]
        return tuple(found)

    def remove(self) -> None:
        if self._scratch:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _state(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Mode, size and time of every file, by relative path."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            stat = path.lstat()
            found[path.relative_to(folder).as_posix()] = (stat.st_mode, stat.st_size, stat.st_mtime_ns)
    return found


def launch(
    request: ServeRequest, how: Launch, *, wait: bool, copies: ReadOnlyCopies | None = None
) -> ComponentServer:
    """Start it; with `wait`, return when it answers.

    Without a port in the request a free one is taken, and another one as often as somebody else was
    faster. Raises PortError, RuntimeStartError with the end of the log, ToolMissingError.
    """
    copies = copies or ReadOnlyCopies()
    with ExitStack() as undo:
        undo.callback(copies.remove)
        if request.port is not None:
            ports.require_free(request.port)
        try:
            request.log.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DiskError(f"{request.log.parent} cannot be made.", why=error.strerror or "") from None
        for attempt in range(1, ATTEMPTS + 1):
            port = request.port or ports.free_port()
            log_start = request.log.stat().st_size if request.log.exists() else 0
            server = _spawn(how, port, request.log)
            undo.callback(server.stop)
            if not wait:
                break
            problem = _wait(server, port, request)
            if problem is None:
                break
            server.stop()
            said = _read(request.log, log_start)
            if how.in_use.search(said):
                if request.port is None and attempt < ATTEMPTS:
                    continue
                raise ports.taken(port)
            raise RuntimeStartError(
                f"{how.name} {problem}.",
                why=_tail(said) or "It wrote nothing.",
                do=f"The whole log: {request.log}",
            )
        undo.pop_all()
        return ComponentServer(server, port, request.log, copies)


def _spawn(how: Launch, port: int, log: Path) -> Server:
    argv = how.command(port)
    try:
        return Server(
            argv, cwd=how.cwd, log=log, env=how.environment, stop_signal=how.stop_signal, grace=how.grace
        )
    except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
        if not how.cwd.is_dir():
            raise RuntimeStartError(
                f"{how.cwd} is no directory.", do="Run `dock2wasm convert` first."
            ) from None
        raise ToolMissingError(f"{argv[0]} cannot be started.", why=error.strerror or str(error)) from None
    except OSError as error:  # E2BIG: too much environment; ENOEXEC: another machine's program
        raise RuntimeStartError(f"{how.name} cannot be started.", why=error.strerror or str(error)) from None


def _wait(server: Server, port: int, request: ServeRequest) -> str | None:
    """None when it answers, else what went wrong."""
    deadline = time.monotonic() + request.ready_timeout
    pause = 0.005
    while True:
        # Somebody else's listener on that port must not pass for ours.
        if ports.accepts(port) and (not ports.can_see_listeners() or ports.listeners(port, group=server.pid)):
            break
        if not server.alive():
            return f"ended with code {server.exit_code()} before it was ready"
        if time.monotonic() > deadline:
            return f"was not ready after {request.ready_timeout:.0f} s"
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
    while request.ready_path and not _answers(port, request.ready_path, deadline - time.monotonic()):
        if not server.alive():
            return f"ended with code {server.exit_code()} at the first request"
        if time.monotonic() > deadline:
            return f"did not answer {request.ready_path} within {request.ready_timeout:.0f} s"
        time.sleep(pause)
    return None


def _answers(port: int, path: str, timeout: float) -> bool:
    """Whether any HTTP answer comes; what it says is for others to judge."""
    # No proxy of the environment between us and 127.0.0.1, and no redirect followed.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    url = f"http://{ports.HOST}:{port}/{path.lstrip('/')}"
    try:
        with opener.open(url, timeout=max(timeout, 0.1)):
            return True
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except (OSError, HTTPException):
        return False


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: object, **kwargs: object) -> None:
        del args, kwargs


def _read(log: Path, start: int) -> str:
    """What was written to the log since `start`; its end, where it is much."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(start, size - 20 * TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return ""


def _tail(said: str) -> str:
    return "\n".join(line for line in said.splitlines() if line.strip())[-TAIL:]


def check_environment(environment: Mapping[str, str]) -> None:
    """Raises RuntimeStartError on a variable that no program can be given."""
    for name, value in environment.items():
        if not _NAME.match(name) or "\0" in value:
            raise RuntimeStartError(
                f"{name!r} cannot be an environment variable.",
                why="A name holds no '=' and is not empty; neither name nor value holds a NUL character.",
            )


def host_environment() -> dict[str, str]:
    """What a runtime's own process gets of our environment: no more than it needs to find its files."""
    names = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")
    kept = {name: os.environ[name] for name in names if name in os.environ}
    # The runtime's own frames at every trap cost a stack walk a request and hide the guest's.
    return {**kept, "RUST_BACKTRACE": "0"}
