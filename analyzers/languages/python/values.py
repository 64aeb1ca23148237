"""What an expression is worth, as far as constants and the container's environment tell."""

from __future__ import annotations

import ast

from analyzers.languages.python.modules import Module, Program, origin

Value = str | int | float | bool | None | tuple["Value", ...]


class UnknownValueError(Exception):
    """The value depends on something that reading does not know."""


_DEPTH = 24
# Methods of text that are followed, with the number of arguments, all text.
_TEXT_METHODS: dict[str, int] = {"replace": 2, "strip": 0, "lower": 0, "upper": 0, "rstrip": 1, "lstrip": 1}


def evaluate(program: Program, module: Module, node: ast.expr, depth: int = 0) -> Value:
    """The value of constants, of names bound to them, of environment reads (the container's value, else
    the default), of f-strings, `+`, `or` and of int()/str()/float()/bool(). Raises UnknownValueError."""
    if depth > _DEPTH:
        raise UnknownValueError
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Tuple(elts=elements) | ast.List(elts=elements):
            return tuple(evaluate(program, module, e, depth + 1) for e in elements)
        case ast.Name() | ast.Attribute():
            return _named(program, module, node, depth)
        case ast.Subscript(value=inner, slice=ast.Constant(value=str() as key)):
            if origin(module, inner) == "os.environ" and key in program.env:
                return program.env[key]
        case ast.Call():
            return _call(program, module, node, depth)
        case ast.JoinedStr(values=parts):
            texts: list[str] = []
            for part in parts:
                if isinstance(part, ast.FormattedValue):
                    if part.format_spec is not None:
                        raise UnknownValueError
                    texts.append(str(evaluate(program, module, part.value, depth + 1)))
                else:
                    texts.append(str(evaluate(program, module, part, depth + 1)))
            return "".join(texts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            a, b = (evaluate(program, module, side, depth + 1) for side in (left, right))
            if isinstance(a, str) and isinstance(b, str):
                return a + b
            if isinstance(a, int) and isinstance(b, int):
                return a + b
        case ast.BoolOp(op=ast.Or(), values=options):
            for option in options[:-1]:
                if found := evaluate(program, module, option, depth + 1):
                    return found
            return evaluate(program, module, options[-1], depth + 1)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            number = evaluate(program, module, operand, depth + 1)
            if isinstance(number, (int, float)):
                return -number
    raise UnknownValueError


def _named(program: Program, module: Module, node: ast.expr, depth: int) -> Value:
    name = origin(module, node)
    if name is None:
        raise UnknownValueError
    found = program.definition(name, depth) if "." in name else program.lookup(module, name, depth)
    if found is None or found.value is None:
        raise UnknownValueError
    return evaluate(program, found.module, found.value, depth + 1)


def _call(program: Program, module: Module, node: ast.Call, depth: int) -> Value:
    name = origin(module, node.func) or ""
    if name in ("os.environ.get", "os.getenv"):
        match node.args:
            case [ast.Constant(value=str() as key), *rest]:
                if key in program.env:
                    return program.env[key]
                default = (
                    rest[0] if rest else next((k.value for k in node.keywords if k.arg == "default"), None)
                )
                return None if default is None else evaluate(program, module, default, depth + 1)
        raise UnknownValueError
    if isinstance(node.func, ast.Attribute) and node.func.attr in _TEXT_METHODS and not node.keywords:
        text = evaluate(program, module, node.func.value, depth + 1)
        given = [evaluate(program, module, argument, depth + 1) for argument in node.args]
        words = [word for word in given if isinstance(word, str)]
        if isinstance(text, str) and len(words) == len(given) == _TEXT_METHODS[node.func.attr]:
            return str(getattr(text, node.func.attr)(*words))
    if name in ("int", "str", "float", "bool") and len(node.args) == 1 and not node.keywords:
        value = evaluate(program, module, node.args[0], depth + 1)
        try:
            if name == "int" and isinstance(value, str | int | float):
                return int(value)
            if name == "float" and isinstance(value, str | int | float):
                return float(value)
        except (ValueError, OverflowError):
            raise UnknownValueError from None
        if name == "str":
            return str(value)
        if name == "bool":
            return bool(value)
    raise UnknownValueError


def text_of(program: Program, module: Module, node: ast.expr, depth: int = 0) -> tuple[str, bool]:
    """The text of an expression as far as it is known from its beginning, and whether that is all of it."""
    if depth > _DEPTH:
        return "", False
    try:
        value = evaluate(program, module, node)
        return (value, True) if isinstance(value, str) else ("", False)
    except UnknownValueError:
        pass
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.Or):  # the first that is not empty
        for option in node.values:
            found = text_of(program, module, option, depth + 1)
            if found[0]:
                return found
        return "", False
    if isinstance(node, ast.Name | ast.Attribute):
        name = origin(module, node) or ""
        known_as = program.definition(name) if "." in name else program.lookup(module, name)
        if known_as is None or known_as.value is None:
            return "", False
        return text_of(program, known_as.module, known_as.value, depth + 1)
    if isinstance(node, ast.Call) and origin(module, node.func) in ("os.environ.get", "os.getenv"):
        named = [keyword.value for keyword in node.keywords if keyword.arg == "default"]
        default = [*node.args[1:2], *named]
        return text_of(program, module, default[0], depth + 1) if default else ("", False)
    parts: list[ast.expr] = []
    if isinstance(node, ast.JoinedStr):
        parts = node.values
    else:
        rest = node
        while isinstance(rest, ast.BinOp) and isinstance(rest.op, ast.Add | ast.Mod) and len(parts) < 100:
            parts.insert(0, rest.right)
            rest = rest.left
            if isinstance(rest, ast.Constant) and isinstance(rest.value, str) and "%" in rest.value:
                return rest.value.partition("%")[0], False
        if parts:
            parts.insert(0, rest)
        elif (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "format"
        ):
            try:
                template = evaluate(program, module, node.func.value)
            except UnknownValueError:
                return "", False
            return (template.partition("{")[0], False) if isinstance(template, str) else ("", False)
    known = ""
    for part in parts:
        inner = part.value if isinstance(part, ast.FormattedValue) else part
        try:
            known += str(evaluate(program, module, inner))
        except UnknownValueError:
            break
    return known, False


def written(node: ast.expr, limit: int = 80) -> str:
    """An expression as its author wrote it, shortened."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value[:limit]
    try:
        text = ast.unparse(node)
    except (RecursionError, ValueError):
        return "…"
    return text if len(text) <= limit else text[: limit - 1] + "…"
