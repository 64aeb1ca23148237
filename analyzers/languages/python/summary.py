"""What is kept of a file once its syntax tree was walked: enough to judge it, and a small part of it.

Most of a syntax tree can show nothing: it is dropped here, file by file, so that memory does not grow with
the repository and little has to be sent from one process to another. What is left out can be read again
(`Program.whole`), which only the few functions around the entry need.
"""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from analyzers.languages.python.blocks import Block, Outline, TooLargeError, outline
from analyzers.languages.python.syntax import bound_names, container_of, dotted, name_of, top_level
from analyzers.languages.python.telling import PROCESS_PACKAGES, telling_calls, telling_starts

# A call of which only the name can mean something: `a.b.c` and its line.
Named = tuple[str, int]


@dataclass(slots=True, eq=False)
class Part:
    """A module, class, function or lambda: what is kept of a `Block`.

    `node` has no body, but for a class its assignments and the definitions of its methods. `nodes` are in
    the order of the walk: definitions, calls, assignments, deletions, returns, conditions that ask whether an
    attribute is empty, comparisons and subscripts; those that can show nothing are left out. `names` are the
    names and chains of attributes that are read.
    """

    node: ast.AST
    kind: str  # module, class, function, lambda
    name: str
    parent: int  # index of the part around it, -1 for the module
    nodes: list[ast.AST | Named] = field(default_factory=list)
    names: frozenset[str] = frozenset()
    addresses: list[ast.expr] = field(default_factory=list)  # what may read the client's address
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
    mentions: frozenset[str]  # see `Outline`


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


def syntax_tree(data: bytes) -> ast.Module | str:
    """The syntax tree of a file, or why there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in the code that we read
            return ast.parse(data)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        return f"is not Python that this version can read: {error.msg}{where}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"is not Python that can be read: {error or type(error).__name__}"


# Calls that name modules, and calls that register routes.
BY_NAME = frozenset({"include", "from_object", "import_string", "import_module", "setdefault", "get_module"})
MOUNTS = frozenset({"register_blueprint", "include_router"})
REGISTERS = frozenset({"add_url_rule", "add_api_route", "add_route", "Route", "APIRoute"})
ROUTERS = frozenset({"Blueprint", "APIBlueprint", "APIRouter", "Router", "Namespace"})
_LISTED = BY_NAME | MOUNTS | REGISTERS | {"__import__", "path", "re_path", "url"}

_SETTINGS = frozenset({"SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_DATABASE_URL", "DATABASES", "CACHES"})
_ADDRESS = frozenset({"remote_addr", "access_route", "get_remote_address"})
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
        self.addressed = bool(_ADDRESS & walked.mentions)

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
            mentions=frozenset(map(sys.intern, walked.mentions)),
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
        return node if isinstance(node, ast.Assign | ast.AnnAssign) else None

    # --- parts ---

    def _part(self, block: Block, parent: int) -> Part:
        node: ast.AST = block.node
        if block.kind == "module":
            node = ast.Module([], [])
        elif block.kind == "lambda":
            line = getattr(node, "lineno", 1)
            node = ast.Lambda(_arguments(getattr(node, "args", None)), _NOTHING, lineno=line)
        else:
            node = self.stubs[id(node)]
        part = Part(node, block.kind, block.name, parent)
        part.locals, part.globals, part.imports = block.locals, block.globals, block.imports
        names: set[str] = set()
        for load in block.loads:
            name = dotted(load)
            if name is not None:
                names.add(name)
        part.names = frozenset(names)
        inside = block.kind in ("function", "lambda") or self._is_in_function(block)
        for item in block.nodes:
            kept = self._kept(item, block, inside)
            if kept is not None:
                part.nodes.append(kept)
            if isinstance(item, ast.While) and isinstance(item.test, ast.Constant) and item.test.value:
                part.loops = True
        if self.addressed:
            called = [item.func for item in block.nodes if isinstance(item, ast.Call)]
            part.addresses = [item for item in (*block.loads, *called) if _reads_address(item)]
        return part

    def _is_in_function(self, block: Block | None) -> bool:
        while block is not None:
            if block.kind in ("function", "lambda"):
                return True
            block = block.parent
        return False

    def _kept(self, node: ast.AST, block: Block, inside: bool) -> ast.AST | Named | None:
        """A node as it is kept, None for one that can show nothing. `inside`: it stands in a function."""
        kind = node.__class__
        if isinstance(node, ast.Call):
            return self._call(node)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            return self.stubs[id(node)]
        if isinstance(node, ast.Assign | ast.AnnAssign):
            return self._assignment(node, block) if inside else node
        if isinstance(node, ast.AugAssign):
            if not inside or (isinstance(node.target, ast.Name) and node.target.id not in block.globals):
                return None
            return ast.AugAssign(node.target, node.op, _NOTHING, lineno=node.lineno)
        if isinstance(node, ast.Delete):
            local = (isinstance(t, ast.Name) and t.id not in block.globals for t in node.targets)
            return None if all(local) else node
        if isinstance(node, ast.Return):
            if not isinstance(node.value, _FOLLOWED):
                return None
            return ast.Return(_light(node.value), lineno=node.lineno)
        if isinstance(node, ast.Subscript):
            return node if self._subscript(node) else None
        if isinstance(node, ast.Compare):
            if not isinstance(node.ops[0], ast.In | ast.NotIn) or dotted(node.comparators[0]) is None:
                return None
            return node if self._resolved(node.comparators[0]) == "os.environ" else None
        if isinstance(node, ast.Attribute):  # set or deleted
            return node if getattr(node.value, "id", "") == "self" else None
        if kind is ast.If and isinstance(node, ast.If):
            return ast.If(node.test, [], [], lineno=node.lineno) if _asks_for_empty(node.test) else None
        return None

    def _resolved(self, node: ast.expr) -> str:
        name = dotted(node) or ""
        first, dot, rest = name.partition(".")
        return self.aliases.get(first, first) + dot + rest

    def _subscript(self, node: ast.Subscript) -> bool:
        if isinstance(node.ctx, ast.Load):
            if isinstance(node.slice, ast.Constant) and node.slice.value == "REMOTE_ADDR":
                return True
            return name_of(node.value) in ("environ", *self._environs) and (
                self._resolved(node.value) == "os.environ"
            )
        target = container_of(node)
        return isinstance(target, ast.Attribute) and getattr(target.value, "id", "") == "self"

    @property
    def _environs(self) -> Iterable[str]:
        return (name for name, target in self.aliases.items() if target == "os.environ")

    def _call(self, node: ast.Call) -> ast.Call | Named:
        """A call with its arguments where they can mean something, else without, else only its name."""
        function: ast.expr = node.func
        last = self._last(function)
        root = function
        while isinstance(root, ast.Attribute):
            root = root.value
        name = getattr(root, "id", "")
        if (
            last in self.telling
            or last.startswith(self.starts)
            or self.aliases.get(name, name).partition(".")[0] in PROCESS_PACKAGES
            or any(_is_identifier(a) for a in node.args)
            or any(_is_identifier(k.value) for k in node.keywords)
        ):
            return node
        chain = dotted(function)
        if chain is None:
            return ast.Call(function, [], [], lineno=node.lineno)
        if chain == "next" and node.args:
            return ast.Call(function, node.args[:1], [], lineno=node.lineno)
        return sys.intern(chain), node.lineno

    def _assignment(self, node: ast.Assign | ast.AnnAssign, block: Block) -> ast.AST | None:
        """An assignment in a function: what only gives a local name a new object is left out."""
        targets: Sequence[ast.expr] = node.targets if isinstance(node, ast.Assign) else [node.target]
        value = node.value
        if value is None:
            return None
        plain = all(
            isinstance(e, ast.Name) and e.id not in block.globals and e.id not in _SETTINGS
            for t in targets
            for e in (t.elts if isinstance(t, ast.Tuple | ast.List) else [t])
        )
        if plain and not isinstance(value, _FOLLOWED):
            return None
        if any(_key(target) in _SETTINGS for target in targets):
            return node
        if isinstance(node, ast.Assign):
            return ast.Assign(node.targets, _light(value), lineno=node.lineno)
        return ast.AnnAssign(node.target, _NOTHING, _light(value), node.simple, lineno=node.lineno)


def _key(target: ast.expr) -> str:
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return getattr(target, "id", "")


def _imported(node: ast.Import | ast.ImportFrom, optional: bool) -> Imported:
    names = tuple((alias.name, alias.asname) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return Imported(node.module or "", node.level, names, node.lineno, optional)
    return Imported(None, 0, names, node.lineno, optional)


def _arguments(given: ast.arguments | None) -> ast.arguments:
    """Parameters: their names, and defaults that are calls (`Depends(f)`)."""
    if given is None:
        return ast.arguments([], [], None, [], [], None, [])

    def names(many: Sequence[ast.arg]) -> list[ast.arg]:
        return [ast.arg(one.arg) for one in many]

    return ast.arguments(
        names(given.posonlyargs),
        names(given.args),
        None,
        names(given.kwonlyargs),
        [d if isinstance(d, ast.Call) else None for d in given.kw_defaults],
        None,
        [d if isinstance(d, ast.Call) else _NOTHING for d in given.defaults],
    )


def _is_identifier(node: ast.expr) -> bool:
    """Whether an argument may be the name of a variable of the environment."""
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier()


def _reads_address(node: ast.expr) -> bool:
    """`request.remote_addr`, `request.access_route[0]`, Flask-Limiter's `get_remote_address`."""
    part = node
    while isinstance(part, ast.Attribute) and part.attr not in _ADDRESS:
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
        return ast.Call(
            node.func,
            [_light(a, depth + 1) for a in node.args],
            [ast.keyword(k.arg, _light(k.value, depth + 1)) for k in node.keywords],
            lineno=node.lineno,
        )
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
    return ast.Lambda(_arguments(None), _NOTHING)  # nothing that can be followed
