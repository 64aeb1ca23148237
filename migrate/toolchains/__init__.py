"""Outside programs: which one is used, whether its version is supported, how to get it. Works offline.

Nothing is downloaded here, and no choice is silent: `Found.origin` and `Found.notes` say which program
was taken, and why another one was not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from migrate.errors import ToolMissingError
from migrate.toolchains import catalogue, programs
from migrate.toolchains.catalogue import Tool


class State(StrEnum):
    """What can be said of a program."""

    OK = "ok"
    UNTESTED = "untested"  # newer than what was run; used
    TOO_OLD = "too-old"
    BROKEN = "broken"  # there, but does not start or does not say its version
    MISSING = "missing"


USABLE = frozenset({State.OK, State.UNTESTED})


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one tool. `path` and `version` are None where there is none to name."""

    tool: Tool
    state: State
    path: Path | None = None
    version: str | None = None
    origin: str = ""
    notes: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        return self.state in USABLE


@dataclass(frozen=True, slots=True)
class Program:
    """A program that can be used."""

    name: str
    path: Path
    version: str
    origin: str
    notes: tuple[str, ...] = ()


def find(name: str) -> Program:
    """The program to use.

    Raises ToolMissingError with the command that installs it, KeyError on a name that is no tool's.
    """
    found = look(name)
    if found.usable and found.path and found.version:
        return Program(name, found.path, found.version, found.origin, found.notes)
    tool = found.tool
    what = {
        State.TOO_OLD: f"{name} {found.version} ({found.path}) is too old: {tool.minimum} is needed.",
        State.BROKEN: f"{name} ({found.path}) cannot be used.",
    }.get(found.state, f"{name} is not installed.")
    why = tool.why if found.state is State.TOO_OLD else f"It {tool.purpose}."
    raise ToolMissingError(
        what,
        why=" ".join([*found.notes, why[:1].upper() + why[1:]]),
        do=f"{tool.install()}   (or set {tool.override} to the program)",
    )


def look(name: str) -> Found:
    """What there is of a tool; never raises for a known name.

    The first usable program wins; those passed over are told in `notes`.
    """
    tool = catalogue.tools()[name]
    best: Found | None = None
    notes: list[str] = []
    for candidate in programs.candidates(name, tool.override):
        found = _judge(tool, candidate)
        if found.usable:
            return Found(tool, found.state, found.path, found.version, found.origin, (*notes, *found.notes))
        notes.extend(found.notes)
        best = best or found
    if best is None:
        return Found(tool, State.MISSING)
    return Found(tool, best.state, best.path, best.version, best.origin, tuple(notes))


def _judge(tool: Tool, candidate: programs.Candidate) -> Found:
    path, origin = candidate.path, candidate.origin
    if candidate.problem:
        return Found(
            tool, State.BROKEN, path, None, origin, (f"{path} ({origin}) is not used: {candidate.problem}.",)
        )
    code, output = programs.answer(path, tool.args)
    match = tool.pattern.search(output)
    if code != 0 or not match:
        said = (output.strip().splitlines() or ["nothing"])[-1][:200]
        command = " ".join([str(path), *tool.args])
        note = f"{path} ({origin}) is not used: `{command}` answered {said!r}."
        return Found(tool, State.BROKEN, path, None, origin, (note,))
    version = match.group(1)
    if tool.too_old(version):
        note = f"{path} ({origin}) is not used: version {version}, and {tool.minimum} is needed."
        return Found(tool, State.TOO_OLD, path, version, origin, (note,))
    if tool.untested(version):
        note = f"{tool.name} {version} is newer than what was tested ({tool.tested})."
        return Found(tool, State.UNTESTED, path, version, origin, (note,))
    return Found(tool, State.OK, path, version, origin)
