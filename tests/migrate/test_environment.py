from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.environment import parse_file, parse_pair
from migrate.errors import ConfigError


def test_a_pair_keeps_everything_after_the_first_equals_sign() -> None:
    assert parse_pair("URL=postgres://u:p@h/db?a=b") == ("URL", "postgres://u:p@h/db?a=b")
    assert parse_pair("EMPTY=") == ("EMPTY", "")


def test_a_name_alone_takes_the_value_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAKEN_FROM_HERE", "x y")
    assert parse_pair("TAKEN_FROM_HERE") == ("TAKEN_FROM_HERE", "x y")
    monkeypatch.delenv("TAKEN_FROM_HERE")
    with pytest.raises(ConfigError, match="not set"):
        parse_pair("TAKEN_FROM_HERE")


@pytest.mark.parametrize("pair", ["=x", "1A=x", "A B=x", "", "K\nX=1"])
def test_a_bad_name_is_refused(pair: str) -> None:
    with pytest.raises(ConfigError, match="no name"):
        parse_pair(pair)


def test_a_file_is_read_as_docker_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text('# comment\n\nA=1\n  B=two words  \nC="quoted"\nA=3\n')
    assert parse_file(file) == {"A": "3", "B": "two words  ", "C": '"quoted"'}


def test_a_bad_line_is_named(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_text("A=1\n=2\n")
    with pytest.raises(ConfigError, match=r"env:2"):
        parse_file(file)


def test_a_missing_file_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        parse_file(tmp_path / "none")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_give_variables_or_a_clear_error(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "env"
    file.write_bytes(data)
    try:
        found = parse_file(file)
    except ConfigError:
        return
    assert all(name and "=" not in name for name in found)
