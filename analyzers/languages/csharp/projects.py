"""Project files of .NET: packages with versions, references to other projects, the assembly's name."""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from analyzers.languages.shallow import xml
from analyzers.model import Evidence
from analyzers.repository import Tree


@dataclass(frozen=True, slots=True)
class Package:
    """A package, an SDK or a framework reference of a project."""

    name: str
    version: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Project:
    """A project file. `references` are project files; `frameworks` target frameworks as written."""

    path: str
    assembly: str
    packages: tuple[Package, ...]
    references: tuple[str, ...]
    frameworks: str
    namespace: str = ""

    @property
    def folder(self) -> str:
        return posixpath.dirname(self.path)


@dataclass(slots=True)
class Projects:
    """The project files of a repository, read when asked for."""

    tree: Tree
    paths: tuple[str, ...] = ()
    _read: dict[str, Project | None] = field(default_factory=dict)
    _central: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, tree: Tree) -> Projects:
        held = _held.get(tree)
        if held is None:
            held = cls(tree, tuple(path for path in tree.paths if path.endswith(".csproj")))
            _held[tree] = held
        return held

    def at(self, path: str) -> Project | None:
        """A project, None where it is not in the repository or cannot be read."""
        if path not in self._read:
            self._read[path] = self._project(path)
        return self._read[path]

    def closure(self, project: Project) -> list[Project]:
        """A project and all that it references, itself first."""
        found = [project]
        seen = {project.path}
        for one in found:
            for path in one.references:
                if path not in seen:
                    seen.add(path)
                    other = self.at(path)
                    if other is not None:
                        found.append(other)
        return found

    def _parse(self, path: str) -> xml.Element | None:
        data = self.tree.data(path)
        if data is None:
            return None
        try:
            return xml.parse(data)
        except xml.XmlError as error:
            self.tree.give_up(path, f"is no XML that is read: {error}")
            return None

    def _project(self, path: str) -> Project | None:
        root = self._parse(path) if path in self.tree else None
        if root is None:
            return None
        folder = posixpath.dirname(path)
        central = self._versions(folder)
        locked = self._locked(folder)
        packages = [self._sdk(path, root)] if root.attributes.get("Sdk") else []
        references: list[str] = []
        shared = [(path, root)]
        for name in ("Directory.Build.props", "Directory.Build.targets"):
            place = self._above(folder, name)
            other = self._parse(place) if place is not None else None
            if place is not None and other is not None:
                shared.append((place, other))
        assembly = namespace = frameworks = ""
        for place, document in shared:
            for one in document.walk():
                if one.name in ("PackageReference", "FrameworkReference"):
                    name = one.attributes.get("Include", "")
                    if not name or one.attributes.get("PrivateAssets", "").lower() == "all":
                        continue
                    said = one.attributes.get("Version") or one.value("Version")
                    version = locked.get(name.lower()) or said or central.get(name.lower()) or None
                    version = version.strip("[]") if version else None
                    evidence = Evidence(place, one.line, self.tree.line(place, one.line))
                    packages.append(Package(name, version, evidence))
                elif one.name == "ProjectReference" and "Include" in one.attributes:
                    target = one.attributes["Include"].replace("\\", "/")
                    references.append(posixpath.normpath(posixpath.join(posixpath.dirname(place), target)))
                elif one.name == "AssemblyName" and place == path:
                    assembly = one.text.strip()
                elif one.name == "RootNamespace" and place == path:
                    namespace = one.text.strip()
                elif one.name in ("TargetFramework", "TargetFrameworks") and not frameworks:
                    frameworks = one.text.strip()
        stem = posixpath.basename(path).removesuffix(".csproj")
        name = assembly if assembly and "$" not in assembly else stem
        return Project(path, name, tuple(packages), tuple(references), frameworks, namespace or stem)

    def _sdk(self, path: str, root: xml.Element) -> Package:
        name, _, version = root.attributes["Sdk"].partition("/")
        return Package(name, version or None, Evidence(path, root.line, self.tree.line(path, root.line)))

    def _above(self, folder: str, name: str) -> str | None:
        """The nearest file of a name at or above a folder, as MSBuild looks for it."""
        here = folder
        while True:
            path = posixpath.join(here, name)
            if path in self.tree:
                return path
            if not here:
                return None
            here = posixpath.dirname(here)

    def _versions(self, folder: str) -> dict[str, str]:
        """Central package versions (`Directory.Packages.props`) by lower-case name."""
        path = self._above(folder, "Directory.Packages.props")
        if path is None:
            return {}
        if path not in self._central:
            root = self._parse(path)
            self._central[path] = {
                one.attributes["Include"].lower(): one.attributes.get("Version", "")
                for one in (root.walk() if root is not None else ())
                if one.name == "PackageVersion" and "Include" in one.attributes
            }
        return self._central[path]

    def _locked(self, folder: str) -> dict[str, str]:
        """Exact versions of `packages.lock.json` by lower-case name."""
        path = posixpath.join(folder, "packages.lock.json")
        text = self.tree.text(path) if path in self.tree else None
        if text is None:
            return {}
        try:
            data = json.loads(text)
        except (ValueError, RecursionError) as error:
            self.tree.give_up(path, f"is no JSON that can be read: {error}"[:200])
            return {}
        found: dict[str, str] = {}
        frameworks = data.get("dependencies") if isinstance(data, dict) else None
        for held in (frameworks if isinstance(frameworks, dict) else {}).values():
            for name, one in (held if isinstance(held, dict) else {}).items():
                if isinstance(one, dict) and isinstance(one.get("resolved"), str):
                    found.setdefault(name.lower(), one["resolved"])
        return found


_held: WeakKeyDictionary[Tree, Projects] = WeakKeyDictionary()
