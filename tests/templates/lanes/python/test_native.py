"""The build's tool for native packages: which wheel is taken, where its parts go."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from tests.migrate.wheels.made import linux_wheel

ROOT = Path(__file__).parents[4]
TOOLS = ROOT / "templates" / "lanes" / "python" / "tools"
NAME = "my_pkg-1.0-cp314-cp314-wasi_wasm32.whl"
LIBRARY = "my_pkg/_fast.cpython-314-wasm32-wasi.so"


@pytest.fixture
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = set(sys.modules)
    import native as module  # type: ignore[import-not-found]  # a script of the tree

    monkeypatch.setattr(module, "TREE", tmp_path / "tree")
    monkeypatch.setattr(module, "BUILD", tmp_path / "tree" / "build")
    yield module
    for name in set(sys.modules) - before:
        del sys.modules[name]


def wheel(folder: Path, *more: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    files = {"my_pkg/__init__.py": b"new\n", LIBRARY: b"\0asm", **dict.fromkeys(more, b"")}
    info = json.dumps({"name": "my-pkg", "version": "1.0", "modules": ["my_pkg._fast"]}).encode()
    files["my_pkg-1.0.dist-info/dock2wasm.json"] = info
    return linux_wheel(folder / NAME, files, name="my_pkg")


def test_the_trees_own_wheels_come_first(
    native: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert native.find("My.Pkg", "1.0", {}) is None
    cached = wheel(tmp_path / "cache" / "dock2wasm" / "wheels" / "ready")
    assert native.find("My.Pkg", "1.0", {}) == cached
    given = wheel(tmp_path / "given")
    monkeypatch.setenv("DOCK2WASM_WASI_WHEELS", str(tmp_path / "given"))
    assert native.find("my-pkg", "1.0", {}) == given
    own = wheel(tmp_path / "tree" / "wheels")
    assert native.find("my-pkg", "1.0", {}) == own
    assert native.find("my-pkg", "1.1", {}) is None
    assert native.ready() == [own, given, cached]


def test_a_pinned_wheel_is_that_one_or_an_error(native: ModuleType, tmp_path: Path) -> None:
    own = wheel(tmp_path / "tree" / "wheels")
    assert native.find("my-pkg", "1.0", {NAME: native.digest_of(own)}) == own
    with pytest.raises(native.BuildFailed, match="names with its SHA-256"):
        native.find("my-pkg", "1.0", {NAME: "0" * 64})


def test_a_release_from_the_index_is_replaced(native: ModuleType, tmp_path: Path) -> None:
    target, libraries = tmp_path / "site-packages", tmp_path / "native"
    with zipfile.ZipFile(
        linux_wheel(tmp_path / "x.whl", {"my_pkg/__init__.py": b"old", "my_pkg/gone.py": b""}, name="my_pkg")
    ) as archive:
        archive.extractall(target)
    (record,) = target.glob("*.dist-info/RECORD")
    record.write_text("my_pkg/__init__.py,,\nmy_pkg/gone.py,,\n../outside,,\n")
    (tmp_path / "outside").write_text("stays")
    ((name, version, info),) = native.installed(target)
    assert (name, version) == ("my_pkg", "1.0")
    native.replace(wheel(tmp_path / "given"), info, target, libraries)
    assert (target / "my_pkg" / "__init__.py").read_text() == "new\n"
    assert not (target / "my_pkg" / "gone.py").exists()
    assert (tmp_path / "outside").read_text() == "stays"
    assert native.modules_in(libraries) == {"my_pkg._fast": LIBRARY}


def test_a_wheel_that_leads_out_of_its_folder_is_refused(native: ModuleType, tmp_path: Path) -> None:
    target = tmp_path / "site-packages"
    with zipfile.ZipFile(linux_wheel(tmp_path / "x.whl", {}, name="my_pkg")) as archive:
        archive.extractall(target)
    ((_, _, info),) = native.installed(target)
    with pytest.raises(native.BuildFailed, match="leads out of the folder"):
        native.replace(wheel(tmp_path / "given", "../../evil.py"), info, target, tmp_path / "native")


def test_only_libraries_that_are_needed_are_linked(native: ModuleType, tmp_path: Path) -> None:
    source = tmp_path / "tree" / "build" / "native" / "my_pkg"
    source.mkdir(parents=True)
    for name in ("_fast", "_slow"):
        (source / f"{name}.cpython-314-wasm32-wasi.so").write_bytes(name.encode())
    needed = {"my_pkg._fast": LIBRARY}
    (folder,) = native.link(needed)
    assert [p.relative_to(folder).as_posix() for p in folder.rglob("*.so")] == [LIBRARY]
    assert native.paths(needed) == {"my_pkg._fast": f"/1/{LIBRARY}"}
    assert native.link({}) == []


def test_the_builder_is_asked_with_the_locks_hashes(
    native: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []
    monkeypatch.setattr(native, "run", lambda argv, **_: asked.append(argv))
    native.ask_builder([("My_Pkg", "1.0")], {})
    monkeypatch.setenv("DOCK2WASM_WHEEL_BUILDER", "'a program' wheels build")
    native.ask_builder([], {})
    native.ask_builder([("My_Pkg", "1.0")], {"my-pkg": ["ab", "cd"]})
    expected = ["a program", "wheels", "build", "My_Pkg==1.0", "--hash=My_Pkg:ab", "--hash=My_Pkg:cd"]
    assert asked == [expected]
