"""Secrets that each start makes anew: what one instance signs, the next one refuses."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.syntax import name_of
from analyzers.languages.python.tables import tables
from analyzers.languages.python.values import written
from analyzers.model import Confidence, Fact, FactKind, Reach

_SECRET = re.compile(r"secret|(^|_)key$|salt|csrf|sign|jwt|token|fernet", re.IGNORECASE)
_VARIABLES = frozenset({"os.environ", "os.environ.get", "os.getenv"})


def made_at_start(at: Place, targets: Sequence[ast.expr], value: ast.expr) -> Iterator[Fact]:
    """An assignment, while the application is imported, of a random value to what is named like a secret.

    The fact's detail is the variable that is taken instead where it is set.
    """
    if at.reach is not Reach.IMPORT or not any(_SECRET.search(_name(target)) for target in targets):
        return
    calls = [node for node in ast.walk(value) if isinstance(node, ast.Call)]
    made = next((one for one in calls if at.origin(one.func) in tables()["start_random"]["calls"]), None)
    if made is not None:
        yield at.fact(FactKind.START_SECRET, written(made), made, _variable(at, value), Confidence.HIGH)


def _name(target: ast.expr) -> str:
    if isinstance(target, ast.Subscript) and isinstance(target.slice, ast.Constant):
        return str(target.slice.value)
    return target.attr if isinstance(target, ast.Attribute) else name_of(target) or ""


def _variable(at: Place, value: ast.expr) -> str:
    """The environment variable that an expression reads, "" where it reads none."""
    for node in ast.walk(value):
        key: ast.expr | None = None
        if isinstance(node, ast.Call) and node.args and at.origin(node.func) in _VARIABLES:
            key = node.args[0]
        elif isinstance(node, ast.Subscript) and at.origin(node.value) in _VARIABLES:
            key = node.slice
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            return key.value
    return ""
