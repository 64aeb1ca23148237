"""The HTTP routes of a Go program, with the prefixes of groups and sub-routers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang import calls as uses
from analyzers.languages.golang.calls import Call
from analyzers.languages.golang.files import Function, GoFile
from analyzers.languages.golang.nodes import assigned, parameter_position
from analyzers.languages.golang.program import Program
from analyzers.languages.golang.values import Values
from analyzers.model import Route

if TYPE_CHECKING:
    from tree_sitter import Node

_VERBS = {
    name: name.upper()
    for verb in ("get", "post", "put", "patch", "delete", "head", "options", "connect", "trace")
    for name in (verb.upper(), verb.title())
}
_ANY = frozenset({"Handle", "HandleFunc", "Any", "All", "HandlerFunc", "Handler", "ANY"})
_METHOD_FIRST = frozenset({"Method", "MethodFunc", "Handle", "HandlerFunc", "Handler", "HandleFunc", "Add"})
_GROUPS = frozenset({"Group", "Route", "PathPrefix", "Party", "Mount", "Path", "Namespace"})
_PATTERN = re.compile(
    r"(?:(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS|CONNECT|TRACE)\s+)?([\w.-]*)(/.*)", re.DOTALL
)
_ROUTES = 5_000


def find(program: Program, calls: Sequence[Call], values: Values) -> tuple[Route, ...]:
    """Routes in reading order. Where no method is stated, every method is answered: `*`."""
    found: dict[tuple[str, str], Route] = {}
    prefixes = _Prefixes(program, calls, values)
    for call in calls:
        if call.literal or (call.name not in _VERBS and call.name not in _ANY | _METHOD_FIRST):
            continue
        if len(call.arguments) < 2 or len(found) > _ROUTES:
            continue
        if call.alias and not (call.alias == "net/http" and call.name in ("Handle", "HandleFunc")):
            continue  # http.Get(url) is a client's
        one = _route(program, call, values, prefixes)
        if one is not None:
            found.setdefault((one.method, one.path), one)
    return tuple(found.values())


def _route(program: Program, call: Call, values: Values, prefixes: _Prefixes) -> Route | None:
    first = values.resolve(call.file, call.function, call.arguments[0])
    handler = call.arguments[1]
    method, path = _VERBS.get(call.name, "*"), first
    if first is not None and first in _VERBS and call.name in _METHOD_FIRST and len(call.arguments) > 2:
        method, path = first, values.resolve(call.file, call.function, handler)
        handler = call.arguments[2]
    if path is None or "\n" in path or len(path) > 300 or values_like(handler):
        return None
    if call.name in _VERBS and call.operand is None:
        return None
    match = _PATTERN.fullmatch(path)
    if match is None and not (path == "" and call.name in _VERBS):
        return None
    stated, own = (match[1] or "", match[3]) if match else ("", "")
    if match and match[2] and call.name not in _ANY:
        return None  # a host before the path: only ServeMux takes that
    stated = stated or (method if method != "*" else _methods_after(call)) or "*"
    whole = prefixes.of(call.file, call.function, call.operand, 0) + prefixes.around(
        call.file, call.function, call.node
    )
    text = re.sub(r"//+", "/", f"{whole}{own}") or "/"
    return Route(stated, text, uses.evidence(program, call))


def values_like(node: Node) -> bool:
    """Whether an argument is data, so that the call is no route."""
    return node.type in (
        "interpreted_string_literal",
        "raw_string_literal",
        "int_literal",
        "nil",
        "true",
        "false",
    )


def _methods_after(call: Call) -> str:
    """`.Methods("GET")` of gorilla/mux, behind the call."""
    selector = call.node.parent
    outer = selector.parent if selector is not None and selector.type == "selector_expression" else None
    for _ in range(4):
        if selector is None or outer is None or outer.type != "call_expression":
            return ""
        name = selector.child_by_field_name("field")
        held = outer.child_by_field_name("arguments")
        if name is not None and syntax.text(name) == "Methods" and held is not None:
            match = re.search(r'"([A-Z]+)"|http\.Method(\w+)', syntax.text(held))
            return (match[1] or match[2].upper()) if match else ""
        selector = outer.parent
        outer = selector.parent if selector is not None and selector.type == "selector_expression" else None
    return ""


class _Prefixes:
    """What stands before a route's path: groups in variables, closures of `Route`, sub-routers handed on."""

    def __init__(self, program: Program, calls: Sequence[Call], values: Values) -> None:
        self.program = program
        self.values = values
        self._by_name: dict[str, list[Call]] = {}
        for call in calls:
            if not call.literal:
                self._by_name.setdefault(call.name, []).append(call)

    def of(self, file: GoFile, function: Function | None, node: Node | None, depth: int) -> str:
        """The prefix that an expression for a router carries."""
        if node is None or depth > 8:
            return ""
        if node.type == "call_expression":
            target, held = node.child_by_field_name("function"), node.child_by_field_name("arguments")
            if target is None or held is None or target.type != "selector_expression":
                return ""
            name = target.child_by_field_name("field")
            rest = self.of(file, function, target.child_by_field_name("operand"), depth + 1)
            if name is not None and syntax.text(name) in _GROUPS and held.named_children:
                own = self.values.resolve(file, function, held.named_children[0]) or ""
                return (
                    rest + (own if own.startswith("/") or not own else "/" + own) if len(own) < 200 else rest
                )
            return rest
        if node.type == "identifier" and function is not None:
            return self._of_variable(file, function, syntax.text(node), depth)
        return ""

    def _of_variable(self, file: GoFile, function: Function, name: str, depth: int) -> str:
        here: Function | None = function
        while here is not None:
            for value in assigned(here, name):
                if value.type == "call_expression" and (found := self.of(file, here, value, depth + 1)):
                    return found
            position = parameter_position(here, name)
            if position is not None and here.kind == "function":
                for call in self._by_name.get(here.name, ())[:4]:
                    if position < len(call.arguments) and call.function is not here:
                        found = self.of(call.file, call.function, call.arguments[position], depth + 2)
                        found += self.around(call.file, call.function, call.node) if found else ""
                        if found:
                            return found
            here = here.outer
        return ""

    def around(self, file: GoFile, function: Function | None, node: Node) -> str:
        """The prefixes of the closures that hold a call: `r.Route("/api", func(r chi.Router) { … })`."""
        found = ""
        here = node.parent
        for _ in range(200):
            if here is None or here.type in ("function_declaration", "method_declaration"):
                break
            if here.type == "call_expression":
                target, held = here.child_by_field_name("function"), here.child_by_field_name("arguments")
                name = target.child_by_field_name("field") if target is not None else None
                arguments = held.named_children if held is not None else []
                inside = len(arguments) > 1 and arguments[-1].type == "func_literal"
                if (
                    name is not None
                    and syntax.text(name) in _GROUPS
                    and inside
                    and arguments[-1].start_byte < node.start_byte
                ):
                    own = self.values.resolve(file, function, arguments[0]) or ""
                    found = (own if len(own) < 200 else "") + found
            here = here.parent
        return found
