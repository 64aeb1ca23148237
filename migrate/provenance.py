"""The provenance file of a generated tree: what was planned, and the hash of every file we wrote.

`dock2wasm.provenance.json` marks a folder as ours. `build`, `serve` and `validate` read the plan's facts
from it, `convert` knows by it which files a person has edited since. It holds no secret values, no times
and no absolute paths, so that writing the same plan twice gives the same bytes. It is checked into the
user's repository and therefore untrusted when it is read back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeVar

from analyzers.model import Evidence, Grant, GrantKind
from migrate.errors import OutputError
from migrate.reports.wire import grants

PROVENANCE = "dock2wasm.provenance.json"
SCHEMA_VERSION = 1
# A provenance file lists some dozens of files; one beyond this is not ours.
LIMIT = 5_000_000

_SHA256 = re.compile(r"[0-9a-f]{64}\Z")
_SERVICE = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*\Z")
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*\Z")


@dataclass(frozen=True, slots=True)
class HashedFile:
    """A file and the SHA-256 of its content, in hexadecimal."""

    path: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a generated tree comes from.

    `repository` is the way from the tree to the repository (`../..`). `inputs` are the files of the
    repository that the plan was made from, besides the application's own; `files` are those of the tree.
    """

    tool_version: str
    service: str
    lane: str
    entry: str | None
    targets: tuple[str, ...]
    kind: str
    wasi: str
    repository: str
    dockerfile: str | None
    port: int | None
    snapshot_app: str
    promise: bool
    accepted: tuple[str, ...]
    grants: tuple[Grant, ...]
    inputs: tuple[HashedFile, ...]
    files: tuple[HashedFile, ...]

    def hash_of(self, path: str) -> str | None:
        """The hash of the file that we wrote at `path`, or None."""
        return next((file.sha256 for file in self.files if file.path == path), None)


def to_bytes(provenance: Provenance) -> bytes:
    """The file's content: JSON, one fact a line, in a stable order."""
    data = {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "dock2wasm", "version": provenance.tool_version},
        "service": provenance.service,
        "lane": provenance.lane,
        "entry": provenance.entry,
        "targets": list(provenance.targets),
        "kind": provenance.kind,
        "wasi": provenance.wasi,
        "repository": provenance.repository,
        "dockerfile": provenance.dockerfile,
        "port": provenance.port,
        "snapshot_app": provenance.snapshot_app,
        "promise": provenance.promise,
        "accepted": list(provenance.accepted),
        "grants": [grants.to_json(grant) for grant in provenance.grants],
        "inputs": {file.path: file.sha256 for file in provenance.inputs},
        "files": {file.path: file.sha256 for file in provenance.files},
    }
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def from_bytes(content: bytes) -> Provenance:
    """Read a provenance file. Raises OutputError, naming what is wrong with it."""
    try:
        data: object = json.loads(content.decode("utf-8"))
        return _provenance(_Record(data, ""))
    except _MalformedError as error:
        why = str(error)
    except UnicodeDecodeError:
        why = "It is not UTF-8."
    except (ValueError, RecursionError) as error:
        why = f"It is no JSON: {error}"
    raise OutputError(
        f"{PROVENANCE} cannot be read.",
        why=why,
        do="Restore the file from version control, or delete the folder and run convert again.",
    )


class _MalformedError(Exception):
    """What is wrong with a provenance file."""


class _Record:
    """A JSON object whose keys are taken with their types."""

    def __init__(self, data: object, where: str) -> None:
        if not isinstance(data, dict):
            raise _MalformedError(f"{where or 'It'} is no object.")
        self._data = data
        self._where = where

    def string(self, key: str, pattern: re.Pattern[str] | None = None) -> str:
        value = self._data.get(key)
        if not isinstance(value, str):
            raise _MalformedError(f"{self._name(key)} is no string.")
        if pattern is not None and not pattern.match(value):
            raise _MalformedError(f"{self._name(key)} has the value {value[:80]!r}.")
        return value

    def optional_string(self, key: str) -> str | None:
        return None if self._data.get(key) is None else self.string(key)

    def optional_integer(self, key: str) -> int | None:
        value = self._data.get(key)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise _MalformedError(f"{self._name(key)} is no integer.")
        return value

    def boolean(self, key: str) -> bool:
        value = self._data.get(key)
        if not isinstance(value, bool):
            raise _MalformedError(f"{self._name(key)} is neither true nor false.")
        return value

    def strings(self, key: str, pattern: re.Pattern[str] | None = None) -> tuple[str, ...]:
        items = self.records(key, lambda item: item)
        if not all(isinstance(item, str) and (not pattern or pattern.match(item)) for item in items):
            raise _MalformedError(f"{self._name(key)} does not hold names only.")
        return tuple(str(item) for item in items)

    def records(self, key: str, read: Callable[[object], _R]) -> tuple[_R, ...]:
        value = self._data.get(key)
        if not isinstance(value, list):
            raise _MalformedError(f"{self._name(key)} is no list.")
        return tuple(read(item) for item in value)

    def record(self, key: str) -> _Record:
        return _Record(self._data.get(key), self._name(key))

    def hashes(self, key: str) -> tuple[HashedFile, ...]:
        found = self.record(key)
        return tuple(HashedFile(_inside(path), found.string(path, _SHA256)) for path in found._data)

    def choice(self, key: str, values: tuple[str, ...]) -> str:
        value = self.string(key)
        if value not in values:
            raise _MalformedError(f"{self._name(key)} is {value[:80]!r}, not one of {', '.join(values)}.")
        return value

    def _name(self, key: str) -> str:
        return f"{self._where}.{key}" if self._where else key


_R = TypeVar("_R")


def _provenance(record: _Record) -> Provenance:
    version = record.optional_integer("schema_version")
    if version != SCHEMA_VERSION:
        raise _MalformedError(f"schema_version is {version}; this dock2wasm reads {SCHEMA_VERSION}.")
    port = record.optional_integer("port")
    if port is not None and not 1 <= port <= 65535:
        raise _MalformedError(f"port is {port}.")
    return Provenance(
        tool_version=record.record("tool").string("version"),
        service=record.string("service", _SERVICE),
        lane=record.string("lane", _NAME),
        entry=record.optional_string("entry"),
        targets=record.strings("targets", _NAME),
        kind=record.choice("kind", ("http", "command")),
        wasi=record.choice("wasi", ("0.2", "0.3")),
        repository=_relative(record.string("repository")),
        dockerfile=_optional_inside(record.optional_string("dockerfile")),
        port=port,
        snapshot_app=record.choice("snapshot_app", ("never", "auto", "always")),
        promise=record.boolean("promise"),
        accepted=record.strings("accepted", _NAME),
        grants=record.records("grants", _grant),
        inputs=record.hashes("inputs"),
        files=record.hashes("files"),
    )


def _grant(data: object) -> Grant:
    record = _Record(data, "grants")
    evidence = record.record("evidence")
    kind = GrantKind(record.choice("kind", tuple(str(k) for k in GrantKind)))
    value = record.optional_string("value")
    if kind is GrantKind.SECRET and value is not None:
        raise _MalformedError(f"the secret {record.string('name')[:80]!r} has a value.")
    line = evidence.optional_integer("line")
    return Grant(
        kind=kind,
        name=record.string("name"),
        evidence=Evidence(evidence.string("path"), line or 0, evidence.string("snippet")),
        value=value,
        guest=record.optional_string("guest"),
        mode=record.optional_string("mode"),
        scheme=record.optional_string("scheme"),
        host=record.optional_string("host"),
        port=record.optional_integer("port"),
    )


def is_inside(path: str) -> bool:
    """Whether a path with forward slashes stays below the folder it is relative to."""
    return (
        bool(path)
        and "\\" not in path
        and "\0" not in path
        and not path.startswith("/")
        and path == str(PurePosixPath(path))
        and ".." not in path.split("/")
        and path != "."
    )


def _inside(path: str) -> str:
    if not is_inside(path):
        raise _MalformedError(f"the path {path[:80]!r} leaves its folder.")
    return path


def _optional_inside(path: str | None) -> str | None:
    return None if path is None else _inside(path)


def _relative(path: str) -> str:
    if path.startswith("/") or "\0" in path:
        raise _MalformedError(f"the path {path[:80]!r} is absolute.")
    return path
