"""Projects and their locks: setup.cfg, setup.py, pyproject.toml, poetry.lock, uv.lock, Pipfile."""

from __future__ import annotations

import configparser
import json
import posixpath
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from analyzers.guest import Guest
from analyzers.languages.python import setup_files
from analyzers.languages.python.requirements.files import Files, _relative, placed
from analyzers.languages.python.requirements.markers import marker_holds
from analyzers.languages.python.requirements.requirement import (
    NAME,
    Installed,
    Requirement,
    normalise,
    parse_requirement,
)
from analyzers.model import Evidence, Image, Run, Unknown

_SEARCHED = 200_000  # characters of a file in which the line of each package is looked for


def setup_cfg(path: str, guest: Guest, result: Installed, extras: Sequence[str]) -> bool:
    """The requirements of a setup.cfg; whether it states any."""
    text = guest.tree.text(path) or ""
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        guest.tree.give_up(path, f"is no valid setup.cfg: {str(error).partition(chr(10))[0]}")
        return False
    stated = parser.get("options", "install_requires", fallback=None)
    if stated is None:
        return False
    for block in (stated, *(parser.get("options.extras_require", extra, fallback="") for extra in extras)):
        # As setuptools does: one a line, or on one line with semicolons between them.
        for line in block.split("\n") if "\n" in block else block.split(";"):
            written = line.partition("#")[0].strip()
            if file := re.match(r"file:\s*(.+)", written):
                for name in file[1].split(","):
                    inner = _relative(path, name.strip())
                    if inner is not None and inner in guest.tree:
                        Files(guest, result).read(inner)
            elif written:
                evidence = _line_of(path, guest, r"^\s*(?:install_requires\s*=\s*)?" + re.escape(written))
                if found := parse_requirement(written, evidence):
                    result.add(found)
    result.manifests.append(path)
    return True


def setup_py(path: str, guest: Guest, result: Installed, extras: Sequence[str]) -> bool:
    """The requirements of a setup.py; whether it states any."""
    text = guest.tree.text(path) or ""
    found = setup_files.read(text, tuple(extras))
    if found is None:
        line = Evidence(path, 1, guest.tree.line(path, 1))
        what = f"what {path} asks for: it is not Python that this version can read"
        result.unknown.append(Unknown(what, "a requirements file", line))
        return False
    for written, line_number in found.wanted:
        evidence = Evidence(path, line_number, guest.tree.line(path, line_number))
        if requirement := parse_requirement(written, evidence):
            result.add(requirement)
    for name, line_number in found.files:
        inner = _relative(path, name)
        evidence = Evidence(path, line_number, guest.tree.line(path, line_number))
        if inner is not None and inner in guest.tree:
            Files(guest, result).read(inner)
        else:
            what = f"the packages of {name}, which {path} reads"
            result.unknown.append(Unknown(what, "add the file to the repository", evidence))
    if found.unclear is not None:
        evidence = Evidence(path, found.unclear, guest.tree.line(path, found.unclear))
        what = f"the packages that {path} computes"
        result.unknown.append(Unknown(what, "a requirements file", evidence))
    stated = bool(found.wanted or found.files or found.unclear is not None)
    if stated:
        result.manifests.append(path)
    return stated


def _toml(path: str, guest: Guest) -> dict[str, Any]:
    text = guest.tree.text(path)
    if text is None:
        return {}
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        guest.tree.give_up(path, f"is no valid TOML: {error}")
        return {}


def _line_of(path: str, guest: Guest, pattern: str) -> Evidence:
    text = (guest.tree.text(path) or "")[:_SEARCHED]
    match = re.search(pattern, text, re.MULTILINE)
    line = text.count("\n", 0, match.start()) + 1 if match else 1
    return Evidence(path, line, guest.tree.line(path, line))


def pyproject(path: str, guest: Guest, result: Installed, extras: Iterable[str] = ()) -> None:
    """Main dependencies of a pyproject.toml: PEP 621's, or poetry's."""
    data = _toml(path, guest)
    project = _table(data, "project")
    wanted = _strings(project.get("dependencies"))
    optional = _table(project, "optional-dependencies")
    for extra in extras:
        wanted += _strings(optional.get(extra))
    for text in wanted:
        name = NAME.match(text)
        evidence = _line_of(path, guest, re.escape(name[1]) if name else "dependencies")
        if found := parse_requirement(text, evidence):
            result.add(found)
    for key, value in _table(data, "tool", "poetry", "dependencies").items():
        if key.lower() == "python":
            continue
        spec = (
            value if isinstance(value, str) else value.get("version", "") if isinstance(value, dict) else ""
        )
        evidence = _line_of(path, guest, rf"^\s*[\"']?{re.escape(key)}[\"']?\s*=")
        exact = re.fullmatch(r"=*\s*(\d[\w.]*)", str(spec))
        result.add(
            Requirement(normalise(key), exact[1] if exact else None, f"{key} {spec}".strip(), evidence)
        )
    if path not in result.manifests:
        result.manifests.append(path)


def _table(data: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    for key in keys:
        inner = data.get(key)
        if not isinstance(inner, dict):
            return {}
        data = inner
    return dict(data)


def _strings(value: object) -> list[str]:
    return [v for v in value if isinstance(v, str)] if isinstance(value, list) else []


def project(
    cwd: str,
    run: Run,
    image: Image,
    guest: Guest,
    result: Installed,
    *,
    install_self: bool,
    members: Sequence[str] = (),
) -> None:
    """`poetry install`, `uv sync`, `pdm install`: the project's main dependencies and what its lock adds.

    `members` are the workspace's packages that are asked for (`uv sync --package`).
    """
    project = placed(posixpath.join(cwd, "pyproject.toml"), cwd, image, guest)
    if project is None:
        what = "the packages that the lock file's tool installs: there is no pyproject.toml"
        result.unknown.append(Unknown(what, "a requirements file", run.evidence))
        return
    if install_self:
        result.own_packages.append(cwd)
    direct = Installed()
    pyproject(project, guest, direct)
    for name in ("uv.lock", "poetry.lock", "pdm.lock"):
        lock = placed(posixpath.join(cwd, name), cwd, image, guest)
        if lock is not None:
            _lock(lock, direct, guest, members)
            direct.manifests.append(lock)
            break
    for requirement in direct.requirements.values():
        result.add(requirement)
    result.manifests += [m for m in direct.manifests if m not in result.manifests]


def _lock(path: str, direct: Installed, guest: Guest, members: Sequence[str] = ()) -> None:
    """Versions from a lock, and the packages that the direct ones and workspace members lead to."""
    packages = _toml(path, guest).get("package")
    text = guest.tree.text(path) or ""
    lines: dict[str, int] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if match := re.match(r'name = "([^"]+)"', line):
            lines.setdefault(normalise(match[1]), number)
    known: dict[str, dict[str, Any]] = {}
    for package in packages if isinstance(packages, list) else ():
        if isinstance(package, dict) and isinstance(package.get("name"), str):
            known[normalise(package["name"])] = package
    queue = [(name, r.extras) for name, r in direct.requirements.items()]
    for member in members:
        queue += [(inner, ()) for inner in _lock_dependencies(known.get(normalise(member), {}), ())]
    seen: set[str] = set()
    while queue:
        name, extras = queue.pop()
        package = known.get(name)
        if package is None or name in seen:
            continue
        seen.add(name)
        version = package.get("version") if isinstance(package.get("version"), str) else None
        evidence = Evidence(path, lines.get(name, 1), guest.tree.line(path, lines.get(name, 1)))
        before = direct.requirements.get(name)
        direct.requirements[name] = (
            replace(before, version=version or before.version)
            if before
            else Requirement(name, version, f"{name}=={version}" if version else name, evidence)
        )
        queue += [(inner, ()) for inner in _lock_dependencies(package, extras)]


def _lock_dependencies(package: Mapping[str, Any], extras: Iterable[str]) -> Iterator[str]:
    needs = package.get("dependencies")
    if isinstance(needs, dict):  # poetry: name -> constraint
        for name, value in needs.items():
            marker = value.get("markers", "") if isinstance(value, dict) else ""
            optional = isinstance(value, dict) and value.get("optional") is True
            if (
                not optional
                and (not isinstance(marker, str) or "extra" not in marker)
                and marker_holds(str(marker))
            ):
                yield normalise(name)
    optional_groups = _table(package, "optional-dependencies")
    groups = [needs if isinstance(needs, list) else []]
    groups += [group for extra in extras if isinstance(group := optional_groups.get(extra), list)]
    for group in groups:
        for item in group:
            if isinstance(item, dict) and isinstance(item.get("name"), str):  # uv
                name, marker = item["name"], str(item.get("marker", ""))
            elif isinstance(item, str) and (match := NAME.match(item)):  # pdm
                name, marker = match[1], item.partition(";")[2]
            else:
                continue
            if marker_holds(marker):
                yield normalise(name)


def pipfile(cwd: str, run: Run, image: Image, guest: Guest, result: Installed) -> None:
    lock = placed(posixpath.join(cwd, "Pipfile.lock"), cwd, image, guest)
    if lock is not None:
        try:
            data = json.loads(guest.tree.text(lock) or "{}")
        except (ValueError, RecursionError) as error:
            guest.tree.give_up(lock, f"is no valid JSON: {error}")
            data = {}
        for name, value in (_table(data, "default") if isinstance(data, dict) else {}).items():
            spec = value.get("version", "") if isinstance(value, dict) else ""
            evidence = _line_of(lock, guest, rf'^\s*"{re.escape(name)}"\s*:')
            if found := parse_requirement(f"{name}{spec if isinstance(spec, str) else ''}", evidence):
                result.add(found)
        result.manifests.append(lock)
        return
    pipfile = placed(posixpath.join(cwd, "Pipfile"), cwd, image, guest)
    if pipfile is None:
        result.unknown.append(
            Unknown("what pipenv installs: there is no Pipfile", "a Pipfile.lock", run.evidence)
        )
        return
    for name, value in _table(_toml(pipfile, guest), "packages").items():
        spec = value if isinstance(value, str) and value != "*" else ""
        evidence = _line_of(pipfile, guest, rf"^\s*[\"']?{re.escape(name)}[\"']?\s*=")
        if found := parse_requirement(f"{name}{spec}", evidence):
            result.add(found)
    result.manifests.append(pipfile)


def beside(stages: Sequence[tuple[Image, Guest]]) -> Installed:
    """The manifests that lie in the image or its context, for an image whose RUN lines name none."""
    result = Installed()
    for image, guest in stages:
        for name in ("requirements.txt", "requirements/base.txt", "requirements/production.txt"):
            path = _placed_exactly(name, image, guest)
            if path is not None and not result.requirements:
                Files(guest, result).read(path)
        project = _placed_exactly("pyproject.toml", image, guest)
        if project is not None and not result.requirements:
            pyproject(project, guest, result)
    return result


def _placed_exactly(name: str, image: Image, guest: Guest) -> str | None:
    return guest.files.get(posixpath.normpath(posixpath.join(image.workdir or "/", name)))
