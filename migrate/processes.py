"""Starts outside programs and leaves none behind: own process group, output to a log, one way to stop.

Every program gets a session of its own, so that Ctrl-C reaches it only through us and one `killpg` ends
it with its children. A guard, one `sh` that waits on a pipe held open by us, kills that group as soon as we
are gone, SIGKILL included. The kernel's own way, `PR_SET_PDEATHSIG`, is not used: it fires when the *thread*
that started the child ends, must be set between fork and exec in a threaded program, reaches the child alone
and not its children, and exists on Linux only.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import selectors
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import IO

from migrate.errors import DiskError

LONGEST_LINE = 65_536
"""Characters after which a line that does not end is handed on in parts: a flood cannot fill the memory."""

_DRAIN = 0.5  # seconds in which output may still come once the program itself has ended
_POLL = 0.1

# The group's number comes on the first line. A second line dismisses the guard; the end of the pipe, which
# is our death, does not.
_GUARD = 'read -r group || exit 0; read -r _ || kill -9 "-$group"'


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended by itself."""

    returncode: int
    output: str  # stdout and stderr as they came, the last `tail` characters


class Ended(SystemExit):
    """SIGTERM or SIGHUP asked us to end; `code` is 128 + its number, as shells say."""


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Within, SIGTERM and SIGHUP raise `Ended` in the main thread, so that every `with` and `finally` runs.

    A signal that is ignored (nohup) stays so. Does nothing in other threads, which can set no handlers: there
    the guard of each program is what ends it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> None:
        del frame
        raise Ended(128 + number)

    before = {
        number: signal.signal(number, end)
        for number in (signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Guard:
    """Kills a process group once we are gone."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", _GUARD],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )

    def watch(self, group: int) -> None:
        """Name the group."""
        self._say(f"{group}\n")

    def dismiss(self) -> None:
        """Let the group be: it has ended, and its number may soon belong to others."""
        if self._process.returncode is not None:
            return
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None  # noqa: S101 - PIPE above
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - PIPE above
        with contextlib.suppress(BrokenPipeError):  # somebody killed the guard: we still end the group
            self._process.stdin.write(text.encode())
            self._process.stdin.flush()


def _start(
    argv: Sequence[str], *, cwd: Path, env: Mapping[str, str] | None, output: int | IO[bytes]
) -> tuple[subprocess.Popen[bytes], _Guard, float]:
    """The program, its guard, and `time.monotonic()` just before it was started."""
    guard = _Guard()
    started = time.monotonic()
    try:
        process = subprocess.Popen(
            list(argv),
            cwd=cwd,
            env=dict(env) if env is not None else None,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except BaseException:
        guard.dismiss()
        raise
    guard.watch(process.pid)
    return process, guard, started


def run(
    argv: Sequence[str],
    *,
    cwd: Path,
    log: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float | None = None,
    on_line: Callable[[str], None] | None = None,
    tail: int = 200_000,
) -> Finished:
    """Run a program to its end; its output goes to `log` (appended) and, line by line, to `on_line`.

    Memory is bounded whatever it prints. Bytes that are not UTF-8 reach `log` as they came and the rest
    as U+FFFD. What the program left running in its group is ended with it. On a time-out,
    Ctrl-C or any error here the whole process group is ended. Raises FileNotFoundError or PermissionError
    where the program cannot be started, subprocess.TimeoutExpired on a time-out, DiskError where the log
    cannot be written.
    """
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(_appending(log)) if log else None
        process, guard, _ = _start(argv, cwd=cwd, env=env, output=subprocess.PIPE)
        stack.callback(guard.dismiss)
        assert process.stdout is not None  # noqa: S101 - PIPE above
        stack.enter_context(process.stdout)
        lines = _Lines(on_line, tail)
        try:
            for chunk in _chunks(process, process.stdout, timeout):
                if out and log:
                    _write(out, chunk, log)
                lines.feed(chunk)
            lines.end()
        except subprocess.TimeoutExpired:
            end_group(process)
            raise subprocess.TimeoutExpired(list(argv), timeout or 0.0, lines.text()) from None
        except BaseException:
            end_group(process)
            raise
        end_group(process, grace=0.0)
        return Finished(process.returncode, lines.text())


def _chunks(process: subprocess.Popen[bytes], stdout: IO[bytes], timeout: float | None) -> Iterator[bytes]:
    """The program's output until it has ended and its output with it.

    A child that it left behind may hold the pipe open for ever; it gets `_DRAIN` seconds.
    """
    deadline = time.monotonic() + timeout if timeout is not None else None
    gone_at: float | None = None
    output_open = True
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while True:
            now = time.monotonic()
            if gone_at is None and _has_ended(process):
                gone_at = now
            if gone_at is not None and (not output_open or now >= gone_at + _DRAIN):
                return
            if gone_at is None and deadline is not None and now >= deadline:
                raise subprocess.TimeoutExpired(process.args, timeout or 0.0)
            if not output_open:
                time.sleep(_POLL / 10)
            elif selector.select(_POLL):
                chunk = os.read(stdout.fileno(), 65_536)
                output_open = bool(chunk)
                yield chunk


class _Lines:
    """Cuts output into lines, hands them on and keeps the last of them."""

    def __init__(self, on_line: Callable[[str], None] | None, tail: int) -> None:
        self._on_line = on_line
        self._tail = tail
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._rest = ""
        self._kept: deque[str] = deque()
        self._size = 0

    def feed(self, chunk: bytes) -> None:
        text = self._decoder.decode(chunk)
        self._keep(text)
        if self._on_line is None:
            return
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._on_line(line.removesuffix("\r"))
        if len(self._rest) > LONGEST_LINE:
            self._on_line(self._rest)
            self._rest = ""

    def end(self) -> None:
        text = self._decoder.decode(b"", final=True)
        self._keep(text)
        if self._on_line and self._rest + text:
            self._on_line(self._rest + text)

    def text(self) -> str:
        return "".join(self._kept)[-self._tail :] if self._tail else ""

    def _keep(self, text: str) -> None:
        self._kept.append(text)
        self._size += len(text)
        while self._size - len(self._kept[0]) >= self._tail and len(self._kept) > 1:
            self._size -= len(self._kept.popleft())


class Server:
    """A program that runs until it is stopped. Use as a context manager; output goes to `log`.

    `started` is `time.monotonic()` just before the program was started. Raises FileNotFoundError or
    PermissionError where it cannot be, DiskError where the log cannot be opened.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        cwd: Path,
        log: Path,
        env: Mapping[str, str] | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 3.0,
    ) -> None:
        self.argv = tuple(argv)
        self.log = log
        self._stop_signal = stop_signal
        self._grace = grace
        with _appending(log) as out:
            self.process, self._guard, self.started = _start(argv, cwd=cwd, env=env, output=out)

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        """Whether the program itself runs; children that it left behind do not count."""
        return not _has_ended(self.process)

    def exit_code(self) -> int | None:
        """The exit code, negative for a signal; None while it runs. What it left behind is ended."""
        if self.alive():
            return None
        if self.process.returncode is None:
            self.stop()
        return self.process.returncode

    def stop(self) -> None:
        """End the whole process group; at once where it is gone already."""
        try:
            end_group(self.process, self._stop_signal, self._grace)
        finally:
            self._guard.dismiss()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def end_group(
    process: subprocess.Popen[bytes], first: signal.Signals = signal.SIGTERM, grace: float = 3.0
) -> None:
    """Ask a process group that we started to end, then kill what is left of it.

    The leader is not reaped before the last signal: its number, and so its group's, cannot belong to
    somebody else by then. A second Ctrl-C during the grace time kills at once and is raised afterwards.
    """
    if process.returncode is not None:
        return
    try:
        if grace > 0 and not _has_ended(process):
            _signal_group(process, first)
            end = time.monotonic() + grace
            while not _has_ended(process) and time.monotonic() < end:
                time.sleep(0.005)
    finally:
        # The leader may be gone while a child of it lives on.
        _signal_group(process, signal.SIGKILL)
        process.wait()
        _await_group(process.pid)


def _await_group(number: int, seconds: float = 2.0) -> None:
    """Until nothing is left of a killed group: the kernel ends its processes soon, not within the signal.

    Bounded: where nobody reaps orphans (a container without an init) they stay as zombies and are seen here.
    """
    end = time.monotonic() + seconds
    with contextlib.suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < end:
            os.killpg(number, 0)
            time.sleep(0.005)


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # PermissionError: macOS, where all that is left of the group has ended and waits to be reaped.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether the program has ended. It stays a zombie, its number taken, until `end_group` reaps it."""
    if process.returncode is not None:
        return True
    if not hasattr(os, "waitid"):  # macOS before Python 3.13
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


@contextlib.contextmanager
def _appending(log: Path) -> Iterator[IO[bytes]]:
    try:
        out = log.open("ab", buffering=0)
    except OSError as error:
        raise DiskError(
            f"The log {log} cannot be written.", why=error.strerror or str(error), do="Check its folder."
        ) from error
    with out:
        yield out


def _write(out: IO[bytes], chunk: bytes, log: Path) -> None:
    try:
        rest = memoryview(chunk)
        while rest:
            rest = rest[out.write(rest) :]
    except OSError as error:
        raise DiskError(
            f"The log {log} cannot be written.",
            why=error.strerror or str(error),
            do="Free some space and run it again.",
        ) from error
