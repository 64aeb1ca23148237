"""From `java -jar app.jar` back to the module that was built into it."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzers.command import StartCommand, program
from analyzers.languages.jvm.manifests import BUILD_FILES, Module, Modules
from analyzers.languages.shallow import build
from analyzers.model import Image
from analyzers.repository import Tree

_VALUED = frozenset(
    {"-cp", "-classpath", "--class-path", "-p", "--module-path", "--add-opens", "--add-exports"}
)
_CLASS = re.compile(r"(?:[a-z_][\w]*\.)*[A-Z]\w*")
_MAVEN_MODULE = re.compile(r"(?:-pl|--projects)[\s=]+:?([\w./\-]+)|(?:-f|--file)[\s=]+([\w./\-]+)")
_GRADLE_MODULE = re.compile(r"gradlew?\b[^;&|]*?\s:?([\w.\-]+(?::[\w.\-]+)*):[a-zA-Z]+|\s-p\s+([\w./\-]+)")


@dataclass(frozen=True, slots=True)
class Started:
    """What a Java command names: a jar or a folder of jars (absolute in the image), a class."""

    paths: tuple[str, ...] = ()
    main_class: str | None = None


def started(start: StartCommand) -> Started:
    """The jar, class path and main class of a command line."""
    words = list(start.argv)
    if not words:
        return Started()
    if program(words[0]) != "java":
        return Started((posixpath.normpath(posixpath.join(start.workdir, words[0])),))
    paths: list[str] = []
    position = 1
    while position < len(words):
        word = words[position]
        if word == "-jar" and position + 1 < len(words):
            return Started((_absolute(start, words[position + 1]), *paths))
        if word in _VALUED and position + 1 < len(words):
            if not word.startswith("--add"):
                paths += [_absolute(start, one) for one in words[position + 1].split(":") if one]
            position += 1
        elif not word.startswith("-") and not word.startswith("$"):
            return Started(tuple(paths), word if _CLASS.fullmatch(word) else None)
        position += 1
    return Started(tuple(paths))


def _absolute(start: StartCommand, path: str) -> str:
    return posixpath.normpath(posixpath.join(start.workdir, path))


def module(
    tree: Tree, modules: Modules, image: Image, stages: Sequence[Image], what: Started
) -> Module | None:
    """The module of the program, or None where no build file or source leads to it."""
    for folder in _candidates(tree, modules, image, stages, what):
        found = modules.at(folder)
        if found is None:
            continue
        if found.modules or not _has_source(tree, folder):
            inner = _inner(tree, modules, found, what)
            if inner is not None:
                return inner
        if _has_source(tree, folder):
            return found
    return None


def _candidates(
    tree: Tree, modules: Modules, image: Image, stages: Sequence[Image], what: Started
) -> Iterator[str]:
    seen: list[str] = []
    for path in what.paths:
        made = build.made_from(image, stages, path)
        folder = build.output_folder(made.path)
        if folder is not None and (found := build.repository_folder(tree, made.image, folder)) is not None:
            yield found
        for source in build.copied_from(image, path):
            folder = build.output_folder(f"/{source}")
            if folder is not None:
                yield folder.strip("/")
        stage = made.image
        for run in reversed(stage.runs):
            for pattern in (_MAVEN_MODULE, _GRADLE_MODULE):
                for match in pattern.finditer(run.command[:20_000]):
                    named = (match[1] or match[2]).replace(":", "/").removesuffix("/pom.xml")
                    where = posixpath.join(run.workdir, named)
                    here = build.repository_folder(tree, stage, where)
                    seen += [here] if here is not None else []
            here = build.repository_folder(tree, stage, run.workdir)
            seen += [here] if here is not None else []
    if what.main_class and (found := _of_class(tree, modules, what.main_class)) is not None:
        yield found
    yield from seen
    if _takes_builds(image, stages):
        yield image.context
        yield posixpath.dirname(image.dockerfile)


def _takes_builds(image: Image, stages: Sequence[Image]) -> bool:
    """Whether the image holds something built from the repository: sources, a build file, or a ready jar."""
    for stage in (image, *stages):
        if any(file.source.endswith((".java", ".kt", *BUILD_FILES)) for file in stage.files):
            return True
        copied = [source for copy in stage.copies if copy.stage is None for source in copy.sources]
        if any(source.endswith((".jar", ".war", "/lib", "/lib/")) for source in copied):
            return True
    return False


def _of_class(tree: Tree, modules: Modules, name: str) -> str | None:
    """The module whose sources hold a class; Kotlin puts the functions of `A.kt` into `AKt`."""
    stem = name.replace(".", "/")
    ends = (
        f"/{stem}.java",
        f"/{stem}.kt",
        f"/{stem.removesuffix('Kt')}.kt",
        f"/{name.rpartition('.')[2]}.java",
    )
    for end in ends:
        for path in tree.paths:
            if path.endswith(end):
                folder = posixpath.dirname(path)
                while folder and folder not in modules.folders:
                    folder = posixpath.dirname(folder)
                if folder in modules.folders:
                    return folder
    return None


def _inner(tree: Tree, modules: Modules, outer: Module, what: Started) -> Module | None:
    """The module of an aggregator that the jar's name means, or its only one that can be started."""
    prefix = f"{outer.folder}/" if outer.folder else ""
    below = [
        f for f in modules.folders if f != outer.folder and f.startswith(prefix) and _has_source(tree, f)
    ]
    stems = {re.sub(r"[-_.]?\d[\w.\-]*$", "", posixpath.basename(p).removesuffix(".jar")) for p in what.paths}
    read = [one for one in map(modules.at, below) if one is not None]
    for one in read:
        if one.artifact in stems or posixpath.basename(one.folder) in stems:
            return one
    startable = [one for one in read if _starts(tree, one)]
    return startable[0] if len(startable) == 1 else None


def _starts(tree: Tree, one: Module) -> bool:
    return any(
        b"@SpringBootApplication" in (tree.data(path) or b"")
        or b"public static void main" in (tree.data(path) or b"")
        for path in build.sources(tree, one.folder, (".java", ".kt"))
    )


def _has_source(tree: Tree, folder: str) -> bool:
    prefix = f"{folder}/src/" if folder else "src/"
    return any(path.startswith(prefix) and path.endswith((".java", ".kt")) for path in tree.paths)
