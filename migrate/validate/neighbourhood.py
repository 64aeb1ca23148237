"""Starts a service's neighbours: for each side, each run, its own containers on a network of their own.

The original finds them on that network by the names that compose gives them. The component reaches its own
copies through ports published on a loopback address that is theirs alone (127.x.y.z), under the numbers that
they have in the container: so a variable that names a host and no port is enough. Only Linux has the whole of
127.0.0.0/8; elsewhere it is 127.0.0.1.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import socket
import sys
import tarfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate.errors import Dock2wasmError, EngineError, OriginalError
from migrate.progress import Progress
from migrate.runtimes import ServeRequest
from migrate.validate import engine, original
from migrate.validate.neighbours import Neighbour, rewritten

if TYPE_CHECKING:
    from docker import DockerClient

READY = 120.0
"""Seconds that a neighbour may take until it is healthy, or takes connections."""
SEED_LIMIT = 256 << 20
"""Bytes of the repository that one neighbour may get."""
_CHECK = 500_000_000  # nanoseconds between two health checks; compose's own may be half a minute
_TRIES = 100_000  # how often a check may fail: the time-out is ours
_LOG_LIMIT = 4 << 20
_DO = "Start it yourself and name it with --env, or leave neighbours out with --no-neighbours."


@dataclass(slots=True)
class Neighbourhood:
    """The neighbours of one service. Without `client` (a replay) nothing is started.

    `variables` may name them (`neighbours.naming`), `given` are values for what compose hands through. Logs
    of neighbours of a run that failed are kept in `logs`, the repository's files are read from `repository`.
    """

    neighbours: Sequence[Neighbour]
    variables: Mapping[str, str]
    given: Mapping[str, str]
    repository: Path
    logs: Path
    progress: Progress
    client: DockerClient | None = None

    @contextlib.contextmanager
    def of_original(self, setup: original.Setup) -> Iterator[original.Setup]:
        """The setup, on a network where its neighbours are."""
        if self.client is None or not self.neighbours:
            yield setup
            return
        with self._started(self.client, "original") as group:
            yield replace(setup, network=group.network)

    @contextlib.contextmanager
    def of_candidate(self, request: ServeRequest) -> Iterator[ServeRequest]:
        """The request, its variables naming the component's own neighbours."""
        if self.client is None or not self.neighbours:
            yield request
            return
        with self._started(self.client, "candidate") as group:
            moved = rewritten(self.variables, group.addresses)
            yield replace(request, environment={**request.environment, **moved})

    @contextlib.contextmanager
    def _started(self, client: DockerClient, side: str) -> Iterator[_Group]:
        group = _Group(client, f"dock2wasm-neighbours-{secrets.token_hex(6)}")
        try:
            group.connect()
            for one in self.neighbours:
                _pull(client, one.image, self.progress)
                group.start(one, _environment(one, self.given), self.repository)
            for one in self.neighbours:
                group.wait(one)
            yield group
            group.check()
            group.remove()
        except BaseException as error:
            # The first error is the one to tell; an engine that died cannot remove anything either.
            with contextlib.suppress(EngineError):
                if isinstance(error, Dock2wasmError):
                    self._keep_logs(group, side)
            with contextlib.suppress(EngineError):
                group.remove(late=True)  # also where we were stopped while we removed it
            raise

    def _keep_logs(self, group: _Group, side: str) -> None:
        for host in group.containers:
            path = self.logs / f"neighbour-{side}-{host}.log"
            with contextlib.suppress(OSError):
                path.write_text(group.log(host), "utf-8")
                self.progress.note(f"  log of the neighbour {host}: {path}")


@dataclass(slots=True)
class _Group:
    """The neighbours of one side in one run."""

    client: DockerClient
    network: str
    addresses: dict[str, str] = field(default_factory=dict)  # host as compose names it -> loopback address
    neighbours: list[Neighbour] = field(default_factory=list)  # those that run
    names: list[str] = field(default_factory=list)  # of containers, each known before it is made
    containers: dict[str, Any] = field(default_factory=dict)
    ports: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def connect(self) -> None:
        with engine.translated("The Docker engine does not make a network for the neighbours."):
            self.client.networks.create(
                self.network,
                driver="bridge",
                labels={engine.LABEL: "neighbours", engine.OWNER: engine.owner()},
            )

    def start(self, one: Neighbour, environment: Mapping[str, str], repository: Path) -> None:
        seeds = _seeds(one, repository)
        address = loopback()
        self.names.append(f"{self.network}-{secrets.token_hex(3)}")
        with engine.translated(f"The neighbour {one.name} cannot be started.", do=_DO):
            ports = _ports(one, self.client.images.get(one.image).attrs)
            endpoint = self.client.api.create_endpoint_config(aliases=[one.host])
            created = self.client.containers.create(
                one.image,
                command=list(one.command) if one.command is not None else None,
                entrypoint=list(one.entrypoint) if one.entrypoint is not None else None,
                environment=dict(environment),
                working_dir=one.working_dir,
                user=one.user,
                name=self.names[-1],
                labels={engine.LABEL: "neighbour", engine.OWNER: engine.owner()},
                detach=True,
                mem_limit=original.MEMORY,
                memswap_limit=original.MEMORY,
                pids_limit=original.PIDS,
                security_opt=["no-new-privileges"],
                ports={f"{port}/tcp": (address, port) for port in ports},
                healthcheck=_healthcheck(one),
                network=self.network,
                networking_config={self.network: endpoint},
            )
            self.containers[one.host] = created
            if seeds:
                created.put_archive("/", seeds)
            created.start()
        self.addresses[one.host] = address
        self.ports[one.host] = ports
        self.neighbours.append(one)

    def wait(self, one: Neighbour) -> None:
        """Until it is healthy, or, where nothing checks that, takes a connection. Raises OriginalError."""
        container = self.containers[one.host]
        end = time.monotonic() + READY
        while True:
            with engine.translated(f"The Docker engine died while the neighbour {one.name} started."):
                container.reload()
            state = container.attrs.get("State") or {}
            health = str((state.get("Health") or {}).get("Status") or "")
            if container.status == "exited" and state.get("ExitCode") == 0:
                return  # one that fills another and ends
            if container.status in {"exited", "dead"}:
                raise self._failed(
                    one, f"ended before it was ready, with exit code {state.get('ExitCode', '?')}"
                )
            if health == "healthy":
                return
            if not health and container.status == "running" and self._listens(one):
                return
            if time.monotonic() > end:
                what = f"is still {health}" if health else "takes no connection"
                raise self._failed(one, f"{what} after {READY:.0f} s")
            time.sleep(0.05)

    def _listens(self, one: Neighbour) -> bool:
        ports = self.ports[one.host]
        return not ports or _takes_connections(self.addresses[one.host], ports[0])

    def _failed(self, one: Neighbour, what: str) -> OriginalError:
        lines = self.log(one.host).rstrip().splitlines()[-40:]
        end = "\n".join(f"    {line}" for line in lines) or "    (empty)"
        return OriginalError(
            f"The neighbour {one.name} ({one.image}) {what}.", why=f"Its log ends:\n{end}", do=_DO
        )

    def log(self, host: str) -> str:
        with engine.translated(f"The log of {host} cannot be read."):
            whole = bytes(self.containers[host].logs(stdout=True, stderr=True))
        return whole[-_LOG_LIMIT:].decode("utf-8", "replace")

    def check(self) -> None:
        """Raises OriginalError where one has ended since."""
        for one in self.neighbours:
            container = self.containers[one.host]
            with engine.translated(f"The Docker engine died beside the neighbour {one.name}."):
                found = engine.reloaded(container)
            if not found:
                raise OriginalError(f"The neighbour {one.name} was removed while it was needed.", do=_DO)
            code = (container.attrs.get("State") or {}).get("ExitCode")
            if container.status in {"exited", "dead"} and code != 0:
                raise self._failed(one, f"ended while it was needed, with exit code {code}")

    def remove(self, *, late: bool = False) -> None:
        """`late` as for `engine.remove`: only the last one may just be made."""
        for name in self.names:
            engine.remove(self.client, name, late=late and name == self.names[-1])
        engine.remove_network(self.client, self.network, late=late)


def loopback() -> str:
    """An address of this machine's loopback interface that most likely nobody else uses."""
    if not sys.platform.startswith("linux"):
        return "127.0.0.1"
    return f"127.{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}.{1 + secrets.randbelow(254)}"


def _takes_connections(address: str, port: int) -> bool:
    """Whether the service itself listens: Docker's proxy takes a connection before and closes it at once."""
    try:
        with socket.create_connection((address, port), timeout=1.0) as connection:
            connection.settimeout(0.2)
            return connection.recv(1) != b""
    except TimeoutError:
        return True
    except OSError:
        return False


def _environment(one: Neighbour, given: Mapping[str, str]) -> dict[str, str]:
    handed = {name: given.get(name, os.environ.get(name)) for name, value in one.environment if value is None}
    stated = {name: value for name, value in one.environment if value is not None}
    return {**stated, **{name: value for name, value in handed.items() if value is not None}}


def _ports(one: Neighbour, image: Mapping[str, Any]) -> tuple[int, ...]:
    exposed = (image.get("Config") or {}).get("ExposedPorts") or {}
    numbers = {int(port.partition("/")[0]) for port in exposed if port.endswith("/tcp")}
    first = () if one.port is None else (one.port,)
    return (*first, *sorted(numbers - set(first)))


def _healthcheck(one: Neighbour) -> dict[str, Any]:
    """Compose's check, else the image's own (no `test`), asked more often than either says."""
    often = {"interval": _CHECK, "retries": _TRIES}
    if one.healthcheck is None:
        return often
    if not one.healthcheck.command:
        return {"test": ["NONE"]}
    kind = "CMD-SHELL" if one.healthcheck.shell else "CMD"
    return {"test": [kind, *one.healthcheck.command], **often}


def _pull(client: DockerClient, name: str, progress: Progress) -> None:
    from docker.errors import ImageNotFound

    with engine.translated(f"The neighbour's image {name} cannot be had.", do=f"docker pull {name}. {_DO}"):
        try:
            client.images.get(name)
        except ImageNotFound:
            with progress.step(f"pull {name}"):
                tagged = ":" in name.rpartition("/")[2] or "@" in name
                client.images.pull(name if tagged else f"{name}:latest")


# --- seed data -----------------------------------------------------------------------------


def _seeds(one: Neighbour, repository: Path) -> bytes:
    """What compose mounts from the repository, as a tar for the container: read-only copies, no links.

    Raises OriginalError where it leaves the repository, is too large, or cannot be read.
    """
    if not one.seeds:
        return b""
    root = repository.resolve()
    out = io.BytesIO()
    left = SEED_LIMIT
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for source, target in one.seeds:
            for path, inner in _files(root, source, target):
                try:
                    data = path.read_bytes()
                except OSError as error:
                    raise OriginalError(
                        f"{source}, which the neighbour {one.name} gets, cannot be read.",
                        why=error.strerror or str(error),
                    ) from error
                left -= len(data)
                if left < 0:
                    raise OriginalError(
                        f"What the neighbour {one.name} gets is larger than {SEED_LIMIT >> 20} MiB.", do=_DO
                    )
                info = tarfile.TarInfo(inner)
                info.size = len(data)
                info.mode = 0o555 if os.access(path, os.X_OK) else 0o444
                tar.addfile(info, io.BytesIO(data))
    return out.getvalue()


def _files(root: Path, source: str, target: str) -> Iterator[tuple[Path, str]]:
    """Files of the repository with their places in the container; no link is followed."""
    start = root / source
    inner = target.strip("/")
    if start.resolve() != start or not start.is_relative_to(root):
        raise OriginalError(f"{source} is a link, or leads out of the repository.", do=_DO)
    if start.is_file():
        yield start, inner
        return
    for folder, folders, names in os.walk(start):
        folders.sort()
        for name in sorted(names):
            path = Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path, f"{inner}/{path.relative_to(start).as_posix()}"
