"""What reading costs, counted in calls of Python functions: it grows no faster than the service."""

from __future__ import annotations

import sys
from pathlib import Path
from types import FrameType

import pytest

from analyzers import workers
from analyzers.inventory import read
from analyzers.languages.python.summary import parse_all
from tests.analyzers.generated import write_service


def calls_of_reading(root: Path) -> int:
    count = 0

    def counting(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        if event == "call":
            count += 1

    before = sys.getprofile()
    sys.setprofile(counting)
    try:
        inventory = read(root)
    finally:
        sys.setprofile(before)
    assert inventory.services[0].source is not None
    return count


def test_reading_is_linear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "available", lambda: 1)
    write_service(tmp_path / "warm", 5)
    read(tmp_path / "warm")  # tables are read once
    counts = []
    for factor in (1, 2, 4):
        write_service(tmp_path / f"x{factor}", 60 * factor)
        counts.append(calls_of_reading(tmp_path / f"x{factor}"))
    first, second, third = counts
    assert second < 2.15 * first
    assert third < 2.15 * second


def test_a_file_that_services_share_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two services of one folder: the second costs no parsing."""
    write_service(tmp_path, 20)
    other = (tmp_path / "Dockerfile").read_text(encoding="utf-8").replace('gunicorn",', 'gunicorn", "-w2",')
    (tmp_path / "Dockerfile.other").write_text(other, encoding="utf-8")
    parsed: list[bytes] = []

    def counted(files: list[bytes]) -> list[object]:
        parsed.extend(files)
        return list(parse_all(files))

    monkeypatch.setattr("analyzers.languages.python.modules.parse_all", counted)
    inventory = read(tmp_path)
    assert len(inventory.services) == 2
    assert len(parsed) == len(set(parsed))


def test_what_was_forgotten_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Summaries are kept for the next service only up to a bound: results do not depend on it."""
    write_service(tmp_path, 20)
    other = (tmp_path / "Dockerfile").read_text(encoding="utf-8")
    (tmp_path / "Dockerfile.other").write_text(other, encoding="utf-8")
    whole = read(tmp_path)
    monkeypatch.setattr("analyzers.languages.python.modules._SHARED", 1000)
    assert read(tmp_path) == whole
