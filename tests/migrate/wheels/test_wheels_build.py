"""What a build takes from the cache, refuses, and says of a compiler's output."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from migrate import wheels
from migrate.errors import ToolMissingError, UsageError, WheelError
from migrate.processes import Finished
from migrate.progress import Silent
from migrate.wheels import _build, _c, _pack, _recipes, _rust, _source, _store, _tools
from tests.migrate.wheels.made import library, linux_wheel, sdist

PYTHON = Path("/no/python")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return _store.cache()


def keep(name: str, version: str, sdist_sha256: str = "a" * 64) -> Path:
    """A ready wheel, as a build would have left it."""
    linux = linux_wheel(
        _store.cache().parent.parent.parent / "linux.whl", {"m.so": b""}, name=name, version=version
    )
    (native,) = _source.natives(linux)
    info = {
        "schema_version": 1,
        "name": name,
        "version": version,
        "modules": ["m"],
        "sdist_sha256": sdist_sha256,
        "inputs": _build._inputs(name, version),
        **_recipes.recipe(name).telling(),
    }
    target = wheels.folder() / _store.file_name(name, version)
    _pack.pack(linux, {native: library(["PyInit_m"])}, info, target)
    return target


def test_a_ready_wheel_is_not_built_again(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    target = keep("demo", "1.0")
    result = wheels.build("Demo", "1.0", progress=Silent())
    assert (result.cached, result.wheel.path, result.sha256) == (True, target, _store.sha256(target))
    assert wheels.build("demo", "1.0", progress=Silent(), hashes=["b" * 64, "a" * 64]).cached


def test_what_a_recipe_tells_anew_is_told_without_a_build(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    target = keep("orjson", "9.9")
    _pack.tell(target, {**_store.read(target).info, "call": "old"})
    assert (
        wheels.build("orjson", "9.9", progress=Silent()).wheel.info["call"] == wheels.recipes()["orjson"].call
    )


def test_another_source_than_the_lock_names_is_no_ready_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").mkdir()
    keep("demo", "1.0")

    def asked(*args: object, **kwargs: object) -> Path:
        raise WheelError("it would be built")

    monkeypatch.setattr(_tools, "python", asked)
    with pytest.raises(WheelError, match=r"demo==1\.0: it would be built"):
        wheels.build("demo", "1.0", progress=Silent(), hashes=["b" * 64])


def test_a_package_that_cannot_be_built_says_why_and_what_to_do() -> None:
    with pytest.raises(WheelError, match="numpy cannot be built for WASI") as caught:
        wheels.build("numpy", "2.3.5", progress=Silent())
    assert caught.value.why
    assert caught.value.do


def test_one_that_fails_does_not_keep_the_others(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    keep("demo", "1.0")
    results, errors = wheels.build_all([("numpy", "2.3.5"), ("demo", "1.0")], progress=Silent(), hashes={})
    assert [r.wheel.name for r in results] == ["demo"]
    assert len(errors) == 1
    assert wheels.build_all([("demo", "1.0")], progress=Silent(), hashes={}, known_only=True) == ([], [])


@pytest.mark.parametrize("text", ["orjson", "orjson>=3", "orjson==", "-e .", "orjson==3 --hash=x", ""])
def test_what_names_no_release_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="NAME==VERSION"):
        wheels.parse(text)


def test_hashes_by_package() -> None:
    found = wheels.parse_hashes([f"My_Pkg:{'A' * 64}", f"my-pkg:sha256:{'b' * 64}"])
    assert found == {"my-pkg": ["a" * 64, "b" * 64]}
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        wheels.parse_hashes(["x:123"])


# --- sources -------------------------------------------------------------------------------


@pytest.fixture
def sources(cache: Path, tmp_path: Path) -> Path:
    folder = cache / "sources" / "demo-1.0"
    folder.mkdir(parents=True)
    sdist(folder / "demo-1.0.tar.gz", {"pyproject.toml": "", "setup.py": ""})
    linux_wheel(folder / "demo-1.0-cp314-cp314-manylinux_2_17_x86_64.whl", {"demo.so": b""})
    return folder


def test_cached_sources_need_no_network(sources: Path) -> None:
    found = _source.fetch("demo", "1.0", PYTHON, hashes=(), offline=True)
    assert found.sdist == sources / "demo-1.0.tar.gz"
    assert _source.fetch("Demo", "1.0", PYTHON, hashes=[found.sdist_sha256], offline=True) == found


def test_a_source_that_is_not_the_locks_is_refused(sources: Path) -> None:
    with pytest.raises(WheelError, match="not the one of the lock"):
        _source.fetch("demo", "1.0", PYTHON, hashes=["0" * 64], offline=True)


def test_without_network_a_missing_source_is_said() -> None:
    with pytest.raises(WheelError, match=r"source distribution of demo==1\.0 is not in the cache"):
        _source.fetch("demo", "1.0", PYTHON, hashes=(), offline=True)


@pytest.mark.parametrize("name", ["../outside", "/etc/outside"])
def test_a_source_that_leads_out_of_its_folder_is_refused(tmp_path: Path, name: str) -> None:
    import tarfile

    path = tmp_path / "demo-1.0.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        entry = tarfile.TarInfo(name)
        entry.type = tarfile.SYMTYPE
        entry.linkname = "/etc/passwd"
        archive.addfile(entry)
    (tmp_path / "into").mkdir()
    with pytest.raises(WheelError, match="cannot be unpacked"):
        _source.unpack(path, tmp_path / "into")


def test_the_manifest_that_maturin_names_comes_first(tmp_path: Path) -> None:
    for folder in ("", "rust", "src/core"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "Cargo.toml").write_text("")
    assert _rust.manifest(tmp_path, {}) == tmp_path / "Cargo.toml"
    named = {"tool": {"maturin": {"manifest-path": "src/core/Cargo.toml"}}}
    assert _rust.manifest(tmp_path, named) == tmp_path / "src/core/Cargo.toml"
    outside = {"tool": {"maturin": {"manifest-path": "../../Cargo.toml"}}}
    assert _rust.manifest(tmp_path, outside) == tmp_path / "Cargo.toml"
    assert _rust.manifest(tmp_path / "src" / "core" / "none", {}) is None


# --- what compilers say --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (
            "error: the configured Python version (3.14) is newer than PyO3's maximum supported version",
            "release of PyO3 does not know CPython 3.14",
        ),
        ("error: package `x v1` cannot be built because it requires rustc 1.99 or newer", "newer Rust"),
        ("error: failed to run custom build command for `openssl-sys v0.9`", "the machine: openssl-sys"),
        ("error[E0432]: unresolved\nerror: could not compile `mio` (lib)", "crate mio does not compile"),
        ("error: linker `cc` not found", "no C compiler"),
    ],
)
def test_what_cargo_says_is_explained(tmp_path: Path, output: str, why: str) -> None:
    error = _rust._failed(Finished(101, output), tmp_path / "log")
    assert why in error.why
    assert error.do


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("x.c:1:10: fatal error: 'libpq-fe.h' file not found", "needs the header libpq-fe.h"),
        ("x.c:3: error: call to undeclared function 'fork'; ISO C99", "uses fork, which"),
        ("ModuleNotFoundError: No module named 'numpy'", "imports numpy"),
    ],
)
def test_what_the_c_compiler_says_is_explained(tmp_path: Path, output: str, why: str) -> None:
    error = _c._failed(Finished(1, output), tmp_path / "log")
    assert why in error.why
    assert error.do


def test_modules_find_their_library(tmp_path: Path) -> None:
    natives = [
        _source.Native("a/_x.so", "a._x"),
        _source.Native("b/_x.so", "b._x"),
        _source.Native("c.so", "c"),
    ]
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"_x{_c.SUFFIX}").write_bytes(library(["PyInit__x"], [("env", folder)]))
    (tmp_path / "any.wasm").write_bytes(library(["PyInit_c"]))
    made = _build._matched(natives, sorted(tmp_path.rglob("*.*")), tmp_path / "log")
    assert {n.module: n.module[0].encode() in data for n, data in made.items()} == dict.fromkeys(
        ("a._x", "b._x", "c"), True
    )
    with pytest.raises(WheelError, match=r"d was not built"):
        _build._matched([_source.Native("d.so", "d")], [], tmp_path / "log")


# --- tools ---------------------------------------------------------------------------------


def test_build_scripts_get_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("CARGO_REGISTRY_TOKEN", "s3cret")
    found = _tools.environment(CC="cc")
    assert "s3cret" not in found.values()
    assert found["CC"] == "cc"
    assert found["PATH"] == os.environ["PATH"]


def test_headers_of_another_python_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "include"
    folder.mkdir()
    (folder / "Python.h").write_text("")
    (folder / "pyconfig.h").write_text("theirs")
    version = "#define PY_MAJOR_VERSION 3\n#define PY_MINOR_VERSION {}\n"
    monkeypatch.setenv(_tools.HEADERS_VARIABLE, str(folder))
    (folder / "patchlevel.h").write_text(version.format(13))
    with pytest.raises(ToolMissingError, match=r"headers of CPython 3\.14"):
        _tools.headers()
    (folder / "patchlevel.h").write_text(version.format(14))
    made = _tools.headers()
    assert "wasm32-wasi" in (made / "pyconfig.h").read_text()
    assert _tools.headers() == made


def test_the_wheel_tells_what_it_was_made_of(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    info = wheels.check(keep("demo", "1.0")).wheel.info
    assert info["keep"] is None  # nothing is known of what its code imports
    assert json.dumps(info)
