"""The tables of `docs/wheels.md` are those of the data."""

from __future__ import annotations

from pathlib import Path

import pytest

from migrate.reports import wheels_doc

ROOT = Path(__file__).parents[3]


def test_the_page_is_current() -> None:
    page = (ROOT / "docs" / wheels_doc.PAGE).read_text("utf-8")
    assert page == wheels_doc.render(page), "run: python -m migrate.reports.wheels_doc"


def test_a_page_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table 'recipes'"):
        wheels_doc.render("# Wheels\n")
