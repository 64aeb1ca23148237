"""The commands that build a program in an image: RUN lines, followed through Makefiles and scripts.

Nothing is run. Variables are filled in as far as ENV, ARG defaults and compose's build arguments say; what is
left keeps its `$NAME`.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from analyzers.guest import Guest
from analyzers.model import ComposeFacts, Evidence, Image
from analyzers.run_lines import commands

_DEPTH = 4  # Makefiles that call make, scripts that call scripts
_COMMANDS = 2_000  # of one image; more is no build that a person wrote
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?[-=]([^{}$]*))?\}|\((\w+)\)|(\w+))")
_ARG = re.compile(r"^[ \t]*ARG[ \t]+(\w+)=(\"[^\"\n]*\"|'[^'\n]*'|[^\s\\]+)", re.MULTILINE | re.IGNORECASE)
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_RULE = re.compile(r"^([A-Za-z0-9_./%-][^:=#\n]*?)\s*::?(?!=)\s*([^#\n]*)")
_MAKE_VARIABLE = re.compile(r"^\s*(?:export\s+)?(\w+)\s*(\?|:|::|\+)?=\s*(.*)$")
_SHELLS = frozenset({"sh", "bash", "ash", "dash"})
_BEFORE = frozenset({"time", "nice", "exec", "sudo", "env", "then", "do", "else", "!", "{", "("})


@dataclass(frozen=True, slots=True)
class Step:
    """One command: its words, the folder it runs in (absolute), and the RUN line that leads to it."""

    words: tuple[str, ...]
    folder: str
    evidence: Evidence

    @property
    def program(self) -> str:
        return posixpath.basename(self.words[0])


def steps(guest: Guest, image: Image, compose: ComposeFacts | None = None) -> tuple[Step, ...]:
    """The commands of an image's RUN lines in order, `guest` being that image's files."""
    values = _values(guest, image, compose)
    found: list[Step] = []
    for run in image.runs:
        folder = posixpath.normpath(posixpath.join("/", run.workdir))
        for step in _of_lines(guest, commands(run), folder, run.evidence, values, 0):
            found.append(step)
            if len(found) >= _COMMANDS:
                return tuple(found)
    return tuple(found)


def _values(guest: Guest, image: Image, compose: ComposeFacts | None) -> dict[str, str]:
    text = guest.tree.text(image.dockerfile) or ""
    values = {match[1]: match[2].strip("\"'") for match in _ARG.finditer(text)}
    values |= {variable.name: variable.value for variable in image.env if variable.value is not None}
    for given in compose.build_args if compose else ():
        if given.value is not None:
            values[given.name] = given.value
    return values


def _of_lines(
    guest: Guest,
    lines: tuple[str, ...],
    folder: str,
    evidence: Evidence,
    values: Mapping[str, str],
    depth: int,
) -> Iterator[Step]:
    for line in lines:
        words = _words(line, values)
        while words and (words[0] in _BEFORE or _ASSIGNMENT.match(words[0])):
            del words[0]
        if not words:
            continue
        name = posixpath.basename(words[0])
        if name in ("cd", "pushd"):
            folder = posixpath.normpath(posixpath.join(folder, words[1] if len(words) > 1 else "/root"))
            continue
        yield Step(tuple(words), folder, evidence)
        if depth >= _DEPTH:
            continue
        if name in ("make", "gmake", "just"):
            yield from _of_recipes(guest, words, folder, evidence, values, depth)
        else:
            script = words[1] if name in _SHELLS and len(words) > 1 else words[0]
            text = guest.text(posixpath.join(folder, script)) if "/" in script or name in _SHELLS else None
            if text is not None:
                yield from _of_lines(guest, tuple(_script_lines(text)), folder, evidence, values, depth + 1)


def _words(line: str, values: Mapping[str, str]) -> list[str]:
    line = _VARIABLE.sub(lambda m: values.get(m[1] or m[3] or m[4], m[2] if m[2] is not None else m[0]), line)
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return line.split()


def _script_lines(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").split("\n"):
        line = line.strip()
        if line and not line.startswith("#"):
            yield from (part for part in re.split(r"&&|\|\||;", line) if part.strip())


def _of_recipes(
    guest: Guest,
    words: list[str],
    folder: str,
    evidence: Evidence,
    values: Mapping[str, str],
    depth: int,
) -> Iterator[Step]:
    """The lines of the targets asked for, and of those that they need, in a Makefile or justfile."""
    targets: list[str] = []
    names: tuple[str, ...] = (
        ("justfile", "Justfile", ".justfile")
        if words[0] == "just"
        else ("GNUmakefile", "makefile", "Makefile")
    )
    given = dict(values)
    position = 1
    while position < len(words):
        word = words[position]
        if word == "-C" and position + 1 < len(words):
            position += 1
            folder = posixpath.normpath(posixpath.join(folder, words[position]))
        elif word in ("-f", "--file", "--makefile", "--justfile") and position + 1 < len(words):
            position += 1
            names = (words[position],)
        elif _ASSIGNMENT.match(word):
            name, _, value = word.partition("=")
            given[name] = value
        elif not word.startswith("-"):
            targets.append(word)
        position += 1
    text = next((t for n in names if (t := guest.text(posixpath.join(folder, n))) is not None), None)
    if text is None:
        return
    recipes, variables = _recipes(text)
    waiting = targets or list(recipes)[:1]
    done: set[str] = set()
    ordered: list[str] = []
    while waiting:
        target = waiting.pop()
        if target in done or target not in recipes:
            continue
        done.add(target)
        ordered.insert(0, target)
        waiting += recipes[target][0]
    for target in ordered:
        lines = tuple(part for line in recipes[target][1] for part in _script_lines(line.lstrip("@-+ \t")))
        yield from _of_lines(guest, lines, folder, evidence, {**variables, **given}, depth + 1)


def _recipes(text: str) -> tuple[dict[str, tuple[list[str], list[str]]], dict[str, str]]:
    """Target -> what it needs and its lines; and the file's variables."""
    recipes: dict[str, tuple[list[str], list[str]]] = {}
    variables: dict[str, str] = {}
    current: list[str] | None = None
    for line in text.replace("\\\n", " ").split("\n"):
        if line[:1] in ("\t", " ") and line.strip():
            if current is not None:
                current.append(line)
        elif match := _MAKE_VARIABLE.match(line):
            variables.setdefault(match[1], match[3].strip())
        elif match := _RULE.match(line):
            current = []
            for target in match[1].split()[:1] if "(" in match[1] else match[1].split():
                before = recipes.get(target, ([], []))
                recipes[target] = ([*before[0], *match[2].split()], before[1] or current)
    return recipes, variables
