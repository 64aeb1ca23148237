"""Fills the Jinja2 templates that the distribution carries."""

from __future__ import annotations

from migrate.reports.markdown import cell
from migrate.resources import templates


def render(name: str, **values: object) -> str:
    """The template of this name (below `templates/`), filled. An unknown variable is an error.

    Nothing is escaped for HTML: the templates are scripts and Markdown. Values that come from a
    repository are quoted by the caller (shell) or by the filter `code` (Markdown).
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(templates()),
        undefined=StrictUndefined,
        autoescape=False,  # noqa: S701 - no HTML is made here
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["code"] = code
    return environment.get_template(name).render(values)


def code(value: object) -> str:
    """A Markdown code span that shows any text in one line, in a table as well."""
    text = str(value)
    return cell(text) if text.strip() else "(empty)"
