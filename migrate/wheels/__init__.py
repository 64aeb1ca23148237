"""WASI wheels: Python packages with native code, built for the component's CPython from their own source.

`build` makes one, `ready` lists those of a folder, `check` looks into one. Building runs the package's
own build scripts on this machine, so it happens only when the user asks. More: docs/wheels.md.
"""

from __future__ import annotations

from migrate.wheels._build import Result, build, build_all, parse, parse_hashes, test
from migrate.wheels._check import Report, check
from migrate.wheels._choice import Choice
from migrate.wheels._recipes import blocked, recipes
from migrate.wheels._store import Wheel, folder, ready

__all__ = [
    "Choice",
    "Report",
    "Result",
    "Wheel",
    "blocked",
    "build",
    "build_all",
    "check",
    "folder",
    "parse",
    "parse_hashes",
    "ready",
    "recipes",
    "test",
]
