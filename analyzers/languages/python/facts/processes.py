"""Programs, threads, loops beside the requests, signals, and modules loaded by a computed name."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.syntax import argument
from analyzers.languages.python.tables import tables
from analyzers.languages.python.values import UnknownValueError, evaluate, text_of, written
from analyzers.model import Fact, FactKind, Reach


def process_call(at: Place, node: ast.Call, name: str) -> Iterator[Fact]:
    table = tables()
    if name.startswith(tuple(table["subprocess"]["prefixes"])) or name in table["subprocess"]["calls"]:
        if name.rpartition(".")[2][:1].isupper() and not name.endswith(
            ("Popen", "Process", "Pool", "Executor")
        ):
            return  # exceptions and constants
        yield at.fact(FactKind.SUBPROCESS, name, node, _program_name(at, node))
    if name in table["thread"]["calls"]:
        yield at.fact(FactKind.THREAD, name, node)
        target = argument(node, 1, "target") if name == "threading.Thread" else None
        inner = at.calls.scope_of(at.scope, target) if target is not None else None
        if inner is not None and inner.loops:
            yield at.fact(FactKind.BACKGROUND, f"{inner.module.name}.{inner.name}", inner.node)
    if name in table["background"]["calls"]:
        task = name in ("asyncio.create_task", "asyncio.ensure_future")
        if not task or at.reach is Reach.IMPORT:
            yield at.fact(FactKind.BACKGROUND, name, node)
    if name == "signal.signal" and node.args:
        yield at.fact(FactKind.SIGNAL, at.origin(node.args[0]).removeprefix("signal.") or "?", node)
    computes = name in ("importlib.import_module", "__import__", "runpy.run_module", "runpy.run_path")
    if computes and node.args:
        try:
            evaluate(at.program, at.module, node.args[0])
        except UnknownValueError:
            yield at.fact(FactKind.DYNAMIC_IMPORT, written(node), node)


def _program_name(at: Place, node: ast.Call) -> str:
    first = argument(node, 0, "args")
    if isinstance(first, ast.List | ast.Tuple) and first.elts:
        first = first.elts[0]
    text = text_of(at.program, at.module, first)[0] if first is not None else ""
    return text.split()[0] if text.split() else ""
