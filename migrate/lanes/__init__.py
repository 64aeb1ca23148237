"""The lanes: how one kind of service becomes Wasm. One module a lane, one Protocol, one table."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from analyzers.model import Finding
from migrate.errors import TargetError
from migrate.model import GeneratedFile, Plan

# Lane -> module. A lane is imported when it is first asked for.
LANES = {"python": "migrate.lanes.python"}


class Lane(Protocol):
    """What a lane's module holds at its top level."""

    NAME: str
    IMPORTS: frozenset[str]
    """Interfaces without versions (`wasi:http/types`) that a component of this lane may import."""
    REQUIRES: tuple[str, ...]
    """Names of toolchains (`migrate.toolchains`) that the generated build needs."""

    def render(self, plan: Plan) -> tuple[GeneratedFile, ...]:
        """The lane's part of the generated tree: adapter, entry, build.sh and what they need."""
        ...

    def behaviour(self, plan: Plan) -> tuple[str, ...]:
        """What behaves differently from the container, one sentence each, for the generated README."""
        ...

    def explain_failure(self, log: str, plan: Plan | None) -> tuple[Finding, ...]:
        """Findings for a build that failed: what is missing, whose it is, the remedy. Empty if unknown."""
        ...


def lane(name: str) -> Lane:
    """The lane of this name. Raises TargetError where there is none."""
    module = LANES.get(name)
    if module is None:
        raise TargetError(f"There is no lane {name!r}.", do=f"Lanes: {', '.join(sorted(LANES))}.")
    return cast(Lane, import_module(module))
