"""`spin up` on the generated manifest.

Spin takes the component, its files and its outbound hosts from `spin.toml`; what the request says must
be what stands there. Environment variables go by `-e K=V`: Spin has no form that takes the value from its
own environment, so values can be read by other users of this machine while it runs.

Flags, output and signals are those of Spin 3.6 to 4.1: `spin up` starts a second process that listens, and
Ctrl-C (SIGINT) to both ends them and removes their temporary directory.
"""

from __future__ import annotations

import re
import signal
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from migrate.errors import RuntimeStartError
from migrate.model import Component, Instances
from migrate.ports import HOST
from migrate.runtimes import Located, ServeRequest
from migrate.runtimes._server import ComponentServer, Launch, check_environment, host_environment, launch
from migrate.toolchains import find

NAME = "spin"
MANIFEST = "spin.toml"
STATE = Path("build") / "spin-state"
"""Where Spin keeps key-value stores, in the generated tree, under its .gitignore."""


def locate() -> Located:
    """The program, its version checked. Raises ToolMissingError with the command that installs it."""
    program = find("spin")
    return Located(f"spin ({program.origin})", program.path, program.version)


def start(request: ServeRequest, *, wait: bool = True) -> ComponentServer:
    """Start `spin up`; with `wait`, return when it accepts connections.

    Raises RuntimeStartError with the end of the log or where the manifest says something else than the
    request, PortError where the port is taken.
    """
    if request.instances is not Instances.FRESH and request.component.wasi == "0.2":
        raise RuntimeStartError(
            f"Spin cannot run a WASI 0.2 component with {request.instances} instances.",
            why="It makes a fresh instance for each request.",
            do="Use --runtime wasmtime, or leave --reuse out.",
        )
    program = locate()
    check_environment(request.environment)
    _check_manifest(request)
    flags = [
        "--log-dir",
        "",  # what the component writes goes to our log, not to files of Spin's
        "--state-dir",
        str(STATE),
    ]
    for name, value in request.environment.items():
        flags += ["-e", f"{name}={value}"]

    def command(port: int) -> Sequence[str]:
        return [str(program.path), "up", "-f", MANIFEST, "--listen", f"{HOST}:{port}", *flags]

    how = Launch(
        name="spin up",
        command=command,
        environment=host_environment(),
        cwd=request.tree,
        in_use=re.compile(r"is already in use|Address already in use", re.IGNORECASE),
        stop_signal=signal.SIGINT,
        grace=5.0,
    )
    return launch(request, how, wait=wait)


def precompile(component: Component, folder: Path) -> Component:
    """The component as it is: Spin compiles by itself and keeps the result in its own cache."""
    del folder
    return component


def _check_manifest(request: ServeRequest) -> None:
    path = request.tree / MANIFEST
    try:
        manifest = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise RuntimeStartError(
            f"{path} is missing.",
            why="The service was converted for other targets.",
            do="Run `dock2wasm convert --target spin`.",
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RuntimeStartError(f"{path} cannot be read.", why=str(error)) from None
    components = manifest.get("component")
    entries = [c for c in components.values() if isinstance(c, dict)] if isinstance(components, dict) else []
    chosen = next((c for c in entries if _is(request, c.get("source"))), None)
    if chosen is None:
        raise RuntimeStartError(
            f"{path} does not run {request.component.path}.",
            why="No component there has it as its source.",
            do="Run `dock2wasm convert --force` and `dock2wasm build`.",
        )
    destinations = _destinations(chosen)
    for mount in request.mounts:
        if mount.writable:
            raise RuntimeStartError(
                f"Spin cannot give the component the writable directory {mount.guest}.",
                why="Its files are read-only, or temporary copies.",
                do="Use --runtime wasmtime.",
            )
        if mount.guest.rstrip("/") not in destinations:
            raise RuntimeStartError(
                f"{path} does not mount {mount.guest}.", do="Run `dock2wasm convert --force`."
            )
    given = _strings(chosen.get("allowed_outbound_hosts"))
    for host in request.outbound:
        if host not in given:
            raise RuntimeStartError(
                f"{path} does not grant {host}.",
                why=f"allowed_outbound_hosts: {', '.join(given) or 'none'}.",
                do="Run `dock2wasm convert --force`.",
            )


def _is(request: ServeRequest, source: object) -> bool:
    return isinstance(source, str) and (request.tree / source).resolve() == request.component.path.resolve()


def _destinations(component: dict[str, Any]) -> frozenset[str]:
    files = component.get("files")
    entries = files if isinstance(files, list) else []
    return frozenset(
        str(entry["destination"]).rstrip("/")
        for entry in entries
        if isinstance(entry, dict) and "destination" in entry
    )


def _strings(value: object) -> tuple[str, ...]:
    return tuple(v for v in value if isinstance(v, str)) if isinstance(value, list) else ()
