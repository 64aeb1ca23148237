"""Looks into a wheel for WASI: files against RECORD, tag, libraries."""

from __future__ import annotations

import base64
import csv
import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import WheelError
from migrate.wheels import _module, _store
from migrate.wheels._c import SUFFIX


@dataclass(frozen=True, slots=True)
class Report:
    """What was found: the wheel, and what is wrong with it (nothing: it can be used)."""

    wheel: _store.Wheel
    sha256: str
    problems: tuple[str, ...]


def check(path: Path) -> Report:
    """Check a file. Raises WheelError where it is no wheel for WASI at all."""
    wheel = _store.read(path)
    problems = []
    if path.name != _store.file_name(wheel.name, wheel.version):
        problems.append(f"its name should be {_store.file_name(wheel.name, wheel.version)}")
    try:
        with zipfile.ZipFile(path) as archive:
            files = {n: archive.read(n) for n in archive.namelist() if not n.endswith("/")}
    except (zipfile.BadZipFile, OSError) as error:
        raise WheelError(
            f"{path} is damaged.", why=str(error), do="Remove it and build the wheel again."
        ) from None
    problems += _record(files)
    if not any(
        f"Tag: {_store.TAG}".encode() in data for n, data in files.items() if n.endswith(".dist-info/WHEEL")
    ):
        problems.append(f"its WHEEL file does not have the tag {_store.TAG}")
    libraries = {n.removesuffix(SUFFIX).replace("/", "."): d for n, d in files.items() if n.endswith(SUFFIX)}
    for name in sorted(set(wheel.modules) ^ set(libraries)):
        problems.append(f"the module {name} is {'missing' if name in wheel.modules else 'not declared'}")
    for name, data in sorted(libraries.items()):
        problems += [f"{name}: {problem}" for problem in _library(name.rpartition(".")[2], data)]
    return Report(wheel, _store.sha256(path), tuple(problems))


def _record(files: dict[str, bytes]) -> list[str]:
    record = next((n for n in files if n.endswith(".dist-info/RECORD")), None)
    if record is None:
        return ["it has no RECORD"]
    listed = {
        row[0]: row[1]
        for row in csv.reader(files[record].decode("utf-8", "replace").splitlines())
        if len(row) == 3
    }
    problems = [f"{name} is not in RECORD" for name in sorted(set(files) - set(listed))]
    problems += [f"{name} is in RECORD only" for name in sorted(set(listed) - set(files))]
    for name in sorted(set(listed) & set(files) - {record}):
        found = base64.urlsafe_b64encode(hashlib.sha256(files[name]).digest()).rstrip(b"=").decode()
        if listed[name] != f"sha256={found}":
            problems.append(f"{name} is not what RECORD says")
    return problems


def _library(name: str, data: bytes) -> list[str]:
    try:
        module = _module.parse(data)
    except ValueError as error:
        return [f"no WebAssembly module: {error}"]
    problems = [] if module.shared else ["no shared library (no section dylink.0)"]
    if name not in module.init:
        problems.append(f"no PyInit_{name}")
    return problems + [f"imports {one}" for one in module.foreign()]
