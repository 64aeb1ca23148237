"""Code that is off as the service is started: conditions on variables and settings that do not hold.

`if os.getenv("CACHE_URL"):` where nothing sets CACHE_URL, `if settings.TRACING:` where the one place that
gives TRACING a value says False. What cannot be settled counts as on.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from analyzers.languages.python.modules import Module, Program
from analyzers.languages.python.summary import Summary
from analyzers.languages.python.syntax import bound_names
from analyzers.languages.python.values import UnknownValueError, Value, evaluate

_DEPTH = 8
_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})
_ENVIRONMENT = frozenset({"os.environ.get", "os.getenv"})
_READERS = frozenset({"decouple.config", "environ.Env", "environs.Env", "starlette.config.Config"})


class Switches:
    """Which lines of the modules do not run. `summaries`: what was read of each module that runs, the script
    that is started with its main block."""

    def __init__(self, program: Program, summaries: Iterable[tuple[Module, Summary]]) -> None:
        self.program = program
        self._given: dict[str, list[tuple[Module, ast.expr | None]]] = {}  # name -> where it gets a value
        self._off: dict[str, list[tuple[int, int]]] = {}
        read = list(summaries)
        if not any(summary.guards for _, summary in read):
            return
        for module, summary in read:
            for part in summary.parts:
                if part.kind in ("module", "class"):
                    for node in part.nodes:
                        self._bind(module, node)
                for name in part.globals:
                    self._given.setdefault(name, []).append((module, None))  # a function changes it
        for module, summary in read:
            for first, last, test, holds in summary.guards:
                if self._is(module, test) is (not holds):
                    self._off.setdefault(module.path, []).append((first, last))

    def is_off(self, module: Module, line: int) -> bool:
        return any(first <= line <= last for first, last in self._off.get(module.path, ()))

    def _bind(self, module: Module, node: object) -> None:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            return
        for name, value in bound_names(node):
            self._given.setdefault(name, []).append((module, value))
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
                self._given.setdefault(str(target.slice.value), []).append((module, node.value))
            elif isinstance(target, ast.Attribute):
                self._given.setdefault(target.attr, []).append((module, node.value))
        if isinstance(node.value, ast.Dict):
            for key, inner in zip(node.value.keys, node.value.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    self._given.setdefault(key.value, []).append((module, inner))

    def _is(self, module: Module, test: ast.expr, depth: int = 0) -> bool | None:
        """Whether a condition holds, None where that cannot be told."""
        if depth > _DEPTH:
            return None
        if isinstance(test, ast.BoolOp):
            parts = [self._is(module, part, depth + 1) for part in test.values]
            decided = isinstance(test.op, ast.Or)
            if decided in parts:
                return decided
            return None if None in parts else not decided
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self._is(module, test.operand, depth + 1)
            return None if inner is None else not inner
        try:
            if isinstance(test, ast.Compare) and len(test.ops) == 1:
                left = self._value(module, test.left, depth)
                return _compared(left, test.ops[0], self._value(module, test.comparators[0], depth))
            return bool(self._value(module, test, depth))
        except UnknownValueError:
            return None

    def _value(self, module: Module, node: ast.expr, depth: int) -> Value:
        """The value of an expression. Raises UnknownValueError."""
        if depth > _DEPTH:
            raise UnknownValueError
        if isinstance(node, ast.Call):
            return self._called(module, node, depth)
        key = _setting(node)
        if key is None:
            if isinstance(node, ast.Compare | ast.BoolOp | ast.UnaryOp):
                known = self._is(module, node, depth + 1)
                if known is not None:
                    return known
                raise UnknownValueError
            return evaluate(self.program, module, node)
        given = self._given.get(key, ())
        if len(given) != 1 or key in self.program.env:
            raise UnknownValueError
        ((where, value),) = given
        if value is None:
            raise UnknownValueError
        return self._value(where, value, depth + 1)

    def _called(self, module: Module, node: ast.Call, depth: int) -> Value:
        written = ast.unparse(node.func) if isinstance(node.func, ast.Name | ast.Attribute) else ""
        first, dot, rest = written.partition(".")
        name = module.names.get(first, first) + dot + rest
        key = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        if not isinstance(key, str):
            if name in ("bool", "str", "int") and len(node.args) == 1:
                inner = self._value(module, node.args[0], depth + 1)
                return bool(inner) if name == "bool" else inner
            if isinstance(node.func, ast.Attribute) and node.func.attr in ("lower", "strip", "upper"):
                text = self._value(module, node.func.value, depth + 1)
                if isinstance(text, str):
                    return str(getattr(text, node.func.attr)())
            raise UnknownValueError
        default = node.args[1] if len(node.args) > 1 else None
        default = next((k.value for k in node.keywords if k.arg == "default"), default)
        if name in _ENVIRONMENT:
            reads, needed = True, False
        else:
            made = self.program.lookup(module, first)
            maker = made.value.func if made is not None and isinstance(made.value, ast.Call) else None
            origin = ast.unparse(maker) if isinstance(maker, ast.Name | ast.Attribute) else ""
            head, dot, tail = origin.partition(".")
            source = (made.module.names.get(head, head) + dot + tail) if made is not None else ""
            reads, needed = name in _READERS or source in _READERS, True
        if not reads:
            if rest.endswith("get") and default is None:  # app.config.get("X")
                return self._value(module, ast.Name(key, ast.Load()), depth + 1)
            raise UnknownValueError
        if key in self.program.env:
            text = self.program.env[key]
            is_truth = rest == "bool" or any(k.arg == "cast" and _is_bool(k.value) for k in node.keywords)
            return text.lower() in _TRUE if is_truth else text
        if not self.program.env_complete or (needed and default is None):
            raise UnknownValueError
        return None if default is None else self._value(module, default, depth + 1)


def _is_bool(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "bool"


def _setting(node: ast.expr) -> str | None:
    """The name of a setting: `X`, `settings.X`, `app.config["X"]`."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return None


def _compared(left: Value, operator: ast.cmpop, right: Value) -> bool:
    """Raises UnknownValueError for what is not compared here."""
    if isinstance(operator, ast.Eq | ast.Is):
        return left == right
    if isinstance(operator, ast.NotEq | ast.IsNot):
        return left != right
    if isinstance(operator, ast.In | ast.NotIn) and isinstance(right, tuple):
        return (left in right) is isinstance(operator, ast.In)
    raise UnknownValueError
