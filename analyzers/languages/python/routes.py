"""HTTP routes as the source declares them: Flask, FastAPI and Starlette, Bottle, Django."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from analyzers.languages.python.entry import Entry
from analyzers.languages.python.modules import Module, Program, origin
from analyzers.languages.python.summary import MOUNTS, REGISTERS, ROUTERS
from analyzers.languages.python.values import UnknownValueError, Value, evaluate
from analyzers.model import Route

_METHODS = frozenset({"get", "post", "put", "patch", "delete", "head", "options"})
_DEPTH = 8


def find(program: Program, entry: Entry, modules: Sequence[Module]) -> tuple[Route, ...]:
    """The routes of an application, in reading order, each once. Computed paths are left out."""
    if entry.framework == "django":
        root = _django_root(program, entry)
        found = list(_django(program, root, "/", 0)) if root is not None else []
    else:
        prefixes = _mounts(program, modules)
        found = [route for module in modules for route in _decorated(program, module, prefixes)]
    seen: dict[tuple[str, str], Route] = {}
    for route in found:
        seen.setdefault((route.method, route.path), route)
    return tuple(seen.values())


def _text(program: Program, module: Module, node: ast.expr | None) -> str | None:
    try:
        value = evaluate(program, module, node) if node is not None else None
    except UnknownValueError:
        return None
    return value if isinstance(value, str) else None


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in call.keywords if k.arg == name), None)


def _join(prefix: str, path: str) -> str:
    if not prefix:
        return path or "/"
    return prefix.rstrip("/") + ("/" + path.lstrip("/") if path else "")


def _mounts(program: Program, modules: Sequence[Module]) -> dict[str, str]:
    """Prefix of every blueprint and router by the dotted name it is defined under.

    Flask: `register_blueprint(bp, url_prefix=…)` replaces `Blueprint(url_prefix=…)`; nested blueprints
    and FastAPI's `include_router(prefix=…)` put theirs in front.
    """
    own: dict[str, str] = {}
    parents: dict[str, tuple[str, str, bool]] = {}
    for module in modules:
        for node in module.summary.assignments:
            if isinstance(node.value, ast.Call):
                kind = (origin(module, node.value.func) or "").rpartition(".")[2]
                if kind in ROUTERS:
                    name = "prefix" if kind == "APIRouter" else "url_prefix"
                    prefix = _text(program, module, _keyword(node.value, name)) or ""
                    for target in node.targets:
                        if isinstance(target, ast.Name):
                            own[f"{module.name}.{target.id}"] = prefix
        for call in module.summary.calls:
            if isinstance(call.func, ast.Attribute) and call.args:
                if call.func.attr not in MOUNTS:
                    continue
                flask = call.func.attr == "register_blueprint"
                given = _keyword(call, "url_prefix" if flask else "prefix")
                child = _identity(program, module, call.args[0])
                parent = _identity(program, module, call.func.value)
                if child is not None:
                    replaces = flask and given is not None
                    parents[child] = (parent or "", _text(program, module, given) or "", replaces)

    def full(name: str, depth: int = 0) -> str:
        prefix = own.get(name, "")
        if name not in parents or depth > _DEPTH:
            return prefix
        parent, given, replaces = parents[name]
        inner = given if replaces else _join(given, prefix) if given else prefix
        outer = full(parent, depth + 1) if parent in own else ""
        return _join(outer, inner) if outer else inner

    return {name: full(name) for name in own}


def _identity(program: Program, module: Module, node: ast.expr) -> str | None:
    """The dotted name under which an object is defined."""
    name = origin(module, node)
    if name is None:
        return None
    found = program.definition(name) if "." in name else program.lookup(module, name)
    return f"{found.module.name}.{found.name}" if found else f"{module.name}.{name}"


def _decorated(program: Program, module: Module, prefixes: dict[str, str]) -> Iterator[Route]:
    found = [
        (node.lineno, _declared(program, module, decorator, prefixes))
        for node in module.summary.decorated
        for decorator in reversed(node.decorator_list)
        if isinstance(decorator, ast.Call)
    ]
    found += [
        (call.lineno, _registered(program, module, call, prefixes))
        for call in module.summary.calls
        if _last_name(module, call.func) in REGISTERS
    ]
    for _, routes in sorted(found, key=lambda item: item[0]):
        yield from routes


def _last_name(module: Module, node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    name = getattr(node, "id", "")
    return module.names.get(name, name).rpartition(".")[2]


def _declared(program: Program, module: Module, call: ast.Call, prefixes: dict[str, str]) -> Iterator[Route]:
    """`@app.route("/x", methods=[…])`, `@router.get("/x")`, `@route("/x")`."""
    function = call.func
    verb = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if verb not in _METHODS and verb not in ("route", "api_route"):
        return
    if isinstance(function, ast.Name) and (origin(module, function) or "").partition(".")[0] != "bottle":
        return
    first = call.args[0] if call.args else _keyword(call, "rule") or _keyword(call, "path")
    path = _text(program, module, first)
    if path is None or (path and not path.startswith("/")):
        return
    prefix = ""
    if isinstance(function, ast.Attribute):
        prefix = prefixes.get(_identity(program, module, function.value) or "", "")
    for method in _methods(program, module, call, verb):
        yield Route(method, _join(prefix, path), program.evidence(module, call.lineno))


def _methods(program: Program, module: Module, call: ast.Call, verb: str) -> tuple[str, ...]:
    if verb in _METHODS:
        return (verb.upper(),)
    given = _keyword(call, "methods") or _keyword(call, "method")
    if given is None and len(call.args) > 1 and not isinstance(call.args[1], ast.Name):
        given = call.args[1]
    value: Value = None
    try:
        if isinstance(given, ast.Set):
            value = tuple(evaluate(program, module, element) for element in given.elts)
        elif given is not None:
            value = evaluate(program, module, given)
    except UnknownValueError:
        value = None
    if isinstance(value, str):
        return (value.upper(),)
    if isinstance(value, tuple):
        return tuple(item.upper() for item in value if isinstance(item, str))
    return ("GET",)


def _registered(
    program: Program, module: Module, call: ast.Call, prefixes: dict[str, str]
) -> Iterator[Route]:
    """`add_url_rule("/x", …)`, `add_api_route`, Starlette's `Route("/x", f)`, falcon's `add_route`."""
    last = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    adds = last in ("add_url_rule", "add_api_route", "add_route")
    name = "" if adds else origin(module, call.func) or ""
    if not adds and name not in ("starlette.routing.Route", "fastapi.routing.APIRoute"):
        return
    path = _text(program, module, call.args[0]) if call.args else None
    if path is None:
        return
    evidence = program.evidence(module, call.lineno)
    if isinstance(call.func, ast.Attribute) and adds:
        prefix = prefixes.get(_identity(program, module, call.func.value) or "", "")
        verb = "route"
        if path.startswith("/"):
            given = _keyword(call, "methods")
            methods = (
                _methods(program, module, ast.Call(call.func, [], call.keywords), verb) if given else ("GET",)
            )
            for method in methods:
                yield Route(method, _join(prefix, path), evidence)
    elif path.startswith("/"):
        for method in _methods(program, module, ast.Call(call.func, [], call.keywords), "route"):
            yield Route(method, path, evidence)


# --- Django -------------------------------------------------------------------------------------------


def _django_root(program: Program, entry: Entry) -> Module | None:
    settings = program.load(entry.settings) if entry.settings else None
    if settings is None:
        return None
    found = program.lookup(settings, "ROOT_URLCONF")
    name = _text(program, found.module, found.value) if found else None
    return program.load(name) if name else None


def _django(program: Program, module: Module, prefix: str, depth: int) -> Iterator[Route]:
    """`path()`, `re_path()` and `include()` of a URL configuration; every view is taken for GET."""
    if depth > _DEPTH:
        return
    for node in module.summary.calls:
        if len(node.args) < 2:
            continue
        kind = (origin(module, node.func) or "").rpartition(".")[2]
        if kind not in ("path", "re_path", "url"):
            continue
        text = _text(program, module, node.args[0])
        if text is None:
            continue
        if kind != "path":
            text = text.removeprefix("^").removesuffix("$")
        view = node.args[1]
        if isinstance(view, ast.Call) and (origin(module, view.func) or "").endswith("include"):
            name = _text(program, module, view.args[0]) if view.args else None
            if name is None and view.args:
                name = origin(module, view.args[0])
            inner = program.load(name) if name else None
            if inner is not None:
                yield from _django(program, inner, prefix + text, depth + 1)
            continue
        yield Route("GET", prefix + text, program.evidence(module, node.lineno))
