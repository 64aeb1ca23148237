"""How much a Dockerfile may ask of its reader. Real files stay far below every one of these."""

from __future__ import annotations

MAX_BYTES = 1024 * 1024  # of a Dockerfile or an ignore file
MAX_LINE = 64 * 1024 - 1  # bytes of a line; BuildKit's own limit (bufio.MaxScanTokenSize)
MAX_VALUE = 128 * 1024  # characters put in for variables; Linux takes no longer argument or variable
MAX_DEPTH = 100  # `${a:-${b:-...}}`
MAX_WORK = 50_000_000  # for one file: characters put in, steps of patterns, and these:
COST_OF_PATH = 20  # a file copied or looked at
COST_OF_PORT = 200  # an exposed port


class TooMuchError(ValueError):
    """The file asks for more work than `MAX_WORK`, or builds a value beyond `MAX_VALUE`."""


class Work:
    """Counts what one file costs, so that a small file cannot ask for an unbounded answer."""

    __slots__ = ("_left",)

    def __init__(self, allowed: int = MAX_WORK) -> None:
        self._left = allowed

    def spend(self, amount: int) -> None:
        """Raises TooMuchError when nothing is left."""
        self._left -= amount
        if self._left < 0:
            raise TooMuchError("reading it takes more work than any Dockerfile needs")
