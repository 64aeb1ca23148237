"""What is asked: the probes of a file, else those that follow from the assessment."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from analyzers.model import Service
from migrate.errors import ProbesError
from migrate.model import Probe, ProbeSet
from migrate.reports.wire.probes import MAX_TEXT, read

_URL = re.compile(r"https?://[^\s\"'|;)>]+")


def load(path: Path) -> ProbeSet:
    """The probes of a file. Raises ProbesError with file, line and what is wrong."""
    try:
        if path.stat().st_size > MAX_TEXT:
            raise ProbesError(f"{path} is larger than {MAX_TEXT:,} bytes.")
        data = path.read_bytes()
    except OSError as error:
        raise ProbesError(f"The probes {path} cannot be read.", why=error.strerror or str(error)) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ProbesError(
            f"{path}:{line}: this is no UTF-8.", do="Use body_base64 for other bytes."
        ) from None
    return read(text, path.name)


def default(service: Service) -> ProbeSet:
    """GET of `/`, of the HEALTHCHECK's path and of each route without parameters: little, and it says so."""
    paths = ["/"]
    health = health_path(service)
    if health:
        paths.append(health)
    parametrised = 0
    other_methods = 0
    for route in service.source.routes if service.source else ():
        if route.has_parameters:
            parametrised += 1
        elif route.method not in {"GET", "HEAD", "OPTIONS", "*", "ANY"}:
            other_methods += 1
        elif route.path.startswith("/"):
            paths.append(quote(route.path, safe="/:@!$&'()*+,;=~%-._?"))
    unique = list(dict.fromkeys(paths))
    asked = f"{len(unique)} GET request{'s' if len(unique) != 1 else ''}"
    left = [
        f"{count} {what}"
        for count, what in ((parametrised, "with parameters"), (other_methods, "with other methods"))
        if count
    ]
    unasked = f", routes not asked: {' and '.join(left)}" if left else ""
    return ProbeSet(
        tuple(Probe(id=_name(index, path), method="GET", path=path) for index, path in enumerate(unique)),
        "derived from the assessment",
        f"There is no probes.yaml: {asked} without parameters, bodies or sessions prove little{unasked}.",
    )


def _name(index: int, path: str) -> str:
    words = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-")[:60]
    return f"{index + 1}-get-{words or 'root'}"


def health_path(service: Service) -> str | None:
    """The path that HEALTHCHECK asks on the service itself, if its command holds such a URL."""
    check = service.image.healthcheck if service.image else None
    if check is None:
        return None
    for url in _URL.findall(" ".join(check.command)):
        try:
            parts = urlsplit(url)
            host = parts.hostname
        except ValueError:
            continue
        if host in {"localhost", "127.0.0.1", "0.0.0.0", "::1"}:  # noqa: S104 - compared, not bound
            return quote(parts.path or "/", safe="/:@!$&'()*+,;=~%-._") + (
                f"?{parts.query}" if parts.query else ""
            )
    return None
