"""Implementations that packages register under a name, of which a setting chooses:
`func init() { storage.RegisterDriver("redis", newRedis) }` beside `flag.String("storage_driver", "", …)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from analyzers.languages.golang.calls import Call
from analyzers.languages.golang.conditions import Conditions
from analyzers.languages.golang.files import GoFile, Region
from analyzers.languages.golang.nodes import literal

_REGISTERS = re.compile(r"(?:Must)?(?:Register|Add|Install)(\w*)")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
# What settings say that choose one of several: `cache.type`, `STORAGE_DRIVER`.
_CHOOSERS = frozenset(
    {"type", "driver", "backend", "provider", "engine", "kind", "adapter", "store", "storage"}
)
_EMPTY = frozenset({"func", "factory", "new", "creator", "constructor", "builder", "maker"})


@dataclass(frozen=True, eq=False)
class _Entry:
    name: str
    call: Call
    position: int  # of the argument that makes it


def off(conditions: Conditions) -> Iterator[tuple[GoFile, Region]]:
    """The constructors under names that no setting chooses as the program is started."""
    found: dict[tuple[str, str], list[_Entry]] = {}
    for name in conditions.values.names_called():
        if _REGISTERS.fullmatch(name) is None:
            continue
        for call in conditions.values.called(name):
            where = call.alias or (f"./{call.file.folder}" if call.operand is None else "")
            entry = _entry(call) if where.startswith("./") else None
            if entry is not None:
                found.setdefault((where, name), []).append(entry)
    for (where, name), entries in found.items():
        if len({one.name for one in entries}) < 2:
            continue
        chosen = _chosen(conditions, where, name)
        for one in entries if chosen is not None else ():
            if chosen is not None and one.name not in chosen:
                node = one.call.arguments[one.position]
                yield one.call.file, (node.start_byte, node.end_byte, b"nil")


def _entry(call: Call) -> _Entry | None:
    """`Register("redis", newRedis)` at start: a plain name, and a function by its name."""
    if call.function is None or call.function.name != "init" or len(call.arguments) != 2:
        return None
    name = literal(call.arguments[0])
    if name is None or re.fullmatch(r"[A-Za-z][\w+-]*", name) is None:
        return None
    return _Entry(name, call, 1) if call.arguments[1].type in ("identifier", "selector_expression") else None


def _chosen(conditions: Conditions, where: str, name: str) -> set[str] | None:
    """The names that the setting of a registry gives; None where there is no such setting."""
    match = _REGISTERS.fullmatch(name)
    words = _words(match[1] if match is not None else "") - _EMPTY
    words = words or _words(where.rpartition("/")[2].removeprefix("./"))
    found: set[str] | None = None
    for setting in conditions.values.settings():
        mine = _words(setting)
        if words and words <= mine and mine - words <= _CHOOSERS:
            value = conditions.values.flag(setting) or ""
            found = (found or set()) | {one.strip() for one in value.split(",")}
    return found


def _words(text: str) -> set[str]:
    return {one.lower() for one in _WORDS.findall(text)}
