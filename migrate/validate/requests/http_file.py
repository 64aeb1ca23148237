"""`.http`/`.rest` files (JetBrains, VS Code) and Hurl files, as they are.

Of `.http`: requests between `###`, `@name = value`, `{{name}}`, headers, bodies, `# @name`. Of Hurl:
requests, the sections Query, Form, Cookies and Captures, bodies, and the status that is expected. Scripts,
asserts and files that a body is read from are left out, and that is said.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from migrate.model import Capture, Probe
from migrate.reports.wire.probes import MAX_PROBES
from migrate.validate.requests.make import Maker

METHODS = (
    "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|TRACE|QUERY|LINK|UNLINK|PURGE|LOCK|UNLOCK|PROPFIND|COPY|MOVE"
)
REQUEST = re.compile(rf"(?P<method>{METHODS})\s+(?P<target>\S.*?)(?:\s+HTTP/[0-9.]+)?\s*\Z")
RESPONSE = re.compile(r"HTTP(?:/[0-9.]+)?\s+(?P<status>[0-9]{3}|\*)\s*\Z")
SECTION = re.compile(r"\[(?P<name>[A-Za-z]+)\]\s*\Z")
_HEADER = re.compile(r"(?P<name>[!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(?P<value>.*)\Z")
_VARIABLE = re.compile(r"@(?P<name>[\w.-]+)\s*=\s*(?P<value>.*?)\s*\Z")
_FILLED = re.compile(r"\{\{\s*([\w.$-]+)\s*\}\}")
_CAPTURE = re.compile(
    r"(?P<name>[A-Za-z_]\w*)\s*:\s*(?P<source>jsonpath|header|cookie|regex)\s+(?P<rest>.+?)\s*\Z"
)
_JSONPATH = re.compile(r"\$((?:\.[A-Za-z_][\w-]*|\[[0-9]+\]|\['[^'.]+'\])+)\Z")
_BARE = re.compile(r"(?:https?://|/|\{\{)\S+\Z")


@dataclass(slots=True)
class _Entry:
    """One request as it stands in the file."""

    line: int
    method: str
    target: str
    name: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    sections: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    expect: int | None = None


def read(text: str, maker: Maker) -> tuple[Probe, ...]:
    """The requests of a file. Raises ProbesError."""
    lines = text.replace("\r\n", "\n").split("\n")
    hurl = any(RESPONSE.match(line.strip()) or SECTION.match(line.strip()) for line in lines)
    variables: dict[str, str] = {}
    entries = list(_hurl(lines, maker) if hurl else _http(lines, maker, variables))
    if not entries:
        raise maker.fail(1, "There is no request here.", "Write `GET /path`.")
    if len(entries) > MAX_PROBES:
        raise maker.fail(entries[MAX_PROBES].line, f"There are more than {MAX_PROBES} requests.")
    captured: set[str] = set()
    return tuple(_probe(maker, entry, variables, captured) for entry in entries)


def _http(lines: list[str], maker: Maker, variables: dict[str, str]) -> Iterator[_Entry]:
    entry: _Entry | None = None
    name, in_body, script = "", False, False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if text.startswith("###"):
            if entry:
                yield entry
            entry, in_body, name = None, False, text.lstrip("#").strip()
        elif script or re.match(r"[<>]\s*\{%", text):
            script = "%}" not in text
            maker.notes.append(f"the script in line {number}") if not script else None
        elif entry is None:
            if match := _VARIABLE.match(text):
                variables[match["name"]] = match["value"]
            elif match := re.match(r"(?:#|//)\s*@name\s+(\S+)", text):
                name = match[1]
            elif not text or text.startswith(("#", "//")):
                continue
            elif match := REQUEST.match(text):
                entry = _Entry(number, match["method"], match["target"], name)
            elif _BARE.match(text):
                entry = _Entry(number, "GET", text, name)
            else:
                raise maker.fail(number, f"{text[:60]!r} begins no request.", "Write `GET /path`.")
        elif in_body:
            if re.match(r"(?:<|>>!?|<>)\s+\S", text):
                maker.notes.append(f"the file named in line {number}")
            else:
                entry.body.append(line)
        elif not text:
            in_body = True
        elif text.startswith(("?", "&")) and not entry.headers:
            entry.target += text
        elif match := _HEADER.match(text):
            entry.headers.append((match["name"], match["value"]))
        elif not text.startswith(("#", "//")):
            raise maker.fail(number, f"{text[:60]!r} is no header.", "A blank line goes before the body.")
    if entry:
        yield entry


def _hurl(lines: list[str], maker: Maker) -> Iterator[_Entry]:
    entry: _Entry | None = None
    state, fenced = "start", False
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if fenced:
            fenced = text != "```"
            if entry and fenced:
                entry.body.append(line)
            continue
        if (match := REQUEST.match(text)) and (state != "body" or not _open(entry)):
            if entry:
                yield entry
            entry, state = _Entry(number, match["method"], match["target"]), "head"
        elif entry is None:
            if text and not text.startswith("#"):
                raise maker.fail(number, f"{text[:60]!r} begins no request.", "Write `GET http://host/path`.")
        elif match := RESPONSE.match(text):
            entry.expect = int(match["status"]) if match["status"].isdigit() else None
            state = "response"
        elif (match := SECTION.match(text)) and state != "body":
            state = ("after " if state.startswith(("response", "after")) else "") + match["name"].lower()
            entry.sections.setdefault(state, [])
        elif state in ("response", "after asserts") or not text or (text.startswith("#") and state != "body"):
            if state == "body":
                entry.body.append(line)
        elif state in entry.sections:
            entry.sections[state].append((number, text))
        elif state == "head" and (match := _HEADER.match(text)) and text[:1] not in "{[<`":
            entry.headers.append((match["name"], match["value"]))
        else:
            state = "body"
            if text.startswith("```"):
                fenced = True
            elif re.match(r"file,.*;", text):
                maker.notes.append(f"the file named in line {number}")
            else:
                entry.body.append(line)
    if entry:
        yield entry


def _open(entry: _Entry | None) -> bool:
    """Whether a JSON body is still open, so that a line in it begins no request."""
    text = "".join(entry.body) if entry else ""
    return text.count("{") > text.count("}") or text.count("[") > text.count("]")


def _probe(maker: Maker, entry: _Entry, variables: dict[str, str], captured: set[str]) -> Probe:
    def fill(text: str, depth: int = 0) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            if name in captured:
                return f"{{{{{name}}}}}"
            if name in variables and depth < 8:
                return fill(variables[name], depth + 1)
            return match[0] if depth else f"{{{{{name}}}}}"

        return _FILLED.sub(value, text)

    target = fill(entry.target)
    unknown = [
        name for name in _FILLED.findall(re.sub(r"^\{\{[^{}]*\}\}", "", target)) if name not in captured
    ]
    if unknown and not target.startswith("{{" + unknown[0]):
        raise maker.fail(
            entry.line, f"{{{{{unknown[0]}}}}} has no value.", "Set it with `@name = value`, or capture it."
        )
    if target.startswith("{{") and _FILLED.match(target)[1] in captured:  # type: ignore[index]  # it starts with one
        target = "http://host/" + target if not target.startswith("{{") else target
    headers = [(name, fill(value)) for name, value in entry.headers]
    sections = entry.sections
    query = _pairs(maker, sections, ("querystringparams", "query"))
    if query:
        target += ("&" if "?" in target else "?") + "&".join(
            f"{quote_plus(k)}={_encoded(fill(v))}" for k, v in query
        )
    if cookies := _pairs(maker, sections, ("cookies",)):
        headers.append(("Cookie", "; ".join(f"{key}={fill(value)}" for key, value in cookies)))
    for user, word in _pairs(maker, sections, ("basicauth",)):
        token = base64.b64encode(f"{fill(user)}:{fill(word)}".encode()).decode()
        headers.append(("Authorization", f"Basic {token}"))
    body = fill("\n".join(entry.body).strip("\n"))
    if form := _pairs(maker, sections, ("formparams", "form")):
        body = "&".join(f"{quote_plus(key)}={_encoded(fill(value))}" for key, value in form)
        headers.append(("Content-Type", "application/x-www-form-urlencoded"))
    elif body.lstrip()[:1] in ("{", "[") and not any(name.lower() == "content-type" for name, _ in headers):
        headers.append(("Content-Type", "application/json"))
    if "multipartformdata" in sections or "multipart" in sections:
        maker.notes.append(f"the multipart body of the request in line {entry.line}")
    probe = maker.probe(
        entry.line,
        entry.method,
        target,
        headers,
        body.encode("utf-8", "replace"),
        name=entry.name,
        session="file",
        captures=_captures(maker, sections),
        expect=entry.expect,
    )
    captured |= {capture.name for capture in probe.captures}
    return probe


def _encoded(text: str) -> str:
    """Percent-encoded, captures left as they are."""
    parts = re.split(r"(\{\{[A-Za-z_]\w*\}\})", text)
    return "".join(part if index % 2 else quote_plus(part) for index, part in enumerate(parts))


def _pairs(
    maker: Maker, sections: dict[str, list[tuple[int, str]]], names: tuple[str, ...]
) -> list[tuple[str, str]]:
    found = []
    for name in names:
        for number, text in sections.get(name, ()):
            key, colon, value = text.partition(":")
            if not colon:
                raise maker.fail(number, f"{text[:60]!r} is no `name: value`.")
            found.append((key.strip(), value.strip()))
    return found


def _captures(maker: Maker, sections: dict[str, list[tuple[int, str]]]) -> tuple[Capture, ...]:
    found = []
    for number, text in sections.get("after captures", ()):
        match = _CAPTURE.match(text)
        rest = match["rest"] if match else ""
        quoted = re.fullmatch(r'"((?:[^"\\]|\\.)*)"', rest)
        slashed = re.fullmatch(r"/(.+)/", rest)
        if not match or not (quoted or slashed):
            maker.notes.append(f"the capture in line {number}, of a kind that is not known here")
            continue
        expression = (quoted or slashed)[1] if quoted or slashed else ""  # type: ignore[index]  # one is there
        source = match["source"]
        if source == "jsonpath":
            path = _JSONPATH.match(expression)
            if not path:
                maker.notes.append(f"the capture in line {number}: only paths like $.items[0].id are known")
                continue
            steps = re.findall(r"[A-Za-z_][\w-]*|[0-9]+|(?<=')[^']+(?=')", path[1])
            source, expression = "json", ".".join(steps)
        elif source == "regex":
            expression = expression.replace("\\\\", "\\")
            try:
                groups = re.compile(expression).groups
            except (re.error, RecursionError, OverflowError) as error:
                raise maker.fail(number, f"{expression[:60]!r} is no regular expression: {error}.") from None
            if groups < 1:
                raise maker.fail(number, "The expression has no (group).")
        found.append(Capture(match["name"], source, expression[:1000]))
    return tuple(found)
