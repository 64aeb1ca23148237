"""A Dockerfile's instructions, exactly as BuildKit splits them.

Follows frontend/dockerfile/parser of github.com/moby/buildkit v0.34.2 (the conformance test runs that very
code beside this one). Which arguments each instruction takes is checked by `instructions.check`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from analyzers.dockerfile.errors import DockerfileSyntaxError
from analyzers.dockerfile.heredocs import Heredoc, opened
from analyzers.dockerfile.instructions import Instruction, check
from analyzers.dockerfile.limits import MAX_BYTES, MAX_LINE
from analyzers.dockerfile.text import BLANKS, SPACE, as_bytes, clean, from_bytes

__all__ = ["DockerfileSyntaxError", "Heredoc", "Instruction", "Parsed", "parse", "split"]

_DIRECTIVE = re.compile(r"([a-zA-Z][a-zA-Z0-9]*)[\t\n\f\r ]*=[\t\n\f\r ]*(.+?)[\t\n\f\r ]*\Z")
_DIRECTIVES = ("syntax", "escape", "check")
_TAKE_HEREDOCS = ("RUN", "COPY", "ADD")

# How the text behind the keyword becomes arguments.
_JSON_OR_TEXT = ("RUN", "CMD", "ENTRYPOINT", "SHELL")
_JSON_OR_WORDS = ("ADD", "COPY", "VOLUME")
_WORDS = ("FROM", "EXPOSE")
_TEXT = ("MAINTAINER", "STOPSIGNAL", "USER", "WORKDIR")
_PAIRS = ("ENV", "LABEL")
KEYWORDS = frozenset(
    (*_JSON_OR_TEXT, *_JSON_OR_WORDS, *_WORDS, *_TEXT, *_PAIRS, "ARG", "HEALTHCHECK", "ONBUILD")
)


@dataclass(frozen=True, slots=True)
class Parsed:
    """The instructions in their order, the file's escape character, and its lines for evidence."""

    instructions: tuple[Instruction, ...]
    escape: str
    lines: tuple[str, ...]


def split(data: bytes) -> tuple[Instruction, ...]:
    """The instructions of a Dockerfile. Raises DockerfileSyntaxError for what BuildKit refuses."""
    return parse(data).instructions


def parse(data: bytes) -> Parsed:
    """As `split`, with what later steps need of the file. Raises DockerfileSyntaxError."""
    parsed = parse_unchecked(data)
    from_seen = False
    for instruction in parsed.instructions:
        check(instruction)
        from_seen = from_seen or instruction.name == "FROM"
        if not from_seen and instruction.name != "ARG":
            raise DockerfileSyntaxError(
                instruction.line,
                f"{instruction.name} before the first FROM: no build stage in current context",
            )
    return parsed


def parse_unchecked(data: bytes) -> Parsed:
    """As `parse`, whatever arguments the instructions have. Raises DockerfileSyntaxError."""
    if len(data) > MAX_BYTES:
        raise DockerfileSyntaxError(1, f"a Dockerfile of {len(data)} bytes; at most {MAX_BYTES} are read")
    raw = data.split(b"\n")
    for number, line in enumerate(raw, 1):
        if len(line) > MAX_LINE:
            raise DockerfileSyntaxError(number, f"a line greater than the {MAX_LINE} bytes allowed")
    if raw and raw[0].startswith(b"\xef\xbb\xbf"):
        raw[0] = raw[0][3:]
    ends = ["\n"] * (len(raw) - 1) + [""]
    if raw[-1] == b"":
        raw.pop()
    lines = [line.decode("utf-8", "surrogateescape") for line in raw]
    escape = _directives(lines)
    found = tuple(_Splitter(lines, ends, escape).instructions())
    if not found:
        raise DockerfileSyntaxError(max(len(lines), 1), "file with no instructions")
    return Parsed(found, escape, tuple(clean(line) for line in lines))


def _directives(lines: list[str]) -> str:
    """The escape character. Directives are the first lines only, each at most once."""
    escape = "\\"
    seen: set[str] = set()
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r").lstrip(SPACE)
        match = _DIRECTIVE.match(text[1:].lstrip(SPACE)) if text.startswith("#") else None
        if not match or (key := match[1].lower()) not in _DIRECTIVES:
            break
        if key in seen:
            raise DockerfileSyntaxError(number, f"only one {key} parser directive can be used")
        seen.add(key)
        if key == "escape":
            escape = match[2]
            if escape not in ("`", "\\"):
                raise DockerfileSyntaxError(
                    number, f"invalid escape token '{clean(escape)}' does not match ` or \\"
                )
    return escape


class _Splitter:
    """Walks over the lines once."""

    def __init__(self, lines: list[str], ends: list[str], escape: str) -> None:
        self.lines = lines
        self.ends = ends
        self.escape = escape
        self.at = 0  # index of the next line

    def instructions(self) -> Iterator[Instruction]:
        while self.at < len(self.lines):
            line = self.lines[self.at].rstrip("\r").lstrip(SPACE)
            self.at += 1
            start = self.at
            text, ended = self.continued("" if line.startswith("#") else line)
            if ended and not text:
                continue
            pieces = [text]
            while not ended and self.at < len(self.lines):
                line = self.lines[self.at].rstrip("\r")
                self.at += 1
                left = line.lstrip(SPACE)
                if not left or left.startswith("#"):
                    continue
                text, ended = self.continued(line)
                pieces.append(text)
            # A character whose bytes a continuation tears apart is whole again now.
            yield self.instruction(from_bytes(as_bytes("".join(pieces))), start)

    def continued(self, line: str) -> tuple[str, bool]:
        """The line without its continuation character, and whether the instruction ends here."""
        text = line.rstrip(" \t")
        if text.endswith(self.escape) and not text[:-1].endswith(self.escape):
            return text[:-1], False
        return line, True

    def instruction(self, line: str, start: int) -> Instruction:
        parsed = parse_line(line, self.escape, start, self.at)
        target = parsed.child or parsed
        if target.name not in _TAKE_HEREDOCS or target.json or "<<" not in line:
            return parsed
        try:
            heads = list(opened(line))
        except ValueError as e:
            raise DockerfileSyntaxError(start, str(e)) from e
        bodies = tuple(self.body(head, start) for head in heads)
        return parsed.with_heredocs(bodies, self.at)

    def body(self, head: Heredoc, start: int) -> Heredoc:
        content: list[str] = []
        while self.at < len(self.lines):
            line = self.lines[self.at]
            bare = line.rstrip("\r")
            if head.chomp:
                bare = bare.lstrip("\t")
            self.at += 1
            if bare == head.name:
                return head.with_content(clean("".join(content)))
            content.append(line + self.ends[self.at - 1])
        raise DockerfileSyntaxError(start, f"unterminated heredoc {head.name!r}")


def parse_line(line: str, escape: str, start: int, end: int) -> Instruction:
    """One instruction from its joined lines; the arguments are not checked. Raises DockerfileSyntaxError."""
    words = BLANKS.split(line.strip(SPACE), maxsplit=1)
    keyword = words[0]
    flags: tuple[str, ...] = ()
    rest = ""
    if len(words) == 2:
        rest, flags = _flags(words[1], escape)
        rest = rest.strip(SPACE)
    name = keyword.upper()
    child = None
    arguments: tuple[str, ...] | None
    is_json = False
    try:
        if name in _JSON_OR_TEXT:
            arguments = _json(rest)
            is_json = arguments is not None
            if arguments is None:
                arguments = (rest,) if rest else ()
        elif name in _JSON_OR_WORDS:
            arguments = _json(rest)
            is_json = arguments is not None
            if arguments is None:
                arguments = _blank_separated(rest)
        elif name in _WORDS:
            arguments = _blank_separated(rest)
        elif name in _TEXT:
            arguments = (rest,) if rest else ()
        elif name in _PAIRS:
            arguments = _pairs(rest, name, escape)
        elif name == "ARG":
            arguments = tuple(_words(rest, escape))
        elif name == "HEALTHCHECK":
            arguments, is_json = _health(rest)
        elif name == "ONBUILD":
            arguments = ()
            if rest:
                child = _trigger(rest, escape, start, end)
                arguments = (child.keyword, *child.arguments)
        else:
            arguments = ("",)  # an unknown keyword; `check` refuses it, but not below ONBUILD
    except ValueError as e:
        raise DockerfileSyntaxError(start, str(e)) from e
    return Instruction(
        name=name,
        line=start,
        end_line=end,
        text=clean(line),
        flags=tuple(clean(f) for f in flags),
        arguments=tuple(clean(a) for a in arguments),
        json=is_json,
        child=child,
        keyword=clean(keyword),
    )


def _trigger(rest: str, escape: str, start: int, end: int) -> Instruction:
    if BLANKS.split(rest, maxsplit=1)[0].upper() == "ONBUILD":
        raise ValueError("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
    return parse_line(rest, escape, start, end)


def _flags(text: str, escape: str) -> tuple[str, tuple[str, ...]]:
    """What follows the `--flags`, and the flags. BuildKit walks over bytes here, so this does too."""
    line = as_bytes(text)
    flags: list[str] = []
    pos, end = 0, len(line)
    while True:
        while pos < end and line[pos] in SPACE:
            pos += 1
        if pos == end:
            return "", tuple(flags)
        if not line.startswith("--", pos):
            return from_bytes(line[pos:]), tuple(flags)
        word: list[str] = []
        quote = ""
        blank_ok = False
        while pos < end and (quote or line[pos] not in SPACE):
            ch = line[pos]
            if quote and ch == quote:
                quote = ""
            elif not quote and ch in "'\"":
                quote, blank_ok = ch, True
            elif ch != escape:
                word.append(ch)
            elif pos + 1 < end:
                pos += 1
                word.append(line[pos])
            else:
                quote = ""
            pos += 1
        flag = "".join(word)
        if flag == "--":
            return from_bytes(line[pos:]), tuple(flags)
        if flag or blank_ok:
            flags.append(flag)


def _words(rest: str, escape: str) -> list[str]:
    """Words of ENV, LABEL and ARG; quotes and escapes stay in them."""
    words: list[str] = []
    pos, end = 0, len(rest)
    while pos < end:
        if rest[pos] in SPACE:
            pos += 1
            continue
        word: list[str] = []
        quote = ""
        while pos < end and (quote or rest[pos] not in SPACE):
            ch = rest[pos]
            pos += 1
            if ch == escape and quote != "'":
                if pos == end:
                    break  # an escape character at the very end is dropped
                word.append(ch)
                ch = rest[pos]
                pos += 1
            elif ch == quote:
                quote = ""
            elif not quote and ch in "'\"":
                quote = ch
            word.append(ch)
        if word:
            words.append("".join(word))
    return words


def _pairs(rest: str, name: str, escape: str) -> tuple[str, ...]:
    """Key, value, key, value ... of `NAME k=v ...` or the old `NAME k v`."""
    words = _words(rest, escape)
    if not words:
        return ()
    if "=" not in words[0]:
        parts = BLANKS.split(rest, maxsplit=1)
        if len(parts) < 2:
            raise ValueError(f"{name} must have two arguments")
        return (parts[0], parts[1])
    pairs: list[str] = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(
                f"Syntax error - can't find = in {clean(word)!r}. Must be of the form: name=value"
            )
        pairs += (key, value)
    return tuple(pairs)


def _blank_separated(rest: str) -> tuple[str, ...]:
    return tuple(BLANKS.split(rest)) if rest else ()


def _health(rest: str) -> tuple[tuple[str, ...], bool]:
    """HEALTHCHECK: the kind, then the command. BuildKit looks for the blank byte by byte."""
    line = as_bytes(rest)
    if not line:
        return (), False
    kind = re.split(f"[{SPACE}]", line, maxsplit=1)[0]
    command = from_bytes(line[len(kind) :].lstrip(SPACE))
    listed = _json(command)
    if listed is not None:
        return (from_bytes(kind), *listed), True
    return (from_bytes(kind), *((command,) if command else ())), False


def _number(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)  # Go's float64 takes no such number, so the text is no JSON to it
    return value


def _no_constant(text: str) -> object:
    raise ValueError(text)


def _json(rest: str) -> tuple[str, ...] | None:
    """The strings of a JSON array, None for other text. Raises ValueError for an array of other things."""
    text = rest.lstrip(SPACE)
    if not text.startswith("["):
        return None
    try:
        found = json.loads(text, parse_int=_number, parse_float=_number, parse_constant=_no_constant)
    except ValueError:
        return None
    except RecursionError as e:
        raise ValueError("a JSON array is nested too deeply") from e
    if not all(isinstance(item, str) for item in found):
        raise ValueError("when using JSON array syntax, arrays must be comprised of strings only")
    return tuple(found)
