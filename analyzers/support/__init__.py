"""What each lane and each target can take today, as data: one TOML file each, with source and date.

A lane's file says what services it makes into components, a target's file what components it runs and what
it gives them, `baseline.toml` what every stock runtime does. Only `proven` counts for a verdict of
`convert`: a fixture whose component was EQUAL to its container on `wasmtime serve` or `workerd`. A target
inherits that proof when the component's imports and exports lie in one of the target's rows.

Keys of `[[feature]]`: `feature` (what, in words), `status`, `kinds` (http, command), `wasi` (0.2, 0.3),
`needs` (what is given), `imports` and `exports` (interface packages with their minor version: of the
component in a lane's file, offered in a target's), `fixture` (lanes, needed for `proven`), `versions`
(targets: of the runtime), `source`, `date`.

`[[absent]]` of a target says what it does not give, and `why`: for each kind that it runs, every need is
either in a feature or absent, so that nothing is left to be guessed. `[[gain]]` of a lane, and `gains/` for
languages whose lane has none of its own yet, are figures for `analyzers.gains`.

Other data here: `toolchains/` (what each language's tools can do today) and `advice/`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

from analyzers.model import Basis, Gain, Need, NeedKind
from analyzers.support.table import SupportError as SupportError
from analyzers.support.table import Table
from analyzers.support.table import load as load_file

TARGETS = ("spin", "wasmtime", "spinkube", "wasmcloud", "cloudflare", "docker", "wasmedge", "akamai")
KINDS = ("http", "command")
WASI = ("0.2", "0.3")
# What the component carries itself; every other need is something that its host must give.
INSIDE = frozenset({NeedKind.LANE, NeedKind.NATIVE})


class Status(StrEnum):
    """How far something is."""

    PROVEN = "proven"
    EXPERIMENTAL = "experimental"
    PLANNED = "planned"


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing that a lane makes or a target runs; see the module's text for the fields."""

    feature: str
    status: Status
    kinds: tuple[str, ...]
    wasi: tuple[str, ...]
    needs: tuple[Need, ...]
    source: str
    date: datetime.date
    imports: frozenset[str] = frozenset()
    exports: frozenset[str] = frozenset()
    fixture: str | None = None
    versions: str = ""

    def proven(self, need: Need, kind: str) -> bool:
        return self.status is Status.PROVEN and kind in self.kinds and need in self.needs


@dataclass(frozen=True, slots=True)
class Absent:
    """What a target does not give to components of these kinds, and why."""

    needs: tuple[Need, ...]
    kinds: tuple[str, ...]
    why: str
    source: str
    date: datetime.date


@dataclass(frozen=True, slots=True)
class LaneGain:
    """What services of this interface (`*`: of any) can expect."""

    interface: str
    gain: Gain


@dataclass(frozen=True, slots=True)
class Lane:
    """One lane: the language it takes, and what of it."""

    name: str
    language: str
    features: tuple[Feature, ...]
    gains: tuple[LaneGain, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """One target. `versions`: looked at; `seen_on`: dated runs on the real thing; `note` is for readers."""

    name: str
    title: str
    features: tuple[Feature, ...]
    seen_on: tuple[str, ...] = ()
    note: str = ""
    versions: tuple[str, ...] = ()
    absent: tuple[Absent, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of components that it runs, as far as any row says."""
        return tuple(dict.fromkeys(kind for row in self.features for kind in row.kinds))

    def status(self, need: NeedKind, kind: str) -> Status | None:
        """How far this need is given to components of this kind; None where it is not."""
        found = [row.status for row in self.features if kind in row.kinds and Need(need) in row.needs]
        return min(found, key=list(Status).index, default=None)

    def reason(self, need: NeedKind, kind: str) -> str:
        """Why the need is not given, or "" where nothing is said."""
        return next((one.why for one in self.absent if kind in one.kinds and Need(need) in one.needs), "")


@dataclass(frozen=True, slots=True)
class Support:
    """All the data. `targets` are in the order of TARGETS."""

    lanes: tuple[Lane, ...]
    targets: tuple[Target, ...]
    baseline: Target
    prototypes: Mapping[str, tuple[LaneGain, ...]] = field(default_factory=dict)  # by language

    def lane(self, name: str | None) -> Lane | None:
        return next((lane for lane in self.lanes if lane.name == name), None)

    def lane_for(self, language: str | None) -> Lane | None:
        """The lane that takes a language, proven or not."""
        return next((lane for lane in self.lanes if lane.language == language), None)

    def target(self, name: str) -> Target:
        """The target of this name. Raises KeyError."""
        return {target.name: target for target in self.targets}[name]

    def gives(self, target: Target, lane: str | None, need: Need, kind: str) -> bool:
        """Whether a component of this lane and kind has what `need` asks for on this target."""
        found = self.lane(lane)
        if found is None:
            return False
        return any(
            _takes(row, feature, need, kind)
            for feature in found.features
            if feature.proven(need, kind)
            for row in target.features
        )

    def missing(self, target: Target, lane: str | None, needs: Iterable[Need], kind: str) -> tuple[Need, ...]:
        """The needs that are not given there, in order."""
        return tuple(need for need in needs if not self.gives(target, lane, need, kind))

    def at_baseline(self, lane: str | None, needs: Iterable[Need]) -> bool:
        """Whether the baseline gives all these needs to a component of this lane."""
        return not self.missing(self.baseline, lane, needs, "http")


def _takes(row: Feature, made: Feature, need: Need, kind: str) -> bool:
    return (
        row.status is Status.PROVEN
        and kind in row.kinds
        and bool(set(row.wasi) & set(made.wasi))
        and made.imports <= row.imports
        and made.exports <= row.exports
        and (need.kind in INSIDE or Need(need.kind) in row.needs)
    )


@cache
def load() -> Support:
    """The data of this distribution. Raises SupportError where a file breaks the schema."""
    return read(Path(__file__).parent)


def read(folder: Path) -> Support:
    """The data of a folder of TOML files. Raises SupportError."""
    lanes: list[Lane] = []
    targets: dict[str, Target] = {}
    for path in sorted(folder.glob("*.toml")):
        data = load_file(path)
        if "lane" in data:
            lanes.append(_lane(path, data))
        else:
            target = _target(path, data)
            targets[target.name] = target
    missing = [name for name in ("baseline", *TARGETS) if name not in targets]
    if missing:
        raise SupportError(f"There is no file for the target {missing[0]!r}.")
    return Support(
        tuple(lanes),
        tuple(targets[name] for name in TARGETS),
        targets["baseline"],
        dict(_prototypes(path) for path in sorted((folder / "gains").glob("*.toml"))),
    )


def _lane(path: Path, data: Mapping[str, object]) -> Lane:
    table = Table(path.name, data)
    name = table.text("lane")
    language = table.text("language")
    features = tuple(_feature(item, of_lane=True) for item in table.tables("feature"))
    gains = tuple(_gain(item) for item in table.tables("gain"))
    table.end()
    _named(path, name)
    if not features:
        raise SupportError(f"{path.name}: a lane needs a feature.")
    return Lane(name, language, features, gains)


def _target(path: Path, data: Mapping[str, object]) -> Target:
    table = Table(path.name, data)
    name = table.text("target")
    title = table.text("title")
    note = table.text("note", "")
    versions = table.texts("versions", empty=False)
    seen = table.texts("seen_on")
    features = tuple(_feature(item, of_lane=False) for item in table.tables("feature"))
    absent = tuple(_absent(item) for item in table.tables("absent"))
    table.end()
    _named(path, name)
    if name not in (*TARGETS, "baseline"):
        raise SupportError(f"{path.name}: {name!r} is no target; targets are {', '.join(TARGETS)}.")
    target = Target(name, title, features, seen, note, versions, absent)
    _whole(path, target)
    return target


def _whole(path: Path, target: Target) -> None:
    """Nothing that a component can need of a host is left out, and nothing is both given and not."""
    for need in (need for need in NeedKind if need not in INSIDE):
        given, reason = target.status(need, "http"), target.reason(need, "http")
        if (given is None) == (not reason):
            said = "neither given nor absent" if given is None else "both given and absent"
            raise SupportError(f"{path.name}: {need} is {said} for components of kind http.")


def _named(path: Path, name: str) -> None:
    if path.stem != name:
        raise SupportError(f"{path.name}: the file of {name!r} must be called {name}.toml.")


def _feature(table: Table, *, of_lane: bool) -> Feature:
    feature = table.text("feature")
    status = table.choice("status", Status)
    kinds = table.texts("kinds", KINDS, empty=False)
    wasi = table.texts("wasi", WASI, empty=False)
    needs = table.needs("needs")
    imports = frozenset(table.texts("imports"))
    exports = frozenset(table.texts("exports"))
    source = table.text("source")
    date = table.date("date")
    fixture = (table.text("fixture", "") or None) if of_lane else None
    versions = "" if of_lane else table.text("versions")
    table.end()
    if status is Status.PROVEN and (not exports or (of_lane and fixture is None)):
        raise SupportError(f"{feature!r} is proven: name its exports and, for a lane, the fixture.")
    if of_lane and not needs:
        raise SupportError(f"{feature!r}: a lane's feature must name the needs it gives.")
    if not of_lane and any(need.kind in INSIDE for need in needs):
        raise SupportError(f"{feature!r}: a target does not give what a component carries itself.")
    return Feature(feature, status, kinds, wasi, needs, source, date, imports, exports, fixture, versions)


def _absent(table: Table) -> Absent:
    found = Absent(
        table.needs("needs"),
        table.texts("kinds", KINDS, empty=False),
        table.text("why"),
        table.text("source"),
        table.date("date"),
    )
    table.end()
    if not found.needs or any(need.kind in INSIDE for need in found.needs):
        raise SupportError(f"{table.where}: name needs that a host can give.")
    return found


def _prototypes(path: Path) -> tuple[str, tuple[LaneGain, ...]]:
    table = Table(path.name, load_file(path))
    language = table.text("language")
    gains = tuple(_gain(item, Basis.PROTOTYPE) for item in table.tables("gain"))
    table.end()
    _named(path, language)
    return language, gains


def _gain(table: Table, basis: Basis = Basis.MEASURED) -> LaneGain:
    gain = LaneGain(
        table.text("interface"),
        Gain(
            table.text("metric"),
            table.text("expected"),
            table.text("source"),
            basis,
            table.date("date").isoformat(),
        ),
    )
    table.end()
    return gain
