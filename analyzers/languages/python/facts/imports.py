"""What the modules' imports say: external libraries, and those that mean something by themselves."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from functools import cache

from analyzers.languages.python.modules import Import, Module, Program
from analyzers.languages.python.requirements import Imported
from analyzers.languages.python.scopes import Scope
from analyzers.languages.python.syntax import dotted
from analyzers.languages.python.tables import tables
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach


def external_imports(program: Program, modules: Iterable[Module]) -> dict[str, Imported]:
    """Dotted names that the modules import and that are none of the application's own."""
    names: dict[str, Imported] = {}
    for module in modules:
        for item in module.imports:
            if program.top_level_is_own(item.module) and program.own(item.module):
                continue
            full = [item.module]
            if item.attribute and item.attribute != "*":
                full.append(f"{item.module}.{item.attribute}")
            for name in full:
                before = names.get(name)
                if before is None or (before.optional and not item.optional):
                    names[name] = Imported(program.evidence(module, item.line), item.optional)
    return names


@dataclass(frozen=True, slots=True)
class _Meaning:
    """What importing a name says, as the tables have it."""

    unsupported: tuple[str, str] | None = None  # module, why
    gpu: str | None = None
    compute: str | None = None
    websocket: str | None = None
    process: str | None = None
    outbound: tuple[tuple[str, str], ...] = ()  # library, protocol


@cache
def _meaning(full: str) -> _Meaning | None:
    """The meaning of a dotted name, None where it has none."""
    table = tables()

    def one_of(names: Iterable[str]) -> str | None:
        return next((n for n in names if full == n or full.startswith(n + ".")), None)

    reason = one_of(table["unsupported-stdlib"])
    websocket = one_of(table["websocket"]["imports"])
    if websocket is None and full in ("fastapi.WebSocket", "starlette.websockets.WebSocket"):
        websocket = full
    harmless = ("http.client.HTTPStatus", "requests.exceptions", "urllib.request.pathname")
    outbound = [
        (name, protocol)
        for protocol, libraries in table["outbound"].items()
        if not full.startswith(harmless) and (name := one_of(libraries))
    ]
    found = _Meaning(
        (reason, table["unsupported-stdlib"][reason]) if reason and not _harmless(full) else None,
        one_of(table["gpu"]["imports"]),
        one_of(table["compute"]["imports"]),
        websocket,
        one_of(table["subprocess"]["imports"]),
        tuple(outbound),
    )
    return found if found != _Meaning() else None


def import_facts(
    program: Program, module: Module, settled: Set[str], live: Sequence[Scope]
) -> Iterator[Fact]:
    """`live`: the module's scopes that the start or a request may lead to."""
    for item in module.imports:
        full = f"{item.module}.{item.attribute}" if item.attribute else item.module
        meaning = _meaning(full)
        if meaning is None or program.own(item.module):
            continue
        evidence = (Evidence(module.path, item.line),)
        if meaning.unsupported and not item.optional:
            yield Fact(
                FactKind.UNSUPPORTED_STDLIB,
                meaning.unsupported[0],
                evidence,
                meaning.unsupported[1],
                Reach.IMPORT,
            )
        if meaning.gpu:
            sure = Confidence.MEDIUM if meaning.gpu == "onnxruntime" else Confidence.HIGH
            yield Fact(FactKind.GPU, meaning.gpu, evidence, "", Reach.IMPORT, sure)
        if meaning.compute:
            yield Fact(FactKind.COMPUTE, meaning.compute, evidence, "", Reach.REQUEST, Confidence.MEDIUM)
        if meaning.websocket:
            yield Fact(FactKind.WEBSOCKET, meaning.websocket, evidence)
        if meaning.process:
            step = meaning.process in tables()["subprocess"]["steps"]
            sure = Confidence.LOW if step else Confidence.MEDIUM
            yield Fact(FactKind.SUBPROCESS, meaning.process, evidence, "", Reach.REQUEST, sure)
        for name, protocol in meaning.outbound:
            if name in settled:
                continue  # a call of this library says it, with its host or the lack of one
            if not _is_used(module, item, live):
                continue  # no connection is opened by a name that nobody uses
            yield Fact(FactKind.OUTBOUND, protocol, evidence, "", Reach.REQUEST, Confidence.MEDIUM)
            if protocol in tables()["database"]["protocols"]:
                yield Fact(FactKind.DATABASE, protocol, evidence, "", Reach.REQUEST, Confidence.MEDIUM)


def _is_used(module: Module, item: Import, live: Sequence[Scope]) -> bool:
    """Whether a module does more with an import than to have it and to catch its errors."""
    target = f"{item.module}.{item.attribute}" if item.attribute else item.module
    names = {
        local
        for local, meant in module.names.items()
        if target == meant or target.startswith(f"{meant}.") or item.attribute == "*"
    }
    if not names or item.attribute == "*":
        return True
    for part in live:
        called = (node[0] for node in part.nodes if isinstance(node, tuple))
        calls = (dotted(node.func) for node in part.nodes if isinstance(node, ast.Call))
        for name in (*part.names, *called, *calls):
            if name and name.partition(".")[0] in names and not name.endswith(_ERRORS):
                return True
        if any(not isinstance(node, tuple) and getattr(node, "decorator_list", ()) for node in part.nodes):
            marks = (m for node in part.nodes for m in getattr(node, "decorator_list", ()))
            if any(isinstance(n, ast.Name) and n.id in names for mark in marks for n in ast.walk(mark)):
                return True
    return False


_ERRORS = ("Error", "Exception", "Timeout", "errors", "exceptions")


def _harmless(name: str) -> bool:
    """Parts of unusable modules that work all the same."""
    return name in ("multiprocessing.cpu_count", "ctypes.util")
