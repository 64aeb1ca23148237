"""Writes files whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path

from migrate.errors import DiskError


def remedy(error: OSError) -> str:
    """What to do about a file that cannot be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return "Free some space, then run again."
    if error.errno == errno.EROFS:
        return "Name a folder that is not on a read-only file system."
    if error.errno in {errno.EACCES, errno.EPERM}:
        return "Check who owns the folder, or name another."
    if error.errno in {errno.ENOENT, errno.ENOTDIR, errno.EISDIR}:
        return "Check the path: its folder must be there, and it must not name a folder itself."
    return "Check the folder and its permissions."


def write_atomically(path: Path, data: bytes, *, executable: bool = False) -> None:
    """Write `data` to `path` through a temporary file beside it; what was there stays until all is written.

    Raises DiskError where the folder is missing or the disk is full.
    """
    name = ""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod((0o777 if executable else 0o666) & ~mask)
        Path(name).replace(path)
    except OSError as error:
        if name:
            with contextlib.suppress(OSError):
                Path(name).unlink()
        raise DiskError(
            f"{path} cannot be written.",
            why=error.strerror or str(error),
            do=remedy(error),
        ) from error
