"""The routes of a program, by the ways in which Rust's web frameworks state them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.rust.scan import Call, File, plain, string
from analyzers.model import Evidence, Route
from analyzers.repository import Tree

if TYPE_CHECKING:
    from tree_sitter import Node

_METHODS = frozenset({"get", "post", "put", "delete", "patch", "head", "options", "trace", "connect"})
_ANY = "ANY"
_CHAIN = 80  # steps of a method chain that are followed from where a path is stated
_ATTRIBUTE = re.compile(
    r"#\[\s*(?:\w+::)*(get|post|put|delete|patch|head|options|trace|connect|route)\s*\((.*)\)\s*\]\s*$",
    re.DOTALL,
)
_LITERAL = re.compile(r'r?#*"([^"]*)"')
# fmt: off
_WEB = (
    "axum", "actix_web", "rocket", "warp", "poem", "tide", "salvo", "ntex", "gotham", "loco_rs", "viz",
    "trillium", "rouille", "route_recognizer", "hyper", "nickel", "iron", "thruster", "utoipa_axum", "aide",
    "salvo_core", "matchit", "routerify",
)
# fmt: on


def find(files: list[File], tree: Tree) -> tuple[Route, ...]:
    """The routes in the order in which the files are reached, each once."""
    mounts = _mounts(files)
    found: dict[tuple[str, str], Route] = {}
    for file in files:
        for method, path, line in (*_attributes(file, mounts), *_calls(file), *_macros(file)):
            path = path if path.startswith("/") else "/" + path
            place = Evidence(file.path, line, tree.line(file.path, line))
            found.setdefault((method, path), Route(method, path, place))
    return tuple(found.values())


def _attributes(file: File, mounts: dict[str, str]) -> Iterator[tuple[str, str, int]]:
    """`#[get("/x")]` of Rocket, Actix, ntex; what Rocket mounts a handler under goes before it."""
    for one in file.functions:
        for attribute in one.attributes:
            match = _ATTRIBUTE.match(attribute)
            if match is None:
                continue
            literal = _LITERAL.search(match[2])
            if literal is None:
                continue
            prefix = mounts.get(one.name, "").rstrip("/")
            path = prefix + literal[1] if literal[1] != "/" or not prefix else prefix
            if match[1] != "route":
                yield match[1].upper(), path, one.line
                continue
            methods = re.findall(r'method\s*=\s*"(\w+)"|\b(GET|POST|PUT|DELETE|PATCH)\b', match[2])
            for named in methods or [(_ANY, "")]:
                yield (named[0] or named[1]).upper(), path, one.line


def _mounts(files: list[File]) -> dict[str, str]:
    """Handler -> what Rocket's `mount` puts before it: `.mount("/api", routes![a, b])`."""
    found: dict[str, str] = {}
    for file in files:
        for call in file.calls:
            if call.path != ".mount" or len(call.arguments) < 2:
                continue
            prefix, routes = call.arguments[0], call.arguments[1]
            text = syntax.text(prefix)
            literal = _LITERAL.search(text)
            inner = re.search(r"routes!\s*[\[({](.*)[\])}]", syntax.text(routes), re.DOTALL)
            for name in re.findall(r"[\w:]+", inner[1]) if inner and literal else ():
                found.setdefault(name.rpartition("::")[2], literal[1] if literal else "")
    return found


def _calls(file: File) -> Iterator[tuple[str, str, int]]:
    uses = {path.partition("::")[0] for path in (*file.uses.values(), *file.globs)}
    known = [name for name in _WEB if name in uses or any(c.path.startswith(name + "::") for c in file.calls)]
    if not known:
        return
    nests = _nests(file)
    for call in file.calls:
        name = call.path[1:] if call.path.startswith(".") else call.path.rpartition("::")[2]
        arguments = call.arguments
        literal = _text(arguments[0]) if arguments else None
        if literal is None or not (
            literal.startswith("/") or (name in ("route", "at", "resource", "with_path") and literal == "")
        ):
            continue
        prefix = _prefix(call.node, nests)
        if name in ("route", "route_service", "at", "api_route") and call.path.startswith("."):
            methods = _methods(arguments[1]) if len(arguments) > 1 else _chained(call)
            for method in methods or [_ANY]:
                yield method, _joined(prefix, literal), call.line
        elif call.path.endswith(("web::resource", "web::Resource::new", "Resource::new")):
            for method in _chained(call) or [_ANY]:
                yield method, _joined(prefix, literal), call.line
        elif name in _METHODS and call.path.startswith(".") and len(arguments) > 1:  # gotham, routerify, viz
            yield name.upper(), _joined(prefix, literal), call.line
        elif name == "with_path" and "Router" in call.path:  # salvo
            for method in _chained(call):
                yield method, _joined(prefix, literal), call.line


def _nests(file: File) -> list[tuple[int, int, str]]:
    """Ranges of arguments that a prefix stands before: axum's `nest`, actix's `scope(…).service(…)`."""
    found: list[tuple[int, int, str]] = []
    for call in file.calls:
        name = call.path[1:] if call.path.startswith(".") else call.path.rpartition("::")[2]
        if name in ("nest", "nest_service", "nest_api_service") and len(call.arguments) > 1:
            literal = _text(call.arguments[0])
            if literal:
                found.append((call.arguments[1].start_byte, call.arguments[1].end_byte, literal))
        elif call.path.endswith(("web::scope", "Scope::new")) and call.arguments:
            literal = _text(call.arguments[0])
            if literal:
                end = call.node
                while end.parent is not None and end.parent.type in ("field_expression", "call_expression"):
                    end = end.parent
                found.append((call.node.end_byte, end.end_byte, literal))
    return found


def _prefix(node: Node, nests: list[tuple[int, int, str]]) -> str:
    name = node.child_by_field_name("arguments")
    offset = name.start_byte if name is not None else node.start_byte
    return "".join(prefix.rstrip("/") for start, end, prefix in nests if start <= offset < end)


def _joined(prefix: str, path: str) -> str:
    return prefix + path if path not in ("", "/") or not prefix else prefix


def _methods(node: Node) -> list[str]:
    """`get(a).post(b)` of axum and poem, `web::get().to(a)` of actix."""
    text = re.sub(r"\|\|.*|\{.*", "", syntax.text(node), flags=re.DOTALL)
    found = [m.upper() for m in re.findall(r"\b(\w+)\s*\(", text) if m in _METHODS]
    found += [
        m.upper().removesuffix("_SERVICE")
        for m in re.findall(r"\b(\w+_service)\s*\(", text)
        if m[:-8] in _METHODS
    ]
    return list(dict.fromkeys(found)) or ([_ANY] if re.search(r"\bany\s*\(", text) else [])


def _chained(call: Call) -> list[str]:
    """Methods that follow in the chain: `resource("/x").route(web::get()…)`, `at("/x").get(…)`."""
    found: list[str] = []
    here = call.node
    for _ in range(_CHAIN):
        if here.parent is None or here.parent.type not in ("field_expression", "call_expression"):
            break
        here = here.parent
        if here.type != "call_expression":
            continue
        function = here.child_by_field_name("function")
        name = function.child_by_field_name("field") if function is not None else None
        title = syntax.text(name) if name is not None else ""
        given = here.child_by_field_name("arguments")
        if title in _METHODS:
            found.append(title.upper())
        elif title == "route" and given is not None:
            if given.named_children and _text(given.named_children[0]) is None:
                found += _methods(given)
            else:
                break
        elif title in ("to", "to_async"):
            found.append(_ANY)
        elif title == "at":
            break
    return list(dict.fromkeys(found))


def _text(node: Node) -> str | None:
    if node.type in ("string_literal", "raw_string_literal"):
        return string(node)
    if node.type == "reference_expression" and node.named_children:
        return _text(node.named_children[-1])
    return None


def _macros(file: File) -> Iterator[tuple[str, str, int]]:
    """`warp::path!("a" / u32)`, and the chain's method filter; `router!` of rouille."""
    for macro in file.macros:
        name = macro.path.rpartition("::")[2]
        if name == "path" and "warp" in macro.path:
            parts = [part.strip() for part in macro.tokens.split("/")]
            path = "/" + "/".join(
                p.strip('"') if p.startswith('"') else "{" + plain(p) + "}" for p in parts if p and p != ".."
            )
            chain = macro.node
            while chain.parent is not None and chain.parent.type in ("field_expression", "call_expression"):
                chain = chain.parent
            method = re.search(
                r"\b(get|post|put|delete|patch|head|options)\s*\(\s*\)", syntax.text(chain)[:2_000]
            )
            yield (method[1].upper() if method else _ANY), path, macro.line
        elif name == "router":
            for match in re.finditer(
                r"\(\s*(GET|POST|PUT|DELETE|PATCH)\s*\)\s*[(\[]\s*([^)\]]*)[)\]]", macro.tokens
            ):
                line = macro.line + macro.tokens.count("\n", 0, match.start())
                yield match[1], match[2].strip().strip('"'), line
    for call in file.calls:  # warp::path("x") and path::end()
        if call.path in ("warp::path", "warp::path::path") and call.arguments:
            literal = _text(call.arguments[0])
            if literal and not literal.startswith("/"):
                yield _ANY, "/" + literal, call.line
