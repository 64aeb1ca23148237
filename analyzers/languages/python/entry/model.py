"""What serves: the result of looking for the application behind a launch."""

from __future__ import annotations

from dataclasses import dataclass

from analyzers.languages.python.modules import Definition, Module
from analyzers.languages.python.servers import Launch
from analyzers.model import Evidence, Unknown


@dataclass(frozen=True, slots=True)
class Entry:
    """What serves. `text` is "module:attr" or "module:factory()"; `factory` the function's node then.

    `launch` is the command's launch, completed by what the script says (server, port).
    """

    launch: Launch
    module: Module | None = None
    text: str | None = None
    evidence: Evidence | None = None
    framework: str | None = None
    interface: str | None = None
    factory: Definition | None = None
    main_script: bool = False  # the script's `if __name__ == "__main__"` is what runs
    unknown: tuple[Unknown, ...] = ()
    settings: str | None = None  # Django's settings module
    started: Definition | None = None  # the function that a console script calls


def lost(launch: Launch, what: str, module: Module | None = None) -> Entry:
    hint = Unknown(what, "name it in the start command, as in `gunicorn package.module:application`")
    return Entry(launch, module=module, unknown=(hint,))
