"""TOML tables read strictly: what is missing, of another type or not asked for is an error that names it."""

from __future__ import annotations

import datetime
import tomllib
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from analyzers.model import Need

_Choice = TypeVar("_Choice", bound=StrEnum)


class SupportError(ValueError):
    """A data file of `analyzers/support` breaks its schema; the message names file and key."""


def load(path: Path) -> dict[str, object]:
    """The data of a file. Raises SupportError."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SupportError(f"{path.name}: {error}") from None


class Table:
    """One table. Every method takes a key out; `end` fails where one is left. All raise SupportError."""

    def __init__(self, where: str, data: object) -> None:
        if not isinstance(data, dict):
            raise SupportError(f"{where}: must be a table.")
        self.where = where
        self._data: dict[str, object] = dict(data)

    def text(self, key: str, default: str | None = None) -> str:
        value = self._data.pop(key, default)
        if not isinstance(value, str) or (not value and default is None):
            raise SupportError(f"{self.where}: {key} must be a text.")
        return value

    def texts(self, key: str, known: tuple[str, ...] | None = None, *, empty: bool = True) -> tuple[str, ...]:
        value = self._data.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise SupportError(f"{self.where}: {key} must be a list of texts.")
        wrong = [item for item in value if known is not None and item not in known]
        if wrong or len(set(value)) != len(value) or (not value and not empty):
            raise SupportError(f"{self.where}: {key} = {value!r}; known: {known}, none twice.")
        return tuple(value)

    def needs(self, key: str) -> tuple[Need, ...]:
        try:
            return tuple(Need.parse(text) for text in self.texts(key))
        except ValueError as error:
            raise SupportError(f"{self.where}: {key}: {error}.") from None

    def date(self, key: str) -> datetime.date:
        value = self._data.pop(key, None)
        if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
            raise SupportError(f"{self.where}: {key} must be a date.")
        return value

    def choice(self, key: str, choices: type[_Choice]) -> _Choice:
        value = self.text(key)
        try:
            return choices(value)
        except ValueError:
            raise SupportError(f"{self.where}: {key} must be one of {', '.join(choices)}.") from None

    def days(self, key: str) -> tuple[float, float]:
        """A range of days, from and to."""
        value = self._data.pop(key, None)
        numbers = [item for item in value if type(item) in (int, float)] if isinstance(value, list) else []
        if len(numbers) != 2 or value != numbers or not 0 <= numbers[0] <= numbers[1]:
            raise SupportError(f"{self.where}: {key} must be two numbers, the smaller one first.")
        return float(numbers[0]), float(numbers[1])

    def tables(self, key: str) -> tuple[Table, ...]:
        value = self._data.pop(key, [])
        if not isinstance(value, list):
            raise SupportError(f"{self.where}: {key} must be tables.")
        return tuple(Table(f"{self.where}: {key} {n}", item) for n, item in enumerate(value, 1))

    def end(self) -> None:
        if self._data:
            raise SupportError(f"{self.where}: unknown key {min(self._data)!r}.")
