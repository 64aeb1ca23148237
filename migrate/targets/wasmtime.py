"""Target `wasmtime`: a `run.sh` that starts `wasmtime serve` with the grants and nothing else."""

from __future__ import annotations

import ipaddress
import os
import shlex
from collections.abc import Iterable
from pathlib import PurePosixPath

from analyzers.model import Grant, GrantKind
from migrate.errors import ManifestError, TargetError
from migrate.model import GeneratedFile, Plan
from migrate.targets.spin import IDENTIFIER, at_start

NAME = "wasmtime"
FILES = ("run.sh",)

# Lane -> options of `wasmtime serve` that pay there, and why. Measured with benchmarks/python_lane.py
# (docs/benchmarks.md): an instance of an interpreter starts with some 20 MiB of memory, and touching it costs
# over a thousand page faults in each fresh one; kept resident, it is put back by copying.
_OPTIONS = {
    "python": {
        "flags": "-O pooling-allocator=y -O pooling-memory-keep-resident=33554432",
        "why": "Memory is kept ready for the next instance: half the time of a fresh one, some 50 MB more.",
    }
}
_HTTP = ("http", "https")


def render(plan: Plan) -> tuple[GeneratedFile, ...]:
    """`run.sh`. Raises TargetError for a grant that wasmtime cannot give, ManifestError for a bad name."""
    from migrate.templating import render as fill

    directories = [_mount(plan, grant) for grant in plan.grants if grant.kind is GrantKind.DIR]
    stores = [grant for grant in plan.grants if grant.kind is GrantKind.KV]
    if stores:
        raise TargetError(
            f"`wasmtime serve` has no lasting key-value store ({stores[0].name}, {stores[0].evidence}).",
            do="Leave it out: --target spin.",
        )
    outbound = [(g.scheme or "", g.host or "") for g in plan.grants if g.kind is GrantKind.OUTBOUND]
    text = fill(
        "targets/wasmtime/run.sh.j2",
        service=plan.service_name,
        port=default_port(plan),
        options=_OPTIONS.get(plan.lane),
        environment=[
            shlex.quote(f"{_name(grant)}={_value(grant)}")
            for grant in sorted(plan.grants, key=lambda g: g.name)
            if grant.kind is GrantKind.ENV and grant.value is not None
        ],
        at_start=[_handed_over(plan, grant) for grant in at_start(plan)],
        mounts=[mount for mode, mount in directories if mode == "rw"],
        wasi=",".join(["cli", *socket_options(outbound)]),
        copies=[mount for mode, mount in directories if mode != "rw"],
    )
    return (GeneratedFile("run.sh", text.encode("utf-8"), executable=True),)


def socket_options(outbound: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    """The options of `-S` that open sockets for (scheme, host) of the outbound grants, and no more than that.

    wasmtime opens all of the network or none of it: hosts and ports cannot be named. What it can leave shut
    is shut: datagrams, and the look-up of names where every host is an address. HTTP needs none of this.
    """
    hosts = [host for scheme, host in outbound if scheme not in _HTTP]
    if not hosts:
        return ()
    named = any(not _is_address(host) for host in hosts)
    return ("inherit-network", "tcp", "udp=n", *(["allow-ip-name-lookup"] if named else []))


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def default_port(plan: Plan) -> int:
    """The port that `run.sh` listens on: the service's own, if an ordinary user may take it, else 8080."""
    port = plan.assessment.service.port
    return port if port is not None and 1024 <= port <= 65535 else 8080


def how_to_run(plan: Plan) -> str:
    """Markdown: the commands that run the component under wasmtime, and the options that speed it up."""
    secrets = "".join(f"{grant.name}=... " for grant in at_start(plan) if IDENTIFIER.match(grant.name))
    return (
        f"```sh\n./build.sh\n{secrets}./run.sh        # http://127.0.0.1:{default_port(plan)}\n```\n\n"
        "`run.sh` hands its options to `wasmtime serve`:\n\n"
        f"- {_memory(plan)}\n"
        "- `./run.sh --max-instance-reuse-count 1000` lets one instance answer up to 1000 requests, one "
        "after another. Much quicker, and what a request leaves in memory is then seen by later ones, but "
        "never reliably: instances come and go.\n\n"
        "`wasmtime serve` cannot restrict which hosts are called; restrict them in the network.\n"
    )


def _memory(plan: Plan) -> str:
    kept = "`-O pooling-allocator=y -O pooling-memory-keep-resident=33554432`"
    if plan.lane in _OPTIONS:
        return (
            f"It sets {kept}, which keep memory ready for the next instance: quicker answers, more memory. "
            "`./run.sh -O pooling-memory-keep-resident=0` saves the memory; `-O pooling-allocator=n` is for "
            "machines that limit virtual memory."
        )
    return f"{kept} keep memory ready for the next instance: quicker answers, more memory."


def _handed_over(plan: Plan, grant: Grant) -> dict[str, object]:
    name = _name(grant)
    identifier = bool(IDENTIFIER.match(name))
    if identifier:
        missing = f"{name} is not set; {plan.service_name} starts without it ({grant.evidence})."
    else:
        missing = f"a shell cannot pass {name} on: ./run.sh --env {name}=VALUE"
    return {"name": name, "identifier": identifier, "missing": shlex.quote(missing)}


def _mount(plan: Plan, grant: Grant) -> tuple[str, dict[str, str]]:
    """The mode, and the words of a shell line. Host paths are relative to the repository."""
    guest = grant.guest or ""
    if not guest.startswith("/") or "::" in grant.name or "::" in guest or "\0" in grant.name + guest:
        raise ManifestError(
            f"{grant.name!r} cannot be mounted at {guest!r} ({grant.evidence}).",
            why="wasmtime wants HOST::GUEST with an absolute GUEST.",
        )
    if PurePosixPath(grant.name).is_absolute():
        host = shlex.quote(grant.name)
    elif grant.name.startswith("~/"):
        host = '"$HOME"/' + shlex.quote(grant.name.removeprefix("~/"))
    else:
        way = os.path.relpath(plan.repository / grant.name, plan.output)
        host = '"$here"/' + shlex.quote(PurePosixPath(way).as_posix())
    return grant.mode or "ro", {
        "host": host,
        "guest": shlex.quote(guest),
        "missing": shlex.quote(f"the directory {grant.name} is missing ({grant.evidence})"),
    }


def _name(grant: Grant) -> str:
    if not grant.name or "=" in grant.name or "\0" in grant.name:
        raise ManifestError(f"{grant.name!r} cannot be an environment variable ({grant.evidence}).")
    return grant.name


def _value(grant: Grant) -> str:
    value = grant.value or ""
    if "\0" in value:
        raise ManifestError(f"The value of {grant.name} holds a NUL character ({grant.evidence}).")
    return value
