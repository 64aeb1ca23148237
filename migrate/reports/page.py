"""One self-contained HTML page: style and script inside it, nothing loaded, nothing that is not ours obeyed.

Jinja2 escapes every value. Beyond that the page's Content-Security-Policy lets exactly the two blocks that we
wrote work, by their hashes: markup that got in nevertheless could neither run, nor load, nor send anything.
"""

from __future__ import annotations

import base64
import hashlib

from migrate.reports.console import printable
from migrate.resources import templates

_FOLDER = "reports"


def render(template: str, *, script: str, style: str = "", **values: object) -> str:
    """The page of this template (below `templates/reports/`), with `page.css`, `style` and this script in it.

    Control characters, marks that turn the writing direction and the like are shown as escapes.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    folder = templates() / _FOLDER
    style_text = "".join((folder / name).read_text("utf-8") for name in ("page.css", style) if name)
    script_text = (folder / script).read_text("utf-8")
    environment = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    policy = (
        f"default-src 'none'; style-src '{_hash(style_text)}'; script-src '{_hash(script_text)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment.get_template(template).render(
        values,
        policy=policy,
        style=Markup(style_text),  # noqa: S704 - our own file
        script=Markup(script_text),  # noqa: S704 - our own file
    )


def _shown(value: object) -> object:
    if isinstance(value, str) and not hasattr(value, "__html__"):
        return printable(value)
    return value if hasattr(value, "__html__") else printable(str(value))


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
