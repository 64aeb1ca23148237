"""What the tools of each language can do today for a server-side component, as data with source and date.

One TOML file a language: `language`, `title`, `also` (other languages that it speaks for), `rewrite` (what
a rewrite by hand would mean), `rewrite_days` (a judgement, from and to, for one service of ordinary size)
and `[[toolchain]]` tables, the most useful one first. Nothing here counts for a verdict: lanes do.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from analyzers.support.table import SupportError, Table
from analyzers.support.table import load as load_file


class Maturity(StrEnum):
    """How its makers see a toolchain."""

    STABLE = "stable"
    EXPERIMENTAL = "experimental"
    ABANDONED = "abandoned"


class Output(StrEnum):
    """What a toolchain makes."""

    COMPONENT = "component"  # of the component model
    MODULE = "module"  # a core module on WASI preview 1, which an adapter can make a component
    JAVASCRIPT = "javascript"  # something that needs a JavaScript host


class Server(StrEnum):
    """Whether an HTTP server of the language comes out of it."""

    AS_IS = "as-is"
    REWRITTEN = "rewritten"
    NONE = "none"


class Given(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


class Checked(StrEnum):
    """Whether somebody here ran it or only read of it."""

    RUN = "run"
    READ = "read"


_WASI = ("preview1", "0.2", "0.3")


@dataclass(frozen=True, slots=True)
class Toolchain:
    """One tool, or one way of using it. `says` is a sentence without its full stop."""

    name: str
    versions: str
    status: Maturity
    makes: Output
    wasi: tuple[str, ...]
    server: Server
    sockets: Given
    threads: Given
    checked: Checked
    says: str
    source: str
    date: datetime.date


@dataclass(frozen=True, slots=True)
class Language:
    """A language and its tools; `names` are those that readers give it."""

    names: tuple[str, ...]
    title: str
    rewrite: str
    rewrite_days: tuple[float, float]
    toolchains: tuple[Toolchain, ...]

    @property
    def best(self) -> Toolchain | None:
        """The most useful tool, where there is any."""
        return self.toolchains[0] if self.toolchains else None


@cache
def load() -> Mapping[str, Language]:
    """By each name of a language. Raises SupportError where a file breaks the schema."""
    return read(Path(__file__).parent)


def read(folder: Path) -> Mapping[str, Language]:
    """The data of a folder. Raises SupportError."""
    found: dict[str, Language] = {}
    for path in sorted(folder.glob("*.toml")):
        language = _language(path)
        for name in language.names:
            if name in found:
                raise SupportError(f"{path.name}: another file speaks for {name!r}.")
            found[name] = language
    return found


def _language(path: Path) -> Language:
    table = Table(path.name, load_file(path))
    name = table.text("language")
    if path.stem != name:
        raise SupportError(f"{path.name}: the file of {name!r} must be called {name}.toml.")
    language = Language(
        (name, *table.texts("also")),
        table.text("title"),
        table.text("rewrite"),
        table.days("rewrite_days"),
        tuple(_toolchain(item) for item in table.tables("toolchain")),
    )
    table.end()
    return language


def _toolchain(table: Table) -> Toolchain:
    found = Toolchain(
        table.text("name"),
        table.text("versions"),
        table.choice("status", Maturity),
        table.choice("makes", Output),
        table.texts("wasi", _WASI),
        table.choice("server", Server),
        table.choice("sockets", Given),
        table.choice("threads", Given),
        table.choice("checked", Checked),
        table.text("says"),
        table.text("source"),
        table.date("date"),
    )
    table.end()
    return found
