"""The client's address and the machine's name."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from analyzers.languages.python import main_block
from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.syntax import name_of
from analyzers.languages.python.tables import tables
from analyzers.languages.python.values import written
from analyzers.model import Fact, FactKind, Reach

_PROXY_FIX = "werkzeug.middleware.proxy_fix.ProxyFix"  # the client's address comes from a header then
_REMOTE_ADDRESS = "flask_limiter.util.get_remote_address"


@cache
def _host_names() -> frozenset[str]:
    """The last parts of the calls that tell the machine's name."""
    return frozenset(name.rpartition(".")[2] for name in tables()["host"]["calls"])


def client_address(at: Place) -> Iterator[Fact]:
    """`request.remote_addr`, `request.access_route`, Flask-Limiter's `get_remote_address`."""
    for node in at.scope.addresses:
        part: ast.expr = node
        while isinstance(part, ast.Attribute) and part.attr not in ("remote_addr", "access_route"):
            part = part.value
        if isinstance(part, ast.Attribute) and name_of(part.value) == "request":
            yield at.fact(FactKind.CLIENT_ADDRESS, written(part), node)
        elif name_of(node) == "get_remote_address" and at.origin(node) == _REMOTE_ADDRESS:
            # It is handed to a limiter at import; requests are what it is called for.
            yield replace(at.fact(FactKind.CLIENT_ADDRESS, "get_remote_address", node), reach=Reach.REQUEST)


def host_kept(at: Place, targets: Sequence[ast.expr], value: ast.expr) -> Iterator[Fact]:
    """`HOSTNAME = socket.gethostname()` in a module whose requests read it."""
    if at.scope.kind != "module" or not _host_names() & at.module.summary.mentions:
        return
    for call in (n for n in ast.walk(value) if isinstance(n, ast.Call)):
        if (name := at.origin(call.func)) in tables()["host"]["calls"]:
            read = main_block.read_by_requests(at.calls.scopes, at.module)
            if any(isinstance(t, ast.Name) and t.id in read for t in targets):
                yield replace(at.fact(FactKind.HOST, name, call), reach=Reach.REQUEST)
