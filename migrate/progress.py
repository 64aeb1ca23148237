"""Says what long work is doing, on standard error, and stays silent when asked to."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO

# Texts hold names from repositories, which must not steer the terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Progress(Protocol):
    """What long work reports to."""

    def note(self, text: str) -> None:
        """Say one line."""

    def step(self, text: str) -> AbstractContextManager[None]:
        """Around one step of long work: says when it starts and how long it took."""


class Silent:
    """Says nothing (`--quiet`, tests, callers as a library)."""

    def note(self, text: str) -> None:
        del text

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        del text
        yield


class Lines:
    """One line a step; on a terminal the running step is shown and then replaced by its result.

    Steps may hold notes and further steps. A stream that breaks or cannot show a character never breaks
    the work.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._running = False  # the last line shows a running step and has no end yet

    def note(self, text: str) -> None:
        for line in text.splitlines() or [""]:
            self._line(_clean(line))

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        text = _clean(text)
        if self._terminal:
            self._erase()
            width = shutil.get_terminal_size((80, 24)).columns
            # A line that wraps could not be erased.
            self._write(f"  … {text}"[: max(width - 1, 1)])
            self._running = True
        start = time.monotonic()
        mark = "✗"
        try:
            yield
            mark = "✓"
        finally:
            self._line(f"  {mark} {text} ({time.monotonic() - start:.1f} s)")

    def _line(self, text: str) -> None:
        self._erase()
        self._write(f"{text}\n")

    def _erase(self) -> None:
        if self._running:
            self._write("\r\x1b[K")
            self._running = False

    def _write(self, text: str) -> None:
        encoding = self._stream.encoding or "utf-8"
        # OSError: the reader went away; ValueError: the stream is closed.
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(text.encode(encoding, "replace").decode(encoding))
            self._stream.flush()


def _clean(text: str) -> str:
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)
