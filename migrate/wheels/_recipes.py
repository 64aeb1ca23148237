"""What is known of single packages: `recipes.toml`, typed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Recipe:
    """One entry of `recipes.toml`; its head explains the fields."""

    imports: tuple[str, ...] = ()
    call: str = ""
    gives: str = ""
    keep: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    cflags: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    sources: tuple[Mapping[str, Any], ...] = ()
    note: str = ""
    known: bool = True

    def digest_part(self) -> str:
        """What of it changes a wheel, as text."""
        return json.dumps(asdict(self), sort_keys=True, default=list)


@dataclass(frozen=True, slots=True)
class Blocked:
    """A package that cannot be built, why, and what to use."""

    name: str
    why: str
    do: str


UNKNOWN = Recipe(known=False)


@cache
def _tables() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("recipes.toml").read_text("utf-8"))


@cache
def recipes() -> Mapping[str, Recipe]:
    """All recipes by normalised name."""
    return {name: _typed(entry) for name, entry in _tables()["recipe"].items()}


def _typed(entry: dict[str, Any]) -> Recipe:
    lists = ("imports", "keep", "beside", "cflags", "arguments", "sources")
    values: dict[str, Any] = {key: tuple(v) if key in lists else v for key, v in entry.items()}
    return Recipe(**values)


def recipe(name: str) -> Recipe:
    """The recipe of a package, or the empty one."""
    return recipes().get(name, UNKNOWN)


@cache
def blocked() -> Mapping[str, Blocked]:
    """Packages that are known not to build, by normalised name."""
    return {name: Blocked(name, **entry) for name, entry in _tables()["blocked"].items()}
