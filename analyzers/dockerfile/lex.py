"""BuildKit's shell words: quotes, escapes and `$variables`, as frontend/dockerfile/shell/lex.go has them.

One lexer serves two callers: splitting uses it to find heredocs on a line, expansion to put in values.
Odd behaviour is kept where BuildKit has it (a nested `${x:-word}` empties the word that surrounds it when
words are split); the conformance test holds it in place.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from analyzers.dockerfile.limits import MAX_DEPTH, MAX_VALUE, TooMuchError, Work
from analyzers.dockerfile.text import SPACE, clean

_AT_SPACE = re.compile(f"[{SPACE}]+")
_SPECIAL_PARAMETERS = frozenset("@*#?-$!0")


class LexError(ValueError):
    """A word that BuildKit refuses."""


@dataclass(frozen=True, slots=True)
class Lexed:
    """`text` is the word with values put in, `words` the same split at blanks outside quotes.

    `unset` names the variables that had no value where nothing in the text took its place.
    """

    text: str
    words: tuple[str, ...]
    unset: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Lexer:
    """How to read: the escape character, and what to keep as it is written."""

    escape: str = "\\"
    raw_quotes: bool = False
    raw_escapes: bool = False
    skip_quotes: bool = False
    skip_unset: bool = False

    def process(self, text: str, env: Mapping[str, str], work: Work | None = None) -> Lexed:
        """Put the values of `env` in. Raises LexError, and TooMuchError beyond the limits."""
        work = work or Work()
        work.spend(len(text))
        text = clean(text).removeprefix("\ufeff")  # text/scanner drops a byte order mark
        if not any(c in text for c in ("$", "'", '"', "<", self.escape)):
            return Lexed(text, tuple(w for w in _AT_SPACE.split(text) if w))
        return _Reader(self, text, env, work).run()


class _Words:
    """Words of one level. The unfinished word lives in the reader, shared by all levels as in BuildKit."""

    __slots__ = ("_buffer", "_in_word", "_words")

    def __init__(self, buffer: list[str]) -> None:
        buffer.clear()
        self._buffer = buffer
        self._words: list[str] = []
        self._in_word = False

    def add(self, text: str) -> None:
        if not _AT_SPACE.search(text):
            if text:
                self.add_raw(text)
            return
        for ch in text:
            if ch not in SPACE:
                self.add_raw(ch)
            elif self._in_word and self._buffer:
                self._words.append("".join(self._buffer))
                self._buffer.clear()
                self._in_word = False

    def add_raw(self, text: str) -> None:
        if text:
            self._buffer.append(text)
        self._in_word = True

    def finish(self) -> tuple[str, ...]:
        if self._buffer:
            self._words.append("".join(self._buffer))
            self._buffer.clear()
        return tuple(self._words)


class _Reader:
    """One pass over one text."""

    def __init__(self, lexer: Lexer, text: str, env: Mapping[str, str], work: Work) -> None:
        self.lexer = lexer
        self.work = work
        self.room = MAX_VALUE
        self.text = text
        self.env = env
        self.pos = 0
        self.raw_escapes = lexer.raw_escapes
        self.buffer: list[str] = []
        self.unset: dict[str, None] = {}
        self.depth = 0

    def run(self) -> Lexed:
        text, words = self.until("", self.raw_escapes, pattern=False)
        return Lexed(text, words, tuple(self.unset))

    def peek(self) -> str:
        return self.text[self.pos] if self.pos < len(self.text) else ""

    def next(self) -> str:
        ch = self.peek()
        self.pos += 1 if ch else 0
        return ch

    def until(self, stop: str, raw_escapes: bool, *, pattern: bool) -> tuple[str, tuple[str, ...]]:
        """Read up to `stop` ("" for the end). `pattern` doubles quoted escapes, for `shell_pattern`."""
        if self.depth >= MAX_DEPTH:
            raise TooMuchError(f"substitutions are nested deeper than {MAX_DEPTH}")
        self.depth += 1
        outer, self.raw_escapes = self.raw_escapes, raw_escapes
        try:
            return self._until(stop, pattern)
        finally:
            self.raw_escapes = outer
            self.depth -= 1

    def _until(self, stop: str, pattern: bool) -> tuple[str, tuple[str, ...]]:
        result: list[str] = []
        words = _Words(self.buffer)
        quotes = not self.lexer.skip_quotes
        while ch := self.peek():
            if ch == stop:
                self.pos += 1
                return "".join(result), words.finish()
            if ch == "$":
                piece = self.dollar()
                words.add(piece)
            elif ch == "<":
                piece = self.possible_heredoc()
                words.add_raw(piece)
            elif quotes and ch == "'":
                piece = self.single_quoted(pattern)
                words.add_raw(piece)
            elif quotes and ch == '"':
                piece = self.double_quoted(pattern)
                words.add_raw(piece)
            elif ch == self.lexer.escape:
                self.pos += 1
                escaped = self.next()
                piece = (ch if self.raw_escapes else "") + escaped
                if piece:
                    words.add_raw(piece)
            else:
                self.pos += 1
                piece = ch
                words.add(ch)
            result.append(piece)
        if stop:
            raise LexError(f"unexpected end of statement while looking for matching {stop}")
        return "".join(result), words.finish()

    def single_quoted(self, pattern: bool) -> str:
        start = self.pos + 1
        end = self.text.find("'", start)
        if end < 0:
            self.pos = len(self.text)
            raise LexError("unexpected end of statement while looking for matching single-quote")
        self.pos = end + 1
        body = self.text[start:end]
        if pattern:
            body = body.replace(self.lexer.escape, self.lexer.escape * 2)
        return f"'{body}'" if self.lexer.raw_quotes else body

    def double_quoted(self, pattern: bool) -> str:
        raw_quotes, escape = self.lexer.raw_quotes, self.lexer.escape
        result: list[str] = []
        self.pos += 1
        while ch := self.peek():
            if ch == '"':
                self.pos += 1
                body = "".join(result)
                return f'"{body}"' if raw_quotes else body
            if ch == "$":
                result.append(self.dollar())
                continue
            self.pos += 1
            if ch == escape:
                following = self.peek()
                if not following:
                    continue
                if following in ('"', "$", escape):
                    if self.raw_escapes:
                        result.append(ch)
                    ch = self.next()
                elif self.raw_escapes and (not raw_quotes or pattern):
                    result.append(ch)
            result.append(ch)
        raise LexError("unexpected end of statement while looking for matching double-quote")

    def possible_heredoc(self) -> str:
        self.pos += 1
        if self.peek() != "<":
            return "<"
        self.pos += 1
        start = self.pos
        while self.peek() and self.peek() in "\t\r ":
            self.pos += 1
        return "<<" + self.text[start : self.pos]

    def name(self) -> str:
        start = self.pos
        ch = self.peek()
        if _is_digit(ch):
            while _is_digit(self.peek()):
                self.pos += 1
        elif ch in _SPECIAL_PARAMETERS:
            self.pos += 1
        else:
            while (ch := self.peek()) and (ch == "_" or _is_letter(ch) or _is_digit(ch)):
                self.pos += 1
        return self.text[start : self.pos]

    def value(self, name: str) -> str:
        value = self.env.get(name)
        if value is None:
            self.unset[name] = None
            return ""
        return self.put(value)

    def put(self, value: str) -> str:
        self.work.spend(len(value))
        self.room -= len(value)
        if self.room < 0:
            raise TooMuchError(f"a value grows beyond {MAX_VALUE} characters")
        return value

    def dollar(self) -> str:
        self.pos += 1
        skip_unset = self.lexer.skip_unset
        if self.peek() != "{":
            name = self.name()
            if not name:
                return "$"
            return f"${name}" if skip_unset and name not in self.env else self.value(name)

        self.pos += 1
        if not self.peek():
            raise LexError("syntax error: missing '}'")
        if self.peek() in "{}:":
            raise LexError("syntax error: bad substitution")
        name = self.name()
        ch = modifier = self.next()
        if ch == "}":
            return f"${{{name}}}" if skip_unset and name not in self.env else self.value(name)
        if ch == "/":
            return self.replaced(name)
        null_is_unset = ch == ":"
        if null_is_unset:
            ch = self.next()
            modifier += ch
        elif not ch or ch not in "+-?#%":
            raise LexError(f"unsupported modifier ({modifier}) in substitution")

        trims = bool(ch) and ch in "#%"
        if null_is_unset and trims:
            raise LexError(f"unsupported modifier ({modifier}) in substitution")
        word = self.operand("}", trims, pattern=trims, missing="missing '}'")
        value = self.env.get(name)
        if skip_unset and value is None:
            return f"${{{name}{modifier}{word}}}"
        absent = value is None or (null_is_unset and not value)
        match ch:
            case "-":
                return word if absent else self.put(value or "")
            case "+":
                return "" if absent else word
            case "?":
                # BuildKit stops here. The value may come with --build-arg or from a base image that
                # was not read, so it is reported as not set.
                if absent:
                    self.unset[name] = None
                return self.put(value or "")
            case "#" | "%":
                greedy = word.startswith(ch)
                trim = trim_prefix if ch == "#" else trim_suffix
                return trim(word[1:] if greedy else word, self.value(name), greedy, self.work)
        raise LexError(f"unsupported modifier ({modifier}) in substitution")

    def operand(self, stop: str, raw_escapes: bool, *, pattern: bool, missing: str) -> str:
        try:
            return self.until(stop, raw_escapes, pattern=pattern)[0]
        except LexError as e:
            if not self.peek():
                raise LexError(f"syntax error: {missing}") from e
            raise

    def replaced(self, name: str) -> str:
        everywhere = self.peek() == "/"
        if everywhere:
            self.pos += 1
        pattern = self.operand("/", True, pattern=True, missing="missing '/' in ${}")
        replacement = self.operand("}", True, pattern=False, missing="missing '}'")
        if self.lexer.skip_unset and name not in self.env:
            return f"${{{name}/{pattern}/{replacement}}}"
        value = self.value(name)
        replaced = replace(value, pattern, replacement, everywhere, self.work)
        self.put(replaced[len(value) :])  # what it grew by
        return replaced


def _is_letter(ch: str) -> bool:
    return unicodedata.category(ch)[0] == "L"


def _is_digit(ch: str) -> bool:
    return bool(ch) and unicodedata.category(ch) == "Nd"


# Patterns of ${x#p}, ${x%p} and ${x/p/r}: `?` is one character, `*` any number, none a line feed.
_ANY = "?"
_STAR = "*"


def shell_pattern(pattern: str) -> list[tuple[str, str]]:
    """(kind, character) for each part: `?`, `*`, or "" with a character that stands for itself."""
    tokens: list[tuple[str, str]] = []
    i = 0
    while i < len(pattern):
        ch = pattern[i]
        i += 1
        if ch in "*?":
            tokens.append((ch, ""))
        elif ch != "\\":
            tokens.append(("", ch))
        elif pattern[i : i + 1] in ("}", "/"):
            continue  # escaped for ${}, not for the pattern
        elif pattern[i : i + 1] in ("*", "?", "\\"):
            tokens.append(("", pattern[i]))
            i += 1
        else:
            raise LexError(
                f"invalid pattern ({pattern}) in substitution: invalid escape '\\{pattern[i : i + 1]}'"
            )
    return tokens


def _ends(pattern: str, text: str, greedy: bool, work: Work) -> list[int]:
    """For each start in `text` where the pattern's match ends, or -1: time is pattern times text, always."""
    tokens = shell_pattern(pattern)
    n = len(text)
    work.spend((len(tokens) + 1) * (n + 1))
    ends = list(range(n + 1))
    for kind, char in reversed(tokens):
        after, ends = ends, [-1] * (n + 1)
        if kind == _STAR:
            for i in range(n, -1, -1):
                longer = ends[i + 1] if i < n and text[i] != "\n" else -1
                first, second = (longer, after[i]) if greedy else (after[i], longer)
                ends[i] = second if first < 0 else first
        else:
            for i in range(n):
                if text[i] != "\n" if kind == _ANY else text[i] == char:
                    ends[i] = after[i + 1]
    return ends


def trim_prefix(pattern: str, value: str, greedy: bool, work: Work) -> str:
    """`${x#pattern}`, `${x##pattern}`."""
    return value[max(_ends(pattern, value, greedy, work)[0], 0) :]


def trim_suffix(pattern: str, value: str, greedy: bool, work: Work) -> str:
    """`${x%pattern}`, `${x%%pattern}`: both sides are turned round, escapes keep their character."""
    parts = re.findall(r"\\?.|\\", pattern, re.DOTALL)
    return trim_prefix("".join(reversed(parts)), value[::-1], greedy, work)[::-1]


def replace(value: str, pattern: str, replacement: str, everywhere: bool, work: Work) -> str:
    """`${x/pattern/replacement}`, `${x//pattern/replacement}`, as Go's regexp finds and replaces."""
    ends = _ends(pattern, value, True, work)
    if not everywhere:
        start = next((i for i, end in enumerate(ends) if end >= 0), None)
        return value if start is None else value[:start] + replacement + value[ends[start] :]

    result: list[str] = []
    search = last = 0
    while search <= len(value):
        start = next((i for i in range(search, len(value) + 1) if ends[i] >= 0), None)
        if start is None:
            break
        end = ends[start]
        result.append(value[last:start])
        if end > last or start == 0:  # no empty match right behind another match
            result.append(_template(replacement, value[start:end]))
            work.spend(len(replacement) + len(result[-1]))
        last = end
        search = end if end > search else search + 1
    return "".join(result) + value[last:]


_TEMPLATE = re.compile(r"\$(?:\$|(\w+)|\{(\w+)\})")


def _template(replacement: str, matched: str) -> str:
    """Go's Regexp.Expand for a pattern without groups: `$0` is the match, other names are empty."""

    def put(m: re.Match[str]) -> str:
        name = m[1] or m[2]
        if name is None:
            return "$"
        return matched if name == "0" else ""

    return _TEMPLATE.sub(put, replacement)
