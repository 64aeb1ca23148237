"""Builds extensions in Rust (PyO3: maturin, setuptools-rust) as shared libraries for the component.

No target interpreter and no headers are needed: PyO3 reads a configuration file. The C library stays outside
(an empty archive satisfies the linker): its functions are imported from the component, which has one.
"""

from __future__ import annotations

import re
import shlex
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from migrate.errors import WheelError
from migrate.processes import Finished, run
from migrate.wheels._tools import RUST_TARGET, Rust, environment

_PYO3 = """implementation=CPython
version=3.14
shared=true
abi3=false
lib_name=python3.14
pointer_width=32
build_flags=
suppress_build_script_link_lines=true
"""
# PyO3 before 0.29 uses `std::os::wasi`, not stable on this target; the compiler is asked to allow it there.
_OLD_PYO3 = re.compile(r"use of unstable library feature `?wasip2`?")
_ERRORS = (
    (
        r"the configured Python (?:interpreter )?version \((3\.14)\) is newer than PyO3's maximum supported",
        "Its release of PyO3 does not know CPython 3.14.",
        "Take a newer release of the package.",
    ),
    (
        r"requires rustc (\S+) or newer|rustc (\S+) is not supported by the following package",
        "It needs a newer Rust.",
        "Update Rust (rustup update), then try again.",
    ),
    (
        r"linker `cc` not found",
        "Its build scripts run on this machine, and there is no C compiler to link them.",
        "Install gcc or clang.",
    ),
    (
        r"(?:attempting to make an HTTP request|failed to download|unable to update registry)",
        "Crates that it depends on are not in the cache.",
        "Build it once with network access.",
    ),
    (
        r"failed to run custom build command for `(openssl-sys|libsqlite3-sys|libz-sys|[\w-]+-sys) [^`]*`",
        "It needs a C library of the machine: {0}.",
        "Use a package that does without.",
    ),
    (
        r"error(?:\[E\d+\])?: could not compile `([\w-]+)`",
        "Its crate {0} does not compile for WASI.",
        "Read the log; a newer release may.",
    ),
)


def manifest(source: Path, project: Mapping[str, Any]) -> Path | None:
    """The Cargo.toml of the extension, or None where the package has none."""
    tool = project.get("tool")
    named = tool.get("maturin", {}).get("manifest-path") if isinstance(tool, dict) else None
    if isinstance(named, str) and (source / named).resolve().is_relative_to(source.resolve()):
        return source / named
    found = [source / "Cargo.toml", *source.glob("*/Cargo.toml"), *source.glob("src/*/Cargo.toml")]
    return next((p for p in sorted(found, key=lambda p: (len(p.parts), p)) if p.is_file()), None)


def build(
    cargo_toml: Path,
    work: Path,
    rust: Rust,
    python: Path,
    *,
    project: Mapping[str, Any],
    variables: Mapping[str, str],
    stable_abi: bool,
    offline: bool,
    log: Path,
    on_line: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Compile; returns the libraries. Raises WheelError with what cargo said.

    `stable_abi`: the package uses CPython's stable ABI only, so that a PyO3 older than CPython 3.14 will do.
    """
    tools = _programs(work, python)
    (work / "pyo3.txt").write_text(_PYO3)
    flags = [
        f"-Clinker={tools / 'wasm-ld'}", "-Clink-self-contained=n", f"-Lnative={tools}",
    ]  # fmt: skip
    upper = RUST_TARGET.upper().replace("-", "_")
    env = environment(
        **variables,
        RUSTC=str(rust.rustc),
        PYO3_CONFIG_FILE=str(work / "pyo3.txt"),
        PYO3_BUILD_EXTENSION_MODULE="1",
        # A standard library that was built by hand has no bitcode; it gains nothing that could be measured.
        CARGO_PROFILE_RELEASE_LTO="off",
        CARGO_PROFILE_RELEASE_DEBUG="false",
        CARGO_TARGET_DIR=str(work / "target"),
        **{
            f"CARGO_TARGET_{upper}_RUSTFLAGS": shlex.join(flags),
            f"CC_{RUST_TARGET.replace('-', '_')}": str(tools / "cc"),
            f"AR_{RUST_TARGET.replace('-', '_')}": str(tools / "ar"),
        },
    )
    if stable_abi:
        env["PYO3_USE_ABI3_FORWARD_COMPATIBILITY"] = "1"
    argv = [
        str(rust.cargo),
        "build",
        "--release",
        "--lib",
        "--target",
        RUST_TARGET,
        "--manifest-path",
        str(cargo_toml),
    ]
    if any((folder / "Cargo.lock").is_file() for folder in (cargo_toml.parent, *cargo_toml.parents[1:3])):
        argv.append("--locked")
    argv += ["--offline"] if offline else []
    argv += _features(project)
    done = run(argv, cwd=cargo_toml.parent, env=env, log=log, on_line=on_line)
    if done.returncode and _OLD_PYO3.search(done.output):
        env["RUSTC_WRAPPER"] = str(tools / "rustc-for-old-pyo3")
        env["RUSTC_BOOTSTRAP"] = "1"
        done = run(argv, cwd=cargo_toml.parent, env=env, log=log, on_line=on_line)
    if done.returncode:
        raise _failed(done, log)
    return tuple(sorted((work / "target" / RUST_TARGET / "release").glob("*.wasm")))


def _features(project: Mapping[str, Any]) -> list[str]:
    """What `[tool.maturin]` asks of cargo."""
    tool = project.get("tool")
    maturin = tool.get("maturin", {}) if isinstance(tool, dict) else {}
    features = maturin.get("features", []) if isinstance(maturin, dict) else []
    return ["--features", ",".join(map(str, features))] if isinstance(features, list) and features else []


def _programs(work: Path, python: Path) -> Path:
    """A folder with linker, compiler and archiver for WASI, and a C library without content."""
    tools = work / "bin"
    tools.mkdir(parents=True, exist_ok=True)
    (tools / "libc.a").write_bytes(b"!<arch>\n")
    wrapper = shlex.join([str(python), "-B", str(Path(__file__).with_name("cc.py"))])
    scripts = {
        "wasm-ld": f'exec {wrapper} --link-only "$@"',
        "cc": f'exec {wrapper} "$@"',
        "ar": f'exec {wrapper} --archive "$@"',
        # "$1" is rustc. Only the crate pyo3, and only for WASI: others do not know the feature.
        "rustc-for-old-pyo3": (
            f'case " $* " in *" --crate-name pyo3 "*{RUST_TARGET}*)'
            ' exec "$@" "-Zcrate-attr=feature(wasip2)";; esac\nexec "$@"'
        ),
    }
    for name, line in scripts.items():
        path = tools / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return tools


def _failed(done: Finished, log: Path) -> WheelError:
    for pattern, why, do in _ERRORS:
        found = re.search(pattern, done.output)
        if found:
            said = next((g for g in found.groups() if g), "")
            return WheelError("Step compile failed: cargo.", why=f"{why.format(said)} The log: {log}", do=do)
    lines = [line for line in done.output.splitlines() if line.startswith("error")][
        :5
    ] or done.output.splitlines()[-8:]
    return WheelError(
        "Step compile failed: cargo.", why="\n       ".join([*lines, f"The log: {log}"]), do="Read the log."
    )
