"""The part of a Go program that runs: packages, functions as far as `main` leads to them, and when they run.

Edges go by name and, where reading can tell it, by type: a call `x.Close()` leads to the methods of the
types that `x` can have, else to every method `Close` of a type that the program uses. It leads to too much
rather than to too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang import files
from analyzers.languages.golang.files import Build, Function, GoFile, Region
from analyzers.languages.golang.kinds import Kinds, Package
from analyzers.languages.golang.modules import Modules, Resolver
from analyzers.model import Evidence, Reach

if TYPE_CHECKING:
    from tree_sitter import Node

_PACKAGES = 3_000
# A function with such a parameter answers requests.
_HANDLER = re.compile(
    r"\bhttp\.ResponseWriter\b|\*\s*http\.Request\b|\*gin\.Context\b|\becho\.Context\b|\bfiber\.Ctx\b"
    r"|\*fasthttp\.RequestCtx\b|\biris\.Context\b|\*restful\.Request\b|\bconnect(?:_go)?\.Request\[|\*http\.Context\b"
    r"|\bhttprouter\.Params\b|\*web\.Context\b|\*context\.Context\b|\brequest interface\{\}"
    r"|\bgrpc\.ServerStream\b|_\w+Server\b|\*app\.RequestContext\b|\bhuma\.Context\b|\*websocket\.Conn\b"
)
# Methods that libraries call through their interfaces.
_CALLED = frozenset(
    [
        "ServeHTTP",
        "Read",
        "Write",
        "Close",
        "String",
        "Error",
        "Len",
        "Less",
        "Swap",
        "Push",
        "Pop",
        "Collect",
        "Describe",
        "Execute",
        "Run",
        "RoundTrip",
        "MarshalJSON",
        "UnmarshalJSON",
        "MarshalText",
        "UnmarshalText",
        "MarshalYAML",
        "UnmarshalYAML",
        "Scan",
        "Value",
        "Handle",
        "Init",
    ]
)
_DEFERRED = ("AddFunc", "AddJob", "AfterFunc", "Do", "NewTask", "Go", "Every")


class Program(Kinds):
    """What `main` of one package leads to."""

    def __init__(
        self,
        modules: Modules,
        resolver: Resolver,
        folder: str,
        build: Build,
        *,
        off: Mapping[str, tuple[Region, ...]] | None = None,
        before: Program | None = None,
    ) -> None:
        """`off` are bytes of files that never run; `before` is the same program with them."""
        self.tree = modules.tree
        self.modules = modules
        self.resolver = resolver
        self.build = build
        self.main = folder
        self.packages: dict[str, Package] = {}  # by folder
        self.external: dict[str, Evidence] = {}  # import path -> where it is imported first
        self.cut = False
        self._off = off or {}
        self._parsed = {file.path: file for file in before.files()} if before is not None else {}
        self._locals: dict[Function, dict[str, set[str]]] = dict(before._locals) if before is not None else {}
        self._load(folder)
        self.by_method: dict[str, list[Function]] = {}
        self.fields: dict[str, set[str]] = {}
        for package in self.packages.values():
            for file in package.files:
                self._rename(file)
        for package in self.packages.values():
            self._declare(package)
        self.functions: dict[Function, Reach] = {}
        self.edges: dict[Function, list[Function]] = {}
        self.spawned: list[
            tuple[Function, Node, tuple[Function, ...]]
        ] = []  # around, what is called, targets
        self._reach()

    # --- loading ---------------------------------------------------------------------------

    def _load(self, start: str) -> None:
        waiting = [start]
        while waiting:
            folder = waiting.pop()
            if folder in self.packages:
                continue
            if len(self.packages) >= _PACKAGES:
                self.cut = True
                return
            package = Package(folder, "", "", [])
            self.packages[folder] = package
            loaded = []
            for path in self.modules.sources(folder):
                data = self.tree.data(path)
                if data is None:
                    continue
                try:
                    if path in self._off:
                        loaded.append(files.load(path, files.without(data, self._off[path]), folder))
                    elif path in self._parsed:
                        loaded.append(self._parsed[path])
                    elif files.taken(path, data, self.build):
                        loaded.append(files.load(path, data, folder))
                except syntax.UnparsedError as error:
                    self.tree.give_up(path, str(error))
            package.files = _one_package(loaded, main=folder == start)
            package.name = package.files[0].package if package.files else ""
            for file in package.files:
                for path, line in file.import_lines.items():
                    own = self.resolver.folder(path)
                    if path == "C":
                        if not self.build.cgo:
                            continue
                        self.external.setdefault("C", self.evidence(file, line))
                    elif own is None:
                        self.external.setdefault(path, self.evidence(file, line))
                    else:
                        waiting.append(own)

    def evidence(self, file: GoFile, line: int) -> Evidence:
        return Evidence(file.path, line, self.tree.line(file.path, line))

    def at(self, file: GoFile, node: Node) -> Evidence:
        return self.evidence(file, syntax.line(node))

    def files(self) -> Iterator[GoFile]:
        for package in self.packages.values():
            yield from package.files

    def _rename(self, file: GoFile) -> None:
        """Own packages are known by the name that they give themselves, whatever their path ends with."""
        for path in [path for alias, path in file.imports.items() if alias not in file.named]:
            own = self.resolver.folder(path)
            package = self.packages.get(own) if own is not None else None
            if package is not None and package.name:
                file.imports.setdefault(package.name, path)

    # --- declarations ----------------------------------------------------------------------

    def _declare(self, package: Package) -> None:
        for file in package.files:
            if not file.split:
                _split(file)
            package.values.update(file.values)
            for name, spec in file.types.items():
                package.types[name] = (file, spec)
            for function in file.functions:
                if function.receiver:
                    package.owned.setdefault(function.receiver, {}).setdefault(function.name, []).append(
                        function
                    )
                    self.by_method.setdefault(function.name, []).append(function)
                else:
                    package.functions.setdefault(function.name, []).append(function)
        for file in package.files:
            self._fields(package, file)

    def _fields(self, package: Package, file: GoFile) -> None:
        for node in file.nodes.get("field", []):
            kind = node.child_by_field_name("type")
            if kind is None:
                continue
            full = self.type_of(file, kind)
            names = [syntax.text(n) for n in node.children_by_field_name("name")]
            for name in names or [full.rpartition(".")[2]]:
                if full:
                    package.fields.setdefault(name, set()).add(full)
                    self.fields.setdefault(name, set()).add(full)
        for name, spec in file.variables.items():
            kind = spec.child_by_field_name("type")
            full = self.type_of(file, kind) if kind is not None else ""
            value = file.values.get(name)
            given = {full} if full else self.kinds(file, None, value) if value is not None else set()
            if given:
                package.fields.setdefault(name, set()).update(given)

    # --- reach -------------------------------------------------------------------------------

    def _reach(self) -> None:
        edges: dict[Function, list[Function]] = {}
        mentioned = {name for file in self.files() for one in file.functions for _, name in _all_words(one)}
        live: set[tuple[str, str]] = set()
        asked: dict[str, list[Function]] = {}  # methods called on what may be of any type, and who calls them
        outside: set[Function] = set()  # called by libraries only
        waiting: list[Function] = []

        def reach(one: Function) -> None:
            if one not in edges:
                edges[one] = []
                waiting.append(one)

        def use(folder: str, name: str) -> None:
            if (folder, name) in live:
                return
            live.add((folder, name))
            holder, spec = self.packages[folder].types[name]
            follow(holder, None, types_in(spec))
            for method, found in self.packages[folder].owned.get(name, {}).items():
                unseen = method[:1].isupper() and method not in mentioned
                for one in found:
                    if method in _CALLED or unseen:
                        outside.add(one)
                        reach(one)
                    elif method in asked:
                        reach(one)
                    for caller in asked.get(method, ()):
                        edges[caller].append(one)

        def follow(
            file: GoFile, function: Function | None, pairs: Iterable[tuple[str, str]]
        ) -> list[Function]:
            package = self.packages[file.folder]
            found: list[Function] = []
            for operand, name in sorted(pairs):
                if not operand:
                    found += package.functions.get(name, ())
                    if name in package.types:
                        use(file.folder, name)
                    continue
                path = self.import_of(file, operand)
                own = self.resolver.folder(path) if path is not None else None
                other = self.packages.get(own) if own is not None else None
                if (
                    other is not None
                ):  # a variable of the same name may hide the package in a part of the function
                    found += other.functions.get(name, ())
                    if name in other.types:
                        use(other.folder, name)
                if name not in self.by_method:
                    continue
                kinds = self.of_name(file, function, operand) if operand != "." else set()
                if path is not None and not kinds:
                    continue
                exact = [m for kind in kinds for m in self.methods(kind, name)]
                if exact:
                    found += exact
                elif not kinds or any(kind.startswith("./") for kind in kinds):
                    callers = asked.setdefault(name, [])
                    if function is not None and function in edges:
                        callers.append(function)
                    found += [m for m in self.by_method[name] if (m.file.folder, m.receiver) in live]
            return found

        for package in self.packages.values():
            for file in package.files:
                for one in follow(file, None, file.outside):
                    reach(one)
                for one in package.functions.get("init", ()):
                    reach(one)
        roots = self.packages[self.main].functions.get("main", [])
        for one in roots:
            reach(one)
        while waiting:
            one = waiting.pop()
            edges[one] += [*follow(one.file, one, one.words()), *one.inner]
            for target in edges[one]:
                reach(target)
        handlers = [one for one in edges if self._handles(one, outside)]
        request = _closure(edges, handlers, ())
        spawned = [one for one in edges if one.kind == "go"]
        for file in dict.fromkeys(one.file for one in edges):
            for node in file.spawned:
                around = file.at(node.start_byte)
                targets: list[Function] = []
                if around is not None and node.type == "func_literal":
                    targets, around = [around], around.outer
                if around is None or around not in edges:
                    continue
                if not targets:  # a literal is a function of its own already
                    name = node.child_by_field_name("field") or node
                    targets = [
                        t
                        for t in follow(file, around, files.words(node.text or b""))
                        if t.name == syntax.text(name)
                    ]
                    spawned += targets
                self.spawned.append((around, node, tuple(targets)))
        self.edges = edges
        later = _closure(edges, spawned, request)
        starting = {one for one in edges if one.name == "init" and not one.receiver}
        for one in edges:
            if one in request:
                self.functions[one] = Reach.REQUEST
            elif one in later:
                self.functions[one] = Reach.UNKNOWN
            else:
                self.functions[one] = Reach.IMPORT if handlers or one in starting else Reach.REQUEST
        self.answers = bool(handlers)
        self.roots = tuple(roots)

    def methods(self, kind: str, name: str) -> Sequence[Function]:
        """The methods of this name that an own type has; none for types of libraries."""
        own = self._own(kind)
        return own[0].owned.get(own[1], {}).get(name, ()) if own else ()

    def _handles(self, one: Function, outside: set[Function]) -> bool:
        if one.kind == "literal" or one.name == "ServeHTTP":
            return True
        parameters = one.parameters
        if _HANDLER.search(parameters) and "http.Handler" not in parameters:
            return True
        return one in outside and parameters.startswith("(") and "context.Context" in parameters

    def reach(self, file: GoFile, position: int) -> Reach | None:
        """When the code at a byte of a file runs; None where `main` does not lead to it."""
        function = file.at(position)
        return Reach.IMPORT if function is None else self.functions.get(function)


def _one_package(loaded: list[GoFile], *, main: bool) -> list[GoFile]:
    """The files of one package: `main`, or the one that most files belong to."""
    names = [file.package for file in loaded]
    if not names:
        return []
    wanted = "main" if main and "main" in names else max(dict.fromkeys(names), key=names.count)
    return [file for file in loaded if file.package == wanted]


def _split(file: GoFile) -> None:
    """Make what functions hand over for later (handlers, goroutines, jobs) functions of their own."""
    file.split = True
    if b"func(" not in file.data:
        return
    found: list[Function] = []
    for node in file.nodes.get("literal", []):
        parameters = node.child_by_field_name("parameters")
        kind = ""
        if parameters is not None and _HANDLER.search(syntax.text(parameters)):
            kind = "literal"
        else:
            parent = node.parent
            holder = parent.parent if parent is not None else None
            if holder is not None and holder.type == "go_statement":
                kind = "go"
            elif parent is not None and parent.type == "argument_list" and holder is not None:
                target = holder.child_by_field_name("function")
                name = target.child_by_field_name("field") if target is not None else None
                if name is not None and syntax.text(name) in _DEFERRED:
                    kind = "go"
        outer = file.at(node.start_byte) if kind else None
        if outer is not None:
            label = f"{outer.name} (func literal)"
            found.append(Function(file, label, outer.receiver, node, node.start_byte, node.end_byte, kind))
    found.sort(key=lambda one: (one.start, -one.end))
    open_: list[Function] = []
    for one in found:
        while open_ and one.start >= open_[-1].end:
            open_.pop()
        one.outer = open_[-1] if open_ else file.at(one.start)
        if one.outer is not None:
            one.outer.inner.append(one)
        open_.append(one)


def types_in(spec: Node) -> frozenset[tuple[str, str]]:
    """The types that a type is made of."""
    found = syntax.captures("go", "[(type_identifier) (qualified_type)] @type", spec).get("type", [])
    return files.words(b"\n".join(node.text or b"" for node in found))


def _all_words(function: Function) -> Iterator[tuple[str, str]]:
    waiting = [function]
    while waiting:
        one = waiting.pop()
        yield from (pair for pair in one.words() if pair[0])
        waiting += one.inner


def _closure(
    edges: dict[Function, list[Function]], start: Iterable[Function], without: Iterable[Function]
) -> set[Function]:
    seen = set(start) - set(without)
    waiting = list(seen)
    barred = set(without)
    while waiting:
        for target in edges.get(waiting.pop(), ()):
            if target not in seen and target not in barred:
                seen.add(target)
                waiting.append(target)
    return seen
