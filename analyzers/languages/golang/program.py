"""The part of a Go program that runs: packages, functions as far as `main` leads to them, and when they run.

Edges go by name and, where reading can tell it, by type: a call `x.Close()` leads to the methods of the
types that `x` can have, else to every method `Close` of a type that the program uses. It leads to too much
rather than to too little.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang import files
from analyzers.languages.golang.files import Build, Function, GoFile
from analyzers.languages.golang.modules import Modules, Resolver, plain
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


@dataclass(eq=False)
class Package:
    """A package of the repository, all files that the build takes."""

    folder: str
    path: str
    name: str
    files: list[GoFile]
    functions: dict[str, list[Function]] = field(default_factory=dict)
    owned: dict[str, dict[str, list[Function]]] = field(default_factory=dict)  # type -> name -> methods
    types: dict[str, tuple[GoFile, Node]] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)  # names of package variables and constants
    fields: dict[str, set[str]] = field(default_factory=dict)  # field or variable name -> types


class Program:
    """What `main` of one package leads to."""

    def __init__(
        self,
        modules: Modules,
        resolver: Resolver,
        folder: str,
        build: Build,
        *,
        off: Mapping[str, tuple[tuple[int, int], ...]] | None = None,
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
                if path in self._off:
                    loaded.append(files.load(path, files.without(data, self._off[path]), folder))
                elif path in self._parsed:
                    loaded.append(self._parsed[path])
                elif files.taken(path, data, self.build):
                    loaded.append(files.load(path, data, folder))
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

    def import_of(self, file: GoFile, alias: str) -> str | None:
        """The import path behind a name of a file."""
        return file.imports.get(alias)

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
        found = syntax.captures("go", "(field_declaration) @field", file.root).get("field", [])
        for node in found:
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

    def type_of(self, file: GoFile, node: Node | None) -> str:
        """The full name of a type: `import/path.Name`, `./folder.Name` for own ones, "" for others."""
        for _ in range(8):
            if node is None:
                return ""
            if node.type in ("pointer_type", "parenthesized_type"):
                node = node.named_children[0] if node.named_children else None
            elif node.type == "generic_type":
                node = node.child_by_field_name("type")
            else:
                break
        if node is None:
            return ""
        if node.type == "type_identifier":
            return f"./{file.folder}.{syntax.text(node)}"
        if node.type == "qualified_type":
            package = node.child_by_field_name("package")
            name = node.child_by_field_name("name")
            if package is None or name is None:
                return ""
            return self.full(file, syntax.text(package), syntax.text(name))
        if node.type in ("map_type", "slice_type", "array_type", "channel_type"):
            return f"<{node.type.removesuffix('_type')}>"
        return ""

    def full(self, file: GoFile, alias: str, name: str) -> str:
        """`alias.Name` of a file with the whole import path; "" where the alias is no import."""
        path = self.import_of(file, alias)
        if path is None:
            return ""
        own = self.resolver.folder(path)
        return f"./{own}.{name}" if own is not None else f"{plain(path)}.{name}"

    # --- types of expressions ----------------------------------------------------------------

    def kinds(self, file: GoFile, function: Function | None, node: Node | None, depth: int = 0) -> set[str]:
        """The types that an expression may have. What a call of a library gives bears the library's name."""
        if node is None or depth > 6:
            return set()
        kind = node.type
        if kind in ("unary_expression", "parenthesized_expression"):
            inner = node.child_by_field_name("operand") or (
                node.named_children[0] if node.named_children else None
            )
            return self.kinds(file, function, inner, depth + 1)
        if kind in ("composite_literal", "type_conversion_expression", "type_assertion_expression"):
            full = self.type_of(file, node.child_by_field_name("type"))
            return {full} if full else set()
        if kind == "identifier":
            return self.of_name(file, function, syntax.text(node))
        if kind == "selector_expression":
            return self._of_selector(file, function, node, depth)
        if kind == "call_expression":
            return self._of_call(file, function, node, depth)
        return set()

    def of_name(self, file: GoFile, function: Function | None, name: str) -> set[str]:
        while function is not None:
            known = self.locals(function)
            if name in known:
                return known[name]
            function = function.outer
        package = self.packages[file.folder]
        return package.fields.get(name, set()) if name in package.values else set()

    def _of_selector(self, file: GoFile, function: Function | None, node: Node, depth: int) -> set[str]:
        operand = node.child_by_field_name("operand")
        name = node.child_by_field_name("field")
        if operand is None or name is None:
            return set()
        text = syntax.text(name)
        if operand.type == "identifier":
            alias = syntax.text(operand)
            if not self.of_name(file, function, alias) and (full := self.full(file, alias, text)):
                own = self._own(full)
                return own[0].fields.get(own[1], set()) if own else {full}
        owners = self.kinds(file, function, operand, depth + 1)
        outside = {f"{one.rpartition('.')[0]}.{text}" for one in owners if one[:1] not in ("<", ".")}
        found: set[str] = set()
        for one in owners:
            if own := self._own(one):
                found |= own[0].fields.get(text, set())
        return found or outside or self.packages[file.folder].fields.get(text, set())

    def _of_call(self, file: GoFile, function: Function | None, node: Node, depth: int) -> set[str]:
        target = node.child_by_field_name("function")
        arguments = node.child_by_field_name("arguments")
        if target is None:
            return set()
        if target.type == "identifier":
            name = syntax.text(target)
            if name in ("new", "make") and arguments is not None and arguments.named_children:
                full = self.type_of(file, arguments.named_children[0])
                return {full} if full else set()
            package = self.packages[file.folder]
            if name in package.functions:
                return self._results(package.functions[name])
            return {f"./{file.folder}.{name}"} if name in package.types else set()
        if target.type != "selector_expression":
            return set()
        name_node, operand = target.child_by_field_name("field"), target.child_by_field_name("operand")
        if name_node is None or operand is None:
            return set()
        name = syntax.text(name_node)
        if operand.type == "identifier" and not self.of_name(file, function, syntax.text(operand)):
            full = self.full(file, syntax.text(operand), name)
            if full:
                own = self._own(full)
                if own is None:
                    return {full}
                package, _ = own
                return self._results(package.functions.get(name, ())) or (
                    {full} if name in package.types else set()
                )
        found: set[str] = set()
        for one in self.kinds(file, function, operand, depth + 1):
            if own := self._own(one):
                found |= self._results(own[0].owned.get(own[1], {}).get(name, ()))
            elif one[:1] != "<":
                found.add(f"{one.rpartition('.')[0]}.{name}")
        return found

    def _results(self, functions: Iterable[Function]) -> set[str]:
        found: set[str] = set()
        for one in functions:
            result = one.node.child_by_field_name("result")
            if result is not None and result.type == "parameter_list":
                first = next(iter(result.named_children), None)
                result = first.child_by_field_name("type") if first is not None else None
            if full := self.type_of(one.file, result):
                found.add(full)
        return found

    def _own(self, full: str) -> tuple[Package, str] | None:
        if not full.startswith("./"):
            return None
        folder, _, name = full[2:].rpartition(".")
        package = self.packages.get(folder)
        return (package, name) if package is not None else None

    def locals(self, function: Function) -> dict[str, set[str]]:
        """Name -> types of a function's receiver, parameters and variables."""
        known = self._locals.get(function)
        if known is not None:
            return known
        known = {}
        self._locals[function] = known
        file = function.file
        for part in ("receiver", "parameters"):
            node = function.node.child_by_field_name(part)
            for parameter in node.named_children if node is not None else ():
                full = self.type_of(file, parameter.child_by_field_name("type"))
                for name in parameter.children_by_field_name("name"):
                    known.setdefault(syntax.text(name), set()).update({full} if full else ())
        for node in file.assignments.get(function, ()):
            if node.type == "var_spec":
                names = node.children_by_field_name("name")
                full = self.type_of(file, node.child_by_field_name("type"))
                if full:
                    for name in names:
                        known.setdefault(syntax.text(name), set()).add(full)
                    continue
                right = node.child_by_field_name("value")
            else:
                left = node.child_by_field_name("left")
                names = left.named_children if left is not None else []
                right = node.child_by_field_name("right")
            values = right.named_children if right is not None else []
            for position, name in enumerate(names):
                if name.type != "identifier" or (len(values) == 1 and position > 0):
                    if name.type == "identifier":
                        known.setdefault(syntax.text(name), set())
                    continue
                value = values[position] if position < len(values) else None
                kinds = self.kinds(file, function, value)
                text = syntax.text(name)
                if node.type != "assignment_statement" or text in known:
                    known.setdefault(text, set()).update(kinds)
        return known

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
                exact = [m for kind in kinds for m in self._methods(kind, name)]
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

    def _methods(self, kind: str, name: str) -> Sequence[Function]:
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
    found: list[Function] = []
    for node in syntax.captures("go", "(func_literal) @literal", file.root).get("literal", []):
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
    file.split = True


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
