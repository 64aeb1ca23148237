"""Every fatal error: one class, one exit code; its text says what happened, why, and what to do.

Exit codes 0-4 and 10-14 are outcomes (see `docs/exit-codes.md`); failures start at 20. A code is
never reused for another class.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzers.model import ServiceAssessment


class Exit(IntEnum):
    """Outcomes that are no errors."""

    OK = 0
    DIFFERENT = 1
    USAGE = 2
    NO_PROMISE = 3
    INCONCLUSIVE = 4
    BUDGET = 15
    BUDGET_UNMEASURED = 16


class Dock2wasmError(Exception):
    """A fatal error. `what` happened, `why`, and what to `do` about it; each one or more sentences."""

    code: int = 20

    def __init__(self, what: str, *, why: str = "", do: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.do = do

    def __str__(self) -> str:
        lines = [self.what]
        if self.why:
            lines.append(f"  why: {self.why}")
        if self.do:
            lines.append(f"  do:  {self.do}")
        return "\n".join(lines)


class UsageError(Dock2wasmError):
    """An option has a value that cannot be taken."""

    code = Exit.USAGE


class NoPromiseError(Dock2wasmError):
    """No target's verdict is `convert`, and what stands against it was not accepted.

    An outcome rather than a failure: `assessment` holds the findings that say why.
    """

    code = Exit.NO_PROMISE

    def __init__(self, assessment: ServiceAssessment, what: str, *, why: str = "", do: str = "") -> None:
        super().__init__(what, why=why, do=do)
        self.assessment = assessment


class RepositoryError(Dock2wasmError):
    """The path is missing, is no folder, or cannot be read at all."""

    code = 21


class NoServiceError(Dock2wasmError):
    """No service was found, or none has the name that was asked for."""

    code = 22


class DockerfileError(Dock2wasmError):
    """The Dockerfile of the service that was asked for cannot be read or parsed."""

    code = 23


class ToolMissingError(Dock2wasmError):
    """An outside tool is not installed or has the wrong version."""

    code = 24


class OutputError(Dock2wasmError):
    """The output folder is not ours, holds files that a person edited, or cannot be written."""

    code = 25


class BuildError(Dock2wasmError):
    """The generated build failed."""

    code = 26


class RuntimeStartError(Dock2wasmError):
    """The Wasm runtime did not start, did not become ready, or died."""

    code = 27


class EngineError(Dock2wasmError):
    """The Docker engine is missing, refused, or died."""

    code = 28


class OriginalError(Dock2wasmError):
    """The original container does not build, start or answer."""

    code = 29


class ProbesError(Dock2wasmError):
    """A probes file is unreadable or says something impossible."""

    code = 30


class RecordingError(Dock2wasmError):
    """A recording is unreadable, or belongs to another build context."""

    code = 31


class ManifestError(Dock2wasmError):
    """A manifest that we would write is one that its target refuses."""

    code = 32


class ComponentError(Dock2wasmError):
    """A built component is not what its lane declares (imports, exports, format)."""

    code = 33


class DiskError(Dock2wasmError):
    """The disk is full, or a file cannot be written."""

    code = 34


class PortError(Dock2wasmError):
    """The asked-for port is taken."""

    code = 35


class GitError(Dock2wasmError):
    """Git failed, or was asked for something the guard refuses."""

    code = 36


class ConfigError(Dock2wasmError):
    """`dock2wasm.toml` is unreadable, stands in two places, or has an unknown key."""

    code = 37


class PartError(Dock2wasmError):
    """A template or prebuilt part is missing from the installation or does not have its hash."""

    code = 38


class TargetError(Dock2wasmError):
    """An unknown target or lane, or one that cannot do what is asked of it."""

    code = 39


class BaselineError(Dock2wasmError):
    """The baseline of `assess` is missing or unreadable."""

    code = 40


class WheelError(Dock2wasmError):
    """A native package cannot be built for WASI, or a wheel for WASI is damaged."""

    code = 41
