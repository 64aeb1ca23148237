"""From a file of the image back to the folder of the repository that it was built from."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence

from analyzers.guest import Guest
from analyzers.languages.built import Origin, origin
from analyzers.model import Image, Run
from analyzers.repository import Tree

_OUTPUT = re.compile(r"^(.*?)/(?:target|build|bin|out|publish|dist|_build)(?:/|$)")
# fmt: off
_TESTS = frozenset({
    "test", "tests", "spec", "specs", "__tests__", "androidTest", "integrationTest", "testFixtures", "it",
    "jmh", "benchmark", "benchmarks", "samples",
})
# fmt: on


def repository_folder(tree: Tree, image: Image, folder: str) -> str | None:
    """The folder of the repository whose files a stage holds below `folder` (absolute); "" is the root."""
    prefix = posixpath.normpath(folder).rstrip("/") + "/"
    for guest, source in Guest(tree, image).files.items():
        if guest.startswith(prefix) and source.endswith(rest := guest[len(prefix) :]):
            return source[: -len(rest)].rstrip("/")
    return None


def made_from(image: Image, stages: Sequence[Image], path: str) -> Origin:
    """The stage that made a file, followed through COPY lines and the `mv` and `cp` of RUN lines."""
    found = origin(image, stages, path)
    for _ in range(4):
        moved = next((old for run in reversed(found.image.runs) if (old := _moved(run, found.path))), None)
        if moved is None:
            return found
        found = origin(found.image, stages, moved)
    return found


def _moved(run: Run, path: str) -> str | None:
    pattern = r"\b(?:mv|cp)\s+(?:-\w+\s+)*([^\s;&|]+)\s+([^\s;&|]+)"
    for match in re.finditer(pattern, run.command[:20_000]):
        to = posixpath.normpath(posixpath.join(run.workdir, match[2]))
        old = posixpath.normpath(posixpath.join(run.workdir, match[1]))
        if to == path and old != path:
            return old
        if posixpath.join(to, posixpath.basename(old)) == path and old != path:
            return old
    return None


def output_folder(path: str) -> str | None:
    """The folder in which a build put `path` into `target`, `build`, `bin` or `out`."""
    match = _OUTPUT.match(path)
    return (match[1] or "/") if match else None


def copied_from(image: Image, path: str) -> list[str]:
    """Sources in the build context, as written, that COPY or ADD puts to `path`, present or not."""
    found = []
    for copy in image.copies:
        target = posixpath.normpath(copy.destination)
        if copy.stage is None and (path == target or path.startswith(target.rstrip("/") + "/")):
            found += [
                posixpath.normpath(posixpath.join(image.context, one.lstrip("/"))) for one in copy.sources
            ]
    return found


def sources(tree: Tree, folder: str, suffixes: tuple[str, ...], skip: Iterable[str] = ()) -> list[str]:
    """The source files below a folder, without those of tests and those below `skip` (folders)."""
    prefix = f"{folder}/" if folder else ""
    apart = tuple(f"{one}/" for one in skip if one != folder)
    found = []
    for path in tree.paths:
        if not path.startswith(prefix) or not path.endswith(suffixes) or path.startswith(apart):
            continue
        parts = path[len(prefix) :].split("/")[:-1]
        if not _TESTS.intersection(parts):
            found.append(path)
    return found
