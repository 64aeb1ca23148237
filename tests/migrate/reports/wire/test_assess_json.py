"""The JSON report: it fits its closed schema, survives encoding, and shows no secret."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.assess import assess
from analyzers.model import (
    Assessment,
    FactKind,
    Inbound,
    Inventory,
    Link,
    Listener,
    NotRead,
    RuleFailure,
    Service,
)
from analyzers.rules import load
from analyzers.rules._build import at, compose, env, fact, image, service
from migrate.policy import new_baseline
from migrate.reports import schema_text
from migrate.reports.wire.assess import to_json
from tests.migrate.policy.judged import edited, judged, repository

SCHEMA = json.loads(schema_text("assess"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def report(*services: Service, not_read: tuple[NotRead, ...] = ()) -> dict[str, Any]:
    data = to_json(assess(Inventory(Path("/repo"), "a" * 40, services, not_read)))
    VALIDATOR.validate(data)
    again = json.loads(json.dumps(data, ensure_ascii=False).encode())
    assert again == data
    return data


def test_the_schema_is_valid_and_closed() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"

    def closed(schema: object) -> bool:
        if isinstance(schema, list):
            return all(map(closed, schema))
        if not isinstance(schema, dict):
            return True
        if schema.get("type") == "object" and "additionalProperties" not in schema:
            return False
        return all(map(closed, schema.values()))

    assert closed(SCHEMA)


@pytest.mark.parametrize(
    "one",
    [pytest.param(c.service, id=f"{r.rule.id}: {c.name}") for r in load() for c in r.cases if c.service],
)
def test_every_case_of_every_rule_fits_the_schema(one: Service) -> None:
    report(one)


def test_all_keys_of_a_whole_service() -> None:
    given = service(
        fact(FactKind.ENV_READ, "SECRET_KEY"),
        fact(FactKind.OUTBOUND, "https", detail="api.example.com"),
        of=image(variables=(env("LOG_LEVEL", "info"),)),
        with_compose=compose(volumes=(("conf", "/conf", True, at("compose.yaml:7")),)),
        listeners=(Listener(Inbound.HTTP, 8000), Listener(Inbound.TCP, None)),
        links=(Link("redis", "redis", 6379),),
    )
    data = report(given, not_read=(NotRead("big.bin", "too large"),))
    (one,) = data["services"]
    assert data["repository"] == {"path": "/repo", "commit": "a" * 40}
    assert data["not_read"] == [{"path": "big.bin", "reason": "too large"}]
    assert one["compose"] == {"file": "compose.yaml", "service": "web"}
    assert one["listeners"] == [{"protocol": "http", "port": 8000}, {"protocol": "tcp", "port": None}]
    assert one["links"] == [{"service": "redis", "protocol": "redis", "port": 6379}]
    assert [grant["kind"] for grant in one["grants"]] == ["env", "secret", "dir", "outbound"]
    assert set(one["targets"]) == set(SCHEMA["$defs"]["service"]["properties"]["targets"]["properties"])
    assert {item["rule"] for item in one["findings"]} >= {"http-out", "listener-not-http", "secret-env"}


@pytest.mark.parametrize("key", sorted(SCHEMA["$defs"]["service"]["properties"]))
def test_no_key_of_a_service_may_be_missing(key: str) -> None:
    data = report(service())
    del data["services"][0][key]
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(data)


def test_a_secret_with_a_value_does_not_fit() -> None:
    data = report(service(fact(FactKind.ENV_READ, "SECRET_KEY")))
    data["services"][0]["grants"][0]["value"] = "hunter2"
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(data)


def test_secrets_are_shown_nowhere() -> None:
    variables = (env("SECRET_KEY", "hunter2hunter2"), env("DB", "postgres://shop:hunter3hunter3@db/shop"))
    given = service(
        fact(FactKind.MEMORY_STATE, "app.x", snippet='PASSWORD = "hunter4hunter4"'),
        of=image(variables=variables),
        start=("serve", "--db=mysql://a:hunter5hunter5@db/x"),
    )
    assert "hunter" not in json.dumps(report(given))


def test_a_failed_rule_is_in_the_report() -> None:
    given = Assessment(
        Inventory(Path("/repo"), None, ()), (), "1", "2-x", (RuleFailure("r", "web", "ValueError: no"),)
    )
    data = to_json(given)
    VALIDATOR.validate(data)
    assert data["rules_failed"] == [{"rule": "r", "service": "web", "error": "ValueError: no"}]


def test_what_is_known_and_ignored_is_in_the_report(tmp_path: Path) -> None:
    repository(tmp_path)
    edited(
        tmp_path,
        "app.py",
        ("last = []", "last = []\nmore = []"),
        ("    last.", "    more.clear()\n    last."),
    )
    baseline = new_baseline(judged(tmp_path))
    comment = "last.append(name)  # dock2wasm: ignore[memory-state, gpu] to Redis"
    edited(tmp_path, "app.py", ("last.append(name)", comment), ("    more.clear()\n", ""))
    review = judged(tmp_path, baseline)
    data = to_json(review.assessment, review)
    VALIDATOR.validate(data)
    seen, last = (one for one in data["services"][0]["findings"] if one["rule"] == "memory-state")
    assert (seen["known"], seen["ignored"]) == (True, None)
    assert (last["known"], last["ignored"]) == (True, {"reason": "to Redis", "where": "app.py:12"})
    assert data["idle_ignores"] == [
        {"where": "app.py:12", "rule": "gpu", "why": "matches no finding in line 12"}
    ]
    assert "app.more is changed" in " ".join(one["message"] for one in data["baseline"]["gone"])


def test_without_a_baseline_nothing_is_known() -> None:
    data = report(service(fact(FactKind.MEMORY_STATE, "app.hits")))
    assert data["baseline"] is None
    assert {one["known"] for one in data["services"][0]["findings"]} == {False}


ANY = st.text(st.characters(codec=None, categories=None), max_size=40)


@given(ANY, ANY, ANY)
def test_any_name_from_a_file_system_can_be_encoded(path: str, subject: str, snippet: str) -> None:
    hostile = fact(FactKind.MEMORY_STATE, subject, snippet=snippet)
    data = report(service(hostile, path=path), not_read=(NotRead(path, "reason"),))
    json.dumps(data, ensure_ascii=False).encode()
