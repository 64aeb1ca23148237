"""The facts of one scope: each of its nodes is handed to those who may know it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from typing import Any

from analyzers.languages.python.facts.addresses import client_address
from analyzers.languages.python.facts.databases import assigned
from analyzers.languages.python.facts.environment import (
    compared,
    env_call,
    is_env_reader,
    settings_class,
    subscript,
)
from analyzers.languages.python.facts.files import file_call
from analyzers.languages.python.facts.libraries import decorators, other_call
from analyzers.languages.python.facts.memory import called, changes
from analyzers.languages.python.facts.network import network_call
from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.facts.processes import process_call
from analyzers.languages.python.telling import PROCESS_PACKAGES, telling_calls, telling_starts
from analyzers.model import Fact, Reach


def of_scope(at: Place) -> Iterator[Fact]:
    changing = at.scope.function is not None and at.reach is not Reach.IMPORT
    yield from client_address(at)
    for node in at.scope.nodes:
        kind = node.__class__
        if kind is tuple:
            if changing:
                yield from called(at, *node)  # type: ignore[misc] # the class was compared, for speed
            continue
        read = _READERS.get(kind)
        if read is not None:
            yield from read(at, node)
        if changing and kind in _CHANGING:
            yield from changes(at, node)  # type: ignore[arg-type] # the class was compared


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
    if last in telling_calls() or last.startswith(telling_starts()):
        return True
    root = getattr(function, "id", "")
    if at.module.names.get(root, root).partition(".")[0] in PROCESS_PACKAGES:
        return True
    return at.state.reads_env and bool(node.args) and is_env_reader(at, node.func)


# What each kind of node is handed to; the others show nothing.
_READERS: dict[type, Callable[[Place, Any], Iterator[Fact]]] = {
    ast.Call: _call,
    ast.Subscript: subscript,
    ast.Compare: compared,
    ast.FunctionDef: decorators,
    ast.AsyncFunctionDef: decorators,
    ast.ClassDef: settings_class,
    ast.Assign: assigned,
    ast.AnnAssign: assigned,
}
_CHANGING = frozenset({ast.Call, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Delete})
