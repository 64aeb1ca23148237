"""The folder of ready wheels, what a wheel says of itself, and names of packages."""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.errors import WheelError

TAG = "cp314-cp314-wasi_wasm32"
INFO = "dock2wasm.json"
SCHEMA_VERSION = 1
_INFO_LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel for WASI. `name` is normalised; `info` is what `dock2wasm.json` in its dist-info holds."""

    path: Path
    name: str
    version: str
    info: dict[str, Any]

    @property
    def modules(self) -> tuple[str, ...]:
        """The native modules in it, with their packages."""
        return tuple(map(str, self.info.get("modules", ())))


def normalise(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def cache() -> Path:
    """Where wheels, sources and build tools are kept: `$XDG_CACHE_HOME/dock2wasm/wheels`.

    Raises WheelError for a user without a home.
    """
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    except RuntimeError:
        raise WheelError(
            "There is no place to keep wheels.",
            why="This user has no home folder.",
            do="Set XDG_CACHE_HOME to a folder.",
        ) from None
    return root / "dock2wasm" / "wheels"


def folder() -> Path:
    """The folder of ready wheels that `build` uses by itself."""
    return cache() / "ready"


def file_name(name: str, version: str) -> str:
    """The name of a package's wheel file."""
    return f"{normalise(name).replace('-', '_')}-{version}-{TAG}.whl"


def ready(where: Path | None = None) -> tuple[Wheel, ...]:
    """The wheels for WASI of a folder, by name; none where there is no such folder.

    Raises WheelError for a file that has the name of one and is none.
    """
    where = where or folder()
    return tuple(read(path) for path in sorted(where.glob(f"*-{TAG}.whl"))) if where.is_dir() else ()


def read(path: Path) -> Wheel:
    """What a wheel says of itself. Raises WheelError where it is none for WASI."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if n.count("/") == 1 and n.endswith(f".dist-info/{INFO}")]
            if len(names) != 1 or archive.getinfo(names[0]).file_size > _INFO_LIMIT:
                raise WheelError(
                    f"{path.name} is no wheel for WASI.",
                    why=f"Its dist-info folder has no {INFO}.",
                    do="Build it with `dock2wasm wheels build NAME==VERSION`.",
                )
            info = json.loads(archive.read(names[0]))
            name, version = str(info["name"]), str(info["version"])
    except OSError as error:
        raise WheelError(
            f"{path} cannot be read.", why=error.strerror or str(error), do="Check the path."
        ) from error
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, RecursionError) as error:
        raise WheelError(
            f"{path} is damaged.", why=str(error), do="Remove it and build the wheel again."
        ) from None
    return Wheel(path, normalise(name), version, info)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
