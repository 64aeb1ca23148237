"""Compose files: the services of every project of a repository, with the line of each statement.

Read as `docker compose` reads them (https://github.com/compose-spec/compose-go): `files` says which
files belong together, `values` reads YAML without constructing anything, `template` and `dotenv` replace
variables, `load` follows `include` and `extends`, `merge` lays files over each other, `facts` says what
a service states. Where compose would refuse a whole project, the reason goes into `Tree.not_read` and
the rest is still read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from analyzers.compose import facts
from analyzers.compose.files import (
    DEFAULT_NAMES,
    OVERRIDE_NAMES,
    Project,
    folder_of,
    in_order,
    is_compose_file,
    join,
    projects,
    tests_around,
)
from analyzers.compose.load import Loaded, Reader, load
from analyzers.compose.model import Build, ComposeModel, ComposeService
from analyzers.compose.template import TemplateError, interpolate
from analyzers.compose.values import Place, TooMuchError
from analyzers.repository import Tree

__all__ = [
    "DEFAULT_NAMES",
    "OVERRIDE_NAMES",
    "Build",
    "ComposeModel",
    "ComposeService",
    "interpolate",
    "is_compose_file",
    "read",
    "tests_around",
]


def read(tree: Tree) -> ComposeModel:
    """All services of all compose projects. What cannot be read is in `tree.not_read`, with its line."""
    reader = Reader(tree)
    files = in_order(tree.paths)
    loaded = [load(reader, project, _variables(reader, project)) for project in _projects(reader, files)]
    loaded = list(_leading(loaded))
    extended = {one for project in loaded for one in project.extended}
    services, repeated = _once((project, list(_services(reader, project, extended))) for project in loaded)
    reader.tell()
    return ComposeModel(tuple(services), files, tuple(repeated))


def _projects(reader: Reader, files: tuple[str, ...]) -> tuple[Project, ...]:
    """The projects; a COMPOSE_FILE in the `.env` of a folder says what `up` reads there."""
    chosen: dict[str, tuple[str, ...]] = {}
    for path in reader.tree.paths:
        if path != ".env" and not path.endswith("/.env"):
            continue
        variables = reader.variables(path, {})
        names = variables.get("COMPOSE_FILE")
        if not names:
            continue
        separator = variables.get("COMPOSE_PATH_SEPARATOR") or ":"
        named = [join(folder_of(path), name) for name in names.split(separator)]
        present = tuple(dict.fromkeys(name for name in named if name and name in reader.tree))
        if present:
            chosen[folder_of(path)] = present
    return projects(files, chosen)


def _variables(reader: Reader, project: Project) -> Mapping[str, str | None]:
    """The project's variables: those of its `.env`, and its name as compose finds it."""
    path = f"{project.folder}/.env" if project.folder else ".env"
    variables = reader.variables(path, {})
    if not variables.get("COMPOSE_PROJECT_NAME"):
        stated = [
            document.data["name"].text
            for file in project.files
            for document in reader.documents(file)
            if isinstance(document.data, dict) and "name" in document.data
        ]
        folder = project.folder.rpartition("/")[2] or reader.tree.root.name
        variables["COMPOSE_PROJECT_NAME"] = next(
            (name for text in reversed(stated) if text and (name := _project_name(text, variables))),
            _project_name(folder, {}),
        )
    return variables


def _project_name(text: str, variables: Mapping[str, str | None]) -> str:
    """A name as compose writes it; "" where it is none."""
    try:
        found, unset = interpolate(text, variables) if variables else (text, ())
    except TemplateError:
        return ""
    return "" if unset else "".join(re.findall("[a-z0-9_-]", found.lower())).lstrip("_-")


def _leading(loaded: list[Loaded]) -> Iterator[Loaded]:
    """The projects less those that another one includes; of two that include each other the first stays."""
    including = [(place, other) for place, other in enumerate(loaded) if other.included]
    for number, one in enumerate(loaded):
        main = one.project.files[0]
        if not any(
            main in other.included and (place < number or other.project.files[0] not in one.included)
            for place, other in including
            if other is not one
        ):
            yield one


def _services(reader: Reader, loaded: Loaded, extended: set[tuple[str, str]]) -> Iterator[ComposeService]:
    """The services of a project. What only an override states is none, and a service of a file that no
    `up` reads by itself counts through those that extend it."""
    main = loaded.project.files[0]
    for name in loaded.model.services:
        if not loaded.project.default and (main, name) in extended:
            continue
        try:
            service = facts.service(reader, loaded, name)
        except TooMuchError:
            reader.report(
                Place(main, 0), "refers to itself so often (aliases) that it was not read to its end"
            )
            return
        if service.build is not None or service.image is not None or service.unknown:
            yield service
        elif loaded.project.default and not loaded.is_provided(name):
            place = loaded.model.services[name].at
            reader.report(place, f"the service {name!r} has neither an image nor a build")


def _once(
    found: Iterator[tuple[Loaded, list[ComposeService]]],
) -> tuple[list[ComposeService], list[tuple[ComposeService, ComposeService]]]:
    """Services that count, and pairs of one that repeats another and that other.

    The same name in the same project directory is the same service. A file that `up` does not read by
    itself (a test's, a production's) is a variant of an earlier project when both build one Dockerfile
    under one name: then all names that they share mean the same services.
    """
    services: list[ComposeService] = []
    repeated: list[tuple[ComposeService, ComposeService]] = []
    by_place: dict[tuple[str, str], ComposeService] = {}
    by_build: dict[tuple[str, str], dict[str, ComposeService]] = {}
    for loaded, own in found:
        shared: dict[str, ComposeService] = {}
        built = {service.name: path for service in own if (path := _dockerfile(service)) is not None}
        if not loaded.project.default:
            for key in built.items():
                if key in by_build:
                    shared = by_build[key] | shared
        names: dict[str, ComposeService] = {}
        for service in own:
            first = by_place.get((service.folder, service.name)) or shared.get(service.name)
            if first is not None:
                repeated.append((service, first))
            else:
                services.append(service)
                by_place[service.folder, service.name] = service
            names[service.name] = first or service
        for key in built.items():
            by_build.setdefault(key, names)
    return services, repeated


def _dockerfile(service: ComposeService) -> str | None:
    return service.build.dockerfile_path if service.build is not None else None
