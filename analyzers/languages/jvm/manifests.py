"""What Maven and Gradle ask for: dependencies with versions, modules, and which modules use which."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzers.languages.shallow import xml
from analyzers.model import Evidence
from analyzers.repository import Tree

BUILD_FILES = ("pom.xml", "build.gradle.kts", "build.gradle")
_PARENTS = 10
_PROPERTY = re.compile(r"\$\{([\w.-]+)\}")
_UNUSED = frozenset({"test", "provided", "import"})
_CONFIGURATION = r"\b(?:implementation|api|compile|runtimeOnly|runtime|developmentOnly)\b"
_GRADLE = re.compile(
    _CONFIGURATION + r"[\s(]+(?:platform\s*\(\s*)?[\"']([\w.\-]+):([\w.\-]+)(?::([^\"'@]+))?[^\"']*[\"']"
)
_GRADLE_MAP = re.compile(
    _CONFIGURATION + r"[\s(]+group\s*[:=]\s*[\"']([\w.\-]+)[\"'],\s*name\s*[:=]\s*[\"']([\w.\-]+)[\"']"
    r"(?:,\s*version\s*[:=]\s*[\"']([^\"']+)[\"'])?"
)
_CATALOG = re.compile(_CONFIGURATION + r"[\s(]+(?:platform\s*\(\s*)?libs\.([\w.]+)")
_PROJECT = re.compile(_CONFIGURATION + r"[\s(]+project\s*\(\s*(?:path\s*[:=]\s*)?[\"']:?([\w:.\-]+)[\"']")
_ACCESSOR = re.compile(_CONFIGURATION + r"[\s(]+projects\.([\w.]+)")
_PLUGIN = re.compile(r"\bid\s*\(?\s*[\"']([\w.\-]+)[\"']\s*\)?\s*(?:version\s*\(?\s*[\"']([^\"']+)[\"'])?")
_VALUE = re.compile(
    r"^\s*(?:(?:val|var|def|ext\.|set\()\s*)?[\"']?([\w.]+)[\"']?\s*[=,]\s*[\"']([^\"'$]+)[\"']"
)
_COMMENT = re.compile(r"^\s*(?://|\*|/\*)")


@dataclass(frozen=True, slots=True)
class Asked:
    """A dependency of a module."""

    group: str
    artifact: str
    version: str | None
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Module:
    """A folder with a build file. `uses` are folders of modules of the same repository."""

    folder: str
    build: str  # the build file
    artifact: str
    asked: tuple[Asked, ...] = ()
    modules: tuple[str, ...] = ()  # folders that it aggregates
    uses: tuple[str, ...] = ()
    plugins: tuple[tuple[str, str | None, Evidence], ...] = ()
    main_class: str | None = None


@dataclass(slots=True)
class Modules:
    """The modules of a repository, read when asked for."""

    tree: Tree
    folders: dict[str, str] = field(default_factory=dict)
    _read: dict[str, Module | None] = field(default_factory=dict)
    _artifacts: dict[str, str] | None = None

    @classmethod
    def of(cls, tree: Tree) -> Modules:
        found: dict[str, str] = {}
        for path in tree.paths:
            folder, name = posixpath.split(path)
            if name in BUILD_FILES and (
                folder not in found
                or BUILD_FILES.index(name) < BUILD_FILES.index(posixpath.basename(found[folder]))
            ):
                found[folder] = path
        return cls(tree, found)

    def at(self, folder: str) -> Module | None:
        """The module of a folder, None where it holds no build file that can be read."""
        if folder not in self._read:
            build = self.folders.get(folder)
            if build is None:
                self._read[folder] = None
            elif build.endswith("pom.xml"):
                self._read[folder] = self._maven(folder, build)
            else:
                self._read[folder] = self._gradle(folder, build)
        return self._read[folder]

    def artifacts(self) -> dict[str, str]:
        """Artifact name of each Maven module -> its folder."""
        if self._artifacts is None:
            self._artifacts = {}
            for folder, build in self.folders.items():
                root = self._xml(build) if build.endswith("pom.xml") else None
                if root is not None:
                    self._artifacts.setdefault(root.value("artifactId"), folder)
        return self._artifacts

    # --- Maven -------------------------------------------------------------------------------------

    def _xml(self, path: str) -> xml.Element | None:
        data = self.tree.data(path)
        if data is None:
            return None
        try:
            return xml.parse(data)
        except xml.XmlError as error:
            self.tree.give_up(path, f"is no XML that is read: {error}")
            return None

    def _maven(self, folder: str, build: str) -> Module | None:
        chain = self._chain(folder, build)
        if not chain:
            return None
        root = chain[0][1]
        properties: dict[str, str] = {}
        managed: dict[tuple[str, str], str] = {}
        for _, one in reversed(chain):
            held = one.first("properties")
            properties.update({e.name: e.text.strip() for e in (held.children if held else ())})
            for name in ("version", "groupId"):
                value = one.value(name) or one.value("parent", name)
                if value:
                    properties[f"project.{name}"] = value
            for asked in _dependencies(one.first("dependencyManagement")):
                managed[asked.value("groupId"), asked.value("artifactId")] = asked.value("version")
        asked_for: list[Asked] = []
        for path, one in chain:
            for dependency in _dependencies(one):
                group = _filled(dependency.value("groupId"), properties)
                artifact = _filled(dependency.value("artifactId"), properties)
                if dependency.value("scope") in _UNUSED or not artifact:
                    continue
                version = dependency.value("version") or managed.get((group, artifact), "")
                if not version and group == "org.springframework.boot":
                    version = _boot(chain)
                evidence = Evidence(path, dependency.line, artifact)
                asked_for.append(Asked(group, artifact, _filled(version, properties) or None, evidence))
        known = self.artifacts()
        uses = tuple(known[a.artifact] for a in asked_for if known.get(a.artifact, folder) != folder)
        modules = tuple(
            posixpath.normpath(posixpath.join(folder, _filled(one.text.strip(), properties)))
            for one in (root.first("modules") or xml.Element("", 0)).all("module")
        )
        main = next((e.text.strip() for e in root.walk() if e.name in ("mainClass", "start-class")), None)
        return Module(
            folder, build, root.value("artifactId"), tuple(asked_for), modules, uses, (), main or None
        )

    def _chain(self, folder: str, build: str) -> list[tuple[str, xml.Element]]:
        """The POM and its parents in the repository, the module's own first."""
        chain: list[tuple[str, xml.Element]] = []
        for _ in range(_PARENTS):
            root = self._xml(build) if build in self.tree else None
            if root is None or any(path == build for path, _ in chain):
                break
            chain.append((build, root))
            parent = root.first("parent")
            if parent is None:
                break
            relative = parent.value("relativePath") or "../pom.xml"
            build = posixpath.normpath(posixpath.join(folder, relative))
            build = build if build.endswith(".xml") else posixpath.join(build, "pom.xml")
            folder = posixpath.dirname(build)
        return chain

    # --- Gradle ------------------------------------------------------------------------------------

    def _gradle(self, folder: str, build: str) -> Module | None:
        text = self.tree.text(build)
        if text is None:
            return None
        top = self._top(folder)
        values: dict[str, str] = {}
        for path in (
            f"{top}/gradle.properties".lstrip("/"),
            f"{folder}/gradle.properties".lstrip("/"),
            build,
        ):
            held = self.tree.text(path) if path in self.tree else None
            for line in (held or "").split("\n"):
                if match := _VALUE.match(line[:500]):
                    values[match[1]] = match[2]
                elif path.endswith(".properties") and "=" in line:
                    name, _, value = line.partition("=")
                    values[name.strip()] = value.strip()
        catalog = self._catalog(top)
        asked: list[Asked] = []
        uses: list[str] = []
        plugins: list[tuple[str, str | None, Evidence]] = []
        for number, line in enumerate(text.split("\n"), 1):
            line = line[:1_000]
            if _COMMENT.match(line):
                continue
            evidence = Evidence(build, number, self.tree.line(build, number))
            for pattern in (_GRADLE, _GRADLE_MAP):
                asked += [
                    Asked(m[1], m[2], _gradle_version(m[3], values), evidence) for m in pattern.finditer(line)
                ]
            for match in _CATALOG.finditer(line):
                for group, artifact, version in catalog.get(match[1].removesuffix(".get"), ()):
                    asked.append(Asked(group, artifact, version, evidence))
            for match in (*_PROJECT.finditer(line), *_ACCESSOR.finditer(line)):
                uses += self._project(top, match[1])
            plugins += [(match[1], match[2], evidence) for match in _PLUGIN.finditer(line)]
        main = re.search(r"mainClass(?:Name)?(?:\.set\(|\s*=\s*)\s*[\"']([\w.]+)[\"']", text)
        name = posixpath.basename(folder) or self.tree.root.name
        own = tuple(dict.fromkeys(one for one in uses if one != folder))
        return Module(folder, build, name, tuple(asked), (), own, tuple(plugins), main[1] if main else None)

    def _top(self, folder: str) -> str:
        """The folder of the settings file at or above a module."""
        here = folder
        while True:
            if any(
                posixpath.join(here, name) in self.tree for name in ("settings.gradle", "settings.gradle.kts")
            ):
                return here
            if not here:
                return folder
            here = posixpath.dirname(here)

    def _project(self, top: str, name: str) -> Iterable[str]:
        parts = [part for part in re.split(r"[:.]", name) if part]
        candidates = (
            posixpath.join(top, *parts),
            posixpath.join(top, *(re.sub(r"(?<!^)(?=[A-Z])", "-", part).lower() for part in parts)),
        )
        return [one for one in candidates[:2] if one in self.folders][:1]

    def _catalog(self, top: str) -> dict[str, list[tuple[str, str, str | None]]]:
        """Accessor (`spring.boot.web`) -> what a version catalog means by it, bundles included."""
        path = posixpath.join(top, "gradle/libs.versions.toml")
        text = self.tree.text(path) if path in self.tree else None
        if text is None:
            return {}
        try:
            data = tomllib.loads(text)
        except (ValueError, RecursionError) as error:
            self.tree.give_up(path, f"is no TOML that can be read: {error}"[:200])
            return {}
        versions = data.get("versions")
        versions = versions if isinstance(versions, dict) else {}
        found: dict[str, list[tuple[str, str, str | None]]] = {}
        libraries = data.get("libraries")
        for name, given in (libraries if isinstance(libraries, dict) else {}).items():
            one = _library(given, versions)
            if one is not None:
                found[_accessor(name)] = [one]
        bundles = data.get("bundles")
        for name, members in (bundles if isinstance(bundles, dict) else {}).items():
            if isinstance(members, list):
                held = [one for m in members if isinstance(m, str) for one in found.get(_accessor(m), ())]
                found[f"bundles.{_accessor(name)}"] = held
        return found


def _dependencies(root: xml.Element | None) -> list[xml.Element]:
    held = root.first("dependencies") if root else None
    return held.all("dependency") if held else []


def _filled(text: str, properties: dict[str, str]) -> str:
    for _ in range(4):
        if "${" not in text:
            break
        text = _PROPERTY.sub(lambda m: properties.get(m[1], ""), text)[:500]
    return text


def _boot(chain: list[tuple[str, xml.Element]]) -> str:
    """The version of Spring Boot's parent."""
    for _, root in chain:
        if root.value("parent", "artifactId") == "spring-boot-starter-parent":
            return root.value("parent", "version")
    return ""


def _gradle_version(text: str | None, values: dict[str, str]) -> str | None:
    if text is None:
        return None
    match = re.fullmatch(r"\$\{?([\w.]+)\}?", text.strip())
    return values.get(match[1]) if match else text.strip()


def _accessor(name: str) -> str:
    return re.sub(r"[-_]", ".", name)


def _library(given: object, versions: dict[str, object]) -> tuple[str, str, str | None] | None:
    if isinstance(given, str):
        parts = given.split(":")
        return (parts[0], parts[1], parts[2] if len(parts) > 2 else None) if len(parts) > 1 else None
    if not isinstance(given, dict):
        return None
    module = given.get("module")
    group, name = given.get("group"), given.get("name")
    if isinstance(module, str) and ":" in module:
        group, _, name = module.partition(":")
    if not isinstance(group, str) or not isinstance(name, str):
        return None
    version = given.get("version")
    if isinstance(version, dict):
        version = versions.get(str(version.get("ref", "")))
    return group, name, version if isinstance(version, str) else None
