"""The tree of a repository: one pass over its folders, and files read on demand.

Everything here is untrusted. No symbolic link is followed out of the tree, nothing but regular files
is opened, sizes, depth and counts are bounded, and what is left out is said in `Tree.not_read`. Git is
never run: the commit is read from `.git`'s own files.
"""

from __future__ import annotations

import os
import posixpath
import re
import stat
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path

from analyzers.model import NotRead

PROVENANCE = "dock2wasm.provenance.json"

# Folders that are made by tools from other files, or hold no source of the service.
_SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".jj", "node_modules", ".venv", "__pycache__", ".tox", ".nox"}
    | {".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
)
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(r"refs/[\w.@+#=-]+(?:/[\w.@+#=-]+)*")
_HELD = 32 * 1024 * 1024  # bytes of files kept in memory
_SPLIT = 64  # files whose lines are kept: facts come in the order of files
_GIT_FILE_LIMIT = 4096
_PACKED_REFS_LIMIT = 64 * 1024 * 1024


class RepositoryUnreadable(Exception):  # noqa: N818 - the name is the contract with `migrate`
    """The root is missing, is no folder, or cannot be listed. `what` happened and `why`."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} {why}")
        self.what = what
        self.why = why


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is read. `file_size` in bytes."""

    file_size: int = 4 * 1024 * 1024
    files: int = 200_000
    depth: int = 64


class Tree:
    """The regular files below a root. Paths use forward slashes and are sorted.

    `data` and `text` give None for a file that is not there or cannot be read; the reason for the
    latter is in `not_read`, which grows as files are asked for.
    """

    def __init__(
        self, root: Path, files: dict[str, str], not_read: dict[str, str], commit: str | None, limits: Limits
    ) -> None:
        self.root = root
        self.commit = commit
        self.paths = tuple(sorted(files))
        self._files = files
        self._not_read = not_read
        self._limits = limits
        self._lines: dict[str, list[str]] = {}
        self._held: dict[str, bytes] = {}  # files that were read: most are asked for again, for their lines
        self._room = _HELD

    def __contains__(self, path: str) -> bool:
        return path in self._files

    def under(self, folder: str) -> tuple[str, ...]:
        """The paths below a folder ("" for the root), sorted; found without looking at the others."""
        folder = posixpath.normpath(folder or ".").strip("/")
        if folder == ".":
            return self.paths
        first = bisect_left(self.paths, f"{folder}/")
        return self.paths[first : bisect_left(self.paths, f"{folder}0", first)]  # "0" comes after "/"

    @property
    def not_read(self) -> tuple[NotRead, ...]:
        """What was left out, sorted by path."""
        return tuple(NotRead(path, reason) for path, reason in sorted(self._not_read.items()))

    def give_up(self, path: str, reason: str) -> None:
        """Record that a file was found and could not be understood. Of several reasons the first in the
        alphabet stays: processes that read side by side find them in any order."""
        self._not_read[path] = min(reason, self._not_read.get(path, reason))

    def data(self, path: str) -> bytes | None:
        """The bytes of a file."""
        held = self._held.get(path)
        if held is not None:
            return held
        real = self._files.get(path)
        if real is None:
            return None
        try:
            data = _read(real, self._limits.file_size)
        except _RefusedError as error:
            self.give_up(path, str(error))
            return None
        except OSError as error:
            self.give_up(path, f"cannot be read: {error.strerror or error}")
            return None
        if len(data) <= self._room:
            self._room -= len(data)
            self._held[path] = data
        return data

    def text(self, path: str) -> str | None:
        """The text of a file: UTF-8, or UTF-16 with a byte order mark. Line ends become `\\n`."""
        data = self.data(path)
        if data is None:
            return None
        encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            self.give_up(path, "is neither UTF-8 nor UTF-16 text")
            return None
        if "\0" in text:
            self.give_up(path, "is a binary file")
            return None
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def line(self, path: str, number: int) -> str:
        """One line (from 1), trimmed and shortened, for a snippet; "" where there is none."""
        lines = self._lines.get(path)
        if lines is None:
            data = self.data(path) or b""
            # Split as compilers count lines, not as str.splitlines does (form feeds, U+2028).
            lines = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
            if len(self._lines) >= _SPLIT:
                self._lines.clear()
            self._lines[path] = lines
        return lines[number - 1].strip()[:160] if 0 < number <= len(lines) else ""


class _RefusedError(Exception):
    """A file that we do not read although we could."""


DEFAULT_LIMITS = Limits()


def open_tree(root: Path, limits: Limits = DEFAULT_LIMITS) -> Tree:
    """List the regular files below `root`. Raises RepositoryUnreadable."""
    try:
        top = root.resolve(strict=True)
        if not top.is_dir():
            raise RepositoryUnreadable(f"{root} is not a folder.", "A repository is a folder of files.")
        os.scandir(top).close()
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, on Python before 3.13
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise RepositoryUnreadable(f"{root} cannot be read.", f"{why}.") from error
    files: dict[str, str] = {}
    not_read: dict[str, str] = {}
    _walk(top, limits, files, not_read)
    return Tree(top, files, not_read, _commit(top), limits)


def _walk(top: Path, limits: Limits, files: dict[str, str], not_read: dict[str, str]) -> None:
    folders = [("", str(top), 0)]
    while folders:
        prefix, folder, depth = folders.pop()
        try:
            with os.scandir(folder) as entries:
                listing = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            not_read[prefix.rstrip("/")] = f"cannot be listed: {error.strerror or error}"
            continue
        names = {entry.name for entry in listing}
        if PROVENANCE in names:
            if prefix.count("/") != 2 or not prefix.startswith("wasm/"):
                not_read[prefix.rstrip("/") or "."] = f"was written by dock2wasm ({PROVENANCE})"
            continue
        if "pyvenv.cfg" in names and prefix:
            continue
        below: list[tuple[str, str, int]] = []
        for entry in listing:
            path = prefix + entry.name
            if not _printable(path):
                not_read[path.encode("utf-8", "backslashreplace").decode()] = "has a name that is not UTF-8"
                continue
            try:
                if entry.is_symlink():
                    _link(top, path, entry.path, files, not_read)
                elif entry.is_dir(follow_symlinks=False):
                    if entry.name in _SKIPPED:
                        continue
                    if depth >= limits.depth:
                        not_read[path] = f"lies more than {limits.depth} folders deep"
                    else:
                        below.append((path + "/", entry.path, depth + 1))
                elif entry.is_file(follow_symlinks=False):
                    files[path] = entry.path
                else:
                    not_read[path] = "is no regular file"
            except OSError as error:
                not_read[path] = f"cannot be read: {error.strerror or error}"
            if len(files) >= limits.files:
                not_read["."] = f"holds more than {limits.files} files; those after {path} were left out"
                return
        folders.extend(reversed(below))


def _printable(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _link(top: Path, path: str, real: str, files: dict[str, str], not_read: dict[str, str]) -> None:
    """A link counts as the file it names when that lies in the tree; links to folders are not followed."""
    try:
        target = Path(real).resolve(strict=True)
    except (OSError, RuntimeError):
        not_read[path] = "is a symbolic link that leads nowhere"
        return
    if not target.is_relative_to(top):
        not_read[path] = "is a symbolic link out of the repository"
    elif target.is_dir():
        not_read[path] = "is a symbolic link to a folder"
    elif ".git" in target.relative_to(top).parts:
        not_read[path] = "is a symbolic link into .git"
    elif target.is_file():
        files[path] = str(target)
    else:
        not_read[path] = "is no regular file"


def _read(path: str | Path, limit: int) -> bytes:
    # O_NONBLOCK: a FIFO put in the file's place since the walk must not stop us.
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        facts = os.fstat(descriptor)
        if not stat.S_ISREG(facts.st_mode):
            raise _RefusedError("is no regular file")
        if facts.st_size > limit:
            raise _RefusedError(f"has {facts.st_size:,} bytes, more than {limit:,}")
        data = file.read(limit + 1)
    if len(data) > limit:
        raise _RefusedError(f"has more than {limit:,} bytes")
    return data


# --- the commit ----------------------------------------------------------------------------


def _commit(top: Path) -> str | None:
    """The commit that HEAD names, or None where there is none or it cannot be told."""
    folder = _git_folder(top)
    if folder is None:
        return None
    head = _git_text(folder / "HEAD")
    if _COMMIT.fullmatch(head):
        return head
    ref = head.removeprefix("ref:").strip()
    if not head.startswith("ref:") or not _REF.fullmatch(ref) or ".." in ref:
        return None
    common = _common_folder(folder)
    for place in (folder, common):
        loose = _git_text(place / ref)
        if _COMMIT.fullmatch(loose):
            return loose
    try:
        packed = _read(common / "packed-refs", _PACKED_REFS_LIMIT)
    except (OSError, _RefusedError):
        return None
    match = re.search(rb"^([0-9a-f]{40,64}) " + re.escape(ref.encode()) + rb"$", packed, re.MULTILINE)
    return match[1].decode() if match and _COMMIT.fullmatch(match[1].decode()) else None


def _git_folder(top: Path) -> Path | None:
    """The git directory. A `.git` file is believed only when it stays in the tree, or when the
    worktree that it names points back at it, as git's own do."""
    # The folder may be a part of a checkout; like git, the nearest `.git` at or above it counts.
    top = next((folder for folder in (top, *top.parents) if os.path.lexists(folder / ".git")), top)
    dot_git = top / ".git"
    if dot_git.is_symlink():
        return None
    if dot_git.is_dir():
        return dot_git
    pointer = _git_text(dot_git)
    if not pointer.startswith("gitdir:"):
        return None
    try:
        folder = (top / pointer.removeprefix("gitdir:").strip()).resolve(strict=True)
        if folder.is_relative_to(top):
            return folder
        back = Path(_git_text(folder / "gitdir"))
        if folder.parent.name == "worktrees" and (folder / back).resolve() == dot_git:
            return folder
    except (OSError, RuntimeError, ValueError):
        return None
    return None


def _common_folder(folder: Path) -> Path:
    """Where a worktree's shared refs are: only its own repository, two levels up, is believed."""
    name = _git_text(folder / "commondir")
    if not name:
        return folder
    try:
        common = (folder / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        return folder
    return common if common == folder.parent.parent else folder


def _git_text(path: Path) -> str:
    try:
        return _read(path, _GIT_FILE_LIMIT).decode().strip()
    except (OSError, _RefusedError, ValueError):
        return ""
