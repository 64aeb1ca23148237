"""Scopes of the application's modules, and when each one runs: at import, in a request, or who knows."""

from __future__ import annotations

import ast
from collections.abc import Sequence, Set
from dataclasses import dataclass, field

from analyzers.languages.python.entry import Entry
from analyzers.languages.python.modules import Module, Program
from analyzers.languages.python.summary import Named, Summary, Value
from analyzers.languages.python.switches import Switches
from analyzers.languages.python.syntax import dotted
from analyzers.model import Reach

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
# Decorators of functions that a worker of its own runs, never the program that serves requests.
_TASKS = frozenset({"task", "shared_task", "periodic_task", "actor", "db_task", "db_periodic_task", "job"})
_RUN_HERE = frozenset({"locust", "prefect", "invoke", "luigi", "flytekit"})  # tasks of the program itself
_COMMANDS = frozenset({"command", "cli_command", "group", "cli", "task_command", "manager"})


@dataclass(slots=True, eq=False)
class Scope:
    """A part of one of the service's modules, and when it runs. What `Part` has as well is the part's."""

    module: Module
    node: ast.AST
    kind: str  # module, class, function, lambda
    name: str
    parent: Scope | None
    nodes: Sequence[ast.AST | Named] = ()
    names: Set[str] = frozenset()
    addresses: Sequence[ast.expr] = ()
    given: Sequence[tuple[str, Value]] = ()
    loops: bool = False
    locals: Set[str] = frozenset()
    globals: Set[str] = frozenset()
    imports: Set[str] = frozenset()
    inner: dict[str, Scope] = field(default_factory=dict)  # functions and classes defined right in it
    reach: Reach = Reach.IMPORT
    elsewhere: bool = False  # only commands and tasks lead here, which other programs run
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
        return self.origin_of(name) if name is not None else None

    def origin_of(self, name: str) -> str | None:
        """The same of a dotted name as it is written."""
        first, dot, rest = name.partition(".")
        if self.is_local(first):
            return None
        return self.module.names.get(first, first) + dot + rest


def of_module(module: Module, summary: Summary) -> list[Scope]:
    """All scopes of a module, outermost first. Blocks for type checkers are left out, and so is what
    stands under `if __name__ == "__main__"` unless `summary` is that of the script that is started."""
    made: list[Scope] = []
    for part in summary.parts:
        parent = made[part.parent] if part.parent >= 0 else None
        scope = Scope(
            module,
            part.node,
            part.kind,
            part.name if parent is not None else module.name,
            parent,
            part.nodes,
            part.names,
            part.addresses,
            part.given,
            part.loops,
            part.locals,
            part.globals,
            part.imports,
        )
        made.append(scope)
        if parent is not None and part.kind != "lambda":
            parent.inner[part.name] = scope
    return made


# --- when ------------------------------------------------------------------------------------------


_DEFINITIONS = frozenset({ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef})
_CONSTRUCTORS = ("__init__", "__post_init__")


def _place(module: Module, node: ast.AST) -> tuple[object, ...]:
    """What tells definitions apart, whichever reading of the file they come from."""
    name = getattr(node, "name", None)
    return (module.path, module.name, getattr(node, "lineno", 0), name if name is not None else id(node))


class Group(list[Scope]):
    """The methods of one name, whatever their classes."""


class Calls:
    """Who calls whom, as far as names tell, and so when each function runs."""

    def __init__(self, program: Program, entry: Entry, scopes: Sequence[Scope], switches: Switches) -> None:
        self.program = program
        self.scopes = scopes
        self.switches = switches
        self._unused: list[Scope | Group] = []  # what only code calls that is off
        self._by_place = {_place(scope.module, scope.node): scope for scope in scopes}
        self.methods: dict[str, Group] = {}
        for scope in scopes:
            if scope.kind == "function" and scope.parent is not None and scope.parent.kind == "class":
                self.methods.setdefault(scope.name, Group()).append(scope)
        modules = {id(scope.module): scope.module for scope in scopes}.values()
        self.mentions = {name for module in modules for name in module.summary.mentions}
        self.decorators: set[int] = set()  # functions that a call gives back to decorate with
        # Names that may mean a function or a class of ours: what others mean need not be looked up.
        self._defined = {scope.name for scope in scopes if scope.kind in ("function", "class")}
        for module in modules:
            for name, target in module.names.items():
                if name not in self._defined and target.rpartition(".")[2] in self._defined:
                    self._defined.add(name)
        self._found: dict[tuple[int, str], Scope | None] = {}
        self._sites: dict[int, list[tuple[Scope, ast.Call]]] = {}  # function -> the calls that name it
        self._callees = {id(scope): self._called(scope) for scope in scopes}
        self._judge(entry)

    def of_node(self, module: Module, node: ast.AST) -> Scope | None:
        """The scope of a definition."""
        return self._by_place.get(_place(module, node))

    def scope_of(self, scope: Scope, node: ast.expr) -> Scope | None:
        """The function or class that an expression names."""
        written = dotted(node)
        return self.named(scope, written) if written is not None else None

    def named(self, scope: Scope, written: str) -> Scope | None:
        """The function or class that a dotted name means in a scope."""
        last = written.rpartition(".")[2]
        if last not in self._defined:
            return None
        if last == written:
            outer: Scope | None = scope
            while outer is not None and outer.kind != "module":
                if outer.kind != "class" and written in outer.inner:
                    return outer.inner[written]
                outer = outer.parent
        name = scope.origin_of(written)
        if name is None:
            return None
        key = (id(scope.module), name)
        if key not in self._found:
            self._found[key] = self._resolved(scope, name)
        return self._found[key]

    def _resolved(self, scope: Scope, name: str) -> Scope | None:
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
        return self.of_node(found.module, found.node) if found is not None else None

    def _member(self, module: Module, node: ast.AST, value: ast.expr | None, name: str) -> Scope | None:
        if isinstance(value, ast.Call):
            callee = dotted(value.func)
            found = self.program.lookup(module, callee) if callee and "." not in callee else None
            node = found.node if found is not None else node
        if isinstance(node, ast.ClassDef):
            for item in node.body:
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and item.name == name:
                    return self.of_node(module, item)
        return None

    def method(self, owner: Scope | None, name: str) -> Scope | None:
        """The method of this name that stands in a class itself."""
        found = owner.inner.get(name) if owner is not None and owner.kind == "class" else None
        return found if found is not None and found.kind == "function" else None

    def _called(self, scope: Scope) -> list[Scope | Group]:
        """The functions that a scope's own nodes call. Classes defined inside run with it. Of a method whose
        object is not known every one of that name is taken: as one group, for there may be thousands."""
        on: list[Scope | Group] = []
        for node in scope.nodes:
            line = node[1] if isinstance(node, tuple) else getattr(node, "lineno", 0)
            found = self._unused if self.switches.is_off(scope.module, line) else on
            if isinstance(node, tuple):
                self._call(scope, node[0], None, found)
            elif isinstance(node, ast.Call):
                name = dotted(node.func)
                if name is None and isinstance(node.func, ast.Attribute):
                    name = f"?.{node.func.attr}"
                if name is not None:
                    self._call(scope, name, node, found)
            elif node.__class__ in _DEFINITIONS:
                if isinstance(node, ast.ClassDef) and (inner := self.of_node(scope.module, node)):
                    found.append(inner)
                for decorator in getattr(node, "decorator_list", ()):
                    found += self._decorating(scope, decorator)
        return on

    def _call(self, scope: Scope, name: str, node: ast.Call | None, found: list[Scope | Group]) -> None:
        """A call of a dotted name; `?` stands for an object that has none."""
        target = self.named(scope, name)
        receiver, _, last = name.rpartition(".")
        if target is None:
            if receiver and (group := self.methods.get(last)):
                own = self.method(scope.owner, last) if receiver in ("self", "cls") else None
                found.append(own or group)
            return
        if target.kind == "class":
            found += [m for maker in _CONSTRUCTORS if (m := self.method(target, maker))]
        else:
            found.append(target)
        if node is not None:
            self._sites.setdefault(id(target), []).append((scope, node))

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
        inside = [
            s
            for n in maker.nodes
            if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
            and (s := self.of_node(maker.module, n)) is not None
        ]
        returned = [s for s in inside if s.kind == "function" and s.name in given]
        self.decorators |= {id(s.node) for s in returned}
        return returned

    def calls_of(self, function: Scope) -> Sequence[tuple[Scope, ast.Call]]:
        """The calls of a function that name it and give it a name, with the scope that they stand in."""
        return self._sites.get(id(function), ())

    def _closure(self, start: Sequence[Scope]) -> set[int]:
        seen: set[int] = set()
        stack: list[Scope | Group] = list(start)
        while stack:
            one = stack.pop()
            if id(one) in seen:
                continue
            seen.add(id(one))
            stack.extend(one if isinstance(one, Group) else self._callees[id(one)])
        return seen

    def _judge(self, entry: Entry) -> None:
        at_import = [s for s in self.scopes if s.kind == "module"]
        at_import += [s for s in self.scopes if s.kind == "class" and s.function is None]
        commands: list[Scope] = []
        roots: list[Scope] = []
        guesses: list[Scope] = []
        called = {id(callee) for callees in (*self._callees.values(), self._unused) for callee in callees}
        called |= {id(method) for group in self.methods.values() if id(group) in called for method in group}
        used = self._used_as_values() - self.decorators
        starts = {_place(f.module, f.node) for f in (entry.factory, entry.started) if f is not None}
        for scope in self.scopes:
            if scope.kind not in ("function", "lambda"):
                continue
            marks = [_last_name(d) for d in _decorators(scope)]
            handed = [m for m in marks if m not in _NEUTRAL]
            if (
                _place(scope.module, scope.node) in starts
                or (handed and set(handed) <= _STARTUP)
                or self._is_startup(scope, marks)
            ):
                at_import.append(scope)
            elif not entry.launch.worker and (
                set(handed) & _COMMANDS or any(_is_task(scope, d) for d in _decorators(scope))
            ):
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
        elsewhere = self._closure([*commands, *(one for one in self._unused if isinstance(one, Scope))])
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
                scope.elsewhere = id(scope) in elsewhere

    def _is_startup(self, scope: Scope, marks: Sequence[str]) -> bool:
        """FastAPI's and Starlette's start (`lifespan`, `@app.on_event("startup")`), and Pyramid's."""
        if scope.name == "lifespan" and "asynccontextmanager" in marks:
            return True
        if scope.name == "includeme" and scope.parent is not None and scope.parent.kind == "module":
            return True  # Pyramid's `config.include("package.module")` calls it
        for decorator in getattr(scope.node, "decorator_list", ()):
            if isinstance(decorator, ast.Call) and _last_name(decorator) in ("on_event", "listener"):
                return any(isinstance(a, ast.Constant) and "start" in str(a.value) for a in decorator.args)
        return False

    def _used_as_values(self) -> set[int]:
        """Functions that are handed on by name: callbacks, view functions, thread targets."""
        found: set[int] = set()
        for scope in self.scopes:
            for name in scope.names:
                target = self.named(scope, name)
                if target is not None and target.kind == "function":
                    found.add(id(target.node))
        return found


def _decorators(scope: Scope) -> Sequence[ast.expr]:
    return getattr(scope.node, "decorator_list", ())


def _is_task(scope: Scope, decorator: ast.expr) -> bool:
    """`@celery.task`, `@shared_task(bind=True)`, `@dramatiq.actor`."""
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    library = (scope.parent or scope).origin(node) or ""
    return _last_name(decorator) in _TASKS and library.partition(".")[0] not in _RUN_HERE


def _last_name(decorator: ast.expr) -> str:
    node = decorator.func if isinstance(decorator, ast.Call) else decorator
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
