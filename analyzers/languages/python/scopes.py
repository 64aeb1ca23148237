"""Scopes of the application's modules, and when each one runs: at import, in a request, or who knows."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from analyzers.languages.python.entry import Entry
from analyzers.languages.python.modules import (
    Module,
    Program,
    children,
    dotted,
    is_main_guard,
    is_type_checking,
)
from analyzers.model import Reach

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Decorators that leave a function what it is; any other one hands it to somebody who calls it.
_NEUTRAL = frozenset(
    {"staticmethod", "classmethod", "property", "contextmanager", "asynccontextmanager", "wraps", "lru_cache"}
    | {
        "cache",
        "cached_property",
        "abstractmethod",
        "override",
        "dataclass",
        "overload",
        "singledispatch",
        "final",
    }
    | {"retry", "setter", "getter", "deleter", "njit", "jit"}
)
# Decorators of functions that run once when the service starts.
_STARTUP = frozenset({"before_first_request", "before_serving", "on_startup"})
_COMMANDS = frozenset({"command", "cli_command", "group", "cli", "task_command", "manager"})


@dataclass(slots=True, eq=False)
class Scope:
    """A module, class, function or lambda with the nodes that belong to it and to no scope inside."""

    module: Module
    node: ast.AST
    kind: str  # module, class, function, lambda
    name: str
    parent: Scope | None
    nodes: list[ast.AST] = field(default_factory=list)
    locals: set[str] = field(default_factory=set)
    globals: set[str] = field(default_factory=set)
    imports: dict[str, str] = field(default_factory=dict)
    inner: dict[str, Scope] = field(default_factory=dict)  # functions and classes defined right in it
    reach: Reach = Reach.IMPORT
    sure: bool = True  # False: nobody is seen to call it, and nothing hands it to a framework

    @property
    def function(self) -> Scope | None:
        """The function that this runs in; None at module and class level."""
        scope: Scope | None = self
        while scope is not None and scope.kind == "class":
            scope = scope.parent
        return scope if scope is not None and scope.kind in ("function", "lambda") else None

    @property
    def owner(self) -> Scope | None:
        """The class that a method belongs to."""
        scope: Scope | None = self
        while scope is not None and scope.kind != "class":
            scope = scope.parent
        return scope

    def is_local(self, name: str) -> bool:
        """Whether a name means a local variable of this function or of one around it."""
        scope: Scope | None = self
        while scope is not None and scope.kind != "module":
            if scope.kind != "class":
                if name in scope.globals:
                    return False
                if name in scope.locals:
                    return name not in scope.imports
            scope = scope.parent
        return False

    def origin(self, node: ast.expr) -> str | None:
        """The dotted name an expression means, imports followed; None for locals and computed ones."""
        name = dotted(node)
        if name is None:
            return None
        first, dot, rest = name.partition(".")
        if self.is_local(first):
            return None
        return self.module.names.get(first, first) + dot + rest


def of_module(module: Module, *, main: bool) -> list[Scope]:
    """All scopes of a module, outermost first. Blocks for type checkers are left out, and so is what
    stands under `if __name__ == "__main__"` unless `main`."""
    top = Scope(module, module.tree, "module", module.name, None)
    scopes = [top]
    stack: list[tuple[ast.AST, Scope]] = [(node, top) for node in reversed(module.tree.body)]
    while stack:
        node, scope = stack.pop()
        if isinstance(node, ast.If) and (is_type_checking(node.test) or (not main and is_main_guard(node))):
            stack.extend((child, scope) for child in reversed(node.orelse))
            continue
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            scope.nodes.append(node)
            stack.extend((outer, scope) for outer in _outside(node))
            kind = "class" if isinstance(node, ast.ClassDef) else "function"
            inner = Scope(
                module, node, "lambda" if isinstance(node, ast.Lambda) else kind, _name(node), scope
            )
            if not isinstance(node, ast.Lambda):
                scope.locals.add(node.name)
                scope.inner[node.name] = inner
            if not isinstance(node, ast.ClassDef):
                arguments = node.args
                inner.locals |= {a.arg for a in arguments.posonlyargs + arguments.args + arguments.kwonlyargs}
                inner.locals |= {a.arg for a in (arguments.vararg, arguments.kwarg) if a is not None}
            scopes.append(inner)
            body = [node.body] if isinstance(node, ast.Lambda) else list(reversed(node.body))
            stack.extend((child, inner) for child in body)
            continue
        scope.nodes.append(node)
        if node.__class__ in _BINDING:
            _bind(node, scope)
        stack.extend((child, scope) for child in reversed(children(node)))
    return scopes


def _outside(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a definition that run where it stands."""
    if isinstance(node, ast.ClassDef):
        yield from node.decorator_list + node.bases
        yield from (keyword.value for keyword in node.keywords)
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        yield from node.decorator_list
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        yield from node.args.defaults
        yield from (default for default in node.args.kw_defaults if default is not None)


def _name(node: ast.AST) -> str:
    return getattr(node, "name", "<lambda>")


_BINDING = frozenset(
    {
        ast.Name,
        ast.Global,
        ast.Nonlocal,
        ast.Import,
        ast.ImportFrom,
        ast.ExceptHandler,
        ast.MatchAs,
        ast.MatchStar,
    }
)


def _bind(node: ast.AST, scope: Scope) -> None:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        scope.locals.add(node.id)
    elif isinstance(node, ast.Global):
        scope.globals |= set(node.names)
    elif isinstance(node, ast.Nonlocal):
        scope.locals -= set(node.names)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            scope.locals.add(name)
            scope.imports[name] = scope.module.names.get(name, name)
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        scope.locals.add(node.name)


# --- when ------------------------------------------------------------------------------------------


class Calls:
    """Who calls whom, as far as names tell, and so when each function runs."""

    def __init__(self, program: Program, entry: Entry, scopes: Sequence[Scope]) -> None:
        self.program = program
        self.scopes = scopes
        self.by_node = {id(scope.node): scope for scope in scopes}
        self.methods: dict[str, list[Scope]] = {}
        for scope in scopes:
            if scope.kind == "function" and scope.parent is not None and scope.parent.kind == "class":
                self.methods.setdefault(scope.name, []).append(scope)
        self.mentions = self._mentions()
        self.decorators: set[int] = set()  # functions that a call gives back to decorate with
        self._callees = {id(scope): self._called(scope) for scope in scopes}
        self._judge(entry)

    def _mentions(self) -> set[str]:
        """Names that are used anywhere other than where they are defined, strings included."""
        names: set[str] = set()
        for module in {id(s.module): s.module for s in self.scopes}.values():
            for node in module.nodes:
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                    names.add(node.id)
                elif isinstance(node, ast.Attribute):
                    names.add(node.attr)
                elif isinstance(node, ast.alias):
                    names.add(node.name.rpartition(".")[2])
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 200:
                    names.update(node.value.replace(":", ".").split("."))
        return names

    def scope_of(self, scope: Scope, node: ast.expr) -> Scope | None:
        """The function or class that an expression names."""
        if isinstance(node, ast.Name):
            outer: Scope | None = scope
            while outer is not None and outer.kind != "module":
                if outer.kind != "class" and node.id in outer.inner:
                    return outer.inner[node.id]
                outer = outer.parent
        name = scope.origin(node)
        if name is None:
            return None
        found = self.program.definition(name) if "." in name else self.program.lookup(scope.module, name)
        if found is None and "." in name:  # Class.method, instance.method
            head, _, last = name.rpartition(".")
            outer_found = (
                self.program.definition(head) if "." in head else self.program.lookup(scope.module, head)
            )
            return (
                self._member(outer_found.module, outer_found.node, outer_found.value, last)
                if outer_found
                else None
            )
        return self.by_node.get(id(found.node)) if found is not None else None

    def _member(self, module: Module, node: ast.AST, value: ast.expr | None, name: str) -> Scope | None:
        if isinstance(value, ast.Call):
            callee = dotted(value.func)
            found = self.program.lookup(module, callee) if callee and "." not in callee else None
            node = found.node if found is not None else node
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name == name:
                    return self.by_node.get(id(item))
        return None

    def _called(self, scope: Scope) -> list[Scope]:
        """The functions that a scope's own nodes call. Classes defined inside run with it."""
        found: list[Scope] = []
        for node in scope.nodes:
            if isinstance(node, ast.ClassDef) and (inner := self.by_node.get(id(node))):
                found.append(inner)
            for decorator in getattr(node, "decorator_list", ()):
                found += self._decorating(scope, decorator)
            if not isinstance(node, ast.Call):
                continue
            target = self.scope_of(scope, node.func)
            if target is None and isinstance(node.func, ast.Attribute):
                owner = scope.owner
                own = [m for m in self.methods.get(node.func.attr, ()) if m.parent is owner]
                is_self = isinstance(node.func.value, ast.Name) and node.func.value.id in ("self", "cls")
                found += own if is_self and own else self.methods.get(node.func.attr, ())
            elif target is not None and target.kind == "class":
                found += [m for m in self.methods.get("__init__", ()) if m.parent is target]
                found += [m for m in self.methods.get("__post_init__", ()) if m.parent is target]
            elif target is not None:
                found.append(target)
        return found

    def _decorating(self, scope: Scope, decorator: ast.expr) -> list[Scope]:
        """What applying a decorator calls: `@register` the function itself; `@register("x")`, called on its
        own already, the function that it gives back."""
        if not isinstance(decorator, ast.Call):
            target = self.scope_of(scope, decorator)
            return [target] if target is not None and target.kind == "function" else []
        maker = self.scope_of(scope, decorator.func)
        if maker is None or maker.kind != "function":
            return []
        given = {
            n.value.id for n in maker.nodes if isinstance(n, ast.Return) and isinstance(n.value, ast.Name)
        }
        inside = [s for n in maker.nodes if (s := self.by_node.get(id(n))) is not None]
        returned = [s for s in inside if s.kind == "function" and s.name in given]
        self.decorators |= {id(s.node) for s in returned}
        return returned

    def calls_of(self, function: Scope) -> Iterator[tuple[Scope, ast.Call]]:
        """Every call of a function that names it, with the scope that the call stands in."""
        for scope in self.scopes:
            for node in scope.nodes:
                if isinstance(node, ast.Call) and self.scope_of(scope, node.func) is function:
                    yield scope, node

    def _closure(self, start: Sequence[Scope]) -> set[int]:
        seen: set[int] = set()
        stack = list(start)
        while stack:
            scope = stack.pop()
            if id(scope) in seen:
                continue
            seen.add(id(scope))
            stack.extend(self._callees[id(scope)])
        return seen

    def _judge(self, entry: Entry) -> None:
        at_import = [s for s in self.scopes if s.kind == "module"]
        at_import += [s for s in self.scopes if s.kind == "class" and s.function is None]
        commands: list[Scope] = []
        roots: list[Scope] = []
        guesses: list[Scope] = []
        called = {id(callee) for callees in self._callees.values() for callee in callees}
        used = self._used_as_values() - self.decorators
        factory = entry.factory.node if entry.factory is not None else None
        for scope in self.scopes:
            if scope.kind not in ("function", "lambda"):
                continue
            marks = [_last_name(d) for d in getattr(scope.node, "decorator_list", ())]
            handed = [m for m in marks if m not in _NEUTRAL]
            if (
                scope.node is factory
                or (handed and set(handed) <= _STARTUP)
                or self._is_startup(scope, marks)
            ):
                at_import.append(scope)
            elif handed and set(handed) & _COMMANDS:
                commands.append(scope)
            elif handed or id(scope.node) in used or scope.kind == "lambda":
                roots.append(scope)
            elif id(scope) not in called:
                parent = scope.parent
                if parent is not None and parent.kind == "module":
                    if scope.name in self.mentions:  # else it is dead
                        guesses.append(scope)
                elif parent is not None and isinstance(parent.node, ast.ClassDef) and not parent.node.bases:
                    guesses.append(scope)
                else:  # a framework calls the methods of its own classes' children
                    roots.append(scope)
        certain, imported = self._closure(roots), self._closure(at_import)
        requested = certain | self._closure(guesses)
        for scope in self.scopes:
            if scope.kind == "module":
                continue
            if id(scope) in requested:
                scope.reach = Reach.REQUEST
                scope.sure = id(scope) in certain
            elif id(scope) in imported:
                scope.reach = Reach.IMPORT
            else:
                scope.reach = Reach.UNKNOWN

    def _is_startup(self, scope: Scope, marks: Sequence[str]) -> bool:
        """FastAPI's and Starlette's start: `lifespan`, `@app.on_event("startup")`."""
        if scope.name == "lifespan" and "asynccontextmanager" in marks:
            return True
        for decorator in getattr(scope.node, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and _last_name(decorator) in ("on_event", "listener"):
                return any(isinstance(a, ast.Constant) and "start" in str(a.value) for a in decorator.args)
        return False

    def _used_as_values(self) -> set[int]:
        """Functions that are handed on by name: callbacks, view functions, thread targets."""
        found: set[int] = set()
        for scope in self.scopes:
            callees = {id(n.func) for n in scope.nodes if isinstance(n, ast.Call)}
            decorators = {id(d) for n in scope.nodes for d in getattr(n, "decorator_list", ())}
            inside = {id(n.value) for n in scope.nodes if isinstance(n, ast.Attribute)}
            for node in scope.nodes:
                if not isinstance(node, ast.Name | ast.Attribute) or not isinstance(node.ctx, ast.Load):
                    continue
                if id(node) in callees or id(node) in decorators or id(node) in inside:
                    continue
                target = self.scope_of(scope, node)
                if target is not None and target.kind == "function":
                    found.add(id(target.node))
        return found


def _last_name(decorator: ast.expr) -> str:
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
