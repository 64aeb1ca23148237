"""Writes a wheel for WASI: the Linux wheel's Python files, the built libraries, tag and RECORD put right."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import posixpath
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from migrate.files import write_atomically
from migrate.wheels import _store
from migrate.wheels._c import SUFFIX
from migrate.wheels._source import Native

# A fixed time of files, so that the same content is the same wheel.
_TIME = (1980, 1, 1, 0, 0, 0)


def pack(linux: Path, made: Mapping[Native, bytes], info: Mapping[str, Any], target: Path) -> None:
    """Write the wheel `target`; `made` holds the library for each native module of the Linux wheel.

    Raises DiskError where it cannot be written.
    """
    dropped = {native.path for native in made}
    files: dict[str, bytes] = {}
    with zipfile.ZipFile(linux) as archive:
        names = archive.namelist()
        info_folder = next(n for n in names if n.endswith(".dist-info/WHEEL")).rpartition("/")[0]
        for name in names:
            if name.endswith("/") or name in dropped or ".libs/" in name or name == f"{info_folder}/RECORD":
                continue
            files[_platlib(name)] = archive.read(name)
    for native, data in made.items():
        folder = posixpath.dirname(_platlib(native.path))
        files[posixpath.join(folder, native.short + SUFFIX)] = data
    wheel = files[f"{info_folder}/WHEEL"].decode("utf-8", "replace")
    wheel = re.sub(r"(?m)^Tag: .*\n?", "", wheel).rstrip("\n")
    files[f"{info_folder}/WHEEL"] = f"{wheel}\nTag: {_store.TAG}\n".encode()
    _write(files, info_folder, info, target)


def tell(wheel: Path, info: Mapping[str, Any]) -> None:
    """Put another `dock2wasm.json` into a wheel. Raises DiskError where it cannot be written."""
    with zipfile.ZipFile(wheel) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    info_folder = next(n for n in files if n.endswith(".dist-info/WHEEL")).rpartition("/")[0]
    files.pop(f"{info_folder}/RECORD")
    _write(files, info_folder, info, wheel)


def _write(files: dict[str, bytes], info_folder: str, info: Mapping[str, Any], target: Path) -> None:
    files[f"{info_folder}/{_store.INFO}"] = (json.dumps(info, indent=1, sort_keys=True) + "\n").encode()
    records = [f"{name},sha256={_digest(data)},{len(data)}" for name, data in sorted(files.items())]
    files[f"{info_folder}/RECORD"] = ("\n".join([*records, f"{info_folder}/RECORD,,"]) + "\n").encode()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files, key=lambda n: (n.startswith(info_folder), n)):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name], zipfile.ZIP_DEFLATED)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, out.getvalue())


def _platlib(name: str) -> str:
    """Where an installer puts `NAME.data/platlib/...`."""
    match = re.fullmatch(r"[^/]+\.data/(?:platlib|purelib)/(.+)", name)
    return match[1] if match else name


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
