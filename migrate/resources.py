"""Finds what the distribution carries beside its code: templates, in the checkout or in the wheel."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from migrate.errors import PartError


@cache
def templates() -> Path:
    """The folder of templates: `migrate/_templates` in an installed wheel, `templates` in a checkout.

    Raises PartError where neither is there.
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "_templates", here.parent / "templates"):
        if (folder / "lanes").is_dir():
            return folder
    raise PartError(
        "The templates of dock2wasm are missing.",
        why=f"Neither {here / '_templates'} nor {here.parent / 'templates'} exists.",
        do="Install dock2wasm again.",
    )
