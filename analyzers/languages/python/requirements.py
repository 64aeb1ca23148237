"""The packages that an image installs, as its RUN lines and lock files say, and what each one needs.

Requirement lines follow PEP 508 and pip's file format; names are normalised as PEP 503 says. Nothing is
resolved: a package that only another one asks for is known where a lock file lists it, or where
`python_packages.toml` says so.
"""

from __future__ import annotations

import configparser
import json
import posixpath
import re
import shlex
import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from analyzers.guest import Guest
from analyzers.languages.python import setup_files
from analyzers.model import Dependency, DependencyClass, Evidence, Image, Run, Unknown

_DEPTH = 16  # requirements files that name each other
_LINES = 20_000
_SEARCHED = 200_000  # characters of a file in which the line of each package is looked for
PYTHON = (3, 14)  # of the runtime that the table and the markers are judged for


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


# --- requirement lines --------------------------------------------------------------------------

_NAME = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)", re.DOTALL)
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
    match = _NAME.fullmatch(text.strip())
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


_MARKER = re.compile(
    r"(?P<left>[a-z_.]+|'[^']*'|\"[^\"]*\")\s*(?P<operator>===?|!=|<=|>=|<|>|~=|not\s+in|in)\s*"
    r"(?P<right>[a-z_.]+|'[^']*'|\"[^\"]*\")"
)
# The wheels are resolved for Linux, whose pure-Python files are what the component takes.
_ENVIRONMENT = {
    "python_version": f"{PYTHON[0]}.{PYTHON[1]}",
    "python_full_version": f"{PYTHON[0]}.{PYTHON[1]}.0",
    "sys_platform": "linux",
    "platform_system": "Linux",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "implementation_name": "cpython",
    "platform_machine": "x86_64",
    "extra": "",
}


def marker_holds(marker: str) -> bool:
    """Whether an environment marker holds; one that cannot be read counts as holding."""
    if len(marker) > 2000 or marker.count("(") > 50:
        return True
    text = marker.strip()
    known: list[bool] = []

    def judge(match: re.Match[str]) -> str:
        values = []
        for side in (match["left"], match["right"]):
            value = side[1:-1] if side[0] in "'\"" else _ENVIRONMENT.get(side)
            if value is None:
                known.append(True)
                return f"#{len(known) - 1}#"
            values.append(value)
        known.append(_compare(values[0], re.sub(r"\s+", " ", match["operator"]), values[1]))
        return f"#{len(known) - 1}#"

    text = _MARKER.sub(judge, text)
    tokens = re.findall(r"#\d+#|and|or|[()]|\S+", text)
    position = 0

    def either(depth: int) -> bool:
        nonlocal position
        value = both(depth)
        while position < len(tokens) and tokens[position] == "or":
            position += 1
            value = both(depth) or value
        return value

    def both(depth: int) -> bool:
        nonlocal position
        value = one(depth)
        while position < len(tokens) and tokens[position] == "and":
            position += 1
            value = one(depth) and value
        return value

    def one(depth: int) -> bool:
        nonlocal position
        if position >= len(tokens) or depth > 50:
            return True
        part = tokens[position]
        position += 1
        if part == "(":
            value = either(depth + 1)
            position += 1
            return value
        return known[int(part[1:-1])] if re.fullmatch(r"#\d+#", part) else True

    return either(0)


def _compare(left: str, operator: str, right: str) -> bool:
    if operator in ("in", "not in"):
        return (left in right) == (operator == "in")
    numbers = [_version(side) for side in (left, right)]
    if None not in numbers:
        a, b = (n or () for n in numbers)
        results = {"==": a == b, "===": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b}
        return results.get(operator, a >= b)
    return {"==": left == right, "===": left == right, "!=": left != right}.get(operator, True)


def _version(text: str) -> tuple[int, ...] | None:
    text = text.removesuffix(".*")
    if not re.fullmatch(r"\d{1,6}(?:\.\d{1,6}){0,5}", text):
        return None
    numbers = [int(n) for n in text.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def version_at_least(version: str | None, minimum: str) -> bool:
    """Whether a pinned version is `minimum` or newer; an unpinned one is taken for the newest."""
    if version is None:
        return True
    found = re.match(r"\d+(?:\.\d+)*", version)
    return (_version(found[0]) or ()) >= (_version(minimum) or ()) if found else True


class _Files:
    """Requirements files as they name each other. `place` maps a path as written to a repository file."""

    def __init__(self, guest: Guest, installed: Installed) -> None:
        self.guest = guest
        self.installed = installed
        self.seen: set[tuple[str, bool]] = set()

    def read(self, path: str, *, constraint: bool = False, depth: int = 0) -> None:
        """Read a repository file. What cannot be read is in `not_read`."""
        if (path, constraint) in self.seen or depth > _DEPTH:
            return
        self.seen.add((path, constraint))
        text = self.guest.tree.text(path)
        if text is None:
            return
        if not constraint and path not in self.installed.manifests:
            self.installed.manifests.append(path)
        for number, line in logical_lines(text):
            evidence = Evidence(path, number, self.guest.tree.line(path, number))
            if match := re.match(r"(?:-r|--requirement|-c|--constraint)[=\s]*(\S+)", line):
                inner = _beside(path, match[1].strip("\"'"))
                kind = constraint or line.startswith(("-c", "--constraint"))
                if inner is not None and inner in self.guest.tree:
                    self.read(inner, constraint=kind, depth=depth + 1)
                else:
                    what = f"the packages of {match[1]}, which {path} names"
                    self.installed.unknown.append(Unknown(what, "add the file to the repository", evidence))
                continue
            if match := re.match(r"(?:-e|--editable)[=\s]*(\S+)", line):
                line = match[1]
            elif line.startswith("-"):
                continue
            if line.startswith((".", "/")):
                continue
            requirement = parse_requirement(line, evidence)
            if requirement is None:
                continue
            if constraint:
                if requirement.version:
                    self.installed.constraints.setdefault(requirement.name, requirement.version)
            else:
                self.installed.add(requirement)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines of a requirements file with their numbers: continuations joined, comments removed."""
    pending, start = "", 0
    for number, raw in enumerate(text.split("\n")[:_LINES], 1):
        line = re.sub(r"(?:^|\s)#.*$", "", raw)
        if not pending:
            start = number
        if line.rstrip().endswith("\\"):
            pending += line.rstrip()[:-1] + " "
            continue
        full = (pending + line).strip()
        pending = ""
        if full:
            yield start, full
    if pending.strip():
        yield start, pending.strip()


def _beside(path: str, name: str) -> str | None:
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    return None if joined.startswith(("..", "/")) else joined


# --- RUN lines ------------------------------------------------------------------------------------

_SEPARATORS = frozenset({"&&", "||", ";", "|", "&", "(", ")", "{", "}", "\n"})
_INSTALLERS = frozenset({"pip", "setuptools", "wheel", "poetry", "uv", "pipenv", "pdm", "pip-tools"})
_PIP_VALUED = frozenset(
    {
        "-i",
        "--index-url",
        "--extra-index-url",
        "-f",
        "--find-links",
        "--trusted-host",
        "--target",
        "-t",
        "--python",
    }
    | {
        "--prefix",
        "--root",
        "--cache-dir",
        "--platform",
        "--python-version",
        "--implementation",
        "--abi",
        "--src",
    }
    | {
        "--progress-bar",
        "--timeout",
        "--retries",
        "--upgrade-strategy",
        "--no-binary",
        "--only-binary",
        "--proxy",
    }
    | {
        "--cert",
        "--log",
        "--extra",
        "--group",
        "-p",
        "--index-strategy",
        "--constraint-file",
        "--wheel-dir",
        "-w",
    }
    | {"-d", "--dest", "--global-option", "--config-settings", "-C", "--exclude-newer"}
)


def installed(stages: Sequence[tuple[Image, Guest]]) -> Installed:
    """What the RUN lines of an image and of the stages it copies from install, oldest stage last."""
    result = Installed()
    for image, guest in stages:
        for run in image.runs:
            _run(run, image, guest, result)
    return result


def _run(run: Run, image: Image, guest: Guest, result: Installed, depth: int = 0) -> None:
    for argv, cwd in _commands(run):
        words = list(argv)
        while words and (
            re.match(r"[A-Za-z_]\w*=", words[0])
            or posixpath.basename(words[0]) in ("sudo", "exec", "time", "env", "nice")
        ):
            del words[0]
        if not words:
            continue
        name = posixpath.basename(words[0])
        if name in ("sh", "bash", "ash", "dash") and depth < 4 and len(words) > 2:
            if re.fullmatch(r"-[a-z]*c", words[1]):
                _run(replace(run, command=words[2], argv=None, workdir=cwd), image, guest, result, depth + 1)
            continue
        if re.fullmatch(r"python[\d.]*", name) and words[1:3] == ["-m", "pip"]:
            name, words = "pip", words[2:]
        elif name == "uv" and words[1:2] == ["pip"]:
            name, words = "pip", words[1:]
        if re.fullmatch(r"pip[\d.]*", name) and any(
            w in ("install", "wheel", "sync", "download") for w in words[1:3]
        ):
            at = next(i for i, w in enumerate(words) if w in ("install", "wheel", "sync", "download"))
            _pip(words[at + 1 :], words[at], cwd, run, image, guest, result)
        elif (name, *words[1:2]) in (
            ("poetry", "install"),
            ("uv", "sync"),
            ("pdm", "install"),
            ("pdm", "sync"),
        ):
            member = words[words.index("--package") + 1 :][:1] if "--package" in words else []
            own = "--no-root" not in words and "--no-install-workspace" not in words
            _project(cwd, run, image, guest, result, install_self=own, members=member)
        elif name == "pipenv" and words[1:2] and words[1] in ("install", "sync", "lock", "requirements"):
            _pipfile(cwd, run, image, guest, result)
        elif (name, *words[1:2]) == ("poetry", "export") or (name, *words[1:2]) == ("uv", "export"):
            _project(cwd, run, image, guest, result, install_self=False)


def _commands(run: Run) -> Iterator[tuple[list[str], str]]:
    """Simple commands of a RUN line with the folder that they run in."""
    if run.argv is not None:
        if len(run.argv) == 3 and run.argv[1] == "-c":
            text = run.argv[2]
        else:
            yield list(run.argv), run.workdir
            return
    else:
        text = run.command
    cwd = run.workdir
    # Mount flags are no words of the command; line continuations are not either.
    text = re.sub(r"^(?:\s*--(?:mount|network|security)=\S+)+", "", text.replace("\\\n", " "))
    for line in text.split("\n"):
        lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|(){}")
        lexer.whitespace_split = True
        lexer.commenters = "#"
        argv: list[str] = []
        try:
            tokens = list(lexer)
        except ValueError:
            tokens = line.split()
        for token in [*tokens, ";"]:
            if token in _SEPARATORS:
                if argv[:1] == ["cd"] and len(argv) > 1:
                    cwd = posixpath.normpath(posixpath.join(cwd, argv[1]))
                elif argv:
                    yield argv, cwd
                argv = []
            else:
                argv.append(token)


def _pip(
    words: list[str], command: str, cwd: str, run: Run, image: Image, guest: Guest, result: Installed
) -> None:
    files = _Files(guest, result)
    words = list(words)
    while words:
        word = words.pop(0)
        if match := re.fullmatch(r"(-r|--requirements?|-c|--constraints?)(?:=?(.+))?", word, re.DOTALL):
            name = match[2] or (words.pop(0) if words else "")
            if name.startswith("<"):
                continue  # <(pipenv lock -r): the command inside stands for itself
            path = _placed(name, cwd, image, guest)
            if path is None:
                what = f"the packages of {name}: no file of the repository was found for it"
                result.unknown.append(Unknown(what, f"add {name} to the repository", run.evidence))
            else:
                files.read(path, constraint=match[1].startswith(("-c", "--c")))
        elif word in ("-e", "--editable") or word.startswith("--editable="):
            target = word.partition("=")[2] or (words.pop(0) if words else ".")
            _self_install(target, cwd, run, image, guest, result)
        elif word.startswith("-"):
            if word in _PIP_VALUED and words:
                words.pop(0)
        elif word.startswith((".", "/")) or "*" in word:
            if (
                command == "sync"
                or (path := _placed(word, cwd, image, guest)) is None
                or path.endswith(".whl")
            ):
                _self_install(word, cwd, run, image, guest, result)
            elif path is not None and path.endswith(".txt"):
                files.read(path)
        elif command == "sync" and (path := _placed(word, cwd, image, guest)) is not None:
            files.read(path)
        elif "$" not in word:
            found = parse_requirement(word, run.evidence)
            if found is not None and found.name not in _INSTALLERS:
                result.add(found)


def _placed(name: str, cwd: str, image: Image, guest: Guest) -> str | None:
    """The repository file behind a path in a RUN line. A bind mount (`--mount=type=bind`) shows the
    context's own file, so that is looked at last."""
    path = posixpath.normpath(posixpath.join(cwd, name))
    if path in guest.files:
        return guest.files[path]
    beside = posixpath.normpath(posixpath.join(image.context, name.lstrip("/")))
    if beside in guest.tree:
        return beside
    base = posixpath.normpath(posixpath.join(image.context, posixpath.basename(name)))
    return base if base in guest.tree else None


def _self_install(word: str, cwd: str, run: Run, image: Image, guest: Guest, result: Installed) -> None:
    folder = posixpath.normpath(posixpath.join(cwd, re.sub(r"\[.*\]$", "", word)))
    if folder.endswith(".whl"):
        return
    extras = re.search(r"\[(.*)\]$", word)
    wanted = [e.strip() for e in extras[1].split(",")] if extras else []
    result.own_packages.append(folder)
    project = _placed(posixpath.join(folder, "pyproject.toml"), cwd, image, guest)
    if project is not None:
        _pyproject(project, guest, result, wanted)
    stated = project is not None
    for name, reader in (("setup.cfg", _setup_cfg), ("setup.py", _setup_py)):
        path = _placed(posixpath.join(folder, name), cwd, image, guest)
        if path is not None:
            stated |= reader(path, guest, result, wanted)
    if not result.requirements and not stated:
        result.unknown.append(
            Unknown(f"what `pip install {word}` installs", "a requirements file", run.evidence)
        )


def _setup_cfg(path: str, guest: Guest, result: Installed, extras: Sequence[str]) -> bool:
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
                    inner = _beside(path, name.strip())
                    if inner is not None and inner in guest.tree:
                        _Files(guest, result).read(inner)
            elif written:
                evidence = _line_of(path, guest, r"^\s*(?:install_requires\s*=\s*)?" + re.escape(written))
                if found := parse_requirement(written, evidence):
                    result.add(found)
    result.manifests.append(path)
    return True


def _setup_py(path: str, guest: Guest, result: Installed, extras: Sequence[str]) -> bool:
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
        inner = _beside(path, name)
        evidence = Evidence(path, line_number, guest.tree.line(path, line_number))
        if inner is not None and inner in guest.tree:
            _Files(guest, result).read(inner)
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


# --- projects and locks ------------------------------------------------------------------------------


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


def _pyproject(path: str, guest: Guest, result: Installed, extras: Iterable[str] = ()) -> None:
    """Main dependencies of a pyproject.toml: PEP 621's, or poetry's."""
    data = _toml(path, guest)
    project = _table(data, "project")
    wanted = _strings(project.get("dependencies"))
    optional = _table(project, "optional-dependencies")
    for extra in extras:
        wanted += _strings(optional.get(extra))
    for text in wanted:
        name = _NAME.match(text)
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


def _project(
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
    project = _placed(posixpath.join(cwd, "pyproject.toml"), cwd, image, guest)
    if project is None:
        what = "the packages that the lock file's tool installs: there is no pyproject.toml"
        result.unknown.append(Unknown(what, "a requirements file", run.evidence))
        return
    if install_self:
        result.own_packages.append(cwd)
    direct = Installed()
    _pyproject(project, guest, direct)
    for name in ("uv.lock", "poetry.lock", "pdm.lock"):
        lock = _placed(posixpath.join(cwd, name), cwd, image, guest)
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
            elif isinstance(item, str) and (match := _NAME.match(item)):  # pdm
                name, marker = match[1], item.partition(";")[2]
            else:
                continue
            if marker_holds(marker):
                yield normalise(name)


def _pipfile(cwd: str, run: Run, image: Image, guest: Guest, result: Installed) -> None:
    lock = _placed(posixpath.join(cwd, "Pipfile.lock"), cwd, image, guest)
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
    pipfile = _placed(posixpath.join(cwd, "Pipfile"), cwd, image, guest)
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
                _Files(guest, result).read(path)
        project = _placed_exactly("pyproject.toml", image, guest)
        if project is not None and not result.requirements:
            _pyproject(project, guest, result)
    return result


def _placed_exactly(name: str, image: Image, guest: Guest) -> str | None:
    return guest.files.get(posixpath.normpath(posixpath.join(image.workdir or "/", name)))


# --- what packages need ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Package:
    """A row of `python_packages.toml`."""

    kind: DependencyClass
    imports: tuple[str, ...]
    requires: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    since: str | None = None  # `kind` and `requires` hold from this version on; older ones are pure


@cache
def table() -> Mapping[str, Package]:
    """The dated table of packages, by normalised name."""
    data = tomllib.loads((Path(__file__).parents[1] / "python_packages.toml").read_text(encoding="utf-8"))
    rows: dict[str, Package] = {}
    for kind in DependencyClass:
        for name in data.get(kind.value, {}).get("names", ()):
            rows[name] = Package(kind, (name.replace("-", "_"),))
    for name, row in data.get("package", {}).items():
        base = rows.get(name)
        kind = (
            DependencyClass(row["kind"]) if "kind" in row else base.kind if base else DependencyClass.UNKNOWN
        )
        rows[name] = Package(
            kind,
            tuple(row.get("imports", (name.replace("-", "_"),))),
            tuple(row.get("requires", ())),
            {extra: tuple(needs) for extra, needs in row.get("extras", {}).items()},
            row.get("since"),
        )
    return rows


_LOADS_DRIVERS = frozenset(
    {"sqlalchemy", "flask-sqlalchemy", "sqlmodel", "databases", "django", "peewee", "tortoise-orm"}
)
_DRIVERS = frozenset(
    {
        "psycopg2",
        "psycopg2-binary",
        "psycopg",
        "psycopg-binary",
        "psycopg-c",
        "pg8000",
        "asyncpg",
        "mysqlclient",
    }
    | {
        "pymysql",
        "mysql-connector-python",
        "aiomysql",
        "aiosqlite",
        "pyodbc",
        "pymssql",
        "cx-oracle",
        "oracledb",
    }
)


@dataclass(frozen=True, slots=True)
class Imported:
    """Where a name that is not the application's own is first imported. `optional`: a handler of
    ImportError stands around every import of it."""

    evidence: Evidence
    optional: bool = False


def judge(
    found: Installed, imported: Mapping[str, Imported], own: Callable[[str], bool] = lambda _: False
) -> tuple[Dependency, ...]:
    """Every package with its class and whether reachable code imports it.

    `imported` are the dotted names that the application imports. A package that the table says an
    imported one needs counts as imported, and is added where the manifests do not list it. An import that
    nothing accounts for is added as well: as the package that the table knows by that import name, else
    as one of which nothing is known. `own` says whether a top-level name is one of the application's.
    """
    rows = table()
    prefixes = {
        ".".join(parts[:n])
        for name in imported
        if (parts := name.split("."))
        for n in range(1, len(parts) + 1)
    }
    requirements = dict(found.requirements)
    for name, requirement in list(requirements.items()):
        if requirement.version is None and name in found.constraints:
            requirements[name] = replace(requirement, version=found.constraints[name])
    _add_needs(requirements)
    used = {n for n in requirements if any(i in prefixes for i in _imports(n))}
    for name, evidence in _unexplained(requirements, used, imported, own):
        requirements.setdefault(name, Requirement(name, None, f"import {name}", evidence, implied=True))
        used.add(name)
    _add_needs(requirements)
    if used & _LOADS_DRIVERS:  # these import the driver that the database's URL names
        used |= _DRIVERS & requirements.keys()
    queue = list(used)
    while queue:
        name = queue.pop()
        for need in _needs(requirements[name]):
            if need not in used:
                used.add(need)
                queue.append(need)
    return tuple(
        Dependency(
            r.name, r.version, r.text, r.evidence, _kind(rows.get(name), r.version), name in used, r.implied
        )
        for name, r in requirements.items()
    )


def _needs(requirement: Requirement) -> Iterator[str]:
    """The packages that one is known to need, those of its extras included."""
    row = table().get(requirement.name)
    if row is None:
        return
    if row.since is None or version_at_least(requirement.version, row.since):
        yield from row.requires
    for extra in requirement.extras:
        yield from row.extras.get(extra, ())


def _add_needs(requirements: dict[str, Requirement]) -> None:
    """Add what the packages are known to need and no manifest lists, each with the line of who needs it."""
    queue = sorted(requirements)
    for name in queue:  # grows while it is walked
        for need in _needs(requirements[name]):
            if need not in requirements:
                evidence = requirements[name].evidence
                requirements[need] = Requirement(need, None, need, evidence, implied=True)
                queue.append(need)


# Top-level names that several packages share: what follows the first dot tells them apart.
_SHARED = frozenset({"google", "azure", "zope", "paste", "ruamel", "sphinxcontrib", "backports", "jaraco"})
# Modules of the standard library: those of the running Python, those it had, and those of the runtime's.
_STANDARD = sys.stdlib_module_names | {
    "__main__", "annotationlib", "asynchat", "asyncore", "compression", "distutils", "imp", "smtpd", "aifc",
    "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap", "msilib", "nis", "nntplib",
    "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib",
}  # fmt: skip


def _unexplained(
    requirements: Mapping[str, Requirement],
    used: set[str],
    imported: Mapping[str, Imported],
    own: Callable[[str], bool],
) -> list[tuple[str, Evidence]]:
    """The packages of imports that no requirement accounts for. A requirement that is not in the table and
    whose name holds the import's is taken for its package and added to `used`."""
    rows = table()
    known = {i for name in requirements for i in _imports(name)}
    found: dict[str, Evidence] = {}
    for name, where in imported.items():
        top, _, rest = name.partition(".")
        if top in _STANDARD or where.optional or own(top):
            continue
        parts = name.split(".")
        if any(".".join(parts[:n]) in known for n in range(1, len(parts) + 1)):
            continue
        if top in _SHARED and any(i.startswith(name + ".") for i in known):
            continue  # `import google` before `google.cloud`
        package = _by_import(name)
        if package is None:
            if top in _SHARED and not rest:
                continue
            package = normalise(".".join(parts[:2]) if top in _SHARED else top)
            likely = [n for n in requirements if n not in rows and _may_hold(n, package)]
            if likely:
                used.update(likely)
                continue
        found.setdefault(package, where.evidence)
    return sorted(found.items())


def _may_hold(package: str, imported: str) -> bool:
    """`pyhumps` for `humps`, `django-ipware` for `ipware`, `lru-dict` for `lru`."""
    whole, part = package.replace("-", ""), imported.replace("-", "")
    return imported in package.split("-") or (
        len(part) > 3 and (whole.startswith(part) or whole.endswith(part))
    )


def _by_import(name: str) -> str | None:
    """The package of the table that a dotted name is imported from."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        package = _packages_by_import().get(".".join(parts[:length]))
        if package is not None:
            return package
    return None


@cache
def _packages_by_import() -> Mapping[str, str]:
    """Import name -> package. Of several the one with the same name is taken, else the first listed."""
    found: dict[str, str] = {}
    for name, row in table().items():
        for imported in row.imports:
            if imported not in found or normalise(imported) == name:
                found[imported] = name
    return found


def _kind(row: Package | None, version: str | None) -> DependencyClass:
    if row is None:
        return DependencyClass.UNKNOWN
    if row.since and not row.requires and not version_at_least(version, row.since):
        return DependencyClass.PURE
    return row.kind


def _imports(name: str) -> tuple[str, ...]:
    row = table().get(name)
    return row.imports if row else (name.replace("-", "_"), name.replace("-", "."))
