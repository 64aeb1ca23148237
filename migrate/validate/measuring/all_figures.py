"""All figures of one validation, one kind after the other."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.errors import Dock2wasmError
from migrate.model import Answer, Instances, Measurement, Sent, Side
from migrate.processes import run
from migrate.progress import Progress
from migrate.runtimes import RunningServer, Runtime, ServeRequest
from migrate.validate import original
from migrate.validate.measuring import floor, memory, processes, sizes, starts
from migrate.validate.measuring.confinement import Cores, cores, limited, pinned
from migrate.validate.measuring.effort import QUICK, Effort
from migrate.validate.measuring.generators import Address, Generator, generator
from migrate.validate.measuring.load import FLOOR, Target, under_load
from migrate.validate.measuring.statistics import not_measured

if TYPE_CHECKING:
    from docker import DockerClient


@dataclass(frozen=True, slots=True)
class Subjects:
    """Both sides, as they are started for figures.

    `answers` are those of the original (probe id, request, answer): from them follows what is asked.
    `client` and `setup` are None in a replay; `recorded` are then the original's figures of another day.
    `image_size` is in bytes on disk.
    """

    runtime: Runtime
    request: ServeRequest
    answers: Sequence[tuple[str, Sent, Answer]]
    client: DockerClient | None = None
    setup: original.Setup | None = None
    image_size: int | None = None
    recorded: tuple[Measurement, ...] = ()
    effort: Effort = QUICK


@dataclass(slots=True)
class _Sides:
    """The subjects with what all kinds of figures share."""

    subjects: Subjects
    path: str
    cores: Cores
    floor: ServeRequest | str
    limits: str = ""  # why the runtime has other limits than the container
    setup: original.Setup | None = field(init=False)

    def __post_init__(self) -> None:
        setup = self.subjects.setup
        self.setup = (
            replace(setup, ready_path=self.path, cores=self.cores.service)
            if setup is not None and self.subjects.client is not None
            else None
        )

    @contextlib.contextmanager
    def original(self) -> Iterator[original.Running]:
        client, setup = self.subjects.client, self.setup
        if client is None or setup is None:
            raise Dock2wasmError("There is no container of the original here.")
        with original.running(client, setup) as container:
            yield container

    @contextlib.contextmanager
    def runtime(
        self, request: ServeRequest, instances: Instances, *, wait: bool = True
    ) -> Iterator[RunningServer]:
        request = replace(request, instances=instances)
        with contextlib.ExitStack() as stack:
            with pinned(self.cores.service):
                server = stack.enter_context(self.subjects.runtime.start(request, wait=wait))
            yield server

    @contextlib.contextmanager
    def confined(self, request: ServeRequest, instances: Instances) -> Iterator[RunningServer]:
        """The runtime under the container's limits, where this machine lets us set them."""
        with (
            self.runtime(request, instances) as server,
            limited(processes.of_session(server.pid) if server.pid else ()) as why,
        ):
            self.limits = self.limits or why
            yield server


def take(subjects: Subjects, progress: Progress) -> tuple[Measurement, ...]:
    """All figures. Every container and process that was started is gone when this returns or raises."""
    rows: list[Measurement] = []
    if subjects.client is not None and subjects.setup is not None:
        rows += sizes.image_sizes(subjects.client, subjects.setup.image, subjects.image_size or 0, progress)
    else:
        rows += subjects.recorded
    rows += sizes.component_sizes(subjects.request.component)
    path = path_for_figures(subjects.answers)
    if path is None:
        return (*rows, *_no_path())
    with tempfile.TemporaryDirectory(prefix="dock2wasm-measure-") as scratch:
        folder = Path(scratch)
        sides = _Sides(
            subjects,
            path,
            cores(),
            floor.request(subjects.runtime, subjects.request, folder / "floor"),
        )
        rows += _cold_starts(sides, progress)
        rows += _running(sides, generator(folder, sides.cores.load), progress)
        for count in subjects.effort.copies:
            rows += _copies(sides, count, progress)
    return (*rows, *memory.per_gigabyte(rows))


def path_for_figures(answers: Sequence[tuple[str, Sent, Answer]]) -> str | None:
    """The first GET that the original answers with 200 without a cookie."""
    for _, sent, answer in answers:
        names = {name.lower() for name, _ in sent.headers}
        if sent.method == "GET" and answer.status == 200 and not answer.error and "cookie" not in names:
            return sent.path
    return None


def _no_path() -> tuple[Measurement, ...]:
    why = "no probe is a plain GET that the original answers with 200"
    return tuple(
        not_measured(metric, side, unit, why)
        for metric, unit in (
            ("cold-start", "s"),
            ("memory-rest", "byte"),
            ("memory-load", "byte"),
        )
        for side in Side
    )


# --- starts --------------------------------------------------------------------------------


def _cold_starts(sides: _Sides, progress: Progress) -> list[Measurement]:
    request, path, name = sides.subjects.request, sides.path, sides.subjects.runtime.NAME

    def of_runtime(what: ServeRequest) -> starts.Start:
        @contextlib.contextmanager
        def start() -> Iterator[tuple[str, float]]:
            with sides.runtime(what, Instances.FRESH, wait=False) as server:
                yield server.url, server.spawned

        return start

    @contextlib.contextmanager
    def of_container() -> Iterator[tuple[str, float]]:
        with sides.original() as container:
            yield container.url, container.spawned

    pins = sides.cores.describe()
    compiled = "precompiled" if request.component.precompiled else "compiled from its cache"
    wanted: dict[tuple[str, Side], tuple[starts.Start, str, str]] = {}
    if sides.setup is not None:
        how = f"container created and started, to the first 200 of GET {path}, published port; {pins}"
        wanted["cold-start", Side.ORIGINAL] = (of_container, path, how)
    how = f"{name} started ({compiled}), to the first 200 of GET {path}; {pins}"
    wanted["cold-start", Side.CANDIDATE] = (of_runtime(request), path, how)
    rows = []
    metric = f"{FLOOR}cold-start"
    if isinstance(sides.floor, str):
        rows.append(not_measured(metric, Side.CANDIDATE, "s", sides.floor))
    else:
        how = f"{name} started with a trivial handler, to the first 200; {pins}"
        wanted[metric, Side.CANDIDATE] = (of_runtime(sides.floor), "/", how)
    return starts.cold_starts(wanted, sides.subjects.effort.cold_starts, progress) + rows


# --- both sides running --------------------------------------------------------------------


def _running(sides: _Sides, sender: Generator, progress: Progress) -> list[Measurement]:
    request, path, name = sides.subjects.request, sides.path, sides.subjects.runtime.NAME
    rows: list[Measurement] = []
    with contextlib.ExitStack() as stack:
        with progress.step("start both sides for figures"):
            try:
                candidate = stack.enter_context(sides.confined(request, Instances.FRESH))
                container = stack.enter_context(sides.original()) if sides.setup is not None else None
                reused = _reused(sides, stack)
                trivial = _floor(sides, stack)
            except Dock2wasmError as error:
                return [not_measured("memory-rest", side, "byte", error.what) for side in Side]
        with progress.step("measure memory"):
            if container is not None:
                rows += memory.one_copy(Side.ORIGINAL, _container_copy(container), path)
            rows += memory.one_copy(Side.CANDIDATE, _server_copy(candidate), path)
            if trivial is not None:
                rows += memory.one_copy(Side.CANDIDATE, _server_copy(trivial), "/", FLOOR)
        where = _address(container, sides) if container is not None else None
        network = _network(where, container)
        note = f"{sides.cores.describe()}; {network}"
        if sides.limits:
            note += f"; the runtime not under the container's memory limit ({sides.limits})"
        asked = f"GET {path} on a kept connection, one at a time, over 127.0.0.1; {sides.cores.describe()}"
        servers = {starts.FRESH: (candidate.url, path, f"a fresh instance each; {asked}")}
        if reused is not None:
            servers[starts.REUSED] = (reused.url, path, f"one instance for all; {asked}")
        if trivial is not None:
            how = f"a trivial handler on {name}, a fresh instance each; {asked}"
            servers[f"{FLOOR}fresh-answer", Side.CANDIDATE] = (trivial.url, "/", how)
        rows += starts.answers(servers, sides.subjects.effort.answers, progress)
        rows += under_load(
            _targets(sides, candidate, container, trivial, where),
            sender,
            sides.subjects.effort,
            note,
            progress,
        )
    return rows


def _reused(sides: _Sides, stack: contextlib.ExitStack) -> RunningServer | None:
    """The component with an instance that answers again, where the runtime does that."""
    if sides.subjects.request.component.wasi != "0.2":
        return None
    try:
        return stack.enter_context(sides.runtime(sides.subjects.request, Instances.REUSED))
    except Dock2wasmError:
        return None  # Spin gives each request a fresh one; `instance-start` then says that it is not measured


def _floor(sides: _Sides, stack: contextlib.ExitStack) -> RunningServer | None:
    if isinstance(sides.floor, str):
        return None
    try:
        return stack.enter_context(sides.confined(sides.floor, Instances.FRESH))
    except Dock2wasmError as error:
        sides.floor = error.what
        return None


def _targets(
    sides: _Sides,
    candidate: RunningServer,
    container: original.Running | None,
    trivial: RunningServer | None,
    where: Address | None,
) -> list[Target]:
    found = []
    if container is not None and where is not None:
        found.append(
            Target(
                Side.ORIGINAL,
                where,
                sides.path,
                lambda: processes.of_container(container.pid, container.id)[0],
            )
        )
    found.append(
        Target(
            Side.CANDIDATE, Address(candidate.url), sides.path, lambda: processes.of_session(candidate.pid)
        )
    )
    if trivial is not None:
        found.append(
            Target(
                Side.CANDIDATE,
                Address(trivial.url),
                "/",
                lambda: processes.of_session(trivial.pid),
                FLOOR,
            )
        )
    return found


def _address(container: original.Running, sides: _Sides) -> Address:
    """The container through its own loopback interface, as the runtime through this machine's.

    For that the load generator enters the container's network, which takes root and nsenter; else it goes
    through the published port, as `_network` says.
    """
    published = Address(container.url)
    pids, why = processes.of_container(container.pid, container.id)
    if why or not pids or sides.setup is None or shutil.which("nsenter") is None:
        return published
    inside = Address(f"http://127.0.0.1:{sides.setup.port}", container.pid)
    try:
        with tempfile.TemporaryDirectory() as folder:
            done = run([*inside.enter(), "true"], cwd=Path(folder), timeout=10.0)
    except (OSError, subprocess.TimeoutExpired):
        return published
    return inside if done.returncode == 0 else published


def _network(where: Address | None, container: original.Running | None) -> str:
    if container is None or where is None:
        return "over 127.0.0.1"
    if where.inside:
        return "both over a loopback interface, the original's entered with nsenter"
    return (
        "not the same path: the original through Docker's published port, which costs it something, "
        "the component over 127.0.0.1 (root and nsenter would do)"
    )


# --- copies --------------------------------------------------------------------------------


def _container_copy(container: original.Running) -> memory.Copy:
    port = int(container.url.rpartition(":")[2])
    return memory.Copy(
        container.url,
        lambda: processes.of_container(container.pid, container.id),
        lambda: processes.of_engine(container.id, port),
    )


def _server_copy(server: RunningServer) -> memory.Copy:
    return memory.Copy(server.url, lambda: (processes.of_session(server.pid), ""))


def _copies(sides: _Sides, count: int, progress: Progress) -> list[Measurement]:
    @contextlib.contextmanager
    def container() -> Iterator[memory.Copy]:
        with sides.original() as one:
            yield _container_copy(one)

    @contextlib.contextmanager
    def server() -> Iterator[memory.Copy]:
        with sides.runtime(sides.subjects.request, Instances.FRESH) as one:
            yield _server_copy(one)

    wanted: Mapping[Side, memory.Start] = (
        {Side.ORIGINAL: container, Side.CANDIDATE: server}
        if sides.setup is not None
        else {Side.CANDIDATE: server}
    )
    return [
        row
        for side, start in wanted.items()
        for row in memory.copies(side, start, sides.path, count, progress)
    ]
