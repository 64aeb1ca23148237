"""C#: the project behind the start command, its packages and what its source does.

No lane takes .NET, so reading stops where verdict and facets do not need more. Files of the project itself
count, and of the projects that it references those that it can reach.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from analyzers.command import StartCommand, program
from analyzers.languages.csharp import options
from analyzers.languages.csharp.projects import Project, Projects
from analyzers.languages.csharp.reach import reached
from analyzers.languages.shallow import build, facts, settings, state
from analyzers.languages.shallow.scan import Scanned, scan
from analyzers.languages.shallow.settings import Setting
from analyzers.languages.shallow.table import Table, load, package_matches
from analyzers.model import (
    ComposeFacts,
    Dependency,
    DependencyClass,
    Evidence,
    Fact,
    FactKind,
    Image,
    Reach,
    Route,
    Source,
)
from analyzers.repository import Tree

_PUBLISH = re.compile(r"\bdotnet\s+(?:publish|build|run)\s+(?:-\S+\s+\S+\s+)*[\"']?([\w./\-$\{\}]+)")
_SINGLETON = re.compile(rb"Add(?:Keyed)?Singleton\s*<\s*([\w.,\s]+)>")
_MAIN = re.compile(
    rb"WebApplication\s*\.\s*Create|Host\s*\.\s*Create\w*Builder|static\s+(?:async\s+)?[\w<>]+\s+Main\s*\("
    rb"|new\s+WebHostBuilder|WebHost\s*\.\s*Create"
)
_USING = re.compile(rb"^[ \t]*(?:global\s+)?using\s+(?:static\s+)?(?:\w+\s*=\s*)?([\w.]+)\s*;", re.MULTILINE)
_URLS = re.compile(r"https?://[^:/\s\"]+:(\d+)")
_DOCUMENTS = re.compile(r"\bI(?:Document|Operation|Schema|Parameter)Filter\b")  # of Swagger


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """The source of the project that the start command runs; None where no project leads to it."""
    del compose
    if image is None:
        return None
    table = load(__name__, "csharp.toml")
    projects = Projects.of(tree)
    project = _project(tree, projects, image, stages, start)
    if project is None:
        return None
    together = projects.closure(project)
    own = _sources(tree, projects, project)
    shared = [path for one in together[1:] for path in _sources(tree, projects, one)]
    environment = options.variables(start.env)
    parts = reached(tree, own, shared, environment)
    everything = [part.of(scan(tree, path, "csharp", table)) for path, part in parts.items()]
    scanned = [_as_started(tree, one, environment) for one in everything]
    dependencies = _dependencies(tree, table, together, parts)
    packages = {one.name: one.evidence for one in dependencies}
    configured = settings.read(tree, _settings_files(tree, project, start.env), start.env)
    found = facts.facts(tree, table, scanned, packages, configured)
    if not any(one.kind is FactKind.DATABASE for one in found):
        # The database is chosen by a setting that is not known: each that it may be.
        every = facts.facts(tree, table, everything, packages, configured)
        found += [one for one in every if one.kind is FactKind.DATABASE]
    singletons = {
        name.strip().rpartition(".")[2]
        for path in parts
        for names in _SINGLETON.findall(tree.data(path) or b"")
        for name in names.decode().split(",")
    }
    found += state.memory_facts(tree, table, scanned, frozenset(singletons), top_level=False)
    known = facts.framework(table, scanned, _direct(dependencies, project))
    main, evidence = _main(tree, own)
    routes = facts.routes(tree, table, scanned)
    serves = known is not None and known[0].interface is not None
    if serves:
        found = _served(found, routes, scanned, project, configured, evidence, image, start)
    else:
        found = [one for one in found if one.kind is not FactKind.BACKGROUND] + _worker(found)
    return Source(
        language="csharp",
        root=project.folder,
        framework=facts.named(known),
        entry=main,
        entry_evidence=evidence,
        interface=known[0].interface if known else None,
        server="dotnet" if known is None and not image.ports else None,
        dependencies=tuple(dependencies),
        facts=(*start.facts, *found),
        routes=routes,
        files=tuple(parts),
        manifests=(project.path,),
        workdir=start.workdir,
    )


def _project(
    tree: Tree, projects: Projects, image: Image, stages: Sequence[Image], start: StartCommand
) -> Project | None:
    """The project whose assembly the start command names, else the one that the build publishes."""
    path = _assembly(start)
    prefix = f"{image.context}/" if image.context else ""
    inside = [one for one in projects.paths if one.startswith(prefix)]
    if path is not None:
        name = posixpath.basename(path).removesuffix(".dll").removesuffix(".exe")
        own = posixpath.dirname(image.dockerfile)
        by_stem = [one for one in inside if posixpath.basename(one) == f"{name}.csproj"]
        by_stem.sort(key=lambda one: (not one.startswith(f"{own}/"), len(one)))
        for one in by_stem:
            project = projects.at(one)
            if project is not None:
                return project
        for one in inside:
            project = projects.at(one)
            if project is not None and project.assembly == name:
                return project
    for place in _published(tree, image, stages, path):
        candidates = [one for one in projects.paths if one == place or posixpath.dirname(one) == place]
        project = projects.at(candidates[0]) if len(candidates) == 1 else None
        if project is not None:
            return project
    return None


def _as_started(tree: Tree, scanned: Scanned, environment: frozenset[str]) -> Scanned:
    """What was found, less what a setting switches on and what only makes Swagger's documents."""
    left_out = [one for one in options.parts(tree, scanned.path) if not one.given(environment)]
    return replace(
        scanned,
        sightings=tuple(
            one
            for one in scanned.sightings
            if not any(part.first <= one.line <= part.last for part in left_out)
            and not _DOCUMENTS.search(scanned.owners.get(one.owner, ""))
        ),
    )


def _assembly(start: StartCommand) -> str | None:
    """The assembly that a command line names, absolute in the image."""
    words = list(start.argv)
    if not words:
        return None
    if program(words[0]) == "dotnet":
        words = [word for word in words[1:] if word.endswith(".dll")]
    if not words or program(words[0]) == "dotnet":
        return None
    return posixpath.normpath(posixpath.join(start.workdir, words[0]))


def _published(tree: Tree, image: Image, stages: Sequence[Image], path: str | None) -> Iterable[str]:
    """Project files or folders that the build's `dotnet publish` lines name, in the repository's terms."""
    made = [build.made_from(image, stages, path).image] if path else []
    for stage in (*made, image, *reversed(stages)):
        for run in reversed(stage.runs):
            for match in _PUBLISH.finditer(run.command[:20_000]):
                named = match[1].strip("\"'")
                where = posixpath.normpath(posixpath.join(run.workdir, named))
                if named.endswith((".csproj", ".sln", ".slnx")):
                    folder = build.repository_folder(tree, stage, posixpath.dirname(where))
                    if folder is not None and named.endswith(".csproj"):
                        yield posixpath.join(folder, posixpath.basename(where))
                else:
                    folder = build.repository_folder(tree, stage, where)
                    if folder is not None:
                        yield folder
            if "dotnet publish" in run.command or "dotnet build" in run.command:
                folder = build.repository_folder(tree, stage, run.workdir)
                if folder is not None:
                    yield folder
    yield image.context
    yield posixpath.dirname(image.dockerfile)


def _sources(tree: Tree, projects: Projects, project: Project) -> list[str]:
    """The source files of a project: those below its folder that belong to no project inside it."""
    prefix = f"{project.folder}/" if project.folder else ""
    inside = [
        posixpath.dirname(one) for one in projects.paths if one.startswith(prefix) and one != project.path
    ]
    inside = [one for one in inside if one != project.folder]
    skip = [*inside, f"{prefix}bin", f"{prefix}obj"]
    return build.sources(tree, project.folder, (".cs",), skip)


def _settings_files(tree: Tree, project: Project, env: Mapping[str, str]) -> list[str]:
    mode = env.get("ASPNETCORE_ENVIRONMENT") or env.get("DOTNET_ENVIRONMENT") or "Production"
    names = ("appsettings.json", f"appsettings.{mode}.json")
    paths = [posixpath.join(project.folder, name) for name in names]
    return [path for path in paths if path in tree]


def _direct(dependencies: Sequence[Dependency], project: Project) -> list[Dependency]:
    own = {one.name for one in project.packages}
    return [one for one in dependencies if one.name in own]


def _dependencies(
    tree: Tree, table: Table, together: Sequence[Project], parts: Iterable[str]
) -> list[Dependency]:
    names = {name.decode() for path in parts for name in _USING.findall(tree.data(path) or b"")}
    roots = {".".join(one.split(".")[:depth]) for one in names for depth in range(1, 5)}
    found: dict[str, Dependency] = {}
    for project in together:
        for package in project.packages:
            if package.name in found:
                continue
            native = package_matches(table.native, package.name)
            found[package.name] = Dependency(
                name=package.name,
                version=package.version,
                requirement=package.name + (f" {package.version}" if package.version else ""),
                evidence=package.evidence,
                kind=DependencyClass.NATIVE if native else DependencyClass.PURE,
                imported=package.name in roots or package.name.startswith("Microsoft.NET.Sdk"),
            )
    return list(found.values())


def _main(tree: Tree, own: Sequence[str]) -> tuple[str | None, Evidence | None]:
    ordered = sorted(own, key=lambda path: (posixpath.basename(path) != "Program.cs", path.count("/"), path))
    for path in ordered:
        data = tree.data(path) or b""
        match = _MAIN.search(data)
        if match is not None:
            line = data.count(b"\n", 0, match.start()) + 1
            return path, Evidence(path, line, tree.line(path, line))
    return None, None


def _served(
    found: list[Fact],
    routes: Sequence[Route],
    scanned: Sequence[Scanned],
    project: Project,
    configured: Mapping[str, Setting],
    evidence: Evidence | None,
    image: Image,
    start: StartCommand,
) -> list[Fact]:
    """The listeners of a web host: HTTP, or gRPC alone where nothing but gRPC services is mapped."""
    grpc = [one for one in found if one.kind is FactKind.LISTEN and one.subject == "grpc"]
    rest = [one for one in found if one.kind is not FactKind.LISTEN]
    port, place = _port(project, configured, image, start)
    place = place or evidence
    places = (place,) if place else ()
    alone = bool(grpc) and len(routes) <= 1 and not any("Controller" in o for s in scanned for o in s.owners)
    if alone:
        listen = [Fact(FactKind.LISTEN, "grpc", grpc[0].evidence, port, Reach.IMPORT)]
    else:
        listen = [Fact(FactKind.LISTEN, "http", places, port, Reach.IMPORT), *grpc]
    return [*listen, *rest]


def _worker(found: Iterable[Fact]) -> list[Fact]:
    """Without a listener, what runs in the background is what the program is for."""
    background = [
        one for one in found if one.kind is FactKind.BACKGROUND and one.subject == "a hosted service"
    ]
    return [Fact(FactKind.WORKER, one.subject, one.evidence, reach=Reach.IMPORT) for one in background[:1]]


def _port(
    project: Project, configured: Mapping[str, Setting], image: Image, start: StartCommand
) -> tuple[str, Evidence | None]:
    """The stated port; else the default of the framework's version, unless EXPOSE says it."""
    for position, word in enumerate(start.argv):
        urls = word.partition("=")[2] if word.startswith("--urls=") else ""
        urls = start.argv[position + 1] if word == "--urls" and position + 1 < len(start.argv) else urls
        if match := re.search(r":(\d+)", urls.removeprefix("http://")):
            return match[1], start.evidence[-1] if start.evidence else None
    for name in (
        "ASPNETCORE_HTTP_PORTS",
        "HTTP_PORTS",
        "ASPNETCORE_URLS",
        "URLS",
        "Kestrel__Endpoints__Http__Url",
    ):
        value = start.env.get(name, "")
        match = re.search(r"(?:^|:)(\d+)", value.replace("http://", ""))
        if match:
            place = next((one.evidence for one in image.env if one.name == name), None)
            return match[1], place
    for key, setting in configured.items():
        if key == "urls" or (key.startswith("kestrel.endpoints.") and key.endswith(".url")):
            match = _URLS.search(setting.value)
            if match:
                return match[1], setting.evidence
    if image.ports:
        return "", None
    major = re.search(r"net(?:coreapp)?(\d+)", project.frameworks)
    if major is None:
        return "", None
    return ("8080" if int(major[1]) >= 8 else "80"), None
