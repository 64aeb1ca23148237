"""What goes wrong when a Dockerfile or an ignore file is read."""

from __future__ import annotations


class DockerfileError(Exception):
    """Base of all errors of this package. `line` counts from 1; `message` says what and why."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


class DockerfileSyntaxError(DockerfileError):
    """A file that BuildKit refuses, or one beyond the limits within which it is read."""
