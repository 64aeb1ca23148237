"""A baseline survives the way to the disk and back; anything else is a clear error."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.errors import BaselineError
from migrate.policy import new_baseline, plain
from migrate.policy.baseline import Baseline
from migrate.reports import schema_text
from migrate.reports.wire.baseline import read, to_bytes
from tests.migrate.policy.judged import judged, repository
from tests.migrate.reports.hostile import HOSTILE, hostile

VALIDATOR = jsonschema.Draft202012Validator(json.loads(schema_text("baseline")))
here = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)


def entries(baseline: Baseline) -> set[object]:
    return {(one.name, one.verdict, finding) for one in baseline.services for finding in one.findings}


def test_what_is_written_is_read(tmp_path: Path) -> None:
    baseline = new_baseline(judged(repository(tmp_path / "web")))
    data = to_bytes(baseline)
    VALIDATOR.validate(json.loads(data))
    (tmp_path / "known.json").write_bytes(data)
    again = read(tmp_path / "known.json")
    assert entries(again) == entries(baseline) != set()
    assert to_bytes(again) == data


@here
@given(st.tuples(*[HOSTILE] * 5))
def test_what_strangers_write_can_be_kept(tmp_path: Path, texts: tuple[str, ...]) -> None:
    baseline = new_baseline(plain(hostile(*texts).assessment))
    (tmp_path / "known.json").write_bytes(to_bytes(baseline))
    again = read(tmp_path / "known.json")
    assert set(again.by_fingerprint()) == set(baseline.by_fingerprint())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["schema_version", "tool", "services", "name", "findings"]), inner)
    ),
    max_leaves=12,
)


@here
@given(st.binary(max_size=80) | JSON.map(lambda data: json.dumps(data).encode()))
def test_anything_else_is_a_clear_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "known.json").write_bytes(data)
    with pytest.raises(BaselineError, match=r"known\.json"):
        read(tmp_path / "known.json")


def test_nesting_that_is_too_deep_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "known.json").write_text("[" * 100_000)
    with pytest.raises(BaselineError):
        read(tmp_path / "known.json")


def test_a_later_schema_is_refused(tmp_path: Path) -> None:
    data = json.loads(to_bytes(new_baseline(judged(repository(tmp_path / "web")))))
    (tmp_path / "known.json").write_text(json.dumps({**data, "schema_version": 2}))
    with pytest.raises(BaselineError, match="schema_version 2"):
        read(tmp_path / "known.json")
