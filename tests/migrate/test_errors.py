"""Exit codes are a contract with scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from migrate import errors
from migrate.errors import Dock2wasmError


def _classes(base: type[Dock2wasmError] = Dock2wasmError) -> Iterator[type[Dock2wasmError]]:
    for child in base.__subclasses__():
        yield child
        yield from _classes(child)


def test_each_error_class_has_a_code_of_its_own() -> None:
    codes = [Dock2wasmError.code, *(child.code for child in _classes())]
    assert len(codes) == len(set(codes))
    outcomes = {int(outcome) for outcome in errors.Exit}
    for child in _classes():
        assert child.code >= 20 or child.code in outcomes
        assert child.code < 64, f"{child.__name__}: codes from 64 are the shell's and sysexits'"


def test_each_code_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "exit-codes.md").read_text("utf-8")
    for child in _classes():
        if child.code >= 20:
            assert f"| {child.code} | `{child.__name__}` |" in page
        else:
            assert f"\n| {int(child.code)} | " in page


def test_a_message_says_what_why_and_what_to_do() -> None:
    error = Dock2wasmError("It broke.", why="It was old.", do="Mend it.")
    assert str(error) == "It broke.\n  why: It was old.\n  do:  Mend it."
    assert str(Dock2wasmError("It broke.")) == "It broke."
