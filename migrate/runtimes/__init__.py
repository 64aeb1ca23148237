"""The runtimes: programs that run a component now. One module a runtime: start, wait, logs, stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from migrate.errors import TargetError
from migrate.model import Component, Instances

RUNTIMES = {"wasmtime": "migrate.runtimes.wasmtime", "spin": "migrate.runtimes.spin"}


@dataclass(frozen=True, slots=True)
class Located:
    """A program found on this machine."""

    name: str
    path: Path
    version: str


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory given to the component."""

    host: Path
    guest: str
    writable: bool


@dataclass(frozen=True, slots=True)
class ServeRequest:
    """How to run a component. `port` None takes a free one on 127.0.0.1.

    `environment` holds plain variables and secrets alike: they are handed over at start and
    written nowhere. `tree` is the generated tree (Spin reads its manifest there). `outbound` holds
    `scheme://host:port`. Ready means that it accepts connections; with a `ready_path`, also that a GET of it
    got any answer. It is empty by default: such a request would count in an instance that is reused.
    """

    component: Component
    tree: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    outbound: tuple[str, ...] = ()
    port: int | None = None
    instances: Instances = Instances.FRESH
    ready_path: str = ""
    ready_timeout: float = 90.0


class RunningServer(Protocol):
    """A component that answers on `url` until it is stopped; a context manager."""

    url: str
    port: int
    pid: int
    log: Path
    spawned: float
    """time.monotonic() just before the program was started."""

    def alive(self) -> bool: ...
    def changed(self) -> tuple[str, ...]:
        """Paths in throw-away copies of read-only directories that the component changed."""
        ...

    def stop(self) -> None: ...
    def __enter__(self) -> RunningServer: ...
    def __exit__(self, *exc: object) -> None: ...


class Runtime(Protocol):
    """What a runtime's module holds at its top level."""

    NAME: str

    def locate(self) -> Located:
        """The program, its version checked. Raises ToolMissingError with the command that installs it."""
        ...

    def start(self, request: ServeRequest, *, wait: bool = True) -> RunningServer:
        """Start it; with `wait`, return when it accepts connections.

        Raises RuntimeStartError with the end of the log, PortError where the port is taken.
        """
        ...

    def precompile(self, component: Component, folder: Path) -> Component:
        """The component with its precompiled form, cached by content in `folder`, if the runtime has one."""
        ...


def runtime(name: str) -> Runtime:
    """The runtime of this name. Raises TargetError where there is none."""
    module = RUNTIMES.get(name)
    if module is None:
        raise TargetError(f"There is no runtime {name!r}.", do=f"Runtimes: {', '.join(RUNTIMES)}.")
    return cast(Runtime, import_module(module))
