"""What an expression stands for, followed through names and modules without running anything.

`Values.ref` gives an expression a canonical name: `express.Router()` is what `express.Router()` or
`new Router()` made, `pg.Pool` is the class, `~src/db.js:120` a thing of the program's own at that byte.
`Values.value` gives constants; the environment is the one that the container starts with.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analyzers.languages import syntax
from analyzers.languages.javascript import modules, table
from analyzers.languages.javascript.modules import CLASSES, FUNCTIONS, Declaration, Module
from analyzers.languages.javascript.program import Program

if TYPE_CHECKING:
    from tree_sitter import Node

_DEPTH = 24


class _Unknown:
    """A value that reading cannot tell."""

    def __bool__(self) -> bool:
        raise TypeError("an unknown value is neither true nor false")


UNKNOWN: Final = _Unknown()
HOLE = "\0"  # an unknown part of a string
TEMPORARY = "\1"  # stands in a path below a folder for temporary files


@dataclass(frozen=True, slots=True)
class Literal:
    """An object literal, an array or a function: its node, to be looked into."""

    module: Module
    node: Node


# str, int, float, bool, None (null and undefined), Literal, UNKNOWN
Value = object


@dataclass(frozen=True, slots=True)
class Ref:
    """An expression's canonical name, and the expression that made the thing: where it is created."""

    name: str
    module: Module
    node: Node

    @property
    def site(self) -> tuple[str, int]:
        """Tells one created thing from another."""
        return self.module.path, self.node.start_byte

    @property
    def own(self) -> bool:
        """Whether it is of the program itself, not of a package."""
        return self.name.startswith("~")


class Values:
    """Names and constants of a program. Results are kept: each expression is followed once."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._refs: dict[tuple[str, int, int], Ref] = {}
        self._values: dict[tuple[str, int, int], Value] = {}
        self._fields: dict[tuple[str, int], dict[str, Node]] = {}

    # --- names ---------------------------------------------------------------------------------

    def ref(self, module: Module, node: Node, depth: int = _DEPTH) -> Ref:
        """What an expression stands for."""
        node = modules.bare(node)
        key = (module.path, node.start_byte, node.end_byte)
        held = self._refs.get(key)
        if held is None:
            held = Ref(self._own(module, node), module, node)
            self._refs[key] = held  # what refers to itself stands for itself
            if depth > 0:
                held = self._ref(module, node, depth - 1)
                self._refs[key] = held
        return held

    def _own(self, module: Module, node: Node) -> str:
        return f"~{module.path}:{node.start_byte}"

    def _ref(self, module: Module, node: Node, depth: int) -> Ref:
        kind = node.type
        if kind in ("identifier", "shorthand_property_identifier", "type_identifier"):
            return self._name(module, node, depth)
        if kind in ("call_expression", "new_expression"):
            return self._call(module, node, depth)
        if kind == "member_expression":
            base, key = node.child_by_field_name("object"), node.child_by_field_name("property")
            if base is not None and key is not None:
                return self.member(module, node, base, syntax.text(key), depth)
        elif kind == "subscript_expression":
            base, index = node.child_by_field_name("object"), node.child_by_field_name("index")
            name = modules.string(index)
            if base is not None and name is not None:
                return self.member(module, node, base, name, depth)
        elif kind == "nested_type_identifier":
            left, right = node.child_by_field_name("module"), node.child_by_field_name("name")
            if left is not None and right is not None:
                return self.member(module, node, left, syntax.text(right), depth)
        elif kind == "generic_type":
            inner = node.child_by_field_name("name")
            if inner is not None:
                return self.ref(module, inner, depth)
        elif kind == "assignment_expression":
            right = node.child_by_field_name("right")
            if right is not None:
                return self.ref(module, right, depth)
        elif kind == "binary_expression":
            left, operator = node.child_by_field_name("left"), node.child_by_field_name("operator")
            right = node.child_by_field_name("right")
            if operator is not None and operator.type in ("||", "??") and left and right:
                first = self.ref(module, left, depth)
                return first if not first.own else self.ref(module, right, depth)
        elif kind == "ternary_expression":
            for side in ("consequence", "alternative"):
                part = node.child_by_field_name(side)
                if part is not None and not (found := self.ref(module, part, depth)).own:
                    return found
        elif kind == "this":
            scope = next(module.enclosing(node.start_byte, "class"), None)
            if scope is not None:
                return Ref(f"{self._own(module, scope.node)}()", module, scope.node)
        return Ref(self._own(module, node), module, node)

    def _name(self, module: Module, node: Node, depth: int) -> Ref:
        name = syntax.text(node)
        declaration = module.lookup(name, node.start_byte)
        if declaration is None:
            return Ref(name, module, node)  # a global
        return self.declared(module, declaration, depth)

    def declared(self, module: Module, declaration: Declaration, depth: int = _DEPTH) -> Ref:
        """What a declared name stands for."""
        here = Ref(self._own(module, declaration.node), module, declaration.node)
        if depth <= 0:
            return here
        if declaration.kind == "import":
            return self._imported(module, declaration.specifier, declaration.imported, here, depth)
        if declaration.kind == "param":
            return self._parameter(module, declaration, here, depth)
        if declaration.kind in ("function", "class"):
            return here
        if declaration.value is None:
            return self._assigned(module, declaration, here, depth)
        if declaration.value.type in ("null", "undefined") and not declaration.keys:
            return self._assigned(module, declaration, here, depth)
        found = self.ref(module, declaration.value, depth - 1)
        for key in declaration.keys:
            found = self.property(found, key, depth - 1)
        literal = modules.bare(declaration.value).type in ("object", "array") or found.node.type in FUNCTIONS
        return here if literal and not declaration.keys and found.node.type not in FUNCTIONS else found

    def _assigned(self, module: Module, declaration: Declaration, here: Ref, depth: int) -> Ref:
        """`let app; … app = express()`: the one thing that is ever assigned."""
        given = [
            right
            for node in module.assigned.get(declaration.name, ())
            if module.lookup(declaration.name, node.start_byte) is declaration
            and (right := node.child_by_field_name("right")) is not None
            and right.type not in ("null", "undefined")
        ]
        return self.ref(module, given[0], depth - 1) if len(given) == 1 else here

    def _parameter(self, module: Module, declaration: Declaration, here: Ref, depth: int) -> Ref:
        annotation = declaration.type
        inner = annotation.named_children[0] if annotation and annotation.named_children else None
        if inner is None or inner.type not in ("type_identifier", "nested_type_identifier", "generic_type"):
            return here
        found = self.ref(module, inner, depth - 1)
        return Ref(f"{found.name}()", module, declaration.node)

    def _imported(self, module: Module, specifier: str, name: str, here: Ref, depth: int) -> Ref:
        target = self.program.resolve(module, specifier)
        if target is None:
            return here
        if isinstance(target, str):
            plain = target.removeprefix("node:")
            return Ref(plain if name in ("*", "default") else f"{plain}.{name}", module, here.node)
        found = self.exported(target, "default" if name == "*" else name, depth - 1)
        return found if found is not None else Ref(f"~{target.path}:0", target, target.root)

    def exported(self, module: Module, name: str, depth: int = _DEPTH) -> Ref | None:
        """What a module gives out under a name; None where it gives out nothing of it."""
        export = module.exports.get(name)
        if export is None:
            for specifier in module.stars if depth > 0 else ():
                target = self.program.resolve(module, specifier)
                if isinstance(target, Module) and (found := self.exported(target, name, depth - 1)):
                    return found
            return None
        if depth <= 0:
            return None
        if export.node is not None:
            if export.node.type == "identifier":
                declaration = module.lookup(syntax.text(export.node), export.node.start_byte)
                if declaration is not None:
                    return self.declared(module, declaration, depth - 1)
            return self.ref(module, export.node, depth - 1)
        return self._imported(
            module, export.specifier, export.name, Ref(f"~{module.path}:0", module, module.root), depth
        )

    def _call(self, module: Module, node: Node, depth: int) -> Ref:
        function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        if function is None:
            return Ref(self._own(module, node), module, node)
        if function.type in ("identifier", "import") and function.text in (b"require", b"import"):
            specifier = modules.string(next(iter(modules.arguments(node)), None))
            if specifier is not None:
                return self._imported(
                    module, specifier, "*", Ref(self._own(module, node), module, node), depth
                )
        callee = self.ref(module, function, depth)
        if callee.node.type in FUNCTIONS and node.type == "call_expression":
            returned = self.returned(callee.node)
            if returned is not None and depth > 0:
                return self.ref(callee.module, returned, depth)
        if callee.name in _TRANSPARENT:
            given = modules.arguments(node)
            if given:
                return self.ref(module, given[0], depth)
        return Ref(f"{callee.name}()", module, node)

    def returned(self, function: Node) -> Node | None:
        """The expression that a function gives back, where there is one."""
        body = function.child_by_field_name("body")
        if body is None:
            return None
        if body.type != "statement_block":
            return body
        for statement in reversed(body.named_children):
            if statement.type == "return_statement" and statement.named_children:
                return statement.named_children[0]
        return None

    def member(self, module: Module, node: Node, base: Node, key: str, depth: int) -> Ref:
        """`base.key`."""
        inner = modules.bare(base)
        if inner.type == "this":
            scope = next(module.enclosing(node.start_byte, "class"), None)
            if scope is not None and (found := self.field(module, scope.node, key, depth)) is not None:
                return found
        found = self.ref(module, inner, depth)
        return self.property(found, key, depth, Ref(self._own(module, node), module, node))

    def property(self, base: Ref, key: str, depth: int, here: Ref | None = None) -> Ref:
        """A property of what a name stands for."""
        if depth <= 0:
            return here or base
        if base.node.type == "program":
            return self.exported(base.module, key, depth - 1) or Ref(
                f"{base.name}.{key}", base.module, base.node
            )
        value = base.node
        if value.type in ("identifier", "shorthand_property_identifier_pattern"):
            declaration = base.module.lookup(syntax.text(value), value.start_byte)
            if declaration is not None and declaration.value is not None and not declaration.keys:
                value = modules.bare(declaration.value)
        if value.type == "object" and (inner := modules.properties(value).get(key)) is not None:
            return self.ref(base.module, inner, depth - 1)
        if base.own and base.name.endswith("()"):
            owner = self._class(base)
            if owner is not None and (found := self.field(*owner, key, depth)) is not None:
                return found
        if key == "default":
            return base
        return Ref(f"{base.name}.{key}", (here or base).module, (here or base).node)

    def _class(self, instance: Ref) -> tuple[Module, Node] | None:
        if instance.node.type in CLASSES:
            return instance.module, instance.node
        constructor = instance.node.child_by_field_name("constructor")
        if constructor is None:
            return None
        found = self.ref(instance.module, constructor)
        return (found.module, found.node) if found.node.type in CLASSES else None

    def field(self, module: Module, owner: Node, key: str, depth: int) -> Ref | None:
        """What `this.key` of a class holds: a field's value, what its constructor assigns or is given."""
        fields = self._fields.get((module.path, owner.start_byte))
        if fields is None:
            fields = self._fields.setdefault((module.path, owner.start_byte), _fields(module, owner))
        node = fields.get(key)
        if node is None or depth <= 0:
            return None
        if node.type in ("required_parameter", "optional_parameter"):
            annotation = node.child_by_field_name("type")
            inner = annotation.named_children[0] if annotation and annotation.named_children else None
            if inner is None:
                return None
            found = self.ref(module, inner, depth - 1)
            return Ref(f"{found.name}()", found.module, found.node)
        if node.type == "method_definition":
            return Ref(self._own(module, node), module, node)
        return self.ref(module, node, depth - 1)

    # --- constants -------------------------------------------------------------------------------

    def value(self, module: Module, node: Node | None, depth: int = _DEPTH) -> Value:
        """The constant that an expression has as the container starts, or UNKNOWN."""
        if node is None or depth <= 0:
            return UNKNOWN
        node = modules.bare(node)
        key = (module.path, node.start_byte, node.end_byte)
        if key not in self._values:
            self._values[key] = UNKNOWN  # what refers to itself has no value that reading can tell
            self._values[key] = self._value(module, node, depth)
        return self._values[key]

    def _value(self, module: Module, node: Node, depth: int) -> Value:
        simple = _SIMPLE.get(node.type)
        if simple is not None:
            return simple(node)
        kind = node.type
        if kind in ("string", "template_string"):
            return self._text(module, node, depth)
        if kind in ("object", "array") or kind in FUNCTIONS:
            return Literal(module, node)
        if kind in ("identifier", "shorthand_property_identifier"):
            return self._constant(module, node, depth)
        if kind == "binary_expression":
            return self._binary(module, node, depth)
        if kind == "unary_expression":
            return self._unary(module, node, depth)
        if kind == "ternary_expression":
            test = self.value(module, node.child_by_field_name("condition"), depth - 1)
            if test is UNKNOWN:
                return UNKNOWN
            side = "consequence" if truthy(test) else "alternative"
            return self.value(module, node.child_by_field_name(side), depth - 1)
        if kind in ("member_expression", "subscript_expression"):
            return self._member_value(module, node, depth)
        if kind in ("call_expression", "new_expression"):
            return self._call_value(module, node, depth)
        if kind == "assignment_expression":
            return self.value(module, node.child_by_field_name("right"), depth - 1)
        return UNKNOWN

    def variable(self, name: str) -> Value:
        """The value of an environment variable as the container starts."""
        if name in self.program.passed:
            return UNKNOWN  # given from outside when the container starts
        return self.program.environment.get(name)

    def _text(self, module: Module, node: Node, depth: int) -> Value:
        parts: list[str] = []
        for child in node.named_children:
            if child.type == "template_substitution":
                value = self.value(module, next(iter(child.named_children), None), depth - 1)
                parts.append(_as_text(value))
            elif child.type == "string_fragment":
                parts.append(syntax.text(child))
        return "".join(parts)

    def _constant(self, module: Module, node: Node, depth: int) -> Value:
        name = syntax.text(node)
        if name == "undefined":
            return None
        if name in ("__dirname", "__filename") and module.lookup(name, node.start_byte) is None:
            return posixpath.dirname(module.guest) if name == "__dirname" else module.guest
        declaration = module.lookup(name, node.start_byte)
        if declaration is None:
            return UNKNOWN
        return self._declared_value(module, declaration, depth)

    def _declared_value(self, module: Module, declaration: Declaration, depth: int) -> Value:
        if declaration.kind == "import":
            target = self.program.resolve(module, declaration.specifier)
            if isinstance(target, Module):
                return self._exported_value(target, declaration.imported, depth - 1)
            return UNKNOWN
        if declaration.kind not in ("const", "let", "var") or declaration.value is None:
            return UNKNOWN
        if declaration.kind != "const" and len(module.assigned.get(declaration.name, ())) > 0:
            return UNKNOWN
        if not declaration.keys:
            return self.value(module, declaration.value, depth - 1)
        base = modules.bare(declaration.value)
        if len(declaration.keys) == 1 and _is_environment(base):
            found = self.variable(declaration.keys[0])
        else:
            found = self.value(module, base, depth - 1)
            for key in declaration.keys:
                found = self.inside(found, key, depth - 1)
        if found is None and declaration.default is not None:
            return self.value(module, declaration.default, depth - 1)
        return found

    def _exported_value(self, module: Module, name: str, depth: int) -> Value:
        name = "default" if name == "*" else name
        export = module.exports.get(name)
        if export is None or depth <= 0:
            if name == "default" and module.exports:
                return Literal(module, module.root)
            return UNKNOWN
        if export.node is None:
            target = self.program.resolve(module, export.specifier)
            return (
                self._exported_value(target, export.name, depth - 1)
                if isinstance(target, Module)
                else UNKNOWN
            )
        return self.value(module, export.node, depth - 1)

    def inside(self, base: Value, key: str, depth: int = _DEPTH) -> Value:
        """The value of a property of an object literal, an array or a module."""
        if not isinstance(base, Literal) or depth <= 0:
            return UNKNOWN
        if base.node.type == "program":
            return self._exported_value(base.module, key, depth - 1)
        if base.node.type == "array" and key.isdigit():
            items = [child for child in base.node.named_children if child.type != "comment"]
            return self.value(base.module, items[int(key)], depth - 1) if int(key) < len(items) else None
        if base.node.type != "object":
            return UNKNOWN
        found = modules.properties(base.node).get(key)
        if found is not None:
            return self.value(base.module, found, depth - 1)
        spread = any(child.type == "spread_element" for child in base.node.named_children)
        return UNKNOWN if spread else None

    def _member_value(self, module: Module, node: Node, depth: int) -> Value:
        base = node.child_by_field_name("object")
        index = node.child_by_field_name("property")
        name = syntax.text(index) if index is not None else modules.string(node.child_by_field_name("index"))
        if base is None or name is None:
            return UNKNOWN
        if _is_environment(base):
            return self.variable(name)
        found = self.value(module, base, depth - 1)
        if isinstance(found, Literal):
            return self.inside(found, name, depth - 1)
        made = self.ref(module, base, depth - 1)
        if made.name == "envalid.cleanEnv()":
            return self._cleaned(made, name, depth)
        return UNKNOWN

    def _cleaned(self, made: Ref, name: str, depth: int) -> Value:
        """A variable that envalid checked: its value, else the `default` of its specification."""
        value = self.variable(name)
        given = modules.arguments(made.node)
        if value is not None or len(given) < 2:
            return value
        specification = self.value(made.module, given[1], depth - 1)
        if not isinstance(specification, Literal):
            return UNKNOWN
        call = modules.properties(specification.node).get(name)
        option = self.value(specification.module, next(iter(modules.arguments(call)), None)) if call else None
        return self.inside(option, "default", depth - 1) if isinstance(option, Literal) else UNKNOWN

    def _binary(self, module: Module, node: Node, depth: int) -> Value:
        operator = node.child_by_field_name("operator")
        sign = operator.type if operator is not None else ""
        left = self.value(module, node.child_by_field_name("left"), depth - 1)
        if sign in ("||", "??", "&&"):
            if left is UNKNOWN:
                return UNKNOWN
            decided = {"||": truthy(left), "&&": not truthy(left), "??": left is not None}[sign]
            return left if decided else self.value(module, node.child_by_field_name("right"), depth - 1)
        right = self.value(module, node.child_by_field_name("right"), depth - 1)
        if sign in ("===", "==", "!==", "!="):
            if left is UNKNOWN or right is UNKNOWN or isinstance(left, Literal) or isinstance(right, Literal):
                return UNKNOWN
            return (left == right) is (sign[0] == "=")
        if sign != "+":
            return UNKNOWN
        if isinstance(left, str) or isinstance(right, str):
            return _as_text(left) + _as_text(right)
        return left + right if isinstance(left, int) and isinstance(right, int) else UNKNOWN

    def _path(self, module: Module, given: Sequence[Node], depth: int, *, resolve: bool) -> str:
        parts = [_as_text(self.value(module, node, depth - 1)) for node in given]
        start = self.program.workdir if resolve else ""
        return (
            posixpath.normpath(
                posixpath.join(
                    start, *(p.lstrip("/") if i and not resolve else p for i, p in enumerate(parts))
                )
            )
            if parts
            else start
        )

    def _unary(self, module: Module, node: Node, depth: int) -> Value:
        operator = node.child_by_field_name("operator")
        value = self.value(module, node.child_by_field_name("argument"), depth - 1)
        if value is UNKNOWN or operator is None:
            return UNKNOWN
        if operator.type == "!":
            return not truthy(value)
        if operator.type == "+":
            return number(value)
        return -value if operator.type == "-" and isinstance(value, int | float) else UNKNOWN

    def _call_value(self, module: Module, node: Node, depth: int) -> Value:
        function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
        if function is None:
            return UNKNOWN
        given = modules.arguments(node)
        if function.type in ("identifier", "import") and function.text in (b"require", b"import") and given:
            target = self.program.resolve(module, modules.string(given[0]) or "")
            return (
                self._exported_value(target, "default", depth - 1) if isinstance(target, Module) else UNKNOWN
            )
        name = self.ref(module, function, depth - 1)
        if name.name in _CONVERSIONS and given:
            value = self.value(module, given[0], depth - 1)
            if value is UNKNOWN:
                return UNKNOWN
            return _CONVERSIONS[name.name](value)
        if name.name in _PATHS:
            return self._path(module, given, depth, resolve=name.name.endswith("resolve"))
        if name.name == "process.cwd":
            return self.program.workdir
        if name.name in table.load().names("files", "temporary"):
            return f"/tmp/{TEMPORARY}"  # noqa: S108 (what the program would be given)
        text = syntax.text(function)
        # env-var: get('PORT').default('3000').asPortNumber(); Nest: config.get('PORT', 3000)
        if match := re.search(r"\.(?:get|from|env)\(\s*['\"]([A-Z][A-Z0-9_]*)['\"]", text):
            value = self.variable(match[1])
            default = re.search(r"\.default\(\s*['\"]?([^'\")]*)['\"]?\s*\)", text)
            if value is None and default:
                value = default[1]
            return number(value) if "Port" in text or ".asInt" in text else value
        if function.type == "member_expression" and given:
            property_ = function.child_by_field_name("property")
            key = modules.string(given[0])
            if (
                property_ is not None
                and property_.text in (b"get", b"getOrThrow")
                and key
                and re.fullmatch(r"[A-Z][A-Z0-9_]*", key)
            ):
                value = self.variable(key)
                if value is None and len(given) > 1:
                    return self.value(module, given[1], depth - 1)
                return value if value is not None else UNKNOWN
            if property_ is not None and property_.text in (b"toString", b"trim"):
                return self.value(module, function.child_by_field_name("object"), depth - 1)
        if name.node.type in FUNCTIONS and not given:
            returned = self.returned(name.node)
            return self.value(name.module, returned, depth - 1) if returned is not None else UNKNOWN
        if name.name in ("Object.freeze", "url.URL", "URL", "Object.assign") and given:
            return self.value(module, given[0], depth - 1)
        return UNKNOWN


_TRANSPARENT = frozenset({"Object.freeze", "util.promisify", "Promise.resolve", "bluebird.promisifyAll"})


_PATHS = frozenset({"path.join", "path.resolve", "path.posix.join", "path/posix.join"})


def _is_environment(node: Node) -> bool:
    return syntax.text(modules.bare(node)).replace("?.", ".") in ("process.env", "Bun.env", "import.meta.env")


def _as_text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else HOLE


def truthy(value: Value) -> bool:
    """Whether JavaScript takes a known value for true."""
    return isinstance(value, Literal) or bool(value)


def number(value: Value) -> Value:
    """What `Number()` and `parseInt()` make of a known value."""
    if isinstance(value, int | float):
        return value
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,9}\s*", value, re.ASCII):
        return int(value)
    return UNKNOWN


_CONVERSIONS: dict[str, Callable[[Value], Value]] = {
    "parseInt": number,
    "Number": number,
    "Number.parseInt": number,
    "String": lambda value: value if isinstance(value, str) else _as_text(value),
    "Boolean": truthy,
}


def _number(node: Node) -> Value:
    text = syntax.text(node).replace("_", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else UNKNOWN


_SIMPLE: dict[str, Callable[[Node], Value]] = {
    "number": _number,
    "true": lambda _: True,
    "false": lambda _: False,
    "null": lambda _: None,
    "undefined": lambda _: None,
}


def _fields(module: Module, owner: Node) -> dict[str, Node]:
    """Names of a class's members -> value, parameter or method."""
    found: dict[str, Node] = {}
    body = owner.child_by_field_name("body")
    for member in body.named_children if body is not None else ():
        name = member.child_by_field_name("name") or member.child_by_field_name("property")
        value = member.child_by_field_name("value")
        if name is None:
            continue
        if member.type == "method_definition":
            if name.text == b"constructor":
                given = member.child_by_field_name("parameters")
                for parameter in given.named_children if given is not None else ():
                    inner = parameter.child_by_field_name("pattern")
                    modified = any(
                        c.type in ("accessibility_modifier", "readonly") for c in parameter.children
                    )
                    if inner is not None and modified:
                        found.setdefault(syntax.text(inner), parameter)
            else:
                found.setdefault(syntax.text(name), member)
        elif value is not None:
            found.setdefault(syntax.text(name), value)
        elif (annotation := member.child_by_field_name("type")) is not None and annotation.named_children:
            pass  # a field without a value says nothing of what it holds
    start, end = owner.start_byte, owner.end_byte
    for node in module.nodes.get("assign", ()):
        if start <= node.start_byte < end:
            left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
            if left is not None and right is not None and left.type == "member_expression":
                base, key = left.child_by_field_name("object"), left.child_by_field_name("property")
                if base is not None and key is not None and base.type == "this":
                    found.setdefault(syntax.text(key), right)
    return found
