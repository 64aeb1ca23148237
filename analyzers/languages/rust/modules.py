"""The files of a program: `mod` items followed from `main`, through its own library and own packages."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from analyzers.languages import syntax
from analyzers.languages.rust.cargo import Package
from analyzers.languages.rust.program import Program
from analyzers.languages.rust.scan import File, scan
from analyzers.repository import Tree

_FILES = 4_000
# Modules that stand in for others in tests.
_TESTING = frozenset(
    {"mock", "mocks", "fake", "fakes", "test", "tests", "testing", "test_util", "test_utils"}
)
_KEPT = 1_000  # files that are kept for the next service; their syntax trees take room
_SCANNED: WeakKeyDictionary[Tree, dict[tuple[str, str, str, frozenset[str]], File | None]] = (
    WeakKeyDictionary()
)
_INCLUDE = frozenset({"include", "include_str", "include_bytes"})
_LITERAL = re.compile(r'^\s*"([^"\\]+)"\s*,?\s*$')


@dataclass(slots=True)
class Modules:
    """All that a program is made of. `taken` are other files that are compiled in."""

    files: list[File] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)


def follow(program: Program) -> Modules:
    """The files that the program's `main` reaches, in the order in which they are reached."""
    found = Modules()
    seen: set[str] = set()
    package = program.package
    found.packages.append(package)
    waiting: list[tuple[Package, str]] = [(package, program.target.path)]
    by_folder = {p.folder: p for p in program.workspace.packages.values()}
    done = {(package.folder, program.target.path)}
    while waiting:
        owner, root = waiting.pop(0)
        _crate(program, owner, root, found, seen)
        for other in _called(owner, [f for f in found.files if f.crate == owner.code_name], by_folder):
            if other.library and (other.folder, other.library) not in done:
                done.add((other.folder, other.library))
                waiting.append((other, other.library))
                if other not in found.packages:
                    found.packages.append(other)
    return found


def _called(owner: Package, files: list[File], by_folder: dict[str, Package]) -> list[Package]:
    """The package's own library and the own packages that its code names."""
    places = {one.name: by_folder[one.path] for one in owner.dependencies() if one.path in by_folder}
    if owner.library:
        places[owner.code_name] = owner
    names: set[str] = set()
    for file in files:
        text = file.root.text or b""
        for name in places.keys() - names:
            word = name.encode()
            if word in text and re.search(rb"\b%s\b" % re.escape(word), text):
                names.add(name)
    return [places[name] for name in sorted(names) if not _is_macro_package(places[name])]


def _is_macro_package(package: Package) -> bool:
    lib = package.data.get("lib")
    return isinstance(lib, dict) and (lib.get("proc-macro") is True or lib.get("proc_macro") is True)


def _crate(program: Program, owner: Package, root: str, found: Modules, seen: set[str]) -> None:
    waiting = [(root, True)]
    while waiting and len(found.files) < _FILES:
        guest, is_root = waiting.pop(0)
        if guest in seen:
            continue
        seen.add(guest)
        source = program.sources.files.get(guest)
        data = program.sources.tree.data(source) if source is not None else None
        if source is None or data is None:
            continue
        if _stem(guest) in _TESTING and not is_root:
            continue
        file = _scanned(program, owner, source, guest, data)
        if file is None:
            continue
        found.files.append(file)
        waiting += [(path, False) for path in _below(program, file, is_root)]
        for macro in file.macros:
            name = macro.path.rpartition("::")[2]
            literal = _LITERAL.match(macro.tokens) if name in _INCLUDE else None
            if literal is None:
                continue
            path = posixpath.normpath(posixpath.join(posixpath.dirname(guest), literal[1]))
            taken = program.sources.files.get(path)
            if taken is None:
                continue
            if name == "include" and path.endswith(".rs"):
                waiting.append((path, False))
            else:
                found.taken.append(taken)


def _stem(guest: str) -> str:
    parts = guest.rsplit("/", 2)
    return parts[-2] if parts[-1] == "mod.rs" and len(parts) > 1 else parts[-1][:-3]


def _scanned(program: Program, owner: Package, source: str, guest: str, data: bytes) -> File | None:
    """A file, scanned once for all services of a repository that are built with the same features."""
    kept = _SCANNED.setdefault(program.sources.tree, {})
    key = (source, guest, owner.code_name, frozenset(owner.features))
    if key not in kept:
        if len(kept) >= _KEPT:
            kept.clear()
        try:
            kept[key] = scan(source, guest, owner.code_name, data, owner.features)
        except syntax.UnparsedError as error:
            program.sources.tree.give_up(source, str(error))
            kept[key] = None
    return kept[key]


def _below(program: Program, file: File, is_root: bool) -> list[str]:
    """The files of the `mod x;` items of a file."""
    folder = posixpath.dirname(file.guest)
    stem = posixpath.basename(file.guest)[:-3]
    own = folder if is_root or stem == "mod" else posixpath.join(folder, stem)
    paths: list[str] = []
    for name, item, attributes in file.modules:
        around: list[str] = []
        above = item.parent
        while above is not None:
            if above.type == "mod_item" and (title := above.child_by_field_name("name")):
                around.insert(0, syntax.text(title))
            above = above.parent
        given = next((m[1] for a in attributes if (m := re.match(r'#\[\s*path\s*=\s*"([^"]+)"', a))), None)
        if given is not None:
            base = posixpath.join(own, *around) if around else folder
            places = [posixpath.join(base, given)]
        else:
            base = posixpath.join(own, *around)
            name = name.removeprefix("r#")
            places = [posixpath.join(base, f"{name}.rs"), posixpath.join(base, name, "mod.rs")]
        found = next((p for p in map(posixpath.normpath, places) if p in program.sources), None)
        if found is not None:
            paths.append(found)
    return paths
