"""Findings that somebody lives with: `[[assess.ignore]]` in `dock2wasm.toml`, comments in the source.

An ignore never changes a verdict. It stops a finding from failing a run and from being annotated; the
finding, the reason and where it was written stay in every report. An ignore that does nothing is said:
it would hide the next finding.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from analyzers.model import Assessment, Evidence, Finding, ServiceAssessment
from analyzers.repository import DEFAULT_LIMITS, Tree
from migrate.config import Ignore

_MARK = b"dock2wasm:"
_COMMENT = re.compile(r"(?:#|//)\s*dock2wasm:\s*ignore\[(?P<rules>[^\]]*)\](?P<reason>.*)$")
_OWN_LINE = re.compile(r"\s*(?:#|//)")


@dataclass(frozen=True, slots=True)
class Suppression:
    """Why a finding does not count, and where that is written. `comment` is None for `dock2wasm.toml`."""

    reason: str
    where: str
    comment: Evidence | None = None


@dataclass(frozen=True, slots=True)
class IdleIgnore:
    """An ignore that does nothing, and why."""

    where: str
    rule: str
    why: str


@dataclass(frozen=True, slots=True)
class Comment:
    """`# dock2wasm: ignore[rule] reason`. It holds for the line `target`."""

    evidence: Evidence
    target: int
    rules: tuple[str, ...]
    reason: str


class Ignores:
    """All ignores of a repository; remembers which of them matched."""

    def __init__(self, settings: Sequence[Ignore], comments: Sequence[Comment], source: str) -> None:
        self._settings = settings
        self._comments: dict[tuple[str, int], list[Comment]] = {}
        for one in comments:
            self._comments.setdefault((one.evidence.path, one.target), []).append(one)
        self._source = source
        self._used: set[object] = set()

    def of(self, one: ServiceAssessment, finding: Finding) -> Suppression | None:
        """What suppresses a finding: a comment at one of its places, else the first setting that fits."""
        found: Suppression | None = None
        for place in finding.evidence:
            for comment in self._comments.get((place.path, place.line), ()):
                if finding.rule in comment.rules and comment.reason:
                    self._used.add((comment, finding.rule))
                    found = found or Suppression(comment.reason, str(comment.evidence), comment.evidence)
        for position, setting in enumerate(self._settings):
            if _fits(setting, one, finding):
                self._used.add(position)
                found = found or Suppression(setting.reason, self._source)
        return found

    def idle(self, rules: Collection[str]) -> tuple[IdleIgnore, ...]:
        """The ignores that matched nothing, or cannot. `rules` are the names there are."""
        found = []
        for position, setting in enumerate(self._settings):
            if position not in self._used:
                why = "matches no finding" if setting.rule in rules else "there is no rule of that name"
                found.append(
                    IdleIgnore(f"{self._source}, [[assess.ignore]] {position + 1}", setting.rule, why)
                )
        for comment in (one for many in self._comments.values() for one in many):
            for rule in comment.rules or ("",):
                why = _why_idle(comment, rule, rules)
                if why and (comment, rule) not in self._used:
                    found.append(IdleIgnore(str(comment.evidence), rule, why))
        return tuple(found)


def _why_idle(comment: Comment, rule: str, rules: Collection[str]) -> str:
    if not rule:
        return "names no rule"
    if rule not in rules:
        return "there is no rule of that name"
    if not comment.reason:
        return "gives no reason, so it does not hold"
    return f"matches no finding in line {comment.target}"


def _fits(setting: Ignore, one: ServiceAssessment, finding: Finding) -> bool:
    return (
        setting.rule == finding.rule
        and (setting.service is None or fnmatchcase(one.service.name, setting.service))
        and (setting.path is None or any(fnmatchcase(place.path, setting.path) for place in finding.evidence))
    )


def without_comment(line: str) -> str:
    """The line less an ignore comment behind it."""
    return _COMMENT.sub("", line)


def comments(assessment: Assessment) -> tuple[Comment, ...]:
    """The ignore comments in the files that services were judged by."""
    root = assessment.inventory.root
    files = {path: root / path for path in sorted(_judged(assessment)) if _inside(root, path)}
    tree = Tree(root, {path: str(real.resolve()) for path, real in files.items()}, {}, None, DEFAULT_LIMITS)
    found: list[Comment] = []
    for path in tree.paths:
        if _MARK in (tree.data(path) or b""):
            found += parse(path, tree.text(path) or "")
    return tuple(found)


def _judged(assessment: Assessment) -> Iterable[str]:
    paths: set[str] = set()
    for one in assessment.services:
        service = one.service
        paths.update(place.path for finding in one.findings for place in finding.evidence)
        paths.update(
            path for path in (service.dockerfile, service.compose and service.compose.ref.file) if path
        )
        if service.source:
            paths.update(service.source.files, service.source.manifests)
    return paths


def _inside(root: Path, path: str) -> bool:
    try:
        return (root / path).resolve(strict=True).is_relative_to(root.resolve())
    except (OSError, RuntimeError, ValueError):  # RuntimeError: a loop of links, on Python before 3.13
        return False


def parse(path: str, text: str) -> tuple[Comment, ...]:
    """The ignore comments of one file. Behind code they hold for that line, else for the next with code."""
    lines = text.split("\n")
    found = []
    for number, line in enumerate(lines, 1):
        match = _COMMENT.search(line)
        if match is None:
            continue
        target = number
        if _OWN_LINE.match(line):
            target += 1
            while target <= len(lines) and (
                not lines[target - 1].strip() or _OWN_LINE.match(lines[target - 1])
            ):
                target += 1
        names = tuple(dict.fromkeys(name.strip() for name in match["rules"].split(",") if name.strip()))
        evidence = Evidence(path, number, line.strip()[:160])
        found.append(Comment(evidence, target, names, match["reason"].strip().lstrip(":-").strip()))
    return tuple(found)
