"""Source files scanned for names: imports, calls, types, annotations, and fields that hold state.

A file whose identifiers meet none of a table's words is not parsed. What is found carries the function and
class around it, told by one sweep over the tree's nodes in source order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from analyzers.languages import syntax
from analyzers.languages.shallow.queries import QUERIES
from analyzers.languages.shallow.table import Table
from analyzers.repository import Tree

if TYPE_CHECKING:
    from tree_sitter import Node

_IDENTIFIER = re.compile(rb"[A-Za-z_]\w*")
_ENDS = re.compile(r"[@$]*[A-Za-z_]\w*[?!]?$")
_CHAINED = re.compile(r"([A-Za-z_]\w*)\([^()]*\)$")
_GENERIC = re.compile(r"<.*", re.DOTALL)
_STRING = re.compile(r"""[@$]{0,2}(["'])((?:[^"'\\\n]|\\.)*)\1""")
_SIGHTINGS = 5_000  # of one file
_ERROR = 10_000  # children of one node of what could not be parsed
_ARGUMENTS = 400  # characters of a call's arguments that are kept


@dataclass(frozen=True, slots=True)
class Sighting:
    """A name of interest. `function` and `owner` (a class) are "" outside of one."""

    sight: str
    name: str
    line: int
    arguments: str
    function: str
    owner: str

    @property
    def strings(self) -> list[str]:
        """The string literals among the arguments."""
        return [match[2] for match in _STRING.finditer(self.arguments)]


@dataclass(frozen=True, slots=True)
class Field:
    """A variable of a class or file. `declared` is its declaration, shortened."""

    name: str
    declared: str
    owner: str
    line: int


@dataclass(frozen=True, slots=True)
class Change:
    """A place that changes a variable: `how` is the method, or "" for an assignment."""

    name: str
    how: str
    function: str
    owner: str
    line: int


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one file holds."""

    path: str
    sightings: tuple[Sighting, ...] = ()
    fields: tuple[Field, ...] = ()
    changes: tuple[Change, ...] = ()
    owners: dict[str, str] = field(
        default_factory=dict
    )  # class -> its declaration's head, annotations included


_scanned: WeakKeyDictionary[Tree, dict[tuple[str, str], Scanned]] = WeakKeyDictionary()
_words: WeakKeyDictionary[Tree, dict[str, frozenset[bytes]]] = WeakKeyDictionary()


def words(tree: Tree, path: str) -> frozenset[bytes]:
    """All identifiers of a file, those in comments and strings included."""
    held = _words.setdefault(tree, {})
    if path not in held:
        held[path] = frozenset(_IDENTIFIER.findall(tree.data(path) or b""))
    return held[path]


def scan(tree: Tree, path: str, grammar: str, table: Table) -> Scanned:
    """What a file holds of what the table names; read once however many services share it."""
    held = _scanned.setdefault(tree, {})
    found = held.get((path, grammar))
    if found is None:
        backticks = b"`" in table.words and b"`" in (tree.data(path) or b"")
        worth = backticks or not table.words.isdisjoint(words(tree, path))
        found = _scan(tree, path, grammar, table) if worth else Scanned(path)
        held[path, grammar] = found
    return found


def _scan(tree: Tree, path: str, grammar: str, table: Table) -> Scanned:
    data = (tree.data(path) or b"").removeprefix(b"\xef\xbb\xbf")
    try:
        root = syntax.parse(grammar, data).root_node
    except syntax.UnparsedError as error:
        tree.give_up(path, str(error))
        return Scanned(path)
    if _is_broken(root):
        tree.give_up(path, f"is no {grammar} that can be read")
        return Scanned(path)
    scopes: list[tuple[int, int, str, str]] = []
    hits: list[tuple[int, str, str, int, str]] = []
    fields: list[tuple[int, str, str, int]] = []
    owners: dict[str, str] = {}
    for _, found in syntax.matches(grammar, QUERIES[grammar], root):
        kind, node = _kind(found)
        names = found.get("name", ())
        name = _text(data, names[0]) if names else "`" if kind == "call" else ""
        if kind in ("function", "class"):
            scopes.append((node.start_byte, node.end_byte, kind, name))
            if kind == "class":
                body = node.child_by_field_name("body")
                end = body.start_byte if body is not None else data.find(b"{", node.start_byte)
                head = data[node.start_byte : max(node.start_byte, min(end, node.start_byte + 2_000))]
                owners.setdefault(name, head.decode("utf-8", "replace"))
        elif kind == "field":
            declared = data[node.start_byte : node.start_byte + 200].decode("utf-8", "replace")
            fields.append((node.start_byte, name, declared, syntax.line(node)))
        elif len(hits) < _SIGHTINGS:
            hits.extend(_hits(data, kind, name, node, found, table))
    return _placed(path, scopes, hits, fields, owners)


def _is_broken(root: Node) -> bool:
    """Whether the parser found no structure in a large part: a query takes minutes over such a node."""
    if not root.has_error:
        return False
    return any(one.is_error and one.child_count > _ERROR for one in (root, *root.children[:_SIGHTINGS]))


def _kind(found: dict[str, list[Node]]) -> tuple[str, Node]:
    for kind in ("call", "new", "import", "annotation", "extends", "function", "class", "field", "change"):
        if kind in found:
            return kind, found[kind][0]
    raise ValueError(f"a query captures none of the kinds: {sorted(found)}")


def _hits(
    data: bytes, kind: str, name: str, node: Node, found: dict[str, list[Node]], table: Table
) -> Iterator[tuple[int, str, str, int, str]]:
    """What a match is worth keeping as: sight, name, line, arguments."""
    start, line = node.start_byte, syntax.line(node)
    if kind == "change":
        yield start, "change", f"{name.removeprefix('this.')}\0", line, ""
        return
    bare = _GENERIC.sub("", name).replace("\\", ".").replace("::", ".").strip(". ")
    generic = name[len(_GENERIC.sub("", name)) :][:100]
    if kind == "import":
        prefix = ""
        for part in bare.split(".")[:12]:
            prefix = f"{prefix}.{part}" if prefix else part
            if table.interesting("import", prefix):
                yield start, "import", prefix, line, bare
        return
    arguments = generic + (_text(data, found["args"][0]) if "args" in found else "")
    if kind == "call":
        said = _receiver(_text(data, found["recv"][0], last=True)) if "recv" in found else ""
        if said and bare in table.mutators:
            yield start, "change", f"{said}\0{bare}", line, arguments
        tries = [f"{said}.{bare}", f".{bare}"] if "recv" in found else [bare, f".{bare}"]
        if bare in ("require", "require_relative") and arguments:
            quoted = _STRING.search(arguments)
            if quoted and table.interesting("import", quoted[2]):
                yield start, "import", quoted[2], line, quoted[2]
        yield from ((start, "call", one, line, arguments) for one in tries if table.interesting("call", one))
        if "recv" not in found and table.interesting("new", bare):  # Kotlin makes objects without `new`
            yield start, "new", bare, line, arguments
        return
    last = bare.rpartition(".")[2]
    for one in dict.fromkeys((bare, last)):
        if table.interesting(kind, one):
            yield start, kind, one, line, arguments


def _text(data: bytes, node: Node, *, last: bool = False) -> str:
    """The first or last characters of a node: chains of calls hold each other's text again and again."""
    start, end = node.start_byte, node.end_byte
    part = data[max(start, end - _ARGUMENTS) : end] if last else data[start : min(end, start + _ARGUMENTS)]
    return part.decode("utf-8", "replace")


def _receiver(text: str) -> str:
    """What a method is called on: the last name, with `()` where it is a call itself."""
    match = _CHAINED.search(text) or _ENDS.search(text)
    return f"{match[1]}()" if match and match.re is _CHAINED else match[0] if match else ""


def _placed(
    path: str,
    scopes: list[tuple[int, int, str, str]],
    hits: list[tuple[int, str, str, int, str]],
    fields: list[tuple[int, str, str, int]],
    owners: dict[str, str],
) -> Scanned:
    """Each hit with the innermost function and class around it."""
    scopes.sort(key=lambda one: (one[0], -one[1]))
    items: list[tuple[int, str, str, int, str]] = sorted(
        [*hits, *((start, "field", name, line, declared) for start, name, declared, line in fields)]
    )
    sightings: list[Sighting] = []
    kept: list[Field] = []
    changes: list[Change] = []
    stack: list[tuple[int, int, str, str]] = []
    position = 0
    for start, sight, name, line, arguments in items:
        while position < len(scopes) and scopes[position][0] <= start:
            stack.append(scopes[position])
            position += 1
        while stack and stack[-1][1] <= start:
            stack.pop()
        function = owner = ""
        for _, end, kind, title in reversed(stack):
            if end <= start:
                continue
            if kind == "class":
                owner = title
                break
            function = function or title or "<init>"
        if sight == "field":
            if not function:
                kept.append(Field(name, arguments, owner, line))
        elif sight == "change":
            what, _, how = name.partition("\0")
            changes.append(Change(what, how, function, owner, line))
        else:
            sightings.append(Sighting(sight, name, line, arguments, function, owner))
    return Scanned(path, tuple(dict.fromkeys(sightings)), tuple(kept), tuple(changes), owners)
