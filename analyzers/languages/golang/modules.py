"""Go modules of a repository: what `go.mod`, `go.work` and `vendor/modules.txt` say; the folder of an import.

Only folders of the repository are found; every other import is a dependency or the standard library.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from analyzers.model import Evidence
from analyzers.repository import Tree

_VERSION = re.compile(r"/v\d+(?=/|$)|\.v\d+(?=/|$)")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A line of `require`, or of `vendor/modules.txt` where there is no `go.mod`."""

    path: str
    version: str
    indirect: bool
    evidence: Evidence


@dataclass(slots=True)
class Module:
    """One module: its folder in the repository, its path, and what it requires and replaces."""

    folder: str
    path: str
    requires: list[Requirement] = field(default_factory=list)
    replaces: dict[str, str] = field(default_factory=dict)  # module path -> folder of the repository


def plain(path: str) -> str:
    """An import path without its major version: `example.com/redis/v9` -> `example.com/redis`."""
    return _VERSION.sub("", path)


def parse_mod(tree: Tree, path: str) -> Module | None:
    """A `go.mod`; None where it cannot be read. What is no directive is passed over."""
    text = tree.text(path)
    if text is None:
        return None
    folder = posixpath.dirname(path)
    module = Module(folder, "")
    for number, directive, words in _directives(text):
        if directive == "module" and words:
            module.path = words[0]
        elif directive == "require" and len(words) >= 2:
            evidence = Evidence(path, number, tree.line(path, number))
            module.requires.append(Requirement(words[0], words[1], words[2:] == ["indirect"], evidence))
        elif directive == "replace" and "=>" in words:
            new = words[words.index("=>") + 1 :]
            if new and new[0].startswith((".", "/")):
                target = posixpath.normpath(posixpath.join(folder, new[0]))
                if not target.startswith(("..", "/")):
                    module.replaces[words[0]] = "" if target == "." else target
    return module


def _directives(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Line, directive and words of each statement of a `go.mod` or `go.work`; blocks are unfolded."""
    block = ""
    for number, raw in enumerate(text.split("\n"), 1):
        line, _, comment = raw.partition("//")
        words = [word.strip('"`') for word in line.split()]
        if not words:
            continue
        if block and words[0] == ")":
            block = ""
        elif block:
            yield number, block, words + (["indirect"] if comment.strip().startswith("indirect") else [])
        elif words[1:] == ["("]:
            block = words[0]
        else:
            mark = ["indirect"] if comment.strip().startswith("indirect") else []
            yield number, words[0], words[1:] + mark


class Modules:
    """The modules of a repository, found as they are asked for."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self._of: dict[str, Module | None] = {}
        self._sources: dict[str, list[str]] | None = None

    def sources(self, folder: str) -> list[str]:
        """The Go files directly in a folder, tests left out."""
        if self._sources is None:
            self._sources = {}
            for path in self.tree.paths:
                if path.endswith(".go") and not path.endswith("_test.go"):
                    self._sources.setdefault(posixpath.dirname(path), []).append(path)
        return self._sources.get(folder, [])

    def folders(self) -> tuple[str, ...]:
        """Folders that hold Go files."""
        self.sources("")
        return tuple(self._sources or ())

    def holding(self, folder: str) -> Module | None:
        """The module that a folder belongs to: the nearest `go.mod` at or above it."""
        here = folder
        while True:
            path = posixpath.join(here, "go.mod")
            if path in self.tree:
                return self._load(path)
            if not here:
                return None
            here = posixpath.dirname(here)

    def _load(self, path: str) -> Module | None:
        if path not in self._of:
            self._of[path] = parse_mod(self.tree, path)
        return self._of[path]

    def workspace(self, folder: str) -> list[Module]:
        """The modules that the nearest `go.work` at or above a folder uses."""
        here = folder
        while True:
            path = posixpath.join(here, "go.work")
            text = self.tree.text(path) if path in self.tree else None
            if text is not None:
                used = [words[0] for _, directive, words in _directives(text) if directive == "use" and words]
                places = [posixpath.normpath(posixpath.join(here, one)) for one in used]
                mods = [posixpath.join("" if p == "." else p, "go.mod") for p in places]
                return [m for m in (self._load(mod) for mod in mods if mod in self.tree) if m is not None]
            if not here:
                return []
            here = posixpath.dirname(here)


class Resolver:
    """Import path -> folder of the repository, as seen from one main module."""

    def __init__(self, modules: Modules, module: Module) -> None:
        roots: dict[str, str] = {module.path: module.folder} if module.path else {}
        for other in modules.workspace(module.folder):
            roots.setdefault(other.path, other.folder)
        roots.update(module.replaces)
        self.modules = modules
        self.module = module
        self._roots: Mapping[str, str] = roots
        self._longest = sorted(roots, key=len, reverse=True)
        self._known: dict[str, str | None] = {}

    def folder(self, path: str) -> str | None:
        """The folder of an own package; None for the standard library and for dependencies."""
        if path not in self._known:
            self._known[path] = self._folder(path)
        return self._known[path]

    def _folder(self, path: str) -> str | None:
        for root in self._longest:
            if path == root or path.startswith(root + "/"):
                rest = path[len(root) :].lstrip("/")
                found = posixpath.normpath(posixpath.join(self._roots[root], rest))
                return "" if found == "." else found
        return None


def vendored(tree: Tree, folder: str) -> list[Requirement]:
    """The modules that `vendor/modules.txt` of a folder lists."""
    path = posixpath.join(folder, "vendor/modules.txt")
    text = tree.text(path) if path in tree else None
    found: list[Requirement] = []
    for number, line in enumerate((text or "").split("\n"), 1):
        words = line.split()
        if len(words) >= 3 and words[0] == "#" and words[2].startswith("v"):
            found.append(
                Requirement(words[1], words[2], False, Evidence(path, number, tree.line(path, number)))
            )
    return found
