"""Step one: compiles the standard library, dependencies, adapter and application inside the guest.

The compiled standard library is kept in the user's cache, one for each version of componentize-py.
"""

import json
import os
import shutil
import sys
import sysconfig
from pathlib import Path

from common import (
    BUILD,
    SITE_PACKAGES,
    STDLIB,
    TREE,
    BuildFailed,
    cache_folder,
    digest,
    main,
    note,
    run,
    settings,
    show,
)

WORLD = "web"
# Standard library that makes no sense, or does not work, inside a component.
SKIP_STDLIB = (
    "idlelib", "test", "tkinter", "turtledemo", "ensurepip", "lib2to3", "pydoc_data", "site-packages", "venv",
    "curses", "_pyrepl", "ctypes", "config-3.14-wasm32-wasi", "turtle.py", "antigravity.py", "this.py",
    "_ios_support.py", "_osx_support.py", "_android_support.py", "_apple_support.py",
)  # fmt: skip
# Packages that read `__doc__` of what they are given, or copy it, and work without docstrings of their own.
# Seen in their sources and in the fixtures that use them, 2026-11-22.
DOCSTRINGS_UNREAD = frozenset(
    ("anyio", "asgiref", "blinker", "bottle.py", "click", "flask", "itsdangerous", "jinja2", "markupsafe",
     "marshmallow", "starlette", "werkzeug")
)  # fmt: skip
# Compiled standard libraries in the cache, some 15 MB each.
KEPT = 3
ADAPTER = "/usr/local/lib/dock2wasm"


def componentize(output, main_module, folders, *, allow_failure=False, wit=BUILD / "wit"):
    """Run componentize-py with `folders` as /0, /1, ... Returns (status, output)."""
    argv = [Path(sys.executable).parent / "componentize-py", "-d", wit, "-w", WORLD,
            "componentize", main_module, "-o", output]  # fmt: skip
    for folder in folders:
        argv += ["-p", folder]
    # componentize-py adds the site-packages of the active environment; an empty one keeps it from that.
    empty = BUILD / "work" / "no-environment"
    (empty / "lib").mkdir(parents=True, exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    environment["VIRTUAL_ENV"] = str(empty)
    return run(argv, env=environment, cwd=BUILD, allow_failure=allow_failure, quiet=True)


def guest_error(output):
    """What the component's Python said, without the frames of the programs around it."""
    output = output.partition("\nStack backtrace:")[0].partition("\n\n\nCaused by:")[0]
    return output.partition("AssertionError: ")[2] or output


def compile_in_guest(name, trees, folders):
    """Compile `trees` (see guest/dock2wasm_compile.py); `folders` are /1, /2, ... Returns its folder."""
    out = BUILD / "work" / name
    shutil.rmtree(str(out), ignore_errors=True)
    out.mkdir(parents=True)
    shutil.copy(str(TREE / "tools" / "guest" / "dock2wasm_compile.py"), str(out))
    (out / "job.json").write_text(json.dumps({"trees": trees}), encoding="utf-8")
    unwanted = out / "unwanted.wasm"
    status, output = componentize(unwanted, "dock2wasm_compile", [out, *folders], allow_failure=True)
    if not (out / "done").is_file():
        show(guest_error(output))
        raise BuildFailed(
            f"compiling inside the component's Python failed (componentize-py ended with status {status})"
        )
    (out / "done").unlink()
    return out


def tree(mount, guest, group, roots, *, skip=(), docstrings=True, columns=True):
    return {"mount": mount, "guest": guest, "group": group, "roots": list(roots), "skip": list(skip),
            "docstrings": docstrings, "columns": columns}  # fmt: skip


def standard_library():
    """Folder with the compiled standard library and bindings, from the cache or made now."""
    version = (Path(sysconfig.get_paths()["purelib"]) / "componentize_py" / "__init__.py").parent.parent
    tag = next(version.glob("componentize_py-*.dist-info")).name
    key = digest(
        tag,
        TREE / "tools" / "guest" / "dock2wasm_compile.py",
        TREE / "tools" / "compile.py",
        TREE / "wit" / "world.wit",
    )
    cached = cache_folder() / f"stdlib-{key[:24]}"
    if (cached / "index.json").is_file():
        note("standard library: from the cache")
        return cached
    trees = [
        tree("/python", STDLIB, "std", [STDLIB], skip=SKIP_STDLIB, docstrings=False, columns=False),
        tree("/world", "/usr/local/lib/wit", "wit", ["/usr/local/lib/wit"], docstrings=False, columns=False),
        tree(
            "/bundled", "/usr/local/lib/wit", "wit", ["/usr/local/lib/wit"], docstrings=False, columns=False
        ),
    ]
    made = compile_in_guest("stdlib", trees, [])
    note("standard library: compiled")
    scratch = cached.with_name(f"{cached.name}.{os.getpid()}")
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(str(made), str(scratch))
        scratch.rename(cached)
    except OSError as error:  # shutil.Error, of many files, is one
        shutil.rmtree(str(scratch), ignore_errors=True)
        if not (cached / "index.json").is_file():  # else another build was quicker
            reason = "files could not be copied" if isinstance(error, shutil.Error) else error.strerror
            note(f"standard library: not kept in {cached.parent} ({reason}); the next build compiles it anew")
            return made
    for old in sorted(cached.parent.glob("stdlib-*"), key=lambda p: p.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(str(old), ignore_errors=True)
    return cached


def by_docstrings(folder):
    """(packages and modules at the top that may read docstrings, all others).

    A package that reads `__doc__` may make code, texts or grammars of it; those that are known to read only
    their users' are in DOCSTRINGS_UNREAD.
    """
    reading, others = [], []
    for entry in sorted(folder.iterdir()):
        files = [entry] if entry.is_file() else entry.rglob("*.py")
        reads = entry.name not in DOCSTRINGS_UNREAD and any(
            b"__doc__" in f.read_bytes() for f in files if f.suffix == ".py" and f.is_file()
        )
        (reading if reads else others).append(entry.name)
    return reading, others


def compile_all():
    lane = settings()
    library = standard_library()
    own = BUILD / "own-packages"
    site = lane.get("site_packages", SITE_PACKAGES)
    documented, others = by_docstrings(BUILD / "site-packages")
    trees = [
        tree("/1", ADAPTER, "adapter", [ADAPTER], docstrings=False, columns=False),
        tree("/2", "/", "app", lane["sys_path"]),
        tree("/3", site, "app", [site]),
        tree("/4", site, "site", [site], skip=documented, docstrings=False, columns=False),
        tree("/4", site, "site", [site], skip=others, columns=False),
    ]
    compile_in_guest("code", trees, [TREE / "adapter", BUILD / "root", own, BUILD / "site-packages"])
    index = json.loads((BUILD / "work" / "code" / "index.json").read_text(encoding="utf-8"))
    (BUILD / "work" / "stdlib-folder").write_text(str(library), encoding="utf-8")
    counts = {}
    for module in index["modules"]:
        counts[module["group"]] = counts.get(module["group"], 0) + 1
    note(f"application: {counts.get('app', 0)} modules, dependencies: {counts.get('site', 0)} modules")


if __name__ == "__main__":
    main(compile_all)
