"""The drawing of links: every service once, callers before what they call, circles too."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from migrate.reports.graph import MOST, draw

NAMES = st.sampled_from([f"s{n}" for n in range(12)])


def test_callers_stand_left_of_what_they_call() -> None:
    graph = draw([("web", "api"), ("api", "db"), ("web", "db"), ("job", "db")])
    assert graph is not None
    x = {box.name: box.x for box in graph.boxes}
    assert x["web"] == x["job"] < x["api"] < x["db"]
    assert len(graph.lines) == 4


def test_nothing_or_too_much_is_not_drawn() -> None:
    assert draw([]) is None
    assert draw([("web", "web")]) is None
    assert draw([("hub", f"s{n}") for n in range(MOST)]) is None
    assert draw([("hub", f"s{n}") for n in range(MOST - 1)]) is not None


def test_a_circle_is_drawn() -> None:
    graph = draw([("a", "b"), ("b", "c"), ("c", "a")])
    assert graph is not None
    assert len({box.x for box in graph.boxes}) == 3


@given(st.lists(st.tuples(NAMES, NAMES), max_size=40))
def test_every_service_has_one_box_of_its_own_inside_the_picture(links: list[tuple[str, str]]) -> None:
    graph = draw(links)
    named = {name for link in links if link[0] != link[1] for name in link}
    if graph is None:
        assert not named
        return
    assert {box.name for box in graph.boxes} == named
    assert len({(box.x, box.y) for box in graph.boxes}) == len(named)
    assert all(box.x + box.width < graph.width and box.y + box.height < graph.height for box in graph.boxes)
    assert all(re.fullmatch(r"M\d+ \d+C-?\d+ \d+ -?\d+ \d+ \d+ \d+", line.path) for line in graph.lines)


def test_a_label_fits_and_shows_nothing_hostile() -> None:
    graph = draw([("x" * 50, "a\u202eb")])
    assert graph is not None
    labels = [box.label for box in graph.boxes]
    assert labels[0].endswith("…")
    assert len(labels[0]) <= 17
    assert "\u202e" not in labels[1]
