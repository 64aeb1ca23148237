"""What a volume of a service is: its own source mounted for development, the Docker socket, or data."""

from __future__ import annotations

import posixpath

from analyzers.model import Service


def is_own_source(service: Service, source: str, target: str) -> bool:
    """Whether a bind mount lays the service's source (or an anonymous hole in it) over the image's copy.

    Such mounts serve development: the component carries the files of the image. `source` is written as in
    compose, relative to the repository's root where the compose reader resolved it.
    """
    workdir = service.image.workdir if service.image else "/"
    target = posixpath.normpath(target or "/")
    inside = workdir != "/" and (target == workdir or target.startswith(workdir.rstrip("/") + "/"))
    if not source:
        return inside and posixpath.basename(target) in {"node_modules", ".venv", "venv", "__pycache__"}
    if not (source.startswith((".", "/")) or "/" in source):
        return False  # a named volume
    if source.startswith(("/", "~")):
        return False
    source = posixpath.normpath(source)
    if source == "." or f"{service.path}/".startswith(source + "/"):
        return True  # the service's folder, or one around it
    taken = (file.source for file in service.image.files) if service.image else ()
    return inside and any(path == source or path.startswith(source + "/") for path in taken)


def keeps_data(service: Service, source: str, target: str) -> bool:
    """Whether a volume holds something beside the service's source: no scratch space, no socket."""
    return (
        source != "tmpfs"
        and not is_own_source(service, source, target)
        and not is_docker_socket(source, target)
    )


def is_docker_socket(source: str, target: str) -> bool:
    """Whether a volume hands the service the Docker engine."""
    return any(path.endswith(("docker.sock", "containerd.sock", "podman.sock")) for path in (source, target))
