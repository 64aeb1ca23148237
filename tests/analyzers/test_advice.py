"""Advice fits what was found, names its source, and changes no verdict."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analyzers import support
from analyzers.assess import assess
from analyzers.model import Advice, FactKind, Inbound, Inventory, Link, Listener, Service, Verdict
from analyzers.rules import load as load_rules
from analyzers.rules._build import at, compose, fact, service
from analyzers.support import advice as data

DATA = Path(support.__file__).parent


def advice(given: Service, rule: str, with_support: support.Support | None = None) -> tuple[Advice, ...]:
    (one,) = assess(Inventory(Path("/repo"), None, (given,)), support=with_support).services
    return tuple(item for item in one.advice if item.rule == rule)


def texts(given: Service, rule: str) -> str:
    return "\n".join(item.text for item in advice(given, rule))


def worker(*start: str, links: tuple[Link, ...] = ()) -> Service:
    return service(start=start, server=None, listeners=(), entry=None, interface=None, links=links)


@pytest.mark.parametrize(
    ("given", "trigger"),
    [
        (worker("rq", "worker"), "[[trigger.redis]]"),
        (worker("sidekiq"), "[[trigger.redis]]"),
        (worker("supercronic", "/etc/crontab"), "[[trigger.cron]]"),
        (worker("celery", "-A", "shop", "beat"), "[[trigger.cron]]"),
        (worker("celery", "worker", links=(Link("redis", "redis", 6379),)), "[[trigger.redis]]"),
        (worker("celery", "worker", links=(Link("mq", "amqp", 5672),)), "behind HTTP"),
        (worker("python", "report.py"), "wasi:cli/run"),
    ],
)
def test_work_that_nobody_calls_is_told_what_could_call_it(given: Service, trigger: str) -> None:
    assert trigger in texts(given, "scheduler-or-worker")


def test_facts_of_a_reader_name_the_broker() -> None:
    given = service(
        fact(FactKind.WORKER, "sqs", "work.py:3"),
        start=("python", "work.py"),
        server=None,
        listeners=(),
        entry=None,
        interface=None,
    )
    assert "[[trigger.sqs]]" in texts(given, "scheduler-or-worker")


@pytest.mark.parametrize(
    ("subject", "trigger"),
    [
        ("bullmq.Worker", "[[trigger.redis]]"),
        ("kafkajs", "behind HTTP"),
        ("paho-mqtt", "[[trigger.mqtt]]"),
        ("sqs-consumer.Consumer.create", "[[trigger.sqs]]"),
        ("schedule:run", "[[trigger.cron]]"),
    ],
)
def test_a_consumer_beside_an_api_is_told_too(subject: str, trigger: str) -> None:
    given = service(fact(FactKind.WORKER, subject, "work.js:3"))
    assert trigger in texts(given, "message-consumer")


def test_a_consumer_of_nobody_knows_what_is_told_nothing() -> None:
    given = service(fact(FactKind.WORKER, "temporal", "work.js:3"))
    assert "trigger" not in texts(given, "message-consumer")


def test_what_a_worker_cannot_use_is_not_advised() -> None:
    said = texts(worker("supercronic", "/etc/crontab"), "scheduler-or-worker")
    assert "trigger.redis" not in said
    assert "wasi:cli/run" not in said


@pytest.mark.parametrize(
    ("protocol", "word"), [(Inbound.GRPC, "gRPC"), (Inbound.WEBSOCKET, "gateway"), (Inbound.TCP, "command")]
)
def test_listeners_are_advised_by_their_protocol(protocol: Inbound, word: str) -> None:
    given = service(listeners=(Listener(protocol, 9000, at("Dockerfile:8")),))
    (one,) = advice(given, "listener-not-http")
    assert word in one.text


def test_a_language_without_a_lane_is_told_what_its_tools_can_do() -> None:
    said = texts(service(language="csharp"), "no-lane")
    assert said.startswith("experimental: componentize-dotnet (0.7.0-preview00010")
    assert all(item.source and item.date for item in advice(service(language="csharp"), "no-lane"))


def test_a_language_that_nobody_knows_gets_no_advice() -> None:
    assert advice(service(language=None), "no-lane") == ()


def test_a_service_that_converts_needs_no_advice() -> None:
    (one,) = assess(Inventory(Path("/repo"), None, (service(),))).services
    assert (one.verdict, one.advice) == (Verdict.CONVERT, ())


def test_a_target_that_would_lift_a_finding_is_named_and_why_it_does_not_yet(tmp_path: Path) -> None:
    given = service(with_compose=compose(volumes=(("data", "/data", False, at("compose.yaml:5")),)))
    assert "write can be granted on wasmtime; the python lane is not proven for it yet." in texts(
        given, "writable-volume"
    )

    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    lane = tmp_path / "data" / "python.toml"
    parts = lane.read_text("utf-8").split("[[feature]]")
    lane.write_text(
        "[[feature]]".join(
            part.replace('status = "planned"', 'status = "proven"\nfixture = "flask-counter"')
            if '"write"' in part
            else part
            for part in parts
        ),
        "utf-8",
    )
    proven = support.read(tmp_path / "data")
    lifted = [item.text for item in advice(given, "writable-volume", proven)]
    assert "It does not count on wasmtime: write can be granted there." in lifted
    (one,) = assess(Inventory(Path("/repo"), None, (given,)), support=proven).services
    assert any("Not needed on wasmtime." in change for change in one.changes)


def test_a_service_that_stays_is_advised_only_on_what_keeps_it() -> None:
    given = service(
        fact(FactKind.MEMORY_STATE, "app.x"), listeners=(Listener(Inbound.GRPC, 9000, at("Dockerfile:8")),)
    )
    assert advice(given, "memory-state") == ()
    assert advice(given, "listener-not-http")


def test_a_worker_that_has_a_broker_is_not_sent_to_the_clock() -> None:
    given = service(
        fact(FactKind.WORKER, "amqp", "work.py:3"),
        fact(FactKind.BACKGROUND, "loop", "work.py:9"),
        start=("python", "work.py"),
        server=None,
        listeners=(),
        entry=None,
        interface=None,
    )
    assert "trigger.cron" not in texts(given, "scheduler-or-worker")


def test_every_entry_names_a_rule_that_exists_and_its_source() -> None:
    rules = {loaded.rule.id for loaded in load_rules()}
    loaded = data.load()
    assert {entry.name for entry in loaded.rules} <= rules
    for entry in (*loaded.rules, *loaded.triggers):
        assert entry.source
        assert not entry.text.endswith(".")


def test_no_broker_has_two_triggers() -> None:
    subjects = [subject for entry in data.load().triggers for subject in entry.subjects]
    assert len(subjects) == len(set(subjects))
