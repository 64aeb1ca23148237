"""Small questions about syntax nodes."""

from __future__ import annotations

import ast
from collections.abc import Iterator


def is_application(node: ast.expr) -> bool:
    """`app`, `current_app`, `request.app`, `app.state`: by name, for what it is is seldom in sight."""
    return name_of(node) in ("app", "application", "current_app") or (
        isinstance(node, ast.Attribute) and node.attr == "state" and is_application(node.value)
    )


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def defaults(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        names = [a.arg for a in node.args.posonlyargs + node.args.args]
        defaults = node.args.defaults
        yield from zip(names[len(names) - len(defaults) :], defaults, strict=True)
        for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
            if default is not None:
                yield argument.arg, default


def container_of(base: ast.expr) -> ast.expr:
    """`d` of `d[k]`, `d[k][l]`, `d.setdefault(k, [])`, `d.get(k)`."""
    while True:
        if isinstance(base, ast.Subscript):
            base = base.value
        elif (
            isinstance(base, ast.Call)
            and isinstance(base.func, ast.Attribute)
            and base.func.attr in ("setdefault", "get")
        ):
            base = base.func.value
        else:
            return base


def argument(node: ast.Call, index: int, name: str) -> ast.expr | None:
    if index < len(node.args) and not any(isinstance(a, ast.Starred) for a in node.args[: index + 1]):
        return node.args[index]
    return next((k.value for k in node.keywords if k.arg == name), None)


def is_remote_address(base: ast.expr, key: ast.expr) -> bool:
    """`request.environ` or `request.META` with the key REMOTE_ADDR."""
    named = isinstance(key, ast.Constant) and key.value == "REMOTE_ADDR"
    return named and name_of(base) in ("environ", "META")


def receiver(node: ast.Call) -> ast.expr | None:
    return node.func.value if isinstance(node.func, ast.Attribute) else None
