"""Reads back what a built component imports and exports, and checks it against what its lane declares.

The names stand in two kinds of top-level section of the binary, so nothing needs compiling: the
`wasmtime` package answers the same question by compiling all code first (6.3 s for a component of 18 MB,
2.8 s without optimisation, on two free cores; this reader takes some milliseconds beside the hash). The
package is the oracle of the tests. Format: WebAssembly/component-model, `design/mvp/Binary.md`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from analyzers.model import Grant, GrantKind
from migrate.errors import ComponentError
from migrate.model import Component

_MAGIC = b"\0asm"
_COMPONENT = b"\x0d\x00\x01\x00"
_MODULE = b"\x01\x00\x00\x00"
_CUSTOM, _IMPORT, _EXPORT = 0, 10, 11
_LAST_SECTION = 12
# An import or export section of a real component has some kilobytes.
_SECTION_LIMIT = 16_000_000

_HANDLER = re.compile(r"wasi:http/incoming-handler@0\.2\.\d+\Z")
_HANDLER_03 = re.compile(r"wasi:http/handler@0\.3\.\d+(-.*)?\Z")
_RUN = re.compile(r"wasi:cli/run@0\.([23])\.\d+(-.*)?\Z")


def inspect(path: Path) -> Component:
    """The component at `path` with its kind, WASI version, imports and exports.

    Raises ComponentError where the file is missing, is no component, is cut off or damaged, or exports
    none or several of `wasi:http/incoming-handler@0.2`, `wasi:http/handler@0.3` and `wasi:cli/run`.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            imports, exports = _names(file, size)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except _DamagedError as error:
        raise ComponentError(
            f"{path} is no component.", why=str(error), do="Delete the build folder and build again."
        ) from None
    except OSError as error:
        raise ComponentError(
            f"The component {path} cannot be read.", why=error.strerror or str(error), do="Build it first."
        ) from error
    kind, wasi = _kind(path, exports)
    return Component(path, digest, kind, wasi, imports, exports)


def custom_section(path: Path, name: str) -> bytes | None:
    """The content of a component's custom section of that name, None where it has none.

    Raises ComponentError as `inspect` does.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            for section, start, length in _sections(file, size):
                if section != _CUSTOM or length > _SECTION_LIMIT:
                    continue
                file.seek(start)
                cursor = _Cursor(file.read(length))
                if cursor.text() == name:
                    return cursor.rest()
    except _DamagedError as error:
        raise ComponentError(
            f"{path} is no component.", why=str(error), do="Delete the build folder and build again."
        ) from None
    except OSError as error:
        raise ComponentError(
            f"The component {path} cannot be read.", why=error.strerror or str(error), do="Build it first."
        ) from error
    return None


def check(component: Component, declared: Iterable[str]) -> None:
    """Raise ComponentError where a component imports what its lane does not declare, or exports more.

    `declared` are interface names without versions.
    """
    allowed = frozenset(declared)
    foreign = [name for name in component.imports if interface(name) not in allowed]
    if foreign:
        raise ComponentError(
            f"{component.path.name} imports what its lane does not declare: {', '.join(foreign)}.",
            why="A component may ask its runtime only for what the lane is known to need.",
            do="Delete the build folder and build again; report this if it stays.",
        )
    served = [name for name in component.exports if ":" in name]
    if len(served) != 1:
        raise ComponentError(
            f"{component.path.name} exports {', '.join(served)}.",
            why="It must export its one handler and no other interface.",
        )
    if component.wasi == "0.2":
        newer = [name for name in component.imports if not re.search(r"@0\.2\.\d+\Z", name)]
        if newer:
            raise ComponentError(
                f"{component.path.name} imports more than WASI 0.2: {', '.join(newer)}.",
                why="Spin 3.6 and 4, SpinKube, wasmCloud and wasmtime agree on 0.2 only.",
            )


def interface(name: str) -> str:
    """An interface's name without its version: `wasi:http/types@0.2.9` -> `wasi:http/types`."""
    return name.partition("@")[0]


def not_granted(component: Component, grants: Sequence[Grant]) -> tuple[str, ...]:
    """Capabilities that a component imports and was not granted, one sentence each.

    A language's runtime imports them whether the service uses them or not. Spin refuses what was not
    granted; `wasmtime serve` refuses sockets and directories, and cannot refuse calls over HTTP.
    """
    outbound = {grant.scheme for grant in grants if grant.kind is GrantKind.OUTBOUND}
    kinds = {grant.kind for grant in grants}
    capabilities = (
        ("wasi:http/outgoing-handler", "calling hosts over HTTP", bool(outbound & {"http", "https"})),
        ("wasi:sockets", "opening sockets", bool(outbound - {"http", "https"})),
        ("wasi:filesystem", "opening directories", GrantKind.DIR in kinds),
        ("wasi:keyvalue", "key-value stores", GrantKind.KV in kinds),
    )
    return tuple(
        f"imported but not granted: {name} ({what})"
        for name, what, given in capabilities
        if not given and any(i == name or i.startswith((f"{name}/", f"{name}@")) for i in component.imports)
    )


def _kind(path: Path, exports: tuple[str, ...]) -> tuple[str, str]:
    found = []
    for name in exports:
        if _HANDLER.match(name):
            found.append(("http", "0.2"))
        elif _HANDLER_03.match(name):
            found.append(("http", "0.3"))
        elif match := _RUN.match(name):
            found.append(("command", f"0.{match.group(1)}"))
    if len(found) != 1:
        raise ComponentError(
            f"{path.name} exports {'no handler' if not found else 'several handlers'}.",
            why=f"Its exports: {', '.join(exports) or 'none'}.",
            do="A service exports wasi:http/incoming-handler@0.2 and no other handler.",
        )
    return found[0]


# --- the binary format ---------------------------------------------------------------------


class _DamagedError(Exception):
    """What is wrong with the file."""


def _sections(file: BinaryIO, size: int) -> Iterator[tuple[int, int, int]]:
    """(kind, first byte, length) of each top-level section."""
    file.seek(0)
    header = file.read(8)
    if header[:4] != _MAGIC or len(header) < 8:
        raise _DamagedError("It does not begin as WebAssembly does.")
    if header[4:] == _MODULE:
        raise _DamagedError("It is a core module.")
    if header[4:] != _COMPONENT:
        raise _DamagedError(f"It has the unknown version {header[4:].hex()}.")
    position = 8
    while position < size:
        file.seek(position)
        head = _Cursor(file.read(6))
        section, length = head.byte(), head.unsigned()
        position += head.position
        if section > _LAST_SECTION:
            raise _DamagedError(f"It has an unknown section ({section}) at byte {position}.")
        if position + length > size:
            raise _DamagedError(f"It is cut off: a section at byte {position} has {length:,} bytes.")
        yield section, position, length
        position += length


def _names(file: BinaryIO, size: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    imports: list[str] = []
    exports: list[str] = []
    for section, position, length in _sections(file, size):
        if section in {_IMPORT, _EXPORT}:
            if length > _SECTION_LIMIT:
                raise _DamagedError(f"Its imports or exports take {length:,} bytes.")
            file.seek(position)
            cursor = _Cursor(file.read(length))
            (imports if section == _IMPORT else exports).extend(
                _imports(cursor) if section == _IMPORT else _exports(cursor)
            )
            if not cursor.at_end():
                raise _DamagedError(f"The section at byte {position} is longer than what it holds.")
    return tuple(imports), tuple(exports)


def _imports(cursor: _Cursor) -> Iterator[str]:
    for _ in range(cursor.unsigned()):
        name = cursor.name()
        _description(cursor)
        yield name


def _exports(cursor: _Cursor) -> Iterator[str]:
    for _ in range(cursor.unsigned()):
        name = cursor.name()
        sort = cursor.byte()
        if sort == 0:
            cursor.byte()  # which kind of core item
        elif sort > 5:
            raise _DamagedError(f"The export {name!r} is of an unknown sort ({sort}).")
        cursor.unsigned()
        described = cursor.byte()
        if described == 1:
            _description(cursor)
        elif described != 0:
            raise _DamagedError(f"The export {name!r} has a malformed type.")
        yield name


def _description(cursor: _Cursor) -> None:
    """An `externdesc`: what kind of item, and its type."""
    sort = cursor.byte()
    if sort == 0:  # a core module: 0x11, then its type
        if cursor.byte() != 0x11:
            raise _DamagedError("It describes a core item that is no module.")
        cursor.unsigned()
    elif sort == 2:  # a value: equal to another one, or of a type
        bound = cursor.byte()
        if bound > 1:
            raise _DamagedError("It has a malformed value bound.")
        cursor.signed() if bound == 1 else cursor.unsigned()
    elif sort == 3:  # a type: equal to another one, or a new resource
        bound = cursor.byte()
        if bound > 1:
            raise _DamagedError("It has a malformed type bound.")
        if bound == 0:
            cursor.unsigned()
    elif sort in {1, 4, 5}:  # a function, a component, an instance
        cursor.unsigned()
    else:
        raise _DamagedError(f"It describes an item of an unknown sort ({sort}).")


class _Cursor:
    """Bytes read from the front. Raises _DamagedError at their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def at_end(self) -> bool:
        return self.position == len(self._data)

    def byte(self) -> int:
        if self.at_end():
            raise _DamagedError("It is cut off.")
        value = self._data[self.position]
        self.position += 1
        return value

    def unsigned(self) -> int:
        """A u32 in LEB128."""
        value = 0
        for shift in range(0, 35, 7):
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value >= 1 << 32:
                    break
                return value
        raise _DamagedError("It holds a number of more than 32 bits.")

    def signed(self) -> None:
        """An s33 in LEB128, whose value nobody needs."""
        for _ in range(5):
            if self.byte() < 0x80:
                return
        raise _DamagedError("It holds a number of more than 33 bits.")

    def name(self) -> str:
        """An import's or export's name."""
        form = self.byte()
        if form > 1:  # 0x01 is how older tools wrote names with a colon
            raise _DamagedError(f"It has a name in a form that is not known yet ({form}).")
        return self.text()

    def rest(self) -> bytes:
        return self._data[self.position :]

    def text(self) -> str:
        """A length and so many bytes of UTF-8."""
        length = self.unsigned()
        raw = self._data[self.position : self.position + length]
        if len(raw) < length:
            raise _DamagedError("It is cut off within a name.")
        self.position += length
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise _DamagedError("It has a name that is not UTF-8.") from None
