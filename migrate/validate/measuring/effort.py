"""How much is measured: `quick` for every run, `full` for a figure that is published."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Effort:
    """What is done of each kind. `turns` is how often each side has its turn under load, each `seconds` long.

    `clients` are the concurrencies; `shares` are the rates of the open-loop runs as shares of what the slower
    side managed; `copies` how many copies run at the same time for the memory of one more.
    """

    name: str
    cold_starts: int
    answers: int
    clients: tuple[int, ...]
    shares: tuple[float, ...]
    turns: int
    seconds: float
    copies: tuple[int, ...]


QUICK = Effort("quick", 10, 60, (1, 8), (0.5,), 6, 1.0, (10,))
"""About two minutes on two cores."""
FULL = Effort("full", 30, 300, (1, 4, 16, 64), (0.25, 0.5, 0.75), 8, 3.0, (10, 100))
"""About ten minutes."""
EFFORTS = {one.name: one for one in (QUICK, FULL)}
