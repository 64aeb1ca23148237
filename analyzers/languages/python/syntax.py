"""Questions about syntax nodes that need no more than the nodes."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from analyzers.languages.python.blocks import is_main_guard, is_type_checking


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


def dotted(node: ast.expr) -> str | None:
    """`a.b.c` of a name or a chain of attributes."""
    if isinstance(node, ast.Name):
        return node.id
    name = ""
    while isinstance(node, ast.Attribute):
        name = f".{node.attr}{name}"
        node = node.value
    return node.id + name if isinstance(node, ast.Name) else None


def chain(name: str) -> ast.expr:
    """The expression of a dotted name: `dotted` the other way round."""
    first, *rest = name.split(".")
    node: ast.expr = ast.Name(first, ast.Load())
    for part in rest:
        node = ast.Attribute(node, part, ast.Load())
    return node


def top_level(tree: ast.Module, *, main: bool = False) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported, blocks opened, in order. `main` adds those under
    `if __name__ == "__main__"`; blocks for type checkers are left out."""
    stack = list(reversed(tree.body))
    while stack:
        node = stack.pop()
        yield node
        blocks: list[ast.stmt] = []
        if isinstance(node, ast.If):
            if is_type_checking(node.test) or (is_main_guard(node) and not main):
                blocks = node.orelse
            else:
                blocks = node.body + node.orelse
        elif isinstance(node, ast.Try | ast.TryStar):
            handlers = [statement for handler in node.handlers for statement in handler.body]
            # The body's names win over those of handlers: it is what happens when all is well.
            blocks = handlers + node.body + node.orelse + node.finalbody
        elif isinstance(node, ast.With | ast.AsyncWith):
            blocks = node.body
        elif isinstance(node, ast.For | ast.While):
            blocks = node.body + node.orelse
        elif isinstance(node, ast.Match):
            blocks = [statement for case in node.cases for statement in case.body]
        stack.extend(reversed(blocks))


def bound_names(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Names that a statement binds, with the value where it is one expression."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Tuple | ast.List):
                values: Sequence[ast.expr | None] = [None] * len(target.elts)
                if isinstance(node.value, ast.Tuple | ast.List) and len(node.value.elts) == len(target.elts):
                    values = node.value.elts
                for element, value in zip(target.elts, values, strict=True):
                    if isinstance(element, ast.Name):
                        yield element.id, value
    elif isinstance(node, ast.AnnAssign):
        if isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, None
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0], None
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            if isinstance(item.optional_vars, ast.Name):
                yield item.optional_vars.id, item.context_expr
