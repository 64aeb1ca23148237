from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from migrate.config import Config, Ignore, load
from migrate.errors import ConfigError


def test_a_repository_without_settings_has_defaults(tmp_path: Path) -> None:
    assert load(tmp_path) == Config()


@pytest.mark.parametrize("name", ["dock2wasm.toml", ".github/dock2wasm.toml"])
def test_settings_are_read_from_either_place(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        '[assess]\naccept = ["memory-state"]\nallow_hosts = ["https://api.example.com"]\n'
        '[validate]\nprobes = "tests/probes.yaml"\ncold_starts = 12\n'
    )
    assert load(tmp_path) == Config(
        path, ("memory-state",), ("https://api.example.com",), "tests/probes.yaml", 12
    )


def test_ignores_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "dock2wasm.toml").write_text(
        "[[assess.ignore]]\nrule = 'gpu'\nreason = ' later '\n"
        "[[assess.ignore]]\nrule = 'thread'\nservice = 'web'\npath = 'a/*'\nreason = 'x'\n"
    )
    assert load(tmp_path).ignores == (Ignore("gpu", "later"), Ignore("thread", "x", "web", "a/*"))


def test_two_places_are_refused(tmp_path: Path) -> None:
    (tmp_path / ".github").mkdir()
    (tmp_path / "dock2wasm.toml").write_text("")
    (tmp_path / ".github" / "dock2wasm.toml").write_text("")
    with pytest.raises(ConfigError, match="two places"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[assess]\naccpt = []\n", "unknown key: assess.accpt"),
        ("[deploy]\n", "unknown table"),
        ("assess = 1\n", "must be a table"),
        ("[assess]\naccept = [1]\n", "list of strings"),
        ("[validate]\nprobes = '../x'\n", "leads out"),
        ("[validate]\nprobes = '/etc/passwd'\n", "leads out"),
        ("[validate]\nprobes = 3\n", "must be a string"),
        ("[validate]\ncold_starts = 0\n", "whole number"),
        ("[validate]\ncold_starts = true\n", "whole number"),
        ("[assess]\nignore = 1\n", r"headed \[\[assess.ignore\]\]"),
        ("[assess]\nignore = [1]\n", r"headed \[\[assess.ignore\]\]"),
        ("[[assess.ignore]]\nrule = 'gpu'\n", "1 has no reason"),
        ("[[assess.ignore]]\nrule = 'gpu'\nreason = '  '\n", "1 has no reason"),
        ("[[assess.ignore]]\nreason = 'x'\n", "1 has no rule"),
        ("[[assess.ignore]]\nrule = 'gpu'\nreason = 'x'\nfile = 'a'\n", "unknown key: file"),
        ("[[assess.ignore]]\nrule = 'gpu'\nreason = 'x'\npath = 1\n", "must be strings"),
        ("= nothing", "cannot be read"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "dock2wasm.toml").write_text(text)
    with pytest.raises(ConfigError, match=says):
        load(tmp_path)


def test_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("")
    (tmp_path / "dock2wasm.toml").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match="no plain file"):
        load(tmp_path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_give_settings_or_a_clear_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "dock2wasm.toml").write_bytes(data)
    try:
        load(tmp_path)
    except ConfigError as error:
        assert str(error)
