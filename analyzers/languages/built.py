"""Where a file of the final image was made: through COPY --from, back to the stage whose RUN line made it."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from analyzers.model import Image


@dataclass(frozen=True, slots=True)
class Origin:
    """A stage, and the absolute path in it of the file asked for."""

    image: Image
    path: str


def origin(image: Image, stages: Sequence[Image], path: str) -> Origin:
    """The stage that made `path` (absolute, in `image`); `image` itself where no COPY --from brought it.

    `stages` are those that `image` copies from. Of several lines that could have brought it the last counts.
    """
    by_name = {stage.stage: stage for stage in stages}
    here = Origin(image, posixpath.normpath(path))
    for _ in range(len(stages)):  # stages only copy from earlier ones
        step = _before(here, by_name)
        if step is None:
            break
        here = step
    return here


def _before(here: Origin, by_name: dict[str | None, Image]) -> Origin | None:
    for copy in reversed(here.image.copies):
        stage = by_name.get(copy.stage) if copy.stage is not None else None
        if stage is None:
            continue
        for source in copy.sources:
            found = _source_of(here.path, source, copy.destination)
            if found is not None:
                return Origin(stage, found)
    return None


def _source_of(path: str, source: str, destination: str) -> str | None:
    """Where `path` came from if COPY put `source` to `destination`; a folder's content lands in it.

    What a pattern matched is told by its name alone, and a source without a suffix may be file or folder:
    both readings are tried, the file's first.
    """
    source = posixpath.normpath(posixpath.join("/", source))
    target = posixpath.normpath(destination)
    name = posixpath.basename(source)
    if path == target and not destination.endswith("/"):
        return source
    if path == posixpath.join(target, name):
        return source
    if path == target or path.startswith(target.rstrip("/") + "/"):
        rest = path[len(target.rstrip("/")) :].lstrip("/")
        if "*" in name:
            return posixpath.join(posixpath.dirname(source), rest)
        return posixpath.normpath(posixpath.join(source, rest))
    return None
