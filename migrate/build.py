"""Runs the build of a generated tree and keeps its component, by content.

The tree's `build.sh` does the work and works without dock2wasm; here it gets progress, a log, an
explanation when it fails, a check of what it made, and a cache: a component whose inputs (the tree's
files, the application's files, the versions of the toolchains) were built before is taken from there.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from analyzers.model import Finding
from migrate import component as components
from migrate import lanes, snapshots
from migrate import targets as writers
from migrate.errors import BuildError, ComponentError, DiskError, OutputError
from migrate.files import remedy, write_atomically
from migrate.lanes import python
from migrate.model import BuildResult, Component
from migrate.processes import Finished, run
from migrate.progress import Progress
from migrate.provenance import PROVENANCE, Provenance, is_inside
from migrate.tree import BUILD, load
from migrate.wheels import Choice

LOG = "build.log"

_RECORD = "component.json"
_PHASE = "==> "
_TAIL = 25  # lines of the log shown when a build fails
_KEPT = 30  # components in the shared cache, some 25 MB each
_SCRATCH = "tmp"
_ROOM = 1_000_000  # bytes; with less than that left, a failed build failed for want of space
_FILES = "files.json"
_FILES_LIMIT = 50_000_000
_CONTROL = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(\x07|\x1b\\)|[\x00-\x08\x0b-\x1f\x7f]")


def build(
    tree: Path,
    *,
    progress: Progress,
    offline: bool = False,
    wheels: Choice | None = None,
    on_line: Callable[[str], None] | None = None,
) -> BuildResult:
    """Build the component of a generated tree, or take it from the cache.

    `wheels`: what to do about native Python packages (None: those that are ready are used).
    `on_line` gets every line that the build prints. Raises OutputError where the tree or its list of
    files cannot be used, ToolMissingError, BuildError with the lane's explanation and the end of the log,
    ComponentError where the result is not what the lane declares, and DiskError. After an error or
    Ctrl-C there is no component in `build/`.
    """
    started = time.monotonic()
    tree = tree.absolute()
    provenance = load(tree)
    repository = Path(os.path.normpath(tree / provenance.repository))
    for note in out_of_date(tree, provenance, repository):
        progress.note(f"    {note}")
    wheels = wheels or Choice()
    variables = wheels.variables(offline=offline)
    folder = tree / BUILD
    _make(folder)
    made = folder / f"{provenance.service}.wasm"
    log = folder / LOG
    with _locked(folder, provenance.service):
        content = content_key(tree, provenance, repository)
        key = _with_wheels(content, tree, provenance, wheels)
        cached = _from_cache(key, made, folder, progress)
        if not cached:
            made.unlink(missing_ok=True)
            try:
                _run(tree, provenance, log, progress, variables, offline=offline, on_line=on_line)
                component = _checked(made, provenance)
            except BaseException:
                made.unlink(missing_ok=True)
                raise
            if content_key(tree, provenance, repository) == content:
                # Wheels that the build made are inputs of the next one.
                key = _with_wheels(content, tree, provenance, wheels)
                _remember(key, component, folder, progress)
            else:
                progress.note("    files changed while the build ran: build again to have them all")
        else:
            component = _checked(made, provenance)
    for note in snapshots.sentences(component.path):
        progress.note(f"    {note}")
    for note in components.not_granted(component, provenance.grants):
        progress.note(f"    {note}")
    return BuildResult(component, log, cached, time.monotonic() - started)


# --- inputs --------------------------------------------------------------------------------


def application_files(tree: Path) -> tuple[tuple[str, str], ...]:
    """The file set of a tree (`files.json`): path in the repository, path in the component.

    Raises OutputError where the list is missing or malformed.
    """
    file = tree / _FILES
    try:
        if file.stat().st_size > _FILES_LIMIT:
            raise OutputError(f"{file} is too large to be a list of files.", do="Run convert again.")
        data = json.loads(file.read_bytes().decode("utf-8"))
        found = tuple((item["source"], item["guest"]) for item in data["files"])
        sound = all(
            isinstance(source, str) and isinstance(guest, str) and is_inside(source) and guest.startswith("/")
            for source, guest in found
        )
    except OSError as error:
        raise OutputError(
            f"{file} cannot be read.", why=error.strerror or str(error), do="Run convert again."
        ) from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise OutputError(f"{file} is malformed.", why=str(error), do="Run convert again.") from None
    if not sound:
        raise OutputError(f"{file} names files outside the repository.", do="Run convert again.")
    return found


def content_key(tree: Path, provenance: Provenance, repository: Path) -> str:
    """The SHA-256 over everything a component is made of.

    Raises ToolMissingError where a toolchain is missing, OutputError for a file that cannot be read.
    """
    from migrate.toolchains import find

    digest = hashlib.sha256()

    def add(*parts: str) -> None:
        digest.update(json.dumps(parts).encode() + b"\n")

    add("dock2wasm component", "1", provenance.lane, provenance.service)
    for name in lanes.lane(provenance.lane).REQUIRES:
        add("tool", name, find(name).version)
    # A README, a manifest or the provenance file itself changes no component.
    apart = {PROVENANCE, "README.md", ".gitignore"}
    for target in writers.TARGETS:
        apart.update(writers.target(target).FILES)
    for file in provenance.files:
        if file.path not in apart:
            add("tree", file.path, _hash(tree / file.path, tree))
    for file in provenance.inputs:
        if (repository / file.path).exists():
            add("input", file.path, _hash(repository / file.path, repository))
    for source, guest in application_files(tree):
        add("file", guest, _hash(repository / source, repository))
    return digest.hexdigest()


def _with_wheels(content: str, tree: Path, provenance: Provenance, wheels: Choice) -> str:
    """The key of a build: its content and, in the Python lane, the wheels for WASI that it can take."""
    if provenance.lane != python.NAME:
        return content
    found = "".join(f"{name} {digest}\n" for name, digest in wheels.inputs(tree))
    return hashlib.sha256(f"{content}\n{found}".encode()).hexdigest() if found else content


def out_of_date(tree: Path, provenance: Provenance, repository: Path) -> tuple[str, ...]:
    """Why convert should run again: files the plan was made from changed, or COPY takes other files now."""
    notes = []
    for file in provenance.inputs:
        now = _digest(repository / file.path)
        if not now:
            notes.append(f"{file.path} is gone since convert: run convert again")
        elif now != file.sha256:
            notes.append(f"{file.path} changed since convert: run convert again")
    listed = {source for source, _ in application_files(tree)}
    taken = _taken_now(provenance, repository)
    if taken is not None:
        for word, names in (("new", sorted(taken - listed)), ("gone", sorted(listed - taken))):
            if names:
                shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
                notes.append(f"{word} since convert: {shown}: run convert again")
    return tuple(notes)


def _taken_now(provenance: Provenance, repository: Path) -> set[str] | None:
    """The file set as it would be planned now; None where the repository cannot be read any more."""
    from analyzers.inventory import read
    from analyzers.repository import RepositoryUnreadable
    from migrate.plan import file_set

    try:
        services = read(repository).services
    except RepositoryUnreadable:
        return None
    for service in services:
        if service.name == provenance.service and service.image is not None:
            return {file.source for file in file_set(service.image)[0]}
    return None


def _hash(path: Path, root: Path) -> str:
    try:
        if not path.resolve().is_relative_to(root.resolve()):
            raise OutputError(f"{path} leads out of {root}.", do="Remove the link, then run convert again.")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise OutputError(
            f"{path} cannot be read.",
            why=error.strerror or str(error),
            do="Run convert again: the list of files is out of date.",
        ) from error


# --- running -------------------------------------------------------------------------------


class _Phases:
    """Turns the `==> phase` lines of a build into steps of progress; a context manager around the build."""

    def __init__(self, progress: Progress, first: str) -> None:
        self._progress = progress
        self._first = first
        self._step = contextlib.ExitStack()

    def line(self, text: str) -> None:
        if text.startswith(_PHASE):
            self._step.close()
            self._step.enter_context(self._progress.step(_clean(text.removeprefix(_PHASE)).strip()))

    def __enter__(self) -> _Phases:
        self._step.enter_context(self._progress.step(self._first))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._step.__exit__(kind, error, trace)


def _run(
    tree: Path,
    provenance: Provenance,
    log: Path,
    progress: Progress,
    variables: Mapping[str, str],
    *,
    offline: bool,
    on_line: Callable[[str], None] | None,
) -> None:
    from migrate.toolchains import find

    script = tree / "build.sh"
    if not script.is_file():
        raise OutputError(f"{script} is missing.", do="Run convert again.")
    # The script takes the programs whose versions are part of the key: DOCK2WASM_PYTHON, ...
    tools = {
        f"DOCK2WASM_{name.upper()}": str(find(name).path) for name in lanes.lane(provenance.lane).REQUIRES
    }
    # By its interpreter: an executable bit is easily lost on the way.
    command = ["/bin/sh", "./build.sh", *(["--offline"] if offline else [])]
    write_atomically(log, b"")
    scratch = tree / BUILD / _SCRATCH
    with _emptied(scratch), _Phases(progress, f"build {provenance.service}") as phases:

        def each(line: str) -> None:
            phases.line(line)
            if on_line:
                on_line(line)

        try:
            env = {**os.environ, **tools, **variables, "TMPDIR": str(scratch)}
            finished = run(command, cwd=tree, log=log, env=env, on_line=each)
        except OSError as error:
            raise DiskError(
                f"The build of {provenance.service} could not be run or logged.",
                why=error.strerror or str(error),
                do=remedy(error),
            ) from error
        if finished.returncode != 0:
            _refuse_full_disk(provenance, tree, log)
            raise _failed(provenance, finished, log)


@contextlib.contextmanager
def _emptied(folder: Path) -> Iterator[None]:
    """A fresh folder for temporary files: tools that are killed leave theirs, some of them many megabytes."""
    shutil.rmtree(folder, ignore_errors=True)
    _make(folder)
    try:
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _refuse_full_disk(provenance: Provenance, tree: Path, log: Path) -> None:
    """A full disk is the reason for whatever a failed build says, and few tools say it."""
    free = shutil.disk_usage(tree).free
    if free < _ROOM:
        raise DiskError(
            f"The build of {provenance.service} failed: the disk that holds {tree} is full.",
            why=f"{free / 1e6:.1f} MB are free; a build needs about 500 MB. The log: {log}",
            do="Free some space, then run again.",
        )


def _failed(provenance: Provenance, finished: Finished, log: Path) -> BuildError:
    findings = lanes.lane(provenance.lane).explain_failure(finished.output, None)
    lines = _told(_clean(finished.output).splitlines())
    tail = "\n    ".join(lines[-_TAIL:])
    explained = [_explanation(finding) for finding in findings]
    end = f"The log ({log}) ends:\n    {tail}" if tail else f"The log ({log}) is empty."
    ended = (
        f"exit code {finished.returncode}"
        if finished.returncode > 0
        else f"ended by signal {-finished.returncode}"
    )
    return BuildError(
        f"The build of {provenance.service} failed ({ended}).",
        why="\n       ".join([*explained, end]),
        do="; ".join(finding.remedy for finding in findings) or "Read the log.",
    )


# What a Rust program (componentize-py, wasm-tools, cargo) prints below its error: frames of its own code.
_BACKTRACE = re.compile(r"\s*stack backtrace:\s*", re.IGNORECASE)
_FRAME = re.compile(r"\s*(\d+: .*|at \S.*)?")


def _told(lines: Sequence[str]) -> list[str]:
    """The lines that tell a reader what failed: native backtraces and blank ends left out."""
    told: list[str] = []
    inside = False
    for line in lines:
        inside = bool(_FRAME.fullmatch(line)) if inside else bool(_BACKTRACE.fullmatch(line))
        if not inside and (line.strip() or (told and told[-1].strip())):
            told.append(line)
    while told and not told[-1].strip():
        told.pop()
    return told


def _explanation(finding: Finding) -> str:
    where = f" ({', '.join(str(e) for e in finding.evidence[:3])})" if finding.evidence else ""
    return f"{finding.rule}: {finding.message}{where}"


def _clean(text: str) -> str:
    """Without escape sequences and control characters: a build's output must not drive the terminal."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def _checked(made: Path, provenance: Provenance) -> Component:
    if not made.is_file():
        raise ComponentError(
            f"The build ended without an error and without {made.name}.", do="Read build/build.log."
        )
    component = components.inspect(made)
    if (component.kind, component.wasi) != (provenance.kind, provenance.wasi):
        raise ComponentError(
            f"{made.name} is of kind {component.kind} for WASI {component.wasi}.",
            why=f"{provenance.kind} for WASI {provenance.wasi} was planned.",
        )
    components.check(component, lanes.lane(provenance.lane).IMPORTS)
    return component


# --- the cache -----------------------------------------------------------------------------


def cache_folder() -> Path | None:
    """Where components are kept by content: `$XDG_CACHE_HOME/dock2wasm/components`; None without a home."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    try:
        # The specification says to ignore a relative one.
        root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    except RuntimeError:  # a user that the system does not know, as in containers
        return None
    return root / "dock2wasm" / "components"


def _from_cache(key: str, made: Path, folder: Path, progress: Progress) -> bool:
    """Whether `made` is, or was taken from the cache as, the component of this key."""
    if _recorded(folder) == (key, _digest(made)):
        return True
    cache = cache_folder()
    if cache is None:
        return False
    kept = cache / f"{key}.wasm"
    try:
        expected = kept.with_suffix(".sha256").read_text("ascii").strip()
        if _digest(kept) != expected:
            return False
        content = kept.read_bytes()
        os.utime(kept)
    except (OSError, ValueError):
        return False
    write_atomically(made, content)
    _record(key, expected, folder)
    progress.note(f"    taken from {kept.parent}")
    return True


def _remember(key: str, component: Component, folder: Path, progress: Progress) -> None:
    _record(key, component.sha256, folder)
    cache = cache_folder()
    if cache is None:
        return
    kept = cache / f"{key}.wasm"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, component.path.read_bytes())
        write_atomically(kept.with_suffix(".sha256"), f"{component.sha256}\n".encode())
        _prune(kept.parent)
    except (OSError, DiskError) as error:
        # The build succeeded; the next one will take as long, and that is all.
        progress.note(f"    not kept in {kept.parent}: {error}".splitlines()[0])


def _prune(folder: Path) -> None:
    newest = sorted(folder.glob("*.wasm"), key=lambda file: file.stat().st_mtime, reverse=True)
    for old in newest[_KEPT:]:
        old.unlink(missing_ok=True)
        old.with_suffix(".sha256").unlink(missing_ok=True)


def _recorded(folder: Path) -> tuple[str, str] | None:
    try:
        data = json.loads((folder / _RECORD).read_bytes())
        return str(data["key"]), str(data["sha256"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # nothing recorded: it is built


def _record(key: str, sha256: str, folder: Path) -> None:
    data = {"schema_version": 1, "key": key, "sha256": sha256}
    write_atomically(folder / _RECORD, (json.dumps(data, indent=2) + "\n").encode())


def _digest(path: Path) -> str:
    """The SHA-256 of a file, empty where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _make(folder: Path) -> None:
    if folder.is_symlink():
        raise OutputError(f"{folder} is a symbolic link.", do="Remove it: builds write there.")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise DiskError(
            f"{folder} cannot be made.", why=error.strerror or str(error), do=remedy(error)
        ) from error


@contextlib.contextmanager
def _locked(folder: Path, service: str) -> Iterator[None]:
    """One build of a tree at a time: two would write the same files."""
    import fcntl

    try:
        lock = (folder / ".lock").open("w")
    except OSError as error:
        raise DiskError(
            f"{folder} cannot be written.", why=error.strerror or str(error), do=remedy(error)
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BuildError(
                f"Another build of {service} is running.", do="Wait until it has ended, then try again."
            ) from None
        except OSError:
            pass  # a file system without locks: two builds at once are then the caller's to avoid
        yield
