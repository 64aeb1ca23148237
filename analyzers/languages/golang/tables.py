"""What packages mean, read from `packages.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from analyzers.model import FactKind


@dataclass(frozen=True, slots=True)
class Framework:
    """A web framework; `interface` is what its server is built on."""

    name: str
    interface: str
    packages: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """What the use of a package's names says. `address` is an argument's position or a field's name."""

    fact: FactKind
    subject: str
    packages: frozenset[str]
    below: tuple[str, ...]  # packages of which those below count too, with a final slash
    names: frozenset[str]
    address: int | str | None
    only_functions: bool
    log: bool
    port: int | None

    def of(self, package: str) -> bool:
        return package in self.packages or any((package + "/").startswith(one) for one in self.below)


@dataclass(frozen=True, slots=True)
class Tables:
    """All of `packages.toml`."""

    frameworks: tuple[Framework, ...]
    by_name: dict[str, tuple[Use, ...]]
    any_name: tuple[Use, ...]
    drivers: dict[str, str]
    driver_packages: dict[str, str]
    native: dict[str, str]
    no_wasi: dict[str, str]
    _whole: dict[str, tuple[Use, ...]] = field(default_factory=dict)  # package -> uses of any of its names

    def uses(self, package: str, name: str, *, function: bool) -> tuple[Use, ...]:
        """What the use of `name` of `package` says; `function`: of the package itself, not of a value."""
        if package not in self._whole:
            self._whole[package] = tuple(use for use in self.any_name if use.of(package))
        named = (use for use in self.by_name.get(name, ()) if use.of(package))
        return tuple(use for use in (*named, *self._whole[package]) if function or not use.only_functions)

    def is_native(self, package: str) -> str | None:
        return _below(self.native, package)

    def lacks_wasi(self, package: str) -> str | None:
        return _below(self.no_wasi, package)


def _below(table: dict[str, str], package: str) -> str | None:
    while package:
        if package in table:
            return table[package]
        package = package.rpartition("/")[0]
    return None


@cache
def load() -> Tables:
    """The tables; the file belongs to this package, so a fault in it is a fault of ours."""
    data = tomllib.loads(Path(__file__).with_name("packages.toml").read_text("utf-8"))
    uses = [_use(entry, entry["fact"], entry["subject"]) for entry in data["use"]]
    uses += [_use(entry, "listen", entry["protocol"]) for entry in data["listen"]]
    by_name: dict[str, list[Use]] = {}
    for use in uses:
        for name in use.names - {"*"}:
            by_name.setdefault(name, []).append(use)
    return Tables(
        tuple(Framework(f["name"], f["interface"], tuple(f["packages"])) for f in data["framework"]),
        {name: tuple(found) for name, found in by_name.items()},
        tuple(use for use in uses if "*" in use.names),
        data["drivers"],
        data["driver-packages"],
        data["native"],
        data["no-wasi"],
    )


def _use(entry: dict[str, object], fact: str, subject: str) -> Use:
    packages, names = entry["packages"], entry["names"]
    if not isinstance(packages, list) or not isinstance(names, list):
        raise TypeError("packages.toml: `packages` and `names` are lists")
    address, port = entry.get("address"), entry.get("port")
    return Use(
        FactKind(fact),
        subject,
        frozenset(one for one in packages if not one.endswith("/...")),
        tuple(one.removesuffix("...") for one in packages if one.endswith("/...")),
        frozenset(names),
        address if isinstance(address, int | str) else None,
        bool(entry.get("only_functions")),
        bool(entry.get("log")),
        port if isinstance(port, int) else None,
    )
