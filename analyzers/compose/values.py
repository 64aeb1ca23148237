"""YAML as values that know where they were written.

The events of the YAML parser are built into values here and never constructed, so no tag can run
anything, and nesting is bounded without recursion. An alias shares the value of its anchor. Plain
scalars get the type that go-yaml gives them, because Docker Compose reads with it: `yes` is text,
`010` is eight, `1:30` is text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from yaml.events import Event, ScalarEvent

DEPTH = 64  # nesting of a document; real ones stay below ten
SIZE = 1024 * 1024  # characters of a file
VISITS = 400_000  # values that one project may cost; real ones cost some thousands

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, and the folder from which relative paths in it are seen."""

    path: str
    line: int
    folder: str = ""


class Mark(Enum):
    """Compose's own tags: what they do to the same key of the files before."""

    NONE = ""
    RESET = "!reset"
    OVERRIDE = "!override"


@dataclass(frozen=True, slots=True)
class Value:
    """A scalar, a list or a mapping. `place` is where it begins, `key` where its key stands.

    `unset` names the variables in a scalar that nothing in the repository sets; they stay in the text.
    Containers are never changed after they were built: values share them.
    """

    data: Scalar | list[Value] | dict[str, Value]
    place: Place
    key: Place | None = None
    mark: Mark = Mark.NONE
    unset: tuple[str, ...] = ()

    @property
    def at(self) -> Place:
        """The line a reader looks for: that of the key, else that of the value."""
        return self.key or self.place

    @property
    def text(self) -> str | None:
        """A scalar as Go prints it; None for null and for containers."""
        return None if isinstance(self.data, list | dict) else text_of(self.data)


class YamlError(Exception):
    """The file cannot be read as YAML. `line` is None where the parser does not say."""

    def __init__(self, line: int | None, why: str) -> None:
        super().__init__(why)
        self.line = line


class TooMuchError(Exception):
    """The project costs more work than any real one."""


class Work:
    """What may still be visited."""

    def __init__(self, visits: int = VISITS) -> None:
        self.left = visits

    def spend(self, visits: int = 1) -> None:
        self.left -= visits
        if self.left < 0:
            raise TooMuchError


Report = Callable[[Place, str], None]


def documents(text: str, path: str, report: Report) -> tuple[Value, ...]:
    """The documents of a file. `report` is told what compose refuses and reading can pass over
    (duplicate keys, keys that are no text). Raises YamlError."""
    import yaml

    if len(text) > SIZE:
        raise YamlError(None, f"has more than {SIZE:,} characters, which no compose file needs")
    loader = yaml.CBaseLoader if yaml.__with_libyaml__ else yaml.BaseLoader
    builder = _Builder(path, report)
    try:
        for event in yaml.parse(text, Loader=loader):
            builder.take(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        why = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise YamlError(mark.line + 1 if mark else None, f"is no valid YAML: {why}") from None
    except (ValueError, OverflowError) as error:  # an impossible \U escape
        raise YamlError(None, f"is no valid YAML: {error}") from None
    return tuple(builder.documents)


@dataclass(slots=True)
class _Open:
    """A container that is being built."""

    place: Place
    tag: str | None
    anchor: str | None
    items: list[Value]
    entries: list[tuple[ScalarEvent | None, Place, Value]] | None  # of a mapping
    key: tuple[ScalarEvent | None, Place] | None = None


class _Builder:
    def __init__(self, path: str, report: Report) -> None:
        from yaml import events

        self.events = events
        self.path = path
        self.report = report
        self.documents: list[Value] = []
        self.stack: list[_Open] = []
        self.anchors: dict[str, Value | None] = {}  # None: still open

    def take(self, event: Event) -> None:
        events = self.events
        mark = event.start_mark
        place = Place(self.path, mark.line + 1 if mark else 0)
        if isinstance(event, events.ScalarEvent):
            value = Value(_typed(event), place, None, _mark(event.tag))
            if event.anchor:
                self.anchors[event.anchor] = value
            self.add(value, event)
        elif isinstance(event, events.CollectionStartEvent):
            if len(self.stack) >= DEPTH:
                raise YamlError(place.line, f"is nested more than {DEPTH} levels deep")
            if event.anchor:
                self.anchors[event.anchor] = None
            entries: list[tuple[ScalarEvent | None, Place, Value]] | None = (
                [] if isinstance(event, events.MappingStartEvent) else None
            )
            self.stack.append(_Open(place, event.tag, event.anchor, [], entries))
        elif isinstance(event, events.CollectionEndEvent):
            done = self.stack.pop()
            data = done.items if done.entries is None else self.mapping(done.entries)
            value = Value(data, done.place, None, _mark(done.tag))
            if done.anchor:
                self.anchors[done.anchor] = value
            self.add(value, None)
        elif isinstance(event, events.AliasEvent):
            self.add(self.alias(event.anchor or "", place), None)
        elif isinstance(event, events.DocumentStartEvent):
            self.anchors = {}

    def alias(self, name: str, place: Place) -> Value:
        if name not in self.anchors:
            raise YamlError(place.line, f"is no valid YAML: unknown anchor {name!r}")
        value = self.anchors[name]
        if value is None:
            self.report(place, f"the alias *{name} stands inside of what it names")
            return Value(None, place)
        return value

    def add(self, value: Value, scalar: ScalarEvent | None) -> None:
        if not self.stack:
            self.documents.append(value)
            return
        top = self.stack[-1]
        if top.entries is None:
            top.items.append(value)
        elif top.key is None:
            top.key = (scalar, value.place)
        else:
            event, place = top.key
            top.key = None
            top.entries.append((event, place, value))

    def mapping(self, entries: list[tuple[ScalarEvent | None, Place, Value]]) -> dict[str, Value]:
        own: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        merges = 0
        for event, place, value in entries:
            if event is None or not isinstance(typed := _typed(event), str):
                self.report(place, "a key is no text, which compose refuses")
                if event is None:
                    continue
                typed = str(event.value)
            if typed == "<<" and event.style in (None, ""):
                merges += 1
                if merges > 1:
                    self.report(place, "the key `<<` stands twice in one mapping, which compose refuses")
                for part in value.data if isinstance(value.data, list) else [value]:
                    if not isinstance(part.data, dict):
                        self.report(place, "`<<` merges mappings only")
                        continue
                    for name, inner in part.data.items():
                        merged.setdefault(name, inner)
                continue
            if typed in own:
                first = own[typed].at.line
                self.report(place, f"the key {typed!r} stands in line {first} already, which compose refuses")
            own[typed] = Value(value.data, value.place, place, value.mark, value.unset)
        return {**merged, **own}


def _mark(tag: str | None) -> Mark:
    return Mark(tag) if tag in ("!reset", "!override") else Mark.NONE


# --- the types of scalars -------------------------------------------------------------------------

_WORDS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LONGEST_NUMBER = 64
_STR = "tag:yaml.org,2002:str"


def _typed(event: ScalarEvent) -> Scalar:
    text = str(event.value)
    if event.style not in (None, "") or event.tag == _STR or event.tag == "!":
        return text
    return typed(text)


def typed(text: str) -> Scalar:
    """What go-yaml makes of a plain scalar. Dates stay text."""
    if text in _WORDS:
        return _WORDS[text]
    if len(text) > _LONGEST_NUMBER or text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "")
    if match := _INTEGER.fullmatch(plain):
        sign, hexadecimal, binary, octal, decimal = match.groups()
        digits, base = next(
            (d, b) for d, b in ((hexadecimal, 16), (binary, 2), (octal, 8), (decimal, 10)) if d is not None
        )
        number = int(digits, base) * (-1 if sign == "-" else 1)
        if -(2**63) <= number < 2**64:
            return number
    if _FLOAT.fullmatch(plain):
        return float(plain)
    return text


def text_of(data: Scalar) -> str | None:
    """A scalar as Go's `%v` prints it; None for null."""
    if data is None or isinstance(data, str):
        return data
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, int):
        return str(data)
    if math.isnan(data):
        return "NaN"
    if math.isinf(data):
        return "+Inf" if data > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(data)).normalize().as_tuple()
    assert isinstance(exponent, int)  # noqa: S101 - a finite number
    power = len(digits) + exponent - 1
    if digits == (0,):
        return "-0" if sign else "0"
    if -4 <= power < 6:
        return f"{Decimal(repr(data)).normalize():f}"
    word = "".join(map(str, digits))
    mantissa = word[0] + ("." + word[1:] if len(word) > 1 else "")
    return f"{'-' if sign else ''}{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"
