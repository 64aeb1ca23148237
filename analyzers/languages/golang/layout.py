"""Guest folders of a stage and the repository folders that they are copies of."""

from __future__ import annotations

import posixpath

from analyzers.guest import Guest
from analyzers.languages.golang.modules import Modules
from analyzers.model import Image
from analyzers.repository import Tree

_LAYOUTS = 8  # kept; each holds its image, so that no other can have the same id


class Layout:
    """Guest folders of a stage and the repository folders that they are copies of."""

    def __init__(self, modules: Modules, image: Image) -> None:
        self.guest = Guest(modules.tree, image)
        self.image = image
        self.modules = modules
        self._folders: dict[str, str] = {}
        for path, source in self.guest.files.items():
            if source.endswith((".go", "/go.mod")) or source == "go.mod":
                self._folders.setdefault(posixpath.dirname(path), posixpath.dirname(source))

    def gopath(self, folder: str) -> tuple[str, str] | None:
        """Above a repository folder, the one that is copied to `…/src/<import path>`, and that path."""
        for guest, source in sorted(self._folders.items()):
            inside = folder == source or folder.startswith(f"{source}/" if source else "")
            if inside and "/src/" in guest and "." in guest.partition("/src/")[2].partition("/")[0]:
                path = guest.partition("/src/")[2]
                while source and posixpath.basename(source) == posixpath.basename(path):
                    source, path = posixpath.dirname(source), posixpath.dirname(path)
                return source, path
        return None

    def folder(self, path: str) -> str | None:
        """The repository folder behind a guest folder; a bind mount puts the context at the workdir."""
        path = posixpath.normpath(path)
        if path in self._folders:
            return self._folders[path]
        here = path
        while here not in ("/", ""):  # a folder below one that is known
            here = posixpath.dirname(here)
            if here in self._folders:
                rest = path[len(here.rstrip("/")) :].lstrip("/")
                found = posixpath.normpath(posixpath.join(self._folders[here], rest))
                return (
                    ("" if found == "." else found)
                    if self.modules.sources(found if found != "." else "")
                    else None
                )
        base = self.image.workdir or "/"
        for root in (base, posixpath.dirname(base)):
            if path == root or path.startswith(root.rstrip("/") + "/"):
                rest = path[len(root.rstrip("/")) :].lstrip("/")
                found = posixpath.normpath(posixpath.join(self.image.context, rest))
                found = "" if found == "." else found
                if self.modules.sources(found):
                    return found
        return None


class Sources(Modules):
    """The modules of a repository, and the layouts of the stages that were asked for last."""

    def __init__(self, tree: Tree) -> None:
        super().__init__(tree)
        self._layouts: dict[int, Layout] = {}

    def layout(self, image: Image) -> Layout:
        known = self._layouts.get(id(image))
        if known is None:
            known = self._layouts[id(image)] = Layout(self, image)
            while len(self._layouts) > _LAYOUTS:
                self._layouts.pop(next(iter(self._layouts)))
        return known
