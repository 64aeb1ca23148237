"""Text for terminals: widths, wrapping, colours, and nothing that a terminal would obey.

Whatever comes from a repository goes through `printable` first: a file may hold escape sequences that move
the cursor, change the title or hide a line.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

_RESET = "\x1b[0m"
_CODES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36"}


def printable(text: str) -> str:
    """The text on one line: tabs become spaces, what is no visible character becomes an escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(char) for char in text.replace("\t", "    "))


def _shown(char: str) -> str:
    # Cf holds the marks that turn writing direction and hide text; Zl and Zp break lines.
    if char == " " or unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def columns(text: str) -> int:
    """How many columns a terminal gives to a printable text."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns, ended by `…` where something was cut."""
    if columns(text) <= width:
        return text
    used, kept = 0, ""
    for char in text:
        used += columns(char)
        if used > width - 1:
            break
        kept += char
    return kept + "…"


def cut_start(text: str, width: int) -> str:
    """The end of the text in at most `width` columns, begun by `…` where something was cut: for paths."""
    if columns(text) <= width:
        return text
    used, kept = 0, ""
    for char in reversed(text):
        used += columns(char)
        if used > width - 1:
            break
        kept = char + kept
    return "…" + kept


def pad(text: str, width: int) -> str:
    """The text filled with spaces to `width` columns."""
    return text + " " * (width - columns(text))


def wrap(text: str, width: int, *, first: str = "", rest: str | None = None) -> list[str]:
    """Lines of at most `width` columns; `first` begins the first line, `rest` (default: as wide) the others.

    A word that is too long for a line is broken.
    """
    rest = " " * columns(first) if rest is None else rest
    lines: list[str] = []
    line, empty = first, True
    for word in printable(text).split(" "):
        if not word:
            continue
        if not empty and columns(line) + 1 + columns(word) > width:
            lines.append(line)
            line, empty = rest, True
        room = width - columns(line)
        while empty and columns(word) > room > 1:
            head = _head(word, room)
            lines.append(line + head)
            word, line = word[len(head) :], rest
            room = width - columns(line)
        line += word if empty else f" {word}"
        empty = False
    lines.append(line)
    return [line.rstrip(" ") for line in lines]


def _head(word: str, room: int) -> str:
    used = 0
    for position, char in enumerate(word):
        used += columns(char)
        if used > room:
            return word[: max(1, position)]
    return word


@dataclass(frozen=True, slots=True)
class Style:
    """Colours, where they were asked for. What is coloured must be printable already."""

    color: bool

    def __call__(self, text: str, *names: str) -> str:
        if not self.color or not text:
            return text
        return f"\x1b[{';'.join(_CODES[name] for name in names)}m{text}{_RESET}"
