"""The Docker engine: connecting to it, its errors in our words, and what earlier runs left behind."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.errors import EngineError

if TYPE_CHECKING:
    from docker import DockerClient

LABEL = "dock2wasm"
OWNER = "dock2wasm.owner"
_LATE = (0.1, 0.2, 0.4)  # seconds between looks for what the engine may just be making
_TIMEOUT = 120  # seconds for one answer of the engine
_DO = (
    "Start Docker and check with `docker version`, or Podman's Docker-compatible socket: "
    "systemctl --user start podman.socket (its address, where it is another: DOCKER_HOST or CONTAINER_HOST)."
)
_DOCKER = "/var/run/docker.sock"


@dataclass(frozen=True, slots=True)
class Address:
    """Where an engine may be asked, and what says so."""

    host: str
    said_by: str


@contextlib.contextmanager
def connect() -> Iterator[DockerClient]:
    """A client of the engine at `address`, Docker's or Podman's. Raises EngineError where none answers."""
    import docker

    found = address()
    what = f"No Docker engine answers at {found.host} ({found.said_by})."
    with translated(what):
        client = docker.from_env(timeout=_TIMEOUT, environment={**os.environ, "DOCKER_HOST": found.host})
    try:
        with translated(what):
            client.ping()
        yield client
    finally:
        client.close()


def address() -> Address:
    """The engine that is asked, and no other.

    DOCKER_HOST, else Podman's CONTAINER_HOST, else the Docker CLI's current context, else the first usual
    socket that is there, Docker's before Podman's; else Docker's default, where the error will be.
    """
    for name in ("DOCKER_HOST", "CONTAINER_HOST"):
        said = os.environ.get(name, "").strip()
        if said:
            return Address(said, name)
    from docker.context import ContextAPI
    from docker.errors import DockerException

    with contextlib.suppress(DockerException, OSError, ValueError, KeyError):
        context = ContextAPI.get_current_context()
        if context is not None and context.name != "default" and context.Host:
            return Address(context.Host, f"context {context.name}")
    for path in sockets():
        with contextlib.suppress(OSError):
            if path.is_socket():
                return Address(f"unix://{path}", "the usual place")
    return Address(f"unix://{_DOCKER}", "the usual place")


def for_clients() -> dict[str, str]:
    """What leads a docker client to the same engine; a context it finds itself, with its certificates."""
    found = address()
    return {} if found.said_by.startswith("context ") else {"DOCKER_HOST": found.host}


def sockets() -> tuple[Path, ...]:
    """Where engines listen by default: Docker, rootless Docker, Docker Desktop, Podman of the user, of root.

    Sources: docs.docker.com/engine/security/rootless, docs.docker.com/desktop/setup/install (socket of the
    user), podman-system-service(1).
    """
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    home = Path(os.environ.get("HOME") or "/")
    return (
        Path(_DOCKER),
        runtime / "docker.sock",
        home / ".docker" / "run" / "docker.sock",
        runtime / "podman" / "podman.sock",
        home / ".local" / "share" / "containers" / "podman" / "machine" / "podman.sock",
        Path("/run/podman/podman.sock"),
    )


@contextlib.contextmanager
def translated(what: str, do: str = _DO) -> Iterator[None]:
    """Turns what the docker package raises into an EngineError that says `what` could not be done."""
    import requests
    import urllib3
    from docker.errors import DockerException

    try:
        yield
    except (DockerException, requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise EngineError(what, why=_first_lines(error), do=do) from error


def _first_lines(error: Exception) -> str:
    text = " ".join(str(getattr(error, "explanation", None) or error).split())
    return text[:500] or type(error).__name__


def describe(client: DockerClient) -> str:
    """Name and version of the engine, for reports."""
    with translated("The Docker engine does not say its version."):
        version = client.version()
    name = "podman" if _podman(version) else "docker"
    return f"{name} {version.get('Version', '?')} ({version.get('Os', '?')}/{version.get('Arch', '?')})"


def is_podman(client: DockerClient) -> bool:
    """Whether Podman answers in Docker's place."""
    with translated("The Docker engine does not say its version."):
        return _podman(client.version())


def _podman(version: Mapping[str, Any]) -> bool:
    parts = version.get("Components") or ()
    return any("podman" in str(part.get("Name", "")).lower() for part in parts)


def owner() -> str:
    """Names this process: host, number, and start, because numbers are given again."""
    pid = os.getpid()
    return f"{socket.gethostname()}:{pid}:{_start_of(pid)}"


def _start_of(pid: int) -> str:
    """When a process started, in the kernel's ticks; "" where that cannot be seen, "gone" for no process."""
    try:
        # Field 22 of proc(5)'s stat, counted behind the name, which may hold blanks and brackets.
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return "gone"
    except OSError:
        return ""
    return ""


def is_dead(label: str) -> bool:
    """Whether the process that owns something has ended. On another host it counts as alive."""
    host, _, rest = label.rpartition(":")[0].rpartition(":")
    start = label.rpartition(":")[2]
    if host != socket.gethostname() or not rest.isdigit():
        return False
    now = _start_of(int(rest))
    return now == "gone" or (bool(start) and bool(now) and now != start)


def remove_leftovers(client: DockerClient) -> list[str]:
    """Remove containers and networks of runs that were killed before they could; returns their names."""
    removed = []
    with translated("The Docker engine does not list its containers."):
        found = client.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True)
    for container in found:
        if is_dead(container.labels.get(OWNER, "")):
            remove(client, str(container.id))
            removed.append(str(container.name))
    with translated("The Docker engine does not list its networks."):
        networks = client.networks.list(filters={"label": OWNER})
    for network in networks:
        if is_dead((network.attrs.get("Labels") or {}).get(OWNER, "")):
            remove_network(client, str(network.id))
            removed.append(str(network.name))
    return removed


def _await(look: Callable[[], object]) -> None:
    """Until something is there that the engine may just be making."""
    from docker.errors import NotFound

    for pause in _LATE:
        with translated("The Docker engine does not say what is there."), contextlib.suppress(NotFound):
            look()
            return
        time.sleep(pause)


def remove_network(client: DockerClient, name: str, *, late: bool = False) -> None:
    """Remove a network without containers; gone already is as good. `late` as for `remove`."""
    from docker.errors import NotFound

    if late:
        _await(lambda: client.api.inspect_network(name))

    with (
        translated(f"The network {name} could not be removed.", do=f"Remove it: docker network rm {name}"),
        contextlib.suppress(NotFound),
    ):
        client.api.remove_network(name)


def reloaded(container: Any) -> bool:
    """Ask the engine what a container does now; False where it is gone."""
    from docker.errors import NotFound

    try:
        container.reload()
    except NotFound:
        return False
    return True


def remove(client: DockerClient, name: str, *, late: bool = False) -> None:
    """Remove a container, running or not, with its volumes; gone already is as good.

    `late`: we were stopped, perhaps while the engine made it, so it may only come to be now.
    """
    from docker.errors import APIError, NotFound

    if late:
        _await(lambda: client.api.inspect_container(name))

    with translated(
        f"The container {name} could not be removed.", do=f"Remove it: docker rm --force --volumes {name}"
    ):
        try:
            client.api.remove_container(name, v=True, force=True)
        except NotFound:
            return
        except APIError as error:
            # 409: somebody (a stop that is under way) removes it right now.
            if error.status_code != 409:
                raise
