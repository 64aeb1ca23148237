"""The packages of crates.io that a program is made of, their locked versions, and which need native code."""

from __future__ import annotations

from collections.abc import Set

from analyzers.languages.rust import table
from analyzers.languages.rust.cargo import Lock, Package, Wanted, evidence_of
from analyzers.languages.rust.scan import File
from analyzers.languages.rust.sources import Sources
from analyzers.model import Dependency, DependencyClass


def judge(sources: Sources, packages: list[Package], lock: Lock, files: list[File]) -> tuple[Dependency, ...]:
    """The direct dependencies of the program's own packages, each once.

    One is `native` where it, or what the lock file says it needs, links C that WASI does not take; TLS
    libraries below HTTP packages do not count, for the runtime does TLS.
    """
    named = _named(files)
    direct = {wanted.package for package in packages for wanted in package.dependencies()}
    found: dict[str, Dependency] = {}
    for package in packages:
        for wanted in package.dependencies():
            if wanted.path is not None or wanted.package in found:
                continue
            locked = lock.find(wanted.package, wanted.version)
            version = locked.version if locked else None
            if version is None and wanted.version.startswith("="):
                version = wanted.version[1:].strip()
            found[wanted.package] = Dependency(
                name=wanted.package,
                version=version,
                requirement=f"{wanted.package} {wanted.version}".strip(),
                evidence=evidence_of(sources, package, wanted),
                kind=_kind(wanted, lock, direct - {wanted.package}),
                imported=wanted.name in named,
            )
    return tuple(found.values())


def version_of(lock: Lock, packages: list[Package], name: str) -> str | None:
    """The locked version of a package."""
    for package in packages:
        for wanted in package.dependencies():
            if wanted.package == name:
                locked = lock.find(name, wanted.version)
                return locked.version if locked else None
    locked = lock.find(name)
    return locked.version if locked else None


def _kind(wanted: Wanted, lock: Lock, others: Set[str]) -> DependencyClass:
    native = table.data()["native"]
    names = frozenset(native["names"])
    if wanted.package in names or wanted.package in native["tls"] or wanted.package in native["wrappers"]:
        return DependencyClass.NATIVE
    locked = lock.find(wanted.package, wanted.version)
    if locked is None:
        return DependencyClass.PURE
    below = {one.name for one in lock.below(locked, others)}
    return DependencyClass.NATIVE if below & names else DependencyClass.PURE


def _named(files: list[File]) -> frozenset[str]:
    """The first names of all paths in the code."""
    names: set[str] = set()
    for file in files:
        names.update(path.partition("::")[0] for path in file.uses.values())
        names.update(path.partition("::")[0] for path in file.globs)
        names.update(call.path.partition("::")[0] for call in file.calls)
        names.update(path.partition("::")[0] for path, _, _ in file.types)
        names.update(macro.path.partition("::")[0] for macro in file.macros)
        for one in file.functions:
            names.update(a.lstrip("#[ ").partition("::")[0] for a in one.attributes if "::" in a)
    return frozenset(names)
