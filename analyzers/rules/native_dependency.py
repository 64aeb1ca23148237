"""
## What it says

A package that the service uses is native code, and nothing takes its place: no fallback in the
service's own language inside the package, and no build for WASI that the lane can use.

## Why

A component holds WebAssembly only. Machine code of a Linux wheel, gem, jar or NuGet package cannot
run there; the package must be built for WASI from its own source, or be replaced.

## How to mend

Use a pure package that does the same (`pg8000` for psycopg2, `pymysql` for mysqlclient), or wait
until the lane carries a WASI build: `needs` names what is missing.

## What it cannot know

Whether the code path that uses the package is ever taken. A package in the manifest that no
reachable module imports is reported without effect.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.dialects import UNTOLD
from analyzers.model import (
    Dependency,
    DependencyClass,
    Effect,
    FactKind,
    Finding,
    Need,
    NeedKind,
    Service,
    Severity,
)
from analyzers.rules._build import fact, flask, package, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="native-dependency",
    title="A package needs native code",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=25,
    needs=(Need(NeedKind.NATIVE),),
    remedy="Replace it by a pure package, or wait for a WASI build in the lane.",
    effort=(1, 8),
)


# Drivers that libraries load by the name in a database's address, so that no import of them is seen.
_DRIVERS = {
    "psycopg": "postgres",
    "psycopg-binary": "postgres",
    "psycopg-c": "postgres",
    "psycopg2": "postgres",
    "psycopg2-binary": "postgres",
    "asyncpg": "postgres",
    "mysqlclient": "mysql",
    "pyodbc": "mssql",
    "pymssql": "mssql",
    "cx-oracle": "oracle",
    "oracledb": "oracle",
    "better-sqlite3": "sqlite",  # knex, Sequelize and TypeORM of Node.js load these two
    "sqlite3": "sqlite",
}


def is_used(service: Service, package: Dependency) -> bool:
    """Whether the service needs a package: it imports it, or speaks the protocol that it is the driver of."""
    return package.imported or (package.name in _DRIVERS and speaks(service, package))


def speaks(service: Service, package: Dependency) -> bool:
    """Whether a package is no driver of a database, or that of one that the service uses."""
    if package.name not in _DRIVERS:
        return True
    spoken = {one.subject for one in service.facts(FactKind.DATABASE, FactKind.OUTBOUND)}
    return bool({_DRIVERS[package.name], UNTOLD} & spoken)


def check(service: Service) -> Iterator[Finding]:
    for found in service.source.dependencies if service.source else ():
        need = (Need(NeedKind.NATIVE, found.name),)
        if found.kind is DependencyClass.NATIVE and not is_used(service, found):
            yield RULE.finding(
                f"{found.name} is native code, but no reachable module imports it.",
                [found.evidence],
                effect=Effect.NONE,
                remedy="Leave it out of the manifest.",
            )
        elif found.kind is DependencyClass.NATIVE:
            yield RULE.finding(
                f"{found.name} is native code without a pure fallback or a WASI build.",
                [found.evidence],
                needs=need,
            )
        elif found.kind is DependencyClass.WASI_WHEEL:
            yield RULE.finding(
                f"{found.name} is native code that can be built for WASI.",
                [found.evidence],
                needs=need,
                weight=15,
                remedy="Build with --build-wheels: it is built for WASI from its own source.",
            )


CASES = (
    bad(
        "numpy, imported by the application",
        flask(
            "import numpy\n\n@app.get('/')\ndef home():\n    return str(numpy.pi)\n",
            requirements="flask==3.1.3\nnumpy==2.3.5",
        ),
        "requirements.txt:2",
        effect=Effect.REFACTOR,
    ),
    bad(
        "numpy",
        service(dependencies=(package("numpy", DependencyClass.NATIVE, line=3),)),
        "requirements.txt:3",
    ),
    bad(
        "orjson", service(dependencies=(package("orjson", DependencyClass.WASI_WHEEL),)), "requirements.txt:1"
    ),
    bad(
        "required, never imported",
        service(dependencies=(package("numpy", DependencyClass.NATIVE, imported=False),)),
        "requirements.txt:1",
        effect=Effect.NONE,
    ),
    bad(
        "a driver that SQLAlchemy loads by name",
        service(
            fact(FactKind.DATABASE, "postgres"),
            dependencies=(package("psycopg2", DependencyClass.NATIVE, imported=False),),
        ),
        "requirements.txt:1",
        effect=Effect.REFACTOR,
    ),
    good("pure", service(dependencies=(package("flask", DependencyClass.PURE),))),
    good(
        "an optional speed-up", service(dependencies=(package("markupsafe", DependencyClass.PURE_FALLBACK),))
    ),
)
