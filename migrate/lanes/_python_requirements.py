"""What a Python service installs, as files and lines that stand alone in the generated tree.

Requirements files are copied as they are, hashes and includes kept. A lock file of another tool (uv,
Poetry, PDM, Pipenv) becomes constraints: it fixes versions, and the project's own list says what is wanted.
What a RUN line installs by name is kept as a line.
"""

from __future__ import annotations

import json
import posixpath
import re
import shlex
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from analyzers.model import Image, Run, Source
from migrate.errors import TargetError
from migrate.model import GeneratedFile

FOLDER = "requirements"
# More than any list of dependencies; a larger file is none.
_LIMIT = 8_000_000

_INCLUDE = re.compile(r"^\s*(-r|--requirement|-c|--constraint)(?:\s*=\s*|\s+|(?=\S))(\S+)", re.MULTILINE)
_PIP = re.compile(r"(?:^|/)pip[0-9.]*$")
# Options of `pip install` whose value could be taken for a folder.
_VALUE_OPTIONS = frozenset(
    (
        "-r", "--requirement", "-c", "--constraint", "-f", "--find-links", "-t", "--target", "--prefix",
        "--root", "--src", "--cache-dir", "--log", "--report", "--cert", "--client-cert",
    )
)  # fmt: skip


@dataclass(slots=True)
class Requirements:
    """The lane's part of `lane.json` about dependencies, and the files that go with it."""

    files: list[str] = field(default_factory=list)  # relative to FOLDER, in install order
    constraints: list[str] = field(default_factory=list)
    inline: list[str] = field(default_factory=list)
    projects: list[str] = field(default_factory=list)  # folders in the image that are installed as projects
    generated: list[GeneratedFile] = field(default_factory=list)


def collect(repository: Path, source: Source, image: Image, guests: dict[str, str]) -> Requirements:
    """What the source's manifests and the image's RUN lines install.

    `guests` tells where in the image a repository file lies. Raises TargetError for a file that cannot be
    read or understood.
    """
    found = Requirements()
    copied: set[str] = set()
    for name in dict.fromkeys(source.manifests):
        base = posixpath.basename(name)
        if base in _LOCKS:
            _add_lock(repository, name, found)
        elif base == "pyproject.toml":
            _add_project(repository, name, found)
        elif base == "Pipfile":
            _add_pipfile(repository, name, found)
        elif base in ("setup.py", "setup.cfg"):
            _install_project(name, guests, found)
        elif name not in copied:  # an included file is listed too, after the one that includes it
            _copy(repository, name, found, copied)
            found.files.append(name)
    # What RUN lines install by name, in whichever stage, has its evidence in the Dockerfile.
    found.inline += [
        d.requirement for d in source.dependencies if d.evidence.path == image.dockerfile and not d.implied
    ]
    for run in image.runs:
        _projects(run, guests, found)
    return found


def _read(repository: Path, name: str) -> str:
    path = repository / name
    try:
        if not path.resolve().is_relative_to(repository.resolve()):
            raise TargetError(f"{name} leads out of the repository.", do="Replace the link by the file.")
        if path.stat().st_size > _LIMIT:
            raise TargetError(f"{name} is too large to be a list of dependencies.")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TargetError(
            f"{name} cannot be read.",
            why=error.strerror or str(error),
            do="Restore the file, or take the line that installs it out of the Dockerfile.",
        ) from None
    except UnicodeDecodeError:
        raise TargetError(f"{name} is not UTF-8 text.", do="Save it as UTF-8.") from None


def _toml(repository: Path, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_read(repository, name))
    except tomllib.TOMLDecodeError as error:
        raise TargetError(f"{name} is not valid TOML.", why=str(error), do="Correct the file.") from None


def _copy(repository: Path, name: str, found: Requirements, copied: set[str]) -> None:
    """Copy a requirements file and what it includes, at the same paths below FOLDER."""
    if name in copied:
        return
    copied.add(name)
    text = _read(repository, name)
    found.generated.append(GeneratedFile(f"{FOLDER}/{name}", text.encode("utf-8")))
    for option, target in _INCLUDE.findall(text):
        if "://" in target:
            raise TargetError(
                f"{name} includes {target}.",
                why="A build that stands alone cannot depend on another server's file.",
                do="Copy that list into the repository and include the copy.",
            )
        included = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if included.startswith(".."):
            raise TargetError(
                f"{name} includes {target}, outside of the repository.", do="Move that file into it."
            )
        _copy(repository, included, found, copied)
        if option in ("-c", "--constraint"):
            found.constraints.append(included)


def _generate(name: str, lines: Iterable[str], source: str, found: Requirements) -> str:
    text = f"# Made from {source} by dock2wasm.\n" + "".join(f"{line}\n" for line in lines)
    found.generated.append(GeneratedFile(f"{FOLDER}/{name}", text.encode("utf-8")))
    return name


def _add_project(repository: Path, name: str, found: Requirements) -> None:
    """pyproject.toml: what the project depends on. Poetry's own ranges stay to its lock file."""
    data = _toml(repository, name)
    lines = [str(d) for d in _table(data, "project").get("dependencies", ())]
    if not lines:
        poetry = _table(_table(_table(data, "tool"), "poetry"), "dependencies")
        for package, wanted in poetry.items():
            if package.lower() != "python" and not (isinstance(wanted, dict) and wanted.get("optional")):
                lines.append(_poetry_line(package, wanted))
    if lines:
        found.files.append(_generate(f"{name}.txt", lines, name, found))


def _table(data: dict[str, Any], key: str) -> dict[str, Any]:
    value = data.get(key, {})
    return value if isinstance(value, dict) else {}


def _poetry_line(package: str, wanted: object) -> str:
    version = wanted.get("version", "*") if isinstance(wanted, dict) else wanted
    extras = wanted.get("extras", []) if isinstance(wanted, dict) else []
    name = f"{package}[{','.join(map(str, extras))}]" if extras else package
    return name + _caret(str(version))


def _caret(version: str) -> str:
    """Poetry's `^1.2.3` and `~1.2` as PEP 440; `*` as nothing."""
    version = version.strip()
    if version in ("", "*"):
        return ""
    if version[0] not in "^~":
        return version if version[0] in "<>=!" else f"=={version}"
    numbers = re.findall(r"\d+", version)
    lower = ".".join(numbers)
    keep = len(numbers) - 1 if version[0] == "~" and len(numbers) > 1 else 0
    if version[0] == "^":
        keep = next((i for i, n in enumerate(numbers) if n != "0"), len(numbers) - 1)
    if version[0] == "~":
        keep = min(1, len(numbers) - 1)
    upper = ".".join([*numbers[:keep], str(int(numbers[keep]) + 1)])
    return f">={lower},<{upper}"


def _install_project(name: str, guests: dict[str, str], found: Requirements) -> None:
    guest = guests.get(name)
    if guest and posixpath.dirname(guest) not in found.projects:
        found.projects.append(posixpath.dirname(guest))


def _add_lock(repository: Path, name: str, found: Requirements) -> None:
    pins = _LOCKS[posixpath.basename(name)](repository, name)
    lines = [f"{package}=={version}" for package, version in sorted(pins.items())]
    found.constraints.append(_generate(f"{name}.constraints.txt", lines, name, found))


def _toml_lock(repository: Path, name: str) -> dict[str, str]:
    """uv.lock, poetry.lock, pdm.lock: [[package]] with name and version."""
    packages = _toml(repository, name).get("package", [])
    return {
        str(p["name"]): str(p["version"])
        for p in packages
        if isinstance(p, dict) and "name" in p and "version" in p and not _is_local(p.get("source"))
    }


def _is_local(source: object) -> bool:
    return isinstance(source, dict) and bool({"editable", "virtual", "directory", "path"} & set(source))


def _pipfile_lock(repository: Path, name: str) -> dict[str, str]:
    try:
        data = json.loads(_read(repository, name))
    except ValueError as error:
        raise TargetError(f"{name} is not valid JSON.", why=str(error), do="Run `pipenv lock`.") from None
    packages = data.get("default", {}) if isinstance(data, dict) else {}
    return {
        package: str(entry["version"]).removeprefix("==")
        for package, entry in packages.items()
        if isinstance(entry, dict) and "version" in entry
    }


_LOCKS: dict[str, Callable[[Path, str], dict[str, str]]] = {
    "uv.lock": _toml_lock,
    "poetry.lock": _toml_lock,
    "pdm.lock": _toml_lock,
    "Pipfile.lock": _pipfile_lock,
}


def _add_pipfile(repository: Path, name: str, found: Requirements) -> None:
    packages = _table(_toml(repository, name), "packages")
    lines = [_poetry_line(package, wanted) for package, wanted in packages.items()]
    if lines:
        found.files.append(_generate(f"{name}.txt", lines, name, found))


def _projects(run: Run, guests: dict[str, str], found: Requirements) -> None:
    """Folders that `pip install` in a RUN line names: the service's own projects."""
    for words in _pip_installs(run):
        for word in words:
            if not word.startswith((".", "/")):
                continue
            folder = posixpath.normpath(posixpath.join(run.workdir, word.split("[")[0]))
            inside = any(guest.startswith(folder.rstrip("/") + "/") for guest in guests.values())
            if inside and folder not in found.projects:
                found.projects.append(folder)


def _pip_installs(run: Run) -> Iterable[list[str]]:
    """The words of each `pip install` in a RUN line that are no options."""
    text = shlex.join(run.argv) if run.argv is not None else run.command.replace("\\\n", " ")
    for line in re.split(r"&&|\|\||;|\n", text):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        at = next((i for i, w in enumerate(words) if w == "install"), None)
        if at is not None and _is_pip(words[:at]):
            rest = words[at + 1 :]
            yield [
                w
                for i, w in enumerate(rest)
                if not w.startswith("-") and (i == 0 or rest[i - 1] not in _VALUE_OPTIONS)
            ]


def _is_pip(words: list[str]) -> bool:
    return any(_PIP.search(w) for w in words) or words[-2:] == ["-m", "pip"]
