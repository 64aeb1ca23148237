"""Ruby: the Rack application or script behind the start command, its gems and what the source does."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from analyzers.command import StartCommand, program
from analyzers.guest import Guest
from analyzers.languages.shallow import databases, facts, settings, state
from analyzers.languages.shallow.scan import scan, words
from analyzers.languages.shallow.settings import Setting
from analyzers.languages.shallow.table import Framework, Table, load, package_matches
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

_SKIPPED = frozenset({"spec", "test", "tests", "vendor", "node_modules", "features", "db", "tmp", "log"})
_SERVERS = frozenset({"puma", "unicorn", "unicorn_rails", "thin", "rackup", "falcon", "passenger", "webrick"})
_WORKERS = frozenset(
    {"sidekiq", "resque", "que", "good_job", "clockwork", "shoryuken", "karafka", "sneakers", "racecar"}
)
_GEM = re.compile(r"^(\s*)gem\s*\(?\s*[\"']([\w.-]+)[\"']\s*(?:,\s*[\"']([^\"']+)[\"'])?(.*)$")
_GROUP = re.compile(r"^\s*group\b(.*)\bdo\b")
_LOCKED = re.compile(r"^    ([\w.-]+) \(([\w.-]+)\)\s*$")
_ADAPTER = {
    "postgresql": "postgres", "postgis": "postgres", "mysql2": "mysql", "trilogy": "mysql",
    "sqlite3": "sqlite", "sqlserver": "mssql",
}  # fmt: skip
_CONFIG_PORT = re.compile(
    r"^\s*(?:port|listen|bind)\b[^#\n]*?(?:[\"'](?:tcp|ssl)://[^\"']*?:(\d+)|\b(\d{2,5})\b|[\"']PORT[\"']\s*\D+(\d{2,5}))"
)
# What runs once, in a task, or where the worker of the jobs runs.
_AT_START = re.compile(
    r"(?:^|/)(?:config/|lib/puma/|lib/tasks/|lib/generators/|bin/|scripts?/|app/(?:jobs|workers|sidekiq)/)"
)
_STORAGE = re.compile(r"active_storage\.service\s*=\s*:?(\w+)")


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """The Ruby files of the image and what they do; None where it takes none."""
    del stages
    if image is None:
        return None
    table = load(__name__, "ruby.toml")
    guest = Guest(tree, image, compose)
    root, folder = _root(guest, start)
    if root is None:
        return None
    files = _files(guest, folder)
    if not files:
        return None
    scanned = [scan(tree, path, "ruby", table) for path in files]
    gemfile = _beside(tree, root, "Gemfile")
    dependencies = _dependencies(tree, table, gemfile, files)
    packages = {one.name: one.evidence for one in dependencies}
    found = facts.facts(tree, table, scanned, packages, {}, _AT_START)
    found = _database(tree, table, root, start.env, found, files, packages)
    found = _attachments(tree, root, found)
    found += state.memory_facts(tree, table, scanned, frozenset(), top_level=True)
    known = facts.framework(table, scanned, dependencies)
    entry, evidence, worker = _entry(tree, guest, start, root)
    routes = _routes(facts.routes(tree, table, scanned), known)
    serves = known is not None and known[0].interface is not None and worker is None
    if worker is not None:
        found = [Fact(FactKind.WORKER, worker, start.evidence, reach=Reach.IMPORT), *found]
    elif serves and known is not None:
        port = _port(tree, root, known[0], start, image)
        listen = Fact(FactKind.LISTEN, "http", (evidence,) if evidence else (), port, Reach.IMPORT)
        found = [listen, *(one for one in found if one.kind is not FactKind.LISTEN)]
    dependencies = [_used(one, found) for one in dependencies]
    return Source(
        language="ruby",
        root=root,
        framework=facts.named(known),
        entry=entry,
        entry_evidence=evidence,
        interface=known[0].interface if serves and known else None,
        server=None,
        dependencies=tuple(dependencies),
        facts=(*start.facts, *found),
        routes=routes,
        files=tuple(files),
        manifests=tuple(one for one in (gemfile, _beside(tree, root, "Gemfile.lock")) if one),
        workdir=start.workdir,
    )


def _root(guest: Guest, start: StartCommand) -> tuple[str | None, str]:
    """The folder of the application: in the repository, and in the image."""
    folders = [start.workdir]
    for position, word in enumerate(start.argv[:-1]):
        if word == "--dir":
            folders.insert(0, start.argv[position + 1])
        elif word.endswith(".rb"):
            folders.append(posixpath.dirname(posixpath.join(start.workdir, word)))
    for folder in folders:
        here = posixpath.normpath(posixpath.join(start.workdir, folder))
        for name in ("config.ru", "Gemfile", "config/application.rb"):
            source = guest.files.get(posixpath.join(here, name))
            if source is not None:
                return source[: -len(name)].rstrip("/"), here
    for wanted in ("config.ru", "Gemfile"):
        for path, source in sorted(guest.files.items(), key=lambda one: (one[0].count("/"), one[0])):
            if posixpath.basename(path) == wanted:
                return posixpath.dirname(source), posixpath.dirname(path)
    for word in start.argv:
        path = posixpath.normpath(posixpath.join(start.workdir, word))
        if word.endswith(".rb") and path in guest.files:
            return posixpath.dirname(guest.files[path]), posixpath.dirname(path)
    return None, "/"


def _files(guest: Guest, folder: str) -> list[str]:
    prefix = folder.rstrip("/") + "/"
    found = {
        source
        for path, source in guest.files.items()
        if path.startswith(prefix)
        and (path.endswith((".rb", ".ru")))
        and not _SKIPPED.intersection(path[len(prefix) :].split("/")[:-1])
        and (path.endswith("production.rb") or "config/environments/" not in path)
    }
    return sorted(found)


def _beside(tree: Tree, root: str, name: str) -> str | None:
    path = posixpath.join(root, name)
    return path if path in tree else None


def _dependencies(tree: Tree, table: Table, gemfile: str | None, files: Sequence[str]) -> list[Dependency]:
    """The gems of the default and production groups, versions from the lock file."""
    text = tree.text(gemfile) if gemfile is not None else None
    if text is None or gemfile is None:
        return []
    lock = _beside(tree, posixpath.dirname(gemfile), "Gemfile.lock")
    locked = {
        match[1]: match[2]
        for line in ((tree.text(lock) if lock else None) or "").split("\n")
        if (match := _LOCKED.match(line))
    }
    used = {one.lower() for path in files for one in words(tree, path)}
    found: dict[str, Dependency] = {}
    apart = 0  # the indent of a group that production leaves out
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        line = line[:500]
        group = _GROUP.match(line)
        if group:
            named = group[1]
            inside = "production" not in named and bool(re.search(r":(?:development|test)", named))
            apart = len(line) - len(line.lstrip())
        elif inside and line.strip() == "end" and len(line) - len(line.lstrip()) <= apart:
            inside = False
        match = _GEM.match(line)
        if match is None or inside or re.search(r"groups?:\s*(?:\[\s*)?:(?:development|test)", match[4]):
            continue
        name = match[2]
        constant = table.constants.get(name, name.replace("-", "").replace("_", "")).rpartition("::")[2]
        plain = name.replace("-", "_").encode().lower()
        found[name] = Dependency(
            name=name,
            version=locked.get(name),
            requirement=f"{name} {match[3]}" if match[3] else name,
            evidence=Evidence(gemfile, number, tree.line(gemfile, number)),
            kind=DependencyClass.NATIVE if package_matches(table.native, name) else DependencyClass.PURE,
            imported=constant.lower().encode() in used or plain in used,
        )
    return list(found.values())


def _used(one: Dependency, found: Sequence[Fact]) -> Dependency:
    """A driver counts as used where its database is spoken to."""
    drivers = {
        "pg": "postgres",
        "mysql2": "mysql",
        "trilogy": "mysql",
        "sqlite3": "sqlite",
        "tiny_tds": "mssql",
    }
    if one.name not in drivers:
        return one
    spoken = {fact.subject for fact in found if fact.kind is FactKind.DATABASE}
    return replace(one, imported=drivers[one.name] in spoken)


def _database(
    tree: Tree,
    table: Table,
    root: str,
    env: Mapping[str, str],
    found: list[Fact],
    files: Sequence[str],
    packages: Mapping[str, Evidence],
) -> list[Fact]:
    """The database that `config/database.yml` or DATABASE_URL names for production."""
    path = _beside(tree, root, "config/database.yml")
    generic = [one for one in found if one.kind is FactKind.DATABASE and one.subject == databases.GENERIC]
    url = env.get("DATABASE_URL", "")
    if url and generic:
        place = generic[0].evidence[0]
        return databases.settled(tree, table, found, (), packages, {"database_url": Setting(url, place)})
    if path is not None and generic:
        held = settings.read(tree, [path], env)
        adapters = {
            _ADAPTER[one.value]: one
            for key, one in held.items()
            if key.endswith("adapter")
            and one.value in _ADAPTER
            and not key.startswith(("development", "test"))
        }
        if adapters:
            rest = [one for one in found if one not in generic]
            for subject, one in adapters.items():
                rest.append(Fact(FactKind.DATABASE, subject, (one.evidence, *generic[0].evidence[:2])))
            return rest
    return databases.settled(tree, table, found, files, packages, {})


def _attachments(tree: Tree, root: str, found: list[Fact]) -> list[Fact]:
    """Attachments go where `config/environments/production.rb` says: a folder, or an object store."""
    path = _beside(tree, root, "config/environments/production.rb")
    match = _STORAGE.search((tree.text(path) if path else None) or "")
    subject = "an attachment of Active Storage"
    if match is None or match[1] in ("local", "disk"):
        return found
    return [
        replace(one, kind=FactKind.OUTBOUND, subject="s3")
        if one.kind is FactKind.FILE_WRITE and one.subject == subject
        else one
        for one in found
    ]


def _routes(found: tuple[Route, ...], known: tuple[Framework, str | None] | None) -> tuple[Route, ...]:
    """`get '/x'` is a route in Rails' routes.rb and in Sinatra's and Grape's classes, nowhere else."""
    if known is not None and known[0].name == "rails":
        return tuple(
            one
            for one in found
            if one.evidence.path.endswith("config/routes.rb") or "config/routes/" in one.evidence.path
        )
    return found


def _entry(
    tree: Tree, guest: Guest, start: StartCommand, root: str
) -> tuple[str | None, Evidence | None, str | None]:
    """The script or rackup file, the line that shows it, and the worker that it is, if one."""
    said = start.evidence[-1] if start.evidence else None
    names = [program(word) for word in start.argv]
    worker = next((name for name in names[:4] if name in _WORKERS), None)
    if worker is not None:
        return None, said, worker
    serves = any(name in _SERVERS for name in names[:4]) or "server" in names or "s" in names
    for word in start.argv:
        path = posixpath.normpath(posixpath.join(start.workdir, word))
        if word.endswith((".ru", ".rb")) and path in guest.files and "puma" not in word and not serves:
            source = guest.files[path]
            return source, Evidence(source, 1, tree.line(source, 1)), None
    for name in ("config.ru", "config/application.rb", "app.rb", "server.rb", "main.rb"):
        beside = _beside(tree, root, name)
        if beside is not None:
            return beside, Evidence(beside, 1, tree.line(beside, 1)), None
    return None, said, None


def _port(tree: Tree, root: str, framework: Framework, start: StartCommand, image: Image) -> str:
    """The port that command line, environment or the server's configuration states, else the default."""
    for position, word in enumerate(start.argv):
        following = start.argv[position + 1] if position + 1 < len(start.argv) else ""
        if word in ("-p", "--port") and following.isdigit():
            return following
        match = re.fullmatch(r"(?:-p|--port=|-b\s*tcp://[^:]*:)(\d+)", word) or (
            re.match(r"tcp://[^:]*:(\d+)", following) if word in ("-b", "--bind") else None
        )
        if match:
            return match[1]
    if start.env.get("PORT", "").isdigit():
        return start.env["PORT"]
    if image.ports:
        return ""
    for name in ("config/puma.rb", "puma.rb", "config/unicorn.rb", "unicorn.rb"):
        path = _beside(tree, root, name)
        for line in ((tree.text(path) if path else None) or "").split("\n"):
            match = _CONFIG_PORT.match(line[:300])
            if match:
                return next(group for group in match.groups() if group)
    return str(framework.port or "")
