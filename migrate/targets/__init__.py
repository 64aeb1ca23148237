"""The targets: where a component will be deployed, as files we write. One module a target."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from migrate.errors import TargetError
from migrate.model import GeneratedFile, Plan

# Target -> module. Targets that `convert` cannot write yet are judged by `assess` only.
TARGETS = {"spin": "migrate.targets.spin", "wasmtime": "migrate.targets.wasmtime"}
DEFAULT = ("spin", "wasmtime")


class Target(Protocol):
    """What a target's module holds at its top level."""

    NAME: str
    FILES: tuple[str, ...]
    """Paths of the files that `render` writes; none of them has a part in the build."""

    def render(self, plan: Plan) -> tuple[GeneratedFile, ...]:
        """The target's files, relative to the generated tree."""
        ...

    def how_to_run(self, plan: Plan) -> str:
        """Markdown for the generated README: the commands that run the component on this target."""
        ...


def target(name: str) -> Target:
    """The target of this name. Raises TargetError where `convert` cannot write it."""
    module = TARGETS.get(name)
    if module is None:
        raise TargetError(
            f"dock2wasm cannot write files for the target {name!r}.", do=f"Targets: {', '.join(TARGETS)}."
        )
    return cast(Target, import_module(module))
