"""Which services a change touches: those of whose inputs a changed path is one.

Inputs are the Dockerfile and its ignore files, what the image takes of its build context, the compose files
of its project with their variables, mounted files of the repository, and every file that a fact was read
from. Shared modules are inputs of all that take them. A path that is gone, or that was not read, counts for
those that took its neighbours: whether they took it too, nobody can tell. In doubt a service is touched.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path

from analyzers.compose import is_compose_file
from analyzers.model import Evidence, Inventory, Service

CONFIGURATION = ("dock2wasm.toml", ".github/dock2wasm.toml")  # what judges all services


def touched(inventory: Inventory, changed: Iterable[str]) -> frozenset[str]:
    """Names of the services that a change of these paths, relative to the repository's root, touches."""
    paths = frozenset(changed)
    if not paths.isdisjoint(CONFIGURATION):
        return frozenset(service.name for service in inventory.services)
    unread = {item.path for item in inventory.not_read}
    unseen = {path for path in paths if _shown(path) in unread or not _is_there(inventory.root / path)}
    around = {_neighbourhood(inventory.root, path) for path in unseen}
    return frozenset(service.name for service in inventory.services if _is_touched(service, paths, around))


def _is_touched(service: Service, changed: frozenset[str], around: set[str]) -> bool:
    if not changed.isdisjoint(_files(service)):
        return True
    mounted = [posixpath.normpath(one) for one in service.committed]
    if any(path == source or path.startswith(f"{source}/") for path in changed for source in mounted):
        return True
    compose = service.compose
    if compose is not None:
        folder = posixpath.dirname(compose.ref.file)
        beside = (path for path in changed if posixpath.dirname(path) == folder)
        if any(is_compose_file(path) or posixpath.basename(path) == ".env" for path in beside):
            return True
    image = service.image
    if image is None or not around:
        return False
    if image.missing and any(_is_below(folder, image.context) for folder in around):
        return True  # a COPY names what is not there: it may be what was deleted
    return any(posixpath.dirname(file.source) in around for file in image.files)


def _files(service: Service) -> Iterator[str]:
    """The paths that were read for a service, and those that would be if they were there."""
    image = service.image
    if image is not None:
        yield image.dockerfile
        yield f"{image.dockerfile}.dockerignore"
        yield posixpath.join(image.context, ".dockerignore")
        yield from (file.source for file in image.files)
    if service.source is not None:
        yield from service.source.files
        yield from service.source.manifests
        yield from (place.path for fact in service.source.facts for place in fact.evidence)
        yield from (dependency.evidence.path for dependency in service.source.dependencies)
    yield from (place.path for place in _places(service))


def _places(service: Service) -> Iterator[Evidence]:
    yield from service.start_evidence
    compose = service.compose
    if compose is not None:
        yield compose.ref.evidence
        yield from (variable.evidence for variable in compose.environment)
        yield from (volume[3] for volume in compose.volumes)
        for given in (*compose.secrets, *compose.configs):
            yield given.evidence
            if given.file and given.file.startswith("."):
                yield Evidence(posixpath.normpath(given.file), 1)


def _neighbourhood(root: Path, path: str) -> str:
    """The nearest folder around a path that is there."""
    folder = posixpath.dirname(path)
    while folder and not _is_there(root / folder):
        folder = posixpath.dirname(folder)
    return folder


def _shown(path: str) -> str:
    """The path as `not_read` has it: names that are not UTF-8 are written with escapes."""
    return path.encode("utf-8", "backslashreplace").decode()


def _is_there(path: Path) -> bool:
    try:
        path.lstat()
    except (OSError, ValueError):
        return False
    return True


def _is_below(folder: str, top: str) -> bool:
    return not top or folder == top or folder.startswith(f"{top}/")
