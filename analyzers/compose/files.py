"""Which files of a repository are compose files, and which of them `docker compose up` reads together."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

# Compose's own order: the first of these in a folder is the one that `docker compose up` reads.
DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
# The first of these in the same folder is laid over it.
OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_KNOWN = DEFAULT_NAMES + OVERRIDE_NAMES
# Words in the names of files that vary the services for the people who work on them.
_ASIDE = re.compile(
    r"(^|[._-])(dev|devel|development|test|tests|testing|e2e|ci|local|debug|example|sample|demo)([._-]|$)"
)
# fmt: off
_TESTS = frozenset({
    "test", "tests", "testing", "e2e", "integration-tests", "integration_tests", "playwright", "cypress",
    "bench", "benchmark", "benchmarks", "loadtest", "load-test",
})
# fmt: on
_OTHER = re.compile(r"(?:docker-)?compose[.-][\w.-]+\.ya?ml|[\w.-]+[.-](?:docker-)?compose\.ya?ml")


@dataclass(frozen=True, slots=True)
class Project:
    """Files that are read together, the first leading; `folder` is the project directory."""

    files: tuple[str, ...]
    folder: str
    default: bool  # what `docker compose up` reads in its folder, without `-f`


def is_compose_file(path: str) -> bool:
    """Whether the name is one that compose finds by itself, or one that people give such files."""
    name = PurePosixPath(path).name
    return name in _KNOWN or _OTHER.fullmatch(name) is not None


def folder_of(path: str) -> str:
    """The folder of a file, "" for the root."""
    return posixpath.dirname(path)


def tests_around(path: str) -> str | None:
    """The outermost folder of tests that a file lies in, None where it lies in none."""
    parts = path.split("/")[:-1]
    return next(("/".join(parts[: n + 1]) for n, part in enumerate(parts) if part.lower() in _TESTS), None)


def join(folder: str, name: str) -> str | None:
    """`name` seen from `folder`, repository-relative ("" for the root); None where it leaves the
    repository or is an absolute path."""
    if name.startswith(("/", "~")):
        return None
    parts = list(PurePosixPath(folder).parts)
    for part in PurePosixPath(name).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def in_order(paths: Iterable[str]) -> tuple[str, ...]:
    """Compose files sorted by folder, then in compose's own order."""
    return tuple(sorted(filter(is_compose_file, paths), key=_order))


def _order(path: str) -> tuple[str, int, str]:
    name = PurePosixPath(path).name
    return folder_of(path), _KNOWN.index(name) if name in _KNOWN else len(_KNOWN), name


def projects(files: Iterable[str], chosen: Mapping[str, tuple[str, ...]]) -> tuple[Project, ...]:
    """The projects that compose files (in order) make, those that `up` reads by itself first.

    Of the others those for development and tests come last: where they state the same services, the files
    that ship them lead. `chosen` are the files that COMPOSE_FILE names in a folder's `.env`. A file that is
    neither a folder's default nor its override is a project of its own, as `-f` would read it.
    """
    by_folder: dict[str, list[str]] = {folder: [] for folder in chosen}
    for path in files:
        by_folder.setdefault(folder_of(path), []).append(path)
    leading: list[Project] = []
    others: list[Project] = []
    for folder in sorted(by_folder):
        paths = by_folder[folder]
        names = {PurePosixPath(path).name: path for path in paths}
        picked = chosen.get(folder) or tuple(
            names[found]
            for found in (_first(DEFAULT_NAMES, names), _first(OVERRIDE_NAMES, names))
            if found is not None
        )
        if not chosen.get(folder) and _first(DEFAULT_NAMES, names) is None:
            picked = ()  # an override without anything to lay it over
        if picked:
            leading.append(Project(picked, folder_of(picked[0]), default=True))
        others += [Project((path,), folder, default=False) for path in paths if path not in picked]
    others.sort(key=lambda one: _ASIDE.search(PurePosixPath(one.files[0]).name) is not None)
    return (*leading, *others)


def _first(wanted: tuple[str, ...], names: Mapping[str, str]) -> str | None:
    return next((name for name in wanted if name in names), None)
