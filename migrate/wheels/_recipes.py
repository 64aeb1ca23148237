"""What is known of single packages: `recipes.toml`, typed."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
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
    direct: tuple[Mapping[str, Any], ...] = ()
    needs: tuple[str, ...] = ()
    note: str = ""
    known: bool = True

    def building(self) -> str:
        """What of it changes the libraries, as text; empty where it says nothing of building."""
        values = {
            name: getattr(self, name) for name in ("cflags", "arguments", "variables", "sources", "direct")
        }
        return json.dumps({name: value for name, value in values.items() if value}, sort_keys=True)

    def telling(self) -> dict[str, Any]:
        """What of it a wheel tells of itself."""
        return {
            "imports": list(self.imports),
            "call": self.call,
            "gives": self.gives,
            # None: no list is known; the component then keeps all of the standard library.
            "keep": list(self.keep) if self.known else None,
            "needs": list(self.needs),
            "note": self.note,
        }


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
    lists = ("imports", "keep", "beside", "cflags", "arguments", "sources", "direct", "needs")
    values: dict[str, Any] = {key: tuple(v) if key in lists else v for key, v in entry.items()}
    return Recipe(**values)


def recipe(name: str) -> Recipe:
    """The recipe of a package, or the empty one."""
    return recipes().get(name, UNKNOWN)


@cache
def blocked() -> Mapping[str, Blocked]:
    """Packages that are known not to build, by normalised name."""
    return {name: Blocked(name, **entry) for name, entry in _tables()["blocked"].items()}
