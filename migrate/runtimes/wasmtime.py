"""`wasmtime serve`: the runtime that validate trusts first.

Verified on 42.0.1, 48.0.2 and 49.0.3 (`tests/migrate/runtimes/`): a variable named with
`--env NAME` is taken from the process's environment, so that no value stands in an argument list, which
every user of the machine can read; SIGTERM ends it at once, SIGINT waits for idle instances first.

What it cannot do: limit outbound HTTP to hosts (a component that imports `wasi:http/outgoing-handler` may
call any), and mount a directory read-only (a throw-away copy is mounted instead).
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import platform
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from subprocess import TimeoutExpired

from migrate.errors import ComponentError, DiskError, RuntimeStartError
from migrate.files import write_atomically
from migrate.model import Component, Instances
from migrate.ports import HOST
from migrate.processes import run
from migrate.runtimes import Located, ServeRequest
from migrate.runtimes._server import (
    ComponentServer,
    Launch,
    ReadOnlyCopies,
    check_environment,
    host_environment,
    launch,
)
from migrate.targets.wasmtime import socket_options
from migrate.toolchains import find
from migrate.toolchains.programs import answer

NAME = "wasmtime"

COMPILE_TIMEOUT = 900.0
"""Seconds; 27 MB take 4 to 25 on two cores."""

KEPT = 4
"""Compiled components that stay in the cache: each is as large as its component or larger."""

REUSE = 100_000_000
"""Requests an instance may serve with reuse: as good as all of them."""

# Variables that the runtime's own process, its loader or its allocator would obey. They are given to the
# component by value, so that a container's LD_PRELOAD or HOME does not change the runtime.
_HOST_READS = re.compile(
    r"(?:LD|DYLD|GLIBC|MALLOC|_RJEM|RUST|WASMTIME|TOKIO|XDG|LC)_.*|PATH|HOME|TMPDIR|LANG|NO_COLOR"
)
_PORT = re.compile(r":\d+\Z")


def locate() -> Located:
    """The program, its version checked. Raises ToolMissingError with the command that installs it."""
    program = find("wasmtime")
    return Located(f"wasmtime ({program.origin})", program.path, program.version)


def start(request: ServeRequest, *, wait: bool = True) -> ComponentServer:
    """Start `wasmtime serve`; with `wait`, return when it accepts connections.

    Raises RuntimeStartError with the end of the log, PortError where the port is taken.
    """
    program = locate()
    if request.component.kind != "http":
        raise RuntimeStartError(
            f"`wasmtime serve` runs components of kind http, not {request.component.kind}.",
            do="Convert the service again.",
        )
    check_environment(request.environment)
    file, precompiled = _what_runs(request.component, program)
    by_name = [name for name in request.environment if not _HOST_READS.fullmatch(name)]
    copies = ReadOnlyCopies()
    fixed = [
        *_instance_flags(request),
        *_wasi_flags(request),
        *(["--allow-precompiled"] if precompiled else []),
        *(
            f"--env={name}" if name in by_name else f"--env={name}={value}"
            for name, value in request.environment.items()
        ),
        *_directories(request, copies),
        str(file),
    ]

    def command(port: int) -> Sequence[str]:
        return [str(program.path), "serve", f"--addr={HOST}:{port}", *fixed]

    environment = {**host_environment(), **{name: request.environment[name] for name in by_name}}
    how = Launch(
        name="wasmtime serve",
        command=command,
        environment=environment,
        cwd=request.tree,
        in_use=re.compile("Address already in use", re.IGNORECASE),
        stop_signal=signal.SIGTERM,
        grace=3.0,
    )
    return launch(request, how, wait=wait, copies=copies)


def _what_runs(component: Component, program: Located) -> tuple[Path, bool]:
    if component.precompiled and component.precompiled_by == _identity(program):
        return component.precompiled.absolute(), True
    if not component.path.is_file():
        raise RuntimeStartError(
            f"The component {component.path} is missing.", do="Run `dock2wasm build` first."
        )
    return component.path.absolute(), False


def _instance_flags(request: ServeRequest) -> list[str]:
    if request.instances is Instances.FRESH:
        return ["--max-instance-reuse-count=1", "--max-instance-concurrent-reuse-count=1"]
    concurrent = 100_000 if request.instances is Instances.RESIDENT else 1
    return [
        f"--max-instance-reuse-count={REUSE}",
        f"--max-instance-concurrent-reuse-count={concurrent}",
        # The default of one second drops an instance between two requests of a person.
        "--idle-instance-timeout=600s",
    ]


def _wasi_flags(request: ServeRequest) -> list[str]:
    flags = ["cli"]
    if request.component.wasi == "0.3":
        flags.append("p3")
    split = [(scheme, rest) for scheme, _, rest in (text.partition("://") for text in request.outbound)]
    flags += socket_options((scheme, _PORT.sub("", host)) for scheme, host in split)
    return ["-S", ",".join(flags)]


def _directories(request: ServeRequest, copies: ReadOnlyCopies) -> list[str]:
    flags = []
    for mount in request.mounts:
        host = mount.host.absolute()
        if not host.is_dir():
            raise RuntimeStartError(
                f"The directory {host} for {mount.guest} is missing.", do=f"Make it: mkdir -p {host}"
            )
        if "::" in f"{host}{mount.guest}":
            raise RuntimeStartError(f"{host} cannot be mounted: wasmtime separates paths by '::'.")
        source = host if mount.writable else copies.add(host, mount.guest)
        flags.append(f"--dir={source}::{mount.guest}")
    return flags


# --- precompiled form -------------------------------------------------------------------------


def precompile(component: Component, folder: Path) -> Component:
    """The component with its machine code, from `folder` or made now.

    The name holds the content's hash, this wasmtime and this machine's processor; a record beside it holds
    the code's own hash, and an entry that does not match it is made again. Written whole or not at all.
    Raises ComponentError where wasmtime refuses the component, DiskError where `folder` cannot be written.
    """
    program = locate()
    identity = _identity(program)
    digest = _sha256(component.path)
    if digest != component.sha256:
        raise ComponentError(
            f"{component.path} changed after it was inspected.", do="Run `dock2wasm build` again."
        )
    stem = f"{digest[:32]}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}"
    code, record = folder / f"{stem}.cwasm", folder / f"{stem}.json"
    if not _intact(code, record):
        _compile(program, component.path, code, record)
    return dataclasses.replace(component, precompiled=code, precompiled_by=identity)


def _compile(program: Located, source: Path, code: Path, record: Path) -> None:
    folder = code.parent
    temporary: Path | None = None
    try:
        # Machine code that will be run: nobody else may write here.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(suffix=".cwasm", dir=folder)
        os.close(handle)
        temporary = Path(name)
        done = run(
            [str(program.path), "compile", "-o", str(temporary), str(source.absolute())],
            cwd=folder,
            env=host_environment(),
            timeout=COMPILE_TIMEOUT,
        )
        if done.returncode != 0:
            raise ComponentError(
                f"wasmtime {program.version} refuses {source}.",
                why=done.output.strip()[-2000:] or f"It ended with code {done.returncode}.",
                do="Run `dock2wasm build` again.",
            )
        digest = _sha256(temporary)
        # A running server may have the old file mapped: it is replaced by name, never overwritten.
        temporary.replace(code)
        write_atomically(record, json.dumps({"sha256": digest}).encode())
        _forget_old(folder)
    except TimeoutExpired:
        raise ComponentError(
            f"wasmtime did not compile {source} within {COMPILE_TIMEOUT / 60:.0f} minutes.",
            do="Try again on a machine that is less busy.",
        ) from None
    except OSError as error:
        raise DiskError(
            f"The cache of compiled components {folder} cannot be written.",
            why=error.strerror or str(error),
            do="Free some space, or check its permissions.",
        ) from error
    finally:
        if temporary:
            with suppress(OSError):
                temporary.unlink()


def _forget_old(folder: Path) -> None:
    """Remove all but the newest entries. A running server keeps its own mapped."""
    entries = sorted(folder.glob("*.cwasm"), key=lambda path: path.stat().st_mtime, reverse=True)
    for code in entries[KEPT:]:
        code.unlink(missing_ok=True)
        code.with_suffix(".json").unlink(missing_ok=True)


def _intact(code: Path, record: Path) -> bool:
    try:
        expected = json.loads(record.read_text("utf-8"))["sha256"]
        return bool(_sha256(code) == expected)
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        raise ComponentError(f"The component {path} is missing.", do="Run `dock2wasm build` first.") from None


@cache
def _identity(program: Located) -> str:
    """What machine code depends on: this very wasmtime, and what the processor can."""
    said = answer(program.path, ("--version",))[1].strip()
    return f"{said} {sys.platform} {platform.machine()} {_processor()}"


def _processor() -> str:
    """A short name for the processor's features; on other systems than Linux, its model."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines():
            if line.startswith(("flags", "Features")):
                return hashlib.sha256(line.encode()).hexdigest()[:12]
    return platform.processor()
