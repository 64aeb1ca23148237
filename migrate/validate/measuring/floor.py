"""The host floor: a trivial handler on the same runtime. What it takes, every component there takes."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from migrate.errors import Dock2wasmError
from migrate.model import Component, Instances
from migrate.runtimes import Runtime, ServeRequest

TEXT = Path(__file__).with_name("floor.wat")
_MANIFEST = """spin_manifest_version = 2
[application]
name = "floor"
[[trigger.http]]
route = "/..."
component = "floor"
[component.floor]
source = "floor.wasm"
"""


def request(runtime: Runtime, like: ServeRequest, folder: Path) -> ServeRequest | str:
    """How to run the handler on this runtime, or why that is not possible. It is compiled into `folder`."""
    if like.component.kind != "http" or like.component.wasi != "0.2":
        return (
            f"the trivial handler is of kind http, WASI 0.2, not {like.component.kind}, {like.component.wasi}"
        )
    from wasmtime import WasmtimeError, wat2wasm

    try:
        data = bytes(wat2wasm(TEXT.read_text("utf-8")))
    except WasmtimeError as error:
        return f"the trivial handler does not compile: {error}"[:300]
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "floor.wasm"
    path.write_bytes(data)
    (folder / "spin.toml").write_text(_MANIFEST)
    component = Component(path, hashlib.sha256(data).hexdigest(), "http", "0.2", (), ())
    try:
        component = runtime.precompile(component, folder)
    except Dock2wasmError as error:
        return f"the trivial handler does not compile: {error.what}"
    return replace(
        like,
        component=component,
        tree=folder,
        log=folder / "floor.log",
        environment={},
        mounts=(),
        outbound=(),
        port=None,
        instances=Instances.FRESH,
        ready_path="/",
    )
