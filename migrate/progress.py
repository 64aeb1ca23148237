"""Says what long work is doing, on standard error, and stays silent when asked to."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TextIO


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
    """One line a step; on a terminal the running step is shown and then replaced by its result."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()

    def note(self, text: str) -> None:
        print(text, file=self._stream, flush=True)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        if self._terminal:
            print(f"  … {text}", end="", file=self._stream, flush=True)
        start = time.monotonic()
        mark = "✗"
        try:
            yield
            mark = "✓"
        finally:
            line = f"  {mark} {text} ({time.monotonic() - start:.1f} s)"
            print(f"\r\x1b[K{line}" if self._terminal else line, file=self._stream, flush=True)
