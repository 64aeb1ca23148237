"""Runs a built component with the grants of its generated tree, and nothing more."""

from __future__ import annotations

import codecs
import os
import re
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from analyzers.model import Grant, GrantKind
from migrate.errors import ComponentError, ConfigError, RuntimeStartError, TargetError
from migrate.model import Component, Instances
from migrate.processes import Ended, signals_raise
from migrate.progress import Progress
from migrate.provenance import Provenance
from migrate.runtimes import Mount, RunningServer, ServeRequest, runtime
from migrate.tree import BUILD, load

LOG = "serve.log"
COMPILED = "cwasm"
"""Folder of the precompiled components, in the tree's `build/`."""

_POLL = 0.1
# What could steer a terminal, in text that a component writes.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def request_for(
    tree: Path,
    component: Component | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    log: Path | None = None,
    port: int | None = None,
    instances: Instances = Instances.FRESH,
) -> ServeRequest:
    """How to run the component of a generated tree: its grants, with values from here where it has none.

    A value in `environment` outranks the tree's. A secret, or a variable whose value the tree leaves open,
    is else taken from our own environment. Raises ConfigError where a secret has no value, OutputError
    where there is no tree, ComponentError where the component is not built.
    """
    from migrate.targets.spin import outbound

    provenance = load(tree)
    return ServeRequest(
        component=component or built(tree, provenance),
        tree=tree,
        log=log or tree / BUILD / LOG,
        environment=environment_for(provenance, environment or {}),
        mounts=tuple(_mount(tree, provenance, g) for g in provenance.grants if g.kind is GrantKind.DIR),
        outbound=tuple(outbound(g) for g in provenance.grants if g.kind is GrantKind.OUTBOUND),
        port=port,
        instances=instances,
    )


def built(tree: Path, provenance: Provenance) -> Component:
    """The component that `build` left in the tree. Raises ComponentError where there is none."""
    from migrate.component import inspect

    path = tree / BUILD / f"{provenance.service}.wasm"
    if not path.is_file():
        raise ComponentError(
            f"{provenance.service} is not built: {path} is missing.",
            do=f"dock2wasm build --service {provenance.service}",
        )
    return inspect(path)


def environment_for(provenance: Provenance, given: Mapping[str, str]) -> dict[str, str]:
    """The variables a component gets: `given` over the tree's values, the rest from our own environment.

    Raises ConfigError where a secret has no value.
    """
    found: dict[str, str] = {}
    missing: list[Grant] = []
    for grant in provenance.grants:
        if grant.kind is GrantKind.ENV and grant.value is not None:
            found[grant.name] = given.get(grant.name, grant.value)
        elif grant.kind in (GrantKind.ENV, GrantKind.SECRET):
            value = given.get(grant.name, os.environ.get(grant.name))
            if value is not None:
                found[grant.name] = value
            elif grant.kind is GrantKind.SECRET:
                missing.append(grant)
    if missing:
        names = [grant.name for grant in missing]
        raise ConfigError(
            f"{provenance.service} needs {'a secret that has' if len(names) == 1 else 'secrets that have'}"
            f" no value here: {', '.join(names)}.",
            why=" ".join(f"{grant.name} is read at {grant.evidence}." for grant in missing),
            do=f"Set it in the environment, or: {' '.join(f'--env {name}=VALUE' for name in names)},"
            " or --env-file FILE.",
        )
    return {**found, **given}


def _mount(tree: Path, provenance: Provenance, grant: Grant) -> Mount:
    if not grant.guest:
        raise ConfigError(
            f"The directory {grant.name} of {provenance.service} has no place in the component."
        )
    repository = (tree / provenance.repository).resolve()
    return Mount(repository / grant.name, grant.guest, writable=grant.mode == "rw")


def serve_until_stopped(
    tree: Path,
    *,
    runtime_name: str = "wasmtime",
    port: int | None = None,
    environment: Mapping[str, str] | None = None,
    reuse: bool = False,
    progress: Progress,
    out: TextIO | None = None,
) -> None:
    """Run the component until Ctrl-C or SIGTERM; its URL and its log go to `out` (standard output).

    Returns on Ctrl-C, raises `Ended` on SIGTERM and RuntimeStartError where the runtime ends by itself;
    no process is left in any case.
    """
    out = out or sys.stdout
    chosen = runtime(runtime_name)
    program = chosen.locate()
    provenance = load(tree)
    if runtime_name == "wasmtime":
        _refuse_stores(provenance)
    request = request_for(
        tree,
        environment=environment,
        port=port,
        instances=Instances.REUSED if reuse else Instances.FRESH,
    )
    progress.note(f"  {program.name}, version {program.version}: {program.path}")
    for line in describe(request, provenance):
        progress.note(f"  {line}")
    request.log.unlink(missing_ok=True)
    try:
        with signals_raise():
            with progress.step(f"prepare {request.component.path.name}"):
                component = chosen.precompile(request.component, tree / BUILD / COMPILED)
            with chosen.start(replace(request, component=component)) as server:
                print(f"{provenance.service}: {server.url}   (Ctrl-C ends it)", file=out, flush=True)
                _follow(server, out)
    except KeyboardInterrupt:
        progress.note("stopped")
    except Ended:
        progress.note("stopped")
        raise


def describe(request: ServeRequest, provenance: Provenance) -> tuple[str, ...]:
    """The grants in words, values left out; what was added by the caller is named as such."""
    granted = {g.name for g in provenance.grants if g.kind in (GrantKind.ENV, GrantKind.SECRET)}
    own = [name for name in request.environment if name in granted]
    added = [name for name in request.environment if name not in granted]
    lines = []
    if own:
        lines.append(f"environment: {', '.join(own)}")
    if added:
        lines.append(f"environment, not granted by the tree but asked for: {', '.join(added)}")
    lines += [
        f"directory: {mount.host} at {mount.guest} ({'read and write' if mount.writable else 'read'})"
        for mount in request.mounts
    ]
    if request.outbound:
        lines.append(f"outbound: {', '.join(request.outbound)}")
    return tuple(lines)


def _refuse_stores(provenance: Provenance) -> None:
    stores = [grant.name for grant in provenance.grants if grant.kind is GrantKind.KV]
    if stores:
        raise TargetError(
            f"`wasmtime serve` has no lasting key-value store ({', '.join(stores)}).",
            do="Use --runtime spin.",
        )


def _follow(server: RunningServer, out: TextIO) -> None:
    """Print what the log gets until the server ends by itself, which is an error."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with server.log.open("rb") as log:
        while True:
            alive = server.alive()
            while chunk := log.read(65_536):
                out.write(_CONTROL.sub("\N{REPLACEMENT CHARACTER}", decoder.decode(chunk)))
                out.flush()
            if not alive:
                raise RuntimeStartError(
                    "The runtime ended by itself.",
                    why="The end of its log stands above.",
                    do=f"The whole log: {server.log}",
                )
            time.sleep(_POLL)
