"""Keeps the original's answers for machines without a Docker engine, and refuses them once they are stale."""

from __future__ import annotations

import datetime
from pathlib import Path

from migrate.errors import RecordingError
from migrate.files import write_atomically
from migrate.model import Recording
from migrate.reports.wire import recording as wire


def now() -> str:
    """The date of a recording: UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def save(recording: Recording, path: Path) -> None:
    """Write it, whole or not at all. Raises DiskError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, wire.dump(recording))


def load(path: Path) -> Recording:
    """Read it. Raises RecordingError where it is unreadable or not what we write."""
    try:
        if path.stat().st_size > wire.MAX_BYTES:
            raise RecordingError(f"{path} is larger than {wire.MAX_BYTES:,} bytes.")
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(
            f"The recording {path} cannot be read.",
            why=error.strerror or str(error),
            do="Make one on a machine with a Docker engine: dock2wasm validate --record.",
        ) from None
    return wire.load(data, path.name)


def require_fresh(
    recording: Recording, *, context_hash: str, probes_hash: str, probes: tuple[str, ...]
) -> None:
    """Raises RecordingError unless the recording is of this build context and these probes."""
    again = "Record again on a machine with a Docker engine: dock2wasm validate --record."
    if recording.original.context_hash != context_hash:
        raise RecordingError(
            f"The recording of {recording.date} is of another build context.",
            why="A file that the image is built from has changed since: "
            f"{recording.original.context_hash[:19]}… then, {context_hash[:19]}… now.",
            do=again,
        )
    if recording.probes_hash != probes_hash:
        raise RecordingError(
            f"The recording of {recording.date} answers other probes.",
            why="The probes, the variables or the names of the secrets have changed since.",
            do=again,
        )
    for run in recording.runs:
        if tuple(probe for probe, _, _ in run) != probes:
            raise RecordingError(
                f"The recording of {recording.date} does not answer every probe in its order.", do=again
            )
