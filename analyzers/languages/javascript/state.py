"""What the process keeps in memory from one request to the next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.javascript import modules
from analyzers.languages.javascript.facts import Collector
from analyzers.languages.javascript.modules import CLASSES, FUNCTIONS, Declaration, Module
from analyzers.model import Confidence, FactKind, Reach

if TYPE_CHECKING:
    from tree_sitter import Node

_MUTATORS = frozenset({"push", "pop", "shift", "unshift", "splice", "set", "add", "delete", "clear", "fill"})
_CONTAINERS = re.compile(rb"^(?:\[|\{|new\s+(?:Map|Set|Array)\b|Object\.create\()")
_CACHE = re.compile(
    r"cach|memo(?!ry)|lru|compiled|template|pending|inflight|in_flight|timers?$|timeouts?$", re.IGNORECASE
)
_MADE = frozenset(
    {"identifier", "call_expression", "new_expression", "member_expression", "function_expression"}
)
_WEAK = re.compile(rb"^new\s+Weak(?:Map|Set)\b")
# Objects of a framework that a new one is made of for each request or connection.
_PER_REQUEST = frozenset(
    {"req", "res", "ctx", "request", "response", "reply", "socket", "ws", "next", "exports", "module"}
)


def collect(collector: Collector) -> None:
    """Add what requests change of module variables and of objects that live as long as the process."""
    for module in collector.reached:
        for node in (*module.nodes.get("assign", ()), *module.nodes.get("augmented", ())):
            left = node.child_by_field_name("left")
            if left is not None:
                _change(collector, module, node, left)
        for kind in ("update", "delete"):
            for node in module.nodes.get(kind, ()):
                target = node.child_by_field_name("argument")
                if target is not None:
                    _change(collector, module, node, target)
        for node in module.nodes.get("call", ()):
            function = node.child_by_field_name("function")
            if function is None or function.type != "member_expression":
                continue
            method = function.child_by_field_name("property")
            base = function.child_by_field_name("object")
            if method is not None and base is not None and syntax.text(method) in _MUTATORS:
                _change(collector, module, node, base, mutates=True)


def _change(collector: Collector, module: Module, node: Node, target: Node, *, mutates: bool = False) -> None:
    """`target` is changed by `node`: what holds it, and does it outlive the request?"""
    root, deep = _root(target)
    if root.type == "this":
        _field(collector, module, node, target, mutates=mutates)
        return
    if root.type != "identifier":
        return
    name = syntax.text(root)
    if name in _PER_REQUEST:
        return
    declaration = module.lookup(name, root.start_byte)
    if declaration is None:
        right = node.child_by_field_name("right")
        made = right is not None and modules.bare(right).type in _MADE  # kept so that it is made once
        if deep and not made and name in ("global", "globalThis") and _later(collector, module, node):
            _add(collector, module, node, syntax.text(target)[:40])
        return
    owner, held = module, declaration
    if declaration.kind == "import" or (declaration.kind == "const" and _is_require(declaration)):
        found = collector.values.declared(module, declaration)
        if not found.name.startswith("~") or not (deep or mutates):
            return
        other = found.module
        local = found.node
        if local.type not in ("identifier", "shorthand_property_identifier_pattern"):
            return
        inner = other.lookup(syntax.text(local), local.start_byte)
        if inner is None:
            return
        owner, held = other, inner
    if held.kind not in ("const", "let", "var") or not _lives(collector, owner, held):
        return
    value = modules.bare(held.value) if held.value is not None else None
    if value is not None and value.type in FUNCTIONS | CLASSES:
        return
    if (mutates or deep) and not _holds(value):
        return
    if not _later(collector, module, node):
        return
    if not mutates and not deep and _is_lazy(owner, held, node):
        return
    subject = f"{owner.name}.{held.name}"
    if _CACHE.search(held.name):
        collector.add(FactKind.CACHE, subject, module, node)
        return
    _add(collector, module, node, subject)


def _add(collector: Collector, module: Module, node: Node, subject: str) -> None:
    collector.add(FactKind.MEMORY_STATE, subject, module, node, confidence=Confidence.MEDIUM)


def _later(collector: Collector, module: Module, node: Node) -> bool:
    return collector.reaches.of(module, node.start_byte) is Reach.REQUEST


def _root(node: Node) -> tuple[Node, bool]:
    """`a` of `a.b[c]`, and whether anything was below it."""
    deep = False
    for _ in range(30):
        node = modules.bare(node)
        if node.type not in ("member_expression", "subscript_expression"):
            break
        inner = node.child_by_field_name("object")
        if inner is None:
            break
        node, deep = inner, True
    return node, deep


def _is_require(declaration: Declaration) -> bool:
    value = modules.bare(declaration.value) if declaration.value is not None else None
    return (
        value is not None and value.type == "call_expression" and (value.text or b"").startswith(b"require(")
    )


def _lives(collector: Collector, module: Module, declaration: Declaration) -> bool:
    """Whether a name is the module's, or of a function that runs once at start."""
    if declaration.scope == 0:
        return True
    scope = module.scopes[declaration.scope]
    while scope.kind == "block" and scope.parent >= 0:
        scope = module.scopes[scope.parent]
    if scope.kind == "program":
        return True
    return scope.kind == "function" and collector.reaches.at_start(module, declaration.node.start_byte)


def _holds(value: Node | None) -> bool:
    """Whether a variable starts as a container, or as nothing at all."""
    if value is None:
        return True
    text = value.text or b""
    return bool(_CONTAINERS.match(text)) and not _WEAK.match(text)


def _is_lazy(module: Module, declaration: Declaration, node: Node) -> bool:
    """`if (!client) client = connect()`: made once when first needed; the loss costs time only."""
    right = node.child_by_field_name("right")
    if right is None or node.type == "augmented_assignment_expression":
        operator = node.child_by_field_name("operator")
        return operator is not None and operator.type in ("||=", "??=")
    start = declaration.value
    empty = start is None or start.type in ("null", "undefined", "false")
    inner = modules.bare(right)
    if inner.type in ("null", "undefined"):
        return True
    made = inner.type in ("call_expression", "new_expression") or inner.type in FUNCTIONS
    guard = module.data[max(0, node.start_byte - 200) : node.start_byte]
    name = re.escape(declaration.name.encode())
    guarded = re.search(
        rb"!\s*" + name + rb"\b|" + name + rb"\s*={2,3}\s*(?:null|undefined)|if\s*\(\s*" + name, guard
    )
    if empty and made and guarded:
        return True
    if inner.type in ("true", "false"):  # a flag of the process: ready, closing
        return bool(
            re.search(
                r"ready|connect|clos|shut|stopp|start|init|alive|health", declaration.name, re.IGNORECASE
            )
        )
    return empty and bool(
        re.search(r"client|connection|conn$|pool|^db$|server|browser|instance|transport|timer|interval|timeout",
                  declaration.name, re.IGNORECASE)
    )  # fmt: skip


def _field(collector: Collector, module: Module, node: Node, target: Node, *, mutates: bool) -> None:
    """`this.rows.push(x)` in a class of which there is one for the whole process."""
    scope = next(module.enclosing(node.start_byte, "class"), None)
    if scope is None:
        return
    text = syntax.text(target).replace("?.", ".")
    match = re.match(r"this\.(#?\w+)(.*)", text, re.DOTALL)
    if match is None:
        return
    name, rest = match[1], match[2]
    function = next(module.enclosing(node.start_byte, "function"), None)
    method = function.node.child_by_field_name("name") if function is not None else None
    if method is not None and method.text == b"constructor":
        return
    field = _field_value(module, scope.node, name)
    if field is None:
        return
    counted = field.type == "number" and not rest and not mutates
    if not _holds(field) and not counted:
        return
    if not rest and not mutates and _CONTAINERS.match(field.text or b""):
        return  # replaced as a whole: a configuration that is loaded
    if not _later(collector, module, node) or not _is_single(collector, module, scope.node):
        return
    owner = scope.node.child_by_field_name("name")
    subject = f"{module.name}.{syntax.text(owner) if owner is not None else 'class'}.{name}"
    if _CACHE.search(subject.partition(".")[2]):
        collector.add(FactKind.CACHE, subject, module, node)
        return
    _add(collector, module, node, subject)


def _field_value(module: Module, owner: Node, name: str) -> Node | None:
    for field in module.nodes.get("field", ()):
        key = field.child_by_field_name("name") or field.child_by_field_name("property")
        if (
            key is not None
            and syntax.text(key) == name
            and owner.start_byte <= field.start_byte < owner.end_byte
        ):
            return field.child_by_field_name("value")
    for node in module.nodes.get("assign", ()):
        left = node.child_by_field_name("left")
        if (
            left is not None
            and owner.start_byte <= node.start_byte < owner.end_byte
            and left.text == f"this.{name}".encode()
        ):
            scope = next(module.enclosing(node.start_byte, "function"), None)
            method = scope.node.child_by_field_name("name") if scope is not None else None
            if method is not None and method.text == b"constructor":
                return node.child_by_field_name("right")
    return None


def _is_single(collector: Collector, module: Module, owner: Node) -> bool:
    """Whether objects of a class are made at start only, or by a framework that makes one of each."""
    before = module.data[max(0, owner.start_byte - 300) : owner.start_byte]
    if re.search(rb"@(?:Injectable|Controller|Resolver|WebSocketGateway|Service|singleton)\b", before):
        return b"Scope.REQUEST" not in before
    name = owner.child_by_field_name("name")
    if name is None:
        return False
    wanted = re.compile(rb"\bnew\s+" + re.escape(name.text or b"") + rb"\b")
    made = [
        collector.reaches.at_start(other, match.start())
        for other in collector.reached
        for match in wanted.finditer(other.data)
    ]
    return bool(made) and all(made)
