"""The services that a fixture's service calls, started for original and component alike.

They answer on the Docker bridge's address of this machine: a container reaches it, and so does a component
that runs beside. `validate` starts no neighbours by itself; their addresses are handed over with `--env`.
What they keep outlives a side's run: a fixture's first probe empties it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from tests import needs
from tests.e2e import products

POSTGRES = Path("/usr/lib/postgresql")
"""Where Debian keeps its versions."""
START = 60.0  # seconds; a machine that builds something else takes its time


def _bridge() -> tuple[str, str]:
    """This machine's address on Docker's default bridge, and the bridge's subnet."""
    import docker

    client = docker.from_env()
    try:
        (config,) = client.networks.get("bridge").attrs["IPAM"]["Config"]
        return str(config["Gateway"]), str(config["Subnet"])
    finally:
        client.close()


@contextmanager
def _products() -> Iterator[Mapping[str, str]]:
    with products.serving(_bridge()[0]) as url:
        yield {"PRODUCTS_URL": url}


@contextmanager
def _redis() -> Iterator[Mapping[str, str]]:
    program = shutil.which("redis-server")
    if program is None:
        needs.missing("redis-server", do="apt-get install redis-server")
    address, _ = _bridge()
    port = _free_port(address)
    with tempfile.TemporaryDirectory() as folder:
        # Reachable from this machine and its containers; what a test puts there lies in memory only.
        argv = [str(program), "--bind", address, "--port", str(port), "--protected-mode", "no", "--save", ""]
        with _running(argv, Path(folder), address, port):
            yield {"REDIS_URL": f"redis://{address}:{port}/0"}


@contextmanager
def _postgres() -> Iterator[Mapping[str, str]]:
    versions = sorted(POSTGRES.glob("*/bin"), key=lambda path: int(path.parent.name))
    if not versions:
        needs.missing("PostgreSQL server", do="apt-get install postgresql")
    programs = versions[-1]
    address, subnet = _bridge()
    port = _free_port(address)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder)
        data = home / "data"
        user = _server_user(home)
        (home / "password").write_text("ledger")
        made = ["-U", "ledger", "-A", "scram-sha-256", "-E", "UTF8", "--locale=C", "--no-sync"]
        argv = [str(programs / "initdb"), "-D", str(data), "--pwfile", str(home / "password"), *made]
        subprocess.run(argv, check=True, capture_output=True, user=user, cwd=home)
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all ledger {subnet} scram-sha-256\nhost all ledger samehost scram-sha-256\n")
        settings = {
            "listen_addresses": address,
            "port": str(port),
            "unix_socket_directories": "",
            "fsync": "off",
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        with _running([str(programs / "postgres"), "-D", str(data), *options], home, address, port, user):
            # The cluster's first database is called postgres; a user's own is looked for by name.
            place = f"{address}:{port}"
            _create_database(programs, address, port, home)
            yield {"DATABASE_URL": f"postgresql+pg8000://ledger:ledger@{place}/ledger"}


def _server_user(home: Path) -> int | None:
    """PostgreSQL refuses to run as root: Debian's own user does it then."""
    if os.geteuid() != 0:
        return None
    user = pwd.getpwnam("postgres").pw_uid
    os.chown(home, user, -1)
    return user


def _create_database(programs: Path, address: str, port: int, home: Path) -> None:
    argv = [str(programs / "createdb"), "-h", address, "-p", str(port), "-U", "ledger", "ledger"]
    environment = {**os.environ, "PGPASSWORD": "ledger"}
    end = time.monotonic() + START
    while True:  # it listens a moment before it takes connections
        done = subprocess.run(argv, env=environment, cwd=home, capture_output=True, text=True)
        if done.returncode == 0:
            return
        if time.monotonic() > end:
            raise AssertionError(done.stderr)
        time.sleep(0.2)


def _free_port(address: str) -> int:
    with socket.socket() as found:
        found.bind((address, 0))
        return int(found.getsockname()[1])


@contextmanager
def _running(
    argv: Sequence[str], folder: Path, address: str, port: int, user: int | None = None
) -> Iterator[None]:
    """A server until the end of the context; entered when it takes connections."""
    log = folder / "log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=out, user=user
        )
    try:
        end = time.monotonic() + START
        while True:
            try:
                socket.create_connection((address, port), timeout=1).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > end:
                    raise AssertionError(f"{argv[0]} does not start:\n{log.read_text()}") from None
                time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(20)


@contextmanager
def _nobody() -> Iterator[Mapping[str, str]]:
    yield {}


NEIGHBOURS: Mapping[str, Callable[[], AbstractContextManager[Mapping[str, str]]]] = {
    "flask-gateway": _products,
    "flask-redis": _redis,
    "flask-postgres": _postgres,
    "starlette-gateway": _products,
}


def started(fixture: str) -> AbstractContextManager[Mapping[str, str]]:
    """What the fixture's service calls, while the context lasts; gives the variables that name it."""
    return NEIGHBOURS.get(fixture, _nobody)()
