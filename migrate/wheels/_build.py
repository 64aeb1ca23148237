"""Makes one wheel: fetch, unpack, compile, check, pack, test inside the component's Python, keep."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrate.errors import UsageError, WheelError
from migrate.progress import Progress
from migrate.wheels import _c, _module, _pack, _recipes, _rust, _selftest, _source, _store, _tools
from migrate.wheels._source import Native, Source

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*==\s*([0-9A-Za-z.!+_-]+)\s*")
_BACKENDS = "maturin, setuptools-rust and setuptools"
_FORMAT = 1  # raised when wheels have to be made anew


@dataclass(frozen=True, slots=True)
class Result:
    """A wheel that is ready. `seconds` is what it took, `cached` whether it was there already."""

    wheel: _store.Wheel
    sha256: str
    cached: bool
    seconds: float


def parse(text: str) -> tuple[str, str]:
    """(name, version) of `NAME==VERSION`. Raises UsageError."""
    match = _REQUIREMENT.fullmatch(text)
    if not match:
        raise UsageError(
            f"{text!r} is no NAME==VERSION.",
            do="Name one release, as in `dock2wasm wheels build orjson==3.13.0`.",
        )
    return match[1], match[2]


def parse_hashes(values: Iterable[str]) -> dict[str, list[str]]:
    """{normalised name: sha256} of `NAME:SHA256` or `NAME:sha256:HEX`. Raises UsageError."""
    found: dict[str, list[str]] = {}
    for value in values:
        name, _, rest = value.partition(":")
        digest = rest.removeprefix("sha256:").lower()
        if not name or not re.fullmatch("[0-9a-f]{64}", digest):
            raise UsageError(f"--hash {value!r} is no NAME:SHA256.", do="Give 64 hexadecimal digits.")
        found.setdefault(_store.normalise(name), []).append(digest)
    return found


def build(
    name: str,
    version: str,
    *,
    progress: Progress,
    hashes: Collection[str] = (),
    offline: bool = False,
    into: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> Result:
    """Build the wheel of one release, or take it from the folder of ready ones.

    Runs the package's build scripts on this machine. `hashes` (sha256): those that the sdist may have, none
    for any.
    Raises WheelError (which step, why, what to do) and ToolMissingError.
    """
    started = time.monotonic()
    into = into or _store.folder()
    blocked = _recipes.blocked().get(_store.normalise(name))
    if blocked is not None:
        raise WheelError(f"{name} cannot be built for WASI.", why=blocked.why, do=blocked.do)
    target = into / _store.file_name(name, version)
    inputs = _inputs(name, version)
    known = _kept(target, inputs, hashes)
    if known is not None:
        return Result(known, _store.sha256(target), True, time.monotonic() - started)
    try:
        with progress.step(f"{name} {version}"):
            _make(name, version, target, inputs, progress, hashes, offline, on_line)
    except WheelError as error:
        raise WheelError(f"{name}=={version}: {error.what}", why=error.why, do=error.do) from error
    return Result(_store.read(target), _store.sha256(target), False, time.monotonic() - started)


def _inputs(name: str, version: str) -> dict[str, str]:
    """What a wheel depends on and is known before anything is fetched."""
    recipe = _recipes.recipe(_store.normalise(name))
    return {
        "format": str(_FORMAT),
        "name": _store.normalise(name),
        "version": version,
        "recipe": hashlib.sha256(recipe.building().encode()).hexdigest()[:16],
    }


def _kept(target: Path, inputs: dict[str, str], hashes: Collection[str]) -> _store.Wheel | None:
    """The ready wheel, if it was made of the same inputs and of the source that the lock names."""
    if not target.is_file():
        return None
    try:
        wheel = _store.read(target)
    except WheelError:
        return None  # it is made anew
    sdist = wheel.info.get("sdist_sha256")
    if wheel.info.get("inputs") != inputs or (hashes and sdist not in hashes):
        return None
    telling = _recipes.recipe(wheel.name).telling()
    if wheel.info | telling != wheel.info:
        _pack.tell(target, wheel.info | telling)
    return _store.read(target)


def _make(
    name: str,
    version: str,
    target: Path,
    inputs: dict[str, str],
    progress: Progress,
    hashes: Collection[str],
    offline: bool,
    on_line: Callable[[str], None] | None,
) -> None:
    recipe = _recipes.recipe(_store.normalise(name))
    python = _tools.python(progress, offline=offline)
    source = _source.fetch(name, version, python, hashes=hashes, offline=offline)
    natives = _source.natives(source.wheel)
    if not natives:
        raise WheelError(
            "its wheel for Linux holds no native module.", do="Install it as it is: nothing has to be built."
        )
    logs = _store.cache() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{_store.normalise(name)}-{version}.log"
    log.unlink(missing_ok=True)
    with _workshop(name, version) as work:
        (work / "source").mkdir()
        root = _source.unpack(source.sdist, work / "source")
        with progress.step("compile"):
            stable = all(".abi3." in native.path for native in natives)
            libraries, tools = _compile(root, work, python, recipe, stable, offline, log, on_line)
        made = _matched(natives, libraries, log)
        info = _info(name, version, inputs, source, made, recipe, tools)
        candidate = work / target.name
        _pack.pack(source.wheel, made, info, candidate)
        with progress.step("self-test inside the component's Python"):
            _selftest.run(candidate, python, work / "test", recipe, offline=offline)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(candidate, part)
        part.replace(target)


@contextlib.contextmanager
def _workshop(name: str, version: str) -> Iterator[Path]:
    """The folder in which a release is built, one build at a time.

    It stays when a build fails: what cargo has compiled need not be compiled again.
    """
    work = _scratch() / f"{_store.normalise(name)}-{version}"
    work.mkdir(exist_ok=True)
    with (work / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WheelError(
                "another build of it is running.", do="Wait until it has ended, then try again."
            ) from None
        for path in work.iterdir():
            if path.is_dir() and path.name != "target":
                shutil.rmtree(path)
        yield work
        shutil.rmtree(work, ignore_errors=True)


def _scratch() -> Path:
    folder = _store.cache() / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _compile(
    root: Path,
    work: Path,
    python: Path,
    recipe: _recipes.Recipe,
    stable_abi: bool,
    offline: bool,
    log: Path,
    on_line: Callable[[str], None] | None,
) -> tuple[tuple[Path, ...], dict[str, str]]:
    """(libraries, versions of the tools)."""
    project = _source.project(root)
    backend = _source.backend(project)
    cargo_toml = None if recipe.direct else _rust.manifest(root, project)
    zig = {"ziglang": _tools.zig_version(python)}
    if cargo_toml is not None and (
        backend.startswith("maturin") or "rust" in json.dumps(project.get("build-system", {}))
    ):
        rust = _tools.rust()
        found = _rust.build(
            cargo_toml, work, rust, python,
            project=project, variables=recipe.variables, stable_abi=stable_abi,
            offline=offline, log=log, on_line=on_line,
        )  # fmt: skip
        return found, {"rustc": rust.version, **zig}
    if recipe.direct or backend.startswith("setuptools") or (root / "setup.py").is_file():
        headers = _tools.headers()
        found = _c.build(
            root, work, python, headers,
            project=project, recipe=recipe, offline=offline, log=log, on_line=on_line,
        )  # fmt: skip
        return found, zig
    raise WheelError(
        f"Step compile failed: the build backend {backend} is not supported.",
        why=f"Native code is built with {_BACKENDS}.",
        do="Use another package, or build the library by hand and keep its wheel with `--wheels`.",
    )


def _matched(natives: Iterable[Native], libraries: Iterable[Path], log: Path) -> dict[Native, bytes]:
    """The library of each native module, by the init function that it exports."""
    by_name: dict[str, list[Path]] = {}
    for path in libraries:
        module = _module.read(path)
        _acceptable(path.name, module)
        for name in module.init:
            by_name.setdefault(name, []).append(path)
    made = {}
    for native in natives:
        paths = by_name.get(native.short, [])
        # Of several modules with the same last name the one that lies in the same folder.
        ending = native.module.replace(".", "/")
        paths = [p for p in paths if str(p).partition(".cpython-")[0].endswith(ending)] or paths
        if not paths:
            raise WheelError(
                f"Step match failed: {native.module} was not built.",
                why=f"The build made {', '.join(sorted(by_name)) or 'no module'}. The log: {log}",
                do="Its setup.py may leave an extension out where a library is missing: read the log.",
            )
        made[native] = paths[0].read_bytes()
    return made


def _acceptable(name: str, module: _module.Module) -> None:
    problem = ""
    if not module.shared:
        problem = "It has no section dylink.0: it is no shared library."
    elif module.foreign():
        problem = f"It imports {', '.join(module.foreign()[:3])}, which nothing in a component gives."
    elif not module.init:
        problem = "It exports no PyInit_ function."
    if problem:
        raise WheelError(
            f"Step check failed: {name} cannot be loaded by CPython.", why=problem, do="Read the log."
        )


def _info(
    name: str,
    version: str,
    inputs: dict[str, str],
    source: Source,
    made: dict[Native, bytes],
    recipe: _recipes.Recipe,
    tools: dict[str, str],
) -> dict[str, Any]:
    return {
        "schema_version": _store.SCHEMA_VERSION,
        "name": _store.normalise(name),
        "version": version,
        "modules": sorted(native.module for native in made),
        **recipe.telling(),
        "sdist": source.sdist.name,
        "sdist_sha256": source.sdist_sha256,
        "linux_wheel": source.wheel.name,
        "linux_wheel_sha256": _store.sha256(source.wheel),
        "built_with": tools,
        "inputs": inputs,
    }


def build_all(
    wanted: Iterable[tuple[str, str]],
    *,
    progress: Progress,
    hashes: Mapping[str, Collection[str]],
    known_only: bool = False,
    offline: bool = False,
    into: Path | None = None,
    on_line: Callable[[str], None] | None = None,
) -> tuple[list[Result], list[WheelError]]:
    """Build several; what fails does not keep the others from being built.

    `hashes`: those of each normalised name. `known_only` leaves out, with a note, what has no recipe.
    """
    results: list[Result] = []
    errors: list[WheelError] = []
    for name, version in wanted:
        plain = _store.normalise(name)
        if known_only and plain not in _recipes.recipes():
            blocked = _recipes.blocked().get(plain)
            reason = (
                blocked.why if blocked else f"not tried yet; to try: dock2wasm wheels build {name}=={version}"
            )
            progress.note(f"{name} {version} is left out: {reason}")
            continue
        try:
            results.append(
                build(
                    name, version, progress=progress, hashes=hashes.get(plain, ()),
                    offline=offline, into=into, on_line=on_line,
                )
            )  # fmt: skip
        except WheelError as error:
            errors.append(error)
    return results, errors


def test(wheel: _store.Wheel, *, progress: Progress, offline: bool = False) -> None:
    """Run a wheel's self-test inside the component's Python. Raises WheelError with what differs."""
    python = _tools.python(progress, offline=offline)
    with (
        tempfile.TemporaryDirectory(prefix="dock2wasm-wheel-", dir=_scratch()) as folder,
        progress.step("self-test inside the component's Python"),
    ):
        _selftest.run(wheel.path, python, Path(folder), _recipes.recipe(wheel.name), offline=offline)
