"""What of a comparison fails a run: `--fail-on` of `validate` and `migrate`, and the exit code it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from migrate.errors import Exit
from migrate.model import Comparison, Kept, Outcome


class FailOn(StrEnum):
    """What can fail a run."""

    DIFFERENT = "different"
    INCONCLUSIVE = "inconclusive"
    BUDGET = "budget"
    NEVER = "never"


DEFAULT = (FailOn.DIFFERENT, FailOn.INCONCLUSIVE, FailOn.BUDGET)


@dataclass(frozen=True, slots=True)
class Failure:
    """An exit code and why."""

    code: Exit
    why: str


def failure(comparison: Comparison, asked: Sequence[FailOn]) -> Failure | None:
    """What fails the run, the answers before the figures; None where nothing of what was asked for does."""
    wanted = set(asked or DEFAULT)
    if FailOn.DIFFERENT in wanted and comparison.outcome is Outcome.DIFFERENT:
        return Failure(Exit.DIFFERENT, "the component answers differently")
    if FailOn.INCONCLUSIVE in wanted and comparison.outcome is Outcome.INCONCLUSIVE:
        return Failure(Exit.INCONCLUSIVE, "not everything could be compared")
    if FailOn.BUDGET in wanted:
        exceeded = [one.name for one in comparison.budgets if one.kept is Kept.EXCEEDED]
        if exceeded:
            return Failure(Exit.BUDGET, f"budgets are exceeded: {', '.join(exceeded)}")
        missing = [one.name for one in comparison.budgets if one.kept is Kept.UNMEASURED]
        if missing:
            return Failure(Exit.BUDGET_UNMEASURED, f"budgets could not be measured: {', '.join(missing)}")
    return None
