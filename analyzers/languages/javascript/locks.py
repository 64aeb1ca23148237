"""Versions, and signs of machine code, from the lock files of npm, yarn, pnpm and bun."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from analyzers.languages.javascript.project import parse_json, table

FILES = ("package-lock.json", "npm-shrinkwrap.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock")
# Packages by which another one builds, finds or fetches its machine code.
_BUILDERS = frozenset(
    {"node-gyp", "node-gyp-build", "node-gyp-build-optional-packages", "prebuild-install", "node-pre-gyp",
     "@mapbox/node-pre-gyp", "bindings", "nan", "node-addon-api", "napi-build-utils", "cmake-js",
     "prebuildify"}
)  # fmt: skip
_TEXT_LIMIT = 8_000_000


@dataclass(slots=True)
class Lock:
    """What a lock file says of packages, by name. Of several versions that of the top counts."""

    versions: dict[str, str] = field(default_factory=dict)
    scripts: set[str] = field(default_factory=set)  # packages with an install script
    builds: set[str] = field(default_factory=set)  # packages that ask for one of the builders


def parse(name: str, text: str) -> Lock:
    """Read a lock file by its name. What cannot be read gives an empty one."""
    if len(text) > _TEXT_LIMIT:
        return Lock()
    if name in ("package-lock.json", "npm-shrinkwrap.json"):
        return _npm(text)
    if name == "yarn.lock":
        return _yarn(text)
    if name == "pnpm-lock.yaml":
        return _pnpm(text)
    return _bun(text)


def _npm(text: str) -> Lock:
    lock = Lock()
    data = table(parse_json(text))
    packages = table(data.get("packages"))  # versions 2 and 3
    for path, value in packages.items():
        entry = table(value)
        name = path.rpartition("node_modules/")[2]
        if not path.startswith("node_modules/"):
            continue
        _note(lock, name, entry, top=path.count("node_modules/") == 1)
    if not packages:  # version 1
        for name, value in table(data.get("dependencies")).items():
            entry = table(value)
            _note(lock, name, {**entry, "dependencies": entry.get("requires")}, top=True)
    return lock


def _note(lock: Lock, name: str, entry: Mapping[str, object], *, top: bool) -> None:
    version = entry.get("version")
    if isinstance(version, str) and (top or name not in lock.versions):
        lock.versions[name] = version
    if entry.get("hasInstallScript") is True or entry.get("requiresBuild") is True:
        lock.scripts.add(name)
    if _BUILDERS & set(table(entry.get("dependencies"))):
        lock.builds.add(name)


def _yarn(text: str) -> Lock:
    """Both forms of yarn's file: entries that start at the line's beginning, their fields below."""
    lock = Lock()
    name = ""
    inside = False
    for line in text.split("\n"):
        if line and not line[0].isspace() and not line.startswith("#"):
            match = re.match(r'"?((?:@[^@/"\s]+/)?[^@"\s,]+)@', line)
            name, inside = (match[1] if match else ""), False
        elif match := re.match(r'  version:? "?([^"\s]+)"?', line):
            lock.versions.setdefault(name, match[1])
        elif re.match(r"  dependencies:", line):
            inside = True
        elif inside and (match := re.match(r'    "?([^"\s:]+)"?:?\s', line)):
            if match[1] in _BUILDERS:
                lock.builds.add(name)
        elif re.match(r"  \S", line):
            inside = False
    lock.versions.pop("", None)
    return lock


def _pnpm(text: str) -> Lock:
    """By lines: the file is YAML of one known shape, and often megabytes long."""
    lock = Lock()
    name = ""
    section = ""
    inside = False
    for line in text.split("\n"):
        if line and not line[0].isspace():
            section, name = line.rstrip(": \r"), ""
        elif section in ("packages", "snapshots") and (
            match := re.match(r"  '?/?((?:@[^@/']+/)?[^@/'(]+)[@/]([^:'(]+)", line)
        ):
            name, inside = match[1], False
            if re.match(r"\d", match[2]):
                lock.versions.setdefault(name, match[2])
        elif name and "requiresBuild: true" in line:
            lock.scripts.add(name)
        elif name and re.match(r"    dependencies:", line):
            inside = True
        elif name and inside and (match := re.match(r"      '?([^:']+)'?:", line)):
            if match[1] in _BUILDERS:
                lock.builds.add(name)
        elif re.match(r"    \S", line):
            inside = False
    return lock


def _bun(text: str) -> Lock:
    lock = Lock()
    for name, value in table(table(parse_json(text)).get("packages")).items():
        if isinstance(value, list) and value and isinstance(value[0], str):
            written, _, version = value[0].rpartition("@")
            if written == name:
                lock.versions[name] = version
            for part in value[1:]:
                if _BUILDERS & set(table(table(part).get("dependencies"))):
                    lock.builds.add(name)
    return lock
