"""Which neighbours a service has, and how its variables name them. Reads and computes; starts nothing.

A neighbour is an image-only service of the same compose file that the service is linked to, or that such a
one is linked to. What is built from the repository is no neighbour: it would be another original.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analyzers.links import names_a_host
from analyzers.model import FactKind, Healthcheck, Service

_SEPARATORS = re.compile(r"([,;|\s]+)")
_URL = re.compile(
    r"((?:(?:jdbc|r2dbc):)?[A-Za-z][A-Za-z0-9+.-]{0,40}://(?:[^/?#]*@)?)([^/?#:@]+)(.*)", re.DOTALL
)
_PORT = re.compile(r"[0-9]{1,5}(?:/.*)?", re.DOTALL)
_LONGEST = 4096


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A service to start beside. `host` is what compose calls it; `port` None where only the image says it.

    `environment` has None where compose hands a variable through. `seeds` are the files of the repository
    that compose mounts: path there (`./db/init`) and in the container.
    """

    name: str
    host: str
    image: str
    port: int | None = None
    environment: tuple[tuple[str, str | None], ...] = ()
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    working_dir: str | None = None
    user: str | None = None
    healthcheck: Healthcheck | None = None
    seeds: tuple[tuple[str, str], ...] = ()


def of(service: Service, services: Iterable[Service]) -> tuple[Neighbour, ...]:
    """The neighbours of a service, those of its neighbours included, by name."""
    return tuple(_neighbour(*one) for one in _linked(service, services) if one[0].image_name)


def not_started(service: Service, services: Iterable[Service]) -> tuple[str, ...]:
    """What the service is linked to and that is built here, so not started."""
    return tuple(one.name for one, _ in _linked(service, services) if not one.image_name)


def _linked(service: Service, services: Iterable[Service]) -> list[tuple[Service, int | None]]:
    by_name = {one.name: one for one in services}
    found: dict[str, tuple[Service, int | None]] = {}
    waiting = [service]
    while waiting:
        for link in waiting.pop().links:
            other = by_name.get(link.service)
            if other is None or other.name == service.name or other.name in found:
                continue
            if other.compose is None or not _same_file(service, other):
                continue
            found[other.name] = (other, link.port)
            if other.image_name:
                waiting.append(other)
    return [found[name] for name in sorted(found)]


def _same_file(one: Service, other: Service) -> bool:
    return (
        one.compose is not None
        and other.compose is not None
        and one.compose.ref.file == other.compose.ref.file
    )


def _neighbour(service: Service, port: int | None) -> Neighbour:
    compose = service.compose
    if compose is None or service.image_name is None:
        raise ValueError(f"{service.name} is no image-only service of compose")
    return Neighbour(
        name=service.name,
        host=compose.ref.service,
        image=service.image_name,
        port=port or service.port,
        environment=tuple((one.name, one.value) for one in compose.environment),
        command=compose.command.argv if compose.command else None,
        entrypoint=compose.entrypoint.argv if compose.entrypoint else None,
        working_dir=compose.working_dir,
        user=compose.user,
        healthcheck=compose.healthcheck,
        seeds=tuple(
            (source, target)
            for source, target, _, _ in compose.volumes
            if source.startswith("./") and source in service.committed
        ),
    )


# --- variables -----------------------------------------------------------------------------


def naming(service: Service, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that may name a neighbour: those given, and the source's own defaults for the rest."""
    found = {
        fact.subject: fact.detail
        for fact in service.facts(FactKind.ENV_READ)
        if fact.detail and fact.subject not in environment
    }
    return {**found, **environment}


def rewritten(variables: Mapping[str, str], addresses: Mapping[str, str]) -> dict[str, str]:
    """Those variables that name one of the hosts, each host replaced by its address; ports stay."""
    found = {}
    for name, value in variables.items():
        moved = _moved(value, addresses, bare=names_a_host(name))
        if moved != value:
            found[name] = moved
    return found


def _moved(value: str, addresses: Mapping[str, str], *, bare: bool) -> str:
    if len(value) > _LONGEST:
        return value
    return "".join(_part(part, addresses, bare=bare) for part in _SEPARATORS.split(value))


def _part(text: str, addresses: Mapping[str, str], *, bare: bool) -> str:
    url = _URL.fullmatch(text)
    if url is not None:
        address = addresses.get(url[2])
        return text if address is None else f"{url[1]}{address}{url[3]}"
    host, colon, rest = text.partition(":")
    address = addresses.get(host)
    if address is None or not (_PORT.fullmatch(rest) if colon else bare):
        return text
    return f"{address}{colon}{rest}"


def notes(neighbours: Sequence[Neighbour], variables: Mapping[str, str]) -> tuple[str, ...]:
    """What a reader must know of the neighbours that are started. No variable's value is in it."""
    found = []
    for one in neighbours:
        names = sorted(rewritten(variables, {one.host: "127.0.0.1"}))
        said = (
            f"in the component's {', '.join(names)} the host {one.host} is replaced by a loopback address"
            if names
            else f"no variable names {one.host} as a host, so the component may not reach it"
        )
        seeds = f", with copies of {', '.join(source for source, _ in one.seeds)}" if one.seeds else ""
        found.append(
            f"The neighbour {one.name} ({one.image}{seeds}) is started anew for every run, for each side "
            f"separately; {said}."
        )
    return tuple(found)
