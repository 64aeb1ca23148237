"""Programs that serve no requests: which modules a worker imports by name, and what a scheduler or a
migration uses of the application that it imports."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

from analyzers.languages.python.modules import Module, Program
from analyzers.languages.python.servers import Launch
from analyzers.languages.python.syntax import name_of
from analyzers.model import Fact, FactKind

# Settings and arguments of Celery that list the modules of tasks (docs.celeryq.dev, 5.5, 2026-11-22).
_LISTS = frozenset({"imports", "include", "CELERY_IMPORTS", "CELERY_INCLUDE", "autodiscover_tasks"})
_BROKERS = frozenset({"redis", "amqp", "sqs", "memcached"})
_DATABASES = frozenset(
    {"sql", "sqlite", "postgres", "mysql", "mssql", "oracle", "mongodb", "cassandra", "cockroachdb"}
)


def named(program: Program, reached: Sequence[Module]) -> Iterator[str]:
    """The own modules that a worker of Celery imports because its configuration names them, or because the
    packages that it looks through have a module `tasks`."""
    everywhere = False
    for module in reached:
        mentions = module.summary.mentions
        everywhere = everywhere or "autodiscover_tasks" in mentions
        if _LISTS.isdisjoint(mentions) and _LISTS.isdisjoint(_assigned(module)):
            continue
        for name in _listed(program.tree(module)):
            if program.own(name):
                yield name
            if program.own(f"{name}.tasks"):
                yield f"{name}.tasks"
    if everywhere:
        for module in reached:
            package = module.name if module.is_package else module.name.rpartition(".")[0]
            if package and program.own(f"{package}.tasks"):
                yield f"{package}.tasks"


def _assigned(module: Module) -> Iterable[str]:
    for part in module.summary.parts:
        if part.kind in ("module", "class"):
            yield from part.locals


def _listed(tree: ast.Module) -> Iterator[str]:
    """The texts of the lists that such settings and arguments are given."""
    for node in ast.walk(tree):
        values: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            if any(name_of(target) in _LISTS for target in node.targets):
                values = [node.value]
        elif isinstance(node, ast.AnnAssign):
            values = [node.value] if node.value is not None and name_of(node.target) in _LISTS else []
        elif isinstance(node, ast.Call):
            values = [keyword.value for keyword in node.keywords if keyword.arg in _LISTS]
            if name_of(node.func) == "autodiscover_tasks":
                values += node.args[:1]
        elif isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            values = [v for k, v in pairs if isinstance(k, ast.Constant) and k.value in _LISTS]
        for value in values:
            for inner in value.elts if isinstance(value, ast.List | ast.Tuple | ast.Set) else ():
                if isinstance(inner, ast.Constant) and isinstance(inner.value, str):
                    yield inner.value


def used(launch: Launch, facts: Sequence[Fact]) -> Sequence[Fact]:
    """The facts that hold for a program that imports the whole application and runs little of it: Celery's
    scheduler speaks to the broker, a migration to the database. All of them for every other program."""
    words = set(launch.arguments)
    if launch.server == "celery" and words & {"beat", "flower"} and "worker" not in words:
        keeps_in_database = any("DatabaseScheduler" in word for word in launch.arguments)
        kept = _BROKERS | _DATABASES if keeps_in_database else _BROKERS
    elif (launch.server, (launch.arguments or ("",))[0]) in _MIGRATIONS or launch.server == "alembic":
        kept = _DATABASES
    else:
        return facts
    return [fact for fact in facts if fact.kind not in _OF_WORK or fact.subject in kept]


_MIGRATIONS = frozenset(
    {
        ("flask", "db"),
        ("manage.py", "migrate"),
        ("manage.py", "migrate_schemas"),
        ("manage.py", "showmigrations"),
    }
)
# What requests and tasks do, which neither of them runs.
_OF_WORK = frozenset(
    {FactKind.OUTBOUND, FactKind.DATABASE, FactKind.FILE_WRITE, FactKind.MEMORY_STATE, FactKind.SUBPROCESS}
    | {FactKind.THREAD, FactKind.BACKGROUND, FactKind.WEBSOCKET, FactKind.COMPUTE, FactKind.CACHE}
)
