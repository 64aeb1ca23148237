"""Load: who sends it, what is made of it, and that a side that fails has no figure."""

from __future__ import annotations

import math
import os
import sys
import textwrap
from pathlib import Path

import pytest

from migrate.model import Measurement, Side
from migrate.progress import Silent
from migrate.validate.measuring import confinement, processes, statistics
from migrate.validate.measuring.effort import EFFORTS, Effort
from migrate.validate.measuring.generators import Address, Own, Turn, Vegeta, generator
from migrate.validate.measuring.load import Target, under_load
from tests.migrate.validate.pair import serving

EFFORT = Effort("test", 1, 1, (1, 4), (0.5,), 6, 1.0, ())


class Scripted:
    """A generator that answers from a list: latency by URL, and what goes wrong."""

    name = "scripted"
    limitation = ""

    def __init__(self, latency: dict[str, float], failed: str = "", *, open_loop: bool = True) -> None:
        self.latency = latency
        self.failed = failed
        self.open_loop = open_loop
        self.order: list[str] = []
        self.rates: list[int] = []

    def closed(self, address: Address, path: str, clients: int, seconds: float) -> Turn:
        self.order.append(address.url)
        taken = self.latency[address.url]
        count = int(clients * seconds / taken)
        return Turn((taken,) * count, count if address.url == self.failed else 0, seconds)

    def at_rate(self, address: Address, path: str, rate: int, seconds: float) -> Turn:
        self.rates.append(rate)
        return Turn((self.latency[address.url],) * int(rate * seconds), 0, seconds)


def targets() -> list[Target]:
    return [
        Target(Side.ORIGINAL, Address("o"), "/", lambda: [os.getpid()]),
        Target(Side.CANDIDATE, Address("c"), "/", list),
        Target(Side.CANDIDATE, Address("f"), "/", list, "floor-"),
    ]


def by_name(rows: list[Measurement]) -> dict[tuple[str, Side], Measurement]:
    return {(one.metric, one.side): one for one in rows}


def test_sides_take_turns_in_both_directions_and_meet_at_one_rate() -> None:
    sender = Scripted({"o": 0.001, "c": 0.01, "f": 0.0005})
    rows = by_name(under_load(targets(), sender, EFFORT, "here", Silent()))
    warm_and_first = ["o", "o", "c", "c", "f", "f"]
    assert sender.order[:12] == [*warm_and_first, "f", "c", "o", "o", "c", "f"]
    assert rows["throughput-c4", Side.ORIGINAL].median == pytest.approx(4000, rel=0.01)
    assert rows["throughput-c4", Side.CANDIDATE].median == pytest.approx(400, rel=0.01)
    assert rows["floor-throughput-c4", Side.CANDIDATE].median == pytest.approx(8000, rel=0.01)
    assert set(sender.rates) == {200}
    assert rows["latency-50", Side.CANDIDATE].median == 0.01
    assert "200 requests a second (50% of what the slower side" in rows["latency-50", Side.ORIGINAL].method
    assert ("floor-latency-50", Side.CANDIDATE) not in rows
    assert rows["throughput-c1", Side.ORIGINAL].same == 0
    assert rows["cpu-c1", Side.ORIGINAL].n == EFFORT.turns
    assert rows["cpu-c1", Side.CANDIDATE].method.startswith("not measured: its processes")


def test_a_side_that_fails_has_no_figure_and_the_other_has() -> None:
    rows = by_name(
        under_load(targets(), Scripted({"o": 0.001, "c": 0.01, "f": 0.1}, "c"), EFFORT, "", Silent())
    )
    assert rows["throughput-c1", Side.ORIGINAL].n
    failed = rows["throughput-c1", Side.CANDIDATE]
    assert (failed.n, failed.method) == (0, "not measured: 600 of 1200 requests were not answered with 200")


def test_without_an_open_loop_no_latency_at_a_rate() -> None:
    sender = Scripted({"o": 0.01, "c": 0.01, "f": 0.01}, open_loop=False)
    sender.limitation = "closed loop only"
    rows = by_name(under_load(targets(), sender, EFFORT, "", Silent()))
    assert rows["latency-50", Side.ORIGINAL].method == "not measured: closed loop only"
    assert rows["throughput-c1", Side.ORIGINAL].method.endswith("closed loop only")


def test_our_own_client_sends_and_counts(tmp_path: Path) -> None:
    with serving() as url:
        own = Own((), "no vegeta")
        good = own.closed(Address(url), "/list", 2, 0.3)
        bad = own.closed(Address(url), "/nothing", 2, 0.3)
    assert good.problem == ""
    assert good.latencies
    assert good.failed == 0
    assert good.throughput > 0
    assert bad.latencies == ()
    assert bad.failed > 0
    assert own.at_rate(Address(url), "/", 10, 0.1).problem


STUB = """\
    #!{python}
    import sys
    words = dict(word.lstrip("-").partition("=")[::2] for word in sys.argv[2:])
    if sys.argv[1] == "-version":
        print("Version: v12.13.0\\nCommit:\\n")
    elif sys.argv[1] == "attack":
        targets = open(words["targets"]).read()
        assert words["header"] == "Host: localhost" and words["redirects"] == "-1"
        assert targets.startswith("GET http://x/list")
        open(words["output"], "w").write(words["rate"] + " " + words.get("max-workers", ""))
    else:
        rate = open(sys.argv[-1]).read()
        assert rate in ("0 4", "7/1s 2000"), rate
        with open(words["output"], "w") as out:
            for number in range(10):
                status = 503 if number == 9 else 200
                print(f"{{10**18 + number * 10**8}},{{status}},5000000,0,0,,,,1,GET,http://x/,", file=out)
"""


@pytest.fixture
def vegeta(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that speaks as vegeta does, as far as it is used."""
    path = tmp_path / "vegeta"
    path.write_text(textwrap.dedent(STUB).format(python=sys.executable))
    path.chmod(0o755)
    monkeypatch.setenv("DOCK2WASM_VEGETA", str(path))
    return path


def test_vegeta_is_asked_and_its_answers_are_read(vegeta: Path, tmp_path: Path) -> None:
    sender = generator(tmp_path, ())
    assert isinstance(sender, Vegeta)
    assert sender.name == "vegeta 12.13.0"
    for turn in (
        sender.closed(Address("http://x"), "/list", 4, 1.0),
        sender.at_rate(Address("http://x"), "/list", 7, 1.0),
    ):
        assert turn.problem == ""
        assert turn.latencies == (0.005,) * 9
        assert turn.failed == 1
        # From the first request to the last answer, not the second that was asked for.
        assert turn.seconds == pytest.approx(0.905)


def test_a_generator_that_breaks_is_told(vegeta: Path, tmp_path: Path) -> None:
    sender = generator(tmp_path, ())
    vegeta.write_text("#!/bin/sh\necho broken; exit 3\n")
    turn = sender.closed(Address("http://x"), "/", 1, 0.1)
    assert "code 3: broken" in turn.problem


def test_without_vegeta_ours_says_what_it_cannot_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DOCK2WASM_VEGETA", str(tmp_path / "none"))
    sender = generator(tmp_path, ())
    assert isinstance(sender, Own)
    assert "closed loop only" in sender.limitation
    assert "go install" in sender.limitation or "brew" in sender.limitation


def test_cores_for_both_sides_and_others_for_the_load() -> None:
    found = confinement.cores()
    if not hasattr(os, "sched_getaffinity"):
        assert found.describe().startswith("not pinned")
        return
    assert found.service
    assert found.shared or not set(found.service) & set(found.load)
    before = os.sched_getaffinity(0)
    with confinement.pinned(found.service):
        assert os.sched_getaffinity(0) == set(found.service)
    assert os.sched_getaffinity(0) == before


def test_limits_that_cannot_be_set_are_told_and_leave_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cgroup.controllers").write_text("memory pids")
    monkeypatch.setattr(confinement, "ROOT", tmp_path / "none")
    with confinement.limited([os.getpid()]) as why:
        assert why == "no control groups here"
    with confinement.limited([]) as why:
        assert why


def test_processor_time_of_this_process() -> None:
    if not Path("/proc/self/stat").exists():
        assert processes.cpu_seconds([os.getpid()]) is None
        return
    before = processes.cpu_seconds([os.getpid()])
    total = sum(number * number for number in range(2_000_000))
    after = processes.cpu_seconds([os.getpid()])
    assert total
    assert before is not None
    assert after is not None
    assert after > before
    assert processes.cpu_seconds([]) is None


def test_the_interval_of_turns_is_wider_than_that_of_values() -> None:
    turns = [[1.0] * 500, [2.0] * 500, [3.0] * 500]
    pooled = statistics.pooled("m", Side.ORIGINAL, "s", turns, "how")
    assert pooled.ci95 is not None
    assert pooled.ci95[1] - pooled.ci95[0] >= 1
    assert pooled.n == 1500
    assert len(pooled.values) == statistics.KEPT
    assert (min(pooled.values), max(pooled.values)) == (1.0, 3.0)
    assert statistics.pooled("m", Side.ORIGINAL, "s", [[1.0] * 30], "how").ci95 is None


def test_a_side_is_measured_against_itself() -> None:
    steady = statistics.measurement("m", Side.ORIGINAL, "s", [1.0, 1.0] * 4, "how", turns=True)
    swinging = statistics.measurement("m", Side.ORIGINAL, "s", [1.0, 3.0] * 4, "how", turns=True)
    assert steady.same == 0
    assert swinging.same == 1
    assert statistics.measurement("m", Side.ORIGINAL, "s", [1.0, 3.0] * 4, "how").same is None
    assert math.isnan(statistics.not_measured("m", Side.ORIGINAL, "s", "why").median)


def test_more_effort_is_more_of_everything() -> None:
    quick, full = EFFORTS["quick"], EFFORTS["full"]
    assert full.cold_starts > quick.cold_starts
    assert set(full.clients) > {1}
    assert full.turns * full.seconds > quick.turns * quick.seconds
    assert max(full.copies) == 100
