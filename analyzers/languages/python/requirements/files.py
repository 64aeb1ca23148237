"""Requirements files, as pip reads them."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from analyzers.guest import Guest
from analyzers.languages.python.requirements.requirement import Installed, parse_requirement
from analyzers.model import Evidence, Image, Unknown

_DEPTH = 16  # requirements files that name each other
_LINES = 20_000


class Files:
    """Requirements files as they name each other. `place` maps a path as written to a repository file."""

    def __init__(self, guest: Guest, installed: Installed) -> None:
        self.guest = guest
        self.installed = installed
        self.seen: set[tuple[str, bool]] = set()

    def read(self, path: str, *, constraint: bool = False, depth: int = 0) -> None:
        """Read a repository file. What cannot be read is in `not_read`."""
        if (path, constraint) in self.seen or depth > _DEPTH:
            return
        self.seen.add((path, constraint))
        text = self.guest.tree.text(path)
        if text is None:
            return
        if not constraint and path not in self.installed.manifests:
            self.installed.manifests.append(path)
        for number, line in logical_lines(text):
            evidence = Evidence(path, number, self.guest.tree.line(path, number))
            if match := re.match(r"(?:-r|--requirement|-c|--constraint)[=\s]*(\S+)", line):
                inner = _relative(path, match[1].strip("\"'"))
                kind = constraint or line.startswith(("-c", "--constraint"))
                if inner is not None and inner in self.guest.tree:
                    self.read(inner, constraint=kind, depth=depth + 1)
                else:
                    what = f"the packages of {match[1]}, which {path} names"
                    self.installed.unknown.append(Unknown(what, "add the file to the repository", evidence))
                continue
            if match := re.match(r"(?:-e|--editable)[=\s]*(\S+)", line):
                line = match[1]
            elif line.startswith("-"):
                continue
            if line.startswith((".", "/")):
                continue
            requirement = parse_requirement(line, evidence)
            if requirement is None:
                continue
            if constraint:
                if requirement.version:
                    self.installed.constraints.setdefault(requirement.name, requirement.version)
            else:
                self.installed.add(requirement)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines of a requirements file with their numbers: continuations joined, comments removed."""
    pending, start = "", 0
    for number, raw in enumerate(text.split("\n")[:_LINES], 1):
        line = re.sub(r"(?:^|\s)#.*$", "", raw)
        if not pending:
            start = number
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1] + " "
            continue
        full = (pending + line).strip()
        pending = ""
        if full:
            yield start, full
    if pending.strip():
        yield start, pending.strip()


def _relative(path: str, name: str) -> str | None:
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    return None if joined.startswith(("..", "/")) else joined


def placed(name: str, cwd: str, image: Image, guest: Guest) -> str | None:
    """The repository file behind a path in a RUN line. A bind mount (`--mount=type=bind`) shows the
    context's own file, so that is looked at last."""
    path = posixpath.normpath(posixpath.join(cwd, name))
    if path in guest.files:
        return guest.files[path]
    beside = posixpath.normpath(posixpath.join(image.context, name.lstrip("/")))
    if beside in guest.tree:
        return beside
    base = posixpath.normpath(posixpath.join(image.context, posixpath.basename(name)))
    return base if base in guest.tree else None
