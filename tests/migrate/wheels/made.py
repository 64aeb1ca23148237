"""Wheels, source distributions and shared libraries, made in a few lines."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def number(value: int) -> bytes:
    """A number as LEB128."""
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        out.append(byte | (0x80 if value else 0))
        if not value:
            return bytes(out)


def text(value: str) -> bytes:
    data = value.encode()
    return number(len(data)) + data


def section(kind: int, content: bytes) -> bytes:
    return bytes([kind]) + number(len(content)) + content


def library(
    exports: Sequence[str],
    imports: Sequence[tuple[str, str]] = (("env", "PyModule_Create2"),),
    *,
    shared: bool = True,
) -> bytes:
    """A module that has the sections of a shared library, and no code."""
    out = b"\0asm\x01\0\0\0"
    if shared:
        out += section(0, text("dylink.0") + b"\x01\x04\0\0\0\0")
    kinds = [b"\x02\x00\x01", b"\x01\x70\x01\x01\x02", b"\x03\x7f\x00", b"\x00\x07", b"\x04\x00\x01"]
    entries = [text(m) + text(n) + kinds[i % 5] for i, (m, n) in enumerate(imports)]
    out += section(2, number(len(entries)) + b"".join(entries))
    out += section(7, number(len(exports)) + b"".join(text(n) + b"\0\0" for n in exports))
    return out


def linux_wheel(path: Path, files: Mapping[str, bytes], *, name: str = "demo", version: str = "1.0") -> Path:
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        for file, data in files.items():
            archive.writestr(file, data)
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp314-cp314-manylinux_2_17_x86_64\n",
        )
        archive.writestr(f"{info}/RECORD", "whatever,,\n")
    return path


def sdist(path: Path, files: Mapping[str, str], *, folder: str = "demo-1.0") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for file, content in files.items():
            data = content.encode()
            entry = tarfile.TarInfo(f"{folder}/{file}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return path
