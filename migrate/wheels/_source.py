"""A package's source and its wheel for Linux: fetched with pip, kept in the cache, unpacked."""

from __future__ import annotations

import re
import shutil
import tarfile
import tomllib
import zipfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.errors import WheelError
from migrate.processes import run
from migrate.wheels import _store
from migrate.wheels._tools import environment

# The newest first: a wheel for another Python holds the same Python files and tells the same modules.
_PYTHONS = ("3.14", "3.13", "3.12", "3.11", "3.10")
_PLATFORMS = tuple(
    f"manylinux{version}_x86_64"
    for version in ("_2_34", "_2_28", "_2_17", "2014", "_2_12", "2010", "_2_5", "1")
)
_NATIVE = re.compile(r"(?:.*/)?([^/]+?)(\.(?:cpython-3\d+|abi3|cp3\d+)[^/]*)?\.so")


@dataclass(frozen=True, slots=True)
class Native:
    """A native module of the Linux wheel: its file's path there, its name with packages."""

    path: str
    module: str

    @property
    def short(self) -> str:
        return self.module.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Source:
    """Fetched files. `sdist_sha256` is what the lock was compared with."""

    sdist: Path
    sdist_sha256: str
    wheel: Path


def fetch(name: str, version: str, python: Path, *, hashes: Collection[str], offline: bool) -> Source:
    """The source distribution and the Linux wheel, from the cache or from pip's index.

    `hashes` (sha256, hexadecimal) are those of the lock; the sdist must have one of them where there are any.
    Raises WheelError where a file is not there or has another hash.
    """
    where = _store.cache() / "sources" / f"{_store.normalise(name)}-{version}"
    where.mkdir(parents=True, exist_ok=True)
    exact = f"{name}=={version}"
    # `--no-binary` for this package only: its build backend may come as a wheel.
    sdist = _one(where, (".tar.gz", ".zip", ".tar.bz2")) or _download(
        where, python, exact, ["--no-binary", name], offline, "source distribution"
    )
    found = _store.sha256(sdist)
    if hashes and found not in hashes:
        raise WheelError(
            f"The source distribution of {exact} is not the one of the lock.",
            why=f"{sdist.name} has the SHA-256 {found}; the lock has {len(hashes)} others.",
            do=f"Remove {sdist} and try again; if it stays so, lock the hashes of source distributions too.",
        )
    wheel = _one(where, (".whl",))
    for number in _PYTHONS if wheel is None else ():
        tag = "cp" + number.replace(".", "")
        options = ["--only-binary", ":all:", "--implementation", "cp", "--python-version", number]
        for abi in (tag, "abi3"):
            options += ["--abi", abi]
        for platform in _PLATFORMS:
            options += ["--platform", platform]
        try:
            wheel = _download(where, python, exact, options, offline, "wheel for Linux")
            break
        except WheelError:
            if offline or number == _PYTHONS[-1]:
                raise
    assert wheel is not None  # noqa: S101 - the loop ends with a wheel or raises
    return Source(sdist, found, wheel)


def _one(where: Path, suffixes: tuple[str, ...]) -> Path | None:
    return next((p for p in sorted(where.iterdir()) if p.name.endswith(suffixes)), None)


def _download(where: Path, python: Path, exact: str, options: list[str], offline: bool, what: str) -> Path:
    if offline:
        raise WheelError(
            f"The {what} of {exact} is not in the cache.",
            why=f"{where} does not hold it, and the network is not to be used.",
            do="Build it once without --offline, or put the file there.",
        )
    scratch = where / "incoming"
    shutil.rmtree(scratch, ignore_errors=True)
    argv = [str(python), "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    done = run([*argv, "--no-deps", *options, "--dest", str(scratch), exact], cwd=where, env=environment())
    found = sorted(scratch.iterdir()) if scratch.is_dir() else []
    if done.returncode or len(found) != 1:
        shutil.rmtree(scratch, ignore_errors=True)
        said = [line for line in done.output.strip().splitlines() if line.strip()][-4:]
        raise WheelError(
            f"There is no {what} of {exact}.",
            why="\n       ".join(said),
            do="Check name, version and network; dock2wasm needs both the source and a wheel for Linux.",
        )
    kept = found[0].replace(where / found[0].name)
    scratch.rmdir()
    return kept


def natives(wheel: Path) -> tuple[Native, ...]:
    """The native modules of a Linux wheel. Libraries that it carries along (`*.libs/`) are none."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    found = []
    for name in names:
        match = _NATIVE.fullmatch(name)
        if match and ".libs/" not in name and not match[1].startswith("lib"):
            parts = name.split("/")[:-1]
            if len(parts) > 2 and parts[0].endswith(".data"):  # NAME.data/platlib/package/module.so
                parts = parts[2:]
            found.append(Native(name, ".".join([*parts, match[1]])))
    return tuple(sorted(found, key=lambda n: n.module))


def unpack(sdist: Path, into: Path) -> Path:
    """Unpack a source distribution; returns its folder. Raises WheelError for one that leads elsewhere."""
    try:
        if sdist.suffix == ".zip":
            with zipfile.ZipFile(sdist) as archive:
                archive.extractall(into)  # noqa: S202 - zipfile keeps to the folder
        else:
            with tarfile.open(sdist) as packed:
                packed.extractall(into, filter="data")
    except (tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        raise WheelError(f"{sdist.name} cannot be unpacked.", why=str(error), do=f"Remove {sdist}.") from None
    folders = [p for p in into.iterdir() if p.is_dir()]
    return folders[0] if len(folders) == 1 else into


def project(source: Path) -> dict[str, Any]:
    """The package's pyproject.toml, empty where it has none or an unreadable one."""
    try:
        return tomllib.loads((source / "pyproject.toml").read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}


def backend(data: dict[str, Any]) -> str:
    """The build backend that a pyproject.toml names."""
    system = data.get("build-system")
    return str(system.get("build-backend", "setuptools")) if isinstance(system, dict) else "setuptools"
