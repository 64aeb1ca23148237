"""Conditions of conditional compilation: `cfg(…)` as attributes and as keys of a manifest.

The program runs in a Linux container, is built without `test` and with the features of its build line.
"""

from __future__ import annotations

import re
from collections.abc import Set

_TOKEN = re.compile(r'[A-Za-z_][\w-]*|"[^"]*"|r#*"[^"]*"#*|[(),=]')
_TRUE = frozenset({"unix", "panic", "overflow_checks"})
_FALSE = frozenset(
    {"test", "windows", "debug_assertions", "miri", "doc", "doctest", "loom", "fuzzing", "proc_macro"}
)
_VALUES = {
    "target_os": "linux",
    "target_family": "unix",
    "target_pointer_width": "64",
    "target_endian": "little",
}
_DEPTH = 32


def holds(condition: str, features: Set[str]) -> bool | None:
    """Whether a condition holds; None where it depends on what is not known (architecture, own `--cfg`)."""
    tokens = _TOKEN.findall(condition)
    value, _ = _predicate(tokens, 0, features, 0)
    return value


def _predicate(tokens: list[str], at: int, features: Set[str], depth: int) -> tuple[bool | None, int]:
    if at >= len(tokens) or depth > _DEPTH:
        return None, len(tokens)
    name = tokens[at]
    following = tokens[at + 1] if at + 1 < len(tokens) else ""
    if following == "=":
        value = tokens[at + 2].partition('"')[2].partition('"')[0] if at + 2 < len(tokens) else ""
        return _option(name, value, features), at + 3
    if following != "(":
        return (True if name in _TRUE else False if name in _FALSE else None), at + 1
    values: list[bool | None] = []
    at += 2
    while at < len(tokens) and tokens[at] != ")":
        if tokens[at] == ",":
            at += 1
            continue
        one, at = _predicate(tokens, at, features, depth + 1)
        values.append(one)
    if name in ("all", "cfg"):
        answer = False if False in values else None if None in values else True
    elif name == "any":
        answer = True if True in values else None if None in values else False
    elif name == "not" and values:
        answer = None if values[0] is None else not values[0]
    else:
        answer = None
    return answer, at + 1


def _option(name: str, value: str, features: Set[str]) -> bool | None:
    if name == "feature":
        return value in features
    if name in _VALUES:
        return _VALUES[name] == value
    if name == "target_arch":
        return False if value.startswith("wasm") else None
    return None
