"""What a service listens on, as rules and facets see it."""

from __future__ import annotations

from analyzers.model import Inbound, Listener, Service

_CALLABLE = frozenset({"wsgi", "asgi", "http.server"})


# Servers that do nothing but listen for HTTP, whatever application they serve.
# fmt: off
_SERVERS = frozenset({
    "gunicorn", "uvicorn", "hypercorn", "waitress", "uwsgi", "granian", "daphne", "bjoern", "cheroot",
    "gevent", "flask", "quart", "fastapi", "runserver", "http.server", "mod_wsgi",
})
# fmt: on


def has_listener(service: Service) -> bool:
    """Whether anything calls this service: a listener, an exposed port, a server or an application of one."""
    if any(listener.protocol is not Inbound.NONE for listener in service.listeners):
        return True
    if (service.image and service.image.ports) or (service.compose and service.compose.ports):
        return True
    source = service.source
    return bool(source and (source.server in _SERVERS or (source.entry and source.interface in _CALLABLE)))


def main_listener(service: Service) -> Listener | None:
    """The listener that the service is for: HTTP before others, the stated port before others."""
    real = [item for item in service.listeners if item.protocol is not Inbound.NONE]
    http = [item for item in real if item.protocol is Inbound.HTTP]
    return next((item for item in http or real if item.port == service.port), next(iter(http or real), None))


def inbound(service: Service) -> Inbound:
    """The `inbound` facet."""
    listener = main_listener(service)
    if listener is not None:
        return listener.protocol
    return Inbound.HTTP if has_listener(service) else Inbound.NONE
