"""The application object behind a launch: its name, its place, its framework and how it is called."""

from __future__ import annotations

from analyzers.languages.python.entry.application import of_expression
from analyzers.languages.python.entry.model import Entry, lost
from analyzers.languages.python.entry.paste import of_paste
from analyzers.languages.python.entry.scripts import of_script
from analyzers.languages.python.entry.targets import (
    configured,
    fastapi_run,
    flask_run,
    of_target,
    runserver,
    worker,
)
from analyzers.languages.python.modules import Program
from analyzers.languages.python.servers import Launch

__all__ = ["Entry", "find", "of_expression"]


def find(program: Program, launch: Launch) -> Entry:
    """The entry of a launch. Where it cannot be told, `text` is None and `unknown` says what settles it."""
    if launch.config:
        launch = configured(program, launch)
    if launch.worker or "inline" in launch.notes:
        return worker(program, launch)
    if launch.server == "http.server" and launch.module:
        return Entry(launch, framework="http.server", interface="http.server")
    if launch.server == "runserver":
        return runserver(program, launch)
    if launch.server == "flask":
        return flask_run(program, launch)
    if launch.server == "fastapi":
        return fastapi_run(program, launch)
    if launch.server == "python":
        return of_script(program, launch)
    paste = next((note[6:] for note in launch.notes if note.startswith("paste=")), None)
    if launch.target is None and paste is not None:
        return of_paste(program, launch, paste)
    if launch.target is None and launch.script is None:
        return lost(launch, f"the application that {launch.server} serves")
    return of_target(program, launch)
