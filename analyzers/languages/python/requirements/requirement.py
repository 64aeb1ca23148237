"""One package that is asked for, as PEP 508 and pip write it, and all that an image installs."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from analyzers.languages.python.requirements.markers import marker_holds
from analyzers.model import Evidence, Unknown


def normalise(name: str) -> str:
    """PEP 503: `Flask_SQLAlchemy` -> `flask-sqlalchemy`."""
    return re.sub(r"[-_.]+", "-", name).lower()


@dataclass(frozen=True, slots=True)
class Requirement:
    """One package asked for. `version` only where it is pinned exactly."""

    name: str
    version: str | None
    text: str
    evidence: Evidence
    extras: tuple[str, ...] = ()
    implied: bool = False  # no manifest names it; one that is named needs it


@dataclass(slots=True)
class Installed:
    """What the image's RUN lines install."""

    requirements: dict[str, Requirement] = field(default_factory=dict)
    manifests: list[str] = field(default_factory=list)
    own_packages: list[str] = field(default_factory=list)  # guest folders that are installed themselves
    constraints: dict[str, str] = field(default_factory=dict)
    unknown: list[Unknown] = field(default_factory=list)

    def add(self, requirement: Requirement) -> None:
        before = self.requirements.get(requirement.name)
        if before is None or (before.version is None and requirement.version is not None):
            self.requirements[requirement.name] = requirement


NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)", re.DOTALL)
_EXACT = re.compile(r"={2,3}\s*([A-Za-z0-9.!+_-]+)")
_OPTIONS = re.compile(r"\s--?[A-Za-z][\w-]*[= ].*$", re.DOTALL)


def parse_requirement(text: str, evidence: Evidence) -> Requirement | None:
    """A PEP 508 line, a direct reference (`name @ url`, `git+https://…#egg=name`), or None of anything else.

    A line whose marker does not hold on the runtime's Python gives None as well.
    """
    text = text.strip()
    written = text
    if re.match(r"[a-z]+\+?[a-z]*://|git\+|\S+\.(?:whl|tar\.gz|zip)$", text):
        return _direct(text, evidence)
    text = _OPTIONS.sub("", " " + text).strip()
    text, _, marker = text.partition(";")
    if marker.strip() and not marker_holds(marker):
        return None
    match = NAME.fullmatch(text.strip())
    if match is None:
        return None
    rest = match[3].strip().strip("()").strip()
    if rest and rest[0] not in "=<>!~@":
        return None
    exact = _EXACT.fullmatch(rest)
    extras = tuple(normalise(e.strip()) for e in (match[2] or "").split(",") if e.strip())
    version = exact[1] if exact else None
    return Requirement(normalise(match[1]), version, written[:200], evidence, extras)


def _direct(text: str, evidence: Evidence) -> Requirement | None:
    egg = re.search(r"[#&]egg=([A-Za-z0-9._-]+)", text)
    last = text.partition("#")[0].rstrip("/").rpartition("/")[2]
    wheel = re.match(r"([A-Za-z0-9._]+)-([^-]+)-.*\.whl$", last)
    if egg:
        return Requirement(normalise(egg[1]), None, text[:200], evidence)
    if wheel:
        return Requirement(normalise(wheel[1]), wheel[2], text[:200], evidence)
    name = re.sub(r"(?:\.git)?(?:@[^/]*)?$", "", last)
    sdist = re.match(r"([A-Za-z0-9._-]+?)-(\d[\w.]*)\.(?:tar\.gz|zip)$", last)
    if sdist:
        return Requirement(normalise(sdist[1]), sdist[2], text[:200], evidence)
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        return Requirement(normalise(name), None, text[:200], evidence)
    return None
