from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from migrate.errors import DiskError
from migrate.files import remedy, write_atomically


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, b"one")
    write_atomically(path, b"two")
    assert path.read_bytes() == b"two"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_executable_files_can_be_run(tmp_path: Path) -> None:
    path = tmp_path / "run.sh"
    write_atomically(path, b"#!/bin/sh\n", executable=True)
    assert os.access(path, os.X_OK)
    write_atomically(tmp_path / "plain", b"")
    assert not (tmp_path / "plain").stat().st_mode & 0o111


def test_a_missing_folder_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="cannot be written"):
        write_atomically(tmp_path / "none" / "a.txt", b"")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, b"old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "Free some space"),
        (errno.EROFS, "read-only"),
        (errno.EACCES, "who owns"),
        (errno.ENOENT, "must be there"),
        (errno.EIO, "permissions"),
    ],
)
def test_the_remedy_fits_the_reason(number: int, said: str) -> None:
    assert said in remedy(OSError(number, "x"))
