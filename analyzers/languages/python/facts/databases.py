"""Databases that the code opens, and the settings that name them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from analyzers.languages.python.facts.addresses import host_kept
from analyzers.languages.python.facts.place import Place, host_of
from analyzers.languages.python.facts.randomness import made_at_start
from analyzers.languages.python.syntax import argument
from analyzers.languages.python.values import text_of, written
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach

_DATABASE_SCHEMES = {
    "postgres": "postgres",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "sqlite": "sqlite",
    "mssql": "mssql",
    "oracle": "oracle",
    "mongodb": "mongodb",
    "mongodb+srv": "mongodb",
    "cockroachdb": "postgres",
}
_DJANGO_ENGINES = {
    "sqlite3": "sqlite",
    "postgresql": "postgres",
    "postgis": "postgres",
    "mysql": "mysql",
    "oracle": "oracle",
}


def database_url(at: Place, node: ast.AST, url: ast.expr | None) -> Iterator[Fact]:
    if url is None:
        return
    text, complete = text_of(at.program, at.module, url)
    text = text or at.setting(url)
    scheme = text.partition(":")[0].partition("+")[0]
    kind = _DATABASE_SCHEMES.get(scheme)
    if kind == "sqlite":
        path = text.partition("://")[2].removeprefix("/")
        yield from sqlite(at, node, path or (":memory:" if complete else written(url)))
    elif kind is not None:
        host = host_of(text, complete)
        yield at.fact(FactKind.DATABASE, kind, node, host)
        yield at.fact(FactKind.OUTBOUND, kind, node, host)
    else:
        yield at.fact(FactKind.DATABASE, "sql", node, written(url), Confidence.LOW)


def sqlite(at: Place, node: ast.AST, path: str) -> Iterator[Fact]:
    if path == ":memory:" or "mode=memory" in path:
        if at.scope.function is None or at.reach is Reach.IMPORT:
            subject = f"{at.module.name} (SQLite in memory)"
            evidence = (at.program.evidence(at.module, getattr(node, "lineno", 1)),)
            yield Fact(FactKind.MEMORY_STATE, subject, evidence, "sqlite :memory:", Reach.REQUEST)
        return
    yield at.fact(FactKind.DATABASE, "sqlite", node, path)


def assigned(at: Place, node: ast.Assign | ast.AnnAssign) -> Iterator[Fact]:
    """Settings that frameworks read: SQLALCHEMY_DATABASE_URI, Django's DATABASES and CACHES."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    if node.value is None:
        return
    yield from host_kept(at, targets, node.value)
    yield from made_at_start(at, targets, node.value)
    for target in targets:
        key = getattr(target, "id", "")
        if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
            key = str(target.slice.value)
        if key in ("SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_DATABASE_URL"):
            yield from database_url(at, node, node.value)
        elif key == "DATABASES" and isinstance(node.value, ast.Dict):
            yield from django_databases(at, node.value)
        elif (
            key == "CACHES"
            and isinstance(node.value, ast.Dict)
            and "LocMemCache" in written(node.value, 2000)
        ):
            evidence = (Evidence(at.module.path, node.lineno),)
            subject = f"{at.module.name}.CACHES"
            yield Fact(
                FactKind.MEMORY_STATE, subject, evidence, "LocMemCache", Reach.REQUEST, Confidence.MEDIUM
            )


def django_databases(at: Place, databases: ast.Dict) -> Iterator[Fact]:
    for value in databases.values:
        if isinstance(value, ast.Call):  # dj_database_url.config(default=…), env.db()
            default = argument(value, 0, "default")
            yield from database_url(at, value, default)
            continue
        if not isinstance(value, ast.Dict):
            continue
        settings = {
            key.value: inner
            for key, inner in zip(value.keys, value.values, strict=True)
            if isinstance(key, ast.Constant) and isinstance(key.value, str)
        }
        engine = settings.get("ENGINE")
        text = text_of(at.program, at.module, engine)[0] if engine is not None else ""
        kind = _DJANGO_ENGINES.get(text.rpartition(".")[2])
        if kind == "sqlite":
            yield from sqlite(at, value, at.path(settings.get("NAME")))
        elif kind is not None:
            host = settings.get("HOST")
            where = text_of(at.program, at.module, host)[0] if host is not None else ""
            yield at.fact(FactKind.DATABASE, kind, value, where)
            yield at.fact(FactKind.OUTBOUND, kind, value, where)
