"""What `package.json`, workspaces and `tsconfig.json` say. All of it is read as data; nothing is run."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analyzers.guest import Guest

_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)
_EXTENDS = 8  # configurations that extend one another
Json = dict[str, object]


def parse_json(text: str) -> object:
    """JSON, comments and trailing commas allowed. None where it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    text = _STRING_OR_COMMENT.sub(lambda m: m[0] if m[0].startswith('"') else " ", text)
    text = _TRAILING.sub(lambda m: m[1] or "", text)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def table(value: object) -> Json:
    """A JSON object, or an empty one where there is something else."""
    return value if isinstance(value, dict) else {}


def strings(value: object) -> Mapping[str, str]:
    """The members of a JSON object whose values are text."""
    return {key: item for key, item in table(value).items() if isinstance(item, str)}


@dataclass(frozen=True, slots=True)
class Package:
    """A `package.json`: its folder in the image, its content."""

    folder: str
    path: str  # of the manifest itself, in the image
    data: Json

    @property
    def name(self) -> str:
        value = self.data.get("name")
        return value if isinstance(value, str) else ""

    @property
    def scripts(self) -> Mapping[str, str]:
        return strings(self.data.get("scripts"))

    @property
    def bins(self) -> Mapping[str, str]:
        """Program -> file, as `bin` names them."""
        given = self.data.get("bin")
        if isinstance(given, str):
            return {self.name.rpartition("/")[2]: given}
        return strings(given)

    @property
    def main(self) -> str | None:
        value = self.data.get("main")
        return value if isinstance(value, str) else None

    def asks_for(self, *names: str) -> bool:
        """Whether it names one of these packages among its dependencies, of any kind."""
        kinds = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
        asked = [name for kind in kinds for name in table(self.data.get(kind))]
        return any(name in asked for name in names)

    def export(self, subpath: str) -> list[str]:
        """Files that `exports` (else `module`, `main`) give for `.` or `./x`, the likeliest first."""
        exports = self.data.get("exports")
        if exports is not None:
            whole = isinstance(exports, str) or not any(k.startswith(".") for k in table(exports))
            given = table({".": exports} if whole else exports)
            found = list(_targets(given.get(subpath)))
            if found:
                return found
            for key, value in given.items():
                before, star, after = key.partition("*")
                if star and subpath.startswith(before) and subpath.endswith(after):
                    middle = subpath[len(before) : len(subpath) - len(after)]
                    return [target.replace("*", middle) for target in _targets(value)]
        if subpath != ".":
            return [subpath]
        entries = (self.data.get(key) for key in ("source", "module", "main"))
        return [entry for entry in entries if isinstance(entry, str)] + ["index"]


def _targets(value: object, depth: int = 0) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list) and depth < 8:
        for item in value:
            yield from _targets(item, depth + 1)
    elif isinstance(value, dict) and depth < 8:
        for key, item in value.items():
            if key != "types":
                yield from _targets(item, depth + 1)


class Project:
    """The packages of a guest file system, by folder and by name."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self._packages: dict[str, Package | None] = {}
        self._configs: dict[str, TsConfig | None] = {}
        self._by_name: dict[str, Package] | None = None

    def package(self, folder: str) -> Package | None:
        """The package whose manifest lies in this folder."""
        if folder not in self._packages:
            path = posixpath.join(folder, "package.json")
            text = self.guest.text(path)
            data = parse_json(text) if text is not None else None
            self._packages[folder] = Package(folder, path, data) if isinstance(data, dict) else None
        return self._packages[folder]

    def nearest(self, folder: str) -> Package | None:
        """The package that a file in this folder belongs to."""
        for place in above(folder):
            if (found := self.package(place)) is not None:
                return found
        return None

    def named(self, name: str) -> Package | None:
        """The package of this file system with this name: a workspace of the same repository."""
        if self._by_name is None:
            self._by_name = {}
            for path in self.guest.files:
                if path.endswith("/package.json") and (package := self.package(posixpath.dirname(path))):
                    self._by_name.setdefault(package.name, package)
        return self._by_name.get(name)

    def tsconfig(self, folder: str) -> TsConfig | None:
        """The nearest configuration of TypeScript at or above a folder, what it extends merged in."""
        for place in above(folder):
            for name in ("tsconfig.build.json", "tsconfig.json", "jsconfig.json"):
                path = posixpath.join(place, name)
                if self.guest.exists(path) and (found := self.config(path)) is not None:
                    return found
        return None

    def config(self, path: str) -> TsConfig | None:
        """One configuration file."""
        if path not in self._configs:
            self._configs[path] = self._config(path)
        return self._configs[path]

    def _config(self, path: str) -> TsConfig | None:
        options: dict[str, tuple[str, object]] = {}
        include: list[str] = []
        here: str | None = path
        for _ in range(_EXTENDS):
            text = self.guest.text(here) if here else None
            data = table(parse_json(text)) if text is not None else None
            if here is None or data is None:
                break
            folder = posixpath.dirname(here)
            for key, value in table(data.get("compilerOptions")).items():
                options.setdefault(key, (folder, value))
            given = data.get("include")
            if not include and isinstance(given, list):
                include = [posixpath.join(folder, item) for item in given if isinstance(item, str)]
            extended = data.get("extends")
            if isinstance(extended, list):
                extended = next(iter(extended), None)
            here = None
            if isinstance(extended, str) and extended.startswith("."):
                here = posixpath.normpath(posixpath.join(folder, extended))
                here += "" if here.endswith(".json") else ".json"
        if not options and self.guest.text(path) is None:
            return None

        def place(key: str) -> str | None:
            folder, value = options.get(key, ("", None))
            return posixpath.normpath(posixpath.join(folder, value)) if isinstance(value, str) else None

        base = place("baseUrl")
        folder, paths = options.get("paths", ("", {}))
        return TsConfig(
            folder=posixpath.dirname(path),
            out=place("outDir"),
            root=place("rootDir"),
            base=base,
            include=tuple(include),
            paths={
                key: [
                    posixpath.normpath(posixpath.join(base or folder, v)) for v in value if isinstance(v, str)
                ]
                for key, value in table(paths).items()
                if isinstance(value, list)
            },
        )


@dataclass(frozen=True, slots=True)
class TsConfig:
    """The parts of a `tsconfig.json` that say where files are. Paths are absolute in the image."""

    folder: str
    out: str | None
    root: str | None
    base: str | None
    include: tuple[str, ...]
    paths: Mapping[str, list[str]]

    def aliased(self, specifier: str) -> list[str]:
        """Where `paths` and `baseUrl` look for an import."""
        found: list[str] = []
        for key, targets in self.paths.items():
            before, star, after = key.partition("*")
            if not star and key == specifier:
                found += targets
            elif star and specifier.startswith(before) and specifier.endswith(after):
                middle = specifier[len(before) : len(specifier) - len(after)]
                found += [target.replace("*", middle) for target in targets]
        if self.base is not None:
            found.append(posixpath.join(self.base, specifier))
        return found


def above(folder: str) -> Iterator[str]:
    """The folder and those above it, up to the root."""
    folder = posixpath.normpath(posixpath.join("/", folder))
    while True:
        yield folder
        if folder in ("/", "//"):
            return
        folder = posixpath.dirname(folder)
