"""What a log shows that no answer does."""

from __future__ import annotations

import pytest

from migrate.model import Side
from migrate.validate.logs import findings, scan

TRACEBACK = """INFO ok
Traceback (most recent call last):
  File "a.py", line 1, in f
    x
ValueError: bad
INFO ok
"""


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("    2: wasm trap: wasm `unreachable` instruction executed", "trap"),
        ("error while executing at wasm backtrace:", "trap"),
        ("stderr [3] :: thread 'main' panicked at src/lib.rs:1:2:", "panic"),
        ("stderr [0] :: panic: runtime error: index out of range", "panic"),
        ("resource has children", "resource misuse"),
    ],
)
def test_what_ends_an_instance_is_fatal_on_the_component(line: str, why: str) -> None:
    (found,) = scan(Side.CANDIDATE, f"fine\n{line}\nfine\n")
    assert (found.why, found.fatal) == (why, True)
    assert not scan(Side.ORIGINAL, line)[0].fatal


def test_a_traceback_on_both_sides_is_no_finding() -> None:
    prefixed = "".join(f"stderr [7] :: {line}\n" for line in TRACEBACK.splitlines())
    assert findings(TRACEBACK, prefixed) == ()


def test_a_traceback_on_one_side_is_one_and_names_the_error() -> None:
    (found,) = findings("", TRACEBACK)
    assert (found.side, found.line, found.fatal) == (Side.CANDIDATE, "ValueError: bad", False)
    (found,) = findings(TRACEBACK, "")
    assert found.side is Side.ORIGINAL
    assert len(findings(TRACEBACK, TRACEBACK * 2)) == 1


def test_quiet_logs() -> None:
    assert findings("GET / 200\n", "stdout [0] :: GET / 200\n the word panic and a trap door\n") == ()
