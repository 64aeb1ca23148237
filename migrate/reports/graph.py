"""Who calls whom as a small drawing: callers on the left, what they call to their right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from migrate.reports.console import cut, printable

MOST = 40  # services that one can still see at once
_WIDTH, _HEIGHT = 132, 30  # of a box, in CSS pixels
_ACROSS, _DOWN = 44, 12  # between boxes
_LETTERS = 17


@dataclass(frozen=True, slots=True)
class Box:
    """A service. `label` fits into the box."""

    name: str
    label: str
    x: int
    y: int
    width: int = _WIDTH
    height: int = _HEIGHT


@dataclass(frozen=True, slots=True)
class Line:
    """A link from the right side of a box to the left side of another."""

    x1: int
    y1: int
    x2: int
    y2: int

    @property
    def path(self) -> str:
        """The line as data of an SVG path; one that goes back or stays in its column bends more."""
        bend = _ACROSS // 2 if self.x2 > self.x1 else _ACROSS
        return (
            f"M{self.x1} {self.y1}C{self.x1 + bend} {self.y1} {self.x2 - bend} {self.y2} {self.x2} {self.y2}"
        )


@dataclass(frozen=True, slots=True)
class Graph:
    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[Line, ...]


def draw(links: Iterable[tuple[str, str]]) -> Graph | None:
    """The drawing of these links, each from and to. None where there are none, or too many services."""
    edges = list(dict.fromkeys(link for link in links if link[0] != link[1]))
    names = list(dict.fromkeys(name for edge in edges for name in edge))
    if not edges or len(names) > MOST:
        return None
    depth = _depths(names, edges)
    columns: dict[int, list[str]] = {}
    for name in names:
        columns.setdefault(depth[name], []).append(name)
    boxes = {
        name: Box(
            name,
            cut(printable(name), _LETTERS),
            _ACROSS // 2 + column * (_WIDTH + _ACROSS),
            _DOWN + row * (_HEIGHT + _DOWN),
        )
        for column, members in columns.items()
        for row, name in enumerate(_by_callers(members, columns.get(column - 1, []), edges))
    }
    lines = tuple(_line(boxes[source], boxes[target]) for source, target in edges)
    return Graph(
        max(box.x for box in boxes.values()) + _WIDTH + _ACROSS // 2,
        max(box.y for box in boxes.values()) + _HEIGHT + _DOWN,
        tuple(boxes.values()),
        lines,
    )


def _depths(names: list[str], edges: list[tuple[str, str]]) -> Mapping[str, int]:
    """Columns: one more than the deepest caller's. A circle ends the search; its links then go back."""
    depth = dict.fromkeys(names, 0)
    callers: dict[str, set[str]] = {name: set() for name in names}
    called: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        callers[target].add(source)
        called[source].append(target)
    waiting = {name: len(callers[name]) for name in names}
    ready = [name for name in names if not waiting[name]]
    while waiting:
        if not ready:  # a circle: begin with the one that fewest are waiting for
            ready = [min(waiting, key=lambda name: waiting[name])]
        name = ready.pop(0)
        del waiting[name]
        for target in called[name]:
            if target in waiting:
                depth[target] = max(depth[target], depth[name] + 1)
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
    return depth


def _by_callers(members: list[str], before: list[str], edges: list[tuple[str, str]]) -> list[str]:
    """Each near its callers in the column before, so that fewer lines cross."""

    def middle(name: str) -> float:
        places = [before.index(source) for source, target in edges if target == name and source in before]
        return sum(places) / len(places) if places else len(before)

    return sorted(members, key=middle)


def _line(source: Box, target: Box) -> Line:
    return Line(source.x + _WIDTH, source.y + _HEIGHT // 2, target.x, target.y + _HEIGHT // 2)
