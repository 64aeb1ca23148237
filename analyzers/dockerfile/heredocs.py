"""Here-documents of RUN, COPY and ADD: which ones a line opens.

Follows frontend/dockerfile/parser/parser.go of github.com/moby/buildkit v0.34.2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from analyzers.dockerfile.lex import Lexer, LexError

_HEREDOC = re.compile(r"([0-9]*)<<(-?)[\t\n\f\r ]*([^<]*)\Z")

# Heredocs are found with the shell's own escape character, whatever `# escape=` says.
_HEREDOC_WORDS = Lexer(raw_quotes=True, raw_escapes=True, skip_unset=True)
_HEREDOC_NAME = Lexer(skip_unset=True)
_HEREDOC_NAME_AS_WRITTEN = Lexer(raw_quotes=True, skip_unset=True)


@dataclass(frozen=True, slots=True)
class Heredoc:
    """`<<name` with its content: as written, tabs of `<<-` still there, final line feed included."""

    name: str
    content: str
    descriptor: int = 0  # of `3<<name`
    expand: bool = True  # False for a quoted name
    chomp: bool = False  # `<<-`

    def with_content(self, content: str) -> Heredoc:
        return replace(self, content=content)

    @property
    def data(self) -> str:
        """The content as it is used: without leading tabs for `<<-`."""
        return re.sub(r"(?m)^\t+", "", self.content) if self.chomp else self.content


def opened(line: str) -> Iterator[Heredoc]:
    """The heredocs that a line opens, without their content. Raises LexError."""
    try:
        words = _HEREDOC_WORDS.process(line, {}).words
    except LexError:
        return  # an open quote or a bad `${`: BuildKit sees no heredoc at all then
    for word in words:
        if head := heredoc(word):
            yield head


def heredoc(word: str) -> Heredoc | None:
    """The heredoc that this word opens, if it does. Raises LexError."""
    match = _HEREDOC.match(word)
    if not match or not match[3]:
        return None
    names = _HEREDOC_NAME.process(match[3], {}).words
    if len(names) != 1:
        return None
    written = _HEREDOC_NAME_AS_WRITTEN.process(match[3], {}).words
    if len(written) != 1:
        raise LexError(f"internal lexing of heredoc produced inconsistent results: {match[3]}")
    descriptor = match[1].lstrip("0")[:21]
    return Heredoc(
        name=names[0],
        content="",
        descriptor=min(int(descriptor or "0"), 2**64 - 1),
        expand=_quotes(names[0]) == _quotes(written[0]),
        chomp=match[2] == "-",
    )


def _quotes(text: str) -> int:
    return text.count("'") + text.count('"')


def is_heredoc(word: str) -> bool:
    """Whether a word of COPY or ADD opens a heredoc."""
    try:
        return heredoc(word) is not None
    except LexError:
        return False
