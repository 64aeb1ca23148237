"""What a script does only where it is started: the statements under `if __name__ == "__main__"`, and those of
the function that a console script calls.

A server that replaces the script's own imports the module and calls its application, so none of these
statements run. Starting the server is what the adapter does instead; everything else there is missing.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from analyzers.languages.python.blocks import Function, is_main_guard
from analyzers.languages.python.entry import Entry, of_expression
from analyzers.languages.python.modules import Definition, Module, Program, origin
from analyzers.languages.python.scopes import Scope
from analyzers.languages.python.syntax import bound_names
from analyzers.model import Evidence, Fact, FactKind, Reach

_Told = tuple[Module, ast.stmt | ast.expr]  # a statement, or a condition, and the module it stands in
_FOLLOW = 5  # own functions that are followed, one behind the other
_SUBJECT = 80  # characters of a statement that are shown


@cache
def _table(name: str) -> frozenset[str]:
    text = (Path(__file__).parent / "calls.toml").read_text(encoding="utf-8")
    return frozenset(tomllib.loads(text)["main-block"][name])


@cache
def _prefixes() -> tuple[str, ...]:
    return tuple(sorted(_table("prefixes")))


def find(program: Program, entry: Entry, scopes: Sequence[Scope]) -> Iterator[Fact]:
    """A fact for each statement of the started script that does more than start its server."""
    started = entry.started
    module = started.module if started is not None else _script(program, entry)
    if module is None or entry.interface is None:
        return
    block = _Block(program, entry, read_by_requests(scopes, module))
    body: list[ast.stmt] = []
    if started is not None and isinstance(started.node, ast.FunctionDef | ast.AsyncFunctionDef):
        body += program.whole(module, started.node).body
    for statement in program.tree(module).body if started is None else ():
        if is_main_guard(statement) and isinstance(statement, ast.If):
            body += statement.body
        elif module is not entry.module:  # the application is another module's: nothing of this one runs
            body.append(statement)
    for where, node in block.telling(body, _Place(module, _bound(body))):
        evidence = (Evidence(where.path, node.lineno),)
        yield Fact(FactKind.MAIN_BLOCK, _shortened(node), evidence, "", Reach.IMPORT)


def _script(program: Program, entry: Entry) -> Module | None:
    """The script that is started, None where a server imports the application."""
    launch = entry.launch
    if not entry.main_script:
        return None
    if launch.module is None:
        return program.load_file(launch.script) if launch.script else None
    place = program.locate(launch.module)
    return program.load(f"{launch.module}.__main__" if place and place[1] else launch.module)


def read_by_requests(scopes: Sequence[Scope], module: Module) -> frozenset[str]:
    """The names of a module that its functions read when requests reach them."""
    found: set[str] = set()
    for scope in scopes:
        function = scope.function
        if scope.module is not module or function is None or function.reach is not Reach.REQUEST:
            continue
        called = (
            node[0] if isinstance(node, tuple) else _root(node.func)
            for node in scope.nodes
            if isinstance(node, tuple | ast.Call)
        )
        for name in (*scope.names, *called):
            first = name.partition(".")[0]
            if first and not scope.is_local(first):
                found.add(first)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where statements stand. `bound`: names that they give a value, with each value they give (None: a
    loop's or a context manager's); `shared`: those that a function declares `global`; `function`: not the
    block itself."""

    module: Module
    bound: Mapping[str, Sequence[ast.expr | None]]
    shared: frozenset[str] = frozenset()
    function: bool = False
    plain: dict[str, bool] = field(default_factory=dict)  # what `_is_plain` found


@dataclass(slots=True)
class _Block:
    program: Program
    entry: Entry
    read: frozenset[str]  # names of the module that requests read
    following: list[int] = field(default_factory=list)  # functions, to end at recursion
    followed: dict[int, list[_Told]] = field(default_factory=dict)  # what functions were found to do
    used: dict[str, frozenset[str]] = field(default_factory=dict)  # module path -> names that it mentions

    def telling(self, body: Sequence[ast.stmt], place: _Place) -> Iterator[_Told]:
        """The statements that do more than start the server, each with the module it stands in."""
        for statement in body:
            match statement:
                case ast.If() | ast.While():
                    yield from self._expression(statement.test, statement.test, place)
                    yield from self.telling([*statement.body, *statement.orelse], place)
                case ast.For() | ast.AsyncFor():
                    yield from self._expression(statement.iter, statement.iter, place)
                    yield from self.telling([*statement.body, *statement.orelse], place)
                case ast.With() | ast.AsyncWith():
                    for item in statement.items:
                        yield from self._expression(item.context_expr, item.context_expr, place)
                    yield from self.telling(statement.body, place)
                case ast.Try() | ast.TryStar():
                    handled = [s for handler in statement.handlers for s in handler.body]
                    inside = [*statement.body, *handled, *statement.orelse, *statement.finalbody]
                    yield from self.telling(inside, place)
                case ast.Match():
                    yield from self.telling([s for case in statement.cases for s in case.body], place)
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    if statement.decorator_list or self._is_shared(statement.name, place):
                        yield place.module, statement
                case ast.Import() | ast.ImportFrom():
                    if self._runs_own_code(statement, place):
                        yield place.module, statement
                case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
                    if any(self._changes(target, statement.value, place) for target in targets):
                        yield place.module, statement
                    elif statement.value is not None:
                        yield from self._expression(statement.value, statement, place)
                case ast.Delete():
                    if any(self._changes(target, None, place) for target in statement.targets):
                        yield place.module, statement
                case ast.Expr() | ast.Return():
                    if statement.value is not None:
                        yield from self._expression(statement.value, statement, place)

    def _is_shared(self, name: str, place: _Place) -> bool:
        return name in place.shared if place.function else name in self.read

    def _runs_own_code(self, node: ast.Import | ast.ImportFrom, place: _Place) -> bool:
        """An import of an own module for what importing it does: nothing of it is used."""
        if isinstance(node, ast.ImportFrom):
            names = [origin(place.module, ast.Name(a.asname or a.name)) or "" for a in node.names]
        else:
            names = [alias.name for alias in node.names]
        bound = {a.asname or a.name.partition(".")[0] for a in node.names}
        path = place.module.path
        if path not in self.used:
            tree = self.program.tree(place.module)
            self.used[path] = frozenset(n.id for n in ast.walk(tree) if isinstance(n, ast.Name))
        return not bound & self.used[path] and any(
            self.program.load(name) is not None and self.program.own(name) for name in names if name
        )

    def _changes(self, target: ast.expr, value: ast.expr | None, place: _Place) -> bool:
        """Whether an assignment sets something that is there when requests are served."""
        if isinstance(target, ast.Tuple | ast.List):
            return any(self._changes(element, value, place) for element in target.elts)
        if isinstance(target, ast.Starred):
            return self._changes(target.value, value, place)
        if isinstance(target, ast.Name):
            made = value is not None and self._is_application(value, place.module)
            return self._is_shared(target.id, place) and not made
        key = ""
        if isinstance(target, ast.Attribute):
            key = target.attr
        elif isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            key = str(target.slice.value)
        return key.lower() not in _table("settings") and not self._is_plain(_root(target), place)

    def _expression(self, value: ast.expr, shown: ast.stmt | ast.expr, place: _Place) -> Iterator[_Told]:
        for call in (node for node in ast.walk(value) if isinstance(node, ast.Call)):
            found = self._own(call, place.module)
            if found is None:
                if self._external_tells(call, place):
                    yield place.module, shown
                    return
            elif isinstance(found.node, ast.ClassDef):
                if self._making_tells(found):
                    yield place.module, shown
                    return
            elif isinstance(found.node, Function):
                inside = self._followed(found.module, found.node)
                if inside and _starts_server(found.node):
                    yield from inside
                elif inside:
                    yield place.module, shown
                    return

    def _own(self, call: ast.Call, module: Module) -> Definition | None:
        """The own function or class that a call names."""
        name = origin(module, call.func) or ""
        found = self.program.definition(name) if "." in name else self.program.lookup(module, name)
        if found is None or not isinstance(found.node, Function | ast.ClassDef):
            return None
        return replace(found, node=self.program.whole(found.module, found.node))

    def _followed(self, module: Module, function: Function) -> Sequence[_Told]:
        """What calling an own function does; nothing for the factory, which the adapter calls too."""
        factory = self.entry.factory
        if factory is not None and (factory.module, factory.node.lineno) == (module, function.lineno):
            return ()
        if id(function) in self.following or len(self.following) >= _FOLLOW:
            return ()
        if id(function) not in self.followed:
            shared = {n for s in ast.walk(function) if isinstance(s, ast.Global) for n in s.names}
            bound = _bound(function.body)
            if function.name == "__init__" and function.args.args:
                bound[function.args.args[0].arg] = [None]  # `self`
            place = _Place(module, bound, frozenset(shared), function=True)
            self.following.append(id(function))
            self.followed[id(function)] = list(self.telling(function.body, place))
            self.following.pop()
        return self.followed[id(function)]

    def _making_tells(self, found: Definition) -> bool:
        """Whether making an instance of an own class does more than fill the instance."""
        if not isinstance(found.node, ast.ClassDef) or self._is_server(found):
            return False
        makers = [s for s in found.node.body if isinstance(s, ast.FunctionDef) and s.name == "__init__"]
        return bool(found.node.bases) or any(self._followed(found.module, maker) for maker in makers)

    def _is_server(self, found: Definition) -> bool:
        """Whether an own class is a server, a handler of one or a parser of options."""
        bases = found.node.bases if isinstance(found.node, ast.ClassDef) else []
        return any((origin(found.module, base) or "").startswith(_prefixes()) for base in bases)

    def _external_tells(self, call: ast.Call, place: _Place) -> bool:
        name = origin(place.module, call.func) or ""
        if name in _table("builtins") or name.startswith(_prefixes()):
            return False
        if isinstance(call.func, ast.Attribute):
            if call.func.attr in _table("starts") or call.func.attr in _table("methods"):
                return False
            return not self._is_plain(_root(call.func), place)
        return not self._is_application(call, place.module)

    def _is_plain(self, name: str, place: _Place) -> bool:
        """Whether a name is the block's own (a parser, a server, options) and no way to the application."""
        if name not in place.plain:
            place.plain[name] = True  # for names that are given to each other
            values = place.bound.get(name)
            place.plain[name] = (
                bool(values)
                and not self._is_shared(name, place)
                and all(self._is_plain_value(value, place) for value in values or ())
            )
        return place.plain[name]

    def _is_plain_value(self, value: ast.expr | None, place: _Place) -> bool:
        if value is None:
            return True
        if isinstance(value, ast.Name | ast.Attribute | ast.Subscript):
            root = _root(value)
            return root in ("os", "sys") or self._is_plain(root, place)
        if self._is_application(value, place.module):
            return False
        made = self._own(value, place.module) if isinstance(value, ast.Call) else None
        # What methods of an own object do is not followed; those of a server are known.
        return made is None or self._is_server(made)

    def _is_application(self, value: ast.expr, module: Module) -> bool:
        return of_expression(self.program, module, value, None)[0] is not None


def _starts_server(function: Function) -> bool:
    starts = _table("starts")
    return any(
        isinstance(node, ast.Call) and getattr(node.func, "attr", getattr(node.func, "id", "")) in starts
        for node in ast.walk(function)
    )


def _bound(body: Sequence[ast.stmt]) -> dict[str, list[ast.expr | None]]:
    """The names that statements give a value, and the values."""
    found: dict[str, list[ast.expr | None]] = {}
    for node in (inner for statement in body for inner in ast.walk(statement)):
        if isinstance(node, ast.Assign | ast.AnnAssign):
            for name, value in bound_names(node):
                found.setdefault(name, []).append(value)
        elif isinstance(node, ast.For | ast.AsyncFor):
            for inner in ast.walk(node.target):
                if isinstance(inner, ast.Name):
                    found.setdefault(inner.id, []).append(node.iter)
        elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
            found.setdefault(node.optional_vars.id, []).append(node.context_expr)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.setdefault(node.name, []).append(None)
    return found


def _root(node: ast.expr) -> str:
    """`a` of `a.b[c].d()`; "" where that is no name."""
    while not isinstance(node, ast.Name):
        if isinstance(node, ast.Attribute | ast.Subscript):
            node = node.value
        elif isinstance(node, ast.Call):
            node = node.func
        else:
            return ""
    return node.id


def _shortened(node: ast.AST) -> str:
    """The first line of a statement, decorators included, cut."""
    text = ast.unparse(node).partition("\n")[0]
    return text if len(text) <= _SUBJECT else text[: _SUBJECT - 1] + "…"
