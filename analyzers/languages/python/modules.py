"""The application's own modules: found as the interpreter would find them, parsed, never imported."""

from __future__ import annotations

import ast
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar
from weakref import WeakKeyDictionary

from analyzers import workers
from analyzers.guest import Guest
from analyzers.languages.python.summary import BY_NAME, Imported, Summary, parse, parse_all, syntax_tree
from analyzers.languages.python.syntax import dotted, name_of
from analyzers.model import Evidence
from analyzers.repository import Tree

_FOLLOW = 12  # re-exports and calls that are followed, one behind the other

_SHARED = 4_000_000  # bytes of source whose summaries, thirty times that, are kept for the next service


class _Shared:
    """What was read of files already: several services of a repository often share their modules. The
    oldest are forgotten, so that memory does not grow with the number of services."""

    def __init__(self) -> None:
        self._summaries: dict[str, tuple[int, Summary | str]] = {}
        self._room = _SHARED

    def get(self, path: str) -> Summary | str | None:
        found = self._summaries.get(path)
        return found[1] if found is not None else None

    def put(self, path: str, size: int, summary: Summary | str) -> None:
        self._summaries[path] = (size, summary)
        self._room -= size
        while self._room < 0 and len(self._summaries) > 1:
            self._room += self._summaries.pop(next(iter(self._summaries)))[0]


_OF_TREE: WeakKeyDictionary[Tree, _Shared] = WeakKeyDictionary()


def _shared(tree: Tree) -> _Shared:
    return _OF_TREE.setdefault(tree, _Shared())


Definable = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
AnyDefinition = TypeVar("AnyDefinition", bound=Definable)
_DEFINABLE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


@dataclass(slots=True)
class Module:
    """A module as it is summed up. `names` maps a local name to the dotted name it was imported from."""

    name: str
    path: str  # repository-relative
    guest: str
    is_package: bool
    summary: Summary
    names: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)  # modules of `from x import *`
    imports: list[Import] = field(default_factory=list)

    @property
    def definitions(self) -> Mapping[str, tuple[ast.stmt, ast.expr | None]]:
        """What is bound at the top level."""
        return self.summary.definitions

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
    that the container is started with, as far as known: `env_complete` says that none was left out.
    """

    def __init__(
        self, guest: Guest, search: Sequence[str], env: Mapping[str, str], *, env_complete: bool = True
    ) -> None:
        self.env_complete = env_complete
        self.guest = guest
        self.search = tuple(dict.fromkeys(posixpath.normpath(folder) for folder in search))
        self.env = env
        self.modules: dict[str, Module] = {}
        self.unparsed: dict[str, str] = {}  # repository path -> why
        self._missing: set[str] = set()
        self._places: dict[str, tuple[str, bool] | None] = {}
        self._summaries: dict[str, Summary | str] = {}  # by path
        self._trees: dict[str, ast.Module] = {}
        self._whole: dict[str, dict[tuple[int, str], Definable]] = {}

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
        parsed = self._summaries.get(path) or _shared(self.guest.tree).get(path)
        if parsed is None:
            parsed = parse(data)
            _shared(self.guest.tree).put(path, len(data), parsed)
        self._summaries[path] = parsed
        if isinstance(parsed, str):
            self.guest.tree.give_up(path, parsed)
            self.unparsed[path] = parsed
            return None
        module = Module(name, path, guest, is_package, parsed)
        _read_imports(module)
        return module

    def tree(self, module: Module) -> ast.Module:
        """All of a module's syntax: read again, for what its summary leaves out."""
        if module.path not in self._trees:
            found = syntax_tree(self.guest.tree.data(module.path) or b"")
            self._trees[module.path] = ast.Module([], []) if isinstance(found, str) else found
        return self._trees[module.path]

    def whole(self, module: Module, definition: AnyDefinition) -> AnyDefinition:
        """A function or class of a module with its body."""
        key = (definition.lineno, definition.name)
        if module.path not in self._whole:
            nodes = (n for n in ast.walk(self.tree(module)) if isinstance(n, _DEFINABLE))
            self._whole[module.path] = {(n.lineno, n.name): n for n in nodes}
        found = self._whole[module.path].get(key)
        return found if isinstance(found, type(definition)) else definition

    def started(self, module: Module) -> Summary:
        """What a script holds that is started: `if __name__ == "__main__"` included."""
        found = parse(self.guest.tree.data(module.path) or b"", main=True)
        return module.summary if isinstance(found, str) else found

    def own(self, name: str) -> bool:
        return self.locate(name) is not None

    def top_level_is_own(self, name: str) -> bool:
        return self.locate(name.partition(".")[0]) is not None

    def reach(self, start: Iterable[str]) -> tuple[Module, ...]:
        """Every own module that importing `start` leads to, parents of packages included."""
        wave = list(start)
        seen: set[str] = set()
        reached: list[Module] = []
        while wave:
            wave = [name for name in dict.fromkeys(wave) if name and name not in seen]
            self._parse_all(wave)
            following: list[str] = []
            for name in wave:
                seen.add(name)
                parent = name.rpartition(".")[0]
                if parent:
                    following.append(parent)
                module = self.load(name)
                if module is None:
                    continue
                reached.append(module)
                for item in module.imports:
                    following.append(item.module)
                    if item.attribute and item.attribute != "*":
                        following.append(f"{item.module}.{item.attribute}")
                following.extend(self._named_in_strings(module))
            wave = following
        return tuple(reached)

    def _parse_all(self, names: Sequence[str]) -> None:
        """Read the files of many modules, in several processes where that pays."""
        shared = _shared(self.guest.tree)
        wanted: dict[str, bytes] = {}
        for name in names:
            place = self.locate(name)
            path = self.guest.files.get(place[0]) if place else None
            if path is None or path in self._summaries or path in wanted:
                continue
            if (known := shared.get(path)) is not None:
                self._summaries[path] = known
                continue
            data = self.guest.tree.data(path)
            if data is not None:
                wanted[path] = data
        found = workers.run(parse_all, list(wanted.values()))
        for (path, data), summary in zip(wanted.items(), found, strict=True):
            self._summaries[path] = summary
            shared.put(path, len(data), summary)

    def _named_in_strings(self, module: Module) -> Iterator[str]:
        """Own modules that a framework imports by name: INSTALLED_APPS, `include()`, `from_object()`."""
        settings = "INSTALLED_APPS" in module.names or "INSTALLED_APPS" in module.definitions
        named: list[str] = []
        if settings:
            constants = (n.value for n in ast.walk(self.tree(module)) if isinstance(n, ast.Constant))
            named = [text for text in constants if isinstance(text, str)]
        for call in module.summary.calls:
            if name_of(call.func) in BY_NAME:
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


_DJANGO_PARTS = ("apps", "models", "admin", "signals", "templatetags")


def _read_imports(module: Module) -> None:
    """Fill names, stars and imports, from all scopes except blocks for type checkers."""
    for item in module.summary.imports:
        if item.module is None:
            for name, given in item.names:
                module.imports.append(Import(name, None, item.line, item.optional))
                target = name if given else name.partition(".")[0]
                module.names.setdefault(given or target, target)
            continue
        base = _absolute(module, item)
        if base is None:
            continue
        for name, given in item.names:
            module.imports.append(Import(base, name, item.line, item.optional))
            if name == "*":
                module.stars.append(base)
            else:
                module.names.setdefault(given or name, f"{base}.{name}")
    for call in module.summary.calls:
        if call.args and isinstance(call.args[0], ast.Constant):
            text = call.args[0].value
            if name_of(call.func) not in ("import_module", "__import__") or not isinstance(text, str):
                continue
            if not text.startswith("."):
                module.imports.append(Import(text, None, call.lineno, False))


def _absolute(module: Module, item: Imported) -> str | None:
    if not item.level:
        return item.module
    parts = module.package.split(".") if module.package else []
    if item.level > len(parts):
        return None  # it leads out of the top-level package and fails when it runs
    kept = parts[: len(parts) - (item.level - 1)]
    return ".".join([*kept, item.module] if item.module else kept) or None


def origin(module: Module, node: ast.expr) -> str | None:
    """The dotted name with its first part replaced by what it was imported from (`sp.run` ->
    `subprocess.run`); names that are not imported stay as they are."""
    name = dotted(node)
    if name is None:
        return None
    first, dot, rest = name.partition(".")
    return module.names.get(first, first) + dot + rest
