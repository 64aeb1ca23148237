"""How values are shown: short, harmless, and never without the difference itself."""

from __future__ import annotations

import pytest

from migrate.model import DifferenceKind
from migrate.validate.values import Findings, show, show_both


@pytest.mark.parametrize("at", [0, 3, 150, 199, 200, 5000, 9990, 9999])
def test_the_first_difference_of_long_values_is_shown(at: int) -> None:
    one = "a" * 10_000
    other = one[:at] + "b" + one[at + 1 :]
    first, second = show_both(one, other)
    assert "b" in second
    assert "b" not in first
    assert len(first) < 250
    assert first.endswith("(10,000 characters)")


def test_a_value_that_only_goes_on_is_shown_at_its_end() -> None:
    first, second = show_both("x" * 500, "x" * 500 + "more")
    assert "more" in second
    assert "(500 characters)" in first


def test_short_values_stand_as_they_are_and_nothing_steers_the_terminal() -> None:
    assert show_both({"a": 1}, None) == ('{"a": 1}', "null")
    assert show("\x1b[31m") == "\\x1b[31m"
    assert "\x1b" not in show_both("\x1b" * 500, "\x1b" * 499 + "y")[1]


def test_the_problem_is_told_beside_the_value() -> None:
    found = Findings()
    found.differ(DifferenceKind.BODY, "$.at", "1" * 300 + "2", "1" * 300 + "x", "no number")
    assert found.differences[0].candidate.endswith("(no number)")
    assert "x" in found.differences[0].candidate
