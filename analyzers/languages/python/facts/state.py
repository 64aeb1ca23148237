"""Module-level objects of the whole application that a request could change."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

from analyzers.languages.python.modules import Module, Program
from analyzers.languages.python.scopes import Scope
from analyzers.languages.python.summary import Named, expression
from analyzers.languages.python.summary import Value as GivenValue
from analyzers.languages.python.syntax import bound_names, defaults, is_application, name_of
from analyzers.model import Reach

_CONTAINERS = frozenset(
    {
        "dict",
        "list",
        "set",
        "bytearray",
        "collections.defaultdict",
        "collections.deque",
        "collections.Counter",
    }
    | {
        "collections.OrderedDict",
        "collections.ChainMap",
        "queue.Queue",
        "queue.LifoQueue",
        "queue.PriorityQueue",
    }
    | {"queue.SimpleQueue", "weakref.WeakValueDictionary", "weakref.WeakKeyDictionary", "itertools.count"}
    | {"itertools.cycle", "array.array", "asyncio.Queue", "io.StringIO", "io.BytesIO"}
)
_CACHES = frozenset({"cachetools.TTLCache", "cachetools.LRUCache", "cachetools.LFUCache", "cachetools.Cache"})
ALIASES = 5  # names, calls and elements that are followed, one behind the other


@dataclass(frozen=True, slots=True)
class Holder:
    """A module-level name that requests can change."""

    name: str  # module.name
    kind: str  # container, cache, counter, local, object, own
    node: ast.AST
    module: Module


class State:
    """Module-level objects of the whole application, and which own classes change themselves."""

    def __init__(self, program: Program, scopes: Sequence[Scope]) -> None:
        self.program = program
        self.holders: dict[str, Holder] = {}
        self.constants: dict[str, list[tuple[Module, ast.expr]]] = {}
        self.settled: set[str] = set()  # libraries whose calls were seen
        modules = {id(scope.module): scope.module for scope in scopes}.values()
        self.reads_env = any(  # whether a library that makes readers of the environment is imported
            name.startswith(("environ", "starlette")) for module in modules for name in module.names.values()
        )
        self.on_app: dict[str, Holder] = {}  # attributes that the application is given when it starts
        self._given: dict[int, dict[str, list[GivenValue]]] = {}
        for scope in scopes:
            if scope.kind in ("module", "class"):
                for node in scope.nodes:
                    self._bindings(scope, node)
        for scope in scopes:
            if scope.reach is Reach.IMPORT:
                for node in scope.nodes:
                    if isinstance(node, ast.Assign):
                        self._put_on_application(scope, node)

    def _put_on_application(self, scope: Scope, node: ast.Assign) -> None:
        """`app.repo = InMemoryRepo()`, `app.state.sessions = {}`."""
        for target in node.targets:
            if isinstance(target, ast.Attribute) and is_application(target.value):
                kind = self.kind(scope, node.value)
                named = self.holder(scope, node.value) if isinstance(node.value, ast.Name) else None
                if named is not None:
                    self.on_app.setdefault(target.attr, named)
                elif kind in ("container", "cache", "own"):
                    self.on_app.setdefault(
                        target.attr, Holder(f"app.{target.attr}", kind, node, scope.module)
                    )

    def given(self, scope: Scope, name: str) -> Sequence[ast.expr]:
        """What a local name of a function is given; of a parameter what `Depends(f)` makes of it."""
        known = self._given.get(id(scope))
        if known is None:
            known = self._given[id(scope)] = {}
            for target, given in scope.given:
                known.setdefault(target, []).append(given)
            for parameter, default in defaults(scope.node):
                if isinstance(default, ast.Call) and default.args and name_of(default.func) == "Depends":
                    known.setdefault(parameter, []).append(ast.Call(default.args[0], [], []))
        return [expression(value) for value in known.get(name, ())]

    def _bindings(self, scope: Scope, node: ast.AST | Named) -> None:
        if not isinstance(node, ast.Assign | ast.AnnAssign):
            return
        for target, value in bound_names(node):
            if value is None:
                continue
            self.constants.setdefault(target, []).append((scope.module, value))
            if isinstance(value, ast.Dict):
                for key, inner in zip(value.keys, value.values, strict=True):
                    if isinstance(key, ast.Constant) and isinstance(key.value, str):
                        self.constants.setdefault(key.value, []).append((scope.module, inner))
            kind = self.kind(scope, value)
            prefix = scope.module.name if scope.kind == "module" else f"{scope.module.name}.{scope.name}"
            if kind is not None:
                name = f"{prefix}.{target}"
                self.holders.setdefault(name, Holder(name, kind, node, scope.module))

    def kind(self, scope: Scope, value: ast.expr) -> str | None:
        if isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp):
            return "container"
        if isinstance(
            value, ast.Constant | ast.BinOp | ast.JoinedStr | ast.Tuple | ast.Compare | ast.UnaryOp
        ):
            return "scalar"
        if not isinstance(value, ast.Call):
            return None
        name = scope.origin(value.func) or ""
        if name in _CONTAINERS:
            return "container"
        if name in _CACHES:
            return "cache"
        if name.startswith(("threading.local", "contextvars.", "werkzeug.local")):
            return "local"
        if name.startswith("prometheus_client."):
            return "metric"
        found = self.program.definition(name) if "." in name else self.program.lookup(scope.module, name)
        if found is not None and isinstance(found.node, ast.ClassDef):
            return "own"
        return "object"

    def holder(self, scope: Scope, node: ast.expr) -> Holder | None:
        """The module-level object that a name or an attribute chain means."""
        name = scope.origin(node)
        if name is None:
            return None
        if "." not in name:
            found = self.holders.get(f"{scope.module.name}.{name}")
            if found is not None:
                return found
            definition = self.program.lookup(scope.module, name)
        else:
            if name in self.holders:
                return self.holders[name]
            if (hit := self.holders.get(f"{scope.module.name}.{name}")) is not None:  # Class.attribute
                return hit
            definition = self.program.definition(name)
            if definition is None:
                head, _, last = name.rpartition(".")
                outer = (
                    self.program.definition(head) if "." in head else self.program.lookup(scope.module, head)
                )
                return self.holders.get(f"{outer.module.name}.{outer.name}.{last}") if outer else None
        return self.holders.get(f"{definition.module.name}.{definition.name}") if definition else None
