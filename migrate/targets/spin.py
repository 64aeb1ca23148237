"""Target `spin`: a `spin.toml` for Spin 4 (SpinKube's Spin 3.6 reads it too)."""

from __future__ import annotations

import re

from analyzers.model import Grant, GrantKind
from migrate.errors import TargetError
from migrate.model import GeneratedFile, Plan
from migrate.targets.spin_manifest import Application, Build, Component, HttpTrigger, Manifest, Plain, to_toml

NAME = "spin"
FILES = ("spin.toml",)
# Names that a shell can expand.
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
LISTEN = "127.0.0.1:3000"


def render(plan: Plan) -> tuple[GeneratedFile, ...]:
    """`spin.toml`. Raises TargetError for a grant Spin cannot give, ManifestError where it would refuse."""
    return (GeneratedFile("spin.toml", to_toml(manifest(plan)).encode("utf-8")),)


def manifest(plan: Plan) -> Manifest:
    """One application with one component that answers every route."""
    name = plan.service_name
    for grant in plan.grants:
        if grant.kind is GrantKind.DIR:
            raise TargetError(
                f"Spin cannot give {name} the directory {grant.name} ({grant.evidence}).",
                why="It mounts only what lies beside its manifest, read-only.",
                do="Leave Spin out: --target wasmtime.",
            )
    return Manifest(
        application=Application(name=name),
        triggers=(HttpTrigger(route="/...", component=name),),
        components={
            name: Component(
                source=f"build/{name}.wasm",
                environment={
                    grant.name: grant.value for grant in _of(plan, GrantKind.ENV) if grant.value is not None
                },
                allowed_outbound_hosts=tuple(outbound(g) for g in _of(plan, GrantKind.OUTBOUND)),
                key_value_stores=tuple(grant.name for grant in _of(plan, GrantKind.KV)),
                build=Build(command="./build.sh"),
                tool={"dock2wasm": _provenance(plan)},
            )
        },
    )


def outbound(grant: Grant) -> str:
    """The entry of `allowed_outbound_hosts` for an outbound grant."""
    port = "" if (grant.scheme, grant.port) in {("http", 80), ("https", 443)} else f":{grant.port}"
    return f"{grant.scheme}://{grant.host}{port}"


def at_start(plan: Plan) -> tuple[Grant, ...]:
    """Grants whose value is handed over when the component is started and written nowhere."""
    return tuple(
        grant
        for grant in plan.grants
        if grant.kind is GrantKind.SECRET or (grant.kind is GrantKind.ENV and grant.value is None)
    )


def how_to_run(plan: Plan) -> str:
    """Markdown: the commands that run the component on Spin."""
    names = [grant.name for grant in at_start(plan) if IDENTIFIER.match(grant.name)]
    secrets = "".join(f' -e {name}="${name}"' for name in names)
    text = f"```sh\nspin build\nspin up --listen {LISTEN}{secrets}\n```\n"
    if secrets:
        text += "\nValues after `-e` are read from your shell at start; `spin.toml` holds none of them.\n"
    return text + (
        "\nSpin answers below `/.well-known/spin/` itself (`/.well-known/spin/health` is a liveness probe) "
        "and gives every request a fresh instance.\n"
    )


def _of(plan: Plan, kind: GrantKind) -> tuple[Grant, ...]:
    return tuple(sorted((g for g in plan.grants if g.kind is kind), key=lambda g: (g.name, g.port or 0)))


def _provenance(plan: Plan) -> dict[str, Plain]:
    return {
        "lane": plan.lane,
        "wasi": plan.wasi,
        "promise": plan.promise,
        "accepted": plan.accepted,
        "provenance": "dock2wasm.provenance.json",
    }
