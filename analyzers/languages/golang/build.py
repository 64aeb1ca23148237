"""From the start command to the folder of package main: the RUN line that made the program, and its flags."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages import built
from analyzers.languages.golang import makefile
from analyzers.languages.golang.files import Build
from analyzers.languages.golang.layout import Sources
from analyzers.languages.golang.modules import plain
from analyzers.model import Evidence, Image, Run
from analyzers.repository import Tree
from analyzers.run_lines import commands

_WATCHERS = frozenset({"air", "reflex", "CompileDaemon", "gin", "fresh", "realize", "modd", "wgo", "nodemon"})
_TOOLS = frozenset({"go", "xx-go", "garble", "gotip", "tinygo", "go-build"})
_VALUED = frozenset(
    [
        "-o",
        "-p",
        "-tags",
        "-ldflags",
        "-gcflags",
        "-asmflags",
        "-mod",
        "-modfile",
        "-overlay",
        "-pkgdir",
        "-installsuffix",
        "-buildmode",
        "-compiler",
        "-gccgoflags",
        "-toolexec",
        "-C",
        "-coverpkg",
        "-covermode",
        "-pgo",
        "-exec",
    ]
)
_DEPTH = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One `go build`, `go install` or `go run`. `output` is absolute in its stage, None where not stated."""

    folder: str  # absolute in the stage, where it runs
    package: str  # as written: ".", "./cmd/x", an import path
    output: str | None
    verb: str
    tags: frozenset[str]
    cgo: bool | None
    arguments: tuple[str, ...]
    image: Image | None
    evidence: Evidence | None


@dataclass(slots=True)
class Found:
    """What was found. `folder` is the repository folder of package main, None where it could not be told."""

    folder: str | None = None
    build: Build = field(default_factory=Build)
    arguments: tuple[str, ...] = ()
    evidence: Evidence | None = None
    development: str = ""  # a program that watches the source and rebuilds, or `go run`
    unknown: str = ""
    image: Image | None = None
    gopath: tuple[str, str] | None = (
        None  # without go.mod: a repository folder, and the path that it is imported by
    )


def find(
    tree: Tree, modules: Sources, image: Image | None, start: StartCommand, stages: Sequence[Image]
) -> Found:
    """Package main of the program that the start command names."""
    if image is None:
        return Found(unknown="the image has no Dockerfile")
    argv = list(start.argv)
    name = posixpath.basename(argv[0]) if argv else ""
    if name in _WATCHERS:
        found = _whole(tree, modules, image, stages)
        found.development = " ".join(argv)
        return found
    if name == "go" and argv[1:2] == ["run"]:
        line = _line(
            argv, start.workdir, dict(start.env), image, start.evidence[-1] if start.evidence else None
        )
        found = _place(tree, modules, line) if line else Found()
        if found.folder is None:
            found = _whole(tree, modules, image, stages)
        found.development = "go run"
        return found
    path = _absolute(argv[0], image, start) if argv else ""
    origin = built.origin(image, stages, path) if path else None
    order = [origin.image] if origin else []
    order += [one for one in (*reversed(stages), image) if not any(one is other for other in order)]
    others: list[Line] = []
    for position, stage in enumerate(order):
        lines = list(_lines(stage, modules.layout(stage).guest))
        chosen = _choose(lines, origin.path if origin and position == 0 else path, modules)
        if chosen is not None and chosen.verb != "run":
            found = _place(tree, modules, chosen)
            if found.folder is not None:
                found.arguments = tuple(argv[1:])
                return found
        others += lines
    found = _whole(tree, modules, image, stages, name)
    found.arguments = tuple(argv[1:])
    for line in others:  # flags are most likely those of the line that was seen
        found.build = _build(line)
        found.evidence = line.evidence
    return found


def _absolute(word: str, image: Image, start: StartCommand) -> str:
    """Where the program is; one without a folder is looked for where COPY put something of that name."""
    if "/" in word:
        return posixpath.normpath(posixpath.join(start.workdir, word))
    for copy in reversed(image.copies):
        target = copy.destination
        if posixpath.basename(target) == word and not target.endswith("/"):
            return target
        for source in copy.sources:
            if posixpath.basename(source) == word:
                return posixpath.join(target, word)
    return f"/go/bin/{word}"


# --- RUN lines ------------------------------------------------------------------------------------


def _lines(image: Image, guest: Guest) -> Iterator[Line]:
    env = {variable.name: variable.value or "" for variable in image.env}
    for run in image.runs:
        yield from _of_commands(commands(run), run.workdir, dict(env), image, run.evidence, guest, 0)


def _of_commands(
    found: Sequence[str],
    folder: str,
    env: dict[str, str],
    image: Image | None,
    evidence: Evidence | None,
    guest: Guest,
    depth: int,
) -> Iterator[Line]:
    before = folder
    for command in found:
        words = _words(command, env)
        while words and re.fullmatch(r"[({]|!|export|exec|time|sudo|env", words[0]):
            words = words[1:]
        local = dict(env)
        while words and (match := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", words[0], re.DOTALL)):
            local[match[1]] = match[2]
            words = words[1:]
            if not words:
                env.update(local)
        if not words:
            continue
        name = posixpath.basename(words[0])
        if name in ("cd", "pushd") and len(words) > 1:
            before = folder
            folder = posixpath.normpath(posixpath.join(folder, words[1]))
        elif name == "popd":
            folder = before
        elif name in _TOOLS:
            line = _line(words, folder, local, image, evidence)
            if line is not None:
                yield line
        elif name == "make" and depth < _DEPTH:
            for text, where, exported in makefile.recipes(words[1:], folder, local, guest):
                yield from _script(text, where, exported, image, evidence, guest, depth)
        elif depth < _DEPTH and name not in ("rm", "cp", "mv", "chmod", "cat", "apk", "apt-get", "echo"):
            script = words[1] if name in ("sh", "bash", "ash") and len(words) > 1 else words[0]
            path = guest.find_program(script if "/" in script else f"./{script}", folder)
            content = guest.text(path) if path is not None else None
            if content is not None and len(content) < 200_000:
                yield from _script(content, folder, local, image, evidence, guest, depth)


def _script(
    text: str,
    folder: str,
    env: dict[str, str],
    image: Image | None,
    evidence: Evidence | None,
    guest: Guest,
    depth: int,
) -> Iterator[Line]:
    """All build lines of a script, whichever its arguments choose."""
    run = Run(text, folder, evidence or Evidence("", 1))
    yield from _of_commands(commands(run), folder, dict(env), image, evidence, guest, depth + 1)


def _words(command: str, env: Mapping[str, str]) -> list[str]:
    def value(match: re.Match[str]) -> str:
        name = match[1] or match[3]
        return env.get(name) or (match[2].strip("'\"") if match[2] is not None else env.get(name, match[0]))

    command = re.sub(r"\$\{(\w+)(?::?-([^${}]*))?\}|\$(\w+)", value, command)
    try:
        return shlex.split(command, comments=True)
    except ValueError:
        return command.split()


def _line(
    words: Sequence[str], folder: str, env: Mapping[str, str], image: Image | None, evidence: Evidence | None
) -> Line | None:
    rest = list(words[1:])
    if rest[:1] == ["-C"] and len(rest) > 1:
        folder = posixpath.normpath(posixpath.join(folder, rest[1]))
        rest = rest[2:]
    while rest and rest[0].startswith("-"):  # garble -literals build
        rest = rest[1:]
    if not rest or rest[0] not in ("build", "install", "run"):
        return None
    verb, rest = rest[0], rest[1:]
    output: str | None = None
    tags = _tags(env.get("GOFLAGS", ""))
    packages: list[str] = []
    after: list[str] = []
    while rest:
        word = rest.pop(0)
        flag, equals, value = word.partition("=")
        flag = "-" + flag.lstrip("-") if flag.startswith("-") else flag
        if verb == "run" and packages and not word.endswith(".go"):
            after.append(word)
        elif not flag.startswith("-") or word == "-":
            packages.append(word)
        elif flag in _VALUED:
            if not equals:
                value = rest.pop(0) if rest else ""
            if flag == "-o":
                output = value
            elif flag == "-tags":
                tags |= frozenset(re.split(r"[\s,]+", value.strip("'\"")))
            elif flag == "-C":
                folder = posixpath.normpath(posixpath.join(folder, value))
    cgo = {"0": False, "1": True}.get(env.get("CGO_ENABLED", ""))
    package = packages[0] if packages else "."
    if output is not None and ("$" in output or output.endswith("/") or output in (".", "..")):
        output = None if "$" in output else posixpath.join(folder, output, _name(package, folder))
    elif output is not None:
        output = posixpath.normpath(posixpath.join(folder, output))
    bare = re.sub(r"@.*$", "", package)
    return Line(folder, bare, output, verb, tags - {""}, cgo, tuple(after), image, evidence)


def _tags(flags: str) -> frozenset[str]:
    found = re.findall(r"-tags[= ]([^\s]+)", flags)
    return frozenset(tag for one in found for tag in one.strip("'\"").split(","))


def _name(package: str, folder: str) -> str:
    """The name of the program that a package becomes."""
    if package.endswith(".go"):
        return posixpath.basename(package).removesuffix(".go")
    place = posixpath.normpath(posixpath.join(folder, package)) if package.startswith(".") else plain(package)
    return posixpath.basename(place)


# --- choosing ---------------------------------------------------------------------------------------


def _choose(lines: Sequence[Line], path: str, modules: Sources) -> Line | None:
    """The line that made the program at `path`: by its whole path, by its name, or as the only one."""
    real = [line for line in lines if line.verb != "run"]
    exact = [line for line in real if line.output == path]
    if exact:
        return exact[-1]
    name = posixpath.basename(path)
    named = [
        line
        for line in real
        if posixpath.basename(line.output or "") == name
        or (line.output is None and name in _names(line, modules))
    ]
    if named:
        return named[-1]
    own = [line for line in real if line.package.startswith(".") or line.verb == "build"]
    distinct = {(line.folder, line.package) for line in own}
    return own[-1] if len(distinct) == 1 else None


def _names(line: Line, modules: Sources) -> set[str]:
    names = {_name(line.package, line.folder)}
    if line.package in (".", "./", "./...") and line.image is not None:
        folder = modules.layout(line.image).folder(line.folder)
        module = modules.holding(folder) if folder is not None else None
        if module is not None and module.path:
            names = {posixpath.basename(plain(module.path))}
    return names


def _build(line: Line) -> Build:
    return Build(line.tags, line.cgo is not False)


def _place(tree: Tree, modules: Sources, line: Line) -> Found:
    """The repository folder of the package that a line builds."""
    found = Found(build=_build(line), evidence=line.evidence, arguments=line.arguments, image=line.image)
    if line.image is None:
        return found
    layout = modules.layout(line.image)
    package = line.package
    if package.endswith(".go"):
        package = posixpath.join(".", posixpath.dirname(package))
    if package.startswith((".", "/")):
        if package.endswith("/..."):
            base = layout.folder(posixpath.join(line.folder, package[:-4]))
            mains = [] if base is None else _mains(modules, tree, base)
            wanted = posixpath.basename(line.output or "")
            named = [one for one in mains if posixpath.basename(one) == wanted]
            found.folder = (named or mains)[0] if len(named or mains) == 1 else None
            return found
        found.folder = layout.folder(posixpath.join(line.folder, package))
    else:
        here = layout.folder(line.folder)
        module = modules.holding(here) if here is not None else None
        if module is not None and module.path and (package + "/").startswith(module.path + "/"):
            rest = package[len(module.path) :].lstrip("/")
            target = posixpath.normpath(posixpath.join(module.folder, rest))
            found.folder = "" if target == "." else target
        elif module is None:
            direct = layout.folder(posixpath.join(line.folder, package))
            gopath = layout.folder(posixpath.join("/go/src", package))
            found.folder = direct if direct is not None else gopath
    if found.folder is not None and not modules.sources(found.folder):
        found.folder = None
    if found.folder is not None and modules.holding(found.folder) is None:
        found.gopath = layout.gopath(found.folder)
    return found


def _mains(modules: Sources, tree: Tree, below: str) -> list[str]:
    """Folders at or below one that hold package main, those of tools, tests and vendored code left out."""
    prefix = f"{below}/" if below else ""
    found = []
    for folder in modules.folders():
        if folder != below and not folder.startswith(prefix):
            continue
        parts = folder[len(prefix) :].split("/")
        if {"vendor", "testdata", "node_modules", "third_party", "_examples"} & set(parts):
            continue
        for path in modules.sources(folder):
            data = tree.data(path) or b""
            match = re.search(rb"^package\s+(\w+)", data, re.MULTILINE)
            if match and match[1] == b"main" and b"func main()" in data and not _ignored(data):
                found.append(folder)
                break
    return sorted(found)


def _ignored(data: bytes) -> bool:
    return (
        re.search(rb"^//(go:build|\s*\+build)\s+(ignore|tools|mage)\b", data[:4_000], re.MULTILINE)
        is not None
    )


_ASIDE = frozenset(
    {"examples", "example", "tools", "tool", "hack", "scripts", "script", "test", "tests", "docs", "e2e"}
)


def _whole(tree: Tree, modules: Sources, image: Image, stages: Sequence[Image], name: str = "") -> Found:
    """The only package main of what the stages take, or the one that bears the program's name."""
    places = {
        posixpath.dirname(f.source) for one in (image, *stages) for f in one.files if f.source.endswith(".go")
    }
    here = image.context
    mains = [one for one in _mains(modules, tree, here) if not places or one in places]
    while not mains:  # the context may be a folder above that of the Dockerfile
        mains = _mains(modules, tree, here)
        if not here or mains:
            break
        here = posixpath.dirname(here)
    if len(mains) > 1:
        serious = [one for one in mains if not _ASIDE & set(one.split("/"))]
        mains = serious or mains
    if len(mains) > 1 and name:
        mains = [one for one in mains if _bears(modules, one, name)] or mains
    if len(mains) == 1:
        return Found(mains[0], image=image)
    what = "no package main" if not mains else "several: " + ", ".join(one or "." for one in mains[:6])
    return Found(unknown=f"which package main is started ({what})", image=image)


def _bears(modules: Sources, folder: str, name: str) -> bool:
    module = modules.holding(folder)
    of = posixpath.basename(plain(module.path)) if module is not None and module.folder == folder else ""
    return name in (posixpath.basename(folder), of)
