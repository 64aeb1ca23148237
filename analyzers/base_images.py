"""What is known of public images by name: the table in `base_images.toml`.

A name says what an image is for and, for a repository that is listed itself, what a container of it starts.
It never says what somebody's own image of a similar name holds.
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

# Parts of a reference that stand before an official image's name on the registries that mirror them.
_OFFICIAL = ("library",)


@dataclass(frozen=True, slots=True)
class BaseImage:
    """A public image. Empty fields are not known or not there.

    `exact`: the repository is listed itself, so what it starts is known. Else only its last part agrees
    (`acme/redis`): `language`, `role`, `protocol`, `port`, `state`, `outbound` are kept, the rest is empty.
    """

    language: str = ""
    role: str = ""
    protocol: str = ""
    port: int = 0
    entrypoint: tuple[str, ...] = ()
    passes_on: bool = False  # the entrypoint ends in `exec "$@"`
    program: str = ""  # put before a command whose first word matches one of `program_for`
    program_for: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    interactive: bool = False  # the command is a shell or an interpreter, no service
    workdir: str = "/"
    user: str = ""
    state: str = ""
    outbound: tuple[str, ...] = ()
    gpu: bool = False
    processes: bool = False
    exact: bool = True

    def started(self, command: tuple[str, ...]) -> tuple[str, ...]:
        """What runs where the container's command is `command` and the entrypoint is the image's own."""
        if self.program and command and self._takes(command[0]):
            command = (self.program, *command)
        return command if self.passes_on else (*self.entrypoint, *command)

    def _takes(self, word: str) -> bool:
        return any(fnmatch.fnmatchcase(word, pattern) for pattern in self.program_for)


# What stays true of an image whose name only ends like a known one's.
_LOOSE = frozenset({"language", "role", "protocol", "port", "state", "outbound", "processes"})
_TUPLES = frozenset(field.name for field in fields(BaseImage) if field.type == "tuple[str, ...]")


@dataclass(frozen=True, slots=True)
class _Entry:
    facts: Mapping[str, Any]
    tags: tuple[tuple[str, Mapping[str, Any]], ...]

    def image(self, tag: str, *, exact: bool) -> BaseImage:
        facts = dict(self.facts)
        for pattern, other in self.tags:
            if fnmatch.fnmatchcase(tag, pattern):
                facts.update(other)
        return BaseImage(**{k: v for k, v in facts.items() if exact or k in _LOOSE}, exact=exact)


def image_name(reference: str) -> str:
    """The last part of an image reference, without tag and digest: `redis` of `docker.io/bitnami/redis:7`."""
    return reference.partition("@")[0].rsplit("/", 1)[-1].partition(":")[0].lower()


@cache
def find(reference: str) -> BaseImage | None:
    """What is known of the image that `reference` names, tag and digest included; None for all others."""
    name, _, _ = reference.partition("@")
    folder, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    parts = [part.lower() for part in f"{folder}{slash}{last}".split("/")]
    exact, loose = _tables()
    if _is_official(parts[:-1]) and (entry := exact.get(parts[-1])) is not None:
        return entry.image(tag, exact=True)
    for length in range(2, len(parts) + 1):
        if (entry := exact.get("/".join(parts[-length:]))) is not None:
            return entry.image(tag, exact=True)
    entry = loose.get(parts[-1])
    return entry.image(tag, exact=False) if entry is not None else None


def _is_official(before: list[str]) -> bool:
    """Whether what stands before a name's last part is at most a registry's host, or ends in `library`."""
    if not before or before[-1] in _OFFICIAL:
        return True
    return len(before) == 1 and ("." in before[0] or ":" in before[0] or before[0] == "localhost")


@cache
def _tables() -> tuple[Mapping[str, _Entry], Mapping[str, _Entry]]:
    """Repository -> entry, and last part of a name -> entry."""
    data = tomllib.loads(Path(__file__).with_name("base_images.toml").read_text("utf-8"))
    known = {field.name for field in fields(BaseImage)}
    exact: dict[str, _Entry] = {}
    loose: dict[str, _Entry] = {}
    for row in data["image"]:
        tags = tuple((tag["pattern"], _frozen(tag, known)) for tag in row.get("tag", ()))
        entry = _Entry(_frozen(row, known), tags)
        for repository in row["repositories"]:
            exact[repository] = entry
            if "/" not in repository:
                loose.setdefault(repository, entry)
        for name in row.get("also", ()):
            loose[name] = entry
    return exact, loose


def _frozen(row: Mapping[str, Any], known: set[str]) -> Mapping[str, Any]:
    return {k: tuple(v) if k in _TUPLES else v for k, v in row.items() if k in known}
