"""C and C++ services, read by their syntax trees and their build files: nothing of them is built or run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages.c import facts, sources
from analyzers.model import ComposeFacts, Evidence, Image, Source, Unknown
from analyzers.repository import Tree

_CPP = (".cc", ".cpp", ".cxx", ".c++", ".cu")


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """The program that the start command leads to, or None where no source of the repository makes it."""
    if image is None:
        return None
    program = sources.find(Guest(tree, image, compose), image, compose, start, stages)
    if program is None:
        return None
    found = facts.collect(program)
    entry = program.guest.files[program.main]
    unknown: tuple[Unknown, ...] = ()
    if not program.stated:
        what = f"which files {program.name} is made of; those that {entry} includes are taken"
        place = start.evidence[-1] if start.evidence else None
        unknown = (
            Unknown(what, "a build file that names them, or a compiler line in the Dockerfile", place),
        )
    files = tuple(dict.fromkeys(program.guest.files[path] for path in program.files))
    return Source(
        language="cpp" if entry.endswith(_CPP) else "c",
        root=entry.rpartition("/")[0],
        framework=found.framework,
        entry=entry,
        entry_evidence=_main(tree, entry),
        interface=found.interface,
        server=None,
        dependencies=found.dependencies,
        facts=(*start.facts, *found.facts),
        routes=found.routes,
        files=files,
        manifests=program.manifests,
        unknown=unknown,
        workdir=start.workdir,
    )


def _main(tree: Tree, path: str) -> Evidence:
    for number, text in enumerate((tree.text(path) or "").split("\n"), 1):
        if re.search(r"\bmain\s*\(", text):
            return Evidence(path, number, tree.line(path, number))
    return Evidence(path, 1, tree.line(path, 1))
