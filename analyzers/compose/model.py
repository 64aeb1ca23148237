"""What a compose file says, as plain data."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from analyzers.model import ComposeFacts, Evidence, Unknown


@dataclass(frozen=True, slots=True)
class Build:
    """`build:` of a service. `context` is repository-relative ("" for the root), None when it is no
    folder of the repository. `dockerfile` is relative to the context; `inline` holds the text of
    `dockerfile_inline`, shifted so that its line numbers are those of the compose file.
    `additional_contexts` are name and value; a folder of the repository is written as `./folder`."""

    context: str | None
    context_text: str
    dockerfile: str
    target: str | None
    args: tuple[tuple[str, str | None], ...]
    evidence: Evidence
    inline: str | None = None
    additional_contexts: tuple[tuple[str, str], ...] = ()

    @property
    def dockerfile_path(self) -> str | None:
        """The Dockerfile, repository-relative; None for an inline one and for one outside."""
        if self.context is None or self.inline is not None or self.dockerfile.startswith("/"):
            return None
        path = posixpath.normpath(posixpath.join(self.context, self.dockerfile))
        return None if path.startswith("../") or path == ".." else path


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service of a compose project. `image` is the interpolated `image:`; a variable in it that
    nothing in the repository sets stays as written."""

    name: str
    folder: str  # the project directory, "" for the root
    build: Build | None
    image: str | None
    facts: ComposeFacts
    profiles: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class ComposeModel:
    """The services of all compose projects of a repository, each once.

    `files` are all compose files in compose's own order within a folder. `repeated` are pairs: a service
    that another file states first (a variant for tests or production), and the one that counts for it.
    """

    services: tuple[ComposeService, ...] = ()
    files: tuple[str, ...] = ()
    repeated: tuple[tuple[ComposeService, ComposeService], ...] = ()
