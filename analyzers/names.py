"""How services are named: stable, unique in a repository, independent of the order of reading."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

_PLAIN = {"dockerfile", "containerfile"}


def clean(text: str) -> str:
    """`text` as `[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*`, or "" where no letter is in it.

    A part that begins with a digit joins the part before it (`api-2` becomes `api2`), or loses its
    digits where there is none (`2fa` becomes `fa`).
    """
    parts: list[str] = []
    for part in re.findall(r"[a-z0-9]+", text.lower()):
        if not part[0].isdigit():
            parts.append(part)
        elif parts:
            parts[-1] += part
        elif letters := part.lstrip("0123456789"):
            parts.append(letters)
    return "-".join(parts)


def dockerfile_suffix(path: str) -> str:
    """`worker` of `Dockerfile.worker` or `worker.Dockerfile`, "" of a plain name."""
    name = PurePosixPath(path).name
    lower = name.lower()
    if lower in _PLAIN:
        return ""
    for plain in _PLAIN:
        if lower.startswith(plain + "."):
            return name[len(plain) + 1 :]
        if lower.endswith("." + plain):
            return name[: -len(plain) - 1]
    return ""


@dataclass(frozen=True, slots=True)
class Naming:
    """What a service's name is made of. `identity` orders services that nothing else tells apart."""

    compose: str | None
    dockerfile: str | None
    folder: str  # of the source, "" for the root
    identity: str


def assign(services: Sequence[Naming], repository: str) -> tuple[str, ...]:
    """A unique name for each, in the same order.

    On a clash the folder goes in front, one level at a time, for every service of that name; what
    still clashes is numbered by `identity`.
    """
    base = [_base(service, repository) for service in services]
    folders = [[clean(p) for p in PurePosixPath(s.folder).parts if clean(p)] for s in services]
    names = list(base)
    depth = [0] * len(services)
    while True:
        count = Counter(names)
        changed = False
        for i, name in enumerate(list(names)):
            if count[name] > 1 and depth[i] < len(folders[i]):
                depth[i] += 1
                front = folders[i][len(folders[i]) - depth[i] :]
                # The folder that already gave the name is not said twice.
                names[i] = "-".join([*front[:-1], base[i]] if front[-1] == base[i] else [*front, base[i]])
                changed = True
        if not changed:
            break
    taken = set(names)
    for name in sorted(n for n, c in Counter(names).items() if c > 1):
        same = sorted((i for i, n in enumerate(names) if n == name), key=lambda i: services[i].identity)
        number = 2
        for i in same[1:]:
            while f"{name}{number}" in taken:
                number += 1
            names[i] = f"{name}{number}"
            taken.add(names[i])
    return tuple(names)


def _base(service: Naming, repository: str) -> str:
    candidates = [service.compose or ""]
    if service.dockerfile is not None:
        candidates += [dockerfile_suffix(service.dockerfile), PurePosixPath(service.dockerfile).parent.name]
    candidates += [PurePosixPath(service.folder).name, repository]
    return next((name for name in map(clean, candidates) if name), "service")
