"""What a component says of its own snapshot."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from migrate.component import custom_section
from migrate.errors import ComponentError
from migrate.snapshots import SECTION, sentences

HEADER = b"\0asm\x0d\0\x01\0"


def component(path: Path, content: bytes | None, name: str = SECTION) -> Path:
    """A component with nothing but a custom section."""
    body = bytes([len(name)]) + name.encode() + (content or b"")
    size = bytes([len(body) & 127 | 128, len(body) >> 7])
    file = path / "c.wasm"
    file.write_bytes(HEADER + (b"\0" + size + body if content is not None else b""))
    return file


def said(path: Path, **facts: object) -> tuple[str, ...]:
    whole = {"snapshot_app": "auto", "application": "snapshot", "reasons": [], "at_start": [], **facts}
    return sentences(component(path, json.dumps(whole).encode()))


def test_an_application_in_the_snapshot(tmp_path: Path) -> None:
    assert said(tmp_path) == ("The application was imported when the component was built.",)


def test_a_variable_that_comes_at_start_is_named_with_its_line(tmp_path: Path) -> None:
    _, second = said(tmp_path, at_start=[{"name": "KEY", "where": "/app/a.py:3"}])
    assert second.startswith("/app/a.py:3 reads KEY")


def test_reasons_against_it_are_told(tmp_path: Path) -> None:
    (only,) = said(tmp_path, application="first request", reasons=["/app/a.py:1: reads the clock"])
    assert only.endswith("/app/a.py:1: reads the clock")


def test_never_is_nothing_to_tell(tmp_path: Path) -> None:
    assert said(tmp_path, snapshot_app="never", application="first request") == ()
    assert sentences(component(tmp_path, None)) == ()


@pytest.mark.parametrize("content", [b"", b"[]", b"\xff", b"{}", b"[" * 9000, b'{"snapshot_app": "auto"}'])
def test_a_section_that_cannot_be_read_is_said(tmp_path: Path, content: bytes) -> None:
    assert sentences(component(tmp_path, content)) == (f"The section {SECTION} of c.wasm cannot be read.",)


def test_custom_sections_by_name(tmp_path: Path) -> None:
    file = component(tmp_path, b"content", name="other")
    assert custom_section(file, "other") == b"content"
    assert custom_section(file, SECTION) is None
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ComponentError, match="cut off"):
        custom_section(file, "other")
