"""What a setup.py asks for and installs, read from its syntax tree; it is never run."""

from __future__ import annotations

import ast
import posixpath
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

_DEPTH = 16

Lines = list[tuple[str, int]]  # requirement, line


@dataclass(slots=True)
class Setup:
    """`wanted` are the requirements of `install_requires` and of the extras asked for; `files` those files
    that it reads them from; `unclear` the line of a part that reading cannot settle."""

    wanted: Lines = field(default_factory=list)
    files: list[tuple[str, int]] = field(default_factory=list)
    unclear: int | None = None


def read(text: str, extras: tuple[str, ...] = ()) -> Setup | None:
    """The requirements of a setup.py; None where it is no Python that this version can read."""
    tree = tree_of(text)
    return _Reader(tree).setup(extras) if tree is not None else None


def scripts(text: str) -> list[tuple[str, str]]:
    """The programs that a setup.py installs: name, and `module:function` or the file that is the program."""
    tree = tree_of(text)
    return list(_Reader(tree).scripts()) if tree is not None else []


def tree_of(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _UnclearError(Exception):
    def __init__(self, node: ast.AST) -> None:
        super().__init__()
        self.line = getattr(node, "lineno", 1)


class _Reader:
    def __init__(self, tree: ast.Module) -> None:
        self.result = Setup()
        self.calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        self.values: dict[str, list[ast.expr]] = {}  # name -> what it is given, then what is added
        self.functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    self._bound(target, node.value, fresh=True)
            elif isinstance(node, ast.AnnAssign) and node.value is not None:
                self._bound(node.target, node.value, fresh=True)
            elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
                self._bound(node.target, node.value, fresh=False)
        for call in self.calls:  # names.append("x"), names.extend([...]), setup_args.update(...)
            match call.func:
                case ast.Attribute(value=ast.Name(id=name), attr="append") if call.args:
                    self.values.setdefault(name, []).append(ast.List([call.args[0]], ast.Load()))
                case ast.Attribute(value=ast.Name(id=name), attr="extend") if call.args:
                    self.values.setdefault(name, []).append(call.args[0])

    def _bound(self, target: ast.expr, value: ast.expr, *, fresh: bool) -> None:
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            target = ast.Name(str(target.slice.value), ast.Load())  # setup_args["install_requires"] = …
        if not isinstance(target, ast.Name):
            return
        if fresh and not isinstance(value, ast.List | ast.Tuple) and target.id in self.values:
            return  # e.g. the other branch of a condition: the first list stays
        self.values.setdefault(target.id, []).append(value)

    def setup(self, extras: tuple[str, ...]) -> Setup:
        found = self._argument("install_requires")
        if found is not None:
            self._take(found)
        optional = self._argument("extras_require") if extras else None
        for key, value in self._pairs(optional):
            if key in extras:
                self._take(value)
        return self.result

    def scripts(self) -> Iterator[tuple[str, str]]:
        points = self._argument("entry_points")
        lines: list[str] = []
        if isinstance(points, ast.Constant) and isinstance(points.value, str):  # as an .ini file
            section = re.search(r"^\s*\[console_scripts\]\s*$([^\[]*)", points.value, re.MULTILINE)
            lines = section[1].split("\n") if section else []
        for key, value in self._pairs(points):
            if key == "console_scripts":
                lines += self._known(value)
        for line in lines:
            name, equals, target = line.partition("#")[0].partition("=")
            if equals and name.strip():
                yield name.strip(), target.strip()
        files = self._argument("scripts")
        for file in self._known(files) if files is not None else ():
            yield posixpath.basename(file.strip()), file.strip()

    def _known(self, node: ast.expr) -> list[str]:
        """The lines of an expression; none where reading cannot tell them."""
        try:
            return [line for line, _ in self._lines(node, 0)]
        except _UnclearError:
            return []

    def _take(self, node: ast.expr) -> None:
        try:
            self.result.wanted += self._lines(node, 0)
        except _UnclearError as error:
            self.result.unclear = self.result.unclear or error.line

    def _argument(self, name: str) -> ast.expr | None:
        for call in self.calls:
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if called not in ("setup", "run_setup"):
                continue
            for keyword in call.keywords:
                if keyword.arg == name:
                    return keyword.value
            for keyword in call.keywords:
                if keyword.arg is None:  # setup(**options)
                    found = dict(self._pairs(keyword.value)).get(name)
                    if found is not None:
                        return found
                    if name in self.values:
                        return self.values[name][0]
        return None

    def _pairs(self, node: ast.expr | None) -> Iterator[tuple[str, ast.expr]]:
        if isinstance(node, ast.Name):
            node = next(iter(self.values.get(node.id, ())), None)
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and isinstance(key.value, str):
                    yield key.value, value
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "dict":
            for keyword in node.keywords:
                if keyword.arg is not None:
                    yield keyword.arg, keyword.value

    def _lines(self, node: ast.expr, depth: int) -> Lines:
        """The requirements that an expression holds. Raises _UnclearError where that cannot be told."""
        if depth > _DEPTH:
            raise _UnclearError(node)
        match node:
            case ast.Constant(value=str() as text):
                return [(line, node.lineno) for line in text.split("\n") if line.strip()]
            case ast.Constant(value=None):
                return []
            case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return [line for part in parts for line in self._lines(part, depth + 1)]
            case ast.Starred(value=inner):
                return self._lines(inner, depth + 1)
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                first, second = self._lines(left, depth + 1), self._lines(right, depth + 1)
                if all(isinstance(side, ast.List | ast.Tuple) for side in (left, right)):
                    return first + second
                if self._is_text(left) and self._is_text(right) and first and second:
                    return [(first[0][0] + second[0][0], first[0][1])]
                return first + second
            case ast.JoinedStr():
                return [(self._text(node, depth), node.lineno)]
            case ast.BinOp(left=ast.Constant(value=str()), op=ast.Mod()):
                return [(self._text(node, depth), node.lineno)]
            case ast.Name(id=name):
                if name in self.values:
                    given = self.values[name]
                    return [line for value in given for line in self._lines(value, depth + 1)]
            case ast.IfExp(body=body, orelse=orelse):
                return self._lines(body, depth + 1) + self._lines(orelse, depth + 1)
            case ast.Call(func=ast.Name(id="list" | "sorted" | "tuple" | "set"), args=[inner]):
                return self._lines(inner, depth + 1)
        if self._reads_files(node, depth):
            return []
        raise _UnclearError(node)

    def _is_text(self, node: ast.expr) -> bool:
        if isinstance(node, ast.Name):
            return all(self._is_text(value) for value in self.values.get(node.id, ())) and (
                node.id in self.values
            )
        if isinstance(node, ast.BinOp):
            return self._is_text(node.left) and self._is_text(node.right)
        return isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        )

    def _text(self, node: ast.expr, depth: int) -> str:
        """The text of a requirement with a computed part, which is most often its version: its name is
        what counts, so the text ends before the first part that is not known."""
        if isinstance(node, ast.BinOp):
            return str(getattr(node.left, "value", "")).partition("%")[0].rstrip("=<>~! ")
        text = ""
        for part in getattr(node, "values", ()):
            if isinstance(part, ast.Constant):
                text += str(part.value)
                continue
            try:
                known = self._lines(part.value, depth + 1)
            except _UnclearError:
                return text.rstrip("=<>~! ")
            text += known[0][0] if known else ""
        return text

    def _reads_files(self, node: ast.expr, depth: int) -> bool:
        """Whether an expression reads requirements files: their names stand in it, in the variables that it
        uses, or in the function that it calls."""
        names: list[tuple[str, int]] = []
        todo: list[tuple[ast.AST, int]] = [(node, depth)]
        while todo:
            one, level = todo.pop()
            for inner in ast.walk(one):
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    if inner.value.endswith((".txt", ".in", ".pip")):
                        names.append((inner.value, inner.lineno))
                elif isinstance(inner, ast.Name) and level < _DEPTH:
                    todo += [(value, level + 1) for value in self.values.get(inner.id, ())]
                    if inner.id in self.functions:
                        todo.append((self.functions[inner.id], _DEPTH))
        self.result.files += [name for name in names if name not in self.result.files]
        return bool(names)
