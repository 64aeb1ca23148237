"""The packages that a service asks for: `package.json`, its lock file, `npm install` of the Dockerfile."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Collection, Sequence

from analyzers import run_lines
from analyzers.guest import Guest
from analyzers.languages.javascript import locks, table
from analyzers.languages.javascript.locks import Lock
from analyzers.languages.javascript.project import Package, above, parse_json, strings
from analyzers.languages.javascript.project import table as members
from analyzers.model import Dependency, DependencyClass, Evidence, Image


def manifests(guest: Guest, folder: str) -> tuple[str, ...]:
    """The manifest and the lock file that hold for a folder, repository paths."""
    found: list[str] = []
    for name in ("package.json", "deno.json", "deno.jsonc"):
        path = posixpath.join(folder, name)
        if path in guest.files:
            found.append(guest.files[path])
    for place in above(folder):
        for name in (*locks.FILES, "deno.lock"):
            path = posixpath.join(place, name)
            if path in guest.files:
                return (*found, guest.files[path])
    return tuple(found)


def lock_for(guest: Guest, folder: str) -> Lock:
    """The lock file of the nearest folder that has one."""
    for place in above(folder):
        for name in locks.FILES:
            path = posixpath.join(place, name)
            if path in guest.files and (text := guest.text(path)) is not None:
                return locks.parse(name, text)
    return Lock()


def judge(
    guest: Guest, packages: Sequence[Package], images: Sequence[Image], imported: Collection[str]
) -> tuple[Dependency, ...]:
    """What these packages and the images' RUN lines ask for.

    `devDependencies` count only where code that runs imports them.
    """
    found: dict[str, Dependency] = {}
    for package in packages:
        source = guest.files.get(package.path)
        lock = lock_for(guest, package.folder)
        text = guest.text(package.path) or ""
        for section in ("dependencies", "optionalDependencies", "devDependencies"):
            for name, requirement in strings(package.data.get(section)).items():
                if section == "devDependencies" and name not in imported:
                    continue
                if requirement.startswith(("workspace:", "file:", "link:", "portal:")):
                    continue  # its own source is read
                number = _line(text, section, name)
                where = Evidence(
                    source or package.path, number, guest.tree.line(source, number) if source else ""
                )
                found.setdefault(
                    name,
                    Dependency(
                        name,
                        lock.versions.get(name) or _exact(requirement),
                        requirement,
                        where,
                        _kind(name, lock),
                        name in imported,
                    ),
                )
    for image in images:
        for run in image.runs:
            for name, version in _installed(run_lines.commands(run)):
                found.setdefault(
                    name,
                    Dependency(
                        name, version, f"{name}@{version}" if version else name, run.evidence,
                        _kind(name, Lock()), name in imported,
                    ),
                )  # fmt: skip
    return tuple(found.values())


def deno(guest: Guest, folder: str, imported: Collection[str]) -> tuple[Dependency, ...]:
    """The imports that `deno.json` maps."""
    found: list[Dependency] = []
    for name in ("deno.json", "deno.jsonc", "import_map.json"):
        path = posixpath.join(folder, name)
        text = guest.text(path)
        source = guest.files.get(path)
        if text is None or source is None:
            continue
        for key, target in strings(members(parse_json(text)).get("imports")).items():
            match = re.fullmatch(r"(?:npm|jsr):/?((?:@[^/@]+/)?[^/@]+)(?:@([^/]+))?.*", target)
            if match:
                number = next((i for i, line in enumerate(text.split("\n"), 1) if f'"{key}"' in line), 1)
                evidence = Evidence(source, number, guest.tree.line(source, number))
                kind = _kind(match[1], Lock())
                used = key.rstrip("/") in imported or match[1] in imported
                found.append(Dependency(match[1], _exact(match[2] or ""), target, evidence, kind, used))
    return tuple(found)


def _kind(name: str, lock: Lock) -> DependencyClass:
    known = table.load()
    if name in known.fallback:
        return DependencyClass.PURE_FALLBACK
    if name in known.native or name in lock.builds:
        return DependencyClass.NATIVE
    if name in lock.scripts and name not in known.harmless:
        return DependencyClass.UNKNOWN
    return DependencyClass.PURE


def _exact(requirement: str) -> str | None:
    return requirement if re.fullmatch(r"\d+\.\d+\.\d+[\w.+-]*", requirement) else None


def _line(text: str, section: str, name: str) -> int:
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if f'"{section}"' in line:
            inside = True
        if inside and f'"{name}"' in line and ":" in line:
            return number
    return 1


def _installed(commands: Sequence[str]) -> list[tuple[str, str | None]]:
    """Packages that `npm install -g x` and the like name."""
    found: list[tuple[str, str | None]] = []
    for line in commands:
        try:
            words = shlex.split(line)
        except ValueError:
            words = line.split()
        if len(words) < 3 or posixpath.basename(words[0]) not in ("npm", "yarn", "pnpm", "bun"):
            continue
        rest = words[1:]
        verbs = {"install", "i", "add"}
        if rest[0] == "global":
            rest = rest[1:]
        if not rest or rest[0] not in verbs:
            continue
        for word in rest[1:]:
            match = re.fullmatch(r"((?:@[\w.-]+/)?[a-z0-9][\w.-]*)(?:@(.+))?", word)
            if (
                match
                and not word.startswith(("-", ".", "/"))
                and match[1] not in ("npm", "yarn", "pnpm", "corepack")
            ):
                found.append((match[1], _exact(match[2] or "")))
    return found
