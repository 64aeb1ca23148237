"""What a service listens on, as rules and facets see it."""

from __future__ import annotations

from analyzers.model import Inbound, Listener, Service

_CALLABLE = frozenset({"wsgi", "asgi", "http.server"})


def has_listener(service: Service) -> bool:
    """Whether anything calls this service: a listener, or an application that a server calls."""
    if any(listener.protocol is not Inbound.NONE for listener in service.listeners):
        return True
    return bool(service.source and service.source.entry and service.source.interface in _CALLABLE)


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
