"""Reads the logs of both sides for what no answer shows: traps, panics, tracebacks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from migrate.model import LogFinding, Side

_MAX = 20
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True)
class _Sign:
    pattern: re.Pattern[str]
    why: str
    fatal: bool  # on the candidate: the instance died, even where the answer was right


_SIGNS = (
    _Sign(
        re.compile(r"\bwasm trap\b|wasm `?unreachable`?|error while executing at wasm backtrace"),
        "trap",
        True,
    ),
    _Sign(
        re.compile(r"\bguest (?:never invoked|timed out)\b|out of fuel|epoch deadline"),
        "instance ended",
        True,
    ),
    _Sign(re.compile(r"thread '[^']*'[^\n]{0,40} panicked at|^panic: "), "panic", True),
    _Sign(re.compile(r"resource has children|unknown handle index|borrow handle"), "resource misuse", True),
    _Sign(re.compile(r"Segmentation fault|signal arrived|SIGSEGV"), "crash", True),
    _Sign(re.compile(r"^Traceback \(most recent call last\):|Exception ignored in"), "traceback", False),
    _Sign(
        re.compile(r"\bUnhandledPromiseRejection|Uncaught (?:Type|Reference|Range)?Error"),
        "uncaught error",
        False,
    ),
)


def scan(side: Side, text: str) -> list[LogFinding]:
    """The lines that show trouble, each with the error it leads to where a traceback names it."""
    lines = [_ANSI.sub("", line) for line in text.splitlines()]
    found = []
    for index, line in enumerate(lines):
        bare = _without_prefix(line)
        for sign in _SIGNS:
            if sign.pattern.search(bare):
                said = _error_of(lines, index) if sign.why == "traceback" else bare
                found.append(LogFinding(side, said[:500], sign.why, sign.fatal and side is Side.CANDIDATE))
                break
    return found


def _without_prefix(line: str) -> str:
    """Runtimes put `stderr [3] :: ` in front of what a component writes."""
    return re.sub(r"^\s*(?:stdout|stderr) \[\d+\] :: ", "", line)


def _error_of(lines: Sequence[str], start: int) -> str:
    """The last line of a traceback, which names the exception."""
    for line in lines[start + 1 : start + 200]:
        bare = _without_prefix(line)
        if bare and not bare[0].isspace():
            return bare
    return _without_prefix(lines[start])


def findings(original: str, candidate: str) -> tuple[LogFinding, ...]:
    """What the candidate's log shows and the original's does not, then what only the original's shows.

    Both write the same traceback where the service itself fails: that is no finding.
    """
    theirs = scan(Side.ORIGINAL, original)
    ours = scan(Side.CANDIDATE, candidate)
    known = [(one.why, one.line) for one in theirs]
    left = []
    for one in ours:
        if (one.why, one.line) in known:
            known.remove((one.why, one.line))
        else:
            left.append(one)
    only = []
    for one in theirs:
        if (one.why, one.line) in known:
            known.remove((one.why, one.line))
            only.append(one)
    return (*left[:_MAX], *only[:_MAX])
