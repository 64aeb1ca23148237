"""The report for people: readable in 80 columns, colours only when asked, nothing that a terminal obeys."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.assess import assess
from analyzers.model import (
    Assessment,
    FactKind,
    Inventory,
    Link,
    NotRead,
    Route,
    RuleFailure,
    Service,
    Unknown,
)
from analyzers.rules import load
from analyzers.rules._build import at, compose, env, fact, image, service
from migrate.reports.assess_terminal import render
from migrate.reports.console import columns, cut, cut_start, printable, wrap

COUNTER = service(fact(FactKind.MEMORY_STATE, "app.hits", "app.py:12", snippet="    hits += 1"))


def assessed(*services: Service, not_read: tuple[NotRead, ...] = ()) -> Assessment:
    return assess(Inventory(Path("/repo"), "0123456789abcdef", services, not_read))


def shown(*services: Service, width: int = 80) -> str:
    return render(assessed(*services), color=False, width=width)


def test_a_finding_is_shown_with_its_line() -> None:
    text = shown(COUNTER)
    assert "REFACTOR  score 75  confidence high" in text
    assert "refactor[memory-state] app.hits is changed" in text
    assert "\n   --> app.py:12\n12 | hits += 1\n" in text
    assert "= needs state" in text
    assert "= dock2wasm explain memory-state" in text
    assert "targets\n  refactor  spin, wasmtime, spinkube, wasmcloud: lacks state\n" in text


def test_grants_unknowns_and_what_was_not_read_are_shown() -> None:
    given = service(
        fact(FactKind.ENV_READ, "SECRET_KEY", "settings.py:3"),
        fact(FactKind.ENV_READ, "REGION", "settings.py:4"),
        of=image(variables=(env("LOG_LEVEL", "info"), env("API_TOKEN", "hunter2"))),
        with_compose=compose(volumes=(("conf", "/conf", True, at("compose.yaml:7")),)),
    )
    text = render(assessed(given, not_read=(NotRead("big.py", "too large"),)), color=False, width=80)
    assert "env       LOG_LEVEL=info (Dockerfile:3)" in text
    assert "secret    SECRET_KEY, passed at start (settings.py:3)" in text
    assert "dir       conf at /conf (ro) (compose.yaml:7)" in text
    assert "settled by --env REGION=VALUE" in text
    assert "not read\n  - big.py: too large" in text
    assert "hunter2" not in text


def test_several_services_are_summed_up_first() -> None:
    text = shown(replace(COUNTER, name="counter"), service())
    head = text.partition("──")[0]
    assert re.search(r"counter +refactor +75  memory-state", head)
    assert re.search(r"web +convert +100", head)


def test_what_can_move_comes_first_and_infrastructure_is_a_line() -> None:
    database = replace(
        service(language=None, has_image=False, image_name="postgres:16", with_compose=compose()), name="db"
    )
    text = shown(database, replace(COUNTER, name="counter"), service())
    assert text.splitlines()[1] == "1 convert, 1 refactor, 1 keep"
    assert re.findall(r"^── (\S+)", text, re.MULTILINE) == ["web", "counter"]
    folded = text.partition("stay as they are")[2]
    assert "- db: Runs the image postgres:16" in folded
    assert "── db" in shown(database)


def test_routes_and_links_are_shown_both_ways() -> None:
    given = service(links=(Link("db", "postgres", 5432),))
    assert given.source is not None
    routes = tuple(Route("GET", f"/{n}", at(f"app.py:{n}")) for n in range(1, 15))
    given = replace(given, source=replace(given.source, routes=routes))
    text = shown(given, replace(service(), name="db"))
    assert "calls here: db (postgres 5432)" in text
    assert "called by: web" in text
    assert "14 routes\n  GET    /1 (app.py:1)\n" in text
    assert "and 2 more; the JSON report has all" in text


def test_advice_stands_once_below_the_last_finding_of_its_rule() -> None:
    text = shown(
        service(fact(FactKind.MEMORY_STATE, "a.x", "a.py:1"), fact(FactKind.MEMORY_STATE, "a.y", "a.py:2"))
    )
    assert text.count("= advice: Where to put it") == 1


def test_findings_of_shared_source_are_shown_once() -> None:
    twin = replace(COUNTER, name="twin")
    text = shown(COUNTER, twin, service(fact(FactKind.MEMORY_STATE, "b.y", "b.py:1")))
    assert text.count("refactor[memory-state] app.hits") == 1
    assert "the same findings, at the same lines, as web: memory-state\n" in text
    assert "refactor[memory-state] b.y" in text
    assert "refactor[memory-state] app.hits" in shown(twin)


def test_targets_that_agree_share_a_line() -> None:
    text = shown(service(language="java"))
    assert "targets\n  refactor  all: lacks lane:java\n" in text


def test_a_failed_rule_is_shown() -> None:
    given = replace(assessed(service()), rules_failed=(RuleFailure("thread", "web", "ValueError: no"),))
    assert "thread on web: ValueError: no" in render(given, color=False, width=80)


def test_no_service_is_said() -> None:
    assert "0 services" in shown()


def test_colours_come_only_when_asked_and_change_no_text() -> None:
    given = assessed(COUNTER)
    plain = render(given, color=False, width=80)
    colored = render(given, color=True, width=80)
    assert "\x1b" not in plain
    assert "\x1b[" in colored
    assert re.sub(r"\x1b\[[0-9;]*m", "", colored) == plain


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize(
    "one",
    [pytest.param(c.service, id=f"{r.rule.id}: {c.name}") for r in load() for c in r.cases if c.service],
)
def test_no_line_is_wider_than_asked(one: Service, width: int) -> None:
    assert max(columns(line) for line in shown(one, width=width).splitlines()) <= width


ANY = st.text(st.characters(codec=None, categories=None), max_size=60)


@given(ANY, ANY, ANY, st.integers(1, 200))
def test_nothing_hostile_reaches_the_terminal(path: str, subject: str, snippet: str, width: int) -> None:
    hostile = replace(
        service(
            fact(FactKind.MEMORY_STATE, subject, snippet=snippet),
            of=image(variables=(env("MOOD", snippet),)),
            unknown=(Unknown(subject, snippet),),
            entry=subject,
            server=subject,
            framework=snippet,
        ),
        name=subject or "x",
        path=path,
    )
    text = render(assessed(hostile, not_read=(NotRead(path, subject),)), color=False, width=width)
    for line in text.split("\n"):
        assert columns(line) <= max(width, 40)
        assert not [char for char in line if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@given(ANY, st.integers(4, 60))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    lines = wrap(text, width)
    assert "".join(lines).replace(" ", "") == printable(text).replace(" ", "")
    assert all(columns(line) <= width for line in lines)


@given(ANY, st.integers(2, 60))
def test_cutting_keeps_the_width(text: str, width: int) -> None:
    shown = cut(printable(text), width)
    assert columns(shown) <= width
    assert shown == printable(text) or shown.endswith("…")


@given(ANY, st.integers(2, 60))
def test_cutting_the_start_keeps_the_width_and_the_end(text: str, width: int) -> None:
    shown = cut_start(printable(text), width)
    assert columns(shown) <= width
    assert shown == printable(text) or (shown.startswith("…") and printable(text).endswith(shown[1:]))


def test_a_long_path_keeps_its_file_and_line() -> None:
    place = f"{'folder/' * 20}views.py:123"
    text = shown(service(fact(FactKind.MEMORY_STATE, "a.x", place)))
    assert re.search(r"^ +--> …\S+folder/views\.py:123$", text, re.MULTILINE)


def test_the_main_reason_weighs_most() -> None:
    head = shown(service(fact(FactKind.THREAD, "x"), language="java"), replace(service(), name="b"))
    assert re.search(r"web +refactor +70  no-lane$", head, re.MULTILINE)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\nb", "a\\x0ab"),
        ("a\tb", "a    b"),
        ("\u202eevil", "\\u202eevil"),
        ("caffè 日本", "caffè 日本"),
        ("\udcff", "\\udcff"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown
