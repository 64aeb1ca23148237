"""The tools of a build: a Python of its own with compiler and linker, Rust for WASI, CPython's headers."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import ToolMissingError, WheelError
from migrate.progress import Progress
from migrate.resources import templates
from migrate.wheels import _store

RUST_TARGET = "wasm32-wasip2"
HEADERS_VARIABLE = "DOCK2WASM_PYTHON_HEADERS"
PYTHON = (3, 14)
_HERE = Path(__file__).parent
# What build scripts get of our environment. Secrets of the user's shell are none of their business.
_PASSED = re.compile(
    r"PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|XDG_.*|(https?|no|all)_proxy|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE"
    r"|CURL_CA_BUNDLE|CARGO_HOME|CARGO_HTTP_.*|CARGO_NET_.*|CARGO_BUILD_JOBS|RUSTUP_.*|PIP_.*|DOCK2WASM_.*"
    r"|ZIG_(GLOBAL|LOCAL)_CACHE_DIR|LD_LIBRARY_PATH",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Rust:
    """A Rust toolchain that has the standard library for WASI."""

    cargo: Path
    rustc: Path
    version: str


def environment(**more: str) -> dict[str, str]:
    """The environment of a build script."""
    return {**{k: v for k, v in os.environ.items() if _PASSED.fullmatch(k)}, **more}


# --- the builder's own Python ---------------------------------------------------------------


def python(progress: Progress, *, offline: bool) -> Path:
    """The Python of a virtual environment with the compiler and the component tools, made when first needed.

    Raises ToolMissingError without a Python that can make it, WheelError where its packages cannot be had.
    """
    from migrate.toolchains import find

    host = find("python")
    lists = (_HERE / "requirements.txt", templates() / "lanes" / "python" / "tools" / "requirements.txt")
    stamp = hashlib.sha256(host.version.encode() + b"".join(p.read_bytes() for p in lists)).hexdigest()
    where = _store.cache() / f"tools-{stamp[:16]}"
    program = where / "bin" / "python"
    if (where / "stamp").is_file():
        return program
    with progress.step("tools of the wheel builder"):
        shutil.rmtree(where, ignore_errors=True)
        where.parent.mkdir(parents=True, exist_ok=True)
        _quiet([str(host.path), "-m", "venv", str(where)], "A virtual environment cannot be made.")
        install = [
            str(program),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            "--disable-pip-version-check",
        ]
        install += ["--require-hashes", "--only-binary", ":all:"]
        for path in lists:
            install += ["-r", str(path)]
        house = os.environ.get("DOCK2WASM_WHEELS")
        install += ["--find-links", house] if house else []
        install += ["--no-index"] if offline else []
        _quiet(install, "The tools of the wheel builder cannot be installed.")
        (where / "stamp").write_text(stamp)
    return program


def _quiet(argv: list[str], what: str) -> None:
    done = subprocess.run(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    if done.returncode:
        said = done.stdout.decode("utf-8", "replace").strip().splitlines()[-5:]
        raise WheelError(
            what, why="\n       ".join(said), do="Check the network or DOCK2WASM_WHEELS, then try again."
        )


def zig_version(program: Path) -> str:
    """The version of the C compiler in the builder's Python."""
    done = subprocess.run([program, "-m", "ziglang", "version"], capture_output=True, check=False)
    return done.stdout.decode("utf-8", "replace").strip()


# --- Rust -----------------------------------------------------------------------------------


def rust() -> Rust:
    """The Rust toolchain to use. Raises ToolMissingError with the command that adds what is missing."""
    from migrate.toolchains import find

    cargo = find("cargo")
    beside = cargo.path.with_name("rustc")
    rustc = beside if beside.is_file() else Path(shutil.which("rustc") or beside)
    done = subprocess.run(
        [rustc, "--print", "target-libdir", "--target", RUST_TARGET], capture_output=True, check=False
    )
    folder = Path(done.stdout.decode("utf-8", "replace").strip())
    if done.returncode or not next(folder.glob("libstd-*.rlib"), None):
        raise ToolMissingError(
            f"Rust's standard library for {RUST_TARGET} is not installed.",
            why=f"{rustc} has none in {folder}." if not done.returncode else f"{rustc} does not answer.",
            do=f"rustup target add {RUST_TARGET}   (or name in DOCK2WASM_CARGO a cargo whose rustc has it)",
        )
    version = subprocess.run([rustc, "--version"], capture_output=True, check=False).stdout.decode(
        "utf-8", "replace"
    )
    return Rust(cargo.path, rustc, [*version.split(), "", ""][1])


# --- CPython's headers ----------------------------------------------------------------------


def headers() -> Path:
    """A folder with CPython 3.14's headers and its configuration on WASI in place of this machine's.

    Raises ToolMissingError where no CPython 3.14 with headers is found.
    """
    found = next(_with_headers(), None)
    if found is None:
        raise ToolMissingError(
            "The headers of CPython 3.14 are not installed.",
            why="Extensions in C are compiled with them, of whatever platform: only pyconfig.h differs, and "
            "dock2wasm brings that.",
            do=f"uv python install 3.14   (or set {HEADERS_VARIABLE} to a folder with a 3.14's Python.h)",
        )
    ours = _HERE / "pyconfig.h"
    key = hashlib.sha256(ours.read_bytes() + (found / "patchlevel.h").read_bytes()).hexdigest()[:16]
    where = _store.cache() / f"headers-{key}"
    if not (where / "stamp").is_file():
        shutil.rmtree(where, ignore_errors=True)
        shutil.copytree(found, where)
        shutil.copyfile(ours, where / "pyconfig.h")
        (where / "stamp").write_text(str(found))
    return where


def _with_headers() -> Iterator[Path]:
    chosen = os.environ.get(HEADERS_VARIABLE)
    if chosen:
        candidates = [Path(chosen)]
    else:
        candidates = [Path(p) for p in _asked()]
        data = Path(os.environ.get("XDG_DATA_HOME", "") or Path.home() / ".local" / "share")
        for base in (data / "uv" / "python", Path.home() / ".pyenv" / "versions"):
            candidates += sorted(base.glob("*3.14*/include/python3.14"), reverse=True)
        candidates += [Path(p) for p in ("/usr/include/python3.14", "/usr/local/include/python3.14")]
    for folder in candidates:
        if _version(folder) == PYTHON:
            yield folder


def _asked() -> Iterator[str]:
    """What a Python 3.14 on PATH, or the running one, says."""
    for program in (shutil.which("python3.14"), sys.executable if sys.version_info[:2] == PYTHON else None):
        if program:
            ask = "import sysconfig; print(sysconfig.get_path('include'))"
            done = subprocess.run([program, "-c", ask], capture_output=True, check=False)
            yield done.stdout.decode("utf-8", "replace").strip()


def _version(folder: Path) -> tuple[int, int] | None:
    try:
        text = (folder / "patchlevel.h").read_text("utf-8", "replace")
    except OSError:
        return None
    found = [re.search(rf"#define PY_{part}_VERSION\s+(\d+)", text) for part in ("MAJOR", "MINOR")]
    if not (folder / "Python.h").is_file() or not all(found):
        return None
    major, minor = (int(m[1]) for m in found if m)
    return major, minor
