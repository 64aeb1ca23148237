"""Memory, files and work inside libraries: caches, limiters, passwords."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace

from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.syntax import argument, is_remote_address
from analyzers.languages.python.tables import tables
from analyzers.languages.python.values import text_of, written
from analyzers.model import Fact, FactKind, Reach


def other_call(at: Place, node: ast.Call, name: str) -> Iterator[Fact]:
    table = tables()
    if name in table["host"]["calls"]:
        yield at.fact(FactKind.HOST, name, node)
    if (
        node.args
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "get"
        and is_remote_address(node.func.value, node.args[0])
    ):
        yield at.fact(FactKind.CLIENT_ADDRESS, written(node), node)
    if name in table["unsupported-call"]:
        yield at.fact(FactKind.UNSUPPORTED_STDLIB, name, node, table["unsupported-call"][name])
    if name in table["compute"]["calls"]:
        yield at.fact(FactKind.COMPUTE, name, node)
    if name in table["cache"]["calls"] and at.scope.function is None:
        yield at.fact(FactKind.CACHE, name, node)
    if name == "flask_caching.Cache":
        kind = _cache_type(at, node)
        if kind in ("SimpleCache", "simple"):
            subject = f"{at.module.name} (flask_caching SimpleCache)"
            yield replace(at.fact(FactKind.MEMORY_STATE, subject, node, "SimpleCache"), reach=Reach.REQUEST)
        elif "FileSystem" in kind:
            yield replace(
                at.fact(FactKind.FILE_WRITE, "flask_caching FileSystemCache", node), reach=Reach.REQUEST
            )
    if name == "flask_limiter.Limiter":
        storage = argument(node, 99, "storage_uri")
        text = at.path(storage) if storage is not None else "memory://"
        if text.startswith("memory"):
            subject = f"{at.module.name} (Flask-Limiter counters)"
            yield replace(at.fact(FactKind.MEMORY_STATE, subject, node, "memory://"), reach=Reach.REQUEST)


def _cache_type(at: Place, node: ast.Call) -> str:
    config = argument(node, 1, "config")
    if isinstance(config, ast.Dict):
        for key, value in zip(config.keys, config.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "CACHE_TYPE":
                return text_of(at.program, at.module, value)[0].rpartition(".")[2]
    values = at.state.constants.get("CACHE_TYPE", [])
    return text_of(at.program, *values[0])[0].rpartition(".")[2] if len(values) == 1 else ""


def decorators(at: Place, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Fact]:
    for decorator in node.decorator_list:
        function = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = at.origin(function)
        if name in tables()["cache"]["calls"] and not isinstance(decorator, ast.Call):
            yield at.fact(FactKind.CACHE, f"{at.module.name}.{node.name}", decorator, name)
        if isinstance(function, ast.Attribute) and function.attr in ("websocket", "websocket_route"):
            yield at.fact(FactKind.WEBSOCKET, f"{at.module.name}.{node.name}", decorator)
