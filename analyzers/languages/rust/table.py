"""The table `crates.toml`: what a call into a package means."""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Meaning:
    """One entry: `kind` is its table (`outbound`, `file-write`, …), `subject` its protocol or framework."""

    kind: str
    subject: str
    crate: str


@dataclass(frozen=True, slots=True)
class Server:
    """A framework that serves HTTP."""

    framework: str
    interface: str
    port: int | None


_GROUPED = ("outbound", "database", "database-type")
_METHODS = ("worker-method", "thread-method", "client-address-method")


@cache
def data() -> Mapping[str, Any]:
    return tomllib.loads(Path(__file__).with_name("crates.toml").read_text("utf-8"))


@cache
def servers() -> Mapping[str, Server]:
    return {
        name: Server(name, entry["interface"], entry.get("port")) for name, entry in data()["server"].items()
    }


@cache
def _index() -> Mapping[str, list[tuple[tuple[str, ...], Meaning]]]:
    """Crate as code names it -> ends of paths, split, and what they mean."""
    index: dict[str, list[tuple[tuple[str, ...], Meaning]]] = {}

    def add(kind: str, subject: str, crates: Mapping[str, list[str]]) -> None:
        for crate, tails in crates.items():
            meaning = Meaning(kind, subject, crate)
            entry = index.setdefault(crate.replace("-", "_"), [])
            entry += [(tuple(tail.split("::")), meaning) for tail in tails]

    for kind, table in data().items():
        if kind in ("date", "native", *_METHODS):
            continue
        if kind == "server":
            for name, one in table.items():
                add("server", name, one["crates"])
        elif kind in _GROUPED:
            for subject, crates in table.items():
                add(kind, subject, crates)
        elif kind == "database-by-feature":
            add(kind, "", table["calls"])
        else:
            add(kind, kind, table)
    return index


@cache
def methods(kind: str) -> Mapping[str, tuple[str, ...]]:
    """Method name -> the crates that it belongs to, for the tables of methods."""
    found: dict[str, list[str]] = {}
    for crate, names in data()[kind].items():
        for name in names:
            found.setdefault(name, []).append(crate.replace("-", "_"))
    return {name: tuple(crates) for name, crates in found.items()}


def knows(crate: str) -> bool:
    return crate in _index()


@cache
def meanings(path: str) -> tuple[Meaning, ...]:
    """What a resolved path (`reqwest::Client::new`) means; a package's path begins with its name in code."""
    crate, _, rest = path.partition("::")
    entries = _index().get(crate)
    if not entries or not rest:
        return ()
    parts = tuple(rest.split("::"))
    return tuple(dict.fromkeys(meaning for tail, meaning in entries if _ends(parts, tail)))


def _ends(parts: tuple[str, ...], tail: tuple[str, ...]) -> bool:
    if tail == ("*",):
        return True
    if len(tail) > len(parts):
        return False
    before = parts[: len(parts) - len(tail)]
    if before and before[-1][:1].isupper() and not tail[0][:1].isupper():
        return False  # `new` of a package is no `Type::new`
    ending = parts[len(parts) - len(tail) :]
    return all(a == b or ("*" in b and fnmatch.fnmatchcase(a, b)) for a, b in zip(ending, tail, strict=True))
