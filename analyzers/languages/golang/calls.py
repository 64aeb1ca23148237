"""The calls and composite literals of the code that runs, with the packages that they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang.files import Function, GoFile
from analyzers.languages.golang.modules import plain
from analyzers.languages.golang.program import Program
from analyzers.model import Evidence, Reach

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A call `x.Name(…)` or `Name(…)`, or a literal `x.Name{…}`. `function` is None outside functions."""

    file: GoFile
    function: Function | None
    node: Node
    name: str
    operand: Node | None
    arguments: tuple[Node, ...]
    literal: bool
    reach: Reach
    alias: str  # import path (without major version) where the operand is a package, else ""


def collect(program: Program, before: Sequence[Call] = ()) -> tuple[Call, ...]:
    """All calls that `main` leads to, file by file in source order. `before` are those of the same files."""
    known = {id(call.node): call for call in before}
    return tuple(call for file in program.files() for call in _of_file(program, file, known))


def _of_file(program: Program, file: GoFile, known: Mapping[int, Call]) -> Iterator[Call]:
    for node in file.uses:
        function = file.at(node.start_byte)
        reach = Reach.IMPORT if function is None else program.functions.get(function)
        if reach is None or (function is None and _checks_only(node)):
            continue
        old = known.get(id(node))
        if old is not None and old.file is file:
            yield old if old.reach is reach else replace(old, reach=reach)
            continue
        literal = node.type == "composite_literal"
        target = node.child_by_field_name("type" if literal else "function") if node.type[0] == "c" else node
        if target is None:
            continue
        operand: Node | None = None
        kind = target.type
        if kind == "selector_expression":
            operand, name_node = target.child_by_field_name("operand"), target.child_by_field_name("field")
        elif kind == "qualified_type":
            operand, name_node = target.child_by_field_name("package"), target.child_by_field_name("name")
        elif kind in ("identifier", "type_identifier"):
            name_node = target
        else:
            continue
        if name_node is None:
            continue
        alias = ""
        if operand is not None and operand.type in ("identifier", "package_identifier"):
            path = program.import_of(file, syntax.text(operand))
            if path is not None and not program.of_name(file, function, syntax.text(operand)):
                alias = (
                    plain(path)
                    if program.resolver.folder(path) is None
                    else f"./{program.resolver.folder(path)}"
                )
        held = node.child_by_field_name("arguments") if not literal and node is not target else None
        arguments = tuple(n for n in held.named_children if n.type != "comment") if held is not None else ()
        yield Call(file, function, node, syntax.text(name_node), operand, arguments, literal, reach, alias)


def _checks_only(node: Node) -> bool:
    """Whether a literal outside functions belongs to `var _ Interface = &Type{}`."""
    here: Node | None = node
    for _ in range(8):
        if here is None:
            return False
        if here.type == "var_spec":
            name = here.child_by_field_name("name")
            return name is not None and syntax.text(name) == "_"
        here = here.parent
    return False


def packages(program: Program, call: Call) -> tuple[tuple[str, bool], ...]:
    """The libraries that a call belongs to, and whether it is a function of it (else a method of a value)."""
    if call.alias:
        return () if call.alias.startswith("./") else ((call.alias, True),)
    if call.operand is None or call.literal:
        return ()
    kinds = program.kinds(call.file, call.function, call.operand)
    return tuple(sorted({(kind.rpartition(".")[0], False) for kind in kinds if kind[:1] not in ("<", ".")}))


def evidence(program: Program, call: Call) -> Evidence:
    return program.at(call.file, call.node)
