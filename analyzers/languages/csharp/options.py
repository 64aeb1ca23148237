"""Parts of a program that a setting switches on, and that are off as it starts.

`if (settings.Redis != null) services.AddRedis(…)` says nothing of a start without that setting: its branch is
left out, `else` and the branches of negated conditions stay. A setting that the container's environment names
counts as given.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from analyzers.languages import syntax
from analyzers.repository import Tree

_QUERY = """
(if_statement condition: (_) @condition consequence: (_) @then alternative: (_)? @else)
(switch_section) @section
"""
_REGISTERS = re.compile(rb"IServiceCollection|IApplicationBuilder|CreateBuilder|CreateDefaultBuilder")
_REGISTRATION = re.compile(r"\.(?:Try)?(?:Add|Use|Map|With|Configure)\w*\s*[<(]")
_NEGATED = re.compile(r"^[\s(]*(?:!|string\.IsNullOr|[\w.\[\]\"?]+\s*(?:==|is)\s*null)|IsProduction")
_DOUBLE = re.compile(r"^[\s(]*!\s*(?:string\.)?IsNullOr")
_NAME = re.compile(r"[A-Za-z_]\w{3,}")
# fmt: off
_COMMON = frozenset({  # say nothing of which setting is meant
    "configuration", "settings", "string", "null", "isnullorempty", "isnullorwhitespace", "true", "false",
    "globalsettings", "value", "hasvalue", "environment", "builder", "connectionstring", "getvalue",
    "getsection", "exists", "options", "enabled", "bool", "isdevelopment", "url", "urls", "host", "port",
})
# fmt: on


@dataclass(frozen=True, slots=True)
class Optional:
    """A part of a file: bytes and lines from and to, and the names in its condition, lower-case."""

    start: int
    end: int
    first: int
    last: int
    names: frozenset[str]

    def given(self, environment: Collection[str]) -> bool:
        """Whether one of the container's variables (lower-case parts of names) names the setting."""
        return not self.names.isdisjoint(environment)


_held: WeakKeyDictionary[Tree, dict[str, tuple[Optional, ...]]] = WeakKeyDictionary()


def variables(names: Collection[str]) -> frozenset[str]:
    """The names of variables and their parts, lower-case: `Redis__Host` names `redis` and `host`."""
    return frozenset(
        part
        for name in names
        for part in (name.lower(), *re.split(r"__|:", name.lower()))
        if part not in _COMMON
    )


def parts(tree: Tree, path: str) -> tuple[Optional, ...]:
    """The optional parts of a file that registers services; none of other files."""
    held = _held.setdefault(tree, {})
    if path not in held:
        data = (tree.data(path) or b"").removeprefix(b"\xef\xbb\xbf")
        held[path] = _parts(tree, path, data) if _REGISTERS.search(data) else ()
    return held[path]


def _parts(tree: Tree, path: str, data: bytes) -> tuple[Optional, ...]:
    found: list[Optional] = []
    try:
        root = syntax.parse("csharp", data).root_node
    except syntax.UnparsedError as error:
        tree.give_up(path, str(error))
        return ()
    for _, match in syntax.matches("csharp", _QUERY, root):
        if "section" in match:
            node = match["section"][0]
            text = syntax.text(node)
            if not text.startswith("default") and _REGISTRATION.search(text):
                names = text.partition(":")[0]
            else:
                continue
        else:
            names = syntax.text(match["condition"][0])
            negated = bool(_NEGATED.search(names)) and not _DOUBLE.search(names)
            branch = match.get("else" if negated else "then")
            if (
                not branch
                or branch[0].type == "if_statement"
                or not _REGISTRATION.search(syntax.text(branch[0]))
            ):
                continue
            node = branch[0]
        said = frozenset(one.lower() for one in _NAME.findall(names)) - _COMMON
        lines = (syntax.line(node), node.end_point.row + 1)
        found.append(Optional(node.start_byte, node.end_byte, *lines, said))
    return tuple(sorted(found, key=lambda one: one.start))
