"""Expected figures come with their source, measured ones first; heavy requests lower them in words."""

from __future__ import annotations

import dataclasses

import pytest

from analyzers.gains import gains
from analyzers.model import Basis, FactKind, Gain, Service, Source, Verdict
from analyzers.rules._build import fact, service
from analyzers.support import LaneGain, load


def of(given: Service, verdict: Verdict = Verdict.REFACTOR) -> dict[str, Gain]:
    lane = load().lane_for(given.language)
    return {gain.metric: gain for gain in gains(given, load(), lane.name if lane else None, verdict)}


def in_language(language: str, interface: str) -> Service:
    source = Source(language, "", None, "main", None, interface, None)
    return dataclasses.replace(service(), language=language, source=source)


def test_flask_has_measured_figures() -> None:
    found = of(service(), Verdict.CONVERT)
    assert {"disk-size", "cold-start", "throughput"} <= set(found)
    assert all(gain.basis is Basis.MEASURED and gain.date for gain in found.values())


@pytest.mark.parametrize(
    ("language", "interface"),
    [("go", "net/http"), ("node", "node:http"), ("rust", "axum"), ("static", "static"), ("python", "asgi")],
)
def test_a_lane_that_is_not_proven_shows_figures_of_a_prototype(language: str, interface: str) -> None:
    found = of(in_language(language, interface))
    assert "disk-size" in found
    assert all(
        gain.source.startswith("prototype") for gain in found.values() if gain.basis is Basis.PROTOTYPE
    )


def test_measured_figures_replace_those_of_a_prototype() -> None:
    mine = LaneGain("wsgi", Gain("disk-size", "1 MB", "here", Basis.MEASURED, "2026-12-01"))
    data = load()
    lanes = tuple(dataclasses.replace(lane, gains=(mine,)) for lane in data.lanes)
    prototypes = {"python": (dataclasses.replace(mine, interface="*"),)}
    changed = dataclasses.replace(data, lanes=lanes, prototypes=prototypes)
    assert gains(service(), changed, "python", Verdict.CONVERT) == (mine.gain,)


def test_requests_that_compute_lower_the_throughput_in_words() -> None:
    found = of(service(fact(FactKind.COMPUTE, "hashlib.pbkdf2_hmac", "auth.py:8")), Verdict.CONVERT)
    assert found["throughput"].expected.endswith("lower still where requests use hashlib.pbkdf2_hmac")
    assert "(auth.py:8)" in found["compute"].expected
    assert "compute" not in of(service(), Verdict.CONVERT)


@pytest.mark.parametrize("given", [service(language="haskell"), service(language=None)])
def test_what_nobody_measured_has_no_figures(given: Service) -> None:
    assert of(given) == {}


def test_what_stays_gains_nothing() -> None:
    assert of(service(), Verdict.KEEP) == {}
