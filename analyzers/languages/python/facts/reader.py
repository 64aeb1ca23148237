"""The facts of one scope: each of its nodes is handed to those who may know it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from analyzers.languages.python.facts.addresses import client_address
from analyzers.languages.python.facts.databases import assigned
from analyzers.languages.python.facts.environment import (
    compared,
    env_call,
    is_env_reader,
    settings_class,
    subscript,
)
from analyzers.languages.python.facts.files import TEMPORARY, WRITE_CALLS, file_call
from analyzers.languages.python.facts.libraries import decorators, other_call
from analyzers.languages.python.facts.memory import changes
from analyzers.languages.python.facts.network import CONNECTS, HTTP_CALLS, network_call
from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.facts.processes import process_call
from analyzers.languages.python.facts.tables import tables
from analyzers.model import Fact, Reach

_TELLING = frozenset(
    {ast.Call, ast.Subscript, ast.Compare, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign}
    | {ast.AnnAssign, ast.AugAssign, ast.Delete}
)


# Packages every call of which starts a program.
_PROCESS_PACKAGES = frozenset({"subprocess", "sh", "pexpect"})
# The last parts of the names that `Place` compares calls with, other than those of the tables.
_NAMED_CALLS = frozenset(
    """
    get getenv pop config from_prefixed_env open ZipFile write_text write_bytes mkdir touch unlink rmdir
    read_text read_bytes basicConfig save send_file send_from_directory Thread create_task ensure_future
    signal import_module __import__ run_module run_path post put patch delete head request Client AsyncClient
    ClientSession create_engine create_async_engine engine_from_config Database connect socket TCPServer
    UDPServer start_server create_connection server serve Cache Limiter
    """.split()  # noqa: SIM905 - as a list it would take fifty lines
)


@cache
def telling_calls() -> frozenset[str]:
    table = tables()
    names = {*WRITE_CALLS, *TEMPORARY, *HTTP_CALLS, *CONNECTS, *table["unsupported-call"]}
    for kind in ("subprocess", "thread", "background", "compute", "cache", "host"):
        names |= set(table[kind]["calls"])
    return _NAMED_CALLS | {name.rpartition(".")[2] for name in names}


@cache
def _telling_starts() -> tuple[str, ...]:
    """How the last part begins where a prefix of the table says so (`os.exec…`)."""
    starts = (prefix.rpartition(".")[2] for prefix in tables()["subprocess"]["prefixes"])
    return tuple(start for start in starts if start)


def of_scope(at: Place) -> Iterator[Fact]:
    changing = at.scope.function is not None and at.reach is not Reach.IMPORT
    yield from client_address(at)
    for node in at.scope.nodes:
        if node.__class__ not in _TELLING:
            continue
        if isinstance(node, ast.Call):
            yield from _call(at, node)
        elif isinstance(node, ast.Subscript):
            yield from subscript(at, node)
        elif isinstance(node, ast.Compare):
            yield from compared(at, node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from decorators(at, node)
        elif isinstance(node, ast.ClassDef):
            yield from settings_class(at, node)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            yield from assigned(at, node)
        if changing:
            yield from changes(at, node)


def _call(at: Place, node: ast.Call) -> Iterator[Fact]:
    if not _tells(at, node):
        return
    name = at.origin(node.func)
    method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
    if at.scope.function is None and not name and not method:
        return
    yield from env_call(at, node, name)
    yield from file_call(at, node, name, method)
    yield from process_call(at, node, name)
    yield from network_call(at, node, name, method)
    yield from other_call(at, node, name)


def _tells(at: Place, node: ast.Call) -> bool:
    """Whether a call can mean anything, by the last part of its name: most cannot."""
    function: ast.expr = node.func
    if isinstance(function, ast.Attribute):
        last = function.attr
        while isinstance(function, ast.Attribute):
            function = function.value
    elif isinstance(function, ast.Name):
        last = at.module.names.get(function.id, function.id).rpartition(".")[2]
    else:
        return False
    if last in telling_calls() or last.startswith(_telling_starts()):
        return True
    root = getattr(function, "id", "")
    if at.module.names.get(root, root).partition(".")[0] in _PROCESS_PACKAGES:
        return True
    return at.state.reads_env and bool(node.args) and is_env_reader(at, node.func)
