"""Budgets: read strictly, judged on the worst load, and what of them fails a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from migrate import config
from migrate.errors import ConfigError, Exit
from migrate.model import Budget, Kept, Measurement, Outcome, Side
from migrate.validate import budgets
from migrate.validate.failure import FailOn, failure
from tests.migrate.reports.test_validate_reports import comparison


def figure(metric: str, side: Side, median: float, p99: float | None = None, unit: str = "s") -> Measurement:
    return Measurement(metric, side, unit, (median,), "how", median, p99, None)


MEASURED = (
    figure("latency-c8", Side.ORIGINAL, 0.010, 0.020),
    figure("latency-c8", Side.CANDIDATE, 0.012, 0.024),
    figure("latency-50", Side.ORIGINAL, 0.002, 0.004),
    figure("latency-50", Side.CANDIDATE, 0.003, 0.008),
    figure("throughput-c8", Side.ORIGINAL, 1000.0, unit="1/s"),
    figure("throughput-c8", Side.CANDIDATE, 600.0, unit="1/s"),
    figure("size", Side.CANDIDATE, 27e6, unit="byte"),
    figure("floor-cold-start", Side.CANDIDATE, 9.0),
    Measurement("cold-start", Side.CANDIDATE, "s", (), "not measured: it broke", float("nan"), None, None),
)


@pytest.mark.parametrize(
    ("name", "limit", "kept", "measured"),
    [
        ("p99_ratio", "<= 1.5", Kept.EXCEEDED, "2.00 (latency-50)"),
        ("p99_ratio", "<= 2", Kept.MET, "2.00 (latency-50)"),
        ("latency", "<= 3 ms", Kept.MET, "3.0 ms (latency-50)"),
        ("throughput_ratio", ">= 0.6", Kept.MET, "0.60 (throughput-c8)"),
        ("throughput", ">= 601 /s", Kept.EXCEEDED, "600/s (throughput-c8)"),
        ("size", "<= 26 MiB", Kept.MET, "27.0 MB (size)"),
        ("size", "<= 26 MB", Kept.EXCEEDED, "27.0 MB (size)"),
        ("cold_start", "<= 1 s", Kept.UNMEASURED, "cold-start of the candidate: not measured: it broke"),
        ("memory_copy", "<= 10 MB", Kept.UNMEASURED, "not measured"),
    ],
)
def test_a_limit_is_judged_on_the_worst_load(name: str, limit: str, kept: Kept, measured: str) -> None:
    (one,) = budgets.judge(budgets.read({name: limit}, "dock2wasm.toml"), MEASURED)
    assert (one.kept, one.measured, one.limit) == (kept, measured, limit)


def test_latency_at_saturation_counts_where_there_is_no_other() -> None:
    closed = [one for one in MEASURED if one.metric != "latency-50"]
    (one,) = budgets.judge(budgets.read({"p99_ratio": "<= 1.5"}, "x"), closed)
    assert one.measured == "1.20 (latency-c8)"


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"p98_ratio": "<= 1"}, "no figure 'p98_ratio'"),
        ({"instance_start_ratio": "<= 1"}, "no figure"),
        ({"p99_ratio": 1.5}, "no limit"),
        ({"p99_ratio": "<= 1.5 ms"}, "no limit"),
        ({"size": "<= 30"}, "no limit"),
        ({"size": "< 30 MB"}, "no limit"),
        ({"cold_start": "<= -1 s"}, "no limit"),
        ({"cold_start": "<= 1 h"}, "no limit"),
    ],
)
def test_what_is_no_budget_is_said(table: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        budgets.read(table, "dock2wasm.toml")


@pytest.mark.parametrize("name", budgets.FIGURES)
def test_the_example_of_each_message_is_a_limit(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        budgets.read({name: ""}, "x")
    example = caught.value.do.partition('"')[2].partition('"')[0]
    assert budgets.read({name: example}, "x")[0].text == example


def test_the_settings_hold_them(tmp_path: Path) -> None:
    file = tmp_path / "dock2wasm.toml"
    file.write_text('[validate.budgets]\np99_ratio = "<= 1.5"\nsize = "<= 30 MB"\n')
    assert [(one.name, one.value) for one in config.load(tmp_path).budgets] == [
        ("p99_ratio", 1.5),
        ("size", 30e6),
    ]
    file.write_text("[validate]\nbudgets = 3\n")
    with pytest.raises(ConfigError, match="budgets are a table"):
        config.load(tmp_path)


EXCEEDED = Budget("size", "<= 1 MB", "2 MB", Kept.EXCEEDED)
MISSING = Budget("p99", "<= 1 ms", "why", Kept.UNMEASURED)


@pytest.mark.parametrize(
    ("outcome", "kept", "asked", "code"),
    [
        (Outcome.EQUAL, (), (), None),
        (Outcome.DIFFERENT, (), (), Exit.DIFFERENT),
        (Outcome.INCONCLUSIVE, (), (), Exit.INCONCLUSIVE),
        (Outcome.DIFFERENT, (EXCEEDED,), (), Exit.DIFFERENT),
        (Outcome.EQUAL, (MISSING, EXCEEDED), (), Exit.BUDGET),
        (Outcome.EQUAL, (MISSING,), (), Exit.BUDGET_UNMEASURED),
        (Outcome.EQUAL, (EXCEEDED,), (FailOn.DIFFERENT,), None),
        (Outcome.DIFFERENT, (EXCEEDED,), (FailOn.BUDGET,), Exit.BUDGET),
        (Outcome.DIFFERENT, (EXCEEDED,), (FailOn.NEVER,), None),
    ],
)
def test_what_fails_a_run(
    outcome: Outcome, kept: tuple[Budget, ...], asked: tuple[FailOn, ...], code: Exit | None
) -> None:
    failed = failure(replace(comparison(outcome), budgets=kept), asked)
    assert (failed.code if failed else None) == code
