"""One walk over a module's syntax tree: everything that later steps look at, sorted by what they look for.

Reading large repositories spends its time in walking trees, so this is done once for each file, and most
nodes (names, constants, operators) are not kept.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

_NODES = 400_000  # syntax nodes of one file

# Names by which the client's address is read: of requests, and of Flask-Limiter.
ADDRESSES = frozenset({"remote_addr", "access_route", "get_remote_address"})
Function = ast.FunctionDef | ast.AsyncFunctionDef


class TooLargeError(Exception):
    """The file has more syntax nodes than are read."""

    def __str__(self) -> str:
        return f"has more than {_NODES:,} syntax nodes"


@dataclass(slots=True, eq=False)
class Block:
    """A module, class, function or lambda, with what belongs to it and to none inside.

    `nodes` are definitions, calls, subscripts, comparisons, conditions, loops, returns, assignments,
    deletions and the attributes that are set or deleted; `names` the names and chains of attributes that
    are read, other than what is called or decorates; `addresses` what may read the client's address.
    """

    node: ast.AST
    kind: str  # module, class, function, lambda
    name: str
    parent: Block | None
    nodes: list[ast.AST] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    addresses: list[ast.expr] = field(default_factory=list)
    locals: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    imports: set[str] = field(default_factory=set)


# A branch of a condition: its first and last line, the condition, and whether it runs where that holds.
Guard = tuple[int, int, ast.expr, bool]


@dataclass(slots=True, eq=False)
class Outline:
    """What a file holds. Blocks come outermost first and leave out what only type checkers read and,
    unless the file is the script that is started, what stands under `if __name__ == "__main__"`; the rest
    is of the whole file. `mentions` are the names used anywhere but where they are defined, words of short
    strings included. The flag of an import: a handler of ImportError stands around it.
    """

    tree: ast.Module
    blocks: list[Block] = field(default_factory=list)
    imports: list[tuple[ast.Import | ast.ImportFrom, bool]] = field(default_factory=list)
    calls: list[ast.Call] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    assignments: list[ast.Assign] = field(default_factory=list)
    mentions: set[str] = field(default_factory=set)
    guarded: bool = False  # `if __name__ == "__main__"` stands in it, and was left out
    guards: list[Guard] = field(default_factory=list)  # the branches of conditions on settings
    called: dict[int, str] = field(default_factory=dict)  # id of a call -> the dotted name that it calls


# Fields that hold no nodes, or only marks such as Load and Add.
_PLAIN = frozenset(
    {"id", "ctx", "op", "ops", "attr", "arg", "name", "level", "module", "type_comment", "kind", "conversion"}
    | {"is_async", "simple", "asname", "rest", "kwd_attrs", "type_ignores", "names", "value_is_str"}
)
_NO_NODES = frozenset({ast.Constant, ast.Global, ast.Nonlocal, ast.MatchSingleton})
_FIELDS: dict[type, tuple[str, ...]] = {}


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes right below one, in order, without marks such as Load and Add."""
    kind = node.__class__
    fields = _FIELDS.get(kind)
    if fields is None:
        fields = () if kind in _NO_NODES else tuple(f for f in kind._fields if f not in _PLAIN)
        _FIELDS[kind] = fields
    found: list[ast.AST] = []
    for field_name in fields:
        value = getattr(node, field_name, None)
        if value.__class__ is list:
            found += [item for item in value if item is not None] if None in value else value
        elif value is not None:
            found.append(value)
    return found


def is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def is_main_guard(node: ast.stmt) -> bool:
    """`if __name__ == "__main__":`"""
    if not (
        isinstance(node, ast.If) and isinstance(node.test, ast.Compare) and len(node.test.comparators) == 1
    ):
        return False
    sides = (node.test.left, node.test.comparators[0])
    return any(getattr(s, "id", "") == "__name__" for s in sides) and any(
        isinstance(s, ast.Constant) and s.value == "__main__" for s in sides
    )


def outline(tree: ast.Module, *, main: bool = False) -> Outline:
    """Walk a tree. `main`: the file is the script that is started. Raises TooLargeError."""
    return _Walk(tree, main).outline


# Statements whose nodes later steps look at.
_KEPT = frozenset({ast.If, ast.While, ast.Return, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete})
_DEFINITIONS = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})
# Marks of a statement on the stack.
_OPTIONAL, _TYPING = 1, 2


class _Walk:
    def __init__(self, tree: ast.Module, main: bool) -> None:
        self.outline = Outline(tree)
        self.main = main
        self.count = 0
        top = Block(tree, "module", "", None)
        self.outline.blocks.append(top)
        # Lambdas' bodies are put here as well: no depth of nesting is one of calls.
        self.stack: list[tuple[ast.AST, Block | None, int]] = [(n, top, 0) for n in reversed(tree.body)]
        while self.stack:
            node, block, marks = self.stack.pop()
            self._statement(node, block, marks)

    def _push(self, body: list[ast.stmt], block: Block | None, marks: int) -> None:
        if body:
            self.stack += [(node, block, marks) for node in reversed(body)]

    def _statement(self, node: ast.AST, block: Block | None, marks: int) -> None:
        kind = node.__class__
        if block is not None and kind in _KEPT:
            block.nodes.append(node)
        if kind is ast.Expr or kind is ast.Return:
            value = node.value  # type: ignore[attr-defined] # the classes are compared for speed
            if value is not None:
                self._expressions([value], block)
            return
        handle = _HANDLE.get(kind)
        if handle is not None:
            handle(self, node, block, marks)
        elif isinstance(node, ast.expr):
            self._expressions([node], block)
        else:
            inner = children(node)
            self.stack += [(n, block, marks) for n in reversed(inner) if isinstance(n, _STATEMENTS)]
            self._expressions([n for n in reversed(inner) if not isinstance(n, _STATEMENTS)], block)

    def _assign(self, node: ast.Assign, block: Block | None, _: int) -> None:
        self.outline.assignments.append(node)
        self._expressions([node.value, *reversed(node.targets)], block)

    def _annotated(self, node: ast.AnnAssign, block: Block | None, _: int) -> None:
        self._expressions([node.annotation], None)
        self._expressions([node.value, node.target] if node.value else [node.target], block)

    def _if(self, node: ast.If, block: Block | None, marks: int) -> None:
        typing = is_type_checking(node.test)
        if typing or (not self.main and is_main_guard(node)):
            self.outline.guarded |= not typing
            self._expressions([node.test], None)
            self._push(node.orelse, block, marks)
            self._push(node.body, None, marks | _TYPING if typing else marks)
            return
        self.outline.guards += _branches(node)
        self._push(node.orelse, block, marks)
        self._push(node.body, block, marks)
        self._expressions([node.test], block)

    def _function(self, node: Function, block: Block | None, marks: int) -> None:
        self.outline.functions.append(node)
        self._decorated(node, block, marks)

    def _global(self, node: ast.Global, block: Block | None, _: int) -> None:
        if block is not None:
            block.globals.update(node.names)

    def _nonlocal(self, node: ast.Nonlocal, block: Block | None, _: int) -> None:
        if block is not None:
            block.locals.difference_update(node.names)

    def _handler(self, node: ast.ExceptHandler, block: Block | None, marks: int) -> None:
        if block is not None and node.name:
            block.locals.add(node.name)
        self._push(node.body, block, marks)
        if node.type is not None:
            self._expressions([node.type], block)

    def _decorated(self, node: Function | ast.ClassDef, block: Block | None, marks: int) -> None:
        outside: list[ast.expr] = []
        inner: Block | None = None
        if block is not None:
            block.nodes.append(node)
            block.locals.add(node.name)
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            inner = Block(node, kind, node.name, block)
            self.outline.blocks.append(inner)
        if isinstance(node, ast.ClassDef):
            outside = [*node.bases, *(keyword.value for keyword in node.keywords)]
            types: list[ast.AST | None] = []
        else:
            outside, types = self._arguments(node.args, inner)
            types.append(node.returns)
        types += getattr(node, "type_params", ())
        self._push(node.body, inner, marks)
        self._expressions([n for n in types if n is not None], None)
        called: list[ast.expr] = []
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Name | ast.Attribute):
                self._expressions([decorator], None)
            else:
                called.append(decorator)
        self._expressions([*reversed(outside), *reversed(called)], block)

    def _arguments(
        self, arguments: ast.arguments, inner: Block | None
    ) -> tuple[list[ast.expr], list[ast.AST | None]]:
        """The defaults and the annotations; names become locals of the function."""
        named = arguments.posonlyargs + arguments.args + arguments.kwonlyargs
        named += [a for a in (arguments.vararg, arguments.kwarg) if a is not None]
        if inner is not None:
            inner.locals.update([a.arg for a in named])
        defaults = arguments.defaults + [d for d in arguments.kw_defaults if d is not None]
        return defaults, [a.annotation for a in named]

    def _import(self, node: ast.Import | ast.ImportFrom, block: Block | None, marks: int) -> None:
        if not marks & _TYPING:
            self.outline.imports.append((node, bool(marks & _OPTIONAL)))
        for alias in node.names:
            self.outline.mentions.add(alias.name.rpartition(".")[2])
            if block is not None:
                name = alias.asname or alias.name.partition(".")[0]
                block.locals.add(name)
                block.imports.add(name)

    def _try(self, node: ast.Try | ast.TryStar, block: Block | None, marks: int) -> None:
        guarded = isinstance(node, ast.Try) and any(_catches_import_error(h) for h in node.handlers)
        inside = marks | _OPTIONAL if guarded else marks
        handling = marks | _OPTIONAL if isinstance(node, ast.Try) else marks
        self._push(node.finalbody, block, marks)
        self._push(node.orelse, block, inside)
        self.stack += [(handler, block, handling) for handler in reversed(node.handlers)]
        self._push(node.body, block, inside)

    def _expressions(self, todo: list[Any], block: Block | None) -> None:
        """Walk expressions, the last of `todo` first. Classes are compared for speed, hence `Any`."""
        mentions = self.outline.mentions
        while todo:
            self.count += 1
            if self.count > _NODES:
                raise TooLargeError
            node = todo.pop()
            kind = node.__class__
            if kind is ast.Constant:
                value = node.value
                if value.__class__ is str and len(value) < 200:
                    if value.isidentifier():
                        mentions.add(value)
                    else:
                        mentions.update(value.replace(":", ".").split("."))
            elif kind is ast.Name:
                if node.ctx.__class__ is ast.Load:
                    mentions.add(node.id)
                    if block is not None:
                        block.names.add(node.id)
                        if node.id == "get_remote_address":
                            block.addresses.append(node)
                elif block is not None:
                    block.locals.add(node.id)
            elif kind is ast.Attribute:
                name = self._chain(node, todo, block)
                if block is not None:
                    if node.ctx.__class__ is not ast.Load:
                        block.nodes.append(node)
                    elif name is not None:
                        block.names.add(name)
            elif kind is ast.Call:
                self.outline.calls.append(node)
                if block is not None:
                    block.nodes.append(node)
                if node.keywords:
                    todo += [keyword.value for keyword in reversed(node.keywords)]
                if node.args:
                    todo += node.args[::-1]
                name = self._chain(node.func, todo, block)
                if name is not None:
                    self.outline.called[id(node)] = name
            elif kind is ast.Lambda:
                inner = None
                if block is not None:
                    block.nodes.append(node)
                    inner = Block(node, "lambda", "<lambda>", block)
                    self.outline.blocks.append(inner)
                todo += reversed(self._arguments(node.args, inner)[0])
                self.stack.append((node.body, inner, 0))
            else:
                if block is not None:
                    if kind is ast.Subscript or kind is ast.Compare:
                        block.nodes.append(node)
                    elif (kind is ast.MatchAs or kind is ast.MatchStar) and node.name:
                        block.locals.add(node.name)
                inside = children(node)
                inside.reverse()
                todo += inside

    def _chain(self, node: Any, todo: list[Any], block: Block | None) -> str | None:
        """Follow `a.b.c` down: its parts are mentioned, what is no name is walked. The dotted name."""
        mentions = self.outline.mentions
        kind = node.__class__
        if kind is ast.Name:  # most often
            mentions.add(node.id)
            if node.id == "get_remote_address" and block is not None:
                block.addresses.append(node)
            return node.id  # type: ignore[no-any-return] # the class was compared
        outermost = node
        name = ""
        while kind is ast.Attribute:
            attribute = node.attr
            mentions.add(attribute)
            name = f".{attribute}{name}"
            if attribute in ADDRESSES and block is not None:
                block.addresses.append(outermost)
            node = node.value
            kind = node.__class__
        if kind is ast.Name:
            mentions.add(node.id)
            return node.id + name  # type: ignore[no-any-return] # the class was compared
        todo.append(node)
        return None


_HANDLE: dict[type, Callable[[_Walk, Any, Block | None, int], None]] = {
    ast.Assign: _Walk._assign,
    ast.AnnAssign: _Walk._annotated,
    ast.If: _Walk._if,
    ast.FunctionDef: _Walk._function,
    ast.AsyncFunctionDef: _Walk._function,
    ast.ClassDef: _Walk._decorated,
    ast.Import: _Walk._import,
    ast.ImportFrom: _Walk._import,
    ast.Try: _Walk._try,
    ast.TryStar: _Walk._try,
    ast.Global: _Walk._global,
    ast.Nonlocal: _Walk._nonlocal,
    ast.ExceptHandler: _Walk._handler,
}
_STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {"ImportError", "ModuleNotFoundError", "Exception"}
    return any(kind is None or getattr(kind, "id", "") in names for kind in types)


def _branches(node: ast.If) -> Sequence[Guard]:
    """The branches of a condition on a setting; nothing for other conditions."""
    if not _asks_for_setting(node.test):
        return ()
    found = [(node.body[0].lineno, node.body[-1].end_lineno or node.body[-1].lineno, node.test, True)]
    if node.orelse:
        last = node.orelse[-1]
        found.append((node.orelse[0].lineno, last.end_lineno or last.lineno, node.test, False))
    return found


def _asks_for_setting(test: ast.expr) -> bool:
    for count, inner in enumerate(ast.walk(test)):
        if count > _TEST:
            return False
        if isinstance(inner, ast.Name | ast.Attribute):
            name = inner.id if isinstance(inner, ast.Name) else inner.attr
            if len(name) > 2 and name.isupper():
                return True
        elif isinstance(inner, ast.Call | ast.Subscript):
            first = inner.slice if isinstance(inner, ast.Subscript) else next(iter(inner.args), None)
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                return True
    return False


_TEST = 40  # nodes of a condition that are looked at
