"""The services of a repository: Dockerfiles and compose files brought together and read."""

from __future__ import annotations

import gc
import posixpath
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from analyzers import base_images, command, compose, languages, names
from analyzers.command import StartCommand
from analyzers.compose import ComposeModel, ComposeService
from analyzers.dockerfile import ignore, stages
from analyzers.dockerfile.errors import DockerfileError
from analyzers.guest import Guest
from analyzers.model import (
    ComposeFacts,
    Evidence,
    FactKind,
    Image,
    Inbound,
    Inventory,
    Link,
    Listener,
    Port,
    Service,
    Source,
    Unknown,
)
from analyzers.repository import DEFAULT_LIMITS, Limits, Tree, open_tree


@dataclass(frozen=True, slots=True)
class _Found:
    """A deployable before it is named and read."""

    image: Image | None
    stages: tuple[Image, ...]
    image_name: str | None
    compose: ComposeService | None
    folder: str
    unknown: tuple[Unknown, ...] = ()


def read(root: Path, limits: Limits = DEFAULT_LIMITS, name: str | None = None) -> Inventory:
    """Read the repository at `root`. Raises RepositoryUnreadable; all else that fails is in `not_read`.

    `name` is the repository's, that of its folder unless given; services are called by it where nothing else
    names them.
    """
    with _uncollected():
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
    found = [*_from_compose(tree, model)]
    named = {service.image.dockerfile for service in found if service.image}
    named |= _named_dockerfiles(tree, model)
    alone = (_alone(tree, path) for path in tree.paths if is_dockerfile(path) and path not in named)
    found += [service for service in alone if service is not None]
    naming = [_naming(service) for service in found]
    titles = names.assign(naming, name or tree.root.name)
    by_compose = {
        (service.compose.folder, service.compose.name): (title, service)
        for title, service in zip(titles, found, strict=True)
        if service.compose is not None
    }
    for repeated, first in model.repeated:
        if (first.folder, first.name) in by_compose:
            by_compose.setdefault((repeated.folder, repeated.name), by_compose[first.folder, first.name])
    services = [
        _service(tree, title, service, by_compose) for title, service in zip(titles, found, strict=True)
    ]
    services.sort(key=lambda service: service.name)
    return Inventory(tree.root, tree.commit, tuple(services), tree.not_read)


def is_dockerfile(path: str) -> bool:
    """Dockerfile, Dockerfile.*, *.Dockerfile, Containerfile; their ignore files are none."""
    name = PurePosixPath(path).name
    if name.endswith(".dockerignore"):
        return False
    return (
        name in ("Dockerfile", "dockerfile", "Containerfile")
        or name.startswith(("Dockerfile.", "Containerfile."))
        or name.endswith((".Dockerfile", ".dockerfile", ".Containerfile"))
    )


# --- finding -----------------------------------------------------------------------------------


def _from_compose(tree: Tree, model: ComposeModel) -> list[_Found]:
    """Each compose service once a Dockerfile, target and command."""
    found: list[_Found] = []
    seen: set[object] = set()
    for service in model.services:
        built = _built(tree, service)
        if built.image is not None:
            facts = service.facts
            words = tuple(c.argv if c else None for c in (facts.entrypoint, facts.command))
            key = (built.image.dockerfile, built.image.stage, words)
            if key in seen:
                continue
            seen.add(key)
        found.append(built)
    return found


def _built(tree: Tree, service: ComposeService) -> _Found:
    """A compose service with its image."""
    build = service.build
    if build is None:
        return _Found(None, (), service.image, service, service.folder, service.unknown)
    unknown = list(service.unknown)
    image: Image | None = None
    others: tuple[Image, ...] = ()
    if build.context is None:
        hint = Unknown(
            f"the build context {build.context_text}, which is no folder of the repository",
            "run `assess` on the repository that holds it",
            build.evidence,
        )
        unknown.append(hint)
    else:
        path = build.dockerfile_path
        args = {name: value for name, value in build.args if value is not None}
        if build.inline is not None:
            path = build.evidence.path
            data: bytes | None = build.inline.encode()
        elif path is None or path not in tree:
            data = None
            hint = Unknown(
                f"how {service.name} is built: {path or build.dockerfile} is not in the repository",
                "`build.dockerfile` in compose",
                build.evidence,
            )
            unknown.append(hint)
        else:
            data = tree.data(path)
        if data is not None and path is not None:
            image, others = _resolve(tree, data, path, build.context, build.target, args)
    if image is None and not unknown:
        unknown.append(
            Unknown(f"how {service.name} is built", "a Dockerfile that can be read", build.evidence)
        )
    folder = build.context if build.context is not None else service.folder
    return _Found(image, others, None if image else service.image, service, folder, tuple(unknown))


def _named_dockerfiles(tree: Tree, model: ComposeModel) -> set[str]:
    """Dockerfiles that compose names; they are counted through compose only, even unreadable ones."""
    services = (*model.services, *(repeated for repeated, _ in model.repeated))
    paths = {service.build.dockerfile_path for service in services if service.build is not None}
    return {path for path in paths if path is not None and path in tree}


def _alone(tree: Tree, path: str) -> _Found | None:
    """A Dockerfile that no compose file names.

    Its context is its own folder, or the nearest folder above in which more of its COPY sources exist.
    """
    data = tree.data(path)
    if data is None:
        return None
    own = posixpath.dirname(path)
    best = _resolve(tree, data, path, own, None, {})
    if best[0] is None:
        return None
    context = own
    folder = own
    while folder and best[0] is not None and best[0].missing:
        folder = posixpath.dirname(folder)
        other = _resolve(tree, data, path, folder, None, {})
        if other[0] is not None and len(other[0].missing) < len(best[0].missing):
            best, context = other, folder
    image, others = best
    unknown: tuple[Unknown, ...] = ()
    if image is not None and context != own:
        where = f"the folder {context}" if context else "the repository's root"
        first = next((c.evidence for c in image.copies if c.stage is None), image.base_evidence)
        what = f"the build context of {path}: its COPY sources exist in {where}, which is taken"
        unknown = (Unknown(what, "`build.context` in a compose file", first),)
    return _Found(image, others, None, None, own if context == own else _source_folder(image, own), unknown)


def _source_folder(image: Image | None, own: str) -> str:
    """The folder that holds all that the image takes, if that is not the whole context."""
    taken = [file.source for file in image.files] if image else []
    if not taken:
        return own
    common = posixpath.commonpath([posixpath.dirname(path) or "." for path in taken])
    return "" if common == "." else common


def _resolve(
    tree: Tree, data: bytes, path: str, context: str, target: str | None, args: Mapping[str, str]
) -> tuple[Image | None, tuple[Image, ...]]:
    """The image of a Dockerfile, and those of the stages whose results it takes over."""

    try:
        return stages.resolve_all(
            data,
            dockerfile=path,
            context=context,
            target=target,
            build_args=args,
            paths=tree.paths,
            ignore=_ignore_file(tree, path, context),
        )
    except DockerfileError as error:
        tree.give_up(path, f"is no Dockerfile that can be read: {error}")
        return None, ()


def _ignore_file(tree: Tree, dockerfile: str, context: str) -> ignore.IgnoreFile | None:
    """`<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` in the context."""
    for path in (f"{dockerfile}.dockerignore", posixpath.join(context, ".dockerignore")):
        if path in tree and (text := tree.text(path)) is not None:
            try:
                return ignore.parse(text)
            except DockerfileError as error:
                tree.give_up(path, f"is no ignore file that a build takes: {error}")
    return None


def _naming(found: _Found) -> names.Naming:
    dockerfile = found.image.dockerfile if found.image else None
    stage = found.image.stage if found.image else None
    where = found.compose.facts.ref.file if found.compose else ""
    return names.Naming(
        compose=found.compose.name if found.compose else None,
        dockerfile=dockerfile,
        folder=found.compose.folder if found.compose and found.compose.folder else found.folder,
        identity=f"{dockerfile}\0{stage}\0{where}",
    )


# --- reading -------------------------------------------------------------------------------------


def _service(
    tree: Tree, title: str, found: _Found, by_compose: Mapping[tuple[str, str], tuple[str, _Found]]
) -> Service:
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
    elif facts is not None and facts.command is not None:
        start = StartCommand(facts.command.argv, (facts.command.evidence,), {}, "/")
    listeners = _listeners(found, facts, source)
    port = next((listener.port for listener in listeners if listener.port), None)
    return Service(
        name=title,
        path=found.folder,
        image=found.image,
        image_name=found.image_name,
        compose=facts,
        start_command=start.argv,
        start_evidence=start.evidence,
        port=port,
        listeners=listeners,
        source=source,
        language=language,
        links=_links(found, facts, by_compose),
        unknown=tuple(dict.fromkeys(unknown)),
    )


def _unresolved(image: Image) -> list[Unknown]:
    return [
        Unknown(
            f"a variable without a value in {evidence.path}:{evidence.line}",
            "a default for the ARG, or `build.args` in compose",
            evidence,
        )
        for evidence in image.unresolved
    ]


def _listeners(found: _Found, facts: ComposeFacts | None, source: Source | None) -> tuple[Listener, ...]:
    """What the service listens on: as its program says, else as EXPOSE, compose or the image's name say."""
    exposed: tuple[Port, ...] = (*(facts.ports if facts else ()), *(found.image.ports if found.image else ()))
    if source is not None:
        said = [fact for fact in source.facts if fact.kind is FactKind.LISTEN]
        listeners: dict[tuple[Inbound, int | None], Listener] = {}
        for fact in said:
            number = int(fact.detail) if fact.detail.isdigit() else None
            if number is None and len({p.number for p in exposed}) == 1:
                number = exposed[0].number
            protocol = Inbound(fact.subject) if fact.subject in set(Inbound) else Inbound.TCP
            place = fact.evidence[0] if fact.evidence else None
            listeners.setdefault((protocol, number), Listener(protocol, number, place))
        if listeners or source.server is not None:
            return tuple(listeners.values())
    known = base_images.find(found.image_name or (found.image.base if found.image else ""))
    # An exposed TCP port of an image that is built here is taken for HTTP; a public image must be known.
    http = known.protocol == "http" if known is not None and known.protocol else found.image is not None
    guess = Inbound.HTTP if http else Inbound.TCP
    listeners = {}
    for port in exposed:
        protocol = (
            Inbound.UDP if port.protocol == "udp" else Inbound.TCP if port.protocol == "sctp" else guess
        )
        listeners.setdefault((protocol, port.number), Listener(protocol, port.number, port.evidence))
    if not listeners and known is not None and known.port:
        evidence = found.image.base_evidence if found.image else facts.ref.evidence if facts else None
        return (Listener(guess, known.port, evidence),)
    return tuple(listeners.values())


def _links(
    found: _Found, facts: ComposeFacts | None, by_compose: Mapping[tuple[str, str], tuple[str, _Found]]
) -> tuple[Link, ...]:
    """Connections to services of the same compose folder: `depends_on`, `links`, and variables that name a
    host."""
    if found.compose is None or facts is None:
        return ()
    links: dict[str, Link] = {}

    def add(name: str, scheme: str, port: int | None, evidence: Evidence | None) -> None:
        other = by_compose.get((found.compose.folder, name)) if found.compose else None
        if other is None or other[1] is found:
            return
        title, service = other
        known = base_images.find(service.image_name or (service.image.base if service.image else ""))
        protocol = scheme or (known.protocol if known else "") or ("http" if service.image else "tcp")
        number = port or (known.port if known else 0) or None
        before = links.get(title)
        if before is None or (before.port is None and number is not None):
            links[title] = Link(title, protocol, number, evidence)

    for variable in (*facts.environment, *(found.image.env if found.image else ())):
        host, scheme, port = _host(variable.value or "")
        if host:
            add(host, scheme, port, variable.evidence)
    for name in facts.depends_on:
        add(name, "", None, facts.ref.evidence)
    return tuple(sorted(links.values(), key=lambda link: link.service))


_SCHEMES = {
    "postgresql": "postgres",
    "psql": "postgres",
    "pgsql": "postgres",
    "rediss": "redis",
    "mariadb": "mysql",
    "mongodb+srv": "mongodb",
    "https": "http",
    "amqps": "amqp",
}


def _host(value: str) -> tuple[str, str, int | None]:
    """Host, protocol and port of a URL, of `host:port`, or of a bare name."""
    if "://" in value:
        try:
            url = urlsplit(value)
            host, port = url.hostname or "", url.port
        except ValueError:
            return "", "", None
        scheme = url.scheme.partition("+")[0] if url.scheme not in _SCHEMES else url.scheme
        return host, _SCHEMES.get(scheme, scheme), port
    host, _, number = value.partition(":")
    return host, "", int(number) if number.isascii() and number.isdigit() and len(number) < 6 else None
