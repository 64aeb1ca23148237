"""Rust services, read by their syntax trees and by Cargo's own files: nothing of them is built or run."""

from __future__ import annotations

from collections.abc import Sequence

from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages.rust import dead, dependencies, listeners, modules, program, reach, routes
from analyzers.languages.rust.cargo import Lock
from analyzers.languages.rust.facts import Collector
from analyzers.languages.rust.program import Program
from analyzers.languages.rust.values import Values
from analyzers.model import ComposeFacts, Evidence, Image, Source, Unknown
from analyzers.repository import Tree

# tokio's network types compile for wasm32-wasip2 from this version on (tokio issue 6323).
_TOKIO = (1, 51)


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """The program that the start command leads to, or None where no package of the repository makes it."""
    if image is None:
        return None
    found = program.find(Guest(tree, image, compose), image, compose, start, stages)
    if found is None:
        return None
    made = modules.follow(found)
    if not made.files:
        return None
    made.files = dead.without(made.files)
    values = Values(made.files, start.env, found.arguments)
    listening = listeners.find(found, made.files, values)
    reached = reach.follow(made.files)
    facts = Collector(made.files, made.packages, reached, values, tree).collect()
    lock = Lock(found.sources, found.package.folder)
    manifests = [package.manifest for package in made.packages]
    manifests += [lock.path] if lock.path else []
    names = [found.sources.files.get(path) for path in manifests]
    return Source(
        language="rust",
        root=_folder(found.sources.files[found.package.manifest]),
        framework=listening.framework,
        entry=_entry(found),
        entry_evidence=_main(found, tree),
        interface=listening.interface,
        server=None,
        dependencies=dependencies.judge(found.sources, made.packages, lock, made.files),
        facts=(*start.facts, *listening.facts, *facts),
        routes=routes.find(made.files, tree),
        files=tuple(dict.fromkeys((*(file.path for file in made.files), *made.taken))),
        manifests=tuple(dict.fromkeys(name for name in names if name is not None)),
        unknown=(*found.unknown, *_old_tokio(found, made, lock)),
        workdir=start.workdir,
    )


def _entry(found: Program) -> str:
    """The file with `main`, in the repository's terms."""
    return found.sources.files[found.target.path]


def _main(found: Program, tree: Tree) -> Evidence | None:
    path = found.sources.files[found.target.path]
    for number, text in enumerate((tree.text(path) or "").split("\n"), 1):
        if "fn main" in text:
            return Evidence(path, number, tree.line(path, number))
    return Evidence(path, 1, tree.line(path, 1))


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _old_tokio(found: Program, made: modules.Modules, lock: Lock) -> tuple[Unknown, ...]:
    """A locked tokio without sockets on WASI: a build must raise it, which the lock file's owner decides."""
    version = dependencies.version_of(lock, made.packages, "tokio")
    numbers = [int(part) for part in (version or "").split(".")[:2] if part.isascii() and part.isdigit()]
    if len(numbers) < 2 or tuple(numbers) >= _TOKIO:
        return ()
    place = found.sources.evidence(lock.path, lock.line("tokio")) if lock.path else None
    what = (
        f"whether the service works with tokio 1.51 or newer: {version}, which is locked, has no WASI sockets"
    )
    return (Unknown(what, "`cargo update -p tokio -p mio -p socket2`, then the service's own tests", place),)
