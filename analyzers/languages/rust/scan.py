"""One file of Rust source as lists: functions, calls, macros, statics, fields, names that `use` brings in.

Made with one query a file. What `cfg` leaves out of the build (tests, features that are off, other systems)
is left out here.
"""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Iterable, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.rust import cfg

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
(use_declaration argument: (_) @use)
(extern_crate_declaration name: (identifier) @crate)
(mod_item name: (identifier) @mod)
(function_item) @function
(impl_item) @impl
(call_expression) @call
(macro_invocation) @macro
(macro_definition) @definition
(attribute_item) @attribute
(inner_attribute_item) @inner
(static_item) @static
(const_item) @const
(field_declaration) @field
(let_declaration) @let
(arguments (identifier) @reference)
(arguments (scoped_identifier) @reference)
(arguments (generic_function) @reference)
(scoped_type_identifier) @type
(type_identifier) @type
(assignment_expression) @assignment
(compound_assignment_expr) @assignment
(closure_expression) @closure
(loop_expression) @loop
(while_expression) @loop
(type_item) @alias
(string_literal) @string
(raw_string_literal) @string
"""
_CHAIN = 1_000  # calls in one chain
_GENERIC = re.compile(r"\s+|::<")
_ITEMS = frozenset({"attribute_item", "line_comment", "block_comment"})


@dataclass(frozen=True, slots=True)
class Function:
    """A function or method. `owner` is the type of its impl block, `trait` what that implements."""

    name: str
    owner: str
    trait: str
    start: int
    end: int
    line: int
    node: Node
    attributes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Call:
    """A call. `path` is resolved (`std::env::var`); a method's begins with a dot (`.lock`)."""

    path: str
    node: Node
    line: int
    start: int
    function: int  # position in `File.functions`, -1 outside of any

    @property
    def arguments(self) -> list[Node]:
        given = self.node.child_by_field_name("arguments")
        return (
            [
                n
                for n in given.named_children
                if n.type not in ("line_comment", "block_comment", "attribute_item")
            ]
            if given
            else []
        )

    @property
    def receiver(self) -> Node | None:
        function = self.node.child_by_field_name("function")
        if function is not None and function.type == "generic_function":
            function = function.child_by_field_name("function")
        return function.child_by_field_name("value") if function is not None else None


@dataclass(frozen=True, slots=True)
class Macro:
    """A macro call: its resolved path and its tokens as text, without the brackets."""

    path: str
    tokens: str
    node: Node
    line: int
    start: int
    function: int


@dataclass(frozen=True, slots=True)
class Static:
    """A static item, or one of `lazy_static!` and `thread_local!`."""

    name: str
    type: str
    value: Node | None
    line: int


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a struct."""

    owner: str
    name: str
    type: str
    attributes: tuple[str, ...]
    line: int


@dataclass(slots=True)
class File:
    """A file of source, scanned."""

    path: str  # repository-relative
    guest: str
    crate: str  # as code names it
    root: Node
    uses: dict[str, str] = field(default_factory=dict)
    globs: list[str] = field(default_factory=list)
    modules: list[tuple[str, Node, tuple[str, ...]]] = field(default_factory=list)  # `mod x;`
    inline: set[str] = field(default_factory=set)
    functions: list[Function] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    macros: list[Macro] = field(default_factory=list)
    statics: list[Static] = field(default_factory=list)
    consts: dict[str, Node] = field(default_factory=dict)
    fields: list[Field] = field(default_factory=list)
    bindings: dict[str, list[tuple[int, Node]]] = field(default_factory=dict)  # `let`: where, what it binds
    references: list[tuple[str, int, int]] = field(default_factory=list)  # path, start, function
    types: list[tuple[str, int, int]] = field(default_factory=list)  # path, line, function
    assignments: list[tuple[Node, int]] = field(default_factory=list)
    strings: list[tuple[str, Node, int]] = field(default_factory=list)
    closures: list[Node] = field(default_factory=list)
    loops: list[Node] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)  # `type X = …;`
    _starts: list[int] = field(default_factory=list)
    _around: list[int] = field(default_factory=list)

    def resolve(self, path: str) -> str:
        """A path with what `use` says of its first name filled in."""
        first, colons, rest = path.partition("::")
        known = self.uses.get(first)
        return path if known is None else f"{known}{colons}{rest}"

    def function_at(self, offset: int) -> int:
        """Position of the innermost function around an offset, -1 where there is none."""
        at = bisect.bisect_right(self._starts, offset) - 1
        while at >= 0 and self.functions[at].end <= offset:
            at = self._around[at]
        return at

    def bound(self, name: str, function: Function, before: int) -> Node | None:
        """What the last `let` of a name in a function binds, before an offset where one is given."""
        lets = self.bindings.get(name, [])
        at = bisect.bisect_left(lets, before or function.end, key=lambda one: one[0]) - 1
        return lets[at][1] if at >= 0 and function.start <= lets[at][0] < function.end else None

    def finish_functions(self) -> None:
        """Call once all functions are there: which function holds which."""
        self._starts = [one.start for one in self.functions]
        open_: list[int] = []
        for position, one in enumerate(self.functions):
            while open_ and self.functions[open_[-1]].end <= one.start:
                open_.pop()
            self._around.append(open_[-1] if open_ else -1)
            open_.append(position)


def scan(path: str, guest: str, crate: str, data: bytes, features: Set[str]) -> File | None:
    """A file, or None where an inner attribute leaves all of it out. Raises syntax.UnparsedError."""
    root = syntax.parse("rust", data).root_node
    file = File(path, guest, crate, root)
    found = syntax.captures("rust", _QUERY, root)
    chains = Counter(node.start_byte for node in found.get("call", ()))
    if chains and max(chains.values()) > _CHAIN:
        raise syntax.UnparsedError("nests too deeply to be read")  # calls in chains
    for node in found.get("inner", ()):
        condition = _cfg(syntax.text(node))
        if condition is not None and node.parent == root and cfg.holds(condition, features) is False:
            return None
    left_out, attributes = _attributes(found.get("attribute", ()), features)
    left_out += [(node.start_byte, node.end_byte) for node in found.get("definition", ())]
    left_out = _merged(left_out)
    starts = [start for start, _ in left_out]

    def kept(name: str) -> Iterable[Node]:
        for node in found.get(name, ()):
            offset = node.start_byte
            at = bisect.bisect_right(starts, offset) - 1
            if at < 0 or offset >= left_out[at][1]:
                yield node

    for node in kept("use"):
        _use(file, syntax.text(node))
    for node in kept("crate"):
        file.uses.setdefault(syntax.text(node), syntax.text(node))
    impls = [(n.start_byte, n.end_byte, *_impl(n)) for n in kept("impl")]
    impl_starts = [start for start, *_ in impls]
    for node in kept("function"):
        name = node.child_by_field_name("name")
        owner, trait = "", ""
        at = bisect.bisect_right(impl_starts, node.start_byte) - 1
        if at >= 0 and node.start_byte < impls[at][1]:
            owner, trait = impls[at][2], impls[at][3]
        file.functions.append(
            Function(
                syntax.text(name) if name else "",
                owner,
                trait,
                node.start_byte,
                node.end_byte,
                syntax.line(node),
                node,
                tuple(attributes.get(node.start_byte, ())),
            )
        )
    file.finish_functions()
    for node in kept("mod"):
        item = node.parent
        if item is not None and item.child_by_field_name("body") is None:
            file.modules.append((syntax.text(node), item, tuple(attributes.get(item.start_byte, ()))))
        else:
            file.inline.add(syntax.text(node))
    for node in kept("call"):
        called = _path(node.child_by_field_name("function"))
        if called:
            where = file.function_at(node.start_byte)
            path_ = called if called.startswith(".") else file.resolve(called)
            file.calls.append(Call(path_, node, _line_of(node), node.start_byte, where))
    for node in kept("macro"):
        _macro(file, node)
    for node in kept("static"):
        name, of = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name and of:
            file.statics.append(
                Static(
                    syntax.text(name), syntax.text(of), node.child_by_field_name("value"), syntax.line(node)
                )
            )
    for node in kept("const"):
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name and value:
            file.consts.setdefault(syntax.text(name), value)
    for node in kept("field"):
        name, of = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name and of:
            file.fields.append(
                Field(
                    _owner(node), syntax.text(name), syntax.text(of),
                    tuple(attributes.get(node.start_byte, ())), syntax.line(node),
                )
            )  # fmt: skip
    for node in kept("let"):
        pattern, value = node.child_by_field_name("pattern"), node.child_by_field_name("value")
        if pattern is not None and value is not None:
            name_ = syntax.text(pattern).removeprefix("mut ")
            file.bindings.setdefault(name_, []).append((node.start_byte, value))
    for node in kept("reference"):
        called = _path(node)
        file.references.append((file.resolve(called), node.start_byte, file.function_at(node.start_byte)))
    for node in kept("type"):
        if node.parent is not None and node.parent.type == "scoped_type_identifier":
            continue
        text = _GENERIC.split(syntax.text(node))[0]
        file.types.append((file.resolve(text), syntax.line(node), file.function_at(node.start_byte)))
    file.assignments = [(node, file.function_at(node.start_byte)) for node in kept("assignment")]
    file.closures = list(kept("closure"))
    file.loops = list(kept("loop"))
    for node in kept("alias"):
        name, of = node.child_by_field_name("name"), node.child_by_field_name("type")
        if name and of:
            file.aliases.setdefault(syntax.text(name), syntax.text(of))
    for node in kept("string"):
        file.strings.append((string(node), node, file.function_at(node.start_byte)))
    return file


def string(node: Node) -> str:
    """The text of a string literal; escapes of Rust are left as they are, except a continued line."""
    text = syntax.text(node)
    match = re.match(r'[bc]?(?:r#*)?"', text)
    if match is None:
        return text
    closing = len(match[0]) - match[0].find("r") - 1 if "r" in match[0] else 1
    return text[match.end() : max(match.end(), len(text) - closing)]


def _line_of(node: Node) -> int:
    """The line of a call: of a method in a chain, the line of its name."""
    function = node.child_by_field_name("function")
    if function is not None and function.type == "generic_function":
        function = function.child_by_field_name("function")
    name = function.child_by_field_name("field") if function is not None else None
    return syntax.line(name or node)


def _path(node: Node | None) -> str:
    """`a::b::c` of what is called, type arguments left out; `.name` of a method; "" of anything else."""
    if node is None:
        return ""
    if node.type == "generic_function":
        node = node.child_by_field_name("function")
        if node is None:
            return ""
    if node.type == "identifier":
        return syntax.text(node)
    if node.type == "field_expression":
        name = node.child_by_field_name("field")
        return "." + syntax.text(name) if name else ""
    if node.type != "scoped_identifier":
        return ""
    return plain(syntax.text(node))


def plain(path: str) -> str:
    """A path without spaces and type arguments: `Vec::<u8>::new` is `Vec::new`, `<A as B>::c` is `A::c`."""
    path = re.sub(r"\s+as\s+[^<>]*(?:<[^<>]*>)?\s*>", ">", path)
    path = re.sub(r"\s+", "", path)
    if path.startswith("<"):
        path = path[1:].replace(">::", "::", 1) if path.count("<") == 1 else path[1:]
    out: list[str] = []
    depth = 0
    for char in path:
        if char == "<":
            depth += 1
        elif char == ">":
            depth = max(0, depth - 1)
        elif not depth:
            out.append(char)
    return re.sub(r"(?:::)+", "::", "".join(out)).strip(":")


def _impl(node: Node) -> tuple[str, str]:
    of, trait = node.child_by_field_name("type"), node.child_by_field_name("trait")
    owner = plain(syntax.text(of)).rpartition("::")[2] if of else ""
    return owner, plain(syntax.text(trait)) if trait else ""


def _owner(node: Node) -> str:
    above = node.parent.parent if node.parent is not None else None
    name = above.child_by_field_name("name") if above is not None else None
    return syntax.text(name) if name else ""


def _cfg(attribute: str) -> str | None:
    """The condition of a `#[cfg(…)]` attribute."""
    match = re.match(r"#!?\[\s*cfg\s*\((.*)\)\s*\]\s*$", attribute, re.DOTALL)
    return match[1] if match else None


def _attributes(
    nodes: Iterable[Node], features: Set[str]
) -> tuple[list[tuple[int, int]], dict[int, list[str]]]:
    """Ranges that `cfg` and `#[test]` leave out, and the attributes of each item by where it starts."""
    left_out: list[tuple[int, int]] = []
    of: dict[int, list[str]] = {}
    for node in nodes:
        text = syntax.text(node)
        item = node.next_named_sibling
        while item is not None and item.type in _ITEMS:
            item = item.next_named_sibling
        if item is None:
            continue
        of.setdefault(item.start_byte, []).append(text)
        condition = _cfg(text)
        tested = re.match(r"#\[\s*(?:\w+::)?(?:test|bench|rstest|test_case)\b(?!\w)", text)
        if tested or (condition is not None and cfg.holds(condition, features) is False):
            left_out.append((item.start_byte, item.end_byte))
    return left_out, of


def _merged(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


_LAZY = re.compile(
    r"(?:#\[[^\]]*\]\s*)*(?:pub(?:\([^)]*\))?\s+)?static\s+(?:ref\s+)?(\w+)\s*:\s*(.+?)\s*=\s*", re.DOTALL
)


def _macro(file: File, node: Node) -> None:
    name = node.child_by_field_name("macro")
    tokens = next((c for c in node.named_children if c.type == "token_tree"), None)
    path = file.resolve(plain(syntax.text(name))) if name else ""
    inner = syntax.text(tokens)[1:-1] if tokens is not None else ""
    file.macros.append(
        Macro(path, inner, node, syntax.line(node), node.start_byte, file.function_at(node.start_byte))
    )
    if path.rpartition("::")[2] in ("lazy_static", "thread_local", "memoize") and tokens is not None:
        first = tokens.start_point.row + 1
        for match in _LAZY.finditer(inner):
            line = first + inner.count("\n", 0, match.start(1))
            file.statics.append(Static(match[1], match[2], None, line))


def _use(file: File, text: str) -> None:
    """What one `use` brings in: `a::{b, c::{d as e, self}, f::*}`, nested as deep as it likes."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.DOTALL)
    prefixes: list[str] = [""]
    for part in re.findall(r"[^{},]+|[{},]", text):
        if part == "{":
            continue
        if part == "}":
            if len(prefixes) > 1:
                prefixes.pop()
            continue
        part = part.strip()
        if part == "," or not part:
            continue
        if part.endswith("::"):
            prefixes.append(_joined(prefixes[-1], part[:-2]))
            continue
        path, _, alias = part.partition(" as ")
        full = _joined(prefixes[-1], "".join(path.split()))
        if full.endswith("::*") or full == "*":
            file.globs.append(full[:-3] if full != "*" else "")
            continue
        full = full.removesuffix("::self")
        name = alias.strip() or full.rpartition("::")[2]
        if name != "_" and full:
            file.uses.setdefault(name, full)


def _joined(prefix: str, part: str) -> str:
    part = "".join(part.split()).removeprefix("::")
    return f"{prefix}::{part}" if prefix else part
