"""Reads `--env` and `--env-file`: variables for the service at run time, written nowhere by us."""

from __future__ import annotations

import os
import re
from pathlib import Path

from migrate.errors import ConfigError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
LIMIT = 1_000_000


def parse_pair(pair: str) -> tuple[str, str]:
    """`K=V`, or `K` alone for the value that K has in our own environment.

    Raises ConfigError on a bad name and on a K that is not set.
    """
    name, equals, value = pair.partition("=")
    if not _NAME.match(name):
        raise ConfigError(f"{name!r} is no name of an environment variable.", do="Write --env NAME=VALUE.")
    if "\0" in value:
        raise ConfigError(f"The value of {name} holds a NUL character.")
    if equals:
        return name, value
    if name not in os.environ:
        raise ConfigError(f"--env {name} takes its value from here, but {name} is not set.")
    return name, os.environ[name]


def parse_file(path: Path) -> dict[str, str]:
    """The K=V lines of a file as Docker's `--env-file` reads them: `#` comments, blank lines, no quoting.

    Raises ConfigError with the line where it cannot be read.
    """
    try:
        if path.stat().st_size > LIMIT:
            raise ConfigError(f"{path} is larger than {LIMIT:,} bytes.")
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"The environment file {path} cannot be read.", why=str(error)) from None
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            name, value = parse_pair(line.lstrip())
        except ConfigError as error:
            raise ConfigError(f"{path}:{number}: {error.what}", do=error.do) from None
        found[name] = value
    return found
