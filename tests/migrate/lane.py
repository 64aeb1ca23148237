"""A lane for tests of what surrounds a lane: its "build" copies a component that lies in the tree."""

from __future__ import annotations

from analyzers.model import Finding
from migrate.model import GeneratedFile, Plan
from tests import components
from tests.migrate import made

NAME = "python"
IMPORTS = frozenset(
    {"wasi:cli/environment", "wasi:cli/stderr", "wasi:http/types", "wasi:io/error", "wasi:io/streams"}
)
REQUIRES = ("python",)

BUILD = """#!/bin/sh
set -eu
cd "$(dirname "$0")"
echo "==> first"
echo "  something $* with $DOCK2WASM_PYTHON"
echo "==> second"
echo run >>build/runs
cp adapter/component.wasm "build/api.wasm"
"""


def render(plan: Plan) -> tuple[GeneratedFile, ...]:
    return (
        GeneratedFile("build.sh", BUILD.encode(), executable=True),
        GeneratedFile("adapter/component.wasm", components.compiled(components.COUNTER)),
        GeneratedFile("lane.json", f'{{"service": "{plan.service_name}"}}\n'.encode()),
    )


def behaviour(plan: Plan) -> tuple[str, ...]:
    return (f"{plan.service_name} forgets everything between requests.",)


def explain_failure(log: str, plan: Plan | None) -> tuple[Finding, ...]:
    return (made.finding("missing-module"),) if "No module named" in log else ()
