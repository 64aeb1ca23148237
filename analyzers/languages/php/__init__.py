"""PHP: pages behind Apache, FPM or a server of its own, Composer's packages and what the source does.

Each request of PHP starts anew, so no variable outlives it; what lasts is in files, databases and APCu.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from analyzers.command import StartCommand, program
from analyzers.guest import Guest
from analyzers.languages.shallow import build, databases, facts, settings
from analyzers.languages.shallow.scan import scan, words
from analyzers.languages.shallow.settings import Setting
from analyzers.languages.shallow.table import Table, load, package_matches
from analyzers.model import (
    ComposeFacts,
    Confidence,
    Dependency,
    DependencyClass,
    Evidence,
    Fact,
    FactKind,
    Image,
    Reach,
    Source,
)
from analyzers.repository import Tree

# Commands, jobs of the scheduler and set-up: no page calls them.
_AT_START = re.compile(r"(?:^|/)(?:CLI|[Cc]li|Console|Commands?|bin|scripts?|database|config|upgrade)/")
_SKIPPED = frozenset(
    {
        "vendor",
        "tests",
        "test",
        "Tests",
        "node_modules",
        "storage",
        "stubs",
        "lang",
        "i18n",
        "locale",
        "locales",
    }
)
_INDEX = (
    "public/index.php",
    "index.php",
    "web/index.php",
    "html/index.php",
    "htdocs/index.php",
    "src/index.php",
)
_WORKERS = frozenset(
    {"queue:work", "queue:listen", "horizon", "schedule:work", "messenger:consume", "schedule:run"}
)
_EXTENSION = re.compile(
    r"\b(?:docker-php-ext-(?:install|enable)|install-php-extensions|pecl\s+install)\s+([^;&|\n]+)"
)
_APK = re.compile(r"\bphp\d*\.?\d*-([a-z_]+)")
_DEFAULT = re.compile(r"[\"']default[\"']\s*=>\s*env\(\s*[\"'](\w+)[\"']\s*(?:,\s*[\"']([\w-]*)[\"'])?")
_DRIVER = re.compile(r"[\"']driver[\"']\s*=>\s*env\(\s*[\"'](\w+)[\"']\s*(?:,\s*[\"']([\w-]*)[\"'])?")
_WORDPRESS = "wp-config.php", "wp-config-sample.php", "wp-load.php"
# Laravel's names of drivers, config/*.php of Laravel 12.
_SQL = {"mysql": "mysql", "mariadb": "mysql", "pgsql": "postgres", "sqlsrv": "mssql", "sqlite": "sqlite"}
_STORES = {"redis": "redis", "memcached": "memcached", "sqs": "sqs", "dynamodb": "dynamodb", "s3": "s3"}


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """The PHP files of the image and what they do; None where it takes none."""
    if image is None:
        return None
    table = load(__name__, "php.toml")
    guest = Guest(tree, image, compose)
    files = _files(guest)
    if not files:
        return None
    root, workdir = _root(guest, image, start, files)
    if any(path.endswith("public/index.php") for path in files):
        files = [path for path in files if posixpath.dirname(path) != root]  # nothing serves those
    scanned = [scan(tree, path, "php", table) for path in files]
    manifest = _beside(tree, root, "composer.json")
    dependencies = _dependencies(tree, table, manifest, files, (image, *stages))
    packages = {one.name: one.evidence for one in dependencies}
    env = _environment(guest, workdir, start)
    configured = _configured(tree, root, env)
    found = facts.facts(tree, table, scanned, packages, configured, _AT_START)
    known = facts.framework(table, scanned, dependencies)
    name = facts.named(known)
    if name is None and any(posixpath.basename(path) in _WORDPRESS for path in files):
        name = "wordpress"
    if name == "laravel":
        found = _laravel(tree, root, env, found)
    found = databases.settled(tree, table, found, files, packages, configured)
    dependencies = [_driver(table, one, found) for one in dependencies]
    entry, evidence, worker = _entry(tree, guest, image, start, root)
    if worker is not None:
        found = [Fact(FactKind.WORKER, worker, start.evidence, reach=Reach.IMPORT), *found]
    elif not any(one.kind is FactKind.LISTEN for one in found):
        port = _port(start, image)
        found = [Fact(FactKind.LISTEN, "http", (evidence,) if evidence else (), port, Reach.IMPORT), *found]
    return Source(
        language="php",
        root=root,
        framework=name,
        entry=entry,
        entry_evidence=evidence,
        interface=None if worker else "php",
        server=None,
        dependencies=tuple(dependencies),
        facts=(*start.facts, *found),
        routes=facts.routes(tree, table, scanned),
        files=tuple(files),
        manifests=tuple(path for path in (manifest, _beside(tree, root, "composer.lock")) if path),
        workdir=start.workdir,
    )


def _files(guest: Guest) -> list[str]:
    found = {
        source
        for path, source in guest.files.items()
        if path.endswith(".php") and not _SKIPPED.intersection(path.split("/")[:-1])
    }
    return sorted(found)


def _root(guest: Guest, image: Image, start: StartCommand, files: Sequence[str]) -> tuple[str, str]:
    """The folder of the application: in the repository, and in the image."""
    document_root = start.env.get("APACHE_DOCUMENT_ROOT", "")
    for folder in (start.workdir, document_root, "/var/www/html", "/var/www", "/app", image.workdir):
        if not folder.startswith("/"):
            continue
        for name in ("composer.json", *_INDEX, "artisan"):
            source = guest.files.get(posixpath.join(posixpath.normpath(folder), name))
            if source is not None:
                return source[: -len(name)].rstrip("/"), posixpath.normpath(folder)
    for path, source in sorted(guest.files.items()):
        if posixpath.basename(path) == "composer.json" and "vendor" not in path.split("/"):
            return posixpath.dirname(source), posixpath.dirname(path)
    common = posixpath.commonpath([posixpath.dirname(path) or "." for path in files])
    return ("" if common == "." else common), start.workdir


def _beside(tree: Tree, root: str, name: str) -> str | None:
    path = posixpath.join(root, name)
    return path if path in tree else None


def _environment(guest: Guest, workdir: str, start: StartCommand) -> dict[str, str]:
    """The variables of the container over those of a `.env` file that the image carries."""
    text = guest.text(posixpath.join(workdir, ".env")) or ""
    found: dict[str, str] = {}
    for line in text.split("\n"):
        name, sign, value = line.partition("=")
        if sign and not name.startswith("#"):
            found[name.strip()] = value.strip().strip("\"'")
    return {**found, **start.env}


def _configured(tree: Tree, root: str, env: Mapping[str, str]) -> dict[str, Setting]:
    path = _beside(tree, root, ".env")
    found = settings.read(tree, [path] if path else [], env)
    place = Evidence(path, 1) if path else None
    for name, value in env.items():
        if name == "DATABASE_URL" and place is not None:
            found.setdefault("database_url", Setting(value, place))
    return {key: one for key, one in found.items() if key == "database_url"}


def _entry(
    tree: Tree, guest: Guest, image: Image, start: StartCommand, root: str
) -> tuple[str | None, Evidence | None, str | None]:
    """The page or script that is started, the line that shows it, and the worker that it is, if one."""
    said = start.evidence[-1] if start.evidence else image.base_evidence
    argv = list(start.argv)
    if argv and program(argv[0]) == "php" and "-S" not in argv:
        script = next((word for word in argv[1:] if not word.startswith("-")), None)
        source = (
            guest.files.get(posixpath.normpath(posixpath.join(start.workdir, script))) if script else None
        )
        verb = next((word for word in argv if word in _WORKERS), None)
        if verb is not None:
            return source, said, f"php {verb}"
        if source is not None and program(source) not in ("artisan", "console", "index.php"):
            return source, said, None
    folders = [root]
    if "-t" in argv[:-1]:
        place = posixpath.normpath(posixpath.join(start.workdir, argv[argv.index("-t") + 1]))
        mapped = build.repository_folder(tree, image, place)
        folders = [mapped, root] if mapped is not None else folders
    for folder in folders:
        for name in _INDEX:
            path = _beside(tree, folder, name)
            if path is not None:
                return path, Evidence(path, 1, tree.line(path, 1)), None
    return None, said, None


def _port(start: StartCommand, image: Image) -> str:
    """The port that the command line states; Apache's and FPM's own where EXPOSE says nothing."""
    for position, word in enumerate(start.argv):
        match = re.fullmatch(r"--port=(\d+)", word)
        if match:
            return match[1]
        if word in ("-S", "--port") and position + 1 < len(start.argv):
            port = start.argv[position + 1].rpartition(":")[2]
            return port if port.isdigit() else ""
    name = program(start.argv[0]) if start.argv else ""
    if name == "php" and "serve" in start.argv:
        return "8000"
    apache = "apache" in name or "apache" in image.base
    return "80" if apache and not image.ports else ""


def _dependencies(
    tree: Tree, table: Table, manifest: str | None, files: Sequence[str], images: Sequence[Image]
) -> list[Dependency]:
    """Composer's packages with locked versions, and the extensions that RUN lines install."""
    found: dict[str, Dependency] = {}
    data = _json(tree, manifest)
    locked = _locked(tree, manifest)
    used = frozenset[bytes]().union(*(words(tree, path) for path in files))
    asked = data.get("require") if isinstance(data, dict) else None
    for name, requirement in (asked if isinstance(asked, dict) else {}).items():
        if name == "php" or manifest is None:
            continue
        line = _line_of(tree, manifest, f'"{name}"')
        evidence = Evidence(manifest, line, tree.line(manifest, line))
        found[name] = _dependency(table, name, locked.get(name), f"{name} {requirement}", evidence, used)
    for image in images:
        for run in image.runs:
            for match in _EXTENSION.finditer(run.command[:20_000]):
                for word in match[1].split():
                    name = word.partition("-")[0].strip("\\\"'")
                    if re.fullmatch(r"[a-z_]\w*", name) and name not in found:
                        found[name] = _dependency(table, name, None, word, run.evidence, used)
            if re.search(r"\b(?:apk|apt-get|apt|yum|dnf)\b", run.command):
                for match in _APK.finditer(run.command[:20_000]):
                    if match[1] not in found:
                        found[match[1]] = _dependency(table, match[1], None, match[0], run.evidence, used)
    return list(found.values())


def _dependency(
    table: Table, name: str, version: str | None, requirement: str, evidence: Evidence, used: frozenset[bytes]
) -> Dependency:
    bare = name.removeprefix("ext-").rpartition("/")[2]
    imported = "/" in name or table.constants.get(bare, bare).encode() in used
    kind = DependencyClass.NATIVE if package_matches(table.native, name) else DependencyClass.PURE
    return Dependency(name, version, requirement, evidence, kind, imported)


def _driver(table: Table, one: Dependency, found: Sequence[Fact]) -> Dependency:
    """A database's extension counts as used where the database is spoken to."""
    spoken = {fact.subject for fact in found if fact.kind is FactKind.DATABASE}
    needed = any(
        driver.subject in spoken and package_matches(driver.package, one.name) for driver in table.drivers
    )
    return replace(one, imported=True) if needed else one


def _json(tree: Tree, path: str | None) -> object:
    text = tree.text(path) if path is not None else None
    if text is None or path is None:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        tree.give_up(path, f"is no JSON that can be read: {error}"[:200])
        return None


def _locked(tree: Tree, manifest: str | None) -> dict[str, str]:
    path = _beside(tree, posixpath.dirname(manifest), "composer.lock") if manifest is not None else None
    data = _json(tree, path)
    listed = data.get("packages") if isinstance(data, dict) else None
    return {
        one["name"]: one["version"].removeprefix("v")
        for one in (listed if isinstance(listed, list) else ())
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("version"), str)
    }


def _line_of(tree: Tree, path: str, text: str) -> int:
    for number, line in enumerate((tree.text(path) or "").split("\n"), 1):
        if text in line:
            return number
    return 1


# --- Laravel ----------------------------------------------------------------------------------------


def _laravel(tree: Tree, root: str, env: Mapping[str, str], found: list[Fact]) -> list[Fact]:
    """Laravel's drivers are chosen in `config/`: by variables, with a default."""
    chosen = _chosen(tree, root, "database", _DEFAULT, env)
    generic = [one for one in found if one.kind is FactKind.DATABASE and one.subject == databases.GENERIC]
    if chosen is not None and generic and chosen[0] in _SQL:
        found = [one for one in found if one not in generic]
        subject = _SQL[chosen[0]]
        host = env.get("DB_HOST", "") if subject != "sqlite" else ""
        places = (chosen[1], *generic[0].evidence[:2])
        found.append(Fact(FactKind.DATABASE, subject, places, host))
    for name, pattern in (
        ("cache", _DEFAULT),
        ("queue", _DEFAULT),
        ("session", _DRIVER),
        ("filesystems", _DEFAULT),
    ):
        driver = _chosen(tree, root, name, pattern, env)
        if driver is None:
            continue
        if driver[0] in _STORES:
            found.append(Fact(FactKind.OUTBOUND, _STORES[driver[0]], (driver[1],)))
        elif name == "session" and driver[0] == "file" and _beside(tree, root, "routes/web.php"):
            subject = "storage/framework/sessions"
            found.append(Fact(FactKind.FILE_WRITE, subject, (driver[1],), confidence=Confidence.MEDIUM))
    return found


def _chosen(
    tree: Tree, root: str, name: str, pattern: re.Pattern[str], env: Mapping[str, str]
) -> tuple[str, Evidence] | None:
    """The driver that a configuration file of Laravel chooses, and the line that says it."""
    path = _beside(tree, root, f"config/{name}.php")
    text = tree.text(path) if path is not None else None
    match = pattern.search(text) if text is not None else None
    if match is None or text is None or path is None:
        return None
    line = text.count("\n", 0, match.start()) + 1
    value = env.get(match[1]) or match[2] or ""
    return (value, Evidence(path, line, tree.line(path, line))) if value else None
