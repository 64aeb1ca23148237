"""Go services, read by their syntax trees: nothing of them is built or run."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import cast
from weakref import WeakKeyDictionary, proxy

from analyzers import command
from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages.golang import (
    background,
    build,
    calls,
    dependencies,
    facts,
    guards,
    listeners,
    memory,
    routes,
)
from analyzers.languages.golang.build import Found
from analyzers.languages.golang.calls import Call
from analyzers.languages.golang.conditions import Conditions, configured
from analyzers.languages.golang.files import Region
from analyzers.languages.golang.layout import Sources
from analyzers.languages.golang.modules import Module, Resolver
from analyzers.languages.golang.program import Program
from analyzers.languages.golang.values import Values
from analyzers.model import ComposeFacts, Dependency, Evidence, Fact, FactKind, Image, Reach, Source, Unknown
from analyzers.repository import Tree

_PROGRAMS = 3  # programs kept, with their syntax trees: one program is often the service of several images


@dataclass(frozen=True, eq=False)
class _Read:
    """What of a program does not depend on its start command."""

    program: Program
    calls: tuple[Call, ...]
    module: Module | None

    @cached_property
    def facts(self) -> tuple[Fact, ...]:
        return (*memory.find(self.program, self.calls), *background.find(self.program, self.calls))

    @cached_property
    def dependencies(self) -> tuple[Dependency, ...]:
        return dependencies.judge(self.program, self.module)


class _Kept:
    """What is read once a repository."""

    def __init__(self, tree: Tree) -> None:
        # Weakly, or what is kept would keep the tree for which it is kept.
        self.modules = Sources(cast("Tree", proxy(tree)))
        self._programs: dict[object, _Read] = {}

    def program(
        self, module: Module, found: Found, env: Mapping[str, str], passed: frozenset[str], guest: Guest
    ) -> tuple[_Read, _Read]:
        """The program without what is off as it is started, and the whole program."""
        whole = self._read(module, found, {}, None)
        values = Values(whole.program, whole.calls, env, found.arguments)
        off = guards.off(whole.program, Conditions(values, found.arguments, passed, configured(guest)))
        return (self._read(module, found, off, whole) if off else whole), whole

    def _read(
        self,
        module: Module,
        found: Found,
        off: Mapping[str, tuple[Region, ...]],
        before: _Read | None,
    ) -> _Read:
        key = (found.folder or "", found.build, tuple(sorted(off.items())))
        read = self._programs.pop(key, None)
        if read is None:
            resolver = Resolver(self.modules, module)
            old = before.program if before is not None else None
            program = Program(self.modules, resolver, key[0], found.build, off=off, before=old)
            used = calls.collect(program, before.calls if before is not None else ())
            read = _Read(program, used, module if module.path else None)
        self._programs[key] = read
        while len(self._programs) > _PROGRAMS:
            self._programs.pop(next(iter(self._programs)))
        return read


_TREES: WeakKeyDictionary[Tree, _Kept] = WeakKeyDictionary()


def _kept(tree: Tree) -> _Kept:
    kept = _TREES.get(tree)
    if kept is None:
        kept = _TREES[tree] = _Kept(tree)
    return kept


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """What the start command leads to; None where no package main could be found."""
    kept = _kept(tree)
    modules = kept.modules
    found = build.find(tree, modules, image, start, stages)
    evidence = found.evidence or (start.evidence[-1] if start.evidence else None)
    if found.folder is None:
        return _unclear(image, start, found, evidence) if found.development else None
    module = modules.holding(found.folder) or Module(*(found.gopath or (_top(found.folder, image), "")))
    variables = command.environment(image, compose)
    passed = frozenset(one.name for one in variables if one.value is None)
    seen, whole = kept.program(module, found, start.env, passed, Guest(tree, image, compose))
    program, all_calls = seen.program, seen.calls
    if not any(one.files for one in program.packages.values()):
        return None
    values = Values(program, all_calls, start.env, found.arguments)
    heard = listeners.find(program, all_calls, values)
    framework, interface = listeners.framework(program)
    if not any(fact.subject == "http" for fact in heard) and not program.answers:
        framework, interface = (framework if framework != "net/http" else None), None
    paths = routes.find(program, all_calls, values)
    of_code = facts.forwarding(facts.collect(program, all_calls, values), paths, module.path or found.folder)
    return Source(
        language="go",
        root=module.folder,
        framework=framework,
        entry=posixpath.relpath(found.folder or ".", module.folder or "."),
        entry_evidence=_entry_evidence(program, evidence),
        interface=interface,
        server=None,
        dependencies=seen.dependencies,
        facts=(
            *_development(found, evidence),
            *start.facts,
            *listeners.main_ones(heard, paths),
            *of_code,
            *seen.facts,
        ),
        routes=paths,
        files=tuple(file.path for file in program.files()),
        manifests=tuple(
            path
            for name in ("go.mod", "go.sum", "vendor/modules.txt")
            if (path := posixpath.join(module.folder, name)) in tree
        ),
        unknown=(
            *_unknown(program, found, evidence),
            *facts.optional(whole.program, _off(whole, seen), of_code),
        ),
        workdir=start.workdir,
    )


def _off(whole: _Read, seen: _Read) -> tuple[Call, ...]:
    """The calls of the whole program that are off as it is started."""
    if whole is seen:
        return ()
    on = {(call.file.path, call.node.start_byte) for call in seen.calls}
    return tuple(call for call in whole.calls if (call.file.path, call.node.start_byte) not in on)


def _top(folder: str, image: Image | None) -> str:
    """The folder that stands for a module without `go.mod`: the build context, if it holds the package."""
    context = image.context if image is not None else ""
    return context if folder == context or folder.startswith(f"{context}/" if context else "") else folder


def _entry_evidence(program: Program, evidence: Evidence | None) -> Evidence | None:
    return program.at(program.roots[0].file, program.roots[0].node) if program.roots else evidence


def _development(found: Found, evidence: Evidence | None) -> tuple[Fact, ...]:
    if not found.development:
        return ()
    at = (evidence,) if evidence is not None else ()
    return (Fact(FactKind.DEVELOPMENT_SERVER, found.development, at, reach=Reach.IMPORT),)


def _unclear(image: Image | None, start: StartCommand, found: Found, evidence: Evidence | None) -> Source:
    """A program that watches and rebuilds, of which package main could not be told."""
    return Source(
        language="go",
        root=image.context if image is not None else "",
        framework=None,
        entry=None,
        entry_evidence=evidence,
        interface=None,
        server=None,
        facts=(*_development(found, evidence), *start.facts),
        workdir=start.workdir,
    )


def _unknown(program: Program, found: Found, evidence: Evidence | None) -> tuple[Unknown, ...]:
    unknown: list[Unknown] = []
    if found.unknown:
        unknown.append(Unknown(found.unknown, "`go build -o NAME ./cmd/NAME` in the Dockerfile", evidence))
    if program.cut:
        unknown.append(
            Unknown("all packages: there are more than are read", "a smaller main package", evidence)
        )
    for package in program.packages.values():
        for file in package.files:
            if file.root.has_error and not file.functions:
                at = program.evidence(file, 1)
                unknown.append(Unknown(f"what {file.path} does: it cannot be parsed", "valid syntax", at))
    return tuple(unknown)
