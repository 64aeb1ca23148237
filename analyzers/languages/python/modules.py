"""The application's own modules: found as the interpreter would find them, parsed, never imported."""

from __future__ import annotations

import ast
import posixpath
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from analyzers.guest import Guest
from analyzers.languages.python.blocks import Outline, TooLargeError, is_main_guard, is_type_checking, outline
from analyzers.model import Evidence
from analyzers.repository import Tree

_FOLLOW = 12  # re-exports and calls that are followed, one behind the other

_PARSED: WeakKeyDictionary[Tree, dict[str, Outline | str]] = WeakKeyDictionary()


@dataclass(slots=True)
class Module:
    """A parsed module. `names` maps a local name to the dotted name it was imported from."""

    name: str
    path: str  # repository-relative
    guest: str
    is_package: bool
    outline: Outline
    names: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)  # modules of `from x import *`
    imports: list[Import] = field(default_factory=list)
    definitions: dict[str, tuple[ast.stmt, ast.expr | None]] = field(default_factory=dict)  # top level

    @property
    def tree(self) -> ast.Module:
        return self.outline.tree

    @property
    def package(self) -> str:
        return self.name if self.is_package else self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name, absolute. `optional`: a handler of ImportError stands around it."""

    module: str
    attribute: str | None
    line: int
    optional: bool


@dataclass(frozen=True, slots=True)
class Definition:
    """Where a name is defined at the top level of a module. `value` is its expression, if it has one."""

    module: Module
    name: str
    node: ast.stmt
    value: ast.expr | None


class Program:
    """The modules that a search path offers, loaded on demand.

    `search` holds absolute guest folders in the order of `sys.path`, own code only; `env` the variables
    that the container is started with, as far as known.
    """

    def __init__(self, guest: Guest, search: Sequence[str], env: Mapping[str, str]) -> None:
        self.guest = guest
        self.search = tuple(dict.fromkeys(posixpath.normpath(folder) for folder in search))
        self.env = env
        self.modules: dict[str, Module] = {}
        self.unparsed: dict[str, str] = {}  # repository path -> why
        self._missing: set[str] = set()
        self._places: dict[str, tuple[str, bool] | None] = {}

    def locate(self, name: str) -> tuple[str, bool] | None:
        """The guest file of a module and whether it is a package; ("", True) of a namespace package."""
        if name not in self._places:
            self._places[name] = self._locate(name)
        return self._places[name]

    def _locate(self, name: str) -> tuple[str, bool] | None:
        if not name or not all(part.isidentifier() for part in name.split(".")):
            return None
        relative = name.replace(".", "/")
        namespace = False
        for folder in self.search:
            base = posixpath.join(folder, relative)
            if f"{base}/__init__.py" in self.guest.files:
                return f"{base}/__init__.py", True
            if f"{base}.py" in self.guest.files:
                return f"{base}.py", False
            namespace = namespace or base in self.guest.folders
        return ("", True) if namespace else None

    def load(self, name: str) -> Module | None:
        """The module of this name if it is one of the application's own and can be parsed."""
        if name in self.modules:
            return self.modules[name]
        if name in self._missing:
            return None
        place = self.locate(name)
        module = self._parse(name, *place) if place and place[0] else None
        if module is None:
            self._missing.add(name)
        else:
            self.modules[name] = module
        return module

    def load_file(self, guest: str) -> Module | None:
        """The module that a script's file is, named as the search path would name it."""
        guest = posixpath.normpath(guest)
        for folder in self.search:
            prefix = folder.rstrip("/") + "/"
            if guest.startswith(prefix) and guest.endswith(".py"):
                name = guest[len(prefix) : -3].removesuffix("/__init__").replace("/", ".")
                if all(part.isidentifier() for part in name.split(".")):
                    found = self.load(name)
                    if found is not None and found.guest == guest:
                        return found
        name = posixpath.basename(guest).removesuffix(".py")
        module = self._parse(name if name.isidentifier() else "__main__", guest, False)
        if module is not None:
            self.modules.setdefault(module.name, module)
        return module

    def _parse(self, name: str, guest: str, is_package: bool) -> Module | None:
        path = self.guest.files.get(guest)
        data = self.guest.tree.data(path) if path is not None else None
        if path is None or data is None:
            return None
        # Several services of a repository often share their modules.
        memo = _PARSED.setdefault(self.guest.tree, {})
        if path not in memo:
            memo[path] = parse(data)
        parsed = memo[path]
        if isinstance(parsed, str):
            self.guest.tree.give_up(path, parsed)
            self.unparsed[path] = parsed
            return None
        module = Module(name, path, guest, is_package, parsed)
        _read_imports(module)
        for node in top_level(parsed.tree):  # of several the last one counts, as it does when the module runs
            for bound, value in bound_names(node):
                module.definitions[bound] = (node, value)
        return module

    def own(self, name: str) -> bool:
        return self.locate(name) is not None

    def top_level_is_own(self, name: str) -> bool:
        return self.locate(name.partition(".")[0]) is not None

    def reach(self, start: Iterable[str]) -> tuple[Module, ...]:
        """Every own module that importing `start` leads to, parents of packages included."""
        queue = deque(start)
        seen: set[str] = set()
        reached: list[Module] = []
        while queue:
            name = queue.popleft()
            if name in seen or not name:
                continue
            seen.add(name)
            parent = name.rpartition(".")[0]
            if parent:
                queue.append(parent)
            module = self.load(name)
            if module is None:
                continue
            reached.append(module)
            for item in module.imports:
                queue.append(item.module)
                if item.attribute and item.attribute != "*":
                    queue.append(f"{item.module}.{item.attribute}")
            queue.extend(self._named_in_strings(module))
        return tuple(reached)

    def _named_in_strings(self, module: Module) -> Iterator[str]:
        """Own modules that a framework imports by name: INSTALLED_APPS, `include()`, `from_object()`."""
        settings = "INSTALLED_APPS" in module.names or _assigns(module.tree, "INSTALLED_APPS")
        named: list[str] = []
        if settings:
            constants = (node.value for node in ast.walk(module.tree) if isinstance(node, ast.Constant))
            named = [text for text in constants if isinstance(text, str)]
        for call in module.outline.calls:
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            if name in _BY_NAME:
                values = (a.value for a in call.args if isinstance(a, ast.Constant))
                named += [text for text in values if isinstance(text, str)]
        for text in dict.fromkeys(named):
            if len(text) < 200:
                dotted = text.replace(":", ".")
                while dotted and self.locate(dotted) is None:
                    dotted = dotted.rpartition(".")[0]
                if dotted and ("." in text or dotted == text):
                    yield dotted
                    if settings and self.locate(text) == self.locate(dotted):
                        yield from (f"{dotted}.{part}" for part in _DJANGO_PARTS)

    # --- names ---

    def definition(self, dotted: str, depth: int = 0) -> Definition | None:
        """Follow a dotted name (`shop.wsgi.app`) to where one of our modules defines it."""
        if depth > _FOLLOW:
            return None
        module_name, _, name = dotted.rpartition(".")
        module = self.load(module_name) if module_name else None
        return self.lookup(module, name, depth) if module else None

    def lookup(self, module: Module, name: str, depth: int = 0) -> Definition | None:
        """The definition of a top-level name, re-exports followed; None where it is not our own."""
        if depth > _FOLLOW:
            return None
        node, value = module.definitions.get(name, (None, None))
        if node is not None and not isinstance(node, ast.Import | ast.ImportFrom):
            return Definition(module, name, node, value)
        origin = module.names.get(name)
        if origin is not None and node is not None:
            return self.definition(origin, depth + 1)
        for star in module.stars:
            other = self.load(star)
            if other is not None and (hit := self.lookup(other, name, depth + 1)):
                return hit
        return None

    def evidence(self, module: Module, line: int) -> Evidence:
        return Evidence(module.path, line, self.guest.tree.line(module.path, line))


_BY_NAME = frozenset({"include", "from_object", "import_string", "import_module", "setdefault", "get_module"})
_DJANGO_PARTS = ("apps", "models", "admin", "signals", "templatetags")


def parse(data: bytes) -> Outline | str:
    """What a file holds, or why that cannot be told."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # invalid escapes in the code that we read
            tree = ast.parse(data)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        return f"is not Python that this version can read: {error.msg}{where}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"is not Python that can be read: {error or type(error).__name__}"
    try:
        return outline(tree)
    except TooLargeError as error:
        return str(error)


def _assigns(tree: ast.Module, name: str) -> bool:
    return any(bound == name for node in tree.body for bound, _ in bound_names(node))


def top_level(tree: ast.Module, *, main: bool = False) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported, blocks opened, in order. `main` adds those under
    `if __name__ == "__main__"`; blocks for type checkers are left out."""
    stack = list(reversed(tree.body))
    while stack:
        node = stack.pop()
        yield node
        blocks: list[ast.stmt] = []
        if isinstance(node, ast.If):
            if is_type_checking(node.test) or (is_main_guard(node) and not main):
                blocks = node.orelse
            else:
                blocks = node.body + node.orelse
        elif isinstance(node, ast.Try | ast.TryStar):
            handlers = [statement for handler in node.handlers for statement in handler.body]
            # The body's names win over those of handlers: it is what happens when all is well.
            blocks = handlers + node.body + node.orelse + node.finalbody
        elif isinstance(node, ast.With | ast.AsyncWith):
            blocks = node.body
        elif isinstance(node, ast.For | ast.While):
            blocks = node.body + node.orelse
        elif isinstance(node, ast.Match):
            blocks = [statement for case in node.cases for statement in case.body]
        stack.extend(reversed(blocks))


def bound_names(node: ast.stmt) -> Iterator[tuple[str, ast.expr | None]]:
    """Names that a statement binds, with the value where it is one expression."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            elif isinstance(target, ast.Tuple | ast.List):
                values: Sequence[ast.expr | None] = [None] * len(target.elts)
                if isinstance(node.value, ast.Tuple | ast.List) and len(node.value.elts) == len(target.elts):
                    values = node.value.elts
                for element, value in zip(target.elts, values, strict=True):
                    if isinstance(element, ast.Name):
                        yield element.id, value
    elif isinstance(node, ast.AnnAssign):
        if isinstance(node.target, ast.Name) and node.value is not None:
            yield node.target.id, node.value
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name, None
    elif isinstance(node, ast.Import | ast.ImportFrom):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0], None
    elif isinstance(node, ast.With | ast.AsyncWith):
        for item in node.items:
            if isinstance(item.optional_vars, ast.Name):
                yield item.optional_vars.id, item.context_expr


def _read_imports(module: Module) -> None:
    """Fill names, stars and imports, from all scopes except blocks for type checkers."""
    for node, optional in module.outline.imports:
        if isinstance(node, ast.Import):
            for alias in node.names:
                module.imports.append(Import(alias.name, None, node.lineno, optional))
                target = alias.name if alias.asname else alias.name.partition(".")[0]
                module.names.setdefault(alias.asname or target, target)
            continue
        base = _absolute(module, node)
        if base is None:
            continue
        for alias in node.names:
            module.imports.append(Import(base, alias.name, node.lineno, optional))
            if alias.name == "*":
                module.stars.append(base)
            else:
                module.names.setdefault(alias.asname or alias.name, f"{base}.{alias.name}")
    for call in module.outline.calls:
        if call.args and isinstance(call.args[0], ast.Constant):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            text = call.args[0].value
            if name in ("import_module", "__import__") and isinstance(text, str) and not text.startswith("."):
                module.imports.append(Import(text, None, call.lineno, False))


def _absolute(module: Module, node: ast.ImportFrom) -> str | None:
    if not node.level:
        return node.module
    parts = module.package.split(".") if module.package else []
    if node.level > len(parts):
        return None  # it leads out of the top-level package and fails when it runs
    kept = parts[: len(parts) - (node.level - 1)]
    return ".".join([*kept, node.module] if node.module else kept) or None


def dotted(node: ast.expr) -> str | None:
    """`a.b.c` of a name or a chain of attributes."""
    if isinstance(node, ast.Name):
        return node.id
    name = ""
    while isinstance(node, ast.Attribute):
        name = f".{node.attr}{name}"
        node = node.value
    return node.id + name if isinstance(node, ast.Name) else None


def origin(module: Module, node: ast.expr) -> str | None:
    """The dotted name with its first part replaced by what it was imported from (`sp.run` ->
    `subprocess.run`); names that are not imported stay as they are."""
    name = dotted(node)
    if name is None:
        return None
    first, dot, rest = name.partition(".")
    return module.names.get(first, first) + dot + rest
