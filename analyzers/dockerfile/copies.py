"""What COPY and ADD take, and where they put it.

A `Files` holds the files of a context or of a stage that are known to come from the repository. Copying
follows solver/llbsolver/file of github.com/moby/buildkit v0.34.2 and the `copy` package of fsutil below it.
Nothing is read from disk. What reading cannot know: files that RUN lines or base images make, and
symbolic links.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from analyzers.dockerfile.globs import BadPatternError, Patterns, go_match, has_wildcards
from analyzers.dockerfile.limits import COST_OF_PATH, Work
from analyzers.dockerfile.paths import base, below, clean, join

# Folders that base images have, where `COPY file folder` without a slash goes inside: the Filesystem
# Hierarchy Standard, and what common images document.
STANDARD_FOLDERS = frozenset(
    f"{parent}/{name}"
    for parent, names in {
        "": "bin boot dev etc home lib media mnt opt proc root run sbin srv sys tmp usr var go",
        "/etc": "ssl ssl/certs profile.d nginx nginx/conf.d nginx/templates caddy",
        "/usr": "bin lib local sbin share src share/nginx share/nginx/html share/caddy",
        "/usr/local": "bin etc lib sbin share src etc/php etc/php/conf.d",
        "/usr/local/apache2": "conf htdocs",
        "/usr/local/tomcat": "webapps",
        "/var": "cache lib log run tmp www www/html",
        "/go": "src bin",
    }.items()
    for name in names.split()
) | {"/docker-entrypoint.d", "/docker-entrypoint-initdb.d"}
_ARCHIVE = re.compile(r"\.(tar(\.(gz|bz2|xz|zst|lzma|Z))?|tgz|tbz2?|txz|tzst)\Z")
_REMOTE = re.compile(r"(https?|git|ssh)://|git@")


class Files:
    """Files by their absolute path, each with the repository's file that it is (None: another one)."""

    def __init__(self, files: Iterable[tuple[str, str | None]] = (), folders: Iterable[str] = ("/",)) -> None:
        self._files: dict[str, str | None] = {}
        self._folders = set(folders)
        for path, source in files:
            self.put(path, source)

    def __len__(self) -> int:
        return len(self._files) + len(self._folders)

    def copy(self, work: Work) -> Files:
        """The same files, to be changed on their own."""
        work.spend(len(self))
        twin = Files(folders=self._folders)
        twin._files = dict(self._files)
        return twin

    def put(self, path: str, source: str | None) -> None:
        """Add a file, or put it in the place of the one that was there."""
        self._files.pop(path, None)
        self._files[path] = source
        self.add_folder(path.rpartition("/")[0] or "/")

    def add_folder(self, path: str) -> None:
        """Add a folder and those above it."""
        while path not in self._folders:
            self._folders.add(path)
            path = path.rpartition("/")[0] or "/"

    def put_into(self, to: str, name: str, source: str | None) -> None:
        """Add a file at `to`, or as `name` in it where `to` is a folder."""
        self.put(below(clean(to), name) if to.endswith("/") or to in self._folders else to, source)

    def is_archive(self, path: str, work: Work) -> bool:
        """Whether ADD would unpack a file of this name."""
        found = self.resolve(join("/", path), work)
        return any(match in self._files and _ARCHIVE.search(match) for match in found)

    def is_file(self, path: str) -> bool:
        return path in self._files

    def source(self, path: str) -> str | None:
        return self._files[path]

    def taken(self) -> Iterable[tuple[str, str]]:
        """(path, repository file) of all that come from the repository."""
        return ((path, source) for path, source in self._files.items() if source is not None)

    def below(self, folder: str, work: Work) -> list[tuple[str, str | None]]:
        """(path relative to `folder`, source) of the files in it, at any depth."""
        work.spend(len(self) * COST_OF_PATH)
        prefix = folder if folder == "/" else f"{folder}/"
        return [(p[len(prefix) :], s) for p, s in self._files.items() if p.startswith(prefix)]

    def resolve(self, pattern: str, work: Work) -> list[str]:
        """The files and folders that a source of COPY names; wildcards as filepath.Match has them."""
        if not has_wildcards(pattern):
            return [pattern] if pattern in self._files or pattern in self._folders else []
        parts = pattern.strip("/").split("/")
        first = next(i for i, part in enumerate(parts) if has_wildcards(part))
        root = clean("/" + "/".join(parts[:first]))
        prefix = root if root == "/" else f"{root}/"
        wanted = "/".join(parts[first:])
        work.spend(len(self) * COST_OF_PATH)
        found: set[str] = set()
        for path in sorted((*self._files, *self._folders)):
            if not path.startswith(prefix) or path == root:
                continue
            name = path[len(prefix) :]
            inside = any(f"{prefix}{name[:i]}" in found for i, ch in enumerate(name) if ch == "/")
            if not inside and _matches(wanted, name):
                found.add(path)
        return sorted(found)


def _matches(pattern: str, name: str) -> bool:
    try:
        return go_match(pattern, name)
    except BadPatternError:
        return False  # BuildKit finds nothing then


def is_remote(source: str) -> bool:
    """Whether ADD would fetch this source."""
    return _REMOTE.match(source) is not None


def copy(
    source: Files,
    target: Files,
    path: str,
    to: str,
    *,
    excludes: tuple[str, ...] = (),
    parents: bool = False,
    work: Work,
) -> bool:
    """Copy what `path` names to `to` (absolute; a trailing slash means a folder).

    False when no known file was copied. Raises ValueError (BadPatternError, TooMuchError).
    """
    includes: tuple[str, ...] = ()
    if parents:
        pivot, found, rest = path.partition("/./")
        path, wanted = (pivot, rest) if found else ("/", path)
        includes = (join("/", wanted)[1:],)
    known = False
    for match in source.resolve(join("/", path), work):
        if source.is_file(match):
            target.put_into(to, base(match), source.source(match))
            known = True
            continue
        wanted_files = Patterns(includes, work)
        left_out = Patterns(excludes, work)
        folder = clean(to)
        target.add_folder(folder)
        for name, origin in source.below(match, work):
            if (includes and not wanted_files.matches(name)) or left_out.matches(name):
                continue
            target.put(below(folder, name), origin)
            known = True
    return known
