"""`javascript_packages.toml`, read once: what packages are and what calls mean."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Connection:
    """A call that opens a connection, or makes the client of one."""

    kind: str  # database, outbound, file
    protocol: str
    keys: tuple[str, ...]  # of an object argument, dotted, that hold the address


@dataclass(frozen=True, slots=True)
class Keeper:
    """A call that keeps state in the process unless `store` among its options says where."""

    store: str
    what: str


@dataclass(frozen=True, slots=True)
class Table:
    """All of the file, in the form that look-ups need."""

    native: frozenset[str]
    fallback: frozenset[str]
    harmless: frozenset[str]
    gpu: frozenset[str]
    frameworks: tuple[tuple[str, str], ...]
    connections: dict[str, Connection]  # canonical name of the call
    http_packages: frozenset[str]
    http_calls: frozenset[str]
    http_keys: tuple[str, ...]
    http_silent: frozenset[str]
    sdk: dict[str, str]
    grpc: frozenset[str]
    dialects: dict[str, str]
    orm: frozenset[str]
    lists: dict[str, dict[str, frozenset[str]]]  # section -> key -> names
    worker_methods: tuple[tuple[str, str], ...]
    keepers: dict[str, Keeper]

    def names(self, section: str, key: str = "calls") -> frozenset[str]:
        """The names under a key of a section."""
        return self.lists[section].get(key, frozenset())


@cache
def load() -> Table:
    """The table. It is part of the program: an error in it is an error of ours."""
    path = Path(__file__).parent.parent / "javascript_packages.toml"
    data = tomllib.loads(path.read_text("utf-8"))
    connections: dict[str, Connection] = {}
    for entry in data["connection"]:
        made = Connection(entry["kind"], entry["protocol"], tuple(entry["keys"]))
        for package in entry["packages"]:
            for call in entry["calls"]:
                name = package + ("." + call if call and not call.startswith("()") else call)
                connections.setdefault(name.removeprefix("node:"), made)
    sections = (
        "subprocess", "thread", "background", "worker", "cache", "compute", "forward", "host", "names",
        "files", "websocket", "servers",
    )  # fmt: skip
    return Table(
        native=frozenset(data["native"]["names"]),
        fallback=frozenset(data["pure-fallback"]["names"]),
        harmless=frozenset(data["harmless-install"]["names"]),
        gpu=frozenset(data["gpu"]["packages"]),
        frameworks=tuple((package, name) for package, name in data["framework"]["names"]),
        connections=connections,
        http_packages=frozenset(data["http"]["packages"]),
        http_calls=frozenset(data["http"]["calls"]),
        http_keys=tuple(data["http"]["keys"]),
        http_silent=frozenset(data["http"]["silent"]),
        sdk=dict(data["sdk"]),
        grpc=frozenset(data["grpc"]["packages"]),
        dialects=dict(data["dialects"]),
        orm=frozenset(
            f"{package}.{call}" if call else package
            for package, calls in data["orm"].items()
            for call in calls
        ),
        lists={
            section: {
                key: frozenset(item for item in value if isinstance(item, str))
                for key, value in data[section].items()
                if isinstance(value, list)
            }
            for section in sections
        },
        worker_methods=tuple((package, method) for package, method in data["worker"]["methods"]),
        keepers={
            call: Keeper(entry["store"], entry["what"]) for entry in data["memory"] for call in entry["calls"]
        },
    )
