"""`python_packages.toml`: what each known package is, needs, and is imported as."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from analyzers.languages.python.requirements.markers import version_at_least
from analyzers.languages.python.requirements.requirement import normalise
from analyzers.model import DependencyClass


@dataclass(frozen=True, slots=True)
class Package:
    """A row of `python_packages.toml`."""

    kind: DependencyClass
    imports: tuple[str, ...]
    requires: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    guarded: tuple[str, ...] = ()  # of `requires`: it works without, but for the part that needs it
    since: str | None = None  # `kind` and `requires` hold from this version on; older ones are pure
    wheel_since: str | None = None  # of a `wasi-wheel`: older releases are not known to build
    # Needed package -> the release of this one from which on it asks for one at its `wheel_since` or newer.
    recent: Mapping[str, str] = field(default_factory=dict)


@cache
def table() -> Mapping[str, Package]:
    """The dated table of packages, by normalised name."""
    data = tomllib.loads((Path(__file__).parents[2] / "python_packages.toml").read_text(encoding="utf-8"))
    rows: dict[str, Package] = {}
    for kind in DependencyClass:
        for name in data.get(kind.value, {}).get("names", ()):
            rows[name] = Package(kind, (name.replace("-", "_"),))
    for name, row in data.get("package", {}).items():
        base = rows.get(name)
        kind = (
            DependencyClass(row["kind"]) if "kind" in row else base.kind if base else DependencyClass.UNKNOWN
        )
        rows[name] = Package(
            kind,
            tuple(row.get("imports", (name.replace("-", "_"),))),
            tuple(row.get("requires", ())),
            {extra: tuple(needs) for extra, needs in row.get("extras", {}).items()},
            tuple(row.get("guarded", ())),
            row.get("since"),
            row.get("wheel_since"),
            row.get("recent", {}),
        )
    return rows


def by_import(name: str) -> str | None:
    """The package of the table that a dotted name is imported from."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        package = _packages_by_import().get(".".join(parts[:length]))
        if package is not None:
            return package
    return None


@cache
def _packages_by_import() -> Mapping[str, str]:
    """Import name -> package. Of several the one with the same name is taken, else the first listed."""
    found: dict[str, str] = {}
    for name, row in table().items():
        for imported in row.imports:
            if imported not in found or normalise(imported) == name:
                found[imported] = name
    return found


def kind(row: Package | None, version: str | None) -> DependencyClass:
    if row is None:
        return DependencyClass.UNKNOWN
    if row.since and not row.requires and not version_at_least(version, row.since):
        return DependencyClass.PURE
    if row.wheel_since and not version_at_least(version, row.wheel_since):
        return DependencyClass.NATIVE
    return row.kind


def imports(name: str) -> tuple[str, ...]:
    row = table().get(name)
    return row.imports if row else (name.replace("-", "_"), name.replace("-", "."))
