"""Which source of referenced projects a program can reach, by the names of types and extension methods.

A shared project often holds what a dozen services use, each a part. A file counts when its types are named
in a file that counts. Extension methods (`services.AddMail()`) count one by one: files that register services
name everything.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from analyzers.languages.csharp import options
from analyzers.languages.shallow.scan import Scanned, words
from analyzers.repository import Tree

_BOM = b"\xef\xbb\xbf"
_TYPE = re.compile(rb"\b(?:class|interface|struct|record|enum)\s+(\w+)")
_METHOD = re.compile(rb"\bstatic\s(?:\([^()\n]{1,160}\))?([^\n;={}(]{1,160})\(")  # up to its parameters
_NAMED = re.compile(rb"(\w+)\s*(?:<[^<>]*>)?\s*$")
_THIS = re.compile(rb"\(\s*this\s")
_METHODS = 2_000  # of one file; one with more counts as a whole
_WORD = re.compile(rb"[A-Za-z_]\w*")


@dataclass(slots=True)
class _File:
    """A file's types; of a file of extension methods, where each static method stands."""

    types: tuple[bytes, ...] = ()
    methods: tuple[tuple[bytes, int, int, int], ...] = ()  # name, line, bytes from and to


@dataclass(frozen=True, slots=True)
class Reached:
    """What of a file counts: everything, or the extension methods that begin on these lines."""

    lines: tuple[int, ...] = ()  # the first lines of all extension methods, empty where all counts
    counted: frozenset[int] = field(default_factory=frozenset)

    def of(self, scanned: Scanned) -> Scanned:
        """What was found in the parts that count."""
        if not self.lines:
            return scanned
        return replace(
            scanned,
            sightings=tuple(one for one in scanned.sightings if self._holds(one.line)),
            changes=tuple(one for one in scanned.changes if self._holds(one.line)),
        )

    def _holds(self, line: int) -> bool:
        position = bisect_right(self.lines, line) - 1
        return position >= 0 and self.lines[position] in self.counted


_read: WeakKeyDictionary[Tree, dict[str, _File]] = WeakKeyDictionary()


def reached(
    tree: Tree, own: Iterable[str], shared: Iterable[str], environment: Collection[str]
) -> dict[str, Reached]:
    """Each file of `own`, and of `shared` what that reaches; `environment`: see `options.variables`."""
    files = {path: _file(tree, path) for path in shared}
    types: dict[bytes, list[str]] = {}
    methods: dict[bytes, list[tuple[str, int, int, int]]] = {}
    for path, file in files.items():
        for name, line, start, end in file.methods:
            methods.setdefault(name, []).append((path, line, start, end))
        if not file.methods:
            for name in file.types:
                types.setdefault(name, []).append(path)
    names = types.keys() | methods.keys()
    found = {path: Reached() for path in _named(tree, own, environment)}
    partly: dict[str, set[int]] = {}
    work: list[frozenset[bytes]] = [_said(tree, path, environment) for path in found]
    done: set[bytes] = set()
    while work:
        fresh = (work.pop() & names) - done
        done |= fresh
        for name in sorted(fresh):  # the order of files is that of evidence
            for path in types.get(name, ()):
                if path not in found:
                    found[path] = Reached()
                    work.append(_said(tree, path, environment))
            for path, line, start, end in methods.get(name, ()):
                if line not in partly.setdefault(path, set()):
                    partly[path].add(line)
                    work.append(_said(tree, path, environment, start, end))
    for path, counted in partly.items():
        if path not in found:
            lines = tuple(line for _, line, _, _ in files[path].methods)
            found[path] = Reached(lines, frozenset(counted))
    return found


def _named(tree: Tree, own: Iterable[str], environment: Collection[str]) -> list[str]:
    """The program's own files, less those whose types only a part that is off names."""
    files = list(own)
    kept: dict[bytes, int] = {}
    off: set[bytes] = set()
    for path in files:
        said = _said(tree, path, environment)
        for name in said:
            kept[name] = kept.get(name, 0) + 1
        if any(not one.given(environment) for one in options.parts(tree, path)):
            off |= words(tree, path) - said
    found = []
    for path in files:
        types = _file(tree, path).types
        if not types or any(name not in off or kept.get(name, 0) > 1 for name in types):
            found.append(path)
    return found


def _said(
    tree: Tree, path: str, environment: Collection[str], start: int = 0, end: int | None = None
) -> frozenset[bytes]:
    """The words of a file or a part of it, less those that only a setting switches on."""
    left_out = [one for one in options.parts(tree, path) if not one.given(environment)]
    if start == 0 and end is None and not left_out:
        return words(tree, path)
    data = (tree.data(path) or b"").removeprefix(_BOM)
    end = len(data) if end is None else end
    said: list[bytes] = []
    for one in left_out:  # in source order; one inside another is behind its end
        if one.end > start and one.start < end:
            said += _WORD.findall(data, start, max(start, one.start))
            start = max(start, one.end)
    said += _WORD.findall(data, start, max(start, end))
    return frozenset(said)


def _file(tree: Tree, path: str) -> _File:
    held = _read.setdefault(tree, {})
    if path not in held:
        data = (tree.data(path) or b"").removeprefix(_BOM)
        starts = list(_METHOD.finditer(data)) if _THIS.search(data) else []
        starts = starts if len(starts) <= _METHODS else []
        breaks = [match.start() for match in re.finditer(rb"\n", data)] if starts else []
        ends = [*(match.start() for match in starts[1:]), len(data)] if starts else []
        methods = tuple(
            (name[1], bisect_right(breaks, match.start()) + 1, match.start(), after)
            for match, after in zip(starts, ends, strict=True)
            if (name := _NAMED.search(match[1]))
        )
        held[path] = _File(tuple(_TYPE.findall(data)), methods)
    return held[path]
