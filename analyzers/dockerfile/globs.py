"""Wildcard patterns: Go's filepath.Match, and moby/patternmatcher v0.6.1, which adds `**`, `!` and parents.

Every pattern becomes a list of parts. Matching uses `re` while a pattern has so few wildcards for so short
a text that backtracking cannot hurt, and else a table of pattern times text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from functools import lru_cache

from analyzers.dockerfile.limits import Work
from analyzers.dockerfile.paths import clean
from analyzers.dockerfile.text import SPACE

_BACKTRACKING = 1_000_000  # text length to the power of the wildcards


class BadPatternError(ValueError):
    """A pattern that Go refuses."""


class _Wild(Enum):
    """The parts that take any number of characters, as regular expressions."""

    NAME = "[^/]*"  # *
    FOLDERS = "(?:.*/)?"  # **/
    ALL = ".*"  # ** at the end


_Part = _Wild | str  # a string is the regular expression of one character


class Glob:
    """A compiled pattern."""

    __slots__ = ("_parts", "_regex", "_wild")

    def __init__(self, parts: list[_Part]) -> None:
        self._parts = parts
        self._wild = sum(isinstance(p, _Wild) for p in parts)
        text = "".join(p.value if isinstance(p, _Wild) else p for p in parts)
        try:
            self._regex = re.compile(text)
        except (re.error, RecursionError, OverflowError) as e:
            raise BadPatternError(f"syntax error in pattern: {e}") from e

    def matches(self, text: str, work: Work) -> bool:
        """Whether the whole of `text` matches."""
        if self._wild <= 1 or len(text) ** self._wild <= _BACKTRACKING:
            work.spend(1)
            return self._regex.fullmatch(text) is not None
        return self._by_table(text, work)

    def _by_table(self, text: str, work: Work) -> bool:
        n = len(text)
        work.spend((len(self._parts) + 1) * (n + 1))
        rest = [False] * n + [True]  # rest[i]: the parts behind match text[i:]
        for part in reversed(self._parts):
            after, rest = rest, [False] * (n + 1)
            if part is _Wild.FOLDERS:
                reachable = False  # whether a slash from here on, before a line feed, leads to a match
                for i in range(n, -1, -1):
                    if i < n:
                        reachable = (reachable and text[i] != "\n") or (text[i] == "/" and after[i + 1])
                    rest[i] = after[i] or reachable
            elif isinstance(part, _Wild):
                stop = "\n" if part is _Wild.ALL else "/"
                for i in range(n, -1, -1):
                    rest[i] = after[i] or (i < n and text[i] != stop and rest[i + 1])
            else:
                one = re.compile(part)
                for i in range(n):
                    rest[i] = after[i + 1] and one.fullmatch(text[i]) is not None
        return rest[0]


def _character_class(pattern: str, at: int) -> tuple[str, int]:
    """The regular expression of `[...]` whose `[` is before `at`, and where the pattern goes on."""

    def character(at: int) -> tuple[str, int]:
        if pattern[at : at + 1] in ("", "-", "]"):
            raise BadPatternError(f"syntax error in pattern: {pattern}")
        if pattern[at] == "\\":
            at += 1
        if at + 1 >= len(pattern):
            raise BadPatternError(f"syntax error in pattern: {pattern}")
        return pattern[at], at + 1

    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[str] = []
    empty = True
    while pattern[at : at + 1] != "]" or empty:
        empty = False
        low, at = character(at)
        high = low
        if pattern[at] == "-":
            high, at = character(at + 1)
        if low <= high:  # an upside-down range matches nothing in filepath.Match
            ranges.append(f"{re.escape(low)}-{re.escape(high)}")
    at += 1
    if not ranges:
        return (r"[\s\S]" if negated else r"[^\s\S]"), at
    return f"[{'^' if negated else ''}{''.join(ranges)}]", at


@lru_cache(maxsize=1024)
def go_glob(pattern: str) -> Glob:
    """Go's filepath.Match. Raises BadPatternError."""
    parts: list[_Part] = []
    at = 0
    while at < len(pattern):
        ch = pattern[at]
        at += 1
        if ch == "*":
            if parts[-1:] != [_Wild.NAME]:
                parts.append(_Wild.NAME)
        elif ch == "?":
            parts.append("[^/]")
        elif ch == "[":
            part, at = _character_class(pattern, at)
            parts.append(part)
        else:
            if ch == "\\":
                if at == len(pattern):
                    raise BadPatternError(f"syntax error in pattern: {pattern}")
                ch = pattern[at]
                at += 1
            parts.append(re.escape(ch))
    return Glob(parts)


def has_wildcards(text: str) -> bool:
    """Whether a path holds `*`, `?` or `[` that is not escaped."""
    return re.search(r"[*?[]", re.sub(r"\\.", "", text, flags=re.DOTALL)) is not None


class _Pattern:
    """One line of patterns: how it matches is settled as patternmatcher settles it."""

    __slots__ = ("_glob", "_prefix", "_suffix", "_text", "exception")

    def __init__(self, pattern: str, exception: bool) -> None:
        self.exception = exception
        self._text: str | None = None
        self._prefix: str | None = None
        self._suffix: str | None = None
        self._glob: Glob | None = None
        go_glob(pattern)  # refuses what Go refuses
        kind = "exact"
        parts: list[_Part] = []
        at = 0
        while at < len(pattern):
            first = at == 0
            ch = pattern[at]
            at += 1
            if pattern.startswith("**", at - 1):
                at += 1
                if pattern[at : at + 1] == "/":
                    at += 1
                if at < len(pattern):
                    parts.append(_Wild.FOLDERS)
                    kind = "glob"
                elif kind == "exact":
                    kind = "prefix"
                else:
                    parts.append(_Wild.ALL)
                    kind = "glob"
                if first:
                    kind = "suffix"
            elif ch == "*":
                parts.append(_Wild.NAME)
                kind = "glob"
            elif ch == "?":
                parts.append("[^/]")
                kind = "glob"
            elif ch == "[":
                part, at = _character_class(pattern, at)
                parts.append(part)
                kind = "glob"
            elif ch == "\\" and at < len(pattern):
                parts.append(re.escape(pattern[at]))
                at += 1
                kind = "glob"
            elif ch == "]":
                parts.append(re.escape(ch))
                kind = "glob"
            else:
                parts.append("^" if ch == "^" else re.escape(ch))
        if kind == "exact":
            self._text = pattern
        elif kind == "prefix":
            self._prefix = pattern[:-2]
        elif kind == "suffix":
            self._suffix = pattern[2:]
        else:
            self._glob = Glob(parts)

    def matches(self, path: str, work: Work) -> bool:
        if self._text is not None:
            return path == self._text
        if self._prefix is not None:
            return path.startswith(self._prefix)
        if self._suffix is not None:
            suffix = self._suffix
            return path.endswith(suffix) or (suffix.startswith("/") and path == suffix[1:])
        return self._glob is not None and self._glob.matches(path, work)


class Patterns:
    """A list of patterns in which a later one overrules an earlier one, as moby/patternmatcher reads it.

    A path matches as it does in BuildKit's walk over a tree: what holds for a folder holds for all
    below it unless an exception (`!`) takes it back.
    """

    def __init__(self, patterns: Iterable[str], work: Work | None = None) -> None:
        self._work = work or Work()
        self._patterns: list[_Pattern] = []
        self._folders: dict[str, tuple[bool, ...]] = {}
        for text in patterns:
            pattern = text.strip(SPACE)
            if not pattern:
                continue
            pattern = clean(pattern)
            exception = pattern.startswith("!")
            if pattern == "!":
                raise BadPatternError('illegal exclusion pattern: "!"')
            self._patterns.append(_Pattern(pattern.removeprefix("!"), exception))

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def matches(self, path: str) -> bool:
        """Whether a file or folder matches. `path` is relative, clean, with forward slashes."""
        if not self._patterns:
            return False
        parent = path.rpartition("/")[0]
        return self._match(path, self._folder(parent) if parent else ())[0]

    def _folder(self, path: str) -> tuple[bool, ...]:
        """For each pattern, whether the folder or one above it matches."""
        missing: list[str] = []
        at = path
        while at and at not in self._folders:
            missing.append(at)
            at = at.rpartition("/")[0]
        known = self._folders.get(at, ())
        for folder in reversed(missing):
            known = self._folders[folder] = self._match(folder, known)[1]
        return known

    def _match(self, path: str, parent: tuple[bool, ...]) -> tuple[bool, tuple[bool, ...]]:
        self._work.spend(len(self._patterns))
        matched = False
        each: list[bool] = []
        for i, pattern in enumerate(self._patterns):
            hit = bool(parent) and parent[i]
            if not hit and pattern.exception == matched:
                hit = pattern.matches(path, self._work)
            each.append(hit)
            if hit:
                matched = not pattern.exception
        return matched, tuple(each)
