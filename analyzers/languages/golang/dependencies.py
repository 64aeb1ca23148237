"""The modules that a Go program needs (`go.mod`, `vendor/modules.txt`), and which running code imports."""

from __future__ import annotations

import re

from analyzers.languages.golang import tables
from analyzers.languages.golang.modules import Module, Requirement, plain, vendored
from analyzers.languages.golang.program import Program
from analyzers.model import Dependency, DependencyClass, Evidence

_PKG_CONFIG = re.compile(rb"#cgo[^\n:]*pkg-config:\s*([^\n]+)")
# Parts of the C library and of what other libraries are built on; they say nothing by themselves.
_BASICS = frozenset({"m", "pthread", "dl", "c", "stdc++", "rt", "z", "glib-2.0", "gobject-2.0", "gio-2.0"})
_LIBRARY = re.compile(rb"#cgo[^\n:]*LDFLAGS:([^\n]*)")


def judge(program: Program, module: Module | None) -> tuple[Dependency, ...]:
    """Each required module, and the C libraries that the program's own cgo binds."""
    requires = list(module.requires) if module is not None else []
    if not requires and module is not None:
        requires = vendored(program.tree, module.folder)
    found = [_of(program, one) for one in requires if module is None or one.path not in module.replaces]
    return (*found, *_cgo(program))


def _of(program: Program, one: Requirement) -> Dependency:
    known = tables.load()
    imports = [path for path in program.external if path == one.path or path.startswith(one.path + "/")]
    native = known.is_native(plain(one.path))
    if native is None:
        native = next((n for path in imports if (n := known.is_native(plain(path))) is not None), None)
    # A module whose packages bind C is native where cgo is on; without it its other files are built, or none.
    kind = DependencyClass.PURE
    if native is not None and (program.build.cgo or not imports):
        kind = DependencyClass.NATIVE
    elif known.lacks_wasi(plain(one.path)) is not None:
        kind = DependencyClass.UNKNOWN
    return Dependency(one.path, one.version, f"{one.path} {one.version}", one.evidence, kind, bool(imports))


def _cgo(program: Program) -> list[Dependency]:
    """`import "C"` of own packages: the libraries that its comments name."""
    if "C" not in program.external:
        return []
    found: dict[str, Evidence] = {}
    for file in program.files():
        if "C" not in file.import_lines:
            continue
        evidence = program.evidence(file, file.import_lines["C"])
        named = [
            w.decode("utf-8", "replace") for line in _PKG_CONFIG.findall(file.data) for w in line.split()
        ]
        for line in _LIBRARY.findall(file.data):
            named += [w[2:].decode("utf-8", "replace") for w in line.split() if w.startswith(b"-l")]
        for name in named:
            if re.fullmatch(r"[\w.+-]+", name) and name not in _BASICS:
                found.setdefault(name if name.startswith("lib") else f"lib{name}", evidence)
        found.setdefault("cgo", evidence)
    if len(found) > 1:
        found.pop("cgo", None)
    return [Dependency(name, None, name, at, DependencyClass.NATIVE, True) for name, at in found.items()]
