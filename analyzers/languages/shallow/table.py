"""Tables of names: which import, call, type, annotation or setting of a language means which fact.

A table is a TOML file beside its reader, with `source` and `date`:

    [[fact]]
    kind = "outbound"            # a FactKind
    subject = "redis"
    detail = "address"           # optional: a fixed text, or "first" for the call's first argument
    reach = "import"             # optional; otherwise the function around it tells
    import = ["redis.clients"]   # a prefix of imported names
    call = ["Jedis.connect", ".AddHostedService"]  # receiver and method; "." for any receiver
    new = ["Jedis"]              # a type that is made
    annotation = ["EnableZuulProxy"]
    extends = ["JpaRepository"]
    package = ["spring-boot-starter-mail"]  # a dependency that acts by being there
    config = ["spring.mail.host"]           # a setting with this prefix; needs one of `package` where given
    ignore, only = [...]                    # words that the arguments must not, must hold

    [[framework]]  name, package, import; [[driver]] package, subject, url: which database a driver speaks to
    [[route]]      annotation or call, method
    [native]       packages that need native code
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from functools import cache
from importlib import resources
from typing import Any

from analyzers.model import Confidence, FactKind, Reach

SIGHTS = ("import", "call", "new", "annotation", "extends")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What one entry of a table says."""

    kind: FactKind
    subject: str
    detail: str = ""
    reach: Reach | None = None
    confidence: Confidence = Confidence.HIGH
    package: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()  # words in the arguments that make it harmless
    only: tuple[str, ...] = ()  # words of which the arguments must hold one


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework, known by a dependency or an import; `interface` says how it is called."""

    name: str
    interface: str | None
    port: int | None
    package: tuple[str, ...]
    imports: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Driver:
    """A database driver: its packages, the prefixes of its addresses, what it speaks."""

    subject: str
    package: tuple[str, ...]
    url: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A loaded table. `by_name` is keyed by sight and name."""

    by_name: dict[tuple[str, str], tuple[Meaning, ...]]
    alone: tuple[Meaning, ...]  # by package or setting
    frameworks: tuple[Framework, ...]
    drivers: tuple[Driver, ...]
    routes: dict[tuple[str, str], str]
    native: tuple[str, ...]
    mutators: frozenset[str]
    words: frozenset[bytes]  # a file without any of them holds nothing of interest
    start: frozenset[str]  # functions that run once, when the program starts
    caches: frozenset[str] = field(default_factory=frozenset)  # types of caches
    imports: frozenset[str] = frozenset()  # that show a framework
    constants: dict[str, str] = field(default_factory=dict)  # package -> the name that its users write

    def interesting(self, sight: str, name: str) -> bool:
        """Whether a name means anything."""
        if sight == "import" and name in self.imports:
            return True
        return (sight, name) in self.by_name or (sight, name) in self.routes


@cache
def load(package: str, name: str) -> Table:
    """The table `name` beside the reader `package`. Raises KeyError or ValueError on a broken one."""
    text = resources.files(package).joinpath(name).read_text("utf-8")
    data = tomllib.loads(text)
    data["source"], data["date"]  # both must be stated
    by_name: dict[tuple[str, str], list[Meaning]] = {}
    alone: list[Meaning] = []
    for entry in data.get("fact", ()):
        meaning = _meaning(entry)
        sights = [(sight, one) for sight in SIGHTS for one in entry.get(sight, ())]
        for key in sights:
            by_name.setdefault(key, []).append(meaning)
        if meaning.config or (meaning.package and not sights):
            alone.append(meaning)
    routes = {
        (sight, one): entry["method"]
        for entry in data.get("route", ())
        for sight in ("call", "annotation")
        for one in entry.get(sight, ())
    }
    state = data.get("state", {})
    imports = frozenset(name for one in data.get("framework", ()) for name in one.get("import", ()))
    words = {_word(name) for name in (*(name for _, name in (*by_name, *routes)), *imports)} | {
        _word(name) for name in (*state.get("types", ()), *state.get("words", ()))
    }
    return Table(
        by_name={key: tuple(meanings) for key, meanings in by_name.items()},
        alone=tuple(alone),
        frameworks=tuple(
            Framework(
                one["name"],
                one.get("interface"),
                one.get("port"),
                tuple(one.get("package", ())),
                tuple(one.get("import", ())),
            )
            for one in data.get("framework", ())
        ),
        drivers=tuple(
            Driver(one["subject"], tuple(one.get("package", ())), tuple(one.get("url", ())))
            for one in data.get("driver", ())
        ),
        routes=routes,
        native=tuple(data.get("native", {}).get("packages", ())),
        mutators=frozenset(state.get("mutators", ())),
        words=frozenset(words - {b""}),
        start=frozenset(data.get("start", {}).get("functions", ())),
        caches=frozenset(state.get("caches", ())),
        imports=imports,
        constants=dict(data.get("constants", {})),
    )


def package_matches(patterns: tuple[str, ...], name: str) -> bool:
    """Whether a dependency is meant; patterns may hold `*`."""
    return any(one == name or ("*" in one and fnmatchcase(name, one)) for one in patterns)


def _meaning(entry: dict[str, Any]) -> Meaning:
    return Meaning(
        kind=FactKind(entry["kind"]),
        subject=entry["subject"],
        detail=entry.get("detail", ""),
        reach=Reach(entry["reach"]) if "reach" in entry else None,
        confidence=Confidence(entry.get("confidence", "high")),
        package=tuple(entry.get("package", ())),
        config=tuple(entry.get("config", ())),
        ignore=tuple(entry.get("ignore", ())),
        only=tuple(entry.get("only", ())),
    )


def _word(name: str) -> bytes:
    """The last identifier of a dotted name: it stands in each file that holds the name."""
    return name.rstrip("*.").replace("\\", ".").rpartition(".")[2].rpartition(":")[2].encode()
