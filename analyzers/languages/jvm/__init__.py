"""Java and Kotlin: the module behind the start command, its dependencies, settings and what its source does.

No lane takes the JVM, so reading stops where verdict and facets do not need more: names of libraries, calls
and annotations by table (`jvm.toml`), shared memory, listeners, routes.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence

from analyzers.command import StartCommand, environment
from analyzers.languages.jvm import entry
from analyzers.languages.jvm.manifests import Module, Modules
from analyzers.languages.shallow import build, databases, facts, settings, state
from analyzers.languages.shallow.scan import scan
from analyzers.languages.shallow.settings import Setting
from analyzers.languages.shallow.table import Framework, Table, load, package_matches
from analyzers.model import (
    ComposeFacts,
    Dependency,
    DependencyClass,
    EnvVar,
    Evidence,
    Fact,
    FactKind,
    Image,
    Reach,
    Source,
    Unknown,
)
from analyzers.repository import Tree

_MODULES = 60  # modules of the same repository that are followed
_MAIN = re.compile(rb"@SpringBootApplication|public\s+static\s+void\s+main|\bfun\s+main\s*\(|@QuarkusMain")
_IMPORT = re.compile(rb"^[ \t]*import\s+(?:static\s+)?([\w.]+)", re.MULTILINE)
_SHARED = re.compile(
    r"@(?:Rest)?Controller\b|@Service\b|@Component\b|@Repository\b|@Singleton\b|@ApplicationScoped\b|@Path\b"
    r"|extends\s+(?:\w+\.)?HttpServlet|@WebServlet|^\s*(?:\w+\s+)*object\b"
)
_PORT_FROM_CODE = re.compile(
    r"\bport\s*=\s*(\d{2,5})\b|\.start\(\s*(\d{2,5})\s*\)|\.listen\(\s*(\d{2,5})|\.port\(\s*(\d{2,5})\s*\)"
    r"|InetSocketAddress\(\s*(\d{2,5})|(?:forPort|asServer\(\s*\w+)\s*[(]?\s*,?\s*(\d{2,5})"
)


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """The source of the module that the start command runs; None where no source is found."""
    if image is None:
        return None
    table = load(__name__, "jvm.toml")
    modules = Modules.of(tree)
    what = entry.started(start)
    module = entry.module(tree, modules, image, stages, what)
    if module is None:
        return None
    together = _together(modules, module)
    files = [path for one in together for path in _sources(tree, modules, one)]
    if not files:
        return None
    scanned = [scan(tree, path, "kotlin" if path.endswith(".kt") else "java", table) for path in files]
    dependencies = _dependencies(tree, table, together, files)
    packages = {one.name: one.evidence for one in dependencies}
    main, evidence = _main(tree, module, files, what.main_class)
    configured = settings.read(tree, _settings_files(tree, module, start.env), start.env)
    configured |= settings.of_environment(_variables(image, compose))
    found = facts.facts(tree, table, scanned, packages, configured)
    found = databases.settled(tree, table, found, files, packages, configured, embedded="h2")
    known = facts.framework(table, scanned, dependencies)
    shared = frozenset(
        owner
        for one in scanned
        for owner, head in one.owners.items()
        if _SHARED.search(head) and "@ConfigurationProperties" not in head
    )
    found += state.memory_facts(tree, table, scanned, shared, top_level=True)
    found = _listeners(tree, found, known[0] if known else None, configured, main, evidence, image, start)
    language = "kotlin" if (main or files[0]).endswith(".kt") else "java"
    unknown: tuple[Unknown, ...] = ()
    if main is None:
        hint = "the main class in the start command or in the build file"
        unknown = (Unknown(f"the class that starts {module.folder or 'the program'}", hint, evidence),)
    return Source(
        language=language,
        root=module.folder,
        framework=facts.named(known),
        entry=main,
        entry_evidence=evidence,
        interface=known[0].interface if known else None,
        server=None,
        dependencies=tuple(dependencies),
        facts=(*start.facts, *found),
        routes=facts.routes(tree, table, scanned),
        files=tuple(files),
        manifests=(module.build,),
        unknown=unknown,
        workdir=start.workdir,
    )


def _variables(image: Image, compose: ComposeFacts | None) -> list[EnvVar]:
    """The container's variables by which Spring and Quarkus take settings."""
    wanted = ("SPRING_", "QUARKUS_", "SERVER_", "MICRONAUT_")
    return [one for one in environment(image, compose) if one.name.startswith(wanted)]


def _together(modules: Modules, module: Module) -> list[Module]:
    """The module and those of the same repository that it uses, itself first."""
    found = [module]
    seen = {module.folder}
    for one in found:
        for folder in one.uses:
            other = modules.at(folder) if folder not in seen and len(found) < _MODULES else None
            seen.add(folder)
            if other is not None:
                found.append(other)
    return found


def _sources(tree: Tree, modules: Modules, module: Module) -> list[str]:
    inside = [folder for folder in modules.folders if folder != module.folder]
    prefix = f"{module.folder}/" if module.folder else ""
    inside = [folder for folder in inside if folder.startswith(prefix)]
    found = build.sources(tree, module.folder, (".java", ".kt"), inside)
    main = [path for path in found if path.startswith(f"{prefix}src/main/")]
    return main or found


def _main(
    tree: Tree, module: Module, files: Sequence[str], named: str | None
) -> tuple[str | None, Evidence | None]:
    """The file that starts the program, and the line that shows it."""
    named = named or module.main_class
    prefix = f"{module.folder}/" if module.folder else ""
    stem = (named or "").replace(".", "/")
    candidates: list[tuple[int, str, int]] = []
    for path in files:
        if not path.startswith(prefix):
            continue
        match = _MAIN.search(tree.data(path) or b"")
        if match is None:
            continue
        line = (tree.data(path) or b"").count(b"\n", 0, match.start()) + 1
        if match[0].startswith(b"\n"):
            line += 1
        bare = posixpath.splitext(path)[0]
        told = bool(stem) and (bare.endswith(("/" + stem, "/" + stem.removesuffix("Kt"))))
        rank = 0 if told else 1 if match[0].startswith(b"@") else 2
        candidates.append((rank, path, line))
    if not candidates:
        return None, Evidence(module.build, 1, tree.line(module.build, 1))
    _, path, line = min(candidates)
    return path, Evidence(path, line, tree.line(path, line))


def _settings_files(tree: Tree, module: Module, env: Mapping[str, str]) -> list[str]:
    """application.properties and .yml of the module, the active profiles' after them."""
    base = f"{module.folder}/src/main/resources/" if module.folder else "src/main/resources/"
    profiles = re.split(r"[,\s]+", env.get("SPRING_PROFILES_ACTIVE", ""))
    stems = ["bootstrap", "application", *(f"application-{one}" for one in profiles if one)]
    names = [f"{stem}{suffix}" for stem in stems for suffix in (".yml", ".yaml", ".properties", ".conf")]
    return [base + name for name in names if base + name in tree]


def _dependencies(
    tree: Tree, table: Table, together: Sequence[Module], files: Iterable[str]
) -> list[Dependency]:
    imports = {m.decode() for path in files for m in _IMPORT.findall(tree.data(path) or b"")}
    roots = {".".join(one.split(".")[:depth]) for one in imports for depth in (2, 3, 4)}
    found: dict[str, Dependency] = {}
    own = {module.artifact for module in together}
    for module in together:
        for asked in module.asked:
            if asked.artifact in found or asked.artifact in own:
                continue
            used = (
                asked.group in roots
                or ".".join(asked.group.split(".")[:2]) in roots
                or "starter" in asked.artifact
            )
            native = package_matches(table.native, asked.artifact)
            line = asked.evidence.line
            found[asked.artifact] = Dependency(
                name=asked.artifact,
                version=asked.version,
                requirement=f"{asked.group}:{asked.artifact}"
                + (f":{asked.version}" if asked.version else ""),
                evidence=Evidence(asked.evidence.path, line, tree.line(asked.evidence.path, line)),
                kind=DependencyClass.NATIVE if native else DependencyClass.PURE,
                imported=used,
            )
    return list(found.values())


def _listeners(
    tree: Tree,
    found: list[Fact],
    framework: Framework | None,
    configured: Mapping[str, Setting],
    main: str | None,
    evidence: Evidence | None,
    image: Image,
    start: StartCommand,
) -> list[Fact]:
    """An HTTP listener where a framework serves; raw sockets are those of its own machinery."""
    if framework is None or framework.interface is None:
        return found
    web = configured.get(settings.key("spring.main.web-application-type"))
    if web is not None and web.value == "none":
        return found
    port, place = _port(tree, framework, configured, main, start)
    if place is None and image.ports and start.env.get("SERVER_PORT") is None:
        port = ""  # a default, where EXPOSE says more: settings may come from elsewhere
    place = place or evidence
    listen = Fact(FactKind.LISTEN, "http", (place,) if place else (), port, Reach.IMPORT)
    raw = [one for one in found if one.kind is FactKind.LISTEN and one.subject in ("tcp", "udp")]
    kept = [one for one in found if one not in raw]
    return [listen, *kept]


def _port(
    tree: Tree, framework: Framework, configured: Mapping[str, Setting], main: str | None, start: StartCommand
) -> tuple[str, Evidence | None]:
    for word in start.argv:
        match = re.fullmatch(r"(?:--|-D)(?:server|quarkus\.http|micronaut\.server)\.port=(\d+)", word)
        if match:
            return match[1], start.evidence[-1] if start.evidence else None
    for name in ("SERVER_PORT", "QUARKUS_HTTP_PORT", "MICRONAUT_SERVER_PORT"):
        if start.env.get(name, "").isdigit():
            return start.env[name], None
    for name in ("server.port", "quarkus.http.port", "micronaut.server.port", "ktor.deployment.port"):
        setting = configured.get(settings.key(name))
        if setting is not None and setting.value.isdigit():
            return setting.value, setting.evidence
    if framework.name in ("spring-boot", "quarkus", "micronaut"):
        return str(framework.port or ""), None
    if main is not None:
        for number, line in enumerate((tree.text(main) or "").split("\n"), 1):
            match = _PORT_FROM_CODE.search(line[:500])
            if match and not line.lstrip().startswith(("//", "*", "/*")):
                port = next(group for group in match.groups() if group)
                return port, Evidence(main, number, tree.line(main, number))
    return "", None
