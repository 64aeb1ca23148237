"""Findings become a verdict, a score, verdicts per target, confidence, effort and changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers import rules
from analyzers.assess import BANDS, assess, score
from analyzers.model import (
    Assessment,
    Confidence,
    DependencyClass,
    Effect,
    Effort,
    Evidence,
    FactKind,
    Finding,
    Inventory,
    Need,
    NeedKind,
    NotRead,
    Service,
    ServiceAssessment,
    Severity,
    State,
    Unknown,
    Verdict,
)
from analyzers.rules._build import at, compose, env, fact, image, package, run, service
from analyzers.rules._rule import Rule
from analyzers.support import toolchains


def assessed(given: Service, *not_read: NotRead) -> ServiceAssessment:
    (one,) = whole(given, *not_read).services
    return one


def whole(given: Service, *not_read: NotRead) -> Assessment:
    return assess(Inventory(Path("/repo"), None, (given,), not_read))


def verdicts(one: ServiceAssessment) -> dict[str, Verdict]:
    return {item.target: item.verdict for item in one.targets}


def lacks(one: ServiceAssessment, target: str) -> tuple[str, ...]:
    return next(item.lacks for item in one.targets if item.target == target)


def test_an_ordinary_flask_service_converts() -> None:
    one = assessed(service())
    assert (one.verdict, one.score, one.confidence, one.lane) == (
        Verdict.CONVERT,
        100,
        Confidence.HIGH,
        "python",
    )
    assert verdicts(one) == {
        "spin": Verdict.CONVERT,
        "wasmtime": Verdict.CONVERT,
        "spinkube": Verdict.CONVERT,
        "wasmcloud": Verdict.CONVERT,
        "cloudflare": Verdict.REFACTOR,
        "docker": Verdict.REFACTOR,
        "wasmedge": Verdict.REFACTOR,
        "akamai": Verdict.REFACTOR,
    }
    assert lacks(one, "cloudflare") == ("lane:python", "lane:python:wsgi")
    assert one.gain
    assert one.changes == ("gunicorn is replaced by the adapter and the runtime.",)


def test_memory_makes_it_refactor_everywhere() -> None:
    one = assessed(service(fact(FactKind.MEMORY_STATE, "app.hits")))
    assert (one.verdict, one.score, one.facets.state) == (Verdict.REFACTOR, 75, State.IN_MEMORY)
    assert set(verdicts(one).values()) == {Verdict.REFACTOR}
    assert lacks(one, "wasmtime") == ("state",)


def test_a_finding_whose_needs_the_baseline_gives_has_no_effect() -> None:
    one = assessed(service(fact(FactKind.ENV_READ, "SECRET_KEY")))
    (finding,) = (item for item in one.findings if item.rule == "secret-env")
    assert (finding.effect, finding.weight, finding.severity) == (Effect.NONE, 0, Severity.INFO)
    assert finding.needs == (Need(NeedKind.SECRET_ENV),)
    assert one.verdict is Verdict.CONVERT
    assert "secret-env" in lacks(one, "wasmedge")


def test_the_strongest_effect_is_the_verdict() -> None:
    one = assessed(
        service(
            fact(FactKind.MEMORY_STATE, "app.hits"),
            with_compose=compose(privileges=(("privileged", at("compose.yaml:4")),)),
        )
    )
    assert one.verdict is Verdict.KEEP
    assert one.score <= 39
    assert one.changes == ()
    assert (one.effort.low, one.effort.high) == (0, 0)
    assert set(verdicts(one).values()) == {Verdict.KEEP}
    assert one.findings[0].rule == "privileged"


def test_an_image_that_is_not_built_here_stays() -> None:
    one = assessed(
        service(
            language=None, has_image=False, image_name="postgres:16", with_compose=compose(), listeners=()
        )
    )
    assert (one.verdict, one.facets.state, one.grants) == (Verdict.KEEP, State.LOCAL_DISK, ())
    assert [finding.rule for finding in one.findings] == ["image-only"]


def test_a_language_without_a_lane_is_refactor_and_lacks_it() -> None:
    one = assessed(service(language="java"))
    assert (one.verdict, one.lane) == (Verdict.REFACTOR, None)
    assert lacks(one, "spin") == ("lane:java",)


def test_an_interface_that_no_fixture_has_proven() -> None:
    one = assessed(service(interface="rsgi", framework="robyn"))
    assert one.verdict is Verdict.REFACTOR
    assert lacks(one, "wasmtime") == ("lane:python:rsgi",)
    assert assessed(service(interface="asgi", framework="starlette")).verdict is Verdict.CONVERT


@pytest.mark.parametrize(
    ("given", "confidence"),
    [
        (service(dependencies=(package("flask", DependencyClass.PURE),)), Confidence.HIGH),
        (service(dependencies=(package("acme", DependencyClass.UNKNOWN),)), Confidence.MEDIUM),
        (service(unknown=(Unknown("what", "how"),)), Confidence.MEDIUM),
        (service(of=image(runs=(run("frobnicate /app", 5),))), Confidence.MEDIUM),
        (
            service(fact(FactKind.DYNAMIC_IMPORT, "import_module(x)"), unknown=(Unknown("what", "how"),)),
            Confidence.LOW,
        ),
        (service(language=None), Confidence.LOW),
    ],
)
def test_what_was_not_judged_lowers_confidence(given: Service, confidence: Confidence) -> None:
    assert assessed(given).confidence is confidence


@pytest.mark.parametrize("name", ["requirements.txt", "dev-requirements.in", "constraints.txt", "uv.lock"])
def test_dependencies_that_were_not_read_lower_the_confidence(name: str) -> None:
    one = assessed(service(path="web"), NotRead(f"web/{name}", "Permission denied"))
    assert any(f"what web/{name} holds" in unknown.what for unknown in one.unknown)
    assert one.confidence is not Confidence.HIGH


def test_a_source_file_that_was_not_read_is_an_unknown() -> None:
    one = assessed(service(path="web"), NotRead("web/big.py", "larger than 2 MB"), NotRead("db/big.py", "no"))
    assert [item.what for item in one.unknown] == [
        "what web/big.py holds: it was not read (larger than 2 MB)"
    ]
    assert one.confidence is Confidence.MEDIUM


def test_effort_grows_with_places_ever_slower_and_says_why() -> None:
    def effort(places: int) -> Effort:
        return assessed(
            service(*(fact(FactKind.MEMORY_STATE, "a.x", f"app.py:{n}") for n in range(1, places + 1)))
        ).effort

    assert (assessed(service()).effort.low, assessed(service()).effort.high) == (0.5, 1.0)
    highs = [effort(places).high for places in (1, 2, 4, 8)]
    assert highs == sorted(highs)
    assert highs[1] - highs[0] == pytest.approx(highs[3] - highs[2], abs=0.11)
    assert any("memory-state" in text and "8 places" in text for text in effort(8).assumptions)


def test_a_language_without_a_lane_takes_the_days_of_a_rewrite() -> None:
    one = assessed(service(language="csharp"))
    language = toolchains.load()["csharp"]
    assert one.effort.high == 1.0 + language.rewrite_days[1]
    assert language.rewrite in " ".join(one.changes)


def test_changes_name_their_places_and_the_targets_that_need_none() -> None:
    one = assessed(service(*(fact(FactKind.MEMORY_STATE, f"a.v{n}", f"app.py:{n}") for n in range(1, 12))))
    (change,) = (text for text in one.changes if text.startswith("memory-state"))
    assert "app.py:1, app.py:10, app.py:11" in change or "app.py:1, app.py:2" in change
    assert "and 3 more" in change


def test_snippets_of_findings_show_no_secret() -> None:
    given = service(of=image(variables=(env("SECRET_KEY", "hunter2hunter2"),)))
    one = assessed(given)
    shown = " ".join(place.snippet for finding in one.findings for place in finding.evidence)
    shown += " ".join(f"{grant.value} {grant.evidence.snippet}" for grant in one.grants)
    assert "SECRET_KEY=***" in shown
    assert "hunter2" not in shown


def test_a_rule_that_raises_lowers_confidence_and_is_listed() -> None:
    def broken(_: Service) -> Iterator[Finding]:
        yield from ()
        raise ValueError("no")

    loaded = rules.LoadedRule(
        Rule("broken", "b", Severity.INFO, Effect.NONE, 0, "r"), broken, (), "broken", ()
    )
    result = assess(Inventory(Path("/repo"), None, (service(),)), [loaded])
    assert [failure.rule for failure in result.rules_failed] == ["broken"]
    assert result.services[0].confidence is Confidence.MEDIUM
    assert result.services[0].verdict is Verdict.CONVERT  # it could only have noted something


def test_no_promise_is_made_where_a_rule_that_could_stand_against_it_failed() -> None:
    def broken(_: Service) -> Iterator[Finding]:
        yield from ()
        raise ValueError("no")

    rule = Rule("broken", "b", Severity.MAJOR, Effect.REFACTOR, 20, "r")
    result = assess(
        Inventory(Path("/repo"), None, (service(),)), [rules.LoadedRule(rule, broken, (), "broken", ())]
    )
    (one,) = result.services
    assert one.verdict is Verdict.REFACTOR
    assert Verdict.CONVERT not in verdicts(one).values()


@pytest.mark.parametrize(
    "given",
    [
        service(entry=None, interface=None),
        service(interface=None),
        service(source_read=False),
        service(language=None),
    ],
)
def test_no_promise_is_made_for_source_that_was_not_read_whole(given: Service) -> None:
    one = assessed(given)
    assert one.verdict is Verdict.REFACTOR
    assert Verdict.CONVERT not in verdicts(one).values()
    assert one.findings


@given(st.sampled_from(list(Verdict)), st.lists(st.integers(0, 100), max_size=30))
def test_a_score_lies_in_the_band_of_its_verdict(verdict: Verdict, weights: list[int]) -> None:
    findings = [
        Finding("r", Severity.INFO, Confidence.HIGH, Effect.NONE, weight, "m", (Evidence("a", 1),), "r")
        for weight in weights
    ]
    low, high = BANDS[verdict]
    assert low <= score(verdict, findings) <= high


def test_findings_do_not_depend_on_the_order_of_facts() -> None:
    facts = [fact(FactKind.MEMORY_STATE, f"a.v{n}", f"app.py:{n}") for n in range(1, 6)]
    assert assessed(service(*facts)).findings == assessed(service(*reversed(facts))).findings
