"""What could be done about a finding beyond its remedy, as data with source and date.

`analyzers.advice` chooses from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analyzers.support.table import Table
from analyzers.support.table import load as load_file


@dataclass(frozen=True, slots=True)
class Entry:
    """One piece of advice. `subjects` say when it fits; empty where it always does. `date` is ISO 8601."""

    name: str  # of the trigger, or of the rule
    subjects: tuple[str, ...]
    text: str  # a sentence or more, without the last full stop
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Advices:
    """`triggers` for work that nobody calls, in order of preference; `rules` by rule."""

    triggers: tuple[Entry, ...]
    rules: tuple[Entry, ...]


@cache
def load() -> Advices:
    """The data of this distribution. Raises SupportError where a file breaks the schema."""
    folder = Path(__file__).parent
    return Advices(
        _entries(folder / "triggers.toml", "trigger", "name", "subjects"),
        _entries(folder / "rules.toml", "advice", "rule", "when"),
    )


def _entries(path: Path, key: str, name: str, subjects: str) -> tuple[Entry, ...]:
    table = Table(path.name, load_file(path))
    found = []
    for item in table.tables(key):
        entry = Entry(
            item.text(name),
            item.texts(subjects),
            item.text("text"),
            item.text("source"),
            item.date("date").isoformat(),
        )
        item.end()
        found.append(entry)
    table.end()
    return tuple(found)
