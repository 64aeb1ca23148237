"""The value of an expression, as far as literals, constants, the environment and defaults tell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.rust.scan import Field, File, plain, string

if TYPE_CHECKING:
    from tree_sitter import Node

_DEPTH = 14
_UNKNOWN = "{}"  # a part of a text that is not known
_THROUGH = frozenset({
    "reference_expression", "parenthesized_expression", "try_expression", "await_expression",
    "unary_expression", "expression_statement", "type_cast_expression", "return_expression",
})  # fmt: skip
_OR = frozenset(
    {"unwrap_or", "unwrap_or_else", "or", "or_else", "unwrap_or_default", "map_or", "map_or_else"}
)
# Fields whose value a variable of the same name gives, whatever library brings it there.
_ADDRESSES = frozenset(
    {"port", "host", "addr", "address", "bind", "listen", "bind_address", "bind_addr", "http_port"}
)
_INTEGER = re.compile(r"(\d[\d_]*)(?:[ui](?:8|16|32|64|128|size))?")


class Values:
    """Evaluates expressions of a program. `arguments` are those of its start command."""

    def __init__(self, files: Sequence[File], env: Mapping[str, str], arguments: Sequence[str]) -> None:
        self.files = files
        self.env = env
        self.arguments = arguments
        self.fields: dict[str, list[tuple[File, Field]]] = {}
        self.consts: dict[str, list[tuple[File, Node]]] = {}
        self.functions: dict[str, list[tuple[File, Node]]] = {}
        for file in files:
            for one in file.fields:
                self.fields.setdefault(one.name, []).append((file, one))
            for name, value in file.consts.items():
                self.consts.setdefault(name, []).append((file, value))
            for static in file.statics:
                if static.value is not None:
                    self.consts.setdefault(static.name, []).append((file, static.value))
            for function in file.functions:
                self.functions.setdefault(function.name, []).append((file, function.node))

    def text(self, node: Node | None, file: File, function: int, depth: int = 0) -> str | None:
        """The text that an expression gives, `{}` for parts that are not known; None where nothing is."""
        if node is None or depth > _DEPTH:
            return None
        kind = node.type
        if kind in ("string_literal", "raw_string_literal"):
            return string(node)
        if kind == "integer_literal":
            match = _INTEGER.fullmatch(syntax.text(node))
            return match[1].replace("_", "") if match else None
        if kind in _THROUGH:
            return self.text(
                _last(node) if kind != "type_cast_expression" else _first(node), file, function, depth + 1
            )
        if kind == "identifier":
            return self._name(syntax.text(node), file, function, node.start_byte, depth)
        if kind == "scoped_identifier":
            path = plain(syntax.text(node))
            if path.endswith("UNSPECIFIED"):
                return "0.0.0.0"  # noqa: S104 - a value that is read
            return self._name(path.rpartition("::")[2], file, function, node.start_byte, depth)
        if kind == "field_expression":
            name = node.child_by_field_name("field")
            return (
                self.setting(syntax.text(name), depth + 1, self._holder(node)) if name is not None else None
            )
        if kind == "macro_invocation":
            return self._format(node, file, function, depth)
        if kind == "call_expression":
            return self._call(node, file, function, depth)
        if kind in ("tuple_expression", "array_expression"):
            parts = [self.text(child, file, function, depth + 1) for child in node.named_children[:8]]
            if not parts or parts[-1] is None:
                return None
            return (":" if kind == "tuple_expression" else ".").join(
                _UNKNOWN if p is None else p for p in parts
            )
        if kind == "block":
            return self.text(_last(node), file, function, depth + 1)
        if kind == "closure_expression":
            return self.text(node.child_by_field_name("body"), file, function, depth + 1)
        if kind == "match_expression":
            return self._match(node, file, function, depth)
        if kind == "if_expression":
            for field in ("consequence", "alternative"):
                found = self.text(node.child_by_field_name(field), file, function, depth + 1)
                if found is not None:
                    return found
            return None
        if kind == "else_clause":
            return self.text(_last(node), file, function, depth + 1)
        return None

    def port(self, node: Node | None, file: File, function: int) -> int | None:
        """The port of an address."""
        return port_of(self.text(node, file, function))

    def _holder(self, node: Node) -> str:
        """The type of what holds a field, where another field says it: `Tls` of `self.tls.port`."""
        value = node.child_by_field_name("value")
        if value is None:
            return ""
        inner = value.child_by_field_name("field") if value.type == "field_expression" else value
        types = {one.type for _, one in self.fields.get(syntax.text(inner or value), [])}
        return types.pop() if len(types) == 1 else ""

    def setting(self, name: str, depth: int = 0, holder: str = "") -> str | None:
        """The value of a field that the command line, the environment or a default fills.

        `holder` is the type that the field belongs to; where it is not known and several types have a field
        of that name, nothing is said.
        """
        known = self.fields.get(name, [])
        if len(known) > 1 and holder:
            known = [one for one in known if re.search(rf"\b{re.escape(one[1].owner)}\b", holder)] or known
        if len({one.owner for _, one in known}) > 1:
            said = {self._stated(name, " ".join(one.attributes), at, depth) for at, one in known}
            if len(said - {None}) != 1:
                return None
        for file, field in known:
            text = " ".join(field.attributes)
            found = self._stated(name, text, file, depth)
            if found is not None:
                return found
        if known and name in _ADDRESSES:
            suffix = name.upper()
            given = [v for k, v in self.env.items() if k == suffix or k.endswith("_" + suffix)]
            if len(given) == 1:
                return given[0]
        for file, _ in known:
            match = re.search(rf"\b{re.escape(name)}\s*:\s*(\d{{2,5}})\b", syntax.text(file.root)[:200_000])
            if match:
                return match[1]
        return None

    def _stated(self, name: str, attributes: str, file: File, depth: int) -> str | None:
        if not attributes:
            return None
        long = re.search(r'\blong\s*=\s*"([^"]+)"', attributes)
        flags = ["--" + (long[1] if long else name.replace("_", "-"))]
        short = re.search(r"\bshort\s*=\s*['\"](\w)['\"]", attributes)
        if short or re.search(r"\bshort\b", attributes):
            flags.append("-" + (short[1] if short else name[:1]))
        if (given := self.option(*flags)) is not None:
            return given
        env = re.search(r'\b(?:env|from)\s*=\s*"([^"]+)"', attributes)
        variable = env[1] if env else name.upper() if re.search(r"\benv\b", attributes) else None
        if variable is not None and variable in self.env:
            return self.env[variable]
        if match := re.search(r'\bdefault(?:_value(?:_t)?)?\s*=\s*"([^"]*)"', attributes):
            made = self.functions.get(match[1], [])
            if made:
                at, node = made[0]
                return self.text(node.child_by_field_name("body"), at, -1, depth + 1)
            return match[1]
        if match := re.search(r"\bdefault_values?(?:_t)?\s*=\s*(\d+)", attributes):
            return match[1]
        if match := re.search(r"\bdefault_value(?:_t)?\s*=\s*(?:\w+::)*([A-Z]\w*)", attributes):
            return self._name(match[1], file, -1, 0, depth + 1)
        return None

    def option(self, *flags: str) -> str | None:
        """The value that the start command gives an option."""
        for position, word in enumerate(self.arguments):
            if word in flags and position + 1 < len(self.arguments):
                return self.arguments[position + 1]
            head, equals, value = word.partition("=")
            if equals and head in flags:
                return value
        return None

    def _name(self, name: str, file: File, function: int, before: int, depth: int) -> str | None:
        if function >= 0:
            value = file.bound(name, file.functions[function], before)
            if value is not None:
                return self.text(value, file, function, depth + 1)
        for at, value in self.consts.get(name, [])[:2]:
            return self.text(value, at, -1, depth + 1)
        if name in self.fields:
            return self.setting(name, depth + 1)
        return None

    def _call(self, node: Node, file: File, function: int, depth: int) -> str | None:
        called = node.child_by_field_name("function")
        given = node.child_by_field_name("arguments")
        arguments = given.named_children if given is not None else []
        if called is not None and called.type == "generic_function":
            called = called.child_by_field_name("function")
        if called is None:
            return None
        if called.type == "field_expression":
            name = syntax.text(called.child_by_field_name("field") or called)
            found = self.text(called.child_by_field_name("value"), file, function, depth + 1)
            if found is None and name in _OR:
                for argument in arguments:
                    found = found or self.text(argument, file, function, depth + 1)
            return found
        path = file.resolve(plain(syntax.text(called)))
        last = path.rpartition("::")[2]
        if last in ("var", "var_os") and "env" in path and arguments:
            variable = self.text(arguments[0], file, function, depth + 1)
            return self.env.get(variable) if variable else None
        if re.search(
            r"\b(?:SocketAddr\w*|String|Some|Ok|IpAddr|Ipv[46]Addr|Url|Arc|Box|Cow|PathBuf|Path)\b", path
        ):
            parts = [self.text(argument, file, function, depth + 1) for argument in arguments[:4]]
            if not parts or parts[-1] is None:
                return None
            joint = "." if "Ipv4Addr" in path else ":"
            return joint.join(_UNKNOWN if part is None else part for part in parts)
        own = self.functions.get(last, [])
        if own and len(own) <= 2:
            at, found_node = own[0]
            result = self.text(
                found_node.child_by_field_name("body"), at, _position(at, found_node), depth + 1
            )
            if result is not None:
                return result
        for argument in reversed(arguments):  # a helper: env_or("PORT", "8080")
            text = self.text(argument, file, function, depth + 1)
            if text is not None:
                first = self.text(arguments[0], file, function, depth + 1)
                return self.env.get(first or "", text)
        return None

    def _match(self, node: Node, file: File, function: int, depth: int) -> str | None:
        found = self.text(node.child_by_field_name("value"), file, function, depth + 1)
        if found is not None:
            return found
        body = node.child_by_field_name("body")
        for arm in body.named_children[:16] if body is not None else ():
            value = self.text(arm.child_by_field_name("value"), file, function, depth + 1)
            if value is not None:
                return value
        return None

    def _format(self, node: Node, file: File, function: int, depth: int) -> str | None:
        name = node.child_by_field_name("macro")
        tokens = next((c for c in node.named_children if c.type == "token_tree"), None)
        if (
            name is None
            or tokens is None
            or syntax.text(name).rpartition("::")[2] not in ("format", "concat", "env", "option_env")
        ):
            return None
        literal = next(
            (c for c in tokens.named_children if c.type in ("string_literal", "raw_string_literal")), None
        )
        if literal is None:
            return None
        pattern = string(literal)
        rest = syntax.text(tokens)[literal.end_byte - tokens.start_byte : -1]
        given = [part.strip().lstrip("&*") for part in rest.split(",")[1:]]
        position = 0

        def fill(match: re.Match[str]) -> str:
            nonlocal position
            inner = match[1].partition(":")[0]
            if not inner:
                inner = given[position] if position < len(given) else ""
                position += 1
            elif inner.isdigit():
                inner = given[int(inner)] if int(inner) < len(given) else ""
            inner = inner.partition("=")[2].strip() or inner
            last = inner.rpartition(".")[2]
            if not re.fullmatch(r"\w+", last):
                return _UNKNOWN
            value = (
                self.setting(last, depth + 1)
                if "." in inner
                else self._name(last, file, function, node.start_byte, depth + 1)
            )
            return _UNKNOWN if value is None else value[:500]

        return re.sub(r"\{([^{}]*)\}", fill, pattern)[:2_000]


def port_of(text: str | None) -> int | None:
    """The port in `8080`, `host:8080`, `[::]:8080` or `http://host:8080/`."""
    if text is None:
        return None
    match = re.fullmatch(r"(?:\w+://)?(?:.*[:\]])?:?(\d{1,5})/?", text.strip())
    number = int(match[1]) if match else 0
    return number if 0 < number < 65_536 else None


def _last(node: Node) -> Node | None:
    kept = [child for child in node.named_children if child.type not in ("line_comment", "block_comment")]
    return kept[-1] if kept else None


def _first(node: Node) -> Node | None:
    return node.named_children[0] if node.named_children else None


def _position(file: File, node: Node) -> int:
    return next((i for i, one in enumerate(file.functions) if one.start == node.start_byte), -1)
