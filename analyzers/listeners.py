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


# Programs that fetch their own work: the first word of the command, and words that must follow it.
_WORKERS: dict[str, set[str]] = {
    "celery": {"worker", "beat", "flower", "multi"},
    "rq": {"worker"},
    "dramatiq": set(),
    "huey_consumer": set(),
    "huey_consumer.py": set(),
    "arq": set(),
    "rqscheduler": set(),
    "cron": set(),
    "crond": set(),
    "supercronic": set(),
    "sidekiq": set(),
    "faktory": set(),
}


def worker_program(command: tuple[str, ...]) -> str | None:
    """The program that fetches its own work, where the start command names one: `celery worker`."""
    words = [word.rsplit("/", 1)[-1] for word in command]
    for position, word in enumerate(words[:4]):
        follows = _WORKERS.get(word)
        if follows is not None and (not follows or follows & set(words[position + 1 :])):
            verb = sorted(follows & set(words[position + 1 :]))
            return " ".join((word, *verb))
    return None


def has_listener(service: Service) -> bool:
    """Whether anything calls this service: a listener, an exposed port, a server or an application of one."""
    if worker_program(service.start_command):
        return False  # ports belong to an image that it shares with a web service
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
    if not has_listener(service):
        return Inbound.NONE
    listener = main_listener(service)
    return listener.protocol if listener else Inbound.HTTP
