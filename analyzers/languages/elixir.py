"""Elixir: the Mix project in the image or the release that a stage built from it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence

from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages.shallow import build, databases, facts
from analyzers.languages.shallow.scan import scan, words
from analyzers.languages.shallow.table import Table, load, package_matches
from analyzers.model import (
    ComposeFacts,
    Dependency,
    DependencyClass,
    Evidence,
    Fact,
    FactKind,
    Image,
    Reach,
    Source,
)
from analyzers.repository import Tree

_DEPENDENCY = re.compile(r"^\s*\[?\s*\{:(\w+),\s*(?:\"([^\"]*)\")?(.*)$")
_LOCKED = re.compile(r"^\s*\"(\w+)\":\s*\{:hex,\s*:\w+,\s*\"([^\"]+)\"")
_PORT = re.compile(r"System\.(?:get_env|fetch_env!)\(\s*\"PORT\"[^\"\n]*\"(\d+)\"|\bport:\s*(\d{2,5})\b")
_AT_START = re.compile(r"(?:^|/)config/")


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """The source of the Mix project; None where no `mix.exs` leads to it."""
    if image is None:
        return None
    table = load("analyzers.languages", "elixir.toml")
    root = _root(tree, image, stages, Guest(tree, image, compose), start)
    if root is None:
        return None
    manifest = posixpath.join(root, "mix.exs")
    folders = [posixpath.join(root, name) for name in ("lib", "config", "apps")]
    files = [path for one in folders for path in build.sources(tree, one, (".ex", ".exs"))]
    files = [path for path in files if posixpath.basename(path) not in ("dev.exs", "test.exs")]
    if not files:
        return None
    scanned = [scan(tree, path, "elixir", table) for path in files]
    dependencies = _dependencies(tree, table, manifest, files)
    packages = {one.name: one.evidence for one in dependencies}
    found = facts.facts(tree, table, scanned, packages, {}, _AT_START)
    found = databases.settled(tree, table, found, files, packages, {})
    known = facts.framework(table, scanned, dependencies)
    entry = next((path for path in files if path.endswith("/application.ex")), None)
    evidence = Evidence(entry or manifest, 1, tree.line(entry or manifest, 1))
    if known is not None:
        port = _port(tree, root, start.env, image) or (str(known[0].port or "") if not image.ports else "")
        found = [
            Fact(FactKind.LISTEN, "http", (evidence,), port, Reach.IMPORT),
            *(one for one in found if one.kind is not FactKind.LISTEN),
        ]
    routes = facts.routes(tree, table, [one for one in scanned if "router" in posixpath.basename(one.path)])
    return Source(
        language="elixir",
        root=root,
        framework=facts.named(known),
        entry=entry,
        entry_evidence=evidence,
        interface=known[0].interface if known else None,
        server=None,
        dependencies=tuple(dependencies),
        facts=(*start.facts, *found),
        routes=routes,
        files=tuple(files),
        manifests=tuple(one for one in (manifest, posixpath.join(root, "mix.lock")) if one in tree),
        workdir=start.workdir,
    )


def _root(tree: Tree, image: Image, stages: Sequence[Image], guest: Guest, start: StartCommand) -> str | None:
    """The project that the image holds, or that the stage holds which built the release."""
    for path in (posixpath.join(start.workdir, "mix.exs"), posixpath.join(image.workdir, "mix.exs")):
        if path in guest.files:
            return posixpath.dirname(guest.files[path])
    made = []
    if start.argv:
        path = posixpath.normpath(posixpath.join(start.workdir, start.argv[0]))
        made = [build.made_from(image, stages, path).image]
    for stage in (*made, *reversed(stages), image):
        found = [source for path, source in Guest(tree, stage).files.items() if path.endswith("/mix.exs")]
        if found:
            return posixpath.dirname(min(found, key=len))
    beside = posixpath.join(image.context, "mix.exs")
    return image.context if beside in tree else None


def _dependencies(tree: Tree, table: Table, manifest: str, files: Sequence[str]) -> list[Dependency]:
    lock = posixpath.join(posixpath.dirname(manifest), "mix.lock")
    locked = {
        match[1]: match[2]
        for line in ((tree.text(lock) if lock in tree else None) or "").split("\n")
        if (match := _LOCKED.match(line[:500]))
    }
    used = {one.lower() for path in files for one in words(tree, path)}
    found: list[Dependency] = []
    for number, line in enumerate((tree.text(manifest) or "").split("\n"), 1):
        match = _DEPENDENCY.match(line[:500])
        if match is None or re.search(r"only:\s*(?:\[\s*)?:(?:dev|test)|runtime:\s*false", match[3]):
            continue
        name = match[1]
        plain = name.removesuffix("_elixir").replace("_", "").encode()
        found.append(
            Dependency(
                name=name,
                version=locked.get(name),
                requirement=f"{name} {match[2]}" if match[2] else name,
                evidence=Evidence(manifest, number, tree.line(manifest, number)),
                kind=DependencyClass.NATIVE if package_matches(table.native, name) else DependencyClass.PURE,
                imported=plain in used or name.encode() in used,
            )
        )
    return found


def _port(tree: Tree, root: str, env: Mapping[str, str], image: Image) -> str:
    if env.get("PORT", "").isdigit():
        return env["PORT"]
    if image.ports:
        return ""
    for name in ("config/runtime.exs", "config/prod.exs", "config/releases.exs", "config/config.exs"):
        path = posixpath.join(root, name)
        match = _PORT.search((tree.text(path) if path in tree else None) or "")
        if match:
            return match[1] or match[2]
    return ""
