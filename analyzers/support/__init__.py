"""What each lane and each target can take today, as data: one TOML file each, with source and date.

A lane's file says what services it makes into components, a target's file what components it runs and what
it gives them, `baseline.toml` what every stock runtime does. Only `proven` counts for a verdict of
`convert`: a fixture whose component was EQUAL to its container on `wasmtime serve` or `workerd`. A target
inherits that proof when the component's imports and exports lie in one of the target's rows.

Keys of `[[feature]]`: `feature` (what, in words), `status`, `kinds` (http, command), `wasi` (0.2, 0.3),
`needs`
(what is given), `imports` and `exports` (interface packages with their minor version: of the component in a
lane's file, offered in a target's), `fixture` (lanes, needed for `proven`), `source`, `date`.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from analyzers.model import Gain, Need, NeedKind

TARGETS = ("spin", "wasmtime", "spinkube", "wasmcloud", "cloudflare", "docker", "wasmedge", "akamai")
KINDS = ("http", "command")
WASI = ("0.2", "0.3")
# What the component carries itself; every other need is something that its host must give.
INSIDE = frozenset({NeedKind.LANE, NeedKind.NATIVE})


class SupportError(ValueError):
    """A data file of `analyzers/support` breaks its schema; the message names file and key."""


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

    def proven(self, need: Need, kind: str) -> bool:
        return self.status is Status.PROVEN and kind in self.kinds and need in self.needs


@dataclass(frozen=True, slots=True)
class LaneGain:
    """What services of this interface can expect, as measured."""

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
    """One target. `seen_on` are dated runs on the real thing; `note` is for readers."""

    name: str
    title: str
    features: tuple[Feature, ...]
    seen_on: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Support:
    """All the data. `targets` are in the order of TARGETS."""

    lanes: tuple[Lane, ...]
    targets: tuple[Target, ...]
    baseline: Target

    def lane(self, name: str | None) -> Lane | None:
        return next((lane for lane in self.lanes if lane.name == name), None)

    def lane_for(self, language: str | None) -> Lane | None:
        """The lane that takes a language, proven or not."""
        return next((lane for lane in self.lanes if lane.language == language), None)

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
        try:
            data = tomllib.loads(path.read_text("utf-8"))
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise SupportError(f"{path.name}: {error}") from None
        if "lane" in data:
            lanes.append(_lane(path, data))
        else:
            target = _target(path, data)
            targets[target.name] = target
    missing = [name for name in ("baseline", *TARGETS) if name not in targets]
    if missing:
        raise SupportError(f"There is no file for the target {missing[0]!r}.")
    return Support(tuple(lanes), tuple(targets[name] for name in TARGETS), targets["baseline"])


class _Table:
    """A TOML table read strictly: what is not asked for is an error."""

    def __init__(self, where: str, data: object) -> None:
        if not isinstance(data, dict):
            raise SupportError(f"{where}: must be a table.")
        self._where = where
        self._data: dict[str, object] = dict(data)

    def text(self, key: str, default: str | None = None) -> str:
        value = self._data.pop(key, default)
        if not isinstance(value, str) or (not value and default is None):
            raise SupportError(f"{self._where}: {key} must be a text.")
        return value

    def texts(self, key: str, known: tuple[str, ...] | None = None, *, empty: bool = True) -> tuple[str, ...]:
        value = self._data.pop(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
            raise SupportError(f"{self._where}: {key} must be a list of texts.")
        wrong = [item for item in value if known is not None and item not in known]
        if wrong or len(set(value)) != len(value) or (not value and not empty):
            raise SupportError(f"{self._where}: {key} = {value!r}; known: {known}, none twice.")
        return tuple(value)

    def needs(self, key: str) -> tuple[Need, ...]:
        try:
            return tuple(Need.parse(text) for text in self.texts(key))
        except ValueError as error:
            raise SupportError(f"{self._where}: {key}: {error}.") from None

    def date(self, key: str) -> datetime.date:
        value = self._data.pop(key, None)
        if not isinstance(value, datetime.date) or isinstance(value, datetime.datetime):
            raise SupportError(f"{self._where}: {key} must be a date.")
        return value

    def status(self, key: str) -> Status:
        value = self.text(key)
        try:
            return Status(value)
        except ValueError:
            raise SupportError(f"{self._where}: {key} must be one of {', '.join(Status)}.") from None

    def tables(self, key: str) -> tuple[_Table, ...]:
        value = self._data.pop(key, [])
        if not isinstance(value, list):
            raise SupportError(f"{self._where}: {key} must be tables.")
        return tuple(_Table(f"{self._where}: {key} {n}", item) for n, item in enumerate(value, 1))

    def end(self) -> None:
        if self._data:
            raise SupportError(f"{self._where}: unknown key {min(self._data)!r}.")


def _lane(path: Path, data: Mapping[str, object]) -> Lane:
    table = _Table(path.name, data)
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
    table = _Table(path.name, data)
    name = table.text("target")
    title = table.text("title")
    note = table.text("note", "")
    seen = table.texts("seen_on")
    features = tuple(_feature(item, of_lane=False) for item in table.tables("feature"))
    table.end()
    _named(path, name)
    if name not in (*TARGETS, "baseline"):
        raise SupportError(f"{path.name}: {name!r} is no target; targets are {', '.join(TARGETS)}.")
    return Target(name, title, features, seen, note)


def _named(path: Path, name: str) -> None:
    if path.stem != name:
        raise SupportError(f"{path.name}: the file of {name!r} must be called {name}.toml.")


def _feature(table: _Table, *, of_lane: bool) -> Feature:
    feature = table.text("feature")
    status = table.status("status")
    kinds = table.texts("kinds", KINDS, empty=False)
    wasi = table.texts("wasi", WASI, empty=False)
    needs = table.needs("needs")
    imports = frozenset(table.texts("imports"))
    exports = frozenset(table.texts("exports"))
    source = table.text("source")
    date = table.date("date")
    fixture = table.text("fixture", "") or None
    table.end()
    if status is Status.PROVEN and (not exports or (of_lane and fixture is None)):
        raise SupportError(f"{feature!r} is proven: name its exports and, for a lane, the fixture.")
    if of_lane and not needs:
        raise SupportError(f"{feature!r}: a lane's feature must name the needs it gives.")
    if not of_lane and any(need.kind in INSIDE for need in needs):
        raise SupportError(f"{feature!r}: a target does not give what a component carries itself.")
    return Feature(feature, status, kinds, wasi, needs, source, date, imports, exports, fixture)


def _gain(table: _Table) -> LaneGain:
    gain = LaneGain(
        table.text("interface"), Gain(table.text("metric"), table.text("expected"), table.text("source"))
    )
    table.end()
    return gain
