"""What is kept of a file once its syntax tree was walked: enough to judge it, and a small part of it.

Most of a syntax tree can show nothing: it is dropped here, file by file, so that memory does not grow with
the repository and little has to be sent from one process to another. What is left out can be read again
(`Program.whole`), which only the few functions around the entry need.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from analyzers.languages.python import fstrings
from analyzers.languages.python.blocks import ADDRESSES, Block, Guard, Outline, TooLargeError, outline
from analyzers.languages.python.syntax import bound_names, chain, container_of, dotted, name_of, top_level
from analyzers.languages.python.telling import PROCESS_PACKAGES, telling_calls, telling_starts

# A call of which only the name can mean something: `a.b.c` and its line.
Named = tuple[str, int]
# A value that is a name (`a.b`), a call of one (`a.b()`), or anything else.
Value = str | ast.expr


@dataclass(slots=True, eq=False)
class Part:
    """A module, class, function or lambda: what is kept of a `Block`.

    `node` has no body, but for a class its assignments and the definitions of its methods, and of its
    parameters only those with a call as their default. `nodes` are in
    the order of the walk: definitions, calls, assignments, deletions, returns, conditions that ask whether an
    attribute is empty, comparisons and subscripts; those that can show nothing are left out. `names` are the
    names and chains of attributes that are read.
    """

    node: ast.AST
    kind: str  # module, class, function, lambda
    name: str
    parent: int  # index of the part around it, -1 for the module
    nodes: list[ast.AST | Named] = field(default_factory=list)
    names: Set[str] = frozenset()
    addresses: list[ast.expr] = field(default_factory=list)  # what may read the client's address
    given: list[tuple[str, Value]] = field(default_factory=list)  # local names and what they are given
    loops: bool = False  # `while True` stands in it
    locals: Set[str] = frozenset()
    globals: Set[str] = frozenset()
    imports: Set[str] = frozenset()


@dataclass(slots=True, eq=False)
class Imported:
    """An import statement. `names`: what is imported and the name it is given. `optional`: a handler of
    ImportError stands around it."""

    module: str | None  # None for `import x`
    level: int
    names: tuple[tuple[str, str | None], ...]
    line: int
    optional: bool


@dataclass(slots=True, eq=False)
class Summary:
    """One file. `calls` are those that registers routes or name modules, `decorated` the functions with
    decorators, `assignments` those of routers and of Django's settings module; `definitions` the names that
    are bound at the top level with the last statement that binds them and its value."""

    parts: list[Part]
    imports: list[Imported]
    calls: list[ast.Call]
    decorated: list[ast.FunctionDef | ast.AsyncFunctionDef]
    assignments: list[ast.Assign]
    definitions: dict[str, tuple[ast.stmt, ast.expr | None]]
    guarded: dict[str, ast.expr]  # other names, assigned only under `if __name__ == "__main__"`
    mentions: Set[str]  # see `Outline`
    guards: list[Guard]  # see `Outline`


def parse(data: bytes, *, main: bool = False) -> Summary | str:
    """What a file holds, or why that cannot be told. `main`: it is the script that is started."""
    tree = syntax_tree(data)
    if isinstance(tree, str):
        return tree
    try:
        return _Keeper(outline(tree, main=main)).summary()
    except TooLargeError as error:
        return str(error)
    except RecursionError:
        return "is nested too deeply to be analysed"


def parse_all(files: list[bytes]) -> list[Summary | str]:
    """What `parse` gives of each file."""
    return [parse(data) for data in files]


def syntax_tree(data: bytes) -> ast.Module | str:
    """The syntax tree of a file, or why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in the code that we read
            return ast.parse(data)
    except SyntaxError as error:
        if "f-string" in (error.msg or "") and (older := _without_fstrings(data)) is not None:
            return older
        where = f", line {error.lineno}" if error.lineno else ""
        return f"is not Python that this version can read: {error.msg}{where}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"is not Python that can be read: {error or type(error).__name__}"


def _without_fstrings(data: bytes) -> ast.Module | None:
    """The tree of a file whose f-strings only a newer Python can read, with plain text in their place."""
    try:
        source = fstrings.plain(data.decode())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(source) if source is not None else None
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


# Calls that name modules, and calls that register routes.
BY_NAME = frozenset({"include", "from_object", "import_string", "import_module", "setdefault", "get_module"})
MOUNTS = frozenset({"register_blueprint", "include_router"})
REGISTERS = frozenset({"add_url_rule", "add_api_route", "add_route", "Route", "APIRoute"})
ROUTERS = frozenset({"Blueprint", "APIBlueprint", "APIRouter", "Router", "Namespace"})
_LISTED = BY_NAME | MOUNTS | REGISTERS | {"__import__", "path", "re_path", "url"}

_SETTINGS = frozenset({"SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_DATABASE_URL", "DATABASES", "CACHES"})
_NOTHING = ast.Constant(None)
# What a name that is given it can be followed through.
_FOLLOWED = (ast.Name, ast.Attribute, ast.Call, ast.Subscript, ast.Await, ast.Tuple)
_SCALARS = (ast.BinOp, ast.JoinedStr, ast.Compare, ast.UnaryOp)


class _Keeper:
    """Makes the summary of one outline."""

    def __init__(self, walked: Outline) -> None:
        self.walked = walked
        self.aliases: dict[str, str] = {}  # local name -> what it was imported as, relative imports' dots cut
        for node, _ in walked.imports:
            for alias in node.names:
                if isinstance(node, ast.ImportFrom):
                    self.aliases.setdefault(alias.asname or alias.name, f"{node.module or ''}.{alias.name}")
                else:
                    first = alias.name if alias.asname else alias.name.partition(".")[0]
                    self.aliases.setdefault(alias.asname or first, first)
        self.telling = telling_calls()
        self.starts = telling_starts()
        self.stubs: dict[int, ast.stmt] = {}
        self.block = walked.blocks[0]
        self.inside = False
        self.given: list[tuple[str, Value]] = []

    def summary(self) -> Summary:
        walked = self.walked
        for block in walked.blocks:
            if isinstance(block.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                self._stub(block.node)
        index = {id(block): number for number, block in enumerate(walked.blocks)}
        definitions = self._definitions()
        return Summary(
            parts=[self._part(b, index[id(b.parent)] if b.parent else -1) for b in walked.blocks],
            imports=[_imported(node, optional) for node, optional in walked.imports],
            calls=[call for call in walked.calls if self._last(call.func) in _LISTED],
            decorated=[
                stub
                for node in walked.functions
                if node.decorator_list and isinstance(stub := self._stub(node), type(node))
            ],
            assignments=[node for node in walked.assignments if self._is_listed(node)],
            definitions=definitions,
            guarded=self._guarded(definitions),
            mentions=walked.mentions,
            guards=walked.guards,
        )

    def _last(self, function: ast.expr) -> str:
        """The last part of a name, imports followed."""
        if isinstance(function, ast.Attribute):
            return function.attr
        name = getattr(function, "id", "")
        return self.aliases.get(name, name).rpartition(".")[2]

    def _is_listed(self, node: ast.Assign) -> bool:
        if isinstance(node.value, ast.Call) and self._last(node.value.func) in ROUTERS:
            return True
        return any(
            isinstance(t, ast.Subscript) and getattr(t.slice, "value", "") == "DJANGO_SETTINGS_MODULE"
            for t in node.targets
        )

    def _definitions(self) -> dict[str, tuple[ast.stmt, ast.expr | None]]:
        """Of several that bind a name the last one counts, as it does when the module runs."""
        found: dict[str, tuple[ast.stmt, ast.expr | None]] = {}
        for node in top_level(self.walked.tree):
            for bound, value in bound_names(node):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                    found[bound] = (self._stub(node), None)
                elif isinstance(node, ast.With | ast.AsyncWith):
                    found[bound] = (ast.copy_location(ast.With(node.items, []), node), value)
                else:
                    found[bound] = (node, value)
        return found

    def _guarded(self, definitions: Mapping[str, object]) -> dict[str, ast.expr]:
        found: dict[str, ast.expr] = {}
        if not self.walked.guarded:
            return found
        for node in top_level(self.walked.tree, main=True):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name) and target.id not in definitions:
                        found.setdefault(target.id, node.value)
        return found

    # --- definitions ---

    def _stub(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.stmt:
        """A definition without its body."""
        known = self.stubs.get(id(node))
        if known is not None:
            return known
        stub: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        if isinstance(node, ast.ClassDef):
            stub = ast.ClassDef(node.name, node.bases, [], [], node.decorator_list)
            self.stubs[id(node)] = stub
            stub.body = [item for inner in node.body if (item := self._member(inner)) is not None]
        else:
            stub = node.__class__(node.name, _arguments(node.args), [], node.decorator_list)
            self.stubs[id(node)] = stub
        stub.lineno = node.lineno
        return stub

    def _member(self, node: ast.stmt) -> ast.stmt | None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return self._stub(node)
        if isinstance(node, ast.AnnAssign):
            return ast.AnnAssign(node.target, _NOTHING, node.value, node.simple, lineno=node.lineno)
        return node if isinstance(node, ast.Assign) else None

    # --- parts ---

    def _part(self, block: Block, parent: int) -> Part:
        node: ast.AST = block.node
        if block.kind == "module":
            node = ast.Module([], [])
        elif block.kind == "lambda":
            node = ast.Lambda(_NO_ARGUMENTS, _NOTHING, lineno=getattr(node, "lineno", 1))
        else:
            node = self.stubs[id(node)]
        part = Part(node, block.kind, block.name, parent)
        part.locals, part.globals, part.imports = block.locals, block.globals, block.imports
        part.names = block.names
        part.addresses = [item for item in block.addresses if _reads_address(item)]
        self.block = block
        self.given = part.given
        self.inside = self._is_in_function(block)
        nodes = part.nodes
        for item in block.nodes:
            keep = _KEEP.get(item.__class__)
            if keep is not None and (kept := keep(self, item)) is not None:
                nodes.append(kept)
            elif isinstance(item, ast.While) and isinstance(item.test, ast.Constant) and item.test.value:
                part.loops = True
        return part

    def _is_in_function(self, block: Block | None) -> bool:
        while block is not None:
            if block.kind in ("function", "lambda"):
                return True
            block = block.parent
        return False

    def _value(self, node: ast.expr) -> Value:
        if isinstance(node, ast.Call):
            name = self.walked.called.get(id(node))
            return f"{name}()" if name is not None else _light(node)
        return dotted(node) or _light(node)

    def _augmented(self, node: ast.AugAssign) -> ast.AST | None:
        target = node.target
        if not self.inside or (isinstance(target, ast.Name) and target.id not in self.block.globals):
            return None
        return ast.AugAssign(target, node.op, _NOTHING, lineno=node.lineno)

    def _deletion(self, node: ast.Delete) -> ast.AST | None:
        local = (isinstance(t, ast.Name) and t.id not in self.block.globals for t in node.targets)
        return None if all(local) else node

    def _returned(self, node: ast.Return) -> ast.AST | None:
        value = node.value
        return ast.Return(_light(value), lineno=node.lineno) if isinstance(value, _FOLLOWED) else None

    def _comparison(self, node: ast.Compare) -> ast.AST | None:
        """`"X" in os.environ`"""
        if node.ops[0].__class__ is ast.In or node.ops[0].__class__ is ast.NotIn:
            return node if self._resolved(node.comparators[0]) == "os.environ" else None
        return None

    def _attribute(self, node: ast.Attribute) -> ast.AST | None:
        """Set or deleted."""
        return node if getattr(node.value, "id", "") == "self" else None

    def _condition(self, node: ast.If) -> ast.AST | None:
        return ast.If(node.test, [], [], lineno=node.lineno) if _asks_for_empty(node.test) else None

    def _resolved(self, node: ast.expr) -> str:
        name = dotted(node) or ""
        first, dot, rest = name.partition(".")
        return self.aliases.get(first, first) + dot + rest

    def _subscript(self, node: ast.Subscript) -> ast.AST | None:
        if node.ctx.__class__ is ast.Load:
            if isinstance(node.slice, ast.Constant) and node.slice.value == "REMOTE_ADDR":
                return node
            return node if self._resolved(node.value) == "os.environ" else None
        target = container_of(node)
        return (
            node if isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self" else None
        )

    def _call(self, node: ast.Call) -> ast.Call | Named:
        """A call with its arguments where they can mean something, else without, else only its name."""
        name = self.walked.called.get(id(node))
        if name is None:
            last = getattr(node.func, "attr", "")
        else:
            first, dot, _ = name.partition(".")
            alias = self.aliases.get(first, first)
            last = name.rpartition(".")[2] if dot else alias.rpartition(".")[2]
            if alias.partition(".")[0] in PROCESS_PACKAGES:
                return node
        if last in self.telling or last.startswith(self.starts):
            return node
        for argument in node.args:
            if argument.__class__ is ast.Constant and _is_identifier(argument):
                return node
        for keyword in node.keywords:
            if keyword.value.__class__ is ast.Constant and _is_identifier(keyword.value):
                return node
        if name is None:
            return ast.Call(node.func, [], [], lineno=node.lineno)
        if name == "next" and node.args:
            return ast.Call(node.func, node.args[:1], [], lineno=node.lineno)
        return sys.intern(name), node.lineno

    def _assignment(self, node: ast.Assign | ast.AnnAssign) -> ast.AST | None:
        """An assignment in a function: what only gives a local name a new object is left out."""
        value = node.value
        if value is None:
            return None
        targets: Sequence[ast.expr] = node.targets if isinstance(node, ast.Assign) else [node.target]
        if self.inside:
            named = self.block.globals | _SETTINGS if self.block.globals else _SETTINGS
            plain = all(
                isinstance(e, ast.Name) and e.id not in named
                for t in targets
                for e in (t.elts if isinstance(t, ast.Tuple | ast.List) else (t,))
            )
            if plain:
                if isinstance(value, _FOLLOWED):
                    for name, one in bound_names(node):
                        if isinstance(one, _FOLLOWED):
                            self.given.append((name, self._value(one)))
                return None
            if not any(_key(target) in _SETTINGS for target in targets):
                value = _light(value)
        if isinstance(node, ast.Assign):
            return ast.Assign(node.targets, value, lineno=node.lineno) if self.inside else node
        return ast.AnnAssign(node.target, _NOTHING, value, node.simple, lineno=node.lineno)


# What each kind of node is kept as, None where it can show nothing.
_KEEP: dict[type, Callable[[_Keeper, Any], ast.AST | Named | None]] = {
    ast.Call: _Keeper._call,
    ast.FunctionDef: _Keeper._stub,
    ast.AsyncFunctionDef: _Keeper._stub,
    ast.ClassDef: _Keeper._stub,
    ast.Assign: _Keeper._assignment,
    ast.AnnAssign: _Keeper._assignment,
    ast.AugAssign: _Keeper._augmented,
    ast.Delete: _Keeper._deletion,
    ast.Return: _Keeper._returned,
    ast.Subscript: _Keeper._subscript,
    ast.Compare: _Keeper._comparison,
    ast.Attribute: _Keeper._attribute,
    ast.If: _Keeper._condition,
}


def expression(value: Value) -> ast.expr:
    """The expression that a value of `Part.given` stands for."""
    if not isinstance(value, str):
        return value
    return ast.Call(chain(value[:-2]), [], []) if value.endswith("()") else chain(value)


def _key(target: ast.expr) -> str:
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return getattr(target, "id", "")


def _imported(node: ast.Import | ast.ImportFrom, optional: bool) -> Imported:
    names = tuple((alias.name, alias.asname) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return Imported(node.module or "", node.level, names, node.lineno, optional)
    return Imported(None, 0, names, node.lineno, optional)


_NO_ARGUMENTS = ast.arguments([], [], None, [], [], None, [])


def _arguments(given: ast.arguments) -> ast.arguments:
    """Parameters with a default that is a call (`Depends(f)`)."""
    if not any(isinstance(d, ast.Call) for d in (*given.defaults, *given.kw_defaults)):
        return _NO_ARGUMENTS
    named = given.posonlyargs + given.args
    pairs = list(zip(named[len(named) - len(given.defaults) :], given.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(given.kwonlyargs, given.kw_defaults, strict=True) if d is not None]
    calls = [(ast.arg(a.arg), d) for a, d in pairs if isinstance(d, ast.Call)]
    return ast.arguments([], [a for a, _ in calls], None, [], [], None, [d for _, d in calls])


def _is_identifier(node: ast.expr) -> bool:
    """Whether an argument may be the name of a variable of the environment."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()


def _reads_address(node: ast.expr) -> bool:
    """`request.remote_addr`, `request.access_route[0]`, Flask-Limiter's `get_remote_address`."""
    part = node
    while isinstance(part, ast.Attribute) and part.attr not in ADDRESSES:
        part = part.value
    return name_of(node) == "get_remote_address" or (
        isinstance(part, ast.Attribute) and name_of(part.value) == "request"
    )


def _asks_for_empty(test: ast.expr) -> bool:
    """`self.x is None`, `not self.x`."""
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Is):
        test = test.left
    elif isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        test = test.operand
    else:
        return False
    return isinstance(test, ast.Attribute) and getattr(test.value, "id", "") == "self"


def _light(node: ast.expr, depth: int = 0) -> ast.expr:
    """A value inside a function, as far as it can be followed: what kind of object it is, and names."""
    if isinstance(node, ast.Name | ast.Attribute | ast.Subscript | ast.Constant) or depth > 4:
        return node
    if isinstance(node, ast.Call):
        return ast.Call(node.func, [], [], lineno=node.lineno)
    if isinstance(node, ast.Dict):
        return node if all(isinstance(v, ast.Name | ast.Attribute) for v in node.values) else ast.Dict([], [])
    if isinstance(node, ast.List | ast.Set):
        return node if all(isinstance(e, ast.Name | ast.Attribute) for e in node.elts) else ast.List([])
    if isinstance(node, ast.DictComp | ast.ListComp | ast.SetComp):
        return ast.List([])  # a new container
    if isinstance(node, ast.Tuple):
        return ast.Tuple([_light(e, depth + 1) for e in node.elts], ast.Load())
    if isinstance(node, ast.BoolOp):
        return ast.BoolOp(node.op, [_light(v, depth + 1) for v in node.values])
    if isinstance(node, ast.Await):
        return ast.Await(_light(node.value, depth + 1))
    if isinstance(node, _SCALARS):
        return ast.JoinedStr([])  # a new value each time, whatever its text
    return ast.Lambda(_NO_ARGUMENTS, _NOTHING)  # nothing that can be followed
