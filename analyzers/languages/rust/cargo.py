"""Cargo's own files: packages of a workspace, their programs, features and dependencies, the lock file."""

from __future__ import annotations

import fnmatch
import posixpath
import re
import tomllib
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

from analyzers.languages.rust.cfg import holds
from analyzers.languages.rust.sources import Sources
from analyzers.model import Evidence

_ROUNDS = 64  # passes over the features of all own packages; each pass adds one or ends


@dataclass(frozen=True, slots=True)
class Target:
    """A program of a package: its name and the guest path of its first file."""

    name: str
    path: str
    features: tuple[str, ...] = ()  # required


@dataclass(frozen=True, slots=True)
class Wanted:
    """A dependency as a manifest asks for it, workspace inheritance resolved."""

    name: str  # as code calls it, `-` as `_`
    package: str  # as the registry calls it
    version: str
    path: str | None  # guest folder of an own package
    features: frozenset[str]
    default_features: bool
    optional: bool
    line: int
    key: str = ""  # as the manifest calls it


@dataclass(slots=True)
class Package:
    """A package of the repository."""

    name: str
    folder: str
    manifest: str  # guest path
    data: Mapping[str, Any]
    targets: tuple[Target, ...]
    library: str | None  # guest path
    wanted: tuple[Wanted, ...]
    features: set[str] = field(default_factory=set)
    on: set[str] = field(default_factory=set)  # keys of optional dependencies that features switch on
    asked: dict[str, set[str]] = field(default_factory=dict)  # dependency key -> features asked of it
    active: bool = False

    @property
    def code_name(self) -> str:
        lib = self.data.get("lib")
        given = lib.get("name") if isinstance(lib, dict) else None
        return given if isinstance(given, str) else self.name.replace("-", "_")

    def dependencies(self) -> tuple[Wanted, ...]:
        """Those that are part of the program."""
        return tuple(one for one in self.wanted if not one.optional or one.key in self.on)


class Workspace:
    """All packages that the build stage holds."""

    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.packages: dict[str, Package] = {}
        self._data: dict[str, Mapping[str, Any]] = {}
        for manifest in sources.manifests[:2_000]:
            if data := self._toml(manifest):
                self._data[posixpath.dirname(manifest)] = data
        for folder, data in self._data.items():
            package = data.get("package")
            if isinstance(package, dict) and isinstance(package.get("name"), str):
                self.packages[folder] = self._package(folder, data, package["name"])

    def root(self, folder: str) -> str | None:
        """The folder of the nearest workspace at or above `folder`, else of the nearest manifest."""
        nearest: str | None = None
        while True:
            if folder in self._data:
                nearest = nearest or folder
                if "workspace" in self._data[folder]:
                    return folder
            if folder in ("/", ""):
                return nearest
            folder = posixpath.dirname(folder)

    def members(self, folder: str) -> list[Package]:
        """The packages of the workspace at `folder`: its members, or the one package there."""
        table = self._data.get(folder, {}).get("workspace")
        if not isinstance(table, dict):
            return [self.packages[folder]] if folder in self.packages else []
        patterns = [p for p in _list(table.get("members")) if isinstance(p, str)]
        excluded = [p for p in _list(table.get("exclude")) if isinstance(p, str)]
        prefix = folder.rstrip("/") + "/"
        found: list[Package] = []
        for place, package in self.packages.items():
            relative = place[len(prefix) :] if place.startswith(prefix) else "." if place == folder else None
            if relative is None or any(
                fnmatch.fnmatchcase(relative, posixpath.normpath(p)) for p in excluded
            ):
                continue
            if place == folder or any(fnmatch.fnmatchcase(relative, posixpath.normpath(p)) for p in patterns):
                found.append(package)
        # Packages that a path leads to are members as well; without patterns all below count.
        return found or [p for place, p in self.packages.items() if place.startswith(prefix)]

    def default_members(self, folder: str) -> list[Package]:
        """What `cargo build` builds there: the package at `folder`, `default-members`, or all members."""
        if folder in self.packages:
            return [self.packages[folder]]
        table = self._data.get(folder, {}).get("workspace")
        named = (
            [p for p in _list(table.get("default-members")) if isinstance(p, str)]
            if isinstance(table, dict)
            else []
        )
        members = self.members(folder)
        if named:
            places = {posixpath.normpath(posixpath.join(folder, p)) for p in named}
            return [p for p in members if p.folder in places] or members
        return members

    def switch_on(
        self, package: Package, features: Iterable[str], *, default: bool, everything: bool
    ) -> None:
        """Settle the features of a package and of all own packages that it leads to."""
        for one in self.packages.values():
            one.features, one.on, one.asked, one.active = set(), set(), {}, False
        package.active = True
        start = set(features)
        if default:
            start.add("default")
        if everything:
            start |= set(_table(package.data.get("features")))
            start |= {one.key for one in package.wanted if one.optional}
        _expand(package, start)
        for _ in range(_ROUNDS):
            changed = False
            for one in list(self.packages.values()):
                if not one.active:
                    continue
                for wanted in one.dependencies():
                    other = self.packages.get(wanted.path) if wanted.path else None
                    if other is None or other is one:
                        continue
                    asked = set(wanted.features) | one.asked.get(wanted.key, set())
                    if wanted.default_features:
                        asked.add("default")
                    before = (len(other.features), len(other.on), other.active)
                    other.active = True
                    _expand(other, asked)
                    changed |= before != (len(other.features), len(other.on), other.active)
            if not changed:
                return

    def _toml(self, path: str) -> Mapping[str, Any]:
        text = self.sources.text(path)
        if text is None:
            return {}
        try:
            return tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            source = self.sources.files.get(path)
            if source is not None:
                self.sources.tree.give_up(source, f"is no manifest that Cargo takes: {str(error)[:100]}")
            return {}

    def _package(self, folder: str, data: Mapping[str, Any], name: str) -> Package:
        manifest = posixpath.join(folder, "Cargo.toml")
        lib = data.get("lib")
        given = lib.get("path") if isinstance(lib, dict) else None
        library = posixpath.normpath(
            posixpath.join(folder, given if isinstance(given, str) else "src/lib.rs")
        )
        return Package(
            name=name,
            folder=folder,
            manifest=manifest,
            data=data,
            targets=tuple(self._targets(folder, data, name)),
            library=library if library in self.sources else None,
            wanted=tuple(self._wanted(folder, data)),
        )

    def _targets(self, folder: str, data: Mapping[str, Any], name: str) -> Iterable[Target]:
        found: dict[str, Target] = {}
        for table in _list(data.get("bin")):
            if not isinstance(table, dict) or not isinstance(table.get("name"), str):
                continue
            title, path = table["name"], table.get("path")
            places = (
                [path]
                if isinstance(path, str)
                else [f"src/bin/{title}.rs", f"src/bin/{title}/main.rs", "src/main.rs"]
            )
            for place in places:
                full = posixpath.normpath(posixpath.join(folder, place))
                if full in self.sources:
                    needed = tuple(f for f in _list(table.get("required-features")) if isinstance(f, str))
                    found[title] = Target(title, full, needed)
                    break
        main = posixpath.join(folder, "src/main.rs")
        taken = {target.path for target in found.values()}
        if main in self.sources and main not in taken:
            found.setdefault(name, Target(name, main))
        prefix = posixpath.join(folder, "src/bin/")
        for path in self.sources.files:
            if path.startswith(prefix) and path.endswith(".rs") and path not in taken:
                parts = path[len(prefix) :].split("/")
                if len(parts) == 1:
                    found.setdefault(parts[0][:-3], Target(parts[0][:-3], path))
                elif parts[1:] == ["main.rs"]:
                    found.setdefault(parts[0], Target(parts[0], path))
        return found.values()

    def _wanted(self, folder: str, data: Mapping[str, Any]) -> Iterable[Wanted]:
        tables: list[Mapping[str, Any]] = [_table(data.get("dependencies"))]
        for condition, table in _table(data.get("target")).items():
            if isinstance(table, dict) and holds(condition, frozenset()) is not False:
                tables.append(_table(table.get("dependencies")))
        root = self.root_of(folder)
        shared = _table(_table(self._data.get(root or "", {}).get("workspace")).get("dependencies"))
        text = self.sources.text(posixpath.join(folder, "Cargo.toml")) or ""
        for table in tables:
            for key, stated in table.items():
                yield self._one(folder, root or folder, key, stated, shared.get(key), _line_of(text, key))

    def root_of(self, folder: str) -> str | None:
        """The workspace above a folder, only where one is declared."""
        while True:
            if "workspace" in self._data.get(folder, {}):
                return folder
            if folder in ("/", ""):
                return None
            folder = posixpath.dirname(folder)

    def _one(self, folder: str, root: str, key: str, stated: Any, shared: Any, line: int) -> Wanted:
        own = {"version": stated} if isinstance(stated, str) else _table(stated)
        base: Mapping[str, Any] = {}
        where = folder
        if own.get("workspace") is True:
            base = {"version": shared} if isinstance(shared, str) else _table(shared)
            where = root
        path = own.get("path", base.get("path"))
        package = own.get("package", base.get("package"))
        version = own.get("version", base.get("version"))
        features = {f for t in (base, own) for f in _list(t.get("features")) if isinstance(f, str)}
        default = base.get("default-features", True) if own.get("workspace") is True else True
        return Wanted(
            name=key.replace("-", "_"),
            package=package if isinstance(package, str) else key,
            version=version if isinstance(version, str) else "",
            path=posixpath.normpath(posixpath.join(where, path)) if isinstance(path, str) else None,
            features=frozenset(features),
            default_features=own.get("default-features", default) is not False,
            optional=own.get("optional") is True,
            line=line,
            key=key,
        )


def _expand(package: Package, features: Iterable[str]) -> None:
    """Add features to a package: what they name, and the optional dependencies that they switch on."""
    table = _table(package.data.get("features"))
    optional = {one.key for one in package.wanted if one.optional}
    waiting = list(features)
    while waiting:
        name = waiting.pop()
        if name.startswith("dep:"):
            package.on.add(name[4:])
            continue
        key, slash, inner = name.partition("/")
        if slash:
            weak = key.endswith("?")
            key = key.rstrip("?")
            package.asked.setdefault(key, set()).add(inner)
            if not weak and key in optional and key not in package.on:
                package.on.add(key)
                waiting += [key] if key in table else []
            continue
        if name in package.features:
            continue
        package.features.add(name)
        if name in table:
            waiting += [value for value in _list(table[name]) if isinstance(value, str)]
        elif name in optional:
            package.on.add(name)


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _line_of(text: str, key: str) -> int:
    """The line of a manifest that names a dependency; 1 where it is not found."""
    plain = re.escape(key)
    pattern = rf"^[ \t]*(?:\"?{plain}\"?[ \t]*(?:=|\.)|\[[^\]\n]*dependencies\.\"?{plain}\"?\])"
    match = re.search(pattern, text, re.MULTILINE)
    return text.count("\n", 0, match.start()) + 1 if match else 1


@dataclass(frozen=True, slots=True)
class Locked:
    """A package of the lock file."""

    name: str
    version: str
    external: bool
    needs: tuple[str, ...]  # `name` or `name version`
    line: int


class Lock:
    """Cargo.lock. Empty where there is none."""

    def __init__(self, sources: Sources, folder: str) -> None:
        self.path: str | None = None
        self.packages: dict[str, list[Locked]] = {}
        while True:
            path = posixpath.join(folder, "Cargo.lock")
            if path in sources or folder in ("/", ""):
                break
            folder = posixpath.dirname(folder)
        text = sources.text(path)
        if text is None:
            return
        self.path = path
        for block in re.split(r"^\[\[package\]\][ \t]*$", text, flags=re.MULTILINE)[1:]:
            name = re.search(r'^name = "([^"\n]+)"', block, re.MULTILINE)
            version = re.search(r'^version = "([^"\n]+)"', block, re.MULTILINE)
            if name is None or version is None:
                continue
            needs = re.search(r"^dependencies = \[([^\]]*)\]", block, re.MULTILINE)
            external = re.search(r"^source = ", block, re.MULTILINE) is not None
            names = tuple(re.findall(r'"([^"\n]+)"', needs[1])) if needs else ()
            one = Locked(name[1], version[1], external, names, 0)
            self.packages.setdefault(one.name, []).append(one)
        self._lines = {m[1]: text.count("\n", 0, m.start()) + 1 for m in _names(text)}

    def line(self, name: str) -> int:
        """The line on which the lock file names a package."""
        return self._lines.get(name, 1) if self.path else 1

    def find(self, name: str, requirement: str = "") -> Locked | None:
        """The package of that name; of several the one whose version fits the requirement's first number."""
        found = self.packages.get(name, [])
        if len(found) > 1 and (match := re.search(r"\d+(?:\.\d+)?", requirement)):
            wanted = match[0] if match[0].startswith("0") else match[0].partition(".")[0]
            fitting = [one for one in found if one.version == wanted or one.version.startswith(wanted + ".")]
            return (fitting or found)[-1]
        return found[-1] if found else None

    def below(self, start: Locked, without: Set[str] = frozenset(), limit: int = 5_000) -> Iterable[Locked]:
        """All packages that one leads to, itself first; not through those of the names `without`."""
        seen: set[tuple[str, str]] = set()
        waiting = [start]
        while waiting and len(seen) < limit:
            one = waiting.pop()
            if (one.name, one.version) in seen:
                continue
            seen.add((one.name, one.version))
            yield one
            for need in one.needs:
                name, _, version = need.partition(" ")
                if name in without:
                    continue
                version = version.partition(" ")[0]
                named = self.packages.get(name, [])
                waiting += [other for other in named if not version or other.version == version]


def _names(text: str) -> Iterable[re.Match[str]]:
    return re.finditer(r'^name = "([^"\n]+)"', text, re.MULTILINE)


def evidence_of(sources: Sources, package: Package, wanted: Wanted) -> Evidence:
    """The line of the manifest that asks for a dependency."""
    return sources.evidence(package.manifest, wanted.line)
