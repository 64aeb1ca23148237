"""`run` from tree to comparison without Docker: replay, refusal, figures; the runtime is a local service."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from migrate import runtimes
from migrate.errors import EngineError, ProbesError, RecordingError
from migrate.model import Component, OriginalInfo, Outcome, Recording, Side
from migrate.progress import Silent
from migrate.provenance import PROVENANCE, Provenance, to_bytes
from migrate.reports import schema_text, validate_markdown, validate_terminal
from migrate.reports.wire import validate as wire
from migrate.reports.wire.probes import digest
from migrate.validate import ValidateOptions, context, course, engine, recording, run
from migrate.validate.measuring import Effort, statistics
from tests.migrate import made
from tests.migrate.validate.pair import PROBES, FakeRuntime, probes, serving

GRANTS = (made.env("MODE", "plain"), made.secret("KEY"))


@pytest.fixture
def options(tmp_path: Path) -> ValidateOptions:
    repository = tmp_path / "repository"
    tree = repository / "wasm" / "api"
    tree.mkdir(parents=True)
    (repository / "Dockerfile").write_text("FROM scratch\n")
    (repository / "app.py").write_text("")
    provenance = Provenance(
        tool_version="0",
        service="api",
        lane="python",
        entry="app:app",
        targets=("wasmtime",),
        kind="http",
        wasi="0.2",
        repository="../..",
        dockerfile="Dockerfile",
        port=8000,
        snapshot_app="never",
        promise=False,
        accepted=("memory-state",),
        grants=GRANTS,
        inputs=(),
        files=(),
    )
    (tree / PROVENANCE).write_bytes(to_bytes(provenance))
    (tree / "probes.yaml").write_text(PROBES)
    component = tree / "build" / "api.wasm"
    component.parent.mkdir()
    component.write_bytes(b"\0asm" * 100)
    return ValidateOptions(
        repository=repository,
        tree=tree,
        assessment=made.assessed(),
        component=Component(component, "2" * 64, "http", "0.2", (), ()),
        runtime="fake",
        replay=True,
        environment={"KEY": "hidden-value"},
        effort=Effort("tiny", 2, 3, (1,), (), 1, 0.1, ()),
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeRuntime:
    """The runtime that `run` gets; change its attributes to make it go wrong."""
    one = FakeRuntime()
    monkeypatch.setattr(course, "runtime_named", lambda _: one)
    return one


@cache
def recorded_runs() -> tuple[course.Answers, ...]:
    """Two conversations, apart as the real ones are, so that the second in the cookie differs."""
    runs = []
    for number in range(2):
        time.sleep(1.1 * number)
        with serving() as url:
            runs.append(course.converse(url, probes()))
    return tuple(runs)


def record(
    options: ValidateOptions, secrets: tuple[str, ...] = ("KEY",), env: Mapping[str, str] | None = None
) -> None:
    """What `--record` would have written on a machine with an engine."""
    info = OriginalInfo(
        "sha256:" + "3" * 64,
        context.digest(context.read(options.repository, context="", dockerfile="Dockerfile")),
        "docker 20 (linux/amd64)",
        image_size=5_000_000,
    )
    figures = (statistics.measurement("size", Side.ORIGINAL, "byte", [5_000_000], "image on disk"),)
    hashed = digest(probes(), env or {"MODE": "plain"}, secrets)
    recording.save(
        Recording(info, "2026-11-22T10:00:00Z", hashed, recorded_runs(), figures),
        options.tree / "recording.json",
    )


def test_a_replay_is_equal_and_says_that_it_is_one(options: ValidateOptions, fake: FakeRuntime) -> None:
    record(options)
    comparison = run(options, Silent())
    assert comparison.outcome is Outcome.EQUAL, [e.differences for e in comparison.runs[0].exchanges]
    assert comparison.original.recorded == "2026-11-22T10:00:00Z"
    assert not comparison.promise
    assert fake.running == 0
    first = validate_terminal.render(comparison).splitlines()[0]
    assert "replayed from a recording of 2026-11-22T10:00:00Z" in first
    rows = {(one.metric, one.side): one for one in comparison.measurements}
    assert "recorded 2026-11-22" in rows["size", Side.ORIGINAL].method
    assert rows["cold-start", Side.CANDIDATE].n == 2
    report = wire.to_json(comparison)
    schema = json.loads(schema_text("validate"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(json.loads(json.dumps(report)), schema)
    everything = (
        json.dumps(report) + validate_terminal.render(comparison) + validate_markdown.render(comparison)
    )
    assert "hidden-value" not in everything
    assert "no promise" in validate_terminal.render(comparison)
    assert "No promise" in validate_markdown.render(comparison)


def test_a_defect_in_replay_is_different_and_unconfirmed(options: ValidateOptions, fake: FakeRuntime) -> None:
    record(options)
    fake.defect = "byte"
    comparison = run(replace(options, measure=False), Silent())
    assert comparison.outcome is Outcome.DIFFERENT
    text = validate_terminal.render(comparison)
    assert text.startswith("DIFFERENT: api, 1 of 8 probes answered differently")
    assert "(unconfirmed)" in text
    assert "base64 -d | curl" in text
    assert '"$ORIGINAL/echo"' in text
    assert '"$CANDIDATE/echo"' in text
    assert "echo" in validate_markdown.render(comparison)
    assert comparison.measurements == ()


def test_a_trap_in_the_log_is_told(options: ValidateOptions, fake: FakeRuntime) -> None:
    record(options)
    fake.log_text = "wasm trap: out of bounds memory access\n"
    comparison = run(replace(options, measure=False), Silent())
    assert comparison.outcome is Outcome.DIFFERENT
    assert "FATAL trap in the log of the candidate" in validate_terminal.render(comparison)


@pytest.mark.parametrize("file", ["app.py", "Dockerfile", "new.py"])
def test_a_changed_context_refuses_the_recording(
    options: ValidateOptions, fake: FakeRuntime, file: str
) -> None:
    record(options)
    with (options.repository / file).open("a") as out:
        out.write("# changed\n")
    with pytest.raises(RecordingError, match="another build context"):
        run(options, Silent())
    assert fake.started == 0


def test_changed_probes_or_variables_refuse_it(options: ValidateOptions, fake: FakeRuntime) -> None:
    record(options)
    (options.tree / "probes.yaml").write_text(PROBES.replace("/nothing", "/nothing-else"))
    with pytest.raises(RecordingError, match="other probes"):
        run(options, Silent())
    (options.tree / "probes.yaml").write_text(PROBES)
    for wrong in ({"KEY": "x", "MODE": "other"}, {"KEY": "x", "MORE": "y"}):
        with pytest.raises(RecordingError, match="other probes"):
            run(replace(options, environment=wrong), Silent())
    # Another value of the secret is not another question.
    assert run(replace(options, environment={"KEY": "y"}, measure=False), Silent()).outcome is Outcome.EQUAL


def test_without_engine_the_recording_stands_in_and_without_both_it_is_an_error(
    options: ValidateOptions, fake: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody() -> object:
        raise EngineError("No Docker engine answers.", why="nobody", do="Start it.")

    monkeypatch.setattr(engine, "connect", nobody)
    live = replace(options, replay=False, measure=False)
    with pytest.raises(EngineError, match="recording"):
        run(live, Silent())
    record(options)
    assert run(live, Silent()).original.recorded
    with pytest.raises(EngineError):
        run(replace(live, record=True), Silent())


def test_probes_that_cannot_be_read_stop_before_anything_starts(
    options: ValidateOptions, fake: FakeRuntime
) -> None:
    (options.tree / "probes.yaml").write_text("probes: []")
    with pytest.raises(ProbesError, match="schema_version"):
        run(options, Silent())
    assert fake.started == 0


def test_the_fake_is_no_runtime_of_the_product() -> None:
    assert "fake" not in runtimes.RUNTIMES
