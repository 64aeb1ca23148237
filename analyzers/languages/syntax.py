"""Syntax trees of the languages that Python's `ast` does not read, by tree-sitter.

One wheel a grammar, loaded when first needed. A tree is always given: where the source is broken it holds
`ERROR` nodes, and the rest is read. Look for things with queries (they run in C), not by walking nodes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from itertools import accumulate
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language, Node, Query, Tree

_NESTING = 500
_DEPTH = 3_000
_COUNTED = 8_000  # bytes: what is smaller is parsed in a moment, whatever it holds
_PIECE = 256  # bytes that a parser is given at once
_SCANS = 100  # times that it may go over them: source that was read takes 2 to 14
_STATEMENTS = re.compile(rb"[;{}]")
_NO_BRACKETS = bytes(set(range(256)) - set(b"()[]{}"))
# Grammar -> module, and the function in it that gives the grammar.
_GRAMMARS = {
    "bash": ("tree_sitter_bash", "language"),
    "c": ("tree_sitter_c", "language"),
    "cpp": ("tree_sitter_cpp", "language"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "elixir": ("tree_sitter_elixir", "language"),
    "go": ("tree_sitter_go", "language"),
    "java": ("tree_sitter_java", "language"),
    "javascript": ("tree_sitter_javascript", "language"),  # JSX included
    "kotlin": ("tree_sitter_kotlin", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "ruby": ("tree_sitter_ruby", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
}


class UnparsedError(Exception):
    """Source that no grammar or query is let loose on. The message is the reason to give in `not_read`."""


def parse(grammar: str, data: bytes) -> Tree:
    """The tree of a source text.

    Raises UnparsedError for what would take time or memory beyond the size of the source, and KeyError for a
    grammar that is not in the table.
    """
    if _nests_too_deeply(data) or (grammar == "bash" and _pipes(data)):
        raise UnparsedError("nests too deeply to be read")
    tree = _parsed(grammar, data)
    if _is_too_deep(tree.root_node):
        raise UnparsedError("nests too deeply to be read")
    return tree


def _parsed(grammar: str, data: bytes) -> Tree:
    """Parsed, and given up where the grammar goes over the same bytes again and again: some scan to the end
    of the file for the end of each comment, string or word."""
    from tree_sitter import Parser

    parser = Parser(_language(grammar))
    if len(data) < _COUNTED:
        return parser.parse(data)
    left = _SCANS * (len(data) // _PIECE + 1)

    def read(offset: int, _: object) -> bytes:
        nonlocal left
        left -= 1
        return data[offset : offset + _PIECE] if left > 0 else b""

    counted = parser.parse(read)
    if left <= 0:
        raise UnparsedError("is written so that its grammar goes over it again and again")
    return parser.parse(data, counted)  # takes the tree over, and gives its nodes their text


def _nests_too_deeply(data: bytes) -> bool:
    """Whether brackets nest deeper than people write them: some grammars then take minutes to recover.

    Brackets in strings and comments count; that is why the bound is far above what source needs.
    """
    if data.count(b"<") > _NESTING and any(
        part.count(b"<") - part.count(b">") > _NESTING for part in _STATEMENTS.split(data)
    ):
        return True  # type arguments within type arguments
    if sum(map(data.count, (b"(", b"[", b"{"))) <= _NESTING:
        return False
    brackets = data.translate(None, _NO_BRACKETS)
    return max(accumulate(1 if one in b"([{" else -1 for one in brackets), default=0) > _NESTING


def _pipes(data: bytes) -> bool:
    """Whether a shell script has pipelines of hundreds of commands, which take quadratic time."""
    return data.count(b"|") > _NESTING and any(part.count(b"|") > _NESTING for part in data.split(b"\n"))


def _is_too_deep(root: Node) -> bool:
    """Whether a tree is thousands of nodes deep along its largest part: queries take quadratic time there."""
    node = root
    for _ in range(_DEPTH):
        if not node.child_count:
            return False
        node = max(node.children[:50], key=lambda one: one.end_byte - one.start_byte)
    return True


def captures(grammar: str, pattern: str, node: Node) -> dict[str, list[Node]]:
    """Capture name -> nodes below `node` in source order, the outer of two first, for a query."""
    from tree_sitter import QueryCursor

    found = QueryCursor(_query(grammar, pattern)).captures(node)
    for nodes in found.values():
        if len(nodes) > 1:
            nodes.sort(key=_place)  # they come out of a set, in the order of their addresses
    return found


def matches(grammar: str, pattern: str, node: Node) -> Iterator[tuple[int, dict[str, list[Node]]]]:
    """Each match of a query below `node`: the pattern's position in the query, and its captures."""
    from tree_sitter import QueryCursor

    yield from QueryCursor(_query(grammar, pattern)).matches(node)


def text(node: Node) -> str:
    """The source text of a node."""
    return (node.text or b"").decode("utf-8", "replace")


def line(node: Node) -> int:
    """The line on which a node starts, counted from 1."""
    return node.start_point.row + 1


def _place(node: Node) -> tuple[int, int, int]:
    start, end = node.byte_range
    return start, -end, node.kind_id


@cache
def _language(grammar: str) -> Language:
    from tree_sitter import Language

    module, function = _GRAMMARS[grammar]
    return Language(getattr(import_module(module), function)())


@cache
def _query(grammar: str, pattern: str) -> Query:
    from tree_sitter import Query

    return Query(_language(grammar), pattern)
