"""Python services, read by their syntax trees: nothing of them is imported or run."""

from __future__ import annotations

import posixpath
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace

from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages import detect
from analyzers.languages.python import entry as entries
from analyzers.languages.python import facts as collector
from analyzers.languages.python import requirements, routes, servers, tasks
from analyzers.languages.python.entry import Entry
from analyzers.languages.python.modules import Module, Program
from analyzers.languages.python.requirements import Imported, Installed
from analyzers.languages.python.servers import Launch
from analyzers.model import ComposeFacts, Evidence, Fact, FactKind, Image, Reach, Route, Source, Unknown
from analyzers.repository import Tree

_LINES = 2_000  # lines of a start script
_FILES = 2_000  # files read where no entry tells which ones matter


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """What the start command leads to, or None where this is no Python service.

    `stages` are the images of the stages that the final one copies from: what they install counts too.
    """
    guest = Guest(tree, image, compose)
    launch = servers.parse(start.argv, start.env, start.workdir, guest)
    hints: tuple[Unknown, ...] = ()
    if launch is None and (launch := _in_script(start, guest)) is not None:
        what = f"which command {start.argv[0]} runs: {launch.server} is the server that it names"
        hints = (Unknown(what, "a CMD in the Dockerfile, or `command` in compose"),)
    if launch is None and (image is None or start.argv):
        return None
    built = [(image, guest)] if image is not None else []
    built += [(stage, Guest(tree, stage)) for stage in stages]
    found = requirements.installed(built)
    if launch is None and not _looks_like_python(image, guest, found):
        return None
    if not found.requirements:
        found = _with_manifests_beside(found, built)
    evidence = start.evidence[-1] if start.evidence else None
    if launch is None:
        return _unclear(image, start, guest, found, evidence)
    folder = launch.chdir or start.workdir
    complete = compose is None or compose.env_complete
    program = Program(guest, _search_path(launch, folder, start, found), start.env, env_complete=complete)
    entry = entries.find(program, launch)
    if entry.launch.chdir and entry.launch.chdir != folder:  # gunicorn.conf.py says `chdir`
        folder = entry.launch.chdir
        search = _search_path(entry.launch, folder, start, found)
        program = Program(guest, search, start.env, env_complete=complete)
        entry = entries.find(program, launch)
    modules = _modules(program, entry)
    module_facts = collector.collect(program, entry, modules, external=not modules)
    found_routes = routes.find(program, entry, modules)
    facts = (*_launch_facts(entry, evidence), *start.facts, *tasks.used(entry.launch, module_facts))
    facts = _with_driver(_forwarding(facts, found_routes), found)
    imported = collector.external_imports(program, modules)
    if entry.module is None:  # files of tests and tools are among them: what they import says little
        imported = {name: Imported(where.evidence, optional=True) for name, where in imported.items()}
    return Source(
        language="python",
        root=_root(program, entry, folder, image),
        framework=entry.framework,
        entry=entry.text,
        entry_evidence=entry.evidence,
        interface=entry.interface,
        server=entry.launch.server,
        dependencies=requirements.judge(found, imported, program.own),
        facts=facts,
        routes=found_routes,
        files=tuple(dict.fromkeys(module.path for module in modules)),
        manifests=tuple(found.manifests),
        unknown=(*_placed((*hints, *entry.unknown), evidence), *_unparsed(program), *found.unknown),
        workdir=folder,
        search_path=program.search,
    )


def _in_script(start: StartCommand, guest: Guest) -> Launch | None:
    """A server of Python that a start script names where it is asked to: `case "$1" in web) exec gunicorn …`.
    One that is made for development only where there is no other."""
    text = guest.text(guest.find_program(start.argv[0], start.workdir) or "") if start.argv else None
    if text is None or not detect.is_shell(text, start.argv[0]):
        return None
    found: list[Launch] = []
    for line in text.split("\n")[:_LINES]:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        words = words[1:] if words[:1] == ["exec"] else words
        if (
            words
            and "/" not in words[0]
            and (launch := servers.of_server(words, start.env, start.workdir, guest))
        ):
            found.append(launch)
    return next((one for one in found if not one.development), found[0] if found else None)


def _looks_like_python(image: Image | None, guest: Guest, found: Installed) -> bool:
    """Without a start command that says so: Python files in an image that Python or pip is in."""
    named = image is not None and "python" in image.base
    return (named or bool(found.requirements)) and any(path.endswith(".py") for path in guest.files)


def _with_manifests_beside(found: Installed, built: Sequence[tuple[Image, Guest]]) -> Installed:
    beside = requirements.beside(built)
    beside.own_packages = found.own_packages
    beside.unknown += found.unknown
    return beside


def _unclear(
    image: Image | None,
    start: StartCommand,
    guest: Guest,
    found: Installed,
    evidence: Evidence | None,
) -> Source:
    """A Python image whose start command is not known."""
    program = Program(guest, (start.workdir,), start.env)
    modules = _all_files(program)
    entry = Entry(Launch("python"))
    return Source(
        language="python",
        root=_root(program, entry, start.workdir, image),
        framework=None,
        entry=None,
        entry_evidence=evidence,
        interface=None,
        server=None,
        dependencies=requirements.judge(
            found,
            {
                name: Imported(where.evidence, optional=True)
                for name, where in collector.external_imports(program, modules).items()
            },
        ),
        facts=(*start.facts, *collector.collect(program, entry, modules, external=True)),
        files=tuple(dict.fromkeys(module.path for module in modules)),
        manifests=tuple(found.manifests),
        unknown=(*_unparsed(program), *found.unknown),
        workdir=start.workdir,
        search_path=program.search,
    )


def _placed(unknown: Sequence[Unknown], evidence: Evidence | None) -> tuple[Unknown, ...]:
    return tuple(u if u.evidence else Unknown(u.what, u.settle_with, evidence) for u in unknown)


def _unparsed(program: Program) -> tuple[Unknown, ...]:
    """Own modules that were looked for and could not be parsed: what they do is not known."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    how = f"a newer Python to run dock2wasm (this is {version}), or valid syntax"
    return tuple(
        Unknown(f"what {path} does: it {why}", how, Evidence(path, 1, program.guest.tree.line(path, 1)))
        for path, why in program.unparsed.items()
    )


def _search_path(launch: Launch, folder: str, start: StartCommand, found: Installed) -> tuple[str, ...]:
    """`sys.path` as far as it holds own code, in its order."""
    first = folder
    if launch.server in ("python", "manage.py", "runserver") and launch.script:
        first = posixpath.dirname(launch.script)
    elif launch.server == "fastapi" and launch.script:
        first = folder
    path = [*launch.search, first]
    path += [posixpath.join(start.workdir, p) for p in start.env.get("PYTHONPATH", "").split(":") if p]
    if launch.server != "python":
        path.append(folder)
    for own in found.own_packages:
        path += [posixpath.join(own, "src"), own]
    return tuple(dict.fromkeys(map(posixpath.normpath, path)))


def _modules(program: Program, entry: Entry) -> tuple[Module, ...]:
    """The modules that run, in the order in which they are reached."""
    if entry.module is None:
        return () if entry.launch.server == "http.server" else _all_files(program)
    names = [entry.module.name]
    if entry.factory is not None:
        names.append(entry.factory.module.name)
    if entry.settings:
        names.append(entry.settings)
    reached = program.reach(dict.fromkeys(names))
    if entry.launch.worker and (more := dict.fromkeys(tasks.named(program, reached))):
        reached = program.reach(dict.fromkeys([*names, *more]))
    return reached


def _all_files(program: Program) -> tuple[Module, ...]:
    found: list[Module] = []
    for path in sorted(program.guest.files):
        below = any(path.startswith(folder.rstrip("/") + "/") for folder in program.search)
        if below and path.endswith(".py") and len(found) < _FILES:
            module = program.load_file(path)
            if module is not None:
                found.append(module)
    return tuple(found)


def _root(program: Program, entry: Entry, folder: str, image: Image | None) -> str:
    """The repository folder that becomes the working directory."""
    if entry.module is not None:
        prefix = folder.rstrip("/") + "/"
        if entry.module.guest.startswith(prefix):
            relative = entry.module.guest[len(prefix) :]
            if entry.module.path == relative or entry.module.path.endswith("/" + relative):
                return entry.module.path[: -len(relative)].rstrip("/")
    prefix = folder.rstrip("/") + "/"
    for guest, source in sorted(program.guest.files.items()):
        relative = guest.removeprefix(prefix)
        if guest.startswith(prefix) and (source == relative or source.endswith("/" + relative)):
            return source[: -len(relative)].rstrip("/")
    return image.context if image is not None else ""


def _launch_facts(entry: Entry, evidence: Evidence | None) -> tuple[Fact, ...]:
    """What the start command itself shows: the listener, and a server made for developers."""
    launch = entry.launch
    at = tuple(e for e in (evidence,) if e is not None)
    facts: list[Fact] = []
    if not launch.worker and (entry.interface or entry.framework):
        protocol = "http" if launch.http else "tcp"
        number = launch.port or launch.default_port
        facts.append(Fact(FactKind.LISTEN, protocol, at, str(number) if number else "", Reach.IMPORT))
    if launch.worker:
        facts.append(Fact(FactKind.WORKER, launch.server, at, reach=Reach.IMPORT))
    for note in launch.notes:
        if note.startswith("starts="):
            command = note.removeprefix("starts=")
            name = posixpath.basename(command.split()[0]) if command.split() else ""
            facts.append(Fact(FactKind.SUBPROCESS, command, at, name, Reach.IMPORT))
    if launch.development:
        facts.append(Fact(FactKind.DEVELOPMENT_SERVER, _development(launch), at, reach=Reach.IMPORT))
    return tuple(facts)


_EVERYTHING = ("<path:", ":path}", "{path}", "(.*)", "{tail:.*}")


def _forwarding(facts: tuple[Fact, ...], found: Sequence[Route]) -> tuple[Fact, ...]:
    """Sending requests on is the point of a service whose routes take every path."""
    if not any(fact.kind is FactKind.FORWARD for fact in facts):
        return facts
    own = [r for r in found if not any(mark in r.path for mark in _EVERYTHING) and r.path not in _PROBES]
    if own or not found:
        return facts
    return tuple(replace(f, detail="main") if f.kind is FactKind.FORWARD else f for f in facts)


_PROBES = frozenset(
    {"/", "/health", "/healthz", "/livez", "/readyz", "/ready", "/metrics", "/ping", "/status"}
)


# Driver -> the database that it speaks to.
_DRIVERS = {
    **dict.fromkeys(("psycopg", "psycopg2", "psycopg2-binary", "psycopg-binary", "asyncpg"), "postgres"),
    **dict.fromkeys(("pg8000", "psycopg-c"), "postgres"),
    **dict.fromkeys(("pymysql", "mysqlclient", "mysql-connector-python", "aiomysql", "asyncmy"), "mysql"),
    **dict.fromkeys(("pyodbc", "pymssql"), "mssql"),
    **dict.fromkeys(("oracledb", "cx-oracle"), "oracle"),
}


def _with_driver(facts: tuple[Fact, ...], found: Installed) -> tuple[Fact, ...]:
    """An SQL database whose URL is not known is the one that the only installed driver speaks to."""
    spoken = {_DRIVERS[name] for name in found.requirements if name in _DRIVERS}
    if len(spoken) != 1:
        return facts
    (database,) = spoken
    return tuple(
        replace(f, subject=database) if f.kind is FactKind.DATABASE and f.subject == "sql" else f
        for f in facts
    )


def _development(launch: Launch) -> str:
    names = {"flask": "flask run", "runserver": "manage.py runserver", "fastapi": "fastapi dev"}
    if launch.script and launch.server in ("flask", "quart", "bottle", "dash", "connexion"):
        return f"{launch.server} app.run()"
    return names.get(launch.server, f"{launch.server} --reload" if launch.server != "wsgiref" else "wsgiref")
