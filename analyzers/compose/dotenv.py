"""Env files: `.env` of a project and `env_file` of a service, as compose-go's `dotenv` reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from analyzers.compose.template import TemplateError, interpolate

_SPACE = "\t\v\f\r \x85\xa0"  # no line break
_EXPORT = re.compile(r"export\s+")
_ESCAPE = re.compile(r"\\(?:[abcfnrtv$\"\\]|0[0-9]{0,3})")
_SIMPLE = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", '"': '"', "\\": "\\"}


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an env file. `value` is None where the file leaves it to the reader's machine."""

    name: str
    value: str | None
    line: int


class DotenvError(Exception):
    """The file is no env file that compose takes. The text begins with the line."""


def parse(text: str, outer: Mapping[str, str | None]) -> tuple[Variable, ...]:
    """The variables of an env file, the last of a name only, in reading order of names.

    `outer` outranks the file's own variables where a value refers to others. Raises DotenvError.
    """
    found: dict[str, Variable] = {}
    scope: dict[str, str | None] = dict(outer)
    position, size = 0, len(text)
    while True:
        while position < size and (text[position].isspace() or text[position] == "#"):
            if text[position] == "#":
                end = text.find("\n", position)
                position = size if end < 0 else end
            else:
                position += 1
        if position >= size:
            return tuple(found.values())
        line = text.count("\n", 0, position) + 1
        if match := _EXPORT.match(text, position):
            position = match.end()
        name, position, inherited = _name(text, position, line)
        value: str | None = None
        if inherited:
            value = scope.get(name)
        else:
            position = _skip(text, position)
            value, position = _value(text, position, line, scope)
        found[name] = Variable(name, value, line)
        if outer.get(name) is None:
            scope[name] = value


def _skip(text: str, position: int) -> int:
    while position < len(text) and text[position] in _SPACE:
        position += 1
    return position


def _name(text: str, start: int, line: int) -> tuple[str, int, bool]:
    for position in range(start, len(text)):
        char = text[position]
        if char in _SPACE:
            continue
        if char in "=:\n":
            name = text[start:position].rstrip()
            if " " in name:
                raise DotenvError(f"line {line}: a variable's name cannot hold a space")
            return name, position + 1, char == "\n"
        if char not in "_.-[]" and not char.isalpha() and not char.isnumeric():
            raise DotenvError(f"line {line}: unexpected character {char!r} in the name of a variable")
    # compose-go takes a name that ends the file for an empty one; the file's meaning is clear.
    return text[start:].rstrip(), len(text), True


def _value(text: str, start: int, line: int, scope: Mapping[str, str | None]) -> tuple[str | None, int]:
    quote = text[start : start + 1]
    if quote not in ("'", '"') or not quote:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        raw = text[start:end].split(" #", 1)[0].rstrip()
        return _expand(raw, line, scope), end + 1
    out: list[str] = []
    escaped = False
    for position in range(start + 1, len(text)):
        char = text[position]
        if char != quote:
            if char == "\\" and not escaped:
                escaped = True
                continue
            if escaped:
                out.append("\\")
                escaped = False
            out.append(char)
        elif escaped:
            out.append(char)
            escaped = False
        else:
            value = "".join(out)
            if quote == '"':
                return _expand(_ESCAPE.sub(_unescape, value), line, scope), position + 1
            return value, position + 1
    raise DotenvError(f"line {line}: a quoted value does not end")


def _expand(value: str, line: int, scope: Mapping[str, str | None]) -> str | None:
    try:
        text, unset = interpolate(value, scope)
    except TemplateError as error:
        raise DotenvError(f"line {line}: {error}") from None
    return None if unset else text


def _unescape(match: re.Match[str]) -> str:
    body = match[0][1:]
    if body == "$":
        return "$$"
    if body in _SIMPLE:
        return _SIMPLE[body]
    # `\0` takes three octal digits after it, as Go's `\ddd` does; anything else stays as written.
    if len(body) == 4 and all(digit in "01234567" for digit in body[1:]) and int(body[1:], 8) < 256:
        return chr(int(body[1:], 8))
    return "\\" + body.removeprefix("0")


def parse_raw(text: str) -> tuple[Variable, ...]:
    """The variables of an env file of the format `raw`: nothing is replaced, no quote removed."""
    found: dict[str, Variable] = {}
    for number, line in enumerate(text.split("\n"), 1):
        name, equals, value = line.rstrip("\r").partition("=")
        if name.strip() and not name.lstrip().startswith("#"):
            found[name.strip()] = Variable(name.strip(), value if equals else None, number)
    return tuple(found.values())
