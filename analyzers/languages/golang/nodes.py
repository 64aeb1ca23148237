"""What single pieces of Go source say: literals and their parts, assignments, parameters, formats."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang.files import Function

if TYPE_CHECKING:
    from tree_sitter import Node


def literal(node: Node) -> str | None:
    """The value of a literal of Go, as text."""
    kind = node.type
    if kind == "literal_element" and node.named_children:
        return literal(node.named_children[0])
    if kind == "raw_string_literal":
        return syntax.text(node)[1:-1]
    if kind == "interpreted_string_literal":
        return re.sub(r'\\(["\\/])', r"\1", syntax.text(node)[1:-1])
    if kind in ("int_literal", "float_literal", "true", "false"):
        return syntax.text(node).replace("_", "")
    return None


def elements(node: Node) -> list[tuple[str, Node]]:
    """The `Key: value` pairs of a composite literal."""
    body = node.child_by_field_name("body")
    return [
        (syntax.text(element.named_children[0]), element.named_children[1])
        for element in (body.named_children if body is not None else ())
        if element.type == "keyed_element" and len(element.named_children) >= 2
    ]


def first(node: Node) -> Node | None:
    return node.named_children[0] if node.named_children else None


def last_name(node: Node) -> str:
    """`Addr` of `&cfg.Addr`."""
    match = re.search(r"([A-Za-z_]\w*)\s*$", syntax.text(node))
    return match[1] if match else ""


_GIVEN = """
(short_var_declaration left: (expression_list) @left right: (expression_list) @right)
(assignment_statement left: (expression_list) @left right: (expression_list) @right)
(var_spec name: (identifier) @left value: (expression_list) @right)
"""


def assigned(function: Function, name: str) -> list[Node]:
    """The expressions that a variable of a function is given, in source order."""
    if function.given is None:
        function.given = {}
        for _, match in syntax.matches("go", _GIVEN, function.node):
            left, values = match["left"], match["right"][0].named_children
            names = left[0].named_children if left[0].type == "expression_list" else left
            for position, one in enumerate(names):
                if one.type == "identifier" and values:
                    value = values[position] if position < len(values) else values[0]
                    function.given.setdefault(syntax.text(one), []).append(value)
    return function.given.get(name, [])


def parameter_position(function: Function, name: str) -> int | None:
    node = function.node.child_by_field_name("parameters")
    position = 0
    for parameter in node.named_children if node is not None else ():
        names = parameter.children_by_field_name("name")
        for one in names:
            if syntax.text(one) == name:
                return position
            position += 1
        position += 0 if names else 1
    return None


def formatted(pattern: str | None, values: Sequence[str | None]) -> str | None:
    if pattern is None:
        return None
    rest = list(values)

    def one(match: re.Match[str]) -> str:
        if match[0] == "%%":
            return "%"
        given = rest.pop(0) if rest else None
        return given if given is not None else "\0"

    text = re.sub(r"%%|%[-+# 0]*\d*(?:\.\d+)?[a-zA-Z]", one, pattern)
    if "\0" not in text:
        return text
    # A host that is not known leaves the port: ":8080" is the address on which it listens.
    return text.replace("\0", "") if re.search(r":\d+$", text) else None


def port_of(address: str | None) -> str:
    """The port of `host:port`, of `:port`, of a bare number or of a URL; "" where there is none."""
    if address is None:
        return ""
    match = re.search(r"(?:^|:)(\d{1,5})(?:/|$)", address.strip())
    return match[1] if match and 20 < int(match[1]) < 65536 else ""
