"""Runs the original's container: limited, without privileges, reachable from here only, always removed."""

from __future__ import annotations

import contextlib
import http.client
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from analyzers.model import Inbound, Service
from migrate.errors import EngineError, OriginalError
from migrate.validate import engine

if TYPE_CHECKING:
    from docker import DockerClient

MEMORY = 2 << 30  # bytes
PIDS = 1024
_LOG_TAIL = 60  # lines of a failed container that are shown
_LOG_LIMIT = 4 << 20  # bytes of its log that are read


@dataclass(frozen=True, slots=True)
class Setup:
    """How the original is started. `environment` comes on top of the image's own.

    `bare` drops all capabilities; some images (nginx as root) do not start so and get Docker's default set.
    """

    image: str
    port: int
    environment: Mapping[str, str]
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    working_dir: str | None = None
    bare: bool = True
    ready_path: str = "/"
    ready_timeout: float = 90.0
    cores: tuple[int, ...] = ()  # that it may use; empty: all
    network: str = ""  # of its neighbours; empty: the engine's default


@dataclass(frozen=True, slots=True)
class Running:
    """A container that answers on `url`. `spawned` is time.monotonic() just before it was created."""

    id: str
    name: str
    url: str
    pid: int
    spawned: float
    ready_after: float  # seconds
    logs: Callable[[], str]
    check: Callable[[], None]
    """Raises OriginalError where it has ended since."""


def setup_for(
    service: Service, image: Mapping[str, Any], environment: Mapping[str, str], ready: str
) -> Setup:
    """The container as compose and Dockerfile say it is started.

    Raises OriginalError where nothing says on which port it listens.
    """
    compose = service.compose
    literal = {one.name: one.value for one in compose.environment if one.value is not None} if compose else {}
    command = compose.command if compose else None
    entrypoint = compose.entrypoint if compose else None
    return Setup(
        image=str(image.get("Id", "")),
        port=port_of(service, image),
        environment={**literal, **environment},
        command=command.argv if command else None,
        entrypoint=entrypoint.argv if entrypoint else None,
        working_dir=compose.working_dir if compose else None,
        ready_path=ready,
    )


def port_of(service: Service, image: Mapping[str, Any]) -> int:
    """The port that the service listens on inside its container."""
    if service.port is not None:
        return service.port
    for listener in service.listeners:
        if listener.protocol is Inbound.HTTP and listener.port is not None:
            return listener.port
    exposed = (image.get("Config") or {}).get("ExposedPorts") or {}
    numbers = sorted(int(port.partition("/")[0]) for port in exposed if port.endswith("/tcp"))
    if len(numbers) == 1:
        return numbers[0]
    raise OriginalError(
        f"Nothing says on which port {service.name} listens.",
        why="Neither the start command nor compose names one, and the image exposes "
        + (f"several: {', '.join(map(str, numbers))}." if numbers else "none."),
        do="Add EXPOSE to the Dockerfile, or ports to compose.",
    )


@contextlib.contextmanager
def running(client: DockerClient, setup: Setup) -> Iterator[Running]:
    """Start a container, wait until it answers HTTP, and remove it at the end.

    Raises OriginalError with its log where it ends or never answers, EngineError where the engine dies.
    """
    name = f"dock2wasm-original-{secrets.token_hex(6)}"
    try:
        yield _start(client, name, setup)
        engine.remove(client, name)
    except BaseException:
        # The first error is the one to tell; an engine that died cannot remove anything either.
        with contextlib.suppress(EngineError):
            engine.remove(client, name, late=True)  # also where we were stopped while we removed it
        raise


def with_capabilities_where_needed(client: DockerClient, setup: Setup) -> tuple[Setup, str]:
    """The setup that the image starts with, and a note where it needs more than nothing.

    Tried once before the runs, so that all of them use the same.
    """
    try:
        with running(client, setup):
            return setup, ""
    except OriginalError as error:
        if not setup.bare:
            raise
        relaxed = replace(setup, bare=False)
        try:
            with running(client, relaxed):
                return (
                    relaxed,
                    "The original does not start without Docker's default capabilities; it got them.",
                )
        except OriginalError:
            raise error from None


def _start(client: DockerClient, name: str, setup: Setup) -> Running:
    spawned = time.monotonic()
    options: dict[str, Any] = {
        "mem_limit": MEMORY,
        "memswap_limit": MEMORY,
        "pids_limit": PIDS,
        "security_opt": ["no-new-privileges"],
        "ports": {f"{setup.port}/tcp": ("127.0.0.1", None)},
        "restart_policy": {"Name": "no"},
    }
    if setup.bare:
        options |= {"cap_drop": ["ALL"], "cap_add": ["NET_BIND_SERVICE"]}
    if setup.network:
        options["network"] = setup.network
    if setup.cores:
        options["cpuset_cpus"] = ",".join(map(str, setup.cores))
    with engine.translated("The Docker engine does not start the original's container."):
        created = client.containers.create(
            setup.image,
            command=list(setup.command) if setup.command is not None else None,
            entrypoint=list(setup.entrypoint) if setup.entrypoint is not None else None,
            environment=dict(setup.environment),
            working_dir=setup.working_dir,
            name=name,
            labels={engine.LABEL: "original", engine.OWNER: engine.owner()},
            detach=True,
            **options,
        )
    try:
        created.start()
    except Exception as error:
        raise _not_started(error) from error
    port = _published(created, setup)
    url = f"http://127.0.0.1:{port}"

    def logs() -> str:
        with engine.translated("The original's log cannot be read."):
            return bytes(created.logs(stdout=True, stderr=True))[-_LOG_LIMIT:].decode("utf-8", "replace")

    _wait(created, url, setup, spawned, logs)
    pid = int((created.attrs.get("State") or {}).get("Pid") or 0)

    def check() -> None:
        with engine.translated("The Docker engine died while the original was asked."):
            found = engine.reloaded(created)
        if not found or created.status != "running":
            raise _gone(created, "while it was asked", found=found)

    return Running(str(created.id), name, url, pid, spawned, time.monotonic() - spawned, logs, check)


def _not_started(error: Exception) -> Exception:
    """A start command that is not in the image is the original's fault, all else the engine's."""
    from docker.errors import APIError

    text = " ".join(str(getattr(error, "explanation", None) or error).split())[:500]
    if isinstance(error, APIError) and ("runc" in text or "OCI" in text or "executable file" in text):
        return OriginalError(
            "The original's container does not start.",
            why=text,
            do="Does `docker run` of the image start it?",
        )
    try:
        with engine.translated("The Docker engine does not start the original's container."):
            raise error
    except EngineError as ours:
        return ours


def _published(container: Any, setup: Setup) -> int:
    """The port of 127.0.0.1 that leads to the container; the engine may take a moment to say it."""
    end = time.monotonic() + 10
    while True:
        with engine.translated("The Docker engine does not say where the original listens."):
            container.reload()
        ports = (container.attrs.get("NetworkSettings") or {}).get("Ports") or {}
        bound = ports.get(f"{setup.port}/tcp") or []
        if bound:
            return int(bound[0]["HostPort"])
        if container.status in {"exited", "dead"} or time.monotonic() > end:
            raise _gone(container, "before its port was published")
        time.sleep(0.02)


def _wait(container: Any, url: str, setup: Setup, spawned: float, logs: Callable[[], str]) -> None:
    """Until the first HTTP answer of any status: Docker's proxy takes connections before the service does."""
    end = spawned + setup.ready_timeout
    looked = time.monotonic()
    while True:
        if (
            first_answer(url, setup.ready_path, timeout=min(10.0, max(0.5, end - time.monotonic())))
            is not None
        ):
            return
        now = time.monotonic()
        if now - looked > 0.25:
            looked = now
            with engine.translated("The Docker engine died while the original started."):
                container.reload()
            if container.status in {"exited", "dead"}:
                raise _gone(container, "before it answered")
        if now > end:
            raise OriginalError(
                f"The original does not answer HTTP on port {setup.port} within {setup.ready_timeout:.0f} s.",
                why=f"Its log ends:\n{_end(logs())}",
                do="Does it listen on 0.0.0.0 and that port? Does it wait for another service?",
            )
        time.sleep(0.01)


def _gone(container: Any, when: str, *, found: bool = True) -> OriginalError:
    if not found:
        return OriginalError(
            f"The original's container was removed {when}.",
            why="Somebody else did that: we remove it at the end only.",
            do="Run it again.",
        )
    state = container.attrs.get("State") or {}
    with engine.translated("The original's log cannot be read."):
        log = bytes(container.logs(stdout=True, stderr=True))[-_LOG_LIMIT:].decode("utf-8", "replace")
    killed = f" It was killed: more than {MEMORY >> 20} MiB of memory." if state.get("OOMKilled") else ""
    return OriginalError(
        f"The original's container ended {when}, with exit code {state.get('ExitCode', '?')}.",
        why=f"{killed}Its log ends:\n{_end(log)}".strip(),
        do="Does it need a variable (--env NAME=VALUE), a volume, or another service that compose starts?",
    )


def _end(log: str) -> str:
    lines = log.rstrip().splitlines()[-_LOG_TAIL:]
    return "\n".join(f"    {line}" for line in lines) or "    (empty)"


def first_answer(url: str, path: str, *, timeout: float) -> int | None:
    """The status that a GET gets, None where no HTTP answer comes."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": "localhost", "User-Agent": "dock2wasm"})
        response = connection.getresponse()
        status = response.status
        response.close()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return status
