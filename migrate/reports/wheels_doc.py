"""The tables of `docs/wheels.md`, rendered from `migrate/wheels/recipes.toml`.

`python -m migrate.reports.wheels_doc` writes them; a test tells when they are not current.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from migrate import wheels
from migrate.reports.markdown import cell, text

PAGE = "wheels.md"


def render(page: str) -> str:
    """The page with its tables as they should be. Raises ValueError where a place for one is missing."""
    for name, table in (("recipes", _recipes()), ("blocked", _blocked())):
        place = re.compile(rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
        found = place.search(page)
        if found is None:
            raise ValueError(f"{PAGE} has no place for the table {name!r}")
        before, after = page[: found.end(1)], page[found.start(2) :]
        page = before + table + after
    return page


def _recipes() -> str:
    lines = ["| package | self-test inside the component | differs from Linux |", "| --- | --- | --- |"]
    for name, recipe in sorted(wheels.recipes().items()):
        lines.append(f"| `{name}` | {cell(recipe.call)} | {text(recipe.note)} |")
    return "\n".join(lines) + "\n"


def _blocked() -> str:
    lines = ["| package | why | instead |", "| --- | --- | --- |"]
    for name, blocked in sorted(wheels.blocked().items()):
        lines.append(f"| `{name}` | {text(blocked.why)} | {text(blocked.do)} |")
    return "\n".join(lines) + "\n"


def write(root: Path) -> bool:
    """Write the page below `root/docs`; whether it changed."""
    path = root / "docs" / PAGE
    before = path.read_text("utf-8")
    after = render(before)
    if after != before:
        path.write_text(after, "utf-8")
    return after != before


if __name__ == "__main__":
    changed = write(Path(__file__).resolve().parents[2])
    sys.stdout.write(f"docs/{PAGE}: {'written' if changed else 'current'}\n")
