"""OpenAPI 3 and Swagger 2 documents: each operation once with what it needs, and once with all it takes.

Values are the document's own examples, defaults and enumerations, else the plainest of their type. A path's
parameter is taken from an answer where a list of the same resource is asked before: `/items/{id}` from the
first element of `/items`. Only operations that change nothing are asked unless `unsafe`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from migrate.model import Capture, Probe
from migrate.reports.wire.probes import MAX_PROBES
from migrate.validate.requests.make import Maker

_SAFE = ("get", "head", "options")
_UNSAFE = ("post", "put", "patch", "delete")
_DEPTH = 12  # levels of a schema that are filled in
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
    "email": "someone@example.org",
    "uri": "https://example.org/",
    "hostname": "example.org",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "byte": "YWJj",
}


def read(value: dict[str, Any], maker: Maker, *, unsafe: bool = False) -> tuple[Probe, ...]:
    """The operations of a document. Raises ProbesError where it has none."""
    paths = value.get("paths")
    if not isinstance(paths, dict) or not paths:
        raise maker.fail(1, "The document has no paths.")
    document = _Document(value)
    probes: list[Probe] = []
    skipped = 0
    # Lists before what they list.
    for path in sorted((one for one in paths if isinstance(one, str)), key=lambda one: (one.count("{"), one)):
        item = document.resolved(paths[path])
        for method in (*_SAFE, *_UNSAFE):
            operation = item.get(method) if isinstance(item, dict) else None
            if not isinstance(operation, dict):
                continue
            if method in _UNSAFE and not unsafe:
                skipped += 1
            elif len(probes) < MAX_PROBES - 1:
                probes += _operation(document, maker, path, method, item, operation, probes)
    if skipped:
        maker.notes.append(f"{skipped} operations that may change something (--unsafe asks them)")
    if not probes:
        raise maker.fail(
            1, "No operation of the document can be asked.", "Use --unsafe for those that change something."
        )
    return tuple(probes)


@dataclass(frozen=True, slots=True)
class _Document:
    value: dict[str, Any]

    @property
    def base(self) -> str:
        servers = self.value.get("servers")
        first = servers[0] if isinstance(servers, list) and servers else None
        url = first.get("url") if isinstance(first, dict) else self.value.get("basePath")
        if not isinstance(url, str) or "{" in url:
            return ""
        try:
            return urlsplit(url).path.rstrip("/")
        except ValueError:
            return ""

    def resolved(self, node: Any) -> Any:
        """What a local `$ref` names; a foreign or endless one is nothing."""
        for _ in range(_DEPTH):
            if not isinstance(node, dict) or not isinstance(node.get("$ref"), str):
                return node
            target: Any = self.value
            for step in node["$ref"].removeprefix("#/").split("/"):
                name = step.replace("~1", "/").replace("~0", "~")
                target = target.get(name) if isinstance(target, dict) else None
            node = target
        return None

    def example(self, node: Any, depth: int = 0) -> Any:
        """A plain value that fits a schema."""
        schema = self.resolved(node)
        if not isinstance(schema, dict) or depth > _DEPTH:
            return None
        for key in ("example", "default", "const"):
            if key in schema:
                return schema[key]
        for key in ("examples", "enum"):
            if isinstance(schema.get(key), list) and schema[key]:
                return schema[key][0]
        for key in ("allOf", "oneOf", "anyOf"):
            parts = schema.get(key)
            if isinstance(parts, list) and parts:
                values = [self.example(part, depth + 1) for part in (parts if key == "allOf" else parts[:1])]
                if all(isinstance(value, dict) for value in values):
                    return {name: one for value in values for name, one in value.items()}
                return values[0]
        kind = schema.get("type")
        kind = next((one for one in kind if one != "null"), None) if isinstance(kind, list) else kind
        if kind == "object" or "properties" in schema:
            members = schema.get("properties")
            members = members if isinstance(members, dict) else {}
            return {name: self.example(one, depth + 1) for name, one in members.items()}
        return self._plain(schema, kind, depth)

    def _plain(self, schema: dict[str, Any], kind: Any, depth: int) -> Any:
        match kind:
            case "array":
                return [self.example(schema.get("items"), depth + 1)]
            case "integer" | "number":
                least = schema.get("minimum", 1)
                return least if isinstance(least, int | float) else 1
            case "boolean":
                return True
            case "string" | None:
                text = _FORMATS.get(str(schema.get("format", "")), "text")
                least, most = schema.get("minLength"), schema.get("maxLength")
                if isinstance(least, int) and len(text) < least <= 10_000:
                    text = text.ljust(least, "x")
                return text[:most] if isinstance(most, int) and most > 0 else text
            case _:
                return None


def _operation(
    document: _Document,
    maker: Maker,
    path: str,
    method: str,
    item: dict[str, Any],
    operation: dict[str, Any],
    before: list[Probe],
) -> Iterator[Probe]:
    parameters: dict[tuple[str, str], dict[str, Any]] = {}
    for node in (*_listed(item.get("parameters")), *_listed(operation.get("parameters"))):
        one = document.resolved(node)
        if isinstance(one, dict) and isinstance(one.get("name"), str):
            parameters[str(one.get("in")), one["name"]] = one
    filled = _path(document, path, parameters, before)
    if filled is None:
        maker.notes.append(f"{method.upper()} {path}, whose path parameters are not described")
        return
    body, content_type = _body(document, operation, parameters)
    name = str(operation.get("operationId") or f"{method}-{path}")
    done = set()
    for whole in (False, True):
        query, headers = [], [("Content-Type", content_type)] if content_type else []
        for (place, key), one in parameters.items():
            if not (whole or one.get("required")):
                continue
            value = _text(_value(document, one))
            if place == "query":
                query.append((key, value))
            elif place == "header" and key.lower() not in {"accept", "content-type", "authorization"}:
                headers.append((key, value))
            elif place == "cookie":
                headers.append(("Cookie", f"{key}={value}"))
        target = document.base + filled + (f"?{urlencode(query)}" if query else "")
        if (target, tuple(headers)) not in done:
            done.add((target, tuple(headers)))
            captures = _captures(document, path, operation) if not whole and method == "get" else ()
            yield maker.probe(
                1, method.upper(), target, headers, body, name=name, session="openapi", captures=captures
            )


def _listed(node: Any) -> list[Any]:
    return node if isinstance(node, list) else []


def _value(document: _Document, parameter: dict[str, Any]) -> Any:
    if "example" in parameter:
        return parameter["example"]
    examples = parameter.get("examples")
    if isinstance(examples, dict) and examples:
        first = document.resolved(next(iter(examples.values())))
        if isinstance(first, dict) and "value" in first:
            return first["value"]
    return document.example(parameter.get("schema", parameter))


def _text(value: Any) -> str:
    if isinstance(value, str):
        return re.sub(r"[\x00-\x1f\x7f]", "", value)
    if isinstance(value, list) and all(isinstance(one, str | int | float) for one in value):
        return ",".join(map(_text, value))
    return json.dumps(value, default=str)


def _path(
    document: _Document, path: str, parameters: dict[tuple[str, str], dict[str, Any]], before: list[Probe]
) -> str | None:
    """The path with its parameters filled in: captured where a list was asked, else by example."""
    parts = []
    known = {capture.name for probe in before for capture in probe.captures}
    for index, part in enumerate(re.split(r"\{([^{}]*)\}", path)):
        if index % 2 == 0:
            parts.append(quote(part, safe="/:@!$&'()*+,;=~%-._"))
            continue
        listed = _name("".join(path.partition("{" + part + "}")[:1]))
        if listed in known:
            parts.append(f"{{{{{listed}}}}}")
        elif ("path", part) in parameters:
            parts.append(quote(_text(_value(document, parameters["path", part])), safe="") or "1")
        else:
            return None
    return "".join(parts)


def _name(path: str) -> str:
    """The name of what is captured from the list at a path."""
    return ("id" + re.sub(r"\W+", "_", path.rstrip("/")))[:60]


def _captures(document: _Document, path: str, operation: dict[str, Any]) -> tuple[Capture, ...]:
    """The id of the first element, where the answer is described as a list of objects that have one."""
    responses = operation.get("responses")
    answer = (
        document.resolved(responses.get("200", responses.get("default")))
        if isinstance(responses, dict)
        else None
    )
    content = answer.get("content") if isinstance(answer, dict) else None
    media = content.get("application/json") if isinstance(content, dict) else answer
    schema = document.resolved(media.get("schema")) if isinstance(media, dict) else None
    if not isinstance(schema, dict):
        return ()
    properties = schema.get("properties")
    lists = [("", schema)] + [
        (f"{name}.", document.resolved(one))
        for name, one in (properties.items() if isinstance(properties, dict) else ())
    ]
    for prefix, one in lists:
        element = document.resolved(one.get("items")) if isinstance(one, dict) else None
        members = element.get("properties") if isinstance(element, dict) else None
        if isinstance(members, dict) and "." not in prefix.removesuffix("."):
            ids = [name for name in members if re.fullmatch(r"(?i)id|uuid|slug|sku|key|.*_id", name)]
            if ids:
                return (Capture(_name(path), "json", f"{prefix}0.{ids[0]}"),)
    return ()


def _body(
    document: _Document, operation: dict[str, Any], parameters: dict[tuple[str, str], dict[str, Any]]
) -> tuple[bytes, str]:
    request = document.resolved(operation.get("requestBody"))
    content = request.get("content") if isinstance(request, dict) else None
    if isinstance(content, dict) and content:
        media = "application/json" if "application/json" in content else next(iter(content))
        described = content[media] if isinstance(content[media], dict) else {}
        value = _value(document, described)
    else:
        inline = next((one for (place, _), one in parameters.items() if place == "body"), None)
        if inline is None:
            return b"", ""
        media, value = "application/json", document.example(inline.get("schema"))
    if media == "application/x-www-form-urlencoded" and isinstance(value, dict):
        return urlencode({key: _text(one) for key, one in value.items()}).encode(), media
    if isinstance(value, str) and "json" not in media:
        return value.encode("utf-8", "replace"), media
    return json.dumps(value, ensure_ascii=False, default=str).encode("utf-8", "replace"), media
