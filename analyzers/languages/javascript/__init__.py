"""JavaScript and TypeScript services, read by their syntax trees: nothing of them is run."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import replace

from analyzers import command
from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages import built, static_site
from analyzers.languages.javascript import dependencies, frameworks, launch, routes, state, table
from analyzers.languages.javascript.facts import Collector
from analyzers.languages.javascript.launch import FILE_SERVERS, Launch
from analyzers.languages.javascript.modules import Module
from analyzers.languages.javascript.program import BUILTINS, Program, package_of
from analyzers.languages.javascript.project import Project
from analyzers.languages.javascript.reach import Reaches
from analyzers.languages.javascript.values import Values
from analyzers.model import (
    ComposeFacts,
    Dependency,
    Evidence,
    Fact,
    FactKind,
    Image,
    Reach,
    Route,
    Source,
    Unknown,
)
from analyzers.repository import Tree

_DEFAULT_PORTS = {
    "next": 3000, "nuxt": 3000, "remix": 3000, "react-router": 3000, "sveltekit": 3000, "astro": 4321,
    "nitro": 3000,
    "vite": 5173, "serve": 3000, "http-server": 8080, "sirv": 5000, "json-server": 3000,
    "strapi": 1337, "ng": 4200,
    "webpack": 8080, "webpack-dev-server": 8080, "react-scripts": 3000, "vue-cli-service": 8080,
    "gatsby": 8000,
    "docusaurus": 3000, "probot": 3000, "functions-framework": 8080, "medusa": 9000, "directus": 8055,
}  # fmt: skip
# Frameworks whose server program is the framework itself, not an application handed to node:http.
_SELF_SERVED = frozenset(
    {
        "next",
        "nuxt",
        "remix",
        "react-router",
        "sveltekit",
        "astro",
        "nitro",
        "strapi",
        "medusa",
        "directus",
        "blitz",
    }
)
_PROXIES = frozenset({FactKind.FORWARD})


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """What the start command leads to, or None where no JavaScript runtime is started."""
    if image is None or not start.argv:
        return None
    guest = Guest(tree, image, compose)
    found = launch.find(image, guest, Project(guest), start)
    if found is None:
        for stage in stages:  # what `npm start` means may stand in a stage whose files came along
            other = Guest(tree, stage)
            if any(path.endswith("/package.json") for path in other.files):
                merged = Guest(tree, image, compose)
                merged.files = {**other.files, **guest.files}
                merged.folders = guest.folders | other.folders
                found = launch.find(image, merged, Project(merged), start)
                if found is not None and (found.script or found.server):
                    break
    if found is None:
        return None
    if found.server in FILE_SERVERS:
        words = (found.server or "", *found.words)
        served = StartCommand(
            words,
            tuple(found.evidence),
            found.environment,
            found.workdir,
            tuple(found.facts),
            tuple(found.unknown),
        )
        if (site := static_site.read(tree, image, compose, served, stages)) is not None:
            return site
    variables = command.environment(image, compose)
    passed = frozenset(variable.name for variable in variables if variable.value is None)
    program = Program(tree, image, guest, stages, found.environment, found.workdir, passed)
    return _Reading(program, image, found, start).source()


class _Reading:
    """One service on its way from the launch to its `Source`."""

    def __init__(self, program: Program, image: Image, found: Launch, start: StartCommand) -> None:
        self.program, self.image, self.launch, self.start = program, image, found, start
        self.unknown: list[Unknown] = list(found.unknown)
        self.framework: str | None = None
        self.folder = found.workdir  # of the package, in the image or a stage
        self.stage = 0
        self.roots: list[Module] = []
        self.entry: Module | None = None
        self.at = found.evidence[-1] if found.evidence else image.base_evidence

    def source(self) -> Source:
        self._entry()
        values = Values(self.program)
        reached = self.program.reach(self.roots)
        reaches = Reaches(values, reached)
        collector = Collector(values, reaches, reached)
        collector.collect()
        state.collect(collector)
        server = routes.Finder(collector).find()
        found_routes = list(server.routes)
        if self.framework in frameworks.FOLDERS:
            found_routes += frameworks.routes(self.program, self.folder, self.framework or "", self.roots)
        imported = self._imported(reached)
        self.framework = self.framework or self._framework(imported, reached)
        facts = [*self.launch.facts, *self._launched(), *collector.facts()]
        interface = server.interface
        if self.framework in _SELF_SERVED:
            interface = self.framework
            if not any(fact.kind is FactKind.LISTEN for fact in facts):
                facts.append(self._listen("http", self.launch.port or _environment_port(self.launch)))
        elif interface is None and any(f.kind is FactKind.LISTEN and f.subject == "http" for f in facts):
            interface = "node:http"
        facts = _settled(facts, found_routes, self.framework)
        if any(fact.kind is FactKind.LISTEN and fact.subject == "websocket" for fact in facts):
            self.framework = next((name for name in ("socket.io", "ws") if name in imported), self.framework)
        if (
            self.launch.runtime in ("bun", "deno")
            and interface == "node:http"
            and self.framework in ("elysia", "oak")
        ):
            interface = f"{self.launch.runtime}:serve"
        if not any(fact.kind is FactKind.LISTEN and fact.subject == "http" for fact in facts):
            interface = None
        return Source(
            language=self.launch.runtime if self.launch.runtime in ("deno", "bun") else "node",
            root=self._root(),
            framework=self.framework,
            entry=self._entry_text(),
            entry_evidence=self.launch.evidence[-1] if self.launch.evidence else None,
            interface=interface,
            server=None,
            dependencies=self._dependencies(reached, imported),
            facts=tuple(facts),
            routes=tuple(dict.fromkeys(found_routes)),
            files=tuple(module.path for module in reached) + tuple(sorted(self.program.data)),
            manifests=self._manifests(),
            unknown=tuple(dict.fromkeys((*self.unknown, *self._unread(reached), *collector.optional()))),
            workdir=self.launch.workdir,
        )

    # --- the entry --------------------------------------------------------------------------------

    def _entry(self) -> None:
        found = self.launch
        if found.script is not None:
            self._script(found.script)
        if found.server is not None:
            self.framework = found.server
            self._framework_files()
        for beside in found.others:
            self._beside(beside)
        for specifier in found.preloaded:
            if specifier.startswith((".", "/")):
                place = self.program.find(posixpath.join(found.workdir, specifier))
                module = self.program.load(*place) if place is not None else None
                self.roots += [module] if module is not None else []

    def _script(self, path: str) -> None:
        program = self.program
        place = program.find(path, started=True)
        number, origin = self._made(path)
        built = frameworks.of_output(program, number, origin)
        if built is not None and (place is None or place[1] != path):
            self.framework = built
            self.stage = number
            package = program.projects[number].nearest(
                posixpath.dirname(origin.partition("/.next/")[0] + "/x")
            )
            self.folder = package.folder if package else posixpath.dirname(origin)
            self.roots += frameworks.entries(program, number, self.folder, built)
            return
        if place is None:
            place = program.find_outside(path)
            if place is not None:
                what = f"how {path} gets into the image: no COPY or RUN line makes it from its source"
                self.unknown.append(Unknown(what, "a build stage in the Dockerfile", self.at))
        module = program.load(*place) if place is not None else None
        if module is None:
            why = program.skipped.get(program.guests[place[0]].files.get(place[1], "")) if place else None
            what = f"the source of {path}: " + (
                f"it {why}" if why else "no file of the repository was found for it"
            )
            self.unknown.append(
                Unknown(
                    what, "CMD with the file itself, or a build whose sources are in the repository", self.at
                )
            )
            return
        self.stage = module.stage
        self.folder = program.package_folder(module)
        self.entry = module
        self.roots.append(module)
        self._loaded_by_place(module)

    def _beside(self, start: StartCommand) -> None:
        """A second program of the container: what it does counts for the service too."""
        other = launch.find(self.image, self.program.guests[0], self.program.projects[0], start)
        if other is not None and other.script is not None:
            place = self.program.find(other.script, started=True)
            module = self.program.load(*place) if place is not None else None
            self.roots += [module] if module is not None else []

    def _made(self, path: str) -> tuple[int, str]:
        place = built.origin(self.image, self.program.stages, path)
        number = next((i for i, one in enumerate(self.program.images) if one is place.image), 0)
        return number, place.path

    def _loaded_by_place(self, module: Module) -> None:
        """A custom server in front of Next.js loads its pages too."""
        if any(package_of(use.specifier) == "next" and use.specifier == "next" for use in module.uses):
            self.framework = "next"
            self.roots += frameworks.entries(self.program, module.stage, self.folder, "next")

    def _framework_files(self) -> None:
        """The files of a framework's own server: in the image, or in the stage that built it."""
        framework = self.launch.server or ""
        if framework in FILE_SERVERS:
            return
        places = [(number, self.launch.workdir) for number in range(len(self.program.guests))]
        for output in (".next", ".output", "build", "dist"):  # what was copied from the stage that built it
            number, path = self._made(posixpath.join(self.launch.workdir, output))
            if number:
                places.append((number, posixpath.dirname(path)))
        for number, place in places:
            package = self.program.projects[number].nearest(place)
            folder = package.folder if package is not None else place
            found = frameworks.entries(self.program, number, folder, framework)
            if found:
                self.stage, self.folder = number, folder
                self.roots += found
                return
        package = self.program.projects[0].nearest(self.launch.workdir)
        self.folder = package.folder if package is not None else self.launch.workdir

    def _entry_text(self) -> str | None:
        if self.entry is not None:
            root = self._root()
            return posixpath.relpath(self.entry.path, root or ".") if root else self.entry.path
        if self.launch.server is not None:
            return " ".join((self.launch.server, *self.launch.words))
        return self.framework

    def _root(self) -> str:
        """The repository folder of the package."""
        files = self.program.guests[self.stage].files
        manifest = files.get(posixpath.join(self.folder, "package.json"))
        if manifest is not None:
            return posixpath.dirname(manifest)
        if self.entry is not None:
            return posixpath.dirname(self.entry.path)
        return self.image.context

    # --- what the launch itself shows -------------------------------------------------------------

    def _listen(self, protocol: str, port: int | None) -> Fact:
        return Fact(FactKind.LISTEN, protocol, (self.at,), str(port or ""), Reach.IMPORT)

    def _launched(self) -> list[Fact]:
        found: list[Fact] = []
        if self.launch.development:
            found.append(
                Fact(FactKind.DEVELOPMENT_SERVER, self.launch.development, (self.at,), reach=Reach.IMPORT)
            )
        if self.launch.manager:
            found.append(Fact(FactKind.SUBPROCESS, "pm2 cluster", (self.at,), "pm2", Reach.IMPORT))
        if self.launch.server is not None:
            port = self.launch.port or _DEFAULT_PORTS.get(self.launch.server)
            found.append(self._listen("http", port))
        return found

    # --- packages ---------------------------------------------------------------------------------

    def _imported(self, reached: Sequence[Module]) -> dict[str, list[str]]:
        """Packages that code which runs imports -> the modules that do."""
        found: dict[str, list[str]] = {}
        for module in reached:
            for use in module.uses:
                if use.type_only:
                    continue
                target = self.program.resolve(module, use.specifier)
                if isinstance(target, str) and target.partition("/")[0] not in BUILTINS:
                    found.setdefault(package_of(target), []).append(module.path)
        for specifier in self.launch.preloaded:
            if not specifier.startswith((".", "/")):
                found.setdefault(package_of(specifier), [])
        if self.launch.server is not None:
            found.setdefault(self.launch.server, [])
        return found

    def _framework(self, imported: dict[str, list[str]], reached: Sequence[Module]) -> str | None:
        if self.launch.server in FILE_SERVERS:
            return None
        for package, name in table.load().frameworks:
            if package in imported:
                return name
        del reached
        return None

    def _dependencies(
        self, reached: Sequence[Module], imported: dict[str, list[str]]
    ) -> tuple[Dependency, ...]:
        guest = self.program.guests[self.stage]
        project = self.program.projects[self.stage]
        folders = dict.fromkeys(
            (self.folder, *(self.program.package_folder(m) for m in reached if m.stage == self.stage))
        )
        packages = [package for folder in folders if (package := project.package(folder)) is not None]
        if not packages and (nearest := project.nearest(self.folder)) is not None:
            packages = [nearest]
        found = dependencies.judge(guest, packages, self.program.images[:1], imported)
        if self.launch.runtime == "deno":
            found += dependencies.deno(guest, self.folder, imported)
        return found

    def _manifests(self) -> tuple[str, ...]:
        return dependencies.manifests(self.program.guests[self.stage], self.folder)

    def _unread(self, reached: Sequence[Module]) -> list[Unknown]:
        del reached
        found = [
            Unknown(f"what {path} does: it {why}", "the sources it was made from", Evidence(path, 1, ""))
            for path, why in self.program.skipped.items()
        ]
        for specifier, module in list(self.program.unresolved.items())[:10]:
            line = module.data[: module.data.find(specifier.encode())].count(b"\n") + 1
            found.append(
                Unknown(
                    f"what {specifier} in {module.path} does: no file of the image was found for it",
                    "the file in the repository, or the build line that makes it",
                    Evidence(module.path, line, self.program.tree.line(module.path, line)),
                )
            )
        return found


def _environment_port(found: Launch) -> int | None:
    stated = found.environment.get("PORT", "")
    return int(stated) if re.fullmatch(r"\d{1,5}", stated, re.ASCII) else None


def _settled(facts: list[Fact], found: Sequence[Route], framework: str | None) -> list[Fact]:
    """What only the whole tells: whether WebSockets or forwarding are the point of the service."""
    served = routes.main_routes(found)
    sockets = [fact for fact in facts if fact.kind is FactKind.WEBSOCKET]
    if sockets and not served and framework not in _SELF_SERVED:
        listening = [fact for fact in facts if fact.kind is FactKind.LISTEN and fact.subject == "http"]
        port = next((fact.detail for fact in (*listening, *sockets) if fact.detail), "")
        facts = [fact for fact in facts if fact not in listening and fact not in sockets]
        facts.append(Fact(FactKind.LISTEN, "websocket", sockets[0].evidence, port, Reach.IMPORT))
    if not served:
        facts = [replace(f, detail="main") if f.kind in _PROXIES else f for f in facts]
    return facts
