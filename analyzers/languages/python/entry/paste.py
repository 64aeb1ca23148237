"""Applications that a PasteDeploy file names (`gunicorn --paste production.ini`)."""

from __future__ import annotations

import ast
import configparser

from analyzers.languages.python.entry.application import of_definition
from analyzers.languages.python.entry.model import Entry, lost
from analyzers.languages.python.modules import Program
from analyzers.languages.python.servers import Launch
from analyzers.model import Unknown

_FOLLOW = 5  # sections that name each other


def of_paste(program: Program, launch: Launch, path: str) -> Entry:
    """The function that makes the application. It is called with the file's settings, which an import of
    the application alone does not give: the entry has no text."""
    where = factory(program.guest.text(path) or "")
    if where is None:
        return lost(launch, f"the application that {launch.server} serves by {path}")
    name, _, attribute = where.partition(":")
    module = program.load(name)
    found = program.lookup(module, attribute) if module is not None else None
    if module is None or found is None:
        return lost(launch, f"the application {where} that {path} names", module)
    framework, interface = of_definition(program, found, called=True)
    evidence = program.evidence(found.module, found.node.lineno)
    hint = Unknown(
        f"how to make the application without {path}: {where} takes its settings from there",
        "a module with the application itself, as in `gunicorn package.module:application`",
        evidence,
    )
    is_function = isinstance(found.node, ast.FunctionDef | ast.AsyncFunctionDef)
    return Entry(
        launch,
        module,
        None,
        evidence,
        framework,
        interface or launch.interface,
        found if is_function else None,
        unknown=(hint,),
    )


def factory(text: str) -> str | None:
    """`module:function` of a PasteDeploy file's main application; None where that is another package's."""
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True, interpolation=None)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    name = "main"
    for _ in range(_FOLLOW):
        kinds = ("app", "application", "pipeline", "composite", "composit", "filter-app")
        section = next((s for kind in kinds if parser.has_section(s := f"{kind}:{name}")), None)
        if section is None:
            return None
        if section.startswith("pipeline:"):
            words = (parser.get(section, "pipeline", fallback="") or "").split()
            name = words[-1] if words else ""
            continue
        use = parser.get(section, "use", fallback=None) or parser.get(section, "/", fallback=None) or ""
        if use.startswith("call:"):
            return use[5:].strip()
        if paste := parser.get(section, "paste.app_factory", fallback=None):
            return paste.strip()
        name = use
    return None
