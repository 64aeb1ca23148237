"""Which database a library means that speaks to several: told from what is stated around it.

A reader says `sql` where the address of the database is a setting. The same service's other connections,
the addresses in its environment, its links and the drivers in its manifests say what it is, in that order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from analyzers.links import hosts
from analyzers.model import EnvVar, Fact, FactKind, Link, Source

UNTOLD = "sql"
# Databases that are spoken to in SQL.
# fmt: off
_SQL = frozenset({
    "postgres", "mysql", "mssql", "oracle", "sqlite", "cockroachdb", "db2", "clickhouse", "snowflake",
})
# fmt: on
# Packages that are the driver of one database. source: their pages on the registries, 2026-11-22
_DRIVERS = {
    "psycopg": "postgres",
    "psycopg-binary": "postgres",
    "psycopg2": "postgres",
    "psycopg2-binary": "postgres",
    "psycopg2cffi": "postgres",
    "asyncpg": "postgres",
    "pg8000": "postgres",
    "aiopg": "postgres",
    "pg": "postgres",
    "postgres": "postgres",
    "pg-promise": "postgres",
    "postgresql": "postgres",
    "npgsql": "postgres",
    "mysqlclient": "mysql",
    "pymysql": "mysql",
    "aiomysql": "mysql",
    "asyncmy": "mysql",
    "mysql": "mysql",
    "mysql2": "mysql",
    "mysql-connector-python": "mysql",
    "mysql-connector-j": "mysql",
    "mariadb": "mysql",
    "pyodbc": "mssql",
    "pymssql": "mssql",
    "tedious": "mssql",
    "mssql": "mssql",
    "mssql-jdbc": "mssql",
    "oracledb": "oracle",
    "cx-oracle": "oracle",
    "clickhouse-driver": "clickhouse",
}  # fmt: skip


def told(source: Source, variables: Sequence[EnvVar], links: Sequence[Link]) -> Source:
    """The source, with the database's name where it said `sql` and exactly one is stated, and with the
    database that is stated where a setting chooses between several."""
    source = _chosen(source, variables, links)
    if not any(fact.subject == UNTOLD for fact in source.facts):
        return source
    name = _named(source, variables, links)
    if name is None:
        return source
    return replace(source, facts=tuple(_renamed(fact, name) for fact in source.facts))


def _chosen(source: Source, variables: Sequence[EnvVar], links: Sequence[Link]) -> Source:
    """Of several databases whose hosts are all unknown, the one that a link or an address speaks of."""
    kinds = (FactKind.DATABASE, FactKind.OUTBOUND)
    open_ = {f.subject for f in source.facts if f.kind in kinds and f.subject in _SQL and not f.detail}
    open_ -= {f.subject for f in source.facts if f.kind in kinds and f.detail} | {"sqlite"}
    if len(open_) < 2:
        return source
    stated = {scheme for variable in variables for _, scheme, _ in hosts(variable.value or "", bare=False)}
    meant = open_ & (stated | {link.protocol for link in links})
    if len(meant) != 1:
        return source
    others = open_ - meant
    facts = (f for f in source.facts if f.kind not in kinds or f.subject not in others)
    return replace(source, facts=tuple(facts))


def _renamed(fact: Fact, name: str) -> Fact:
    kinds = (FactKind.DATABASE, FactKind.OUTBOUND)
    return replace(fact, subject=name) if fact.kind in kinds and fact.subject == UNTOLD else fact


def _named(source: Source, variables: Iterable[EnvVar], links: Iterable[Link]) -> str | None:
    spoken = {fact.subject for fact in source.facts if fact.kind is FactKind.DATABASE} & _SQL
    stated = {
        scheme for variable in variables for _, scheme, _ in hosts(variable.value or "", bare=False)
    } & _SQL
    linked = {link.protocol for link in links} & _SQL
    driven = {_DRIVERS[one.name] for one in source.dependencies if one.name in _DRIVERS}
    return next(
        (min(found) for found in (stated, linked, spoken - {"sqlite"}, driven) if len(found) == 1), None
    )
