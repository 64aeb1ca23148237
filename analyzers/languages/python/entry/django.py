"""Django's settings module."""

from __future__ import annotations

import ast

from analyzers.languages.python.modules import Module, Program
from analyzers.languages.python.values import UnknownValueError, evaluate


def settings_module(program: Program, module: Module) -> str | None:
    """The settings module: the environment's, else the default that the module sets."""
    if given := program.env.get("DJANGO_SETTINGS_MODULE"):
        return given
    for node in (*module.summary.calls, *module.summary.assignments):
        match node:
            case ast.Call(func=ast.Attribute(attr="setdefault"), args=[ast.Constant(value=key), value_node]):
                if key != "DJANGO_SETTINGS_MODULE":
                    continue
            case ast.Assign(
                targets=[ast.Subscript(slice=ast.Constant(value="DJANGO_SETTINGS_MODULE"))], value=value_node
            ):
                pass
            case _:
                continue
        try:
            value = evaluate(program, module, value_node)
        except UnknownValueError:
            continue
        if isinstance(value, str):
            return value
    return None
