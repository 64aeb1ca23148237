"""The labels as data, and which service of a report each of them is about."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from analyzers.model import Service, ServiceAssessment, Verdict

HERE = Path(__file__).parent
# What a label can be disputed for where it does not say what.
EVERYTHING = frozenset(
    {
        "verdict", "language", "discovery", "state", "gpu", "inbound", "outbound", "native_dependencies",
        "processes", "privileged",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Label:
    """What an expert said of one service. `disputed` names what two experts could differ on."""

    repository: str
    name: str
    dockerfile: str | None
    target: str | None
    compose: tuple[str, str] | None  # file, service
    language: str | None
    verdict: Verdict
    today: Verdict
    facets: Mapping[str, Any]
    disputed: frozenset[str]
    reasons: str
    argument: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Repository:
    """One labelled repository; a repository with files in both folders is one."""

    name: str
    commit: str
    labels: tuple[Label, ...]
    left_out: str

    @property
    def folder(self) -> str:
        return self.name.replace("/", "--")


def repositories(half: str) -> tuple[Repository, ...]:
    """The repositories of a half. Files of the other half are not looked at beyond the line that says so."""
    found: dict[str, Repository] = {}
    for path in sorted(HERE.glob("[ab]/*.toml")):
        text = path.read_text("utf-8")
        if not re.search(rf'^half = "{half}"$', text, re.MULTILINE):
            continue
        data = tomllib.loads(text)
        name = data["repository"]
        labels = tuple(_label(name, service) for service in data["service"])
        left_out = _text(data.get("left_out", ""))
        if name in found:
            before = found[name]
            labels, left_out = before.labels + labels, f"{before.left_out}\n{left_out}"
        found[name] = Repository(name, data["commit"], labels, left_out)
    return tuple(found.values())


def _text(left_out: str | list[dict[str, str]]) -> str:
    if isinstance(left_out, str):
        return left_out
    return "\n".join(f"{entry['what']}: {entry['why']}" for entry in left_out)


def _label(repository: str, data: Mapping[str, Any]) -> Label:
    compose = data.get("compose")
    about = frozenset(data.get("disputed", EVERYTHING)) if data["disputable"] else frozenset()
    return Label(
        repository=repository,
        name=data["name"],
        dockerfile=data.get("dockerfile"),
        target=data.get("target"),
        compose=(compose["file"], compose["service"]) if compose else None,
        language=data.get("language"),
        verdict=Verdict(data["verdict"]),
        today=Verdict(data["verdict_today"]),
        facets=data["facets"],
        disputed=about,
        reasons=data["reasons"],
        argument=data.get("argument", ""),
        evidence=tuple(f"{one['path']}:{one['line']} {one['says']}" for one in data["evidence"]),
    )


@dataclass(frozen=True, slots=True)
class Matching:
    """Labels with the service that each is about (None where it was not found), and services beyond them."""

    pairs: tuple[tuple[Label, ServiceAssessment | None], ...]
    extra: tuple[ServiceAssessment, ...]
    left_out: tuple[ServiceAssessment, ...]


def match(repository: Repository, services: Sequence[ServiceAssessment]) -> Matching:
    """By compose file and service, then by Dockerfile and target, then by name."""
    rest = list(services)
    found: dict[int, ServiceAssessment] = {}
    ways: tuple[Callable[[Label, Service], bool], ...] = (_by_compose, _by_dockerfile, _by_name)
    for way in ways:
        for number, label in enumerate(repository.labels):
            if number in found:
                continue
            fitting = [one for one in rest if way(label, one.service)]
            if fitting:
                # Several commands of one Dockerfile are several services: then the name tells.
                best = next((one for one in fitting if one.service.name == label.name), fitting[0])
                found[number] = best
                rest.remove(best)
    known = [one for one in rest if _is_left_out(one.service, repository.left_out)]
    return Matching(
        tuple((label, found.get(number)) for number, label in enumerate(repository.labels)),
        tuple(one for one in rest if one not in known),
        tuple(known),
    )


def _by_compose(label: Label, service: Service) -> bool:
    ref = service.compose.ref if service.compose else None
    return ref is not None and label.compose == (ref.file, ref.service)


def _by_dockerfile(label: Label, service: Service) -> bool:
    if label.dockerfile is None or service.image is None or label.dockerfile != service.dockerfile:
        return False
    return label.target is None or label.target == service.image.stage


def _by_name(label: Label, service: Service) -> bool:
    return label.name == service.name


def _is_left_out(service: Service, text: str) -> bool:
    """Whether the label file's `left_out` names the service: by name, or by a path at or above its files."""
    files = [
        one for one in (service.dockerfile, service.compose.ref.file if service.compose else None) if one
    ]
    names = [service.name, *(part for path in (*files, service.path) for part in _above(path))]
    if service.compose:
        names.append(service.compose.ref.service)
    if any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text) for name in names):
        return True
    globs = [word.strip("`,:;()'\"") for word in text.split() if "*" in word]
    return any(fnmatch(path, glob) for path in files for glob in globs)


def _above(path: str) -> list[str]:
    """The path itself and the folders around it, the root apart."""
    parts = path.split("/") if path else []
    return ["/".join(parts[:end]) for end in range(len(parts), 0, -1)]
