"""Start commands that are no request handlers, known by the program that they name: `programs.toml`.

This holds for services of every language, also for those whose source no reader claims.
"""

from __future__ import annotations

import posixpath
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

_WORDS = 6  # the program stands among the first words: after `bundle exec`, `python -m`, `npx`


class Kind(StrEnum):
    """What such a program does."""

    WORKER = "worker"
    SCHEDULER = "scheduler"
    JOB = "job"
    DEVELOPMENT = "development"


@dataclass(frozen=True, slots=True)
class Program:
    """A program that was recognised. `name` holds the words that tell: `celery worker`."""

    kind: Kind
    name: str


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: Kind
    needed: frozenset[str]
    forbidden: frozenset[str]


def of(command: Sequence[str]) -> Program | None:
    """The program that a start command names, where it is one of the list."""
    words = [word if word.startswith("-") else posixpath.basename(word) for word in command]
    led = True  # whether all words before only lead to the program
    for position, word in enumerate(words[:_WORDS]):
        rest = set(words[position + 1 :])
        for entry in _entries().get(word, ()):
            # Behind a wrapper that nobody knows, a name alone may be anything; one with its verb is not.
            if (entry.needed & rest if entry.needed else led) and not entry.forbidden & rest:
                verb = next((one for one in words[position + 1 :] if one in entry.needed), "")
                return Program(entry.kind, f"{word} {verb}".strip())
        led = led and (word.startswith("-") or _passes_on(word))
    return None


def _passes_on(word: str) -> bool:
    """Whether a word only leads to the program that is meant."""
    return word in _LEADING or word.startswith("python") or word.endswith((".sh", "entrypoint"))


# fmt: off
_LEADING = frozenset({
    "bundle", "exec", "npx", "pnpx", "bunx", "yarn", "pnpm", "npm", "bun", "node", "php", "ruby", "uv", "uvx",
    "run", "poetry", "pipenv", "pdm", "hatch", "dlx", "tini", "dumb-init", "su-exec", "gosu", "env", "nice",
    "opentelemetry-instrument", "ddtrace-run", "newrelic-admin", "run-program", "dotenv", "dotenvx",
    "doppler", "deno",
})
# fmt: on


@cache
def _entries() -> Mapping[str, tuple[_Entry, ...]]:
    data = tomllib.loads(Path(__file__).with_name("programs.toml").read_text("utf-8"))
    found: dict[str, tuple[_Entry, ...]] = {}
    for row in data["program"]:
        entry = _Entry(Kind(row["kind"]), frozenset(row.get("with", ())), frozenset(row.get("without", ())))
        for name in row["names"]:
            found[name] = (*found.get(name, ()), entry)
    return found
