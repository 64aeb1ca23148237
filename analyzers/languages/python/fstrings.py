"""f-strings as PEP 701 allows them since Python 3.12, for the parser of an older Python.

Quotes of the string's own kind, backslashes and comments may stand inside its braces. Where the running
Python cannot read that, each f-string becomes the plain text that it begins with: lines stay where they are.
"""

from __future__ import annotations

import re

# A comment, or the start of a string: its prefix and its quotes.
_TOKEN = re.compile(r"#[^\n]*|(?<![A-Za-z0-9_])([A-Za-z]{0,2})('''|\"\"\"|'|\")")
_DEPTH = 100  # strings inside the braces of strings


def plain(source: str) -> str | None:
    """The source without f-strings; None where a string does not end."""
    parts: list[str] = []
    position = 0
    while (found := _TOKEN.search(source, position)) is not None:
        end = _end(source, found, 0)
        if end is None:
            return None
        parts.append(source[position : found.start()])
        inside = source[found.start() : end]
        parts.append(_text(inside, found) if "f" in (found[1] or "").lower() else inside)
        position = end
    parts.append(source[position:])
    return "".join(parts)


def _end(source: str, start: re.Match[str], depth: int) -> int | None:
    """Where a comment or a string ends."""
    if start[2] is None:
        return start.end()
    quotes = start[2]
    formatted = "f" in start[1].lower()
    position = start.end()
    while position < len(source):
        if source.startswith(quotes, position):
            return position + len(quotes)
        letter = source[position]
        if letter == "\\":
            position += 2
        elif letter == "\n" and len(quotes) == 1:
            return None
        elif formatted and source.startswith("{{", position):
            position += 2
        elif formatted and letter == "{":
            inner = _field(source, position + 1, depth + 1)
            if inner is None:
                return None
            position = inner
        else:
            position += 1
    return None


def _field(source: str, position: int, depth: int) -> int | None:
    """The end of a replacement field, whose text begins here."""
    if depth > _DEPTH:
        return None
    open_braces = 1
    while position < len(source):
        letter = source[position]
        if letter in "'\"#" or letter.isalpha():
            found = _TOKEN.match(source, position)
            if found is not None:
                end = _end(source, found, depth)
                if end is None:
                    return None
                position = end
                continue
            if letter.isalpha():  # a whole word, so that its end is no prefix
                position += 1
                while position < len(source) and (source[position].isalnum() or source[position] == "_"):
                    position += 1
                continue
        open_braces += {"{": 1, "}": -1}.get(letter, 0)
        position += 1
        if open_braces == 0:
            return position
    return None


def _text(written: str, start: re.Match[str]) -> str:
    """A plain string with the text up to the first brace, over as many lines."""
    body = written[len(start[1]) + len(start[2]) : len(written) - len(start[2])]
    known = re.match(r"[^{}\\'\"\n]*", body)
    return '"""' + (known[0] if known else "") + "\n" * written.count("\n") + '"""'
