"""The files of the stage that builds a program, by their paths there."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from analyzers.guest import Guest
from analyzers.model import Evidence, Image


class Sources:
    """Guest path -> repository file in a build stage.

    Where the stage copies no manifest (it mounts its context, or the image takes a program that was made
    elsewhere), the build context is taken to lie in the stage's working directory: `assumed` is then true.
    """

    def __init__(self, guest: Guest, image: Image) -> None:
        self.guest = guest
        self.tree = guest.tree
        self.files: Mapping[str, str] = guest.files
        self.assumed = False
        if not any(posixpath.basename(path) == "Cargo.toml" for path in guest.files):
            prefix = f"{image.context}/" if image.context else ""
            runs = [run.workdir for run in image.runs if "cargo" in run.command]
            folder = posixpath.normpath(posixpath.join("/", runs[-1] if runs else image.workdir or "/"))
            beside = {
                posixpath.join(folder, path[len(prefix) :]): path
                for path in self.tree.paths
                if path.startswith(prefix)
            }
            if any(posixpath.basename(path) == "Cargo.toml" for path in beside):
                self.files = {**beside, **guest.files}
                self.assumed = True
        self.manifests = tuple(
            sorted(
                (path for path in self.files if posixpath.basename(path) == "Cargo.toml"),
                key=lambda path: (path.count("/"), path),
            )
        )

    def __contains__(self, path: str) -> bool:
        return path in self.files

    def text(self, path: str) -> str | None:
        source = self.files.get(path)
        return self.tree.text(source) if source is not None else self.guest.text(path)

    def evidence(self, path: str, line: int) -> Evidence:
        """A line of a file in the repository's terms."""
        source = self.files.get(path, path)
        return Evidence(source, line, self.tree.line(source, line))
