"""Builds the libraries of this folder from their C sources; checks them against SHA256SUMS.

Usage: python build.py [--write]; the Python must have ziglang 0.17.1 (`make parts` sees to it). With --write
the libraries and SHA256SUMS are written; else what was built is compared with what is there.
"""

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
SUFFIX = ".cpython-314-wasm32-wasi.so"
HEADER = "python.h"
# library -> (source, file with a section that says what its imports of the component model mean, or "")
LIBRARIES = {
    "_dock2wasm_kdf": ("kdf.c", ""),
    "_dock2wasm_streams": ("streams.c", "streams.component-type"),
}
COMPILE = ("cc", "-target", "wasm32-wasi", "-fPIC", "-O2", "-g0", "-msimd128", "-Wall", "-Wextra",
           "-Wno-unused-parameter", "-c")  # fmt: skip
LINK = ("wasm-ld", "-shared", "--experimental-pic", "--unresolved-symbols=import-dynamic",
        "--no-export-dynamic", "-Bsymbolic", "--strip-all")  # fmt: skip


def zig(*arguments, cwd):
    subprocess.run([sys.executable, "-m", "ziglang", *arguments], cwd=str(cwd), check=True)


def build(library, source, section, scratch):
    """The library's bytes."""
    # Relative names in a folder of its own: no path of this machine gets into the result.
    for name in (source, HEADER):
        (scratch / name).write_bytes((HERE / name).read_bytes())
    zig(*COMPILE, source, "-o", "library.o", cwd=scratch)
    zig(*LINK, f"--export=PyInit_{library}", "library.o", "-o", "library.so", cwd=scratch)
    made = (scratch / "library.so").read_bytes()
    return made + (HERE / section).read_bytes() if section else made


def main(write):
    sums = []
    for library, (source, section) in LIBRARIES.items():
        with tempfile.TemporaryDirectory() as scratch:
            made = build(library, source, section, Path(scratch))
        path = HERE / (library + SUFFIX)
        if write:
            path.write_bytes(made)
        sums.append(f"{hashlib.sha256(made).hexdigest()}  {path.name}\n")
        print(f"{sums[-1].strip()}  {len(made):,} bytes")
    if write:
        (HERE / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    elif (HERE / "SHA256SUMS").read_text(encoding="utf-8") != "".join(sums):
        sys.exit(
            "error: what was built is not what SHA256SUMS says; if the source was changed: build.py --write"
        )
    else:
        for library in LIBRARIES:
            path = HERE / (library + SUFFIX)
            if not path.is_file():
                sys.exit(f"error: {path.name} is missing: build.py --write")


if __name__ == "__main__":
    main("--write" in sys.argv[1:])
