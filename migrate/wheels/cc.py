"""The compiler and linker that a package's build scripts call: `zig cc` for WASI, made to fit CPython's ABI.

A program, run by the builder's Python with ziglang installed: `python -B cc.py ARGUMENTS`. Build scripts
think that they compile for this machine; what belongs to it is dropped here. DOCK2WASM_INCLUDE: CPython's
headers for WASI, as a folder. DOCK2WASM_DROP: folders of this machine's own headers, separated as PATH is.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

# Options that name this machine or its linker; wasm knows none of them.
DROPPED = ("-pthread", "-march", "-mtune", "-m64", "-m32", "-msse", "-mavx", "-fstack-protector",
           "-fstack-clash-protection", "-fcf-protection", "-Wl,", "-L", "-l", "--target=", "-specs",
           "-fno-plt", "-flto", "-ffat-lto-objects", "-fdebug-prefix-map", "-ffile-prefix-map")  # fmt: skip
# What of libc CPython itself uses; its WASI build gives these to the whole component.
DEFINED = ("-D_WASI_EMULATED_SIGNAL", "-D_WASI_EMULATED_GETPID", "-D_WASI_EMULATED_PROCESS_CLOCKS")
# -Bsymbolic, and not all symbols exported: libraries of one component must not share symbols by chance.
LINKED = ("-shared", "--experimental-pic", "--unresolved-symbols=import-dynamic", "--no-export-dynamic",
          "-Bsymbolic", "--strip-debug")  # fmt: skip


def kept(arguments: Iterable[str]) -> list[str]:
    """The arguments without what belongs to this machine."""
    drop = [f for f in os.environ.get("DOCK2WASM_DROP", "").split(os.pathsep) if f]
    found, skip = [], False
    for argument in arguments:
        if skip:
            skip = False
        elif argument in ("-L", "-l", "-arch", "-isysroot"):
            skip = True
        elif argument.startswith("-I") and any(argument[2:].startswith(folder) for folder in drop):
            continue
        elif not argument.startswith(DROPPED):
            found.append(argument)
    return found


def run(*arguments: str) -> int:
    return subprocess.call([sys.executable, "-m", "ziglang", *arguments])


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["--link-only"]:  # rustc's linker: all its arguments are wasm-ld's
        rest = arguments[3:] if arguments[1:2] == ["-flavor"] else arguments[1:]
        return run("wasm-ld", *rest, *LINKED)
    if arguments[:1] == ["--archive"]:
        return run("ar", *arguments[1:])
    if "-shared" in arguments:
        output = arguments[arguments.index("-o") + 1]
        module = Path(output).name.split(".")[0]
        objects = [a for a in arguments if a.endswith((".o", ".obj", ".a")) and a != output]
        return run("wasm-ld", *LINKED, f"--export=PyInit_{module}", *objects, "-o", output)
    include = os.environ.get("DOCK2WASM_INCLUDE")
    headers = [f"-I{include}"] if include else []
    return run("cc", "-target", "wasm32-wasi", "-fPIC", *DEFINED, *headers, *kept(arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
