"""Functions that nothing in the program names: parts of shared packages that this program does not use."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace

from analyzers.languages.rust.scan import File

_WORD = re.compile(rb"[A-Za-z_]\w*")
# Attributes after which nothing but a name leads to a function.
_PLAIN = re.compile(
    r"#\[\s*(?:inline|cfg|cfg_attr|allow|expect|must_use|doc|track_caller|instrument|tracing::instrument|deprecated"
    r"|cold|automock|allow_internal_unstable|warn|deny|async_recursion|duplicate_item|rustfmt::skip)\b"
)

Place = tuple[int, int]


def without(files: list[File]) -> list[File]:
    """The files of a program, what dead functions do left out."""
    dead = find(files)
    living: list[File] = []
    for position, file in enumerate(files):
        gone = {number for at, number in dead if at == position}
        if not gone:
            living.append(file)
            continue
        living.append(
            replace(
                file,
                calls=[one for one in file.calls if one.function not in gone],
                macros=[one for one in file.macros if one.function not in gone],
                references=[one for one in file.references if one[2] not in gone],
                types=[one for one in file.types if one[2] not in gone],
                strings=[one for one in file.strings if one[2] not in gone],
                assignments=[one for one in file.assignments if one[1] not in gone],
            )
        )
    return living


def find(files: list[File]) -> frozenset[Place]:
    """Places (file, function) that are dead. A name in living code keeps all functions of that name."""
    by_name: dict[str, list[Place]] = defaultdict(list)
    waiting: list[Place] = []
    for position, file in enumerate(files):
        for number, one in enumerate(file.functions):
            by_name[one.name].append((position, number))
            living = one.trait or any(not _PLAIN.match(attribute) for attribute in one.attributes)
            if living or (one.name == "main" and position == 0):
                waiting.append((position, number))
    alive: set[Place] = set(waiting)
    seen: set[str] = set()
    for file in files:
        outside = _outside(file)
        seen |= outside & by_name.keys()
    for name in seen:
        waiting += by_name[name]
        alive.update(by_name[name])
    while waiting:
        position, number = waiting.pop()
        for name in _words(files[position].functions[number].node.text or b""):
            if name in seen or name not in by_name:
                continue
            seen.add(name)
            fresh = [place for place in by_name[name] if place not in alive]
            alive.update(fresh)
            waiting += fresh
    every = {(p, n) for p, file in enumerate(files) for n in range(len(file.functions))}
    return frozenset(every - alive)


def _outside(file: File) -> set[str]:
    """Names that are used outside of functions: in statics, attributes and macros; `use` does not count."""
    found: set[str] = set()
    for call in file.calls:
        if call.function < 0:
            found.add(call.path.rpartition("::")[2].lstrip("."))
    for path, _, function in file.references:
        if function < 0:
            found.add(path.rpartition("::")[2])
    for macro in file.macros:
        if macro.function < 0:
            found |= _words(macro.tokens.encode())
    for field in file.fields:
        for attribute in field.attributes:
            found |= _words(attribute.encode())
    for static in file.statics:
        if static.value is not None:
            found |= _words(static.value.text or b"")
    for value in file.consts.values():
        found |= _words((value.text or b"")[:2_000])
    return found


def _words(text: bytes) -> set[str]:
    return {word.decode() for word in _WORD.findall(text)}
