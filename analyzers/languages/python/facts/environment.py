"""Variables of the environment that the code reads."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.scopes import Scope
from analyzers.languages.python.syntax import argument, is_remote_address
from analyzers.languages.python.values import UnknownValueError, evaluate, text_of, written
from analyzers.model import Confidence, Fact, FactKind


def env_call(at: Place, node: ast.Call, name: str) -> Iterator[Fact]:
    if name in ("os.environ.get", "os.getenv", "os.environ.pop") and node.args:
        default = argument(node, 1, "default")
        yield from variable(at, node, node.args[0], "None" if default is None else at.default(default))
    elif node.args and (name == "decouple.config" or is_env_reader(at, node.func)):
        default = argument(node, 1, "default")
        yield from variable(at, node, node.args[0], "" if default is None else at.default(default))
    elif name.endswith(".from_prefixed_env"):
        yield at.fact(FactKind.ENV_READ, "FLASK_*", node, "None")


def is_env_reader(at: Place, function: ast.expr) -> bool:
    """`env("X")`, `env.str("X")` of environs and django-environ."""
    base = function.value if isinstance(function, ast.Attribute) else function
    if not isinstance(base, ast.Name) or not at.state.reads_env:
        return False
    found = at.program.lookup(at.module, base.id)
    if found is None or not isinstance(found.value, ast.Call):
        return False
    made = (Scope(found.module, found.node, "module", "", None).origin(found.value.func)) or ""
    return made in ("environ.Env", "environs.Env", "environ.FileAwareEnv", "starlette.config.Config")


def variable(at: Place, node: ast.AST, key: ast.expr, default: str) -> Iterator[Fact]:
    """One variable; where its name is a parameter of an own function, those of the function's calls."""
    try:
        value = evaluate(at.program, at.module, key)
    except UnknownValueError:
        value = None
    if isinstance(value, str):
        yield at.fact(FactKind.ENV_READ, value, node, default)
        return
    helped = list(_helper(at, key)) if isinstance(key, ast.Name) else []
    yield from helped or (at.fact(FactKind.ENV_READ, written(key), node, default, Confidence.LOW),)


def _helper(at: Place, key: ast.Name) -> Iterator[Fact]:
    function = at.scope.function
    if function is None or not isinstance(function.node, ast.FunctionDef):
        return
    arguments = at.program.whole(function.module, function.node).args
    names = [a.arg for a in arguments.posonlyargs + arguments.args]
    if key.id not in names:
        return
    index = names.index(key.id) - (1 if names[0] in ("self", "cls") else 0)
    for scope, call in at.calls.calls_of(function):
        given = argument(call, index, key.id)
        if isinstance(given, ast.Constant) and isinstance(given.value, str):
            other = Place(at.program, at.entry, at.calls, at.state, scope)
            default = argument(call, index + 1, "default")
            yield other.fact(
                FactKind.ENV_READ, given.value, call, "" if default is None else at.default(default)
            )


def subscript(at: Place, node: ast.Subscript) -> Iterator[Fact]:
    if isinstance(node.ctx, ast.Load) and is_remote_address(node.value, node.slice):
        yield at.fact(FactKind.CLIENT_ADDRESS, written(node), node)
    if isinstance(node.ctx, ast.Load) and at.origin(node.value) == "os.environ":
        yield from variable(at, node, node.slice, "")


def compared(at: Place, node: ast.Compare) -> Iterator[Fact]:
    if isinstance(node.ops[0], ast.In | ast.NotIn) and at.origin(node.comparators[0]) == "os.environ":
        yield from variable(at, node, node.left, "None")


def settings_class(at: Place, node: ast.ClassDef) -> Iterator[Fact]:
    """pydantic's BaseSettings: every field is a variable."""
    bases = {at.origin(base) for base in node.bases}
    if not bases & {"pydantic_settings.BaseSettings", "pydantic.BaseSettings"}:
        return
    prefix = ""
    for item in node.body:
        value = getattr(item, "value", None)
        if isinstance(item, ast.Assign) and isinstance(value, ast.Call):
            found = next((k.value for k in value.keywords if k.arg == "env_prefix"), None)
            prefix = text_of(at.program, at.module, found)[0] if found is not None else prefix
    for item in node.body:
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name):
            default = "" if item.value is None else at.default(item.value)
            yield at.fact(FactKind.ENV_READ, (prefix + item.target.id).upper(), item, default)
