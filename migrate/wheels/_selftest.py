"""Runs a wheel's self-test inside the component's CPython, with the lane's own tool."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from migrate.errors import WheelError
from migrate.processes import run as run_program
from migrate.resources import templates
from migrate.wheels import _c, _store
from migrate.wheels._recipes import Recipe
from migrate.wheels._tools import environment


def run(wheel: Path, python: Path, work: Path, recipe: Recipe, *, offline: bool) -> None:
    """Import the wheel's modules and compare one call's value. Raises WheelError with what differs."""
    tree = work / "tree"
    lane = templates() / "lanes" / "python"
    for folder in ("tools", "adapter"):
        shutil.copytree(lane / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    packages = work / "packages"
    packages.mkdir(parents=True)
    needed = [_needed(name) for name in recipe.needs]
    if recipe.beside:
        _c.install(list(recipe.beside), packages, python, offline=offline)
    script = (
        "import runpy, sys; sys.path.insert(0, sys.argv[1]); sys.argv = sys.argv[2:]; "
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    tools = tree / "tools"
    argv = [
        str(python),
        "-I",
        "-B",
        "-c",
        script,
        str(tools),
        str(tools / "native.py"),
        "--test",
        str(packages),
        *map(str, [*needed, wheel]),
    ]
    (tree / "build" / "work").mkdir(parents=True)
    done = run_program(
        argv,
        cwd=tree,
        env=environment(XDG_CACHE_HOME=os.environ.get("XDG_CACHE_HOME", "") or str(Path.home() / ".cache")),
    )
    if done.returncode:
        lines = [line.strip() for line in done.output.splitlines() if line.strip()][-12:]
        raise WheelError(
            "Step self-test failed: it does not do inside the component's Python what it should.",
            why="\n       ".join(lines),
            do="Its native code needs what WASI does not have; use another package.",
        )


def _needed(name: str) -> Path:
    """The newest ready wheel of another package that this one imports."""
    found = [wheel for wheel in _store.ready() if wheel.name == name]
    if not found:
        raise WheelError(
            f"It needs {name}, for which no wheel for WASI is ready.",
            do=f"First: dock2wasm wheels build {name}==VERSION",
        )
    return max(found, key=lambda wheel: wheel.path.stat().st_mtime).path
