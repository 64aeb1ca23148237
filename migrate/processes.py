"""Starts outside programs and leaves none behind: own process group, output to a log, one way to stop."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType


@dataclass(frozen=True, slots=True)
class Finished:
    """A program that ended by itself."""

    returncode: int
    output: str  # stdout and stderr as they came, the last `tail` characters


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

    On a time-out, Ctrl-C or any error here the whole process group is ended. Raises
    FileNotFoundError where the program is missing and subprocess.TimeoutExpired on a time-out.
    """
    process = subprocess.Popen(
        list(argv),
        cwd=cwd,
        env=dict(env) if env is not None else None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    kept: list[str] = []
    size = 0
    timed_out = threading.Event()

    def expire() -> None:
        timed_out.set()
        end_group(process)

    timer = threading.Timer(timeout, expire) if timeout is not None else None
    try:
        if timer:
            timer.start()
        assert process.stdout is not None  # noqa: S101 - PIPE above
        with contextlib.ExitStack() as stack:
            stack.enter_context(process.stdout)
            out = stack.enter_context(log.open("ab")) if log else None
            for raw in process.stdout:
                if out:
                    out.write(raw)
                    out.flush()
                line = raw.decode("utf-8", "replace")
                kept.append(line)
                size += len(line)
                while size > tail and len(kept) > 1:
                    size -= len(kept.pop(0))
                if on_line:
                    on_line(line.rstrip("\n"))
        code = process.wait()
    except BaseException:
        end_group(process)
        raise
    finally:
        if timer:
            timer.cancel()
    if timed_out.is_set():
        raise subprocess.TimeoutExpired(list(argv), timeout or 0.0, "".join(kept))
    return Finished(code, "".join(kept))


class Server:
    """A program that runs until it is stopped. Use as a context manager; output goes to `log`."""

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
        self.started = time.monotonic()
        self._stop_signal = stop_signal
        self._grace = grace
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                list(argv),
                cwd=cwd,
                env=dict(env) if env is not None else None,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        """End the whole process group; at once where it is gone already."""
        end_group(self.process, self._stop_signal, self._grace)

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def end_group(
    process: subprocess.Popen[bytes], first: signal.Signals = signal.SIGTERM, grace: float = 3.0
) -> None:
    """Ask a process group that we started to end, then kill what is left of it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, first)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(grace)
    # The leader may be gone while a child of it lives on.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
