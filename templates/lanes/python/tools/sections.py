"""Sections of a component: custom ones added or dropped, code made smaller.

Format: WebAssembly/component-model, `design/mvp/Binary.md`; core modules: the WebAssembly specification 5.5.
"""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

from common import cache_folder, note

_CUSTOM, _CORE_MODULE, _COMPONENT, _CODE = 0, 1, 4, 10
_MODULE = b"\0asm\1\0\0\0"
# What the linker needs stays; names, producers and the like do not.
_KEPT = b"dylink"
# Modules with so much code are worth the time that wasm-opt takes.
_LARGE = 200_000
_OPTIONS = ("--all-features", "-Oz")


def leb(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_leb(data, at):
    """(number, position after it)."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def sections(data):
    """(kind, first byte of the content, end) of each section of a module or component."""
    at = 8
    while at < len(data):
        kind = data[at]
        length, start = read_leb(data, at + 1)
        yield kind, start, start + length
        at = start + length


def append(path, name, data):
    """Add a custom section with `data` as JSON at the end of a component."""
    encoded = name.encode()
    body = leb(len(encoded)) + encoded + json.dumps(data, sort_keys=True).encode()
    with open(str(path), "ab") as file:
        file.write(b"\0" + leb(len(body)) + body)


def smaller(path):
    """Drop names and producers from a component; with binaryen's `wasm-opt`, make its code smaller."""
    before = path.read_bytes()
    optimizer = os.environ.get("DOCK2WASM_WASM_OPT") or shutil.which("wasm-opt")
    after = _component(before, optimizer)
    path.write_bytes(after)
    how = f"names dropped, code made smaller by {optimizer}" if optimizer else "names dropped"
    note(f"{len(before):,} bytes, {how}: {len(after):,} bytes")


def _component(data, optimizer):
    out = bytearray(data[:8])
    for kind, start, end in sections(data):
        body = data[start:end]
        if kind == _CUSTOM:
            continue
        if kind == _CORE_MODULE:
            body = _module(body, optimizer)
        elif kind == _COMPONENT:
            body = _component(body, optimizer)
        out += bytes([kind]) + leb(len(body)) + body
    return bytes(out)


def _module(data, optimizer):
    out, code = bytearray(data[:8]), 0
    for kind, start, end in sections(data):
        if kind == _CODE:
            code = end - start
        if kind == _CUSTOM:
            length, at = read_leb(data, start)
            if not data[at : at + length].startswith(_KEPT):
                continue
        out += bytes([kind]) + leb(end - start) + data[start:end]
    stripped = bytes(out)
    return _optimized(stripped, optimizer) if optimizer and code > _LARGE else stripped


def _optimized(data, optimizer):
    """The module with smaller code, kept in the user's cache: the interpreter's is the same in all builds."""
    key = hashlib.sha256(data + " ".join((optimizer, *_OPTIONS)).encode()).hexdigest()
    kept = cache_folder() / f"code-{key[:24]}.wasm"
    if kept.is_file():
        return kept.read_bytes()
    kept.parent.mkdir(parents=True, exist_ok=True)
    given, made = (Path(f"{kept}.{os.getpid()}.{end}") for end in ("in", "out"))
    try:
        given.write_bytes(data)
        done = subprocess.run(
            [optimizer, *_OPTIONS, str(given), "-o", str(made)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode or not made.is_file() or made.read_bytes()[:8] != _MODULE:
            note(f"{optimizer} failed, the code stays as it is: {done.stdout.strip()[:300]}")
            return data
        # Whatever it writes besides (names of its own) is dropped as before.
        result = _module(made.read_bytes(), None)
        made.write_bytes(result)
        made.replace(kept)
        return result
    finally:
        for path in (given, made):
            if path.exists():
                path.unlink()
