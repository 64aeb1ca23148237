"""`dock2wasm.toml`: settings that a repository keeps, read strictly.

It stands at the repository's root or under `.github/`, never in both. An unknown key is an error:
a setting that is silently ignored is worse than none. Command line options outrank it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.errors import ConfigError

if TYPE_CHECKING:
    from migrate.validate.budgets import Limit

NAMES = ("dock2wasm.toml", ".github/dock2wasm.toml")
LIMIT = 1_000_000


@dataclass(frozen=True, slots=True)
class Ignore:
    """`[[assess.ignore]]`: findings of `rule` that somebody decided to live with, and why.

    `service` and `path` narrow it (shell patterns, `*` crosses slashes); None is any.
    No verdict changes by it.
    """

    rule: str
    reason: str
    service: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Config:
    """The settings; each is the default of the option of the same name.

    `accept` are rules accepted by `convert`, `allow_hosts` outbound hosts granted, `probes` a file
    relative to the repository, `cold_starts` how often a start is measured, `ignores` findings of
    `assess` that fail no run, `budgets` limits for the figures of `validate`.
    """

    source: Path | None = None
    accept: tuple[str, ...] = ()
    allow_hosts: tuple[str, ...] = ()
    probes: str | None = None
    cold_starts: int | None = None
    ignores: tuple[Ignore, ...] = ()
    budgets: tuple[Limit, ...] = ()

    @property
    def where(self) -> str:
        """The file as the repository names it; "" where there is none."""
        path = self.source.as_posix() if self.source else ""
        return max((name for name in NAMES if path.endswith(name)), key=len, default="")


def load(repository: Path) -> Config:
    """The repository's settings; all defaults where it has none.

    Raises ConfigError on a second file, a symlink, bad TOML, an unknown key or a wrong type.
    """
    found = [repository / name for name in NAMES if (repository / name).exists()]
    if len(found) > 1:
        raise ConfigError(
            f"Settings stand in two places: {' and '.join(NAMES)}.", do="Keep one of the two files."
        )
    if not found:
        return Config()
    path = found[0]
    if path.is_symlink() or not path.is_file() or path.stat().st_size > LIMIT:
        raise ConfigError(f"{path.name} is no plain file of at most {LIMIT:,} bytes.")
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"{path.name} cannot be read.", why=str(error)) from None
    assess = _table(path, data, "assess", {"accept", "allow_hosts", "ignore"})
    validate = _table(path, data, "validate", {"probes", "cold_starts", "budgets"})
    unknown = sorted(set(data) - {"assess", "validate"})
    if unknown:
        raise ConfigError(
            f"{path.name} has an unknown table or key: {unknown[0]!r}.", do="Known: [assess], [validate]."
        )
    probes = validate.get("probes")
    if probes is not None and not isinstance(probes, str):
        raise ConfigError(f"{path.name}: validate.probes must be a string.")
    if isinstance(probes, str) and (Path(probes).is_absolute() or ".." in Path(probes).parts):
        raise ConfigError(f"{path.name}: validate.probes leads out of the repository.")
    starts = validate.get("cold_starts")
    if starts is not None and (not isinstance(starts, int) or isinstance(starts, bool) or starts < 1):
        raise ConfigError(f"{path.name}: validate.cold_starts must be a whole number from 1.")
    return Config(
        source=path,
        accept=_strings(path, assess, "assess", "accept"),
        allow_hosts=_strings(path, assess, "assess", "allow_hosts"),
        probes=probes,
        cold_starts=starts,
        ignores=_ignores(path, assess),
        budgets=_budgets(path, validate),
    )


def _budgets(path: Path, validate: Mapping[str, object]) -> tuple[Limit, ...]:
    table = validate.get("budgets")
    if table is None:
        return ()
    if not isinstance(table, dict):
        raise ConfigError(f"{path.name}: budgets are a table headed [validate.budgets].")
    from migrate.validate.budgets import read

    return read(table, path.name)


def _ignores(path: Path, assess: Mapping[str, object]) -> tuple[Ignore, ...]:
    entries = assess.get("ignore", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigError(f"{path.name}: ignores are tables headed [[assess.ignore]].")
    found = []
    for number, entry in enumerate(entries, 1):
        where = f"{path.name}, [[assess.ignore]] {number}"
        unknown = sorted(set(entry) - {"rule", "service", "path", "reason"})
        if unknown:
            raise ConfigError(
                f"{where} has an unknown key: {unknown[0]}.", do="Known: rule, service, path, reason."
            )
        for key in ("rule", "reason"):
            if not isinstance(entry.get(key), str) or not entry[key].strip():
                raise ConfigError(
                    f"{where} has no {key}.",
                    why="Whoever reads the report must see what is ignored, and why.",
                    do=f'Add {key} = "...".',
                )
        if not all(isinstance(value, str) for value in entry.values()):
            raise ConfigError(f"{where}: all values must be strings.")
        found.append(Ignore(entry["rule"], entry["reason"].strip(), entry.get("service"), entry.get("path")))
    return tuple(found)


def _table(path: Path, data: Mapping[str, object], name: str, known: set[str]) -> Mapping[str, object]:
    table = data.get(name, {})
    if not isinstance(table, dict):
        raise ConfigError(f"{path.name}: {name} must be a table.")
    unknown = sorted(set(table) - known)
    if unknown:
        raise ConfigError(
            f"{path.name} has an unknown key: {name}.{unknown[0]}.", do=f"Known: {', '.join(sorted(known))}."
        )
    return table


def _strings(path: Path, table: Mapping[str, object], name: str, key: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ConfigError(f"{path.name}: {name}.{key} must be a list of strings.")
    return tuple(value)
