"""Text of strangers inside Markdown: no markup, no HTML, no link, no mention of people or of other issues."""

from __future__ import annotations

import re

from migrate.reports.console import printable

_MARKUP = re.compile(r"(^[+-]|^\d+(?=[.)](?:\s|$))|[\\`*_{}\[\]<>()#!|~&$])")
# Of no width: forges look for @name, #1, GH-1 and addresses in the text after the markup is gone.
_BREAK = "\u200b"


def text(value: str) -> str:
    """Plain text on one line."""
    plain = re.sub(
        r"(?i)(@|#|\bgh-|:(?=//)|\bwww(?=\.))", lambda found: found[0] + _BREAK, printable(value).strip()
    )
    return _MARKUP.sub(lambda found: _escaped(found[0]), plain)


def _escaped(found: str) -> str:
    # A number at the start would begin a list; before its dot the backslash does nothing, so it goes behind.
    return f"{found}{_BREAK}" if found[0].isdigit() else f"\\{found}"


def code(value: str) -> str:
    """A code span. Nothing in it becomes a link or a mention."""
    shown = printable(value)
    ticks = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if not shown.strip() or shown[0] in "` " or shown[-1] in "` " else ""
    return f"{ticks}{pad}{shown}{pad}{ticks}"


def cell(value: str) -> str:
    """A code span in a table, where `|` must be escaped even there."""
    return code(value).replace("|", "\\|")


def fence(lines: list[str]) -> list[str]:
    """A code block that no line of it can end."""
    body = [printable(line) for line in lines]
    ticks = "`" * max(3, max((len(run) for line in body for run in re.findall("`+", line)), default=0) + 1)
    return [f"{ticks}text", *body, ticks]
