"""WASI wheels: Python packages with native code, built for the component's CPython from their own source.

`build` makes one, `ready` lists those of a folder, `check` looks into one. Building runs the package's own
build scripts on this machine, so it happens only when the user asks for it. How it works: docs/commands/wheels.md.
"""

from __future__ import annotations

from migrate.wheels._build import Result, build, parse
from migrate.wheels._check import Report, check
from migrate.wheels._store import Wheel, folder, ready

__all__ = ["Report", "Result", "Wheel", "build", "check", "folder", "parse", "ready"]
