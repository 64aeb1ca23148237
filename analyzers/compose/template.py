"""Compose's interpolation: `$$`, `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`, `${V?e}`, `${V:+r}`, `${V+r}`.

The steps are those of compose-go's `template` package, its surprises included: a reference reaches to
the last `}` of its line, is cut at the brace that closes it, and what follows is read again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATOR = re.compile(r":?[-+?]")
_OPERATORS = (":?", "?", ":-", "-", ":+", "+")
_DEPTH = 20

Variables = Mapping[str, "str | None"]


class TemplateError(Exception):
    """The text is no template that compose takes."""


def interpolate(text: str, variables: Variables) -> tuple[str, tuple[str, ...]]:
    """The text with its variables replaced, and the names of those that have no value.

    Compose puts nothing in their place; here they stay as written, for the reader's machine may set
    them. Raises TemplateError.
    """
    if "$" not in text:
        return text, ()
    unset: list[str] = []
    return _substitute(text, variables, unset, 0), tuple(unset)


def _substitute(text: str, variables: Variables, unset: list[str], depth: int) -> str:
    if depth > _DEPTH:
        raise TemplateError(f"variables are nested more than {_DEPTH} levels deep")
    out: list[str] = []
    position = 0
    while (start := text.find("$", position)) >= 0:
        out.append(text[position:start])
        end, named, braced = _match(text, start)
        if end == start:  # a dollar that begins nothing
            out.append("$")
            position = start + 1
            continue
        if text[start:end] == "$$":
            out.append("$")
        elif named:
            out.append(_plain(named, text[start:end], variables, unset))
        elif braced:
            out.append(_braced(text[start:end], variables, unset, depth))
        else:
            raise TemplateError(f"invalid interpolation format {text[start:][:40]!r}: a $ is written $$")
        position = end
    out.append(text[position:])
    return "".join(out)


def _match(text: str, start: int) -> tuple[int, str, str]:
    """Where the reference at `start` ends, and its name or what stands between its braces."""
    after = text[start + 1 : start + 2]
    if after == "$":
        return start + 2, "", ""
    if match := _NAME.match(text, start + 1):
        return match.end(), match[0], ""
    if after != "{":
        return start, "", ""
    name = _NAME.match(text, start + 2)
    if name is not None:
        if text.startswith("}", name.end()):
            return name.end() + 1, "", name[0]
        if operator := _OPERATOR.match(text, name.end()):
            line = text.find("\n", start)
            last = text.rfind("}", operator.end(), line if line >= 0 else len(text))
            if last >= 0:
                return last + 1, "", text[start + 2 : last]
    return start + 2, "", ""


def _plain(name: str, written: str, variables: Variables, unset: list[str]) -> str:
    value = variables.get(name)
    if value is None:
        unset.append(name)
        return written
    return value


def _braced(reference: str, variables: Variables, unset: list[str], depth: int) -> str:
    places = [(reference.find(operator), operator) for operator in _OPERATORS if operator in reference]
    operator = min(places)[1] if places else ""
    rest = ""
    closing = _closing(reference)
    if closing is not None:
        rest = reference[closing + 1 :]
        reference = reference[: closing + 1]
    end, _, inner = _match(reference, 0)
    if not inner:
        raise TemplateError(f"invalid interpolation format {reference[:40]!r}: a $ is written $$")
    written = reference[:end]
    if not operator or operator not in inner:
        return _plain(inner, written, variables, unset)
    name, _, word = inner.partition(operator)
    value = variables.get(name)
    given = value is not None and not (operator.startswith(":") and value == "")
    if operator.endswith("-"):
        result = value if given else _substitute(word, variables, unset, depth + 1)
    elif operator.endswith("+"):
        result = _substitute(word, variables, unset, depth + 1) if given else value or ""
    else:
        result = value
        if not given:
            _substitute(word, variables, [], depth + 1)  # the message is a template, too
            unset.append(name)
            result = written
    return (result or "") + _substitute(rest, variables, unset, depth + 1)


def _closing(text: str) -> int | None:
    level = 0
    position = 0
    while position < len(text):
        if text[position] == "}":
            level -= 1
            if level == 0:
                return position
        if text[position] == "{":
            level += 1
            position += 1
        position += 1
    return None
