"""How large both sides are: on disk and compressed, and the component precompiled."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from migrate.model import Component, Measurement, Side
from migrate.progress import Progress
from migrate.validate.measuring.statistics import measurement, not_measured

if TYPE_CHECKING:
    from docker import DockerClient

LEVEL = 6  # of gzip
COMPRESS_LIMIT = 2 << 30  # bytes of an image beyond which it is not compressed


def image_sizes(client: DockerClient, image: str, size: int, progress: Progress) -> list[Measurement]:
    """Bytes of the image on disk, and compressed."""
    rows = [measurement("size", Side.ORIGINAL, "byte", [size], "image on disk, as docker inspect says")]
    metric = "size-compressed"
    if size > COMPRESS_LIMIT:
        return [*rows, not_measured(metric, Side.ORIGINAL, "byte", f"larger than {COMPRESS_LIMIT >> 20} MiB")]
    try:
        with progress.step("compress the image"):
            packed = _gzipped(client.api.get_image(image))
    except Exception as error:
        # A figure is missing then, not the comparison; whatever the engine's answer was, the row says it.
        return [*rows, not_measured(metric, Side.ORIGINAL, "byte", f"docker save failed: {error}"[:200])]
    method = f"docker save, gzip level {LEVEL} (a registry keeps layers apart and is close to it)"
    return [*rows, measurement(metric, Side.ORIGINAL, "byte", [packed], method)]


def component_sizes(component: Component) -> list[Measurement]:
    """Bytes of the component, compressed, and precompiled."""
    rows = [
        measurement("size", Side.CANDIDATE, "byte", [component.path.stat().st_size], "the .wasm file"),
        measurement(
            "size-compressed",
            Side.CANDIDATE,
            "byte",
            [_gzipped(_blocks(component.path))],
            f"gzip level {LEVEL}",
        ),
    ]
    if component.precompiled is not None:
        rows.append(
            measurement(
                "size-precompiled",
                Side.CANDIDATE,
                "byte",
                [component.precompiled.stat().st_size],
                f"the .cwasm file of {component.precompiled_by}, for this machine's processor",
            )
        )
    else:
        rows.append(
            not_measured("size-precompiled", Side.CANDIDATE, "byte", "the runtime precompiles nothing")
        )
    return rows


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            yield block


def _gzipped(blocks: Iterator[bytes]) -> int:
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, 31)
    size = sum(len(packer.compress(block)) for block in blocks)
    return size + len(packer.flush())
