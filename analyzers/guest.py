"""The file system of the container, as far as files of the repository make it up."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

from analyzers.model import ComposeFacts, Evidence, Image
from analyzers.repository import Tree

_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class Guest:
    """Guest path -> repository file, from COPY/ADD, from COPY heredocs and from compose's bind mounts.

    Of two that fill one path the image's is taken: a bind mount of a development set-up shows the same
    sources again, and where it does not, the image is what is shipped.
    """

    def __init__(self, tree: Tree, image: Image | None, compose: ComposeFacts | None = None) -> None:
        self.tree = tree
        self.files: dict[str, str] = {}
        self._inline: dict[str, tuple[str, Evidence]] = {}
        if image is not None:
            for file in image.files:
                self.files[posixpath.normpath(file.guest)] = file.source
            for copy in image.copies:
                folder = copy.destination.endswith("/") or len(copy.inline) + len(copy.sources) > 1
                for name, content in copy.inline:
                    path = posixpath.join(copy.destination, name) if folder else copy.destination
                    self._inline[posixpath.normpath(path)] = (content, copy.evidence)
        if compose is not None:
            self._mount(compose)
        self.inline = tuple(self._inline)  # paths that COPY heredocs fill
        self.folders = frozenset(parent for path in self.files for parent in _parents(path))

    def _mount(self, compose: ComposeFacts) -> None:
        for source, target, _, _ in compose.volumes:
            if not source.startswith(".") or not target.startswith("/"):
                continue
            folder = posixpath.normpath(source)
            if folder.startswith(".."):
                continue
            prefix = "" if folder == "." else folder + "/"
            for path in self.tree.paths:
                if path == folder:
                    self.files.setdefault(posixpath.normpath(target), path)
                elif path.startswith(prefix):
                    self.files.setdefault(posixpath.normpath(f"{target}/{path[len(prefix) :]}"), path)

    def exists(self, path: str) -> bool | None:
        """True where it is known to be there; None otherwise, for the base image has files as well."""
        path = posixpath.normpath(path)
        return True if path in self.files or path in self._inline or path in self.folders else None

    def find_program(self, name: str, workdir: str) -> str | None:
        """The guest path of a program as a shell would find it, among the files that are known."""
        if "/" in name:
            places = [posixpath.normpath(posixpath.join(workdir, name))]
        else:
            places = [f"{folder}/{name}" for folder in (*_PATH, workdir.rstrip("/"))]
        return next((p for p in places if p in self.files or p in self._inline), None)

    def text(self, path: str) -> str | None:
        """The text of a guest file."""
        path = posixpath.normpath(path)
        if path in self.files:
            return self.tree.text(self.files[path])
        return self._inline[path][0] if path in self._inline else None

    def evidence(self, path: str, line: int) -> Evidence | None:
        """A line of a guest file, in the repository's own terms."""
        path = posixpath.normpath(path)
        if path in self.files:
            return Evidence(self.files[path], line, self.tree.line(self.files[path], line))
        if path in self._inline:
            content, evidence = self._inline[path]
            lines = content.split("\n")
            snippet = lines[line - 1].strip()[:160] if 0 < line <= len(lines) else ""
            return Evidence(evidence.path, evidence.line + line, snippet)
        return None


def _parents(path: str) -> Iterable[str]:
    while path not in ("/", ""):
        path = posixpath.dirname(path)
        yield path
