"""nginx's configuration: its syntax by crossplane's lexer, its includes from the image's own files alone.

crossplane's parser opens files by their names on this machine, so it is not used: an `include` of the
repository must never lead there. Blocks are built without recursion.
"""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace

from analyzers.languages.static_site.files import Files
from analyzers.languages.static_site.site import LONGEST, ConfigError, Directive, check_length
from analyzers.model import Unknown

_DIRECTIVES = 20_000  # of one configuration with all that it includes
_FILES = 500
_DEPTH = 40  # nesting of blocks; nginx's own contexts need six
# Files that the packages of nginx bring; they say nothing of a site.
_PACKAGED = frozenset(
    {"mime.types", "fastcgi_params", "fastcgi.conf", "uwsgi_params", "scgi_params", "koi-utf", "koi-win"}
    | {"win-utf", "proxy_params", "proxy.conf"}
)


def parse(text: str, path: str) -> tuple[Directive, ...]:
    """The directives of one file. Raises ConfigError."""
    # Its public `lex` takes a file name only.
    from crossplane.errors import NgxParserBaseException
    from crossplane.lexer import _lex_file_object

    check_length(text)
    top: list[Directive] = []
    open_blocks: list[tuple[list[str], int, list[Directive]]] = []
    current = top
    words: list[str] = []
    line = 0
    count = 0
    try:
        for piece, number, quoted in _lex_file_object(io.StringIO(f"{text}\n")):
            if quoted or piece not in ("{", "}", ";"):
                if not quoted and piece.startswith("#"):
                    continue
                line = line if words else number
                words.append(piece)
                continue
            count += 1
            if count > _DIRECTIVES:
                raise ConfigError(f"it has more than {_DIRECTIVES} directives")
            if piece == ";":
                if words:
                    current.append(Directive(words[0], tuple(words[1:]), path, line))
                words = []
            elif piece == "{":
                if len(open_blocks) >= _DEPTH:
                    raise ConfigError(f"line {number}: blocks are nested too deeply")
                open_blocks.append((words or [""], line or number, current))
                current, words = [], []
            else:
                if not open_blocks:
                    raise ConfigError(f"line {number}: a block is closed that was never opened")
                if words:
                    raise ConfigError(f"line {number}: {words[0]!r} does not end in `;`")
                head, begun, outer = open_blocks.pop()
                outer.append(Directive(head[0], tuple(head[1:]), path, begun, tuple(current)))
                current = outer
    except NgxParserBaseException as error:
        raise ConfigError(str(error.strerror)) from error
    if open_blocks:
        raise ConfigError(f"the block of line {open_blocks[-1][1]} is never closed")
    if words:
        raise ConfigError(f"line {line}: {words[0]!r} does not end in `;`")
    return tuple(top)


class Loader:
    """Reads a configuration with its includes. What is not there or not readable goes to `unknown`."""

    def __init__(self, files: Files, prefix: str) -> None:
        self.files = files
        self.prefix = prefix
        self.unknown: list[Unknown] = []
        self.read: list[str] = []
        self._spent = 0
        self._length = 0

    def load(self, path: str) -> tuple[Directive, ...]:
        """The directives of a file of the image; none where it is not known."""
        text = self.files.text(path)
        return self.parsed(text, path, ()) if text is not None else ()

    def parsed(self, text: str, path: str, above: Sequence[str]) -> tuple[Directive, ...]:
        """The directives of a text, includes put in."""
        self.read.append(path)
        self._length += len(text)
        if self._length > 4 * LONGEST:
            return ()
        try:
            directives = parse(text, path)
        except ConfigError as error:
            source = self.files.repository_path(path)
            if source is not None:
                self.files.tree.give_up(source, f"is no configuration of nginx that can be read: {error}")
            self.unknown.append(
                Unknown(f"what {path} configures: {error}", "a configuration that `nginx -t` accepts",
                        self.files.evidence(path, 1))
            )  # fmt: skip
            return ()
        return tuple(self._expanded(directives, (*above, path)))

    def _expanded(self, directives: Sequence[Directive], above: Sequence[str]) -> Iterator[Directive]:
        for one in directives:
            self._spent += 1
            if self._spent > _DIRECTIVES:
                return
            if one.name == "include" and one.args and one.block is None:
                for path in self._included(one, above):
                    text = self.files.text(path)
                    if text is not None:
                        yield from self.parsed(text, path, above)
            elif one.block is not None:
                yield replace(one, block=tuple(self._expanded(one.block, above)))
            else:
                yield one

    def _included(self, include: Directive, above: Sequence[str]) -> list[str]:
        pattern = posixpath.join(self.prefix, include.args[0])
        if len(self.read) > _FILES:
            return []
        found = [path for path in self.files.matching(pattern) if path not in above]
        if not found and not any(c in pattern for c in "*?[") and posixpath.normpath(pattern) not in above:
            name = posixpath.basename(pattern)
            if name not in _PACKAGED and not posixpath.normpath(pattern).startswith("/usr/share/nginx/"):
                self.unknown.append(
                    Unknown(
                        f"what {include.args[0]} configures: it is no file of the repository",
                        "a COPY of the file into the image",
                        self.files.evidence(include.path, include.line),
                    )
                )
        return found
