"""What methods of the application's own classes change of their objects."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.facts.state import ALIASES
from analyzers.languages.python.modules import Module, origin
from analyzers.languages.python.scopes import Scope
from analyzers.languages.python.syntax import bound_names, chain, container_of, dotted, name_of
from analyzers.languages.python.telling import MUTATORS


def sets_itself(at: Place, owner: Scope, attribute: str) -> bool:
    """Whether instances get an attribute of their own, so that the class's one is only a default."""
    whole = at.program.whole(owner.module, owner.node) if isinstance(owner.node, ast.ClassDef) else owner.node
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == attribute
        and isinstance(node.ctx, ast.Store)
        and getattr(node.value, "id", "") == "self"
        for node in ast.walk(whole)
    )


def _classes(at: Place, module: Module, made: ast.expr, depth: int = 0) -> Iterator[Scope]:
    """The own class that a call makes an instance of, then the own classes that it is made from."""
    node: ast.expr = made.func if isinstance(made, ast.Call) else made
    name = dotted(node)
    if name is None or depth > ALIASES:
        return
    full = origin(module, node) or name
    found = at.program.definition(full) if "." in full else at.program.lookup(module, full)
    scope = at.calls.of_node(found.module, found.node) if found is not None else None
    if scope is not None and isinstance(scope.node, ast.ClassDef):
        yield scope
        for base in scope.node.bases:
            yield from _classes(at, scope.module, base, depth + 1)


def changed_by(at: Place, module: Module, made: ast.expr, name: str, depth: int = 0) -> str | None:
    """The attribute of an instance that its method of this name changes. `made` is the call that made it."""
    classes = list(_classes(at, module, made))
    method = next((m for c in classes if (m := at.calls.method(c, name))), None)
    return _changes_self(at, classes, method, depth) if method is not None else None


def _changes_self(at: Place, classes: Sequence[Scope], method: Scope, depth: int) -> str | None:
    """The attribute of `self` that a method changes: itself, through its own methods, or through those of
    an own object that `__init__` puts there."""
    if depth > ALIASES:
        return None
    once = _filled_once(method)
    for kept in method.nodes:
        node = ast.Call(chain(kept[0]), [], []) if isinstance(kept, tuple) else kept
        if isinstance(node, ast.Attribute):  # set or deleted
            if getattr(node.value, "id", "") == "self" and node.attr not in once:
                return node.attr
            continue
        target: ast.expr | None = None
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store | ast.Del):
            target = container_of(node)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if getattr(node.func.value, "id", "") == "self":
                other = next((m for c in classes if (m := at.calls.method(c, node.func.attr))), None)
                if other is not None and (found := _changes_self(at, classes, other, depth + 1)):
                    return found
                continue
            target = container_of(node.func.value)
        if not isinstance(target, ast.Attribute) or getattr(target.value, "id", "") != "self":
            continue
        values = [(c, v) for c in classes for _, v in values_of(c, target.attr)]
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            for owner, value in values:
                if isinstance(value, ast.Call) and changed_by(
                    at, owner.module, value, node.func.attr, depth + 1
                ):
                    return target.attr
            if node.func.attr not in MUTATORS:
                continue
        # `self.session.add(x)` changes a database: only what is known to be a container counts.
        if any(at.state.kind(owner, value) == "container" for owner, value in values):
            return target.attr
    return None


def values_of(owner: Scope, attribute: str) -> Iterator[tuple[Scope, ast.expr]]:
    """What a class or its methods give an attribute of their instances."""
    for statement in getattr(owner.node, "body", ()):
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            for name, value in bound_names(statement):
                if name == attribute and value is not None:
                    yield from ((owner, field) for field in _fields(value))
    for method in owner.inner.values():
        for node in method.nodes:
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                for target in targets:
                    if isinstance(target, ast.Attribute) and target.attr == attribute:
                        yield from ((method, field) for field in _fields(node.value))


def _fields(value: ast.expr) -> Iterator[ast.expr]:
    """A value, and of `given or {}` each part."""
    if isinstance(value, ast.BoolOp):
        yield from value.values
    elif isinstance(value, ast.Call) and name_of(value.func) == "field":  # a dataclass's default_factory
        for keyword in value.keywords:
            if keyword.arg == "default_factory":
                yield ast.Call(keyword.value, [], [])
    else:
        yield value


def _filled_once(method: Scope) -> set[str]:
    """Attributes that a method sets only where they are empty: a connection made on first use."""
    found: set[str] = set()
    for node in method.nodes:
        if isinstance(node, ast.If):
            test = node.test
            if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is):
                test = test.left
            elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
                test = test.operand
            else:
                continue
            if isinstance(test, ast.Attribute) and getattr(test.value, "id", "") == "self":
                found.add(test.attr)
    return found
