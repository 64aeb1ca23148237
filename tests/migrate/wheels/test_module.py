"""Shared libraries are read far enough to tell whether CPython can load them."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.errors import WheelError
from migrate.wheels import _module
from tests.migrate.wheels.made import library


def test_what_a_library_takes_and_gives() -> None:
    imports = [
        ("env", "memory"),
        ("env", "table"),
        ("GOT.mem", "x"),
        ("env", "f"),
        ("wasi:random/random@0.2.4", "g"),
    ]
    found = _module.parse(library(["PyInit__speedups", "cabi_realloc"], imports))
    assert found.shared
    assert found.imports == tuple(imports)
    assert found.init == ("_speedups",)
    assert found.foreign() == ()


def test_what_nothing_in_a_component_gives_is_named() -> None:
    found = _module.parse(library(["PyInit_a"], [("wasi_snapshot_preview1", "fd_write")], shared=False))
    assert not found.shared
    assert found.foreign() == ("wasi_snapshot_preview1::fd_write",)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for content in (data, b"\0asm\x01\0\0\0" + data):
        with contextlib.suppress(ValueError):
            _module.parse(content)


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_library_that_ends_too_early_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.wasm"
    path.write_bytes(library(["PyInit_a"])[:-cut])
    with pytest.raises(WheelError, match="no WebAssembly module"):
        _module.read(path)
