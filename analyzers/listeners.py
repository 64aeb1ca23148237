"""What a service listens on: read once from all that says it, and as rules and facets see it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from analyzers import base_images, programs
from analyzers.base_images import BaseImage
from analyzers.model import ComposeFacts, FactKind, Image, Inbound, Listener, Port, Service, Source

_CALLABLE = frozenset({"wsgi", "asgi", "http.server"})


# Servers that do nothing but listen for HTTP, whatever application they serve.
# fmt: off
_SERVERS = frozenset({
    "gunicorn", "uvicorn", "hypercorn", "waitress", "uwsgi", "granian", "daphne", "bjoern", "cheroot",
    "gevent", "flask", "quart", "fastapi", "runserver", "http.server", "mod_wsgi",
})
# fmt: on


def worker_program(command: tuple[str, ...]) -> str | None:
    """The program that nobody calls (a worker, a scheduler, a job), where the start command names one."""
    program = programs.of(command)
    return program.name if program and program.kind is not programs.Kind.DEVELOPMENT else None


_DATAGRAMS = frozenset({"udp", "dns", "statsd", "wireguard", "snmp", "syslog", "stun"})
_HTTP3 = frozenset({80, 443, 4433, 8443})
_PROBED = re.compile(
    r"\bhttps?://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1\])(?::(\d{1,5}))?(?=[/\s\"'?|;)]|$)"
)


def found(
    image: Image | None, image_name: str | None, compose: ComposeFacts | None, source: Source | None
) -> tuple[Listener, ...]:
    """What a service listens on: as its program says, else as EXPOSE and compose's ports with the image's
    name, else as a health check or a proxy's variables say. A known image's main listener comes first."""
    exposed: tuple[Port, ...] = (*(compose.ports if compose else ()), *(image.ports if image else ()))
    if source is not None:
        said = _said(source, exposed)
        # A program that waits for messages and opens nothing shares its image, and EXPOSE, with another.
        waits = any(fact.kind is FactKind.WORKER for fact in source.facts)
        if said or source.server is not None or waits:
            return said
    known = base_images.find(image_name or (image.base if image else ""))
    listeners: dict[tuple[Inbound, int | None], Listener] = {}
    for port in exposed:
        protocol = _protocol(port, known, exposed, built=image is not None)
        if protocol is not None:
            listeners.setdefault((protocol, port.number), Listener(protocol, port.number, port.evidence))
    if listeners:
        main = known.port if known else 0
        return tuple(sorted(listeners.values(), key=lambda one: one.port != main))
    where = image.base_evidence if image else compose.ref.evidence if compose else None
    if known is not None and known.port:
        return (Listener(spoken(known.protocol), known.port, where),)
    return _hinted(image, compose)


def spoken(protocol: str) -> Inbound:
    """The kind of listener that a protocol needs: `redis` is TCP."""
    if protocol in set(Inbound):
        return Inbound(protocol)
    return Inbound.UDP if protocol in _DATAGRAMS else Inbound.TCP


def _said(source: Source, exposed: Sequence[Port]) -> tuple[Listener, ...]:
    listeners: dict[tuple[Inbound, int | None], Listener] = {}
    for fact in source.facts:
        if fact.kind is not FactKind.LISTEN:
            continue
        number = int(fact.detail) if fact.detail.isdigit() else None
        if number is None and len({port.number for port in exposed}) == 1:
            number = exposed[0].number
        protocol = spoken(fact.subject)
        evidence = fact.evidence[0] if fact.evidence else None
        listeners.setdefault((protocol, number), Listener(protocol, number, evidence))
    return tuple(listeners.values())


def _protocol(port: Port, known: BaseImage | None, exposed: Sequence[Port], *, built: bool) -> Inbound | None:
    """What an exposed port speaks; None for one that only repeats another (HTTP/3 beside HTTPS)."""
    custom = _by_custom().get(port.number, Inbound.HTTP)
    twin = {one.protocol for one in exposed if one.number == port.number} >= {"tcp", "udp"}
    if port.protocol == "udp":
        return None if twin and port.number in _HTTP3 else Inbound.UDP
    if twin and port.number not in _HTTP3:
        return (
            Inbound.TCP
        )  # one protocol over both, as DNS and STUN have; HTTP has that on its own ports only
    if port.protocol == "sctp":
        return Inbound.TCP
    if known is not None and known.protocol and (port.number == known.port or not built):
        main = spoken(known.protocol)
        # Beside its main port an image shows others: a broker its web page, a web server its second port.
        return (
            main
            if port.number == known.port or custom is Inbound.HTTP is main
            else _side(port, known, exposed)
        )
    return custom


def _side(port: Port, known: BaseImage, exposed: Sequence[Port]) -> Inbound:
    """The protocol of a port that is not the image's main one."""
    if any(one.number == known.port for one in exposed):
        return _by_custom().get(port.number, Inbound.HTTP)
    return spoken(known.protocol)  # the main port under another number


def _hinted(image: Image | None, compose: ComposeFacts | None) -> tuple[Listener, ...]:
    """A listener that only a health check on the own host, or a variable for a proxy in front, gives away."""
    for check in (compose.healthcheck if compose else None, image.healthcheck if image else None):
        probed = _PROBED.search(" ".join(check.command)) if check else None
        if check and probed:
            return (Listener(Inbound.HTTP, int(probed[1]) if probed[1] else 80, check.evidence),)
    variables = {
        v.name: v for v in (*(image.env if image else ()), *(compose.environment if compose else ()))
    }
    if host := variables.get("VIRTUAL_HOST"):  # nginx-proxy forwards HTTP to containers that have it
        port = variables.get("VIRTUAL_PORT")
        number = port.value if port and port.value else ""
        return (
            Listener(Inbound.HTTP, int(number) if re.fullmatch(r"\d{1,5}", number) else 80, host.evidence),
        )
    return ()


@cache
def _by_custom() -> Mapping[int, Inbound]:
    data = tomllib.loads(Path(__file__).with_name("ports.toml").read_text("utf-8"))
    return {number: Inbound(kind) for kind in ("tcp", "grpc") for number in data[kind]}


def has_listener(service: Service) -> bool:
    """Whether anything calls this service: a listener, an exposed port, a server or an application of one."""
    if worker_program(service.start_command):
        return False  # ports belong to an image that it shares with a web service
    if any(listener.protocol is not Inbound.NONE for listener in service.listeners):
        return True
    source = service.source
    if service.facts(FactKind.WORKER) and source and source.server not in _SERVERS and not service.listeners:
        return False  # EXPOSE belongs to another service of the same image
    if (service.image and service.image.ports) or (service.compose and service.compose.ports):
        return True
    return bool(source and (source.server in _SERVERS or (source.entry and source.interface in _CALLABLE)))


def main_listener(service: Service) -> Listener | None:
    """The listener that the service is for: a known image's own, else HTTP before others, the stated port
    before others."""
    real = [item for item in service.listeners if item.protocol is not Inbound.NONE]
    if service.source is None:
        known = base_images.find(service.image_name or (service.image.base if service.image else ""))
        if known is not None and known.protocol and real:
            return real[0]
    http = [item for item in real if item.protocol is Inbound.HTTP]
    return next((item for item in http or real if item.port == service.port), next(iter(http or real), None))


def inbound(service: Service) -> Inbound:
    """The `inbound` facet."""
    if not has_listener(service):
        return Inbound.NONE
    listener = main_listener(service)
    return listener.protocol if listener else Inbound.HTTP
