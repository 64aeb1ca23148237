"""Builds extensions in C (setuptools) with `zig cc` as shared libraries for the component.

The package's own `setup.py` runs on this machine with another compiler; Cython and other build requirements
are installed beside it, as pip would. No interpreter of the target runs.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from migrate.errors import WheelError
from migrate.processes import Finished, run
from migrate.wheels import _source, _store
from migrate.wheels._recipes import Recipe
from migrate.wheels._tools import environment

SUFFIX = ".cpython-314-wasm32-wasi.so"
_SETUP = "import runpy, sys; sys.path.insert(0, ''); sys.argv[0] = 'setup.py'; {run}"
_ERRORS = (
    (
        r"fatal error: '?([\w./+-]+\.h)'? (?:file )?not found",
        "It needs the header {0}, which belongs to a C library or a system that WASI does not have.",
        "Use a package without that library; if the library builds for WASI, a recipe can bring its sources.",
    ),
    (
        r"(?:error: )?unable to find libc\+\+|libc\+\+|exceptions are not",
        "It is written in C++.",
        "Extensions in C++ are not built yet; use a package in C, Rust or Python.",
    ),
    (
        r"error: (?:call to undeclared function|use of undeclared identifier|undeclared identifier) '(\w+)'",
        "It uses {0}, which WASI's C library does not have.",
        "Use a package that does without (no processes, threads or signals).",
    ),
    (
        r"ModuleNotFoundError: No module named '([\w.]+)'",
        "Its setup.py imports {0}, which its pyproject.toml does not ask for.",
        "Try a newer release of the package.",
    ),
    (r"error: (.{0,160})", "The compiler says: {0}.", "Read the log."),
)


def build(
    source: Path,
    work: Path,
    python: Path,
    headers: Path,
    *,
    project: Mapping[str, Any],
    recipe: Recipe,
    offline: bool,
    log: Path,
    on_line: Callable[[str], None] | None = None,
) -> tuple[Path, ...]:
    """Compile; returns the libraries. Raises WheelError with what the compiler said."""
    generated = any(str(f).endswith(".pyx") for one in recipe.direct for f in one["files"])
    beside = work / "requires"
    beside.mkdir(exist_ok=True)
    if generated or not recipe.direct:
        _requirements(project, beside, python, offline=offline)
    for library in recipe.sources:
        _library(library, source, work, python, offline=offline)
    wrapper = shlex.join([str(python), "-B", str(Path(__file__).with_name("cc.py"))])
    env = environment(
        **recipe.variables,
        CC=wrapper,
        CXX=wrapper,
        LDSHARED=f"{wrapper} -shared",
        CFLAGS=shlex.join(["-O2", "-g0", *recipe.cflags]),
        LDFLAGS="",
        SETUPTOOLS_EXT_SUFFIX=SUFFIX,
        DOCK2WASM_INCLUDE=str(headers),
        DOCK2WASM_DROP=":".join(_own_headers(python)),
        PYTHONPATH=str(beside),
        PYTHONDONTWRITEBYTECODE="1",
    )
    if recipe.direct:
        return tuple(_direct(one, source, work, python, env, log, on_line) for one in recipe.direct)
    how = (
        "runpy.run_path('setup.py', run_name='__main__')"
        if (source / "setup.py").is_file()
        else "import setuptools; setuptools.setup()"
    )
    out = work / "out"
    argv = [
        str(python),
        "-c",
        _SETUP.format(run=how),
        "build_ext",
        "--build-lib",
        str(out),
        "--build-temp",
        str(work / "temp"),
    ]
    done = run([*argv, *recipe.arguments], cwd=source, env=env, log=log, on_line=on_line)
    found = tuple(sorted(out.rglob(f"*{SUFFIX}")))
    # Some setup.py end well although an "optional" extension did not compile: the caller compares names.
    if done.returncode:
        raise _failed(done, log)
    return found


def _own_headers(python: Path) -> Iterable[str]:
    """Folders of this machine's headers, which would be found before those for WASI."""
    home = str(python.parent.parent)
    names = {sysconfig.get_path("include"), sysconfig.get_path("platinclude"), f"{home}/include"}
    found = _ask(python, "import sysconfig as s; print(s.get_path('include'), s.get_path('platinclude'))")
    return sorted({*names, *found.split(), "/usr/include", "/usr/local/include"})


def _requirements(project: Mapping[str, Any], folder: Path, python: Path, *, offline: bool) -> None:
    """Install what the package's build asks for (`build-system.requires`) into a folder of its own."""
    system = project.get("build-system")
    wanted = [str(r) for r in system.get("requires", [])] if isinstance(system, dict) else []
    wanted = [r for r in wanted if not re.match(r"(?i)(setuptools|wheel|maturin)\b(?![-_])", r.strip())]
    if wanted:
        install(wanted, folder, python, offline=offline)


def install(wanted: list[str], folder: Path, python: Path, *, offline: bool) -> None:
    """Install requirements into a folder, by way of the cache. Raises WheelError."""
    key = hashlib.sha256(json.dumps(sorted(wanted)).encode()).hexdigest()[:16]
    kept = _store.cache() / "sources" / f"requires-{key}"
    _pip(python, ["download", "--only-binary", ":all:", "--dest", str(kept), *wanted], kept, offline)
    argv = [str(python), "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    argv += ["--no-index", "--find-links", str(kept), "--target", str(folder), *wanted]
    done = run(argv, cwd=folder, env=environment())
    if done.returncode:
        raise _no_requirements(wanted, done)


def _pip(python: Path, arguments: list[str], kept: Path, offline: bool) -> None:
    """Fill a folder of the cache once."""
    if (kept / "stamp").is_file():
        return
    if offline:
        raise WheelError(
            "What the package's build needs is not in the cache.",
            why=f"{kept} is not there, and the network is not to be used.",
            do="Build it once without --offline.",
        )
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir(parents=True)
    argv = [str(python), "-m", "pip", *arguments[:1], "--quiet", "--no-input", "--disable-pip-version-check"]
    done = run([*argv, *arguments[1:]], cwd=kept, env=environment())
    if done.returncode:
        raise _no_requirements(arguments, done)
    (kept / "stamp").write_text("")


def _no_requirements(wanted: list[str], done: Finished) -> WheelError:
    lines = [line for line in done.output.strip().splitlines() if line.strip()][-4:]
    return WheelError(
        "Step requirements failed: what the package's build needs cannot be installed.",
        why="\n       ".join([" ".join(wanted), *lines]),
        do="Check the network.",
    )


def _library(library: Mapping[str, Any], source: Path, work: Path, python: Path, *, offline: bool) -> None:
    """Fetch the C sources of a library that the package expects on the machine, into the package's own."""
    requirement = str(library["requirement"])
    key = hashlib.sha256(requirement.encode()).hexdigest()[:16]
    kept = _store.cache() / "sources" / f"library-{key}"
    name = re.split(r"[=<>]", requirement)[0]
    options = ["--no-deps", "--no-binary", name, "--dest", str(kept)]
    _pip(python, ["download", *options, requirement], kept, offline)
    archive = next(p for p in kept.iterdir() if p.name != "stamp")
    if _store.sha256(archive) != library["sha256"]:
        raise WheelError(
            f"{archive.name} is not the file that was tried.",
            why="Its SHA-256 differs from the recipe's.",
            do=f"Remove {kept} and try again.",
        )
    folder = work / "libraries" / name
    folder.mkdir(parents=True)
    shutil.copytree(_source.unpack(archive, folder), source / str(library["into"]))


def _direct(
    module: Mapping[str, Any],
    source: Path,
    work: Path,
    python: Path,
    env: Mapping[str, str],
    log: Path,
    on_line: Callable[[str], None] | None,
) -> Path:
    """Compile one module as the recipe says, without the package's own build script."""
    name = str(module["module"])
    out = work / "out" / (name.replace(".", "/") + SUFFIX)
    objects = work / "objects" / name
    for folder in (out.parent, objects):
        folder.mkdir(parents=True, exist_ok=True)
    files = [path for pattern in module["files"] for path in sorted(source.glob(str(pattern)))]
    if not files:
        raise WheelError(
            f"Step compile failed: {name} has no sources.",
            why=f"The recipe expects {', '.join(map(str, module['files']))}.",
            do="Take a release that the recipe fits.",
        )

    def program(argv: list[str]) -> None:
        done = run(argv, cwd=source, env=env, log=log, on_line=on_line)
        if done.returncode:
            raise _failed(done, log)

    compiler = [str(python), "-B", str(Path(__file__).with_name("cc.py"))]
    flags = ["-O2", "-g0", *map(str, module.get("cflags", ()))]
    includes = [f"-I{source / str(folder)}" for folder in module.get("include", ())]
    # Headers in the place of those of a library that WASI lacks: only what the package's use of it needs.
    includes += [f"-I{Path(__file__).parent / 'headers' / str(h)}" for h in module.get("stubs", ())]
    made = []
    for number, path in enumerate(files):
        if path.suffix == ".pyx":
            generated = objects / f"{path.stem}.c"
            program([str(python), "-m", "cython", "-3", str(path), "-o", str(generated)])
            path = generated
        made.append(str(objects / f"{number}-{path.stem}.o"))
        program([*compiler, *flags, *includes, "-c", str(path), "-o", made[-1]])
    if module.get("builtins"):
        made.append(str(objects / "builtins.a"))
        source_of_zig = _ask(python, "import ziglang, os; print(os.path.dirname(ziglang.__file__))")
        rt = f"{source_of_zig}/lib/compiler_rt.zig"
        options = ["-target", "wasm32-wasi", "-fPIC", "-O", "ReleaseSmall", f"-femit-bin={made[-1]}"]
        program([str(python), "-m", "ziglang", "build-lib", rt, *options])
    program([*compiler, "-shared", *made, "-o", str(out)])
    return out


def _ask(python: Path, code: str) -> str:
    done = run([str(python), "-c", code], cwd=python.parent)
    return done.output.strip()


def _failed(done: Finished, log: Path) -> WheelError:
    for pattern, why, do in _ERRORS:
        found = re.search(pattern, done.output)
        if found:
            said = next((g for g in found.groups() if g), "")
            return WheelError(
                "Step compile failed: setup.py.", why=f"{why.format(said)} The log: {log}", do=do
            )
    lines = done.output.strip().splitlines()[-6:]
    return WheelError(
        "Step compile failed: setup.py.",
        why="\n       ".join([*lines, f"The log: {log}"]),
        do="Read the log.",
    )
