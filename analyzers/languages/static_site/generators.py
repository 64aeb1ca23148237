"""What made the files that are served: the RUN lines of the stage that they come from."""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analyzers import run_lines
from analyzers.guest import Guest
from analyzers.languages import built
from analyzers.model import Evidence, Image
from analyzers.repository import Tree

_MANAGERS = frozenset(
    {"npm", "yarn", "pnpm", "bun", "npx", "pnpx", "bunx", "nx", "turbo", "lerna", "rush", "make"}
)
_INSTALLS = frozenset(
    {"install", "i", "ci", "add", "-g", "global", "config", "cache", "audit", "set", "--version"}
)
_LOCKS = (
    "package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb",
    "package.json", "Gemfile.lock", "Gemfile", "requirements.txt", "go.mod", "hugo.toml", "config.toml",
    "book.toml",    "mkdocs.yml", "_config.yml",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Build:
    """How a folder of the image was made. `generator` is None where its files are the repository's own.

    `runs` are the lines that made it, `manifests` the lock files and settings of that stage.
    """

    generator: str | None
    image: Image | None  # the stage; None where COPY took the files as they are
    path: str  # the folder in that stage
    runs: tuple[Evidence, ...] = ()
    manifests: tuple[str, ...] = ()
    copied: Evidence | None = None  # the line that brings the files into the final image


@cache
def _generators() -> tuple[tuple[str, tuple[str, ...], frozenset[str]], ...]:
    data = tomllib.loads(Path(__file__).with_name("generators.toml").read_text("utf-8"))
    return tuple((g["name"], tuple(g["commands"]), frozenset(g["packages"])) for g in data["generator"])


def build_of(tree: Tree, image: Image, stages: Sequence[Image], root: str) -> Build:
    """What made the files below `root` of the final image."""
    made = built.origin(image, stages, root)
    copied = next((c.evidence for c in reversed(image.copies) if _touches(c.destination, root)), None)
    guest = Guest(tree, made.image)
    own = any(path.startswith(f"{made.path.rstrip('/')}/") for path in guest.files)
    makers = [
        (run, command) for run in made.image.runs for command in run_lines.commands(run) if _makes(command)
    ]
    if (made.image is image and own) or not makers:
        return Build(None, None if made.image is image else made.image, made.path, copied=copied)
    generator = _named(command for _, command in makers) or _of_packages(guest, made.image, made.path)
    folders = dict.fromkeys((made.image.workdir, *(run.workdir for run, _ in makers)))
    manifests = [
        guest.files[path]
        for folder in folders
        for name in _LOCKS
        if (path := posixpath.join(folder, name)) in guest.files
    ]
    runs = tuple(dict.fromkeys(run.evidence for run, _ in makers))
    return Build(generator, made.image, made.path, runs, tuple(dict.fromkeys(manifests)), copied)


def _touches(destination: str, root: str) -> bool:
    one, other = posixpath.normpath(destination), posixpath.normpath(root)
    return one == other or one.startswith(other.rstrip("/") + "/") or other.startswith(one.rstrip("/") + "/")


def _makes(command: str) -> bool:
    """Whether a command may make a site's files, beside installing what does."""
    words = command.split()
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        words = words[1:]
    if not words:
        return False
    name = posixpath.basename(words[0])
    if name in _MANAGERS:
        rest = [word for word in words[1:] if not word.startswith("-") or word == "-g"]
        return bool(rest) and rest[0] not in _INSTALLS and not (name == "yarn" and not rest)
    return _of_command(command) is not None or run_lines.kind(command) is run_lines.Kind.MAKES


def _named(commands: Iterable[str]) -> str | None:
    found = [name for command in commands if (name := _of_command(command))]
    return found[-1] if found else None


def _of_command(command: str) -> str | None:
    text = re.sub(r"^(?:[A-Za-z_]\w*=\S*\s+)*", "", command.strip())
    text = re.sub(r"^(?:npx|pnpx|bunx|yarn|pnpm exec|bundle exec)\s+(?:-\S+\s+)*", "", text)
    text = re.sub(r"^\S*/(?=[\w.-]+(?:\s|$))", "", text)
    for name, commands, _ in _generators():
        if any(text == word or text.startswith(word + " ") for word in commands):
            return name
    return None


def _of_packages(guest: Guest, image: Image, path: str) -> str | None:
    """By package.json, nearest to the made folder first: that of a workspace says more than the root's."""
    folders = [path]
    while folders[-1] not in ("/", ""):
        folders.append(posixpath.dirname(folders[-1]))
    for folder in dict.fromkeys((*folders, image.workdir)):
        text = guest.text(posixpath.join(folder, "package.json"))
        if text is None:
            continue
        try:
            data = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if not isinstance(data, dict):
            continue
        names: set[str] = set()
        for key in ("dependencies", "devDependencies"):
            part = data.get(key)
            names |= set(part) if isinstance(part, dict) else set()
        for name, _, packages in _generators():
            if packages & names:
                return name
    return None
