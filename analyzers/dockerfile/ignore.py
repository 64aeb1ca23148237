""".dockerignore: which files of a context never reach a build.

Lines are read as moby/patternmatcher/ignorefile v0.6.1 reads them, matched by `globs.Patterns`. Which file
holds them is the caller's to choose: `<Dockerfile>.dockerignore` beside the Dockerfile goes before
`.dockerignore` at the context's root.
"""

from __future__ import annotations

from analyzers.dockerfile.errors import DockerfileSyntaxError
from analyzers.dockerfile.globs import BadPatternError, Patterns
from analyzers.dockerfile.limits import MAX_BYTES, MAX_LINE, TooMuchError
from analyzers.dockerfile.paths import clean
from analyzers.dockerfile.text import SPACE


class IgnoreFile:
    """The patterns of one ignore file, in their order."""

    def __init__(self, patterns: tuple[str, ...]) -> None:
        self.patterns = patterns
        self._patterns = Patterns(patterns)

    def excludes(self, path: str) -> bool:
        """Whether the file or folder is left out. `path` is relative to the context.

        Raises DockerfileSyntaxError when patterns and paths together ask for too much.
        """
        try:
            return self._patterns.matches(path)
        except TooMuchError as e:
            raise DockerfileSyntaxError(1, f"the ignore file: {e}") from e


def parse(text: str) -> IgnoreFile:
    """The ignore file of this text. Raises DockerfileSyntaxError for a pattern that a build refuses."""
    if len(text) > MAX_BYTES:
        raise DockerfileSyntaxError(
            1, f"an ignore file of {len(text)} characters; at most {MAX_BYTES} are read"
        )
    patterns: list[str] = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if len(line) > MAX_LINE:
            raise DockerfileSyntaxError(number, f"a line of the ignore file greater than {MAX_LINE} bytes")
        if line.startswith("#") or not (pattern := line.strip(SPACE)):
            continue
        exception = pattern.startswith("!")
        if exception:
            pattern = pattern[1:].strip(SPACE)
        if pattern:
            pattern = clean(pattern)
            if len(pattern) > 1 and pattern.startswith("/"):
                pattern = pattern[1:]
        if exception:
            pattern = f"!{pattern}"
        try:
            Patterns((pattern,))
        except BadPatternError as e:
            raise DockerfileSyntaxError(number, f"the ignore file: {e}") from e
        patterns.append(pattern)
    return IgnoreFile(tuple(patterns))
