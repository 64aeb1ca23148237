"""Writes a generated tree, and reads its provenance back.

What a person edited is never overwritten unasked, what is not ours is never touched, and a failure leaves
what was there: new content is first written, all of it, to a temporary folder beside the tree and then
moved into place, the provenance file last.
"""

from __future__ import annotations

import contextlib
import difflib
import errno
import hashlib
import os
import shlex
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import DiskError, Dock2wasmError, OutputError
from migrate.files import remedy
from migrate.model import GeneratedFile, Plan
from migrate.plan import OUTPUT_FOLDER
from migrate.provenance import LIMIT, PROVENANCE, Provenance, from_bytes, is_inside

__all__ = ["PROVENANCE", "Change", "Changes", "load", "sha256", "write"]

_TEMPORARY = ".dock2wasm-"
# The folder of a tree in which `build.sh` works; nothing generated lies there.
BUILD = "build"


@dataclass(frozen=True, slots=True)
class Change:
    """One file: its path in the tree, its content before and after (None: not there)."""

    path: str
    before: bytes | None
    after: bytes | None

    def diff(self) -> str:
        """A unified diff; of binary content only that it differs."""
        old, new = f"a/{self.path}", f"b/{self.path}"
        if self.before is None:
            old = "/dev/null"
        if self.after is None:
            new = "/dev/null"
        try:
            before = (self.before or b"").decode("utf-8")
            after = (self.after or b"").decode("utf-8")
        except UnicodeDecodeError:
            return f"Binary files {old} and {new} differ\n"
        lines = difflib.unified_diff(
            before.splitlines(keepends=True), after.splitlines(keepends=True), old, new
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )


@dataclass(frozen=True, slots=True)
class Changes:
    """What writing a tree changed, or on a dry run would change. Paths are relative to `output`.

    `edited` are files that a person changed and the run overwrites (or, on a dry run without `--force`,
    would refuse to); `kept` are files no longer generated that stay because a person changed them.
    """

    output: Path
    created: tuple[Change, ...] = ()
    updated: tuple[Change, ...] = ()
    removed: tuple[Change, ...] = ()
    unchanged: tuple[str, ...] = ()
    edited: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()  # only the executable bit differs
    dry_run: bool = False

    def __bool__(self) -> bool:
        return bool(self.created or self.updated or self.removed or self.modes)

    def diff(self) -> str:
        """All changes as one unified diff, by path."""
        changes = sorted((*self.created, *self.updated, *self.removed), key=lambda change: change.path)
        return "".join(change.diff() for change in changes)

    def to_json(self) -> dict[str, object]:
        """The changes for programs; lists of paths."""
        return {
            "output": str(self.output),
            "dry_run": self.dry_run,
            "created": [change.path for change in self.created],
            "updated": [change.path for change in self.updated] + list(self.modes),
            "removed": [change.path for change in self.removed],
            "unchanged": list(self.unchanged),
            "edited": list(self.edited),
            "kept": list(self.kept),
        }

    def summary(self, plan: Plan) -> str:
        """What happened and what comes next, for people."""
        lines = [f"{self.output}: {self._counts()}"]
        if self.edited:
            verb = "would be refused without --force" if self.dry_run else "overwritten"
            lines.append(f"  edited by a person, {verb}: {', '.join(self.edited)}")
        if self.kept:
            lines.append(f"  no longer generated, kept because it was edited: {', '.join(self.kept)}")
        if plan.excluded:
            lines.append(f"  left out of the component: {', '.join(e.source for e in plan.excluded[:5])}")
            if len(plan.excluded) > 5:
                lines[-1] += f" and {len(plan.excluded) - 5} more (README.md lists them)"
        if not plan.promise:
            lines.append(f"  no promise: accepted {', '.join(plan.accepted)}")
        if not self.dry_run:
            lines.append(f"next: {_build_command(plan)}")
        return "\n".join(lines)

    def _counts(self) -> str:
        counts = [
            f"{len(files)} {word}"
            for word, files in (
                ("created", self.created),
                ("updated", (*self.updated, *self.modes)),
                ("removed", self.removed),
                ("unchanged", self.unchanged),
            )
            if files
        ]
        return ("would be " if self.dry_run and self else "") + ", ".join(counts)


def sha256(content: bytes) -> str:
    """The SHA-256 of some content, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def load(tree: Path) -> Provenance:
    """The provenance of a generated tree. Raises OutputError where there is none or it is malformed."""
    file = tree / PROVENANCE
    try:
        status = file.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > LIMIT:
            raise OutputError(
                f"{file} is not ours.",
                why="It is no plain file." if status.st_size <= LIMIT else "It is too large.",
                do="Delete it and run convert again.",
            )
        return from_bytes(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise OutputError(
            f"There is no generated tree in {tree}.", do="Run `dock2wasm convert` first."
        ) from None
    except OSError as error:
        raise OutputError(f"{file} cannot be read.", why=error.strerror or str(error)) from error


def write(
    output: Path, files: Sequence[GeneratedFile], *, force: bool = False, dry_run: bool = False
) -> Changes:
    """Make the tree at `output` hold exactly these generated files, and whatever a person put there.

    `files` holds the provenance file. Raises OutputError where `output` is not ours, is reached through a
    link, or holds edited files that would be overwritten (unless `force`; a dry run reports them
    instead), and DiskError where the disk is full; both leave what was there.
    """
    output = _normal(output)
    generated = {file.path: file for file in files}
    _refuse_paths(files)
    provenance = from_bytes(generated[PROVENANCE].content)
    _refuse_links(output, provenance.repository)
    before = _previous(output, provenance)
    changes = _compare(output, generated, before, dry_run=dry_run)
    if dry_run:
        return changes
    if changes.edited and not force:
        raise OutputError(
            f"Edited files in {output} would be overwritten: {', '.join(changes.edited)}.",
            why="They differ from what dock2wasm wrote there.",
            do="See `--dry-run --diff`; then move your changes elsewhere, or overwrite them with --force.",
        )
    if changes:
        with _explained(output):
            _apply(output, changes, generated)
    return changes


# --- what is there -------------------------------------------------------------------------


def _refuse_paths(files: Sequence[GeneratedFile]) -> None:
    """Generated paths come from our own code: a bad one is a bug, found before anything is written."""
    seen: set[str] = set()
    for file in files:
        if not is_inside(file.path) or file.path.split("/")[0] == BUILD or file.path in seen:
            raise ValueError(f"generated file with a bad or repeated path: {file.path!r}")
        seen.add(file.path)


def _refuse_links(output: Path, repository: str) -> None:
    """No folder between the repository and the output may be a link: it would write elsewhere.

    Outside the repository only the output itself is looked at: the way there is the caller's own.
    """
    root = _normal(output / repository)
    checked = [output, *(p for p in output.parents if p != root and p.is_relative_to(root))]
    for folder in checked:
        if folder.is_symlink():
            raise OutputError(
                f"{folder} is a symbolic link.",
                why="Writing through it would change files elsewhere.",
                do="Remove the link, or name another folder with --output.",
            )


def _build_command(plan: Plan) -> str:
    """The command that builds the tree of this plan, as it works in the current folder."""
    words = ["dock2wasm", "build"]
    if plan.repository != Path.cwd():
        words.append(str(plan.repository))
    words += ["--service", plan.service_name]
    if plan.output != plan.repository / OUTPUT_FOLDER / plan.service_name:
        words += ["--output", str(plan.output)]
    return shlex.join(words)


def _normal(path: Path) -> Path:
    """Absolute and without `..`, by text: resolving would follow the links that are refused here."""
    return Path(os.path.abspath(path))  # noqa: PTH100 - see above


def _previous(output: Path, provenance: Provenance) -> Provenance | None:
    """The provenance of what is there; None where nothing is. Raises OutputError where it is not ours."""
    other = "Name another folder with --output."
    try:
        if (
            output.parent.is_dir()
            and output.parent == _normal(output / provenance.repository) / OUTPUT_FOLDER
            and not _holds_trees(output.parent)
        ):
            raise OutputError(
                f"{output.parent} is not ours.",
                why="It holds files, and no folder in it was written by dock2wasm.",
                do=other,
            )
        if not output.exists():
            return None
        if not output.is_dir():
            raise OutputError(f"{output} is a file.", do=other)
        if (output / PROVENANCE).exists():
            return load(output)
        if any(output.iterdir()):
            raise OutputError(f"{output} is not ours.", why=f"It holds files and no {PROVENANCE}.", do=other)
    except OSError as error:
        raise OutputError(f"{output} cannot be read.", why=error.strerror or str(error)) from error
    return None


def _holds_trees(folder: Path) -> bool:
    """Whether a `wasm/` is ours: empty, or with a generated tree in it."""
    entries = [entry for entry in folder.iterdir() if not entry.name.startswith(_TEMPORARY)]
    return not entries or any((entry / PROVENANCE).is_file() for entry in entries)


def _compare(
    output: Path, generated: dict[str, GeneratedFile], before: Provenance | None, *, dry_run: bool
) -> Changes:
    created: list[Change] = []
    updated: list[Change] = []
    removed: list[Change] = []
    unchanged: list[str] = []
    edited: list[str] = []
    kept: list[str] = []
    modes: list[str] = []
    for path, file in sorted(generated.items()):
        there = _content(output, path)
        if there is None:
            created.append(Change(path, None, file.content))
        elif there == file.content:
            same = _executable(output / path) == file.executable
            (unchanged if same else modes).append(path)
        else:
            updated.append(Change(path, there, file.content))
            if path != PROVENANCE and (before is None or before.hash_of(path) != sha256(there)):
                edited.append(path)
    for old in before.files if before else ():
        if old.path in generated:
            continue
        there = _content(output, old.path)
        if there is None:
            continue
        if sha256(there) == old.sha256:
            removed.append(Change(old.path, there, None))
        else:
            kept.append(old.path)
    return Changes(
        output,
        tuple(created),
        tuple(updated),
        tuple(removed),
        tuple(unchanged),
        tuple(edited),
        tuple(kept),
        tuple(modes),
        dry_run,
    )


def _content(output: Path, path: str) -> bytes | None:
    """What lies at `path`, None for nothing. Raises OutputError for anything but a plain file."""
    place = output
    try:
        for part in path.split("/")[:-1]:
            place = place / part
            if not place.exists() and not place.is_symlink():
                return None
            if place.is_symlink() or not place.is_dir():
                raise _in_the_way(place, "a folder")
        place = output / path
        mode = place.lstat().st_mode
        if not stat.S_ISREG(mode):
            raise _in_the_way(place, "a plain file")
        return place.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"{place} cannot be read.", why=error.strerror or str(error)) from error


def _in_the_way(place: Path, expected: str) -> OutputError:
    return OutputError(
        f"{place} is in the way.",
        why=f"dock2wasm writes {expected} there and found something else.",
        do="Move it away and run again.",
    )


def _executable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXUSR)


# --- writing -------------------------------------------------------------------------------


def _apply(output: Path, changes: Changes, generated: dict[str, GeneratedFile]) -> None:
    """Write everything beside the tree, then move it in; undo the moves where one fails."""
    missing = [folder for folder in output.parents if not folder.exists()]
    work: Path | None = None
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=output.parent))
        new, old = work / "new", work / "old"
        new.mkdir()
        old.mkdir()
        for change in (*changes.created, *changes.updated):
            _write_file(new / change.path, generated[change.path])
        if output.exists():
            _move_in(output, changes, generated, new, old)
        else:
            new.replace(output)
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
        if not output.exists():
            for folder in missing:  # innermost first
                with contextlib.suppress(OSError):
                    folder.rmdir()


def _write_file(place: Path, file: GeneratedFile) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("xb") as out:
        out.write(file.content)
        out.flush()
        os.fsync(out.fileno())
    _set_mode(place, file.executable)


def _set_mode(place: Path, executable: bool) -> None:
    mode = place.stat().st_mode & 0o777
    # Whoever may read it may run it, as the umask decided for reading.
    place.chmod(mode | (mode & 0o444) >> 2 if executable else mode & ~0o111)


def _move_in(
    output: Path, changes: Changes, generated: dict[str, GeneratedFile], new: Path, old: Path
) -> None:
    undo: list[tuple[Path, Path | None]] = []
    try:
        # The provenance file last: until then the old one describes what is there.
        moved = sorted((*changes.created, *changes.updated), key=lambda c: (c.path == PROVENANCE, c.path))
        for change in (*changes.removed, *moved):
            place = output / change.path
            place.parent.mkdir(parents=True, exist_ok=True)
            saved = None
            if change.before is not None:
                saved = old / change.path
                saved.parent.mkdir(parents=True, exist_ok=True)
                place.replace(saved)
            undo.append((place, saved))
            if change.after is not None:
                (new / change.path).replace(place)
        for path in changes.modes:
            _set_mode(output / path, generated[path].executable)
    except BaseException:
        for place, saved in reversed(undo):
            with contextlib.suppress(OSError):
                if saved is not None:
                    saved.replace(place)
                else:
                    place.unlink()
        _remove_empty(output, (change.path for change in changes.created))
        raise
    _remove_empty(output, (change.path for change in changes.removed))


def _remove_empty(output: Path, paths: Iterable[str]) -> None:
    """Remove the folders that held these files, as far as they are empty now."""
    folders = {parent for path in paths for parent in Path(path).parents if parent != Path()}
    for folder in sorted(folders, key=lambda f: len(f.parts), reverse=True):
        with contextlib.suppress(OSError):
            (output / folder).rmdir()


@contextlib.contextmanager
def _explained(output: Path) -> Iterator[None]:
    try:
        yield
    except Dock2wasmError:
        raise
    except OSError as error:
        why = error.strerror or str(error)
        if error.errno in {errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EEXIST}:
            raise OutputError(
                f"{error.filename or output} cannot be written.",
                why=why,
                do="Check who owns the folder, or name another with --output.",
            ) from error
        raise DiskError(
            f"{output} cannot be written; what was there before is unchanged.",
            why=why,
            do=remedy(error),
        ) from error
