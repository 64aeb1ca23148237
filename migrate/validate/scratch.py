"""Temporary folders that name their process, so that the next run removes those of one that was killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from migrate.validate import engine

_PREFIX = "dock2wasm-"


@contextlib.contextmanager
def folder(what: str) -> Iterator[Path]:
    """A new folder of ours, gone at the end; those of processes that have ended are removed first.

    Meanwhile whatever else of this process asks for temporary files (a runtime's copies) gets them in it.
    """
    remove_leftovers()
    prefix = f"{_PREFIX}{what}@{engine.owner().replace(':', '@')}@"
    with tempfile.TemporaryDirectory(prefix=prefix) as made:
        before, tempfile.tempdir = tempfile.tempdir, made
        try:
            yield Path(made)
        finally:
            tempfile.tempdir = before


def remove_leftovers() -> list[Path]:
    """Remove folders of processes of ours that were killed; returns them. Others' folders are left alone."""
    removed = []
    with contextlib.suppress(OSError):
        for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*@*@*@*@*"):
            owner = path.name.rpartition("@")[0].partition("@")[2].replace("@", ":")
            with contextlib.suppress(OSError):
                found = path.lstat()
                if found.st_uid == os.getuid() and not path.is_symlink() and engine.is_dead(owner):
                    shutil.rmtree(path)
                    removed.append(path)
    return removed
