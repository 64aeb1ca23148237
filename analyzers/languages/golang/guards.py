"""Branches that are off as the program is started: `if *debug { … }` with a flag that is false by default and
that the start command does not set.

Only flags and fields with a stated default decide; what a variable of the environment would turn on stays.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang.files import Function, GoFile
from analyzers.languages.golang.nodes import literal
from analyzers.languages.golang.program import Program
from analyzers.languages.golang.values import TYPE, Values

if TYPE_CHECKING:
    from tree_sitter import Node

_DEPTH = 12
_FLAG_TAGS = frozenset({"long", "short", "flag", "arg"})


def off(program: Program, values: Values) -> dict[str, tuple[tuple[int, int], ...]]:
    """File -> the bytes between the braces of branches that are not taken, of code that `main` leads to."""
    found: dict[str, list[tuple[int, int]]] = {}
    for file in program.files() if values.has_flags() else ():
        for node in syntax.captures("go", "(if_statement) @if", file.root).get("if", []):
            function = file.at(node.start_byte)
            if function is None or function not in program.functions:
                continue
            truth = _truth(values, file, function, node.child_by_field_name("condition"), 0)
            if truth is None:
                continue
            branch = node.child_by_field_name("alternative" if truth else "consequence")
            if branch is not None and branch.type == "block" and branch.end_byte - branch.start_byte > 2:
                found.setdefault(file.path, []).append((branch.start_byte + 1, branch.end_byte - 1))
    return {path: tuple(regions) for path, regions in found.items()}


def _truth(values: Values, file: GoFile, function: Function, node: Node | None, depth: int) -> bool | None:
    """Whether a condition holds; None where reading cannot tell."""
    if node is None or depth > _DEPTH:
        return None
    kind = node.type
    if kind == "parenthesized_expression" and node.named_children:
        return _truth(values, file, function, node.named_children[0], depth + 1)
    if kind == "unary_expression" and syntax.text(node).startswith("!"):
        truth = _truth(values, file, function, node.child_by_field_name("operand"), depth + 1)
        return None if truth is None else not truth
    if kind == "binary_expression":
        return _of_pair(values, file, function, node, depth)
    value = stated(values, file, function, node)
    return {"true": True, "false": False}.get(value) if value is not None else None


def _of_pair(values: Values, file: GoFile, function: Function, node: Node, depth: int) -> bool | None:
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    sign = node.child_by_field_name("operator")
    if left is None or right is None or sign is None:
        return None
    operator = syntax.text(sign)
    if operator in ("&&", "||"):
        one = _truth(values, file, function, left, depth + 1)
        other = _truth(values, file, function, right, depth + 1)
        decides = operator == "||"
        if decides in (one, other):
            return decides
        return None if one is None or other is None else not decides
    wanted = literal(right)
    if wanted is None:
        return None
    length = left.type == "call_expression" and syntax.text(left).startswith("len(")
    held = left.child_by_field_name("arguments") if length else None
    value = stated(
        values, file, function, held.named_children[0] if held is not None and held.named_children else left
    )
    if value is None:
        return None
    if length:
        value = str(len(value))
    if operator in ("==", "!="):
        return (value == wanted) is (operator == "==")
    if operator in (">", "<", ">=", "<=") and value.isdecimal() and wanted.isdecimal():
        a, b = int(value), int(wanted)
        return {">": a > b, "<": a < b, ">=": a >= b, "<=": a <= b}[operator]
    return None


def stated(values: Values, file: GoFile, function: Function, node: Node) -> str | None:
    """The value of a flag, or of a field that a flag sets, as the program is started; None for all else."""
    for _ in range(4):
        if node.type in ("unary_expression", "parenthesized_expression") and node.named_children:
            node = node.named_children[0]
    if node.type == "identifier":
        return values.of_flag(file, function, syntax.text(node))
    if node.type != "selector_expression":
        return None
    name, operand = node.child_by_field_name("field"), node.child_by_field_name("operand")
    if name is None or operand is None:
        return None
    kinds = values.program.kinds(file, function, operand)
    mine = [tags for owner, tags in values.tags().get(syntax.text(name), ()) if owner in kinds]
    if len(mine) != 1 or syntax.text(name) in values.fields():
        return None
    tags = mine[0]
    if "env" in tags and tags["env"] in values.env:
        return values.env[tags["env"]]
    given = [
        values.given[one]
        for key in ("long", "name", "flag", "short")
        if (one := tags.get(key, "").lower()) in values.given
    ]
    if given:
        return given[0]
    if "default" in tags:
        return tags["default"]
    if not _FLAG_TAGS & set(tags):
        return None
    return {"bool": "false", "string": ""}.get(tags[TYPE])
