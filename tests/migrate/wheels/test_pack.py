"""A wheel for WASI: what is in it, what is checked of it."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import pytest

from migrate import wheels
from migrate.errors import WheelError
from migrate.wheels import _pack, _source, _store
from tests.migrate.wheels.made import library, linux_wheel

INFO: dict[str, Any] = {"schema_version": 1, "name": "demo", "version": "1.0", "modules": ["demo._fast"]}


@pytest.fixture
def made(tmp_path: Path) -> Path:
    linux = linux_wheel(
        tmp_path / "demo-1.0-cp314-cp314-manylinux_2_17_x86_64.whl",
        {
            "demo/__init__.py": b"from ._fast import f\n",
            "demo/_fast.cpython-314-x86_64-linux-gnu.so": b"\x7fELF",
            "demo.libs/libssl-1234.so.3": b"\x7fELF",
            "demo-1.0.data/platlib/extra.py": b"x = 1\n",
        },
    )
    (native,) = _source.natives(linux)
    target = tmp_path / "ready" / _store.file_name("demo", "1.0")
    _pack.pack(linux, {native: library(["PyInit__fast"])}, INFO, target)
    return target


def test_python_files_stay_and_libraries_are_replaced(made: Path) -> None:
    with zipfile.ZipFile(made) as archive:
        names = set(archive.namelist())
        wheel = archive.read("demo-1.0.dist-info/WHEEL").decode()
    assert names == {
        "demo/__init__.py",
        "demo/_fast.cpython-314-wasm32-wasi.so",
        "extra.py",
        *(f"demo-1.0.dist-info/{n}" for n in ("METADATA", "WHEEL", "RECORD", "dock2wasm.json")),
    }
    assert "Tag: cp314-cp314-wasi_wasm32" in wheel
    assert "manylinux" not in wheel


def test_a_wheel_that_was_packed_is_in_order(made: Path) -> None:
    report = wheels.check(made)
    assert report.problems == ()
    assert (report.wheel.name, report.wheel.version, report.wheel.modules) == ("demo", "1.0", ("demo._fast",))
    assert [w.path for w in wheels.ready(made.parent)] == [made]


def test_the_same_content_is_the_same_wheel(made: Path) -> None:
    before = made.read_bytes()
    _pack.tell(made, INFO)
    assert made.read_bytes() == before


def test_what_is_wrong_with_a_wheel_is_said(made: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.whl"
    with zipfile.ZipFile(made) as source, zipfile.ZipFile(other, "w") as out:
        for name in source.namelist():
            data = source.read(name)
            if name.endswith(".so"):
                data = library(["PyInit_other"], [("foreign", "f")], shared=False)
            if name.endswith("METADATA"):
                continue
            out.writestr(name, data)
        out.writestr("more.py", b"")
    assert set(wheels.check(other).problems) == {
        "its name should be demo-1.0-cp314-cp314-wasi_wasm32.whl",
        "more.py is not in RECORD",
        "demo-1.0.dist-info/METADATA is in RECORD only",
        "demo/_fast.cpython-314-wasm32-wasi.so is not what RECORD says",
        "demo._fast: no shared library (no section dylink.0)",
        "demo._fast: no PyInit__fast",
        "demo._fast: imports foreign::f",
    }


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_wheel_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.whl"
    path.write_bytes(content)
    with pytest.raises(WheelError, match=r"damaged|no wheel for WASI"):
        wheels.check(path)


def test_native_modules_of_a_linux_wheel(tmp_path: Path) -> None:
    linux = linux_wheel(
        tmp_path / "demo.whl",
        {
            "demo/a.cpython-314-x86_64-linux-gnu.so": b"",
            "demo/sub/b.abi3.so": b"",
            "_top.so": b"",
            "demo-1.0.data/platlib/demo/c.cpython-314-x86_64-linux-gnu.so": b"",
            "demo.libs/libfoo-1.so": b"",
            "demo/libfoo.so": b"",
            "demo/readme.so.txt": b"",
        },
    )
    assert [n.module for n in _source.natives(linux)] == ["_top", "demo.a", "demo.c", "demo.sub.b"]
