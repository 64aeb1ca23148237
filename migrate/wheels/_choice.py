"""What a build is to do about native packages, as the generated build understands it."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from migrate.errors import UsageError, WheelError
from migrate.wheels import _store


@dataclass(frozen=True, slots=True)
class Choice:
    """`folder`: ready wheels beside those of the tree and of the cache. `build`: make the missing ones."""

    folder: Path | None = None
    build: bool = False

    def variables(self, *, offline: bool) -> dict[str, str]:
        """What the generated build reads from its environment. Raises UsageError where `folder` is none."""
        found = {}
        if self.folder is not None:
            if not self.folder.is_dir():
                raise UsageError(
                    f"--wheels: {self.folder} is no folder.", do="Name the folder of ready wheels."
                )
            found["DOCK2WASM_WASI_WHEELS"] = str(self.folder.absolute())
        if self.build:
            command = [sys.executable, "-m", "migrate.cli", "wheels", "build", "--known"]
            found["DOCK2WASM_WHEEL_BUILDER"] = shlex.join([*command, *(["--offline"] if offline else [])])
        return found

    def inputs(self, tree: Path) -> Iterator[tuple[str, str]]:
        """(file name, SHA-256) of every wheel that a build of the tree can take."""
        folders = [tree / "wheels", *([self.folder] if self.folder else [])]
        with contextlib.suppress(WheelError):  # a user without a home has no wheels there
            folders.append(_store.folder())
        for folder in folders:
            if folder.is_dir():
                for path in sorted(folder.glob(f"*-{_store.TAG}.whl")):
                    yield path.name, _store.sha256(path)
