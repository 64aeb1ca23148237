"""Reads a WebAssembly module far enough to tell whether it is a shared library that CPython can load."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from migrate.errors import WheelError

_MAGIC = b"\0asm\x01\0\0\0"
_KINDS = {0: "function", 1: "table", 2: "memory", 3: "global", 4: "tag"}


@dataclass(frozen=True, slots=True)
class Module:
    """A shared library: what it takes from others (module, name), what it gives (names)."""

    imports: tuple[tuple[str, str], ...]
    exports: tuple[str, ...]
    shared: bool  # has the section `dylink.0` of the tool conventions for dynamic linking

    @property
    def init(self) -> tuple[str, ...]:
        """The Python modules that it holds: `X` of each `PyInit_X`."""
        return tuple(n.removeprefix("PyInit_") for n in self.exports if n.startswith("PyInit_"))

    def foreign(self) -> tuple[str, ...]:
        """Imports that nothing in a component can give."""
        known = ("env", "GOT.mem", "GOT.func")
        return tuple(
            f"{module}::{name}"
            for module, name in self.imports
            if module not in known and not module.startswith("wasi:")
        )


class _Bytes:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def number(self) -> int:
        """An unsigned LEB128 number of at most 64 bits."""
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a number is too long")

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise ValueError("it ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def text(self) -> str:
        return self.take(self.number()).decode("utf-8", "replace")


def read(path: Path) -> Module:
    """The module in a file. Raises WheelError where it is no WebAssembly module or is damaged."""
    try:
        return parse(path.read_bytes())
    except ValueError as error:
        raise WheelError(
            f"{path.name} is no WebAssembly module.", why=str(error), do="Build the wheel again."
        ) from None


def parse(data: bytes) -> Module:
    """The module in `data`. Raises ValueError."""
    if not data.startswith(_MAGIC):
        raise ValueError("it does not start as one")
    source = _Bytes(data)
    source.at = len(_MAGIC)
    imports: list[tuple[str, str]] = []
    exports: list[str] = []
    shared = False
    while source.at < len(data):
        kind = source.take(1)[0]
        section = _Bytes(source.take(source.number()))
        if kind == 0:
            shared = shared or section.text() == "dylink.0"
        elif kind == 2:
            for _ in range(section.number()):
                imports.append((section.text(), section.text()))
                _skip_import(section)
        elif kind == 7:
            for _ in range(section.number()):
                exports.append(section.text())
                section.take(1)
                section.number()
    return Module(tuple(imports), tuple(exports), shared)


def _skip_import(section: _Bytes) -> None:
    kind = _KINDS.get(section.take(1)[0])
    if kind == "function":
        section.number()
    elif kind == "global":
        section.take(2)
    elif kind == "tag":
        section.take(1)
        section.number()
    elif kind in ("table", "memory"):
        if kind == "table":
            section.take(1)
        flags = section.number()
        section.number()
        if flags & 1:
            section.number()
    else:
        raise ValueError("an import is of an unknown kind")
