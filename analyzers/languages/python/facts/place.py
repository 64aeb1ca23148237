"""Where in the application a fact is looked for, and what expressions mean there."""

from __future__ import annotations

import ast
import re
from urllib.parse import urlsplit

from analyzers.languages.python.entry import Entry
from analyzers.languages.python.facts.state import State
from analyzers.languages.python.modules import Program
from analyzers.languages.python.scopes import Calls, Scope
from analyzers.languages.python.values import UnknownValueError, evaluate, text_of, written
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach


class Place:
    """A scope with all that its expressions can mean; makes its facts."""

    def __init__(self, program: Program, entry: Entry, calls: Calls, state: State, scope: Scope) -> None:
        self.program = program
        self.entry = entry
        self.calls = calls
        self.state = state
        self.scope = scope
        self.module = scope.module
        function = scope.function
        self.reach = function.reach if function is not None else Reach.IMPORT
        self.sure = function is None or function.sure

    def fact(
        self,
        kind: FactKind,
        subject: str,
        node: ast.AST,
        detail: str = "",
        sure: Confidence = Confidence.HIGH,
    ) -> Fact:
        evidence = (Evidence(self.module.path, getattr(node, "lineno", 1)),)
        # Neither start nor requests are seen to lead here: commands, dead code, or a call in disguise.
        if self.reach is Reach.UNKNOWN:
            sure = Confidence.LOW
        elif not self.sure and sure is Confidence.HIGH:
            sure = Confidence.MEDIUM
        return Fact(kind, subject, evidence, detail, self.reach, sure)

    def origin(self, node: ast.expr) -> str:
        return self.scope.origin(node) or ""

    def default(self, node: ast.expr) -> str:
        """A default as the detail of ENV_READ: its value where known, else as written; '' for empty text."""
        try:
            value = evaluate(self.program, self.module, node)
        except UnknownValueError:
            return written(node)
        return str(value) if value != "" else "''"

    def path(self, node: ast.expr | None) -> str:
        if node is None:
            return "?"
        known, complete = text_of(self.program, self.module, node)
        return known if complete else written(node)

    def host(self, node: ast.expr) -> str:
        """`host[:port]` of a URL as far as it is known: literals, constants, the environment, defaults."""
        text, complete = text_of(self.program, self.module, node)
        if not text:
            text, complete = self.setting(node), True
        return host_of(text, complete)

    def setting(self, node: ast.expr) -> str:
        """`settings.API_URL`, `app.config["API_URL"]`: the one place where that name is given a value."""
        if isinstance(node, ast.JoinedStr):
            inner = next((p.value for p in node.values if isinstance(p, ast.FormattedValue)), None)
            if inner is None or not isinstance(node.values[0], ast.FormattedValue):
                return ""
            node = inner
        elif isinstance(node, ast.BinOp):
            while isinstance(node, ast.BinOp):
                node = node.left
        key = ""
        if isinstance(node, ast.Attribute):
            key = node.attr
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            key = str(node.slice.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            if node.func.attr in ("rstrip", "strip", "removesuffix"):
                return self.setting(node.func.value)
            if node.func.attr == "get" and isinstance(node.args[0], ast.Constant):
                key = str(node.args[0].value)
        values = self.state.constants.get(key, [])
        if len(values) != 1:
            return ""
        return text_of(self.program, *values[0])[0]


def host_of(text: str, complete: bool) -> str:
    """`host[:port]` of a URL; "" where the text ends before the host does."""
    if "://" not in text:
        return ""
    rest = text.partition("://")[2]
    if not complete and not re.search(r"[/?#]", rest):
        return ""
    try:
        url = urlsplit(text)
        host, port = url.hostname, url.port
    except ValueError:
        return ""
    if not host or not re.fullmatch(r"[A-Za-z0-9_.\-:]+", host):
        return ""
    return f"{host}:{port}" if port else host
