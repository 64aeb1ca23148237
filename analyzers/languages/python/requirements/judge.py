"""Every package that is installed, with its class and whether reachable code imports it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from analyzers.languages.python.requirements.markers import version_at_least
from analyzers.languages.python.requirements.requirement import Installed, Requirement, normalise
from analyzers.languages.python.requirements.table import by_import, imports, kind, table
from analyzers.model import Dependency, DependencyClass, Evidence

_LOADS_DRIVERS = frozenset(
    {"sqlalchemy", "flask-sqlalchemy", "sqlmodel", "databases", "django", "peewee", "tortoise-orm"}
)
_DRIVERS = frozenset(
    {
        "psycopg2",
        "psycopg2-binary",
        "psycopg",
        "psycopg-binary",
        "psycopg-c",
        "pg8000",
        "asyncpg",
        "mysqlclient",
    }
    | {
        "pymysql",
        "mysql-connector-python",
        "aiomysql",
        "aiosqlite",
        "pyodbc",
        "pymssql",
        "cx-oracle",
        "oracledb",
    }
)


@dataclass(frozen=True, slots=True)
class Imported:
    """Where a name that is not the application's own is first imported. `optional`: a handler of
    ImportError stands around every import of it."""

    evidence: Evidence
    optional: bool = False


def judge(
    found: Installed, imported: Mapping[str, Imported], own: Callable[[str], bool] = lambda _: False
) -> tuple[Dependency, ...]:
    """Every package with its class and whether reachable code imports it.

    `imported` are the dotted names that the application imports. A package that the table says an
    imported one needs counts as imported, and is added where the manifests do not list it. An import that
    nothing accounts for is added as well: as the package that the table knows by that import name, else
    as one of which nothing is known. `own` says whether a top-level name is one of the application's.
    """
    rows = table()
    prefixes = {
        ".".join(parts[:n])
        for name in imported
        if (parts := name.split("."))
        for n in range(1, len(parts) + 1)
    }
    requirements = dict(found.requirements)
    for name, requirement in list(requirements.items()):
        if requirement.version is None and name in found.constraints:
            requirements[name] = replace(requirement, version=found.constraints[name])
    too_old = _add_needs(requirements)
    used = {n for n in requirements if any(i in prefixes for i in imports(n))}
    for name, evidence in _unexplained(requirements, used, imported, own):
        requirements.setdefault(name, Requirement(name, None, f"import {name}", evidence, implied=True))
        used.add(name)
    too_old |= _add_needs(requirements)
    found_in_code = frozenset(used)
    asked = set(used)
    if used & _LOADS_DRIVERS:  # these import the driver that the database's URL names
        used |= _DRIVERS & requirements.keys()
        asked |= _DRIVERS & found.requirements.keys()
    queue = list(used)
    while queue:
        name = queue.pop()
        for need in _needs(requirements[name]):
            if need not in used:
                used.add(need)
                queue.append(need)
    queue = list(asked)
    while queue:  # what a native package brings along goes with it
        name = queue.pop()
        row = rows.get(name)
        if kind(row, requirements[name].version) is DependencyClass.NATIVE:
            continue
        for need in _needs(requirements[name]):
            if need not in asked and not (row is not None and need in row.guarded):
                asked.add(need)
                queue.append(need)
    return tuple(
        Dependency(
            r.name,
            r.version,
            r.text,
            r.evidence,
            DependencyClass.NATIVE if name in too_old else kind(rows.get(name), r.version),
            name in used,
            r.implied,
            brought=name in used and (name not in asked or (r.implied and name not in found_in_code)),
        )
        for name, r in requirements.items()
    )


def _needs(requirement: Requirement) -> Iterator[str]:
    """The packages that one is known to need, those of its extras included."""
    row = table().get(requirement.name)
    if row is None:
        return
    if row.since is None or version_at_least(requirement.version, row.since):
        yield from row.requires
    for extra in requirement.extras:
        yield from row.extras.get(extra, ())


def _add_needs(requirements: dict[str, Requirement]) -> set[str]:
    """Add what the packages are known to need and no manifest lists, each with the line of who needs it.

    Returns those of which an old release is asked for, one that is not known to build for WASI.
    """
    too_old = set()
    queue = sorted(requirements)
    for name in queue:  # grows while it is walked
        for need in _needs(requirements[name]):
            if need not in requirements:
                evidence = requirements[name].evidence
                requirements[need] = Requirement(need, None, need, evidence, implied=True)
                queue.append(need)
                row = table()[name]
                if need in row.recent and not version_at_least(requirements[name].version, row.recent[need]):
                    too_old.add(need)
    return too_old


# Top-level names that several packages share: what follows the first dot tells them apart.
_SHARED = frozenset({"google", "azure", "zope", "paste", "ruamel", "sphinxcontrib", "backports", "jaraco"})
# Modules of the standard library: those of the running Python, those it had, and those of the runtime's.
_STANDARD = sys.stdlib_module_names | {
    "__main__", "annotationlib", "asynchat", "asyncore", "compression", "distutils", "imp", "smtpd", "aifc",
    "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib", "nis", "nntplib",
    "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib",
}  # fmt: skip


def _unexplained(
    requirements: Mapping[str, Requirement],
    used: set[str],
    imported: Mapping[str, Imported],
    own: Callable[[str], bool],
) -> list[tuple[str, Evidence]]:
    """The packages of imports that no requirement accounts for. A requirement that is not in the table and
    whose name holds the import's is taken for its package and added to `used`."""
    rows = table()
    known = {i for name in requirements for i in imports(name)}
    found: dict[str, Evidence] = {}
    for name, where in imported.items():
        top, _, rest = name.partition(".")
        if top in _STANDARD or where.optional or own(top):
            continue
        parts = name.split(".")
        if any(".".join(parts[:n]) in known for n in range(1, len(parts) + 1)):
            continue
        if top in _SHARED and any(i.startswith(name + ".") for i in known):
            continue  # `import google` before `google.cloud`
        package = by_import(name)
        if package is None:
            if top in _SHARED and not rest:
                continue
            package = normalise(".".join(parts[:2]) if top in _SHARED else top)
            likely = [n for n in requirements if n not in rows and _may_hold(n, package)]
            if likely:
                used.update(likely)
                continue
        found.setdefault(package, where.evidence)
    return sorted(found.items())


def _may_hold(package: str, imported: str) -> bool:
    """`pyhumps` for `humps`, `django-ipware` for `ipware`, `lru-dict` for `lru`."""
    whole, part = package.replace("-", ""), imported.replace("-", "")
    return imported in package.split("-") or (
        len(part) > 3 and (whole.startswith(part) or whole.endswith(part))
    )
