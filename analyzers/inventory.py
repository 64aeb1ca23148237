"""The services of a repository, named and read: start command, source, listeners, links."""

from __future__ import annotations

import gc
import posixpath
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from pathlib import Path

from analyzers import command, compose, dialects, languages, links, listeners, names, workers
from analyzers.command import StartCommand
from analyzers.compose import ComposeModel
from analyzers.discovery import Found, find
from analyzers.guest import Guest
from analyzers.links import Peer
from analyzers.model import (
    ComposeFacts,
    Image,
    Inventory,
    NotRead,
    Service,
    Source,
    Unknown,
)
from analyzers.repository import DEFAULT_LIMITS, Limits, Tree, open_tree

_MANY = 16  # services: fewer are read faster than processes are started
_PART = 64  # services of one build context that are read in one process
# Compose folder -> name in compose -> unique name, and what was found.
_Projects = dict[str, dict[str, tuple[str, Found]]]


def read(root: Path, limits: Limits = DEFAULT_LIMITS, name: str | None = None) -> Inventory:
    """Read the repository at `root`. Raises RepositoryUnreadable; all else that fails is in `not_read`.

    `name` is the repository's, that of its folder unless given; services are called by it where nothing else
    names them.
    """
    with _uncollected(), workers.scope():
        return _read(root, limits, name)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the cycle collector: it walks all syntax trees again and again, which took half of the time
    of a large repository, and finds nothing to free in them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _read(root: Path, limits: Limits, name: str | None) -> Inventory:
    tree = open_tree(root, limits)
    model = compose.read(tree)
    repository = name or tree.root.name
    found = find(tree, model, repository)
    naming = [_naming(service) for service in found]
    titles = names.assign(naming, repository)
    projects = _projects(model, titles, found)
    services = _services(_Reading(tree, tuple(titles), tuple(found), projects, _parts(found)))
    services.sort(key=lambda service: service.name)
    return Inventory(tree.root, tree.commit, tuple(services), tree.not_read)


@dataclass(frozen=True, slots=True)
class _Reading:
    """All that the reading of any service needs. `parts` are positions in `found`."""

    tree: Tree
    titles: tuple[str, ...]
    found: tuple[Found, ...]
    projects: _Projects
    parts: tuple[tuple[int, ...], ...]


def _parts(found: Sequence[Found]) -> tuple[tuple[int, ...], ...]:
    """What is read in one process, one beside another: services that share a build context share files, which
    are then read once. One part where there are few services."""
    if len(found) < _MANY:
        return (tuple(range(len(found))),)
    contexts: dict[str | None, list[int]] = {}
    for position, one in enumerate(found):
        contexts.setdefault(one.image.context if one.image else None, []).append(position)
    parts: list[list[int]] = [[]]
    for positions in contexts.values():
        for first in range(0, len(positions), _PART):
            if len(parts[-1]) >= _MANY:
                parts.append([])
            parts[-1] += positions[first : first + _PART]
    return tuple(map(tuple, parts))


def _services(reading: _Reading) -> list[Service]:
    if len(reading.parts) == 1:
        return [_service(reading, position) for position in reading.parts[0]]
    services: dict[int, Service] = {}
    results = workers.spread(_part, reading, len(reading.parts))
    for positions, (read, not_read) in zip(reading.parts, results, strict=True):
        for skipped in not_read:
            reading.tree.give_up(skipped.path, skipped.reason)
        for position, service in zip(positions, read, strict=True):
            one = reading.found[position]
            facts = one.compose.facts if one.compose else None
            services[position] = replace(service, image=one.image, compose=facts)
    return [services[position] for position in range(len(reading.found))]


def _part(reading: _Reading, part: int) -> tuple[list[Service], tuple[NotRead, ...]]:
    """The services of a part, without what the process that asks has itself, and what could not be read."""
    read = [_service(reading, position) for position in reading.parts[part]]
    return [replace(service, image=None, compose=None) for service in read], reading.tree.not_read


def _naming(found: Found) -> names.Naming:
    dockerfile = found.image.dockerfile if found.image else None
    stage = found.image.stage if found.image else None
    where = found.compose.facts.ref.file if found.compose else ""
    return names.Naming(
        compose=found.compose.name if found.compose else None,
        dockerfile=dockerfile,
        folder=found.compose.folder if found.compose and found.compose.folder else found.folder,
        identity=f"{dockerfile}\0{stage}\0{where}",
    )


def _projects(model: ComposeModel, titles: Sequence[str], found: Sequence[Found]) -> _Projects:
    """The services of each compose folder, by name; a repeated one stands for the one that counts."""
    projects: _Projects = {}
    for title, one in zip(titles, found, strict=True):
        if one.compose is not None:
            projects.setdefault(one.compose.folder, {})[one.compose.name] = (title, one)
    for repeated, first in model.repeated:
        if (counts := projects.get(first.folder, {}).get(first.name)) is not None:
            projects.setdefault(repeated.folder, {}).setdefault(repeated.name, counts)
    return projects


def _service(reading: _Reading, position: int) -> Service:
    tree, title, found = reading.tree, reading.titles[position], reading.found[position]
    facts = found.compose.facts if found.compose else None
    unknown = list(found.unknown)
    start = StartCommand((), (), {}, "/")
    source: Source | None = None
    language: str | None = None
    if found.image is not None:
        guest = Guest(tree, found.image, facts)
        start = command.resolve(guest, found.image, facts)
        unknown += start.unknown
        unknown += _unresolved(found.image)
        read = languages.read(tree, found.image, facts, start, found.stages)
        source, language = read.source, read.language
        if source is not None:
            unknown += source.unknown
    elif facts is not None and found.image_name:
        start = command.of_public_image(Guest(tree, None, facts), found.image_name, facts)
        source = languages.read_public(tree, found.image_name, facts, start)
    elif facts is not None and facts.command is not None:
        start = StartCommand(facts.command.argv, (facts.command.evidence,), {}, "/")
    linked = links.links(_peers(found, reading.projects), facts, found.image, source)
    if source is not None:
        variables = (*(found.image.env if found.image else ()), *(facts.environment if facts else ()))
        source = dialects.told(source, variables, linked)
    heard = listeners.found(found.image, found.image_name, facts, source)
    port = next((listener.port for listener in heard if listener.port), None)
    return Service(
        name=title,
        path=found.folder,
        image=found.image,
        image_name=found.image_name,
        compose=facts,
        start_command=start.argv,
        start_evidence=start.evidence,
        port=port,
        listeners=heard,
        source=source,
        language=language,
        links=linked,
        unknown=tuple(dict.fromkeys(unknown)),
        start_facts=start.facts,
        committed=_committed(tree, facts),
    )


def _peers(found: Found, projects: _Projects) -> dict[str, Peer]:
    """The other services of the same project, by the name under which compose lets them be reached."""
    beside = projects.get(found.compose.folder, {}) if found.compose else {}
    return {
        name: Peer(
            title, other.image.base if other.image else other.image_name or "", other.image is not None
        )
        for name, (title, other) in beside.items()
        if other is not found
    }


def _committed(tree: Tree, facts: ComposeFacts | None) -> tuple[str, ...]:
    """Sources of the volumes that are files of the repository, or folders with some."""
    sources = {volume[0] for volume in (facts.volumes if facts else ()) if volume[0].startswith(".")}
    return tuple(sorted(source for source in sources if _holds_files(tree, posixpath.normpath(source))))


def _holds_files(tree: Tree, path: str) -> bool:
    if path == "." or path in tree:
        return True
    first = bisect_left(tree.paths, f"{path}/")
    below = takewhile(lambda name: name.startswith(f"{path}/"), islice(tree.paths, first, None))
    return any(not name.endswith(("/.gitkeep", "/.keep", "/.gitignore")) for name in below)


def _unresolved(image: Image) -> list[Unknown]:
    return [
        Unknown(
            f"a variable without a value in {evidence.path}:{evidence.line}",
            "a default for the ARG, or `build.args` in compose",
            evidence,
        )
        for evidence in image.unresolved
    ]
