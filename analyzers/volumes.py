"""What a volume of a service is: its own source mounted for development, the Docker socket, or data."""

from __future__ import annotations

import posixpath

from analyzers.model import Service

# Folders that package managers and compilers fill; a volume there keeps the image's copy from being hidden.
_HOLES = frozenset(
    {"node_modules", ".venv", "venv", "__pycache__", "target", "vendor", ".next", ".gradle", ".m2"}
)


# fmt: off
_MANIFESTS = frozenset({
    "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "tsconfig.json", "pyproject.toml",
    "poetry.lock", "requirements.txt", "Pipfile", "Pipfile.lock", "uv.lock", "go.mod", "go.sum", "Cargo.toml",
    "Cargo.lock", "Gemfile", "Gemfile.lock", "composer.json", "composer.lock",
})
# fmt: on


def is_own_source(service: Service, source: str, target: str) -> bool:
    """Whether a volume lays the service's source (or a hole in it) over the image's copy.

    Such volumes serve development: the component carries the files of the image. `source` is a path
    relative to the repository that begins with `.`, an absolute path, a volume's name, or empty.
    """
    workdir = service.image.workdir if service.image else "/"
    target = posixpath.normpath(target or "/")
    inside = workdir != "/" and (target == workdir or target.startswith(workdir.rstrip("/") + "/"))
    if not source and _is_overlaid(service, target):
        return True
    if source.startswith(".") and posixpath.basename(source) in _MANIFESTS:
        return True  # who mounts the list of packages works on the source
    if not source.startswith("."):
        return "/" not in source and posixpath.basename(target) in _HOLES
    source = posixpath.normpath(source)
    if source == "." or f"{service.path}/".startswith(source + "/"):
        return True  # the service's folder, or one around it
    for file in service.image.files if service.image else ():
        if file.source != source and not file.source.startswith(source + "/"):
            continue
        # The same file that the image (or a stage of its build) has at this place.
        if inside or posixpath.normpath(file.guest) == target + file.source[len(source) :]:
            return True
    return False


def _is_overlaid(service: Service, target: str) -> bool:
    """Whether a nameless volume keeps a place of the image from being hidden by the source around it."""
    for source, around, _, _ in service.compose.volumes if service.compose else ():
        inside = target.startswith(posixpath.normpath(around).rstrip("/") + "/")
        if source.startswith(".") and inside and is_own_source(service, source, around):
            return True
    return False


def is_committed(service: Service, source: str) -> bool:
    """Whether a volume hands in files of the repository (configuration, fixtures) and so begins full."""
    return source in service.committed


def is_file(target: str) -> bool:
    """Whether a mount looks like one of a single file; folders rarely have a suffix."""
    return bool(posixpath.splitext(target.rstrip("/"))[1])


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
