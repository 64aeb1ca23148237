"""Trees of the Python lane, written and built for a test."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from analyzers.model import Grant, TakenFile
from migrate.lanes import python as python_lane
from migrate.model import Plan, SnapshotApp
from tests.migrate import made


def write_tree(
    repository: Path,
    files: Mapping[str, str],
    *,
    entry: str,
    grants: Sequence[Grant] = (),
    snapshot_app: SnapshotApp = SnapshotApp.AUTO,
    interface: str = "wsgi",
    requirements: str = "",
) -> Path:
    """wasm/shop of a service with these files below /app, not built yet."""
    for name, text in {**files, "requirements.txt": requirements}.items():
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    service = made.service("shop")
    assert service.source is not None
    source = replace(
        service.source,
        entry=entry,
        interface=interface,
        manifests=("requirements.txt",) if requirements else (),
        dependencies=(),
        workdir="/app",
        search_path=("/app",),
    )
    output = repository / "wasm" / "shop"
    plan = Plan(
        assessment=made.assessed(replace(service, source=source)),
        repository=repository,
        output=output,
        lane="python",
        targets=("wasmtime",),
        kind="http",
        wasi="0.2",
        files=tuple(TakenFile(name, f"/app/{name}") for name in files),
        excluded=(),
        grants=tuple(grants),
        snapshot_app=snapshot_app,
    )
    for file in python_lane.render(plan):
        path = output / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
        path.chmod(0o755 if file.executable else 0o644)
    taken = [{"source": f.source, "guest": f.guest} for f in plan.files]
    (output / "files.json").write_text(json.dumps({"repository": "../..", "files": taken}))
    return output


def build(tree: Path) -> subprocess.CompletedProcess[str]:
    """Run build.sh; its status is the caller's to judge."""
    return subprocess.run(["./build.sh"], cwd=tree, capture_output=True, text=True, timeout=900)
