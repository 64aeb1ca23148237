"""The types that names and expressions of a Go program may have, as far as declarations tell them.

A type is written `import/path.Name` (without major version), `./folder.Name` for own ones, `<map>` and its
like for what has no name. What a call of a library gives bears the library's name: `import/path.Function`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang.files import Function, GoFile
from analyzers.languages.golang.modules import Resolver, plain

if TYPE_CHECKING:
    from tree_sitter import Node


@dataclass(eq=False)
class Package:
    """A package of the repository, all files that the build takes."""

    folder: str
    path: str
    name: str
    files: list[GoFile]
    functions: dict[str, list[Function]] = field(default_factory=dict)
    owned: dict[str, dict[str, list[Function]]] = field(default_factory=dict)  # type -> name -> methods
    types: dict[str, tuple[GoFile, Node]] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)  # names of package variables and constants
    fields: dict[str, set[str]] = field(default_factory=dict)  # field or variable name -> types


class Kinds:
    """Types by declaration. `Program` fills `packages` (by folder) and `fields` (of all packages)."""

    resolver: Resolver
    packages: dict[str, Package]
    _locals: dict[Function, dict[str, set[str]]]

    def import_of(self, file: GoFile, alias: str) -> str | None:
        """The import path behind a name of a file."""
        return file.imports.get(alias)

    def type_of(self, file: GoFile, node: Node | None) -> str:
        """The full name of a type: `import/path.Name`, `./folder.Name` for own ones, "" for others."""
        for _ in range(8):
            if node is None:
                return ""
            if node.type in ("pointer_type", "parenthesized_type"):
                node = node.named_children[0] if node.named_children else None
            elif node.type == "generic_type":
                node = node.child_by_field_name("type")
            else:
                break
        if node is None:
            return ""
        if node.type == "type_identifier":
            return f"./{file.folder}.{syntax.text(node)}"
        if node.type == "qualified_type":
            package = node.child_by_field_name("package")
            name = node.child_by_field_name("name")
            if package is None or name is None:
                return ""
            return self.full(file, syntax.text(package), syntax.text(name))
        if node.type in ("map_type", "slice_type", "array_type", "channel_type"):
            return f"<{node.type.removesuffix('_type')}>"
        return ""

    def full(self, file: GoFile, alias: str, name: str) -> str:
        """`alias.Name` of a file with the whole import path; "" where the alias is no import."""
        path = self.import_of(file, alias)
        if path is None:
            return ""
        own = self.resolver.folder(path)
        return f"./{own}.{name}" if own is not None else f"{plain(path)}.{name}"

    def kinds(self, file: GoFile, function: Function | None, node: Node | None, depth: int = 0) -> set[str]:
        """The types that an expression may have. What a call of a library gives bears the library's name."""
        if node is None or depth > 6:
            return set()
        kind = node.type
        if kind in ("unary_expression", "parenthesized_expression"):
            inner = node.child_by_field_name("operand") or (
                node.named_children[0] if node.named_children else None
            )
            return self.kinds(file, function, inner, depth + 1)
        if kind in ("composite_literal", "type_conversion_expression", "type_assertion_expression"):
            full = self.type_of(file, node.child_by_field_name("type"))
            return {full} if full else set()
        if kind == "identifier":
            return self.of_name(file, function, syntax.text(node))
        if kind == "selector_expression":
            return self._of_selector(file, function, node, depth)
        if kind == "call_expression":
            return self._of_call(file, function, node, depth)
        return set()

    def of_name(self, file: GoFile, function: Function | None, name: str) -> set[str]:
        while function is not None:
            known = self.locals(function)
            if name in known:
                return known[name]
            function = function.outer
        package = self.packages[file.folder]
        return package.fields.get(name, set()) if name in package.values else set()

    def _of_selector(self, file: GoFile, function: Function | None, node: Node, depth: int) -> set[str]:
        operand = node.child_by_field_name("operand")
        name = node.child_by_field_name("field")
        if operand is None or name is None:
            return set()
        text = syntax.text(name)
        if operand.type == "identifier":
            alias = syntax.text(operand)
            if not self.of_name(file, function, alias) and (full := self.full(file, alias, text)):
                own = self._own(full)
                return own[0].fields.get(own[1], set()) if own else {full}
        owners = self.kinds(file, function, operand, depth + 1)
        outside = {f"{one.rpartition('.')[0]}.{text}" for one in owners if one[:1] not in ("<", ".")}
        found: set[str] = set()
        for one in owners:
            if own := self._own(one):
                found |= own[0].fields.get(text, set())
        return found or outside or self.packages[file.folder].fields.get(text, set())

    def _of_call(self, file: GoFile, function: Function | None, node: Node, depth: int) -> set[str]:
        target = node.child_by_field_name("function")
        arguments = node.child_by_field_name("arguments")
        if target is None:
            return set()
        if target.type == "identifier":
            name = syntax.text(target)
            if name in ("new", "make") and arguments is not None and arguments.named_children:
                full = self.type_of(file, arguments.named_children[0])
                return {full} if full else set()
            package = self.packages[file.folder]
            if name in package.functions:
                return self._results(package.functions[name])
            return {f"./{file.folder}.{name}"} if name in package.types else set()
        if target.type != "selector_expression":
            return set()
        name_node, operand = target.child_by_field_name("field"), target.child_by_field_name("operand")
        if name_node is None or operand is None:
            return set()
        name = syntax.text(name_node)
        if operand.type == "identifier" and not self.of_name(file, function, syntax.text(operand)):
            full = self.full(file, syntax.text(operand), name)
            if full:
                own = self._own(full)
                if own is None:
                    return {full}
                package, _ = own
                return self._results(package.functions.get(name, ())) or (
                    {full} if name in package.types else set()
                )
        found: set[str] = set()
        for one in self.kinds(file, function, operand, depth + 1):
            if own := self._own(one):
                found |= self._results(own[0].owned.get(own[1], {}).get(name, ()))
            elif one[:1] != "<":
                found.add(f"{one.rpartition('.')[0]}.{name}")
        return found

    def _results(self, functions: Iterable[Function]) -> set[str]:
        found: set[str] = set()
        for one in functions:
            result = one.node.child_by_field_name("result")
            if result is not None and result.type == "parameter_list":
                first = next(iter(result.named_children), None)
                result = first.child_by_field_name("type") if first is not None else None
            if full := self.type_of(one.file, result):
                found.add(full)
        return found

    def _own(self, full: str) -> tuple[Package, str] | None:
        if not full.startswith("./"):
            return None
        folder, _, name = full[2:].rpartition(".")
        package = self.packages.get(folder)
        return (package, name) if package is not None else None

    def locals(self, function: Function) -> dict[str, set[str]]:
        """Name -> types of a function's receiver, parameters and variables."""
        known = self._locals.get(function)
        if known is not None:
            return known
        known = {}
        self._locals[function] = known
        file = function.file
        for part in ("receiver", "parameters"):
            node = function.node.child_by_field_name(part)
            for parameter in node.named_children if node is not None else ():
                full = self.type_of(file, parameter.child_by_field_name("type"))
                for name in parameter.children_by_field_name("name"):
                    known.setdefault(syntax.text(name), set()).update({full} if full else ())
        for node in file.assignments.get(function, ()):
            if node.type == "var_spec":
                names = node.children_by_field_name("name")
                full = self.type_of(file, node.child_by_field_name("type"))
                if full:
                    for name in names:
                        known.setdefault(syntax.text(name), set()).add(full)
                    continue
                right = node.child_by_field_name("value")
            else:
                left = node.child_by_field_name("left")
                names = left.named_children if left is not None else []
                right = node.child_by_field_name("right")
            values = right.named_children if right is not None else []
            for position, name in enumerate(names):
                if name.type != "identifier" or (len(values) == 1 and position > 0):
                    if name.type == "identifier":
                        known.setdefault(syntax.text(name), set())
                    continue
                value = values[position] if position < len(values) else None
                kinds = self.kinds(file, function, value)
                text = syntax.text(name)
                if node.type != "assignment_statement" or text in known:
                    known.setdefault(text, set()).update(kinds)
        return known
