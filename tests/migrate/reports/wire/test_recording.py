"""A recording comes back as it was written; a stranger's is read strictly."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.errors import RecordingError
from migrate.model import Answer, Chunk, OriginalInfo, Recording, Sent, Side
from migrate.reports import schema_text
from migrate.reports.wire import recording as wire
from migrate.validate import recording
from migrate.validate.measuring.statistics import measurement, not_measured

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HEADERS = st.lists(st.tuples(TEXT, TEXT), max_size=4).map(tuple)
BODY = st.binary(max_size=50) | TEXT.map(str.encode)
SENT = st.builds(Sent, st.sampled_from(["GET", "POST"]), TEXT, HEADERS, BODY)
SECONDS = st.integers(0, 10**6).map(lambda n: n / 1000)
ANSWER = st.builds(
    Answer,
    st.integers(0, 999),
    HEADERS,
    BODY,
    SECONDS,
    st.lists(st.builds(Chunk, SECONDS, st.integers(0, 10**6)), max_size=3).map(tuple),
    st.none() | TEXT,
)
RUN = st.lists(st.tuples(TEXT, SENT, ANSWER), max_size=3).map(tuple)

INFO = OriginalInfo(
    "sha256:abc", "sha256:" + "1" * 64, "docker 20 (linux/amd64)", "2026-11-22T10:00:00Z", 1000
)
FIGURES = (
    measurement("cold-start", Side.ORIGINAL, "s", [0.1, 0.2, 0.3, 0.2, 0.1], "how"),
    not_measured("memory-rest", Side.ORIGINAL, "byte", "why"),
)


def made(*runs: Any) -> Recording:
    one = (("a", Sent("GET", "/", (), b""), Answer(200, (("A", "b"),), b"\xff\0", 0.1, (Chunk(0.1, 2),))),)
    return Recording(INFO, INFO.recorded or "", "sha256:" + "2" * 64, runs or (one, one), FIGURES)


@settings(deadline=None)
@given(RUN, RUN)
def test_what_is_written_is_read(first: Any, second: Any) -> None:
    kept = made(first, second)
    back = wire.load(wire.dump(kept), "recording.json")
    assert back.runs == kept.runs
    assert (back.original, back.date, back.probes_hash) == (kept.original, kept.date, kept.probes_hash)


def test_figures_come_back_and_what_was_not_measured_too() -> None:
    back = wire.load(wire.dump(made()), "recording.json").measurements
    assert back[0] == FIGURES[0]
    assert (back[1].n, back[1].method) == (0, "not measured: why")


def test_the_schema_takes_it() -> None:
    schema = json.loads(schema_text("recording"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(wire.to_json(made()), schema)


def _set(path: str, value: Any) -> Any:
    def change(data: Any) -> None:
        *steps, last = path.split("/")
        for step in steps:
            data = data[int(step)] if step.isdigit() else data[step]
        data[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        _set("schema_version", 2),
        _set("schema_version", True),
        _set("date", "yesterday"),
        _set("more", 1),
        _set("original", None),
        _set("original/context_hash", "sha256:x"),
        _set("original/image_size", -1),
        _set("probes_hash", 7),
        _set("runs", []),
        _set("runs", [[]]),
        _set("runs", [[]] * 9),
        _set("runs/0/0/probe", None),
        _set("runs/0/0/sent/method", "G ET"),
        _set("runs/0/0/sent/headers", [["a"]]),
        _set("runs/0/0/sent/headers", [["a", "b"]] * 501),
        _set("runs/0/0/answer/status", "200"),
        _set("runs/0/0/answer/status", 10**30),
        _set("runs/0/0/answer/body_base64", "###"),
        _set("runs/0/0/answer/body", "x"),
        _set("runs/0/0/answer/chunks", [[0]]),
        _set("runs/0/0/answer/seconds", "1"),
        _set("runs/0/0/answer/full_sha256", "abc"),
        _set("measurements/0/side", "both"),
        _set("measurements/0/values", ["1"]),
        _set("measurements/0/ci95", [1]),
    ],
)
def test_anything_else_is_refused(change: Any) -> None:
    data = copy.deepcopy(wire.to_json(made()))
    change(data)
    with pytest.raises(RecordingError):
        wire.load(json.dumps(data).encode(), "recording.json")


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", b"{", b"[" * 100_000, b'{"schema_version": NaN}', b"null"]
)
def test_what_is_no_json_is_refused(data: bytes) -> None:
    with pytest.raises(RecordingError):
        wire.load(data, "recording.json")


def test_a_stale_recording_is_refused(tmp_path: Path) -> None:
    kept = made()
    recording.save(kept, tmp_path / "a" / "recording.json")
    back = recording.load(tmp_path / "a" / "recording.json")
    fresh = {"context_hash": INFO.context_hash, "probes_hash": kept.probes_hash, "probes": ("a",)}
    recording.require_fresh(back, **fresh)  # type: ignore[arg-type] # a mapping of two kinds of values
    for change in ({"context_hash": "sha256:x"}, {"probes_hash": "sha256:x"}, {"probes": ("a", "b")}):
        with pytest.raises(RecordingError):
            recording.require_fresh(back, **{**fresh, **change})  # type: ignore[arg-type] # as above


def test_a_missing_recording_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="--record"):
        recording.load(tmp_path / "recording.json")
