"""The readers of source trees: one module or package a language, loaded when first needed.

A reader has one function, `read`, of the type `Reader`. It says what the start command leads to, and None
where it cannot follow: a service is then judged by its image and compose file alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

from analyzers import base_images
from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages import detect
from analyzers.model import ComposeFacts, Image, Source
from analyzers.repository import Tree

# Language (as `detect` names it) -> module with `read`.
READERS = {
    "bun": "analyzers.languages.javascript",
    "deno": "analyzers.languages.javascript",
    "go": "analyzers.languages.golang",
    "node": "analyzers.languages.javascript",
    "python": "analyzers.languages.python",
    "rust": "analyzers.languages.rust",
    "c": "analyzers.languages.c",
    "cpp": "analyzers.languages.c",
    "java": "analyzers.languages.jvm",
    "kotlin": "analyzers.languages.jvm",
    "csharp": "analyzers.languages.csharp",
    "php": "analyzers.languages.php",
    "ruby": "analyzers.languages.ruby",
    "elixir": "analyzers.languages.elixir",
    "shell": "analyzers.languages.shell_scripts",
    "static": "analyzers.languages.static_site",
}


class Reader(Protocol):
    """`stages` are the images that `image` copies from, directly or not, oldest first."""

    def __call__(
        self,
        tree: Tree,
        image: Image | None,
        compose: ComposeFacts | None,
        start: StartCommand,
        stages: Sequence[Image] = (),
    ) -> Source | None: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found. `language` may be known where there is no `source`."""

    language: str | None
    source: Source | None


def read(
    tree: Tree, image: Image, compose: ComposeFacts | None, start: StartCommand, stages: Sequence[Image]
) -> Reading:
    """The source behind a service's start command."""
    # Python is told best by its own reader: start commands hide it behind servers and modules.
    source = _reader("python")(tree, image, compose, start, stages)
    if source is None:
        guest = Guest(tree, image, compose)
        language = detect.language(start.argv, image, guest, tree.paths, stages)
        known = base_images.find(image.base)
        made_for = known is not None and bool(known.role)  # its own program runs, the script prepares it
        if (
            language is None
            and not made_for
            and any(detect.is_shell(tree.text(e.path) or "", e.path) for e in start.evidence)
        ):
            language = "shell"  # a script of the repository that starts a program which the image brings
        if language in READERS and language != "python":
            source = _reader(language)(tree, image, compose, start, stages)
        return Reading(source.language if source else language, source)
    return Reading(source.language, source)


def read_public(tree: Tree, reference: str, compose: ComposeFacts, start: StartCommand) -> Source | None:
    """What compose mounts into a public web server's image makes of it; None for all other images."""
    known = base_images.find(reference)
    if known is None or not known.exact or known.language != "static":
        return None
    from analyzers.languages import static_site

    return static_site.read(tree, None, compose, start, (), reference)


def _reader(language: str) -> Reader:
    reader: Reader = import_module(READERS[language]).read
    return reader
