"""One Go file: whether a build takes it, what it imports, and what it declares."""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from analyzers.languages import syntax

if TYPE_CHECKING:
    from tree_sitter import Node

_OS = frozenset(
    [
        "aix",
        "android",
        "darwin",
        "dragonfly",
        "freebsd",
        "hurd",
        "illumos",
        "ios",
        "js",
        "linux",
        "nacl",
        "netbsd",
        "openbsd",
        "plan9",
        "solaris",
        "wasip1",
        "windows",
        "zos",
    ]
)
_ARCH = frozenset(
    [
        "386",
        "amd64",
        "arm",
        "arm64",
        "loong64",
        "mips",
        "mips64",
        "mips64le",
        "mipsle",
        "ppc64",
        "ppc64le",
        "riscv64",
        "s390x",
        "sparc64",
        "wasm",
    ]
)
# What holds for the container: Linux on amd64 with a Go that knows every release tag.
_GIVEN = frozenset({"linux", "amd64", "unix", "gc"})
_HEAD = re.compile(rb"(?:\s+|//[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))*", re.DOTALL)
_VISIBLE = re.compile(rb"[^\n]")
_CONSTRAINT = re.compile(rb"^//(go:build|\s*\+build)[ \t]+([^\n]*)", re.MULTILINE)
_TOKEN = re.compile(r"&&|\|\||[()!]|[\w.]+")
_WORDS = re.compile(
    rb"//[^\n]*|/\*.*?(?:\*/|\Z)|\"(?:\\.|[^\"\\\n])*\"?|`[^`]*`?|'(?:\\.|[^'\\\n])*'?"
    rb"|([A-Za-z_]\w*)?(\.)\s*([A-Za-z_]\w*)|([A-Za-z_]\w*)",
    re.DOTALL,
)


_NODES = """
[(short_var_declaration) (assignment_statement) (var_spec)] @assign
(go_statement (call_expression function: (_) @spawned))
[(if_statement) (expression_switch_statement) (for_statement (range_clause))] @branch
[(call_expression) (composite_literal)] @use
(field_declaration) @field
(func_literal) @literal
"""
_DEFAULT_CLIENT = """
(selector_expression field: (field_identifier) @field (#eq? @field "DefaultClient")) @use
"""


@dataclass(frozen=True, slots=True)
class Build:
    """How the program is built, as far as it chooses files."""

    tags: frozenset[str] = frozenset()
    cgo: bool = True

    def has(self, tag: str) -> bool:
        if tag == "cgo":
            return self.cgo
        return tag in _GIVEN or tag in self.tags or re.fullmatch(r"go1\.\d+", tag) is not None


@dataclass(eq=False, slots=True)
class Function:
    """A function, a method, or a function literal that runs at another time than the code around it."""

    file: GoFile
    name: str
    receiver: str  # name of the receiver's type, "" for a function
    node: Node
    start: int
    end: int
    kind: str = "function"  # function, literal (a handler), go (started by a go statement)
    inner: list[Function] = field(default_factory=list)
    outer: Function | None = None
    references: frozenset[tuple[str, str]] | None = None  # operand ("" for none, "." for an expression), name
    given: dict[str, list[Node]] | None = None  # variable -> the expressions that it is given

    @property
    def parameters(self) -> str:
        node = self.node.child_by_field_name("parameters")
        return syntax.text(node) if node else ""

    def words(self) -> frozenset[tuple[str, str]]:
        """What the function names: bare names, and names after a dot with the word before it."""
        if self.references is None:
            data = self.file.data[self.start : self.end]
            for one in self.inner:  # what runs at another time is asked for by itself
                a, b = one.start - self.start, one.end - self.start
                data = data[:a] + b" " * (b - a) + data[b:]
            self.references = words(data)
        return self.references


def words(data: bytes) -> frozenset[tuple[str, str]]:
    """The names in a piece of Go, comments and strings left out: (operand or "." or "", name)."""
    found: set[tuple[str, str]] = set()
    before = ""
    for operand, dot, name, bare in _WORDS.findall(data):
        if bare:
            before = bare.decode()
            found.add(("", before))
        elif dot:
            owner = operand.decode() or before or "."
            if operand:
                found.add(("", operand.decode()))
            before = name.decode()
            found.add((owner, before))
        else:
            before = ""
    return frozenset(found)


@dataclass(eq=False)
class GoFile:
    """A parsed file. `imports` maps the name used in the file to the import path."""

    path: str
    data: bytes
    root: Node
    package: str
    imports: dict[str, str]
    blank: tuple[str, ...]
    import_lines: dict[str, int]
    functions: list[Function] = field(default_factory=list)
    types: dict[str, Node] = field(default_factory=dict)  # name -> type_spec
    values: dict[str, Node | None] = field(default_factory=dict)  # package variable or constant -> its value
    variables: dict[str, Node] = field(default_factory=dict)  # package variable -> var_spec
    folder: str = ""
    named: set[str] = field(default_factory=set)  # names that the file itself gives to imports
    split: bool = False  # whether the functions' `inner` were looked for

    @cached_property
    def outside(self) -> frozenset[tuple[str, str]]:
        """What declarations outside functions name: initialisers run at start."""
        pieces = [syntax.text(node).encode() for node in dict.fromkeys(self.variables.values())]
        return words(b"\n".join(pieces))

    def at(self, position: int) -> Function | None:
        """The innermost function that holds a byte."""
        index = bisect_right(self.starts, position) - 1
        if index < 0 or position >= self.functions[index].end:
            return None
        one = self.functions[index]
        while True:
            inner = next((i for i in one.inner if i.start <= position < i.end), None)
            if inner is None:
                return one
            one = inner

    @cached_property
    def nodes(self) -> dict[str, list[Node]]:
        """The nodes that are looked at throughout a file, by what they are: one query for all of them."""
        return syntax.captures("go", _NODES, self.root)

    @cached_property
    def assignments(self) -> dict[Function, list[Node]]:
        """Function -> its own declarations and assignments of variables, in source order."""
        found: dict[Function, list[Node]] = {}
        for node in self.nodes.get("assign", []):
            function = self.at(node.start_byte)
            if function is not None:
                found.setdefault(function, []).append(node)
        return found

    @cached_property
    def spawned(self) -> list[Node]:
        """What go statements call."""
        return self.nodes.get("spawned", [])

    @cached_property
    def branches(self) -> list[Node]:
        """The statements `if`, `switch` of expressions and `for … range`, in source order."""
        return self.nodes.get("branch", [])

    @cached_property
    def uses(self) -> list[Node]:
        """The calls, literals and package values that `calls` judges, in source order."""
        nodes = list(self.nodes.get("use", []))
        if b".DefaultClient" in self.data:
            nodes += syntax.captures("go", _DEFAULT_CLIENT, self.root).get("use", [])
        return sorted(nodes, key=lambda one: one.start_byte)

    @cached_property
    def starts(self) -> list[int]:
        """Where the functions start; they follow each other in the file."""
        return [one.start for one in self.functions]


# Bytes of a file from the first to before the second, and what stands there instead.
Region = tuple[int, int, bytes]


def without(data: bytes, regions: Sequence[Region]) -> bytes:
    """The source with these regions blank but for what stands there instead; lines stay where they are."""
    for start, end, instead in sorted(regions, key=lambda one: one[2] == b""):
        middle = instead + _VISIBLE.sub(b" ", data[start:end])[len(instead) :]
        data = data[:start] + middle[: end - start] + data[end:]
    return data


def taken(path: str, data: bytes, build: Build) -> bool:
    """Whether a build for Linux takes the file: its name's suffixes and its constraints."""
    name = posixpath.basename(path)
    if name.startswith(("_", ".")) or name.endswith("_test.go"):
        return False
    parts = name.removesuffix(".go").split("_")[1:]
    if parts and parts[-1] in _ARCH:
        if not build.has(parts[-1]) or (len(parts) > 1 and parts[-2] in _OS and not build.has(parts[-2])):
            return False
    elif parts and parts[-1] in _OS and not build.has(parts[-1]):
        return False
    head = _HEAD.match(data[:20_000])
    lines = _CONSTRAINT.findall(head[0] if head else b"")
    new = [text.decode("utf-8", "replace") for mark, text in lines if mark == b"go:build"]
    if new:
        return _holds(new[0], build)
    old = [text.decode("utf-8", "replace") for mark, text in lines if mark != b"go:build"]
    return all(_old(line, build) for line in old)


def _old(line: str, build: Build) -> bool:
    """`// +build a,b !c`: spaces are or, commas are and."""

    def one(term: str) -> bool:
        return not build.has(term[1:]) if term.startswith("!") else build.has(term)

    return any(all(one(term) for term in option.split(",")) for option in line.split())


def _holds(text: str, build: Build) -> bool:
    """`//go:build` expressions; one that cannot be parsed holds."""
    tokens = _TOKEN.findall(text)
    if len(tokens) > 200:
        return True
    position = 0

    def either() -> bool:
        nonlocal position
        value = both()
        while position < len(tokens) and tokens[position] == "||":
            position += 1
            value = both() or value
        return value

    def both() -> bool:
        nonlocal position
        value = unary()
        while position < len(tokens) and tokens[position] == "&&":
            position += 1
            value = unary() and value
        return value

    def unary() -> bool:
        nonlocal position
        word = tokens[position] if position < len(tokens) else ""
        position += 1
        if word == "!":
            return not unary()
        if word == "(":
            value = either()
            position += 1
            return value
        return build.has(word)

    return either() if tokens else True


def load(path: str, data: bytes, folder: str) -> GoFile:
    """Parse a file."""
    root = syntax.parse("go", data).root_node
    file = GoFile(path, data, root, "", {}, (), {}, folder=folder)
    blank: list[str] = []
    for node in root.named_children:
        kind = node.type
        if kind == "package_clause":
            file.package = syntax.text(node).removeprefix("package").strip()
        elif kind == "import_declaration":
            _imports(file, node, blank)
        elif kind in ("function_declaration", "method_declaration"):
            _function(file, node)
        elif kind == "type_declaration":
            for spec in node.named_children:
                if (name := spec.child_by_field_name("name")) is not None:
                    file.types[syntax.text(name)] = spec
        elif kind in ("var_declaration", "const_declaration"):
            for spec in _specs(node):
                _values(file, spec)
    file.blank = tuple(blank)
    return file


def _specs(node: Node) -> list[Node]:
    """The parts of `import (…)`, `var (…)` and their like; the one part where there are no parentheses."""
    found: list[Node] = []
    for one in node.named_children:
        found += one.named_children if one.type.endswith("_spec_list") else [one]
    return [one for one in found if one.type.endswith("_spec")]


def _imports(file: GoFile, node: Node, blank: list[str]) -> None:
    for spec in _specs(node):
        where = spec.child_by_field_name("path")
        path = syntax.text(where).strip('"`') if where else ""
        name = spec.child_by_field_name("name")
        alias = syntax.text(name) if name else _package_name(path)
        if name:
            file.named.add(alias)
        file.import_lines.setdefault(path, syntax.line(spec))
        if alias == "_":
            blank.append(path)
        elif path and alias != ".":
            file.imports[alias] = path


def _package_name(path: str) -> str:
    """The name that a package most likely has: the last part, without version and `go-` around it."""
    parts = [part for part in path.split("/") if part]
    if len(parts) > 1 and re.fullmatch(r"v\d+", parts[-1]):
        parts.pop()
    name = re.sub(r"\.v\d+$", "", parts[-1]) if parts else ""
    name = name.removeprefix("go-").removesuffix("-go").removesuffix(".go")
    return name.rpartition("-")[2] if "-" in name else name


def _function(file: GoFile, node: Node) -> None:
    name = node.child_by_field_name("name")
    body = node.child_by_field_name("body")
    if name is None or body is None:
        return
    receiver = node.child_by_field_name("receiver")
    owner = (
        re.search(r"\*?\s*([A-Za-z_]\w*)\s*(?:\[[^\]]*\])?\s*\)$", syntax.text(receiver))
        if receiver
        else None
    )
    of = owner[1] if owner else ""
    function = Function(file, syntax.text(name), of, node, node.start_byte, node.end_byte)
    file.functions.append(function)


def _values(file: GoFile, spec: Node) -> None:
    names = [n for n in spec.children_by_field_name("name") if n.type == "identifier"]
    value = spec.child_by_field_name("value")
    given = value.named_children if value is not None else []
    for position, name in enumerate(names):
        text = syntax.text(name)
        if text == "_":
            continue  # `var _ Interface = &Type{}` only checks the type
        file.values[text] = given[position] if position < len(given) else None
        if spec.type == "var_spec":
            file.variables[text] = spec
