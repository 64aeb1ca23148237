"""probes.yaml becomes probes, strictly: what is unknown, impossible or an alias is an error with its line."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from migrate.errors import ProbesError
from migrate.model import Capture, Probe, ProbeSet, Step, StepKind

if TYPE_CHECKING:
    from yaml.nodes import Node

MAX_TEXT = 8 << 20
MAX_PROBES = 2000
MAX_BODY = 32 << 20
MAX_TIMEOUT = 600.0
MAX_DEPTH = 100

METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}\Z")
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")
PATH = re.compile(r"(?:/[\x21-\x7e]*|\*)\Z")
VALUE = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]*\Z")
PLACEHOLDER = re.compile(r"\{\{([A-Za-z_][A-Za-z0-9_]{0,63})\}\}")

_TOP = ("schema_version", "probes")
_BODIES = ("json", "form", "body", "body_base64", "multipart")
_PROBE = ("id", "method", "path", "headers", *_BODIES, "chunked", "session", "capture", "expect", "timeout")
_RAW = ("id", "raw", "expect", "timeout")
_STEPS = ("send", "send_base64", "pause", "read", "close")
_READ = ("head", "answer", "end")
_CLOSE = ("write", "both", "reset")
_REQUEST = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}) (/[\x21-\x7e]*|\*) ")
MAX_STEPS = 100
_PART = ("name", "value", "filename", "content", "content_base64", "content_type")
_SOURCES = ("header", "json", "regex", "cookie")
_FRAMING = frozenset({"content-length", "transfer-encoding"})


@dataclass(frozen=True, slots=True)
class _Reader:
    """The file's name, for errors."""

    origin: str

    def fail(self, node: Node, message: str, do: str = "") -> ProbesError:
        line = node.start_mark.line + 1 if node.start_mark else 0
        return ProbesError(f"{self.origin}:{line}: {message}", do=do or "See `dock2wasm schema probes`.")

    def mapping(self, node: Node, what: str, allowed: Iterable[str] | None) -> dict[str, Node]:
        from yaml.nodes import MappingNode, ScalarNode

        if not isinstance(node, MappingNode):
            raise self.fail(node, f"{what} must be a mapping.")
        found: dict[str, Node] = {}
        names = None if allowed is None else tuple(allowed)
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise self.fail(key, f"A key of {what} is no plain text.")
            if names is not None and key.value not in names:
                raise self.fail(
                    key, f"{what} has an unknown key {key.value!r}.", f"Known: {', '.join(names)}."
                )
            if key.value in found:
                raise self.fail(key, f"{what} has the key {key.value!r} twice.")
            found[key.value] = value
        return found

    def items(self, node: Node, what: str) -> list[Node]:
        from yaml.nodes import SequenceNode

        if not isinstance(node, SequenceNode):
            raise self.fail(node, f"{what} must be a list.")
        return list(node.value)

    def text(self, node: Node, what: str) -> str:
        from yaml.nodes import ScalarNode

        if not isinstance(node, ScalarNode) or node.tag == "tag:yaml.org,2002:null":
            raise self.fail(node, f"{what} must be text.")
        return str(node.value)

    def integer(self, node: Node, what: str, low: int, high: int) -> int:
        text = self.text(node, what)
        if not re.fullmatch(r"[0-9]{1,9}", text) or not low <= int(text) <= high:
            raise self.fail(node, f"{what} must be a whole number from {low} to {high}, not {text[:40]!r}.")
        return int(text)

    def number(self, node: Node, what: str, low: float, high: float) -> float:
        text = self.text(node, what)
        if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text) or not low <= float(text) <= high:
            raise self.fail(node, f"{what} must be a number from {low:g} to {high:g}, not {text[:40]!r}.")
        return float(text)

    def boolean(self, node: Node, what: str) -> bool:
        text = self.text(node, what)
        if node.tag != "tag:yaml.org,2002:bool" or text.lower() not in {"true", "false"}:
            raise self.fail(node, f"{what} must be true or false.")
        return text.lower() == "true"

    def value(self, node: Node) -> Any:
        """A JSON value. Dates stay the text they are written as."""
        from yaml.nodes import MappingNode, ScalarNode, SequenceNode

        if isinstance(node, MappingNode):
            return {name: self.value(one) for name, one in self.mapping(node, "json", None).items()}
        if isinstance(node, SequenceNode):
            return [self.value(one) for one in node.value]
        assert isinstance(node, ScalarNode)  # noqa: S101 - compose() gives these three only
        match node.tag.rpartition(":")[2]:
            case "null":
                return None
            case "bool":
                return self.boolean(node, "A boolean")
            case "int" if re.fullmatch(r"-?[0-9]{1,300}", node.value):
                return int(node.value)
            case "float" if re.fullmatch(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?", node.value):
                return float(node.value)
            case "int" | "float":
                raise self.fail(
                    node, f"{node.value[:40]!r} is no JSON number.", "Put it in quotes, or write it plainly."
                )
            case _:
                return str(node.value)


def read(text: str, origin: str) -> ProbeSet:
    """The probes of a file's text; `origin` is its name, for errors and the report.

    Raises ProbesError with file and line.
    """
    import yaml

    if len(text) > MAX_TEXT:
        raise ProbesError(f"{origin} is longer than {MAX_TEXT:,} characters.")
    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 0
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ProbesError(f"{origin}:{line}: nested deeper than {MAX_DEPTH} levels.")
            if isinstance(event, yaml.AliasEvent):
                raise ProbesError(
                    f"{origin}:{line}: aliases (*name) are not taken.", do="Write the value out."
                )
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise ProbesError(f"{origin}:{line}: this is no YAML.", why=error.problem or str(error)) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ProbesError(f"{origin}: this is no YAML.", why=str(error)) from None
    if root is None:
        raise ProbesError(f"{origin} is empty.", do="See `dock2wasm schema probes`.")
    reader = _Reader(origin)
    top = reader.mapping(root, "The file", _TOP)
    if "schema_version" not in top:
        raise reader.fail(root, "schema_version is missing.", "Write `schema_version: 1`.")
    reader.integer(top["schema_version"], "schema_version", 1, 1)
    if "probes" not in top:
        raise reader.fail(root, "probes is missing.")
    nodes = reader.items(top["probes"], "probes")
    if not 1 <= len(nodes) <= MAX_PROBES:
        raise reader.fail(top["probes"], f"There must be 1 to {MAX_PROBES} probes, not {len(nodes)}.")
    probes: list[Probe] = []
    ids: set[str] = set()
    captured: set[str] = set()
    for node in nodes:
        probe = _probe(reader, node, captured)
        if probe.id in ids:
            raise reader.fail(node, f"There are two probes with the id {probe.id!r}.")
        ids.add(probe.id)
        captured.update(capture.name for capture in probe.captures)
        probes.append(probe)
    return ProbeSet(tuple(probes), origin)


def _probe(reader: _Reader, node: Node, captured: set[str]) -> Probe:
    keys = reader.mapping(node, "A probe", (*_PROBE, "raw"))
    if "raw" in keys:
        return _raw_probe(reader, node)
    for needed in ("id", "path"):
        if needed not in keys:
            raise reader.fail(node, f"A probe lacks {needed!r}.")
    name = _matching(reader, keys["id"], "id", _ID, "letters, digits, `.`, `_`, `-`, at most 100")
    method = "GET"
    if "method" in keys:
        method = _matching(reader, keys["method"], "method", METHOD, "one HTTP token")
        if method == "CONNECT":
            raise reader.fail(keys["method"], "CONNECT is for proxies; it is not sent.")
    path = _matching(
        reader,
        keys["path"],
        "path",
        PATH,
        "`/` and then printable ASCII without spaces (write others percent-encoded)",
    )
    headers = _headers(reader, keys["headers"]) if "headers" in keys else ()
    body, content_type, texts = _body(reader, node, keys, name)
    if content_type and not any(field.lower() == "content-type" for field, _ in headers):
        headers = (*headers, ("Content-Type", content_type))
    for text in (path, *(value for _, value in headers), *texts):
        for placeholder in PLACEHOLDER.findall(text):
            if placeholder not in captured:
                raise reader.fail(
                    node,
                    f"Probe {name!r} uses {{{{{placeholder}}}}}, which no earlier probe captures.",
                    f"Captured so far: {', '.join(sorted(captured)) or 'nothing'}.",
                )
    return Probe(
        id=name,
        method=method,
        path=path,
        headers=headers,
        body=body,
        chunked=reader.boolean(keys["chunked"], "chunked") if "chunked" in keys else False,
        session=_matching(reader, keys["session"], "session", _ID, "a name") if "session" in keys else None,
        captures=_captures(reader, keys["capture"]) if "capture" in keys else (),
        expect_status=_expect(reader, keys),
        timeout=_timeout(reader, keys),
    )


def _expect(reader: _Reader, keys: Mapping[str, Node]) -> int | None:
    if "expect" not in keys:
        return None
    expected = reader.mapping(keys["expect"], "expect", ("status",))
    if "status" not in expected:
        raise reader.fail(keys["expect"], "expect lacks 'status'.")
    return reader.integer(expected["status"], "expect.status", 100, 599)


def _timeout(reader: _Reader, keys: Mapping[str, Node]) -> float:
    return reader.number(keys["timeout"], "timeout", 0.1, MAX_TIMEOUT) if "timeout" in keys else 30.0


def _raw_probe(reader: _Reader, node: Node) -> Probe:
    """A probe that says each byte and pause itself."""
    keys = reader.mapping(node, "A raw probe", _RAW)
    if "id" not in keys:
        raise reader.fail(node, "A probe lacks 'id'.")
    nodes = reader.items(keys["raw"], "raw")
    if not 1 <= len(nodes) <= MAX_STEPS:
        raise reader.fail(keys["raw"], f"raw must have 1 to {MAX_STEPS} steps, not {len(nodes)}.")
    steps = tuple(_step(reader, one) for one in nodes)
    if sum(len(step.data) * step.times for step in steps) > MAX_BODY:
        raise reader.fail(keys["raw"], f"The steps send more than {MAX_BODY:,} bytes.")
    line = _REQUEST.match(next((step.data for step in steps if step.data), b""))
    return Probe(
        id=_matching(reader, keys["id"], "id", _ID, "letters, digits, `.`, `_`, `-`, at most 100"),
        method=line[1].decode() if line else "RAW",
        path=line[2].decode() if line else "*",
        expect_status=_expect(reader, keys),
        timeout=_timeout(reader, keys),
        steps=steps,
    )


def _step(reader: _Reader, node: Node) -> Step:
    keys = reader.mapping(node, "A step", (*_STEPS, "times"))
    given = [key for key in _STEPS if key in keys]
    if len(given) != 1 or ("times" in keys and not given[0].startswith("send")):
        raise reader.fail(node, f"A step needs exactly one of {', '.join(_STEPS)} (`times` goes with send).")
    value = keys[given[0]]
    match given[0]:
        case "send" | "send_base64":
            text = given[0] == "send"
            data = _utf8(reader, value, reader.text(value, "send")) if text else _base64(reader, value)
            times = reader.integer(keys["times"], "times", 1, MAX_BODY) if "times" in keys else 1
            return Step(StepKind.SEND, data=data, times=times)
        case "pause":
            return Step(StepKind.PAUSE, seconds=reader.number(value, "pause", 0, MAX_TIMEOUT))
        case "read" if reader.text(value, "read").isascii() and reader.text(value, "read").isdigit():
            return Step(StepKind.READ, until="size", size=reader.integer(value, "read", 1, MAX_BODY))
        case "read":
            return Step(StepKind.READ, until=_one_of(reader, value, "read", _READ))
        case _:
            return Step(StepKind.CLOSE, until=_one_of(reader, value, "close", _CLOSE))


def _one_of(reader: _Reader, node: Node, what: str, known: tuple[str, ...]) -> str:
    text = reader.text(node, what)
    if text not in known:
        raise reader.fail(node, f"{what} is {text[:40]!r}; it must be one of {', '.join(known)}.")
    return text


def _matching(reader: _Reader, node: Node, what: str, pattern: re.Pattern[str], rule: str) -> str:
    text = reader.text(node, what)
    if not pattern.match(text):
        raise reader.fail(node, f"{what} is {text[:60]!r}; it must be {rule}.")
    return text


def _headers(reader: _Reader, node: Node) -> tuple[tuple[str, str], ...]:
    """A mapping, or a list of [name, value] pairs where order or repetition matters."""
    from yaml.nodes import MappingNode

    pairs: list[tuple[Node, Node]] = []
    if isinstance(node, MappingNode):
        reader.mapping(node, "headers", None)
        pairs = list(node.value)
    else:
        for item in reader.items(node, "headers"):
            both = reader.items(item, "A header")
            if len(both) != 2:
                raise reader.fail(item, "A header must be a pair: [name, value].")
            pairs.append((both[0], both[1]))
    headers = []
    for key, value in pairs:
        name = _matching(reader, key, "A header's name", METHOD, "one HTTP token")
        if name.lower() in _FRAMING:
            raise reader.fail(key, f"{name} follows from the body.", "Use `chunked: true` for chunks.")
        text = reader.text(value, f"The header {name}")
        if not VALUE.match(text):
            raise reader.fail(value, f"The value of {name} holds a control character.")
        headers.append((name, text))
    return tuple(headers)


def _body(
    reader: _Reader, node: Node, keys: Mapping[str, Node], probe: str
) -> tuple[bytes, str | None, tuple[str, ...]]:
    """The body, its content type, and the texts in it that may hold placeholders."""
    given = [key for key in _BODIES if key in keys]
    if not given:
        return b"", None, ()
    if len(given) > 1:
        raise reader.fail(node, f"Probe {probe!r} has several bodies: {', '.join(given)}.")
    kind = given[0]
    value = keys[kind]
    content_type: str | None = None
    texts: tuple[str, ...] = ()
    match kind:
        case "json":
            text = json.dumps(reader.value(value), ensure_ascii=False)
            body, content_type, texts = _utf8(reader, value, text), "application/json", (text,)
        case "form":
            pairs = [
                (name, reader.text(one, f"The field {name}"))
                for name, one in reader.mapping(value, "form", None).items()
            ]
            text = "&".join(f"{_form(name)}={_form(one)}" for name, one in pairs)
            body, content_type, texts = text.encode(), "application/x-www-form-urlencoded", (text,)
        case "body":
            text = reader.text(value, "body")
            body, texts = _utf8(reader, value, text), (text,)
        case "body_base64":
            body = _base64(reader, value)
        case _:
            body, boundary, texts = _multipart(reader, value, probe)
            content_type = f"multipart/form-data; boundary={boundary}"
    if len(body) > MAX_BODY:
        raise reader.fail(value, f"The body is longer than {MAX_BODY:,} bytes.")
    return body, content_type, texts


def _form(text: str) -> str:
    """Percent-encoded, placeholders left as they are."""
    parts = []
    at = 0
    for found in PLACEHOLDER.finditer(text):
        parts += [quote_plus(text[at : found.start()], errors="surrogatepass"), found.group()]
        at = found.end()
    return "".join([*parts, quote_plus(text[at:], errors="surrogatepass")])


def _utf8(reader: _Reader, node: Node, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise reader.fail(node, "The text holds half a surrogate pair, which no UTF-8 can carry.") from None


def _base64(reader: _Reader, node: Node) -> bytes:
    try:
        return base64.b64decode("".join(reader.text(node, "base64").split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise reader.fail(node, f"This is no base64: {error}.") from None


def _multipart(reader: _Reader, node: Node, probe: str) -> tuple[bytes, str, tuple[str, ...]]:
    """RFC 7578. The boundary follows from the probe's id: the same request every time."""
    boundary = f"dock2wasm-{hashlib.sha256(probe.encode()).hexdigest()[:24]}"
    pieces: list[bytes] = []
    texts: list[str] = []
    for item in reader.items(node, "multipart"):
        part = reader.mapping(item, "A part", _PART)
        if "name" not in part:
            raise reader.fail(item, "A part lacks 'name'.")
        name = _quoted(reader, part["name"], "A part's name")
        contents = [key for key in ("value", "content", "content_base64") if key in part]
        if len(contents) != 1:
            raise reader.fail(item, "A part needs one of 'value', 'content', 'content_base64'.")
        disposition = f'form-data; name="{name}"'
        if "filename" in part:
            disposition += f'; filename="{_quoted(reader, part["filename"], "filename")}"'
        elif contents[0] != "value":
            raise reader.fail(item, f"A part with {contents[0]!r} is a file and needs 'filename'.")
        content_node = part[contents[0]]
        if contents[0] == "content_base64":
            content = _base64(reader, content_node)
        else:
            text = reader.text(content_node, contents[0])
            texts.append(text)
            content = _utf8(reader, content_node, text)
        lines = [f"--{boundary}", f"Content-Disposition: {disposition}"]
        if "content_type" in part:
            lines.append(f"Content-Type: {_quoted(reader, part['content_type'], 'content_type')}")
        elif "filename" in part:
            lines.append("Content-Type: application/octet-stream")
        pieces.append("\r\n".join(lines).encode() + b"\r\n\r\n" + content + b"\r\n")
    return b"".join(pieces) + f"--{boundary}--\r\n".encode(), boundary, tuple(texts)


def _quoted(reader: _Reader, node: Node, what: str) -> str:
    text = reader.text(node, what)
    if not VALUE.match(text):
        raise reader.fail(node, f"{what} holds a control character.")
    _utf8(reader, node, text)
    return text.replace('"', "%22")


def _captures(reader: _Reader, node: Node) -> tuple[Capture, ...]:
    found = []
    for name, source in reader.mapping(node, "capture", None).items():
        if not _NAME.match(name):
            raise reader.fail(source, f"{name[:60]!r} is no name for a capture: letters, digits and `_`.")
        where = reader.mapping(source, f"capture {name}", _SOURCES)
        if len(where) != 1:
            raise reader.fail(source, f"capture {name} needs exactly one of {', '.join(_SOURCES)}.")
        (kind, expression_node), *_ = where.items()
        expression = reader.text(expression_node, f"capture {name}")
        if not expression or len(expression) > 1000:
            raise reader.fail(expression_node, f"capture {name} must have 1 to 1000 characters.")
        if kind == "regex":
            try:
                groups = re.compile(expression).groups
            except (re.error, RecursionError, OverflowError) as error:
                raise reader.fail(
                    expression_node, f"capture {name} is no regular expression: {error}."
                ) from None
            if groups < 1:
                raise reader.fail(expression_node, f"The expression of capture {name} has no (group).")
        found.append(Capture(name, kind, expression))
    return tuple(found)


def to_json(probe: Probe) -> dict[str, Any]:
    """A probe as it stands in reports. Bodies are text where they are UTF-8, else base64."""
    if probe.steps:
        expected = {"expect": {"status": probe.expect_status}} if probe.expect_status else {}
        return {"raw": [_step_to_json(step) for step in probe.steps], **expected}
    found: dict[str, Any] = {
        "method": probe.method,
        "path": probe.path,
        "headers": [list(p) for p in probe.headers],
    }
    if probe.body:
        found |= body_to_json(probe.body)
    optional: Iterator[tuple[str, Any]] = iter(
        (
            ("chunked", probe.chunked or None),
            ("session", probe.session),
            ("capture", {c.name: {c.source: c.expression} for c in probe.captures} or None),
            ("expect", {"status": probe.expect_status} if probe.expect_status else None),
        )
    )
    return found | {key: value for key, value in optional if value is not None}


def _step_to_json(step: Step) -> dict[str, Any]:
    match step.kind:
        case StepKind.SEND:
            times = {"times": step.times} if step.times > 1 else {}
            return {f"send{key[4:]}": value for key, value in body_to_json(step.data).items()} | times
        case StepKind.PAUSE:
            return {"pause": step.seconds}
        case StepKind.READ:
            return {"read": step.size if step.until == "size" else step.until}
        case StepKind.CLOSE:
            return {"close": step.until}


def body_to_json(body: bytes) -> dict[str, str]:
    """`{"body": text}` where that is the same bytes, else `{"body_base64": ...}`."""
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return body_base64(body)


def body_base64(body: bytes) -> dict[str, str]:
    """`{"body_base64": ...}`."""
    return {"body_base64": base64.b64encode(body).decode()}


def digest(probes: ProbeSet, environment: Mapping[str, str], secrets: Iterable[str]) -> str:
    """`sha256:...` of everything that decides what the original is asked and how it is set up.

    Of secrets only the names count: a hash of a short secret in a committed file could be guessed back.
    """
    said = [[probe.id, to_json(probe), probe.timeout] for probe in probes.probes]
    canonical = json.dumps(
        ["dock2wasm-probes-1", said, dict(environment), sorted(set(secrets))],
        sort_keys=True,
        ensure_ascii=True,
    )
    return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"
