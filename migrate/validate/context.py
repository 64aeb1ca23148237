"""The build context of the original: which files belong to it, its hash, and a copy to build from.

What we generate is no input (see "Our output is no input" in the design), and what `.dockerignore`
leaves out never reaches the engine.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from migrate.errors import DiskError, OriginalError

PROVENANCE = "dock2wasm.provenance.json"
_BLOCK = 1 << 20


class Ignores(Protocol):
    """What `analyzers.dockerfile.ignore.parse` returns."""

    def excludes(self, path: str) -> bool:
        """Whether the path (relative to the context, forward slashes) is left out."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, a symbolic link or an empty folder of the context; `path` relative to it."""

    path: str
    kind: str  # file, link, folder
    executable: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class BuildContext:
    """The context folder, what of it the engine gets, and the Dockerfile.

    `skipped` names what cannot be sent: sockets, pipes and devices.
    """

    folder: Path
    dockerfile: Path
    entries: tuple[Entry, ...]
    target: str | None = None
    args: tuple[tuple[str, str], ...] = ()
    skipped: tuple[str, ...] = ()


def read(
    repository: Path,
    *,
    context: str,
    dockerfile: str,
    target: str | None = None,
    args: Mapping[str, str] | None = None,
    leave_out: tuple[Path, ...] = (),
) -> BuildContext:
    """The context of a Dockerfile; `context` and `dockerfile` are relative to the repository.

    Folders that hold our provenance file and the folders in `leave_out` are not part of it.
    Raises OriginalError where the folder or a file in it cannot be read.
    """
    folder = repository / context
    file = repository / dockerfile
    if not file.is_file():
        raise OriginalError(
            f"{dockerfile} is not there.",
            why=f"{file} is no file.",
            do="Run assess again: the Dockerfile moved.",
        )
    if not folder.is_dir():
        raise OriginalError(f"The build context {context or '.'!r} is no folder.", why=str(folder))
    ignores = _ignore_file(folder, file)
    skipped: list[str] = []
    try:
        entries = tuple(sorted(_walk(folder, ignores, leave_out, skipped), key=lambda entry: entry.path))
    except OSError as error:
        raise OriginalError(
            f"The build context {context or '.'!r} cannot be read.",
            why=f"{error.filename}: {error.strerror}",
            do="Make it readable, or put it into .dockerignore.",
        ) from error
    return BuildContext(folder, file, entries, target, tuple(sorted((args or {}).items())), tuple(skipped))


def _ignore_file(folder: Path, dockerfile: Path) -> Ignores | None:
    """BuildKit's order: `<Dockerfile>.dockerignore` beside the Dockerfile, else the context's own."""
    from analyzers.dockerfile.ignore import parse

    for candidate in (dockerfile.with_name(f"{dockerfile.name}.dockerignore"), folder / ".dockerignore"):
        if candidate.is_file():
            try:
                return parse(candidate.read_text("utf-8-sig", errors="surrogateescape"))
            except OSError as error:
                raise OriginalError(f"{candidate.name} cannot be read.", why=str(error)) from error
    return None


def _walk(
    folder: Path, ignores: Ignores | None, leave_out: tuple[Path, ...], skipped: list[str]
) -> Iterator[Entry]:
    """Every entry below `folder`; a folder is yielded only where nothing lies in it."""
    left_out = {os.path.realpath(path) for path in leave_out}

    def below(directory: Path, prefix: str) -> Iterator[Entry]:
        children = 0
        kept = 0
        with os.scandir(directory) as listing:
            found = sorted(listing, key=lambda item: item.name)
        for item in found:
            children += 1
            path = f"{prefix}{item.name}"
            if item.is_dir(follow_symlinks=False):
                if (Path(item.path) / PROVENANCE).is_file() or os.path.realpath(item.path) in left_out:
                    continue
                for entry in below(Path(item.path), f"{path}/"):
                    kept += 1
                    yield entry
                continue
            if ignores is not None and ignores.excludes(path):
                continue
            if item.is_symlink():
                kept += 1
                yield Entry(path, "link", link=str(Path(item.path).readlink()))
            elif item.is_file(follow_symlinks=False):
                kept += 1
                mode = item.stat(follow_symlinks=False).st_mode
                yield Entry(path, "file", executable=bool(mode & stat.S_IXUSR))
            else:
                skipped.append(path)
        name = prefix.rstrip("/")
        if name and children == 0 and not kept and not (ignores is not None and ignores.excludes(name)):
            yield Entry(name, "folder")

    return below(folder, "")


def digest(context: BuildContext) -> str:
    """`sha256:...` over paths, executable bits, bytes, the Dockerfile, the target stage and the arguments.

    Of a file's mode only the executable bit counts: that is what git carries from one machine to another.
    Times do not count. Raises OriginalError where a file cannot be read.
    """
    total = hashlib.sha256()

    def add(*fields: bytes) -> None:
        for one in fields:
            total.update(str(len(one)).encode() + b":" + one)

    add(b"dock2wasm-context-1", (context.target or "").encode())
    for name, value in context.args:
        add(b"arg", name.encode(), value.encode("utf-8", "surrogateescape"))
    add(b"dockerfile", _sha256(context.dockerfile))
    for entry in context.entries:
        path = os.fsencode(entry.path)
        match entry.kind:
            case "link":
                add(b"link", path, os.fsencode(entry.link))
            case "folder":
                add(b"folder", path)
            case _:
                add(b"file", path, b"x" if entry.executable else b"-", _sha256(context.folder / entry.path))
    return f"sha256:{total.hexdigest()}"


def _sha256(path: Path) -> bytes:
    hashed = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                hashed.update(block)
    except OSError as error:
        raise OriginalError(
            f"{path} cannot be read.", why=error.strerror or str(error), do="Make it readable, or ignore it."
        ) from error
    return hashed.digest()


def copy(context: BuildContext, folder: Path) -> Path:
    """Copy the context to `folder` and the Dockerfile beside it; returns the path of the copied Dockerfile.

    Modes and times stay, because COPY keeps them. The Dockerfile lies outside the copy, with an ignore file
    of its own that ignores nothing: what is to be ignored is left out already. Raises DiskError where the
    disk is full, OriginalError where a file cannot be read.
    """
    try:
        folder.mkdir(parents=True)
        for entry in context.entries:
            place = folder / entry.path
            place.parent.mkdir(parents=True, exist_ok=True)
            match entry.kind:
                case "link":
                    place.symlink_to(entry.link)
                case "folder":
                    place.mkdir()
                case _:
                    shutil.copy2(context.folder / entry.path, place)
        # Folders' modes and times, innermost first: copying into a folder changes its time.
        for path, _, _ in os.walk(folder, topdown=False):
            source = context.folder / Path(path).relative_to(folder)
            with suppress(OSError):
                shutil.copystat(source, path)
        dockerfile = folder.with_name(f"{folder.name}.Dockerfile")
        shutil.copyfile(context.dockerfile, dockerfile)
        dockerfile.with_name(f"{dockerfile.name}.dockerignore").write_text("# already applied\n")
    except OSError as error:
        kind = OriginalError if error.errno in {2, 13, 40} else DiskError
        raise kind(
            "The build context cannot be copied.",
            why=f"{error.filename}: {error.strerror}",
            do="Free some space in the folder for temporary files (TMPDIR), or check the file.",
        ) from error
    return dockerfile
