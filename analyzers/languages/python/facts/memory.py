"""Changes that a request leaves in the process's memory for a later one."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from analyzers.languages.python.entry import of_expression
from analyzers.languages.python.facts.objects import changed_by, sets_itself
from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.facts.state import ALIASES, Holder
from analyzers.languages.python.scopes import Scope
from analyzers.languages.python.syntax import chain, container_of, is_application
from analyzers.languages.python.telling import MUTATORS
from analyzers.languages.python.values import written
from analyzers.model import Confidence, Fact, FactKind

# Objects whose attributes belong to one request or one thread, whatever sets them.
_PER_REQUEST = (
    "flask.g",
    "flask.session",
    "flask.request",
    "contextvars.",
    "threading.local",
    "werkzeug.local.",
)
_METRICS = frozenset({"inc", "observe", "dec", "labels", "set"})  # of prometheus_client
_APP_STORES = frozenset({"config", "extensions", "state", "ctx"})


def changes(at: Place, node: ast.AST) -> Iterator[Fact]:
    """Changes of module-level objects inside functions that requests reach."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            yield from _changed(at, node.func.value, node)
            yield from _own_method(at, node, node.func.value)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _METRICS:
            yield from _metric(at, node.func.value, node)
        elif isinstance(node.func, ast.Name) and node.func.id == "next" and node.args:
            yield from _changed(at, node.args[0], node)
        elif isinstance(node.func, ast.Attribute):
            yield from _own_method(at, node, node.func.value)
    elif isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign | ast.Delete):
        targets = node.targets if isinstance(node, ast.Assign | ast.Delete) else [node.target]
        for target in targets:
            yield from _stored(at, target, node)


def called(at: Place, name: str, line: int) -> Iterator[Fact]:
    """The same of a call of which only the name is kept."""
    receiver, _, method = name.rpartition(".")
    if not receiver or not (method in MUTATORS or method in at.calls.methods or method in _METRICS):
        return
    if "." in receiver or not _is_fresh(at, receiver):
        yield from changes(at, ast.Call(chain(name), [], [], lineno=line))


def _is_fresh(at: Place, name: str) -> bool:
    """Whether a local name is given nothing that could be shared: most are."""
    if not at.scope.is_local(name):
        return False
    owner: Scope | None = at.scope
    while owner is not None and owner.kind != "module":
        if owner.kind == "function" and name in owner.locals:
            return not at.state.given(owner, name)
        owner = owner.parent
    return True


def _stored(at: Place, target: ast.expr, node: ast.AST) -> Iterator[Fact]:
    if isinstance(target, ast.Tuple | ast.List):
        for element in target.elts:
            yield from _stored(at, element, node)
    elif isinstance(target, ast.Subscript):
        yield from _changed(at, target.value, node)
    elif isinstance(target, ast.Attribute):
        yield from _attribute_stored(at, target, node)
    elif isinstance(target, ast.Name):
        function = at.scope.function
        if function is not None and target.id in function.globals:
            subject = f"{at.module.name}.{target.id}"
            kind = FactKind.CACHE if _fills_once(at, target.id) else FactKind.MEMORY_STATE
            yield at.fact(kind, subject, node)


def _fills_once(at: Place, name: str) -> bool:
    """Whether a global is only ever given a value where it has none: a connection made on first use."""
    if any(isinstance(n, ast.AugAssign) and getattr(n.target, "id", "") == name for n in at.scope.nodes):
        return False
    function = at.scope.node
    if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
        function = at.program.whole(at.module, function)
    for node in ast.walk(function):
        if not isinstance(node, ast.If):
            continue
        test = node.test
        empty = (
            isinstance(test, ast.Compare)
            and getattr(test.left, "id", "") == name
            and isinstance(test.ops[0], ast.Is)
            and isinstance(test.comparators[0], ast.Constant)
            and test.comparators[0].value is None
        ) or (
            isinstance(test, ast.UnaryOp)
            and isinstance(test.op, ast.Not)
            and getattr(test.operand, "id", "") == name
        )
        if empty:
            inside = {id(inner) for statement in node.body for inner in ast.walk(statement)}
            stores = [
                n
                for n in ast.walk(function)
                if isinstance(n, ast.Name) and n.id == name and isinstance(n.ctx, ast.Store)
            ]
            return all(id(store) in inside for store in stores)
    return False


def _changed(at: Place, base: ast.expr, node: ast.AST) -> Iterator[Fact]:
    """A container is changed through `base`, which may be an element of it (`d[k].append`)."""
    whole, base = base, container_of(base)
    if (
        isinstance(base, ast.Attribute)
        and base.attr in _APP_STORES
        and (name := _application(at, base.value))
    ):
        yield at.fact(FactKind.MEMORY_STATE, f"{name}.{base.attr}", node)
        return
    holder, sure = at.state.holder(at.scope, base), Confidence.HIGH
    if holder is None:
        holder, sure = _shared(at, at.scope, base), Confidence.MEDIUM
    if holder is None:
        yield from _self_attribute(at, base, node)
    elif (whole is not base or sure is Confidence.MEDIUM) and _holds_definitions(holder):
        return  # a method of a class or function that a table names, not of the table
    elif holder.kind == "container":
        yield at.fact(FactKind.MEMORY_STATE, holder.name, node, "", sure)
    elif holder.kind == "cache":
        yield at.fact(FactKind.CACHE, holder.name, node, "", sure)


def _shared(at: Place, scope: Scope, node: ast.expr, depth: int = 0) -> Holder | None:
    """The object outside all requests that an expression means: local names followed to what they are
    given, calls of own functions to what they return, elements to their container."""
    if depth > ALIASES:
        return None
    node = container_of(node)
    if isinstance(node, ast.Attribute) and node.attr in _APP_STORES:
        name = _application(at, node.value, scope)
        if name:
            return Holder(f"{name}.{node.attr}", "container", node, scope.module)
    holder = at.state.holder(scope, node)
    if holder is not None:
        return holder
    if isinstance(node, ast.Attribute) and is_application(node.value):
        return at.state.on_app.get(node.attr)
    if isinstance(node, ast.Call):
        function = at.calls.scope_of(scope, node.func)
        if function is None or function.kind != "function":
            return None
        for returned in function.nodes:
            if isinstance(returned, ast.Return) and returned.value is not None:
                found = _shared(at, function, returned.value, depth + 1)
                if found is not None:
                    return found
    elif isinstance(node, ast.Name):
        owner: Scope | None = scope
        while owner is not None and owner.kind != "module":
            if owner.kind == "function" and node.id in owner.locals:
                values = at.state.given(owner, node.id)
                return next((f for v in values if (f := _shared(at, owner, v, depth + 1))), None)
            owner = owner.parent
    return None


def _application(at: Place, node: ast.expr, scope: Scope | None = None) -> str | None:
    """`app`, `current_app`, `request.app`: the application object."""
    scope = scope or at.scope
    name = scope.origin(node) or ""
    if name == "flask.current_app":
        return "app"
    if isinstance(node, ast.Attribute) and node.attr == "app":
        return "app"
    if name and of_expression(at.program, scope.module, node, None)[0]:
        return written(node)
    return None


def _attribute_stored(at: Place, target: ast.Attribute, node: ast.AST) -> Iterator[Fact]:
    base = target.value
    if (
        isinstance(base, ast.Attribute)
        and base.attr in _APP_STORES
        and (name := _application(at, base.value))
    ):
        yield at.fact(FactKind.MEMORY_STATE, f"{name}.{base.attr}.{target.attr}", node)
        return
    if isinstance(base, ast.Name) and base.id == "cls" and at.scope.owner is not None:
        yield at.fact(FactKind.MEMORY_STATE, f"{at.module.name}.{at.scope.owner.name}.{target.attr}", node)
        return
    name_ = at.scope.origin(base)
    if name_ is None:
        shared = _shared(at, at.scope, base)
        if shared is not None and shared.kind == "own":
            yield at.fact(FactKind.MEMORY_STATE, f"{shared.name}.{target.attr}", node, "", Confidence.MEDIUM)
        return
    if name_.startswith(_PER_REQUEST):
        return
    holder = at.state.holder(at.scope, base)
    if holder is not None and holder.kind in ("own", "object"):
        yield at.fact(FactKind.MEMORY_STATE, f"{holder.name}.{target.attr}", node, "", Confidence.MEDIUM)
        return
    found = at.program.definition(name_) if "." in name_ else at.program.lookup(at.module, name_)
    if found is not None and isinstance(found.node, ast.ClassDef):
        yield at.fact(FactKind.MEMORY_STATE, f"{found.module.name}.{found.name}.{target.attr}", node)
    elif found is None and (module := at.program.load(name_)) is not None:
        yield at.fact(FactKind.MEMORY_STATE, f"{module.name}.{target.attr}", node)


def _self_attribute(at: Place, base: ast.expr, node: ast.AST) -> Iterator[Fact]:
    """`at.items.append(…)` where `items` is a class attribute, shared by all instances."""
    if (
        isinstance(base, ast.Attribute)
        and isinstance(base.value, ast.Name)
        and base.value.id in ("self", "cls")
    ):
        owner = at.scope.owner
        if owner is not None:
            holder = at.state.holders.get(f"{at.module.name}.{owner.name}.{base.attr}")
            if holder is not None and holder.kind == "container" and not sets_itself(at, owner, base.attr):
                yield at.fact(FactKind.MEMORY_STATE, holder.name, node)


def _metric(at: Place, base: ast.expr, node: ast.AST) -> Iterator[Fact]:
    while isinstance(base, ast.Call) and isinstance(base.func, ast.Attribute):
        base = base.func.value
    holder = at.state.holder(at.scope, base)
    if holder is not None and holder.kind == "metric":
        yield at.fact(FactKind.MEMORY_STATE, holder.name, node, "prometheus_client")


def _own_method(at: Place, node: ast.Call, receiver: ast.expr) -> Iterator[Fact]:
    """`store.add(x)`, where `store` is a module-level instance of a class whose `add` changes itself."""
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in at.calls.methods:
        return
    holder = at.state.holder(at.scope, receiver) or _shared(at, at.scope, receiver)
    if holder is None or holder.kind != "own":
        return
    made = getattr(holder.node, "value", None)
    changed = changed_by(at, holder.module, made, node.func.attr) if made is not None else None
    if changed is not None:
        yield at.fact(FactKind.MEMORY_STATE, f"{holder.name}.{changed}", node, "", Confidence.MEDIUM)


def _holds_definitions(holder: Holder) -> bool:
    """Whether a container is a table of classes, functions or modules: `{"a": AHandler, "b": BHandler}`."""
    value = getattr(holder.node, "value", None)
    elements = value.values if isinstance(value, ast.Dict) else getattr(value, "elts", [])
    return bool(elements) and all(isinstance(e, ast.Name | ast.Attribute) for e in elements)
