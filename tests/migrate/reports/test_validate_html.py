"""The page of a comparison: whole, self-contained, and deaf to what answers hold."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from migrate.model import (
    Answer,
    Budget,
    Claim,
    Comparison,
    ExchangeVerdict,
    Held,
    Kept,
    Measurement,
    Noise,
    Outcome,
    Side,
)
from migrate.reports import plots, side_by_side, validate_html
from migrate.validate.measuring.statistics import measurement, not_measured, pooled
from tests.migrate.reports.test_validate_reports import HOSTILE, comparison

MEASURED = (
    measurement("size", Side.ORIGINAL, "byte", [222e6], "on disk"),
    measurement("size", Side.CANDIDATE, "byte", [27e6], "the file"),
    measurement("cold-start", Side.ORIGINAL, "s", [0.3, 0.32, 0.31, 0.4, 0.33, 0.3], "o", turns=True),
    measurement("cold-start", Side.CANDIDATE, "s", [0.1, 0.11, 0.1, 0.12, 0.13, 0.1], "c", turns=True),
    measurement("floor-cold-start", Side.CANDIDATE, "s", [0.01] * 6, "f", turns=True),
    pooled("latency-50", Side.ORIGINAL, "s", [[0.001 * n for n in range(1, 300)]] * 3, "load"),
    not_measured("latency-50", Side.CANDIDATE, "s", "it broke"),
)


def full() -> Comparison:
    base = comparison()
    exchange = base.runs[0].exchanges[0]
    body = b'{"a": 1, "b": [1, 2], "name": "<script>alert(1)</script>"}'
    different = replace(
        exchange,
        original=Answer(200, (("X-A", HOSTILE),), body, 0.1),
        candidate=Answer(200, (("X-A", "b"),), body.replace(b"2]", b"3]"), 0.1),
        noise=(Noise("$.id", "1", "2"),),
    )
    equal = replace(exchange, verdict=ExchangeVerdict.EQUAL, differences=(), normalisations=())
    return replace(
        base,
        runs=(replace(base.runs[0], exchanges=(equal, different)),),
        measurements=MEASURED,
        claims=(Claim("x", "starts in 1 ms", "somebody", "80 ms", "how", Held.NOT),),
        budgets=(Budget("p99_ratio", "<= 1.5", "2.00 (latency-50)", Kept.EXCEEDED),),
    )


class Reader(HTMLParser):
    """Collects what a browser would take for elements, and finds those left open."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "input", "br"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_loads_nothing_and_obeys_nobody() -> None:
    text = validate_html.render(full())
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert not re.search(r"(?:src|href)=[\"']?(?:https?:|//)", text)
    assert not any(name.startswith("on") or name == "style" for _, attrs in reader.tags for name in attrs)
    assert "\x1b" not in text


def test_what_differs_comes_first_with_both_answers_and_how_to_ask() -> None:
    text = validate_html.render(full())
    assert text.index('data-verdict="different"') < text.index('data-verdict="equal"')
    assert "$ORIGINAL/a" in text.replace("&#34;", '"')
    assert 'class="changed"' in text
    for word in (
        "starts in 1 ms",
        "does not hold",
        "p99_ratio",
        "exceeded",
        "date-value",
        "$.id",
        "it broke",
    ):
        assert word in text


def test_a_comparison_without_figures_has_no_empty_sections() -> None:
    text = validate_html.render(comparison(Outcome.EQUAL))
    assert "<h2>Figures" not in text
    assert "field claims" not in text


def test_lines_pair_up_and_long_ones_keep_their_difference() -> None:
    left = Answer(200, (("A", "1"),), ("\n".join(["same"] * 50) + "\n" + "x" * 900 + "1").encode(), 0.1)
    right = Answer(201, (("A", "1"),), ("\n".join(["same"] * 50) + "\n" + "x" * 900 + "2").encode(), 0.1)
    lines = side_by_side.answers(left, right)
    assert (lines[0].kind, lines[0].left, lines[0].right) == ("changed", "status 200", "status 201")
    assert [line.left for line in lines if line.kind == "gap"] == ["47 equal lines"]
    assert "1 (901 characters)" in lines[-1].left
    assert "2 (901 characters)" in lines[-1].right


@pytest.mark.parametrize("body", [b"\xff\xfe" * 50, b"a\n" * 100_000, b"[" * 50_000, b'{"a":' * 20_000, b""])
def test_any_body_is_shown_bounded(body: bytes) -> None:
    lines = side_by_side.answers(Answer(200, (), body, 0.1), Answer(500, (), b"", 0.1, error="broke"))
    assert len(lines) <= side_by_side.LINES + 10
    assert all(len(line.left) < 1000 for line in lines)


def test_a_curve_rises_to_all_and_stays_in_the_plot() -> None:
    one = measurement("m", Side.ORIGINAL, "s", [0.001, 0.002, 0.002, 0.5], "how")
    plot = plots.distribution("m", [("original", one)])
    assert plot is not None
    assert plot.logarithmic
    numbers = [float(number) for number in re.findall(r"[HM]([\d.]+)", plot.series[0].curve)]
    assert numbers == sorted(numbers)
    assert all(plot.left <= number <= plot.right for number in numbers)
    assert f"V{plot.top:.1f}" in plot.series[0].curve
    assert len(plot.ticks) >= 2


@pytest.mark.parametrize("values", [[0.0, 0.0, 0.0], [-1.0, 2.0, 5.0], [3.0, 3.0, 3.0], [1e-9, 1e9, 5.0]])
def test_any_values_can_be_drawn(values: list[float]) -> None:
    one = measurement("m", Side.ORIGINAL, "s", values, "how")
    plot = plots.distribution("m", [("original", one)])
    assert plot is not None
    assert all(plot.left <= x <= plot.right for x, _ in plot.series[0].dots)


def test_single_values_share_an_axis_and_nothing_is_drawn_of_nothing() -> None:
    rows = [("size", [("original", MEASURED[0]), ("component", MEASURED[1])])]
    strip = plots.strip(rows, "byte")
    assert strip is not None
    first, second = strip.rows[0].marks
    assert first.x > second.x
    assert plots.strip([("x", [("original", MEASURED[-1])])], "byte") is None
    assert plots.distribution("x", [("original", MEASURED[0])]) is None


def test_what_is_measured_apart_from_itself_is_no_difference() -> None:
    from migrate.reports.validate_text import change

    def figure(side: Side, median: float, same: float) -> Measurement:
        return Measurement("m", side, "s", (median,), "how", median, None, None, same)

    assert change(figure(Side.ORIGINAL, 1.0, 0.3), figure(Side.CANDIDATE, 1.2, 0.0)) == "no difference shown"
    assert change(figure(Side.ORIGINAL, 1.0, 0.1), figure(Side.CANDIDATE, 1.2, 0.0)) == "1.2 times"
