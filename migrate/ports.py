"""Ports on 127.0.0.1: a free one, whether one is taken, and by whom."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from migrate.errors import PortError

HOST = "127.0.0.1"

# The kernel may hand out the same free port twice before anybody listens on it; we do not.
_recent: deque[int] = deque(maxlen=64)
_lock = threading.Lock()


def free_port() -> int:
    """A port that is free now and was not handed out lately.

    Between this answer and the listening of the program that gets it, another program may take it: the
    runtimes start again on another port then. Raises PortError where none is free.
    """
    with _lock:
        for _ in range(2 * (_recent.maxlen or 1)):
            with socket.socket() as probe:
                try:
                    probe.bind((HOST, 0))
                except OSError as error:
                    raise PortError(f"No port of {HOST} is free.", why=error.strerror or str(error)) from None
                port = int(probe.getsockname()[1])
            if port not in _recent:
                _recent.append(port)
                return port
    raise PortError(f"No port of {HOST} is free.", do="End some programs that listen there.")


def require_free(port: int) -> None:
    """Raises PortError, naming who holds it where that can be seen, unless we could listen on `port`."""
    if not 1 <= port <= 65535:
        raise PortError(f"{port} is no port.", do="Choose one between 1 and 65535.")
    with socket.socket() as probe:
        # As servers do: a connection that has just ended does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
            probe.listen()
        except PermissionError:
            raise PortError(
                f"Port {port} is not ours to listen on.",
                why="Ports below 1024 need privileges.",
                do="Choose a higher one with --port.",
            ) from None
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise PortError(f"Port {port} cannot be used.", why=error.strerror or str(error)) from None
            raise taken(port) from None


def taken(port: int) -> PortError:
    """The error that says so, to be raised."""
    holders = [f"{_name(pid)} (process {pid})" for pid in listeners(port)]
    return PortError(
        f"Port {port} of {HOST} is taken.",
        why=f"{' and '.join(holders)} listens there." if holders else "Another program listens there.",
        do="End it, or choose another port with --port (none: a free one is found).",
    )


def accepts(port: int, timeout: float = 1.0) -> bool:
    """Whether something takes connections on `port`. The connection is closed without a byte."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout):
        return True
    return False


def listeners(port: int, group: int | None = None) -> tuple[int, ...]:
    """Processes that listen on `port`, of one process group where given. Linux only; elsewhere empty.

    Processes of other users cannot be seen without privileges.
    """
    inodes = frozenset(_inodes(port))
    return tuple(pid for pid in _processes(group) if inodes and _holds(pid, inodes))


def can_see_listeners() -> bool:
    """Whether `listeners` can tell at all."""
    return Path("/proc/net/tcp").is_file() and Path("/proc/self/fd").is_dir()


def _inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                # local address, state 0A (LISTEN), inode: proc(5)
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]"


def _processes(group: int | None) -> Iterator[int]:
    with contextlib.suppress(OSError):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    pid = int(entry.name)
                    if group is None or os.getpgid(pid) == group:
                        yield pid


def _holds(pid: int, sockets: frozenset[str]) -> bool:
    with contextlib.suppress(OSError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(descriptor.readlink()) in sockets:
                    return True
    return False


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    return "a program"
