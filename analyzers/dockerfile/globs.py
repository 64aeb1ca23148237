"""Wildcard patterns: Go's filepath.Match, and moby/patternmatcher v0.6.1, which adds `**`, `!` and parents.

Every pattern becomes a list of parts. Matching uses `re` while a pattern has so few wildcards for so short
a text that backtracking cannot hurt, and else a table of pattern times text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum

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


def go_match(pattern: str, name: str) -> bool:
    """Go's filepath.Match: `*` and `?` stop at a slash.

    Raises BadPatternError where Go finds the mistake: it does not look behind the first part that fails.
    """
    while pattern:
        bare = pattern.lstrip("*")
        star = bare != pattern
        end = _chunk_end(bare)
        chunk, pattern = bare[:end], bare[end:]
        if star and not chunk:
            return "/" not in name
        starts = [0]
        if star:
            slash = name.find("/")
            starts = list(range((len(name) if slash < 0 else slash) + 1))
        for start in starts:
            rest = _match_chunk(chunk, name, start)
            if rest is not None and (pattern or rest == len(name)):
                name = name[rest:]
                break
        else:
            return False
    return not name


def _chunk_end(pattern: str) -> int:
    """Where the next star stands that is none of a class."""
    in_class = False
    at = 0
    while at < len(pattern):
        ch = pattern[at]
        if ch == "\\":
            at += 1
        elif ch in "[]":
            in_class = ch == "["
        elif ch == "*" and not in_class:
            return at
        at += 1
    return len(pattern)


def _match_chunk(chunk: str, name: str, at: int) -> int | None:
    """Where a match of the chunk at `at` ends. The chunk is read to its end, for its mistakes."""
    failed = False
    i = 0
    while i < len(chunk):
        ch = chunk[i]
        i += 1
        failed = failed or at == len(name)
        if ch == "[":
            one, i = _character_class(chunk, i)
            failed = failed or re.fullmatch(one, name[at]) is None
        elif ch == "?":
            failed = failed or name[at] == "/"
        else:
            if ch == "\\":
                if i == len(chunk):
                    raise BadPatternError(f"syntax error in pattern: {chunk}")
                ch = chunk[i]
                i += 1
            failed = failed or name[at] != ch
        at += not failed
    return None if failed else at


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
        go_match(pattern, ".")  # patternmatcher looks for mistakes so
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
            elif ch == "\\":
                parts += [r"\$", _Wild.ALL]  # its `\` takes the end of the expression's `$` for a letter
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
        self._work.spend(2 * len(self._patterns))
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
