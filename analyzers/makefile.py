"""The recipe of a Makefile's target, as far as a start command needs it: variables, rules, no functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

_RULE = re.compile(r"([^\s:#=][^:#=]*?)\s*::?(?!=)\s*([^#;]*)(?:;(.*))?")
_VARIABLE = re.compile(r"(?:export\s+|override\s+)?([A-Za-z_][\w.-]*)\s*(\?|:{0,3}|\+)=\s*(.*)")
_REFERENCE = re.compile(r"\$\$|\$\(([\w.-]+)\)|\$\{([\w.-]+)\}")
_LONGEST = 200_000  # characters of a Makefile that are read
_EXPANSIONS = 2_000
_LENGTH = 20_000


@dataclass(frozen=True, slots=True)
class Recipe:
    """What `make TARGET` runs: a shell text whose lines stand at their place in the Makefile.

    `before` are the recipe lines of prerequisites, with their numbers.
    """

    text: str
    before: tuple[tuple[int, str], ...]


def recipe(text: str, target: str | None, env: Mapping[str, str]) -> Recipe | None:
    """The recipe of a target (the first one for None); None where there is none."""
    variables = dict(env)
    rules: dict[str, tuple[list[str], list[tuple[int, str]]]] = {}
    order: list[str] = []
    current: list[list[tuple[int, str]]] = []
    for number, line in _lines(text):
        if line.startswith("\t"):
            for lines in current:
                lines.append((number, line.strip()))
            continue
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if match := _VARIABLE.fullmatch(line.strip()):
            if match[2] == "+":
                variables[match[1]] = f"{variables.get(match[1], '')} {match[3]}".strip()[:_LENGTH]
            elif match[2] != "?" or match[1] not in variables:
                variables[match[1]] = match[3]
            current = []
            continue
        current = []
        if match := _RULE.fullmatch(line.strip()):
            for name in match[1].split():
                needed, lines = rules.setdefault(name, ([], []))
                needed += match[2].split()
                lines += [(number, match[3].strip())] if match[3] else []
                current.append(lines)
                order += [] if name.startswith(".") or name in order else [name]
    name = target or next(iter(order), None)
    if name is None or name not in rules:
        return None
    expand = _Expander(variables)
    before = [pair for one in _needed(rules, name) for pair in rules[one][1]]
    last = max((number for number, _ in rules[name][1]), default=0)
    placed = [""] * last
    for number, line in rules[name][1]:
        placed[number - 1] = expand(line.lstrip("@-+ "))
    return Recipe("\n".join(placed), tuple((number, expand(line.lstrip("@-+ "))) for number, line in before))


def _needed(rules: Mapping[str, tuple[Sequence[str], object]], target: str) -> list[str]:
    """The prerequisites of a target that are rules themselves, those needed first leading."""
    found: dict[str, None] = {}
    todo = list(reversed(rules[target][0]))
    while todo and len(found) < 200:
        name = todo.pop()
        if name in rules and name != target and name not in found:
            found[name] = None
            todo += reversed(rules[name][0])
    return list(reversed(found))


def _lines(text: str) -> list[tuple[int, str]]:
    """Lines with continued ones joined, each with the number of its first."""
    found: list[tuple[int, str]] = []
    held, start = "", 0
    for number, line in enumerate(text[:_LONGEST].split("\n"), 1):
        start = start if held else number
        if line.endswith("\\"):
            held += line[:-1] + " "
            continue
        found.append((start, held + line))
        held = ""
    return [*found, (start, held)] if held else found


class _Expander:
    def __init__(self, variables: Mapping[str, str]) -> None:
        self.variables = variables
        self.spent = 0

    def __call__(self, text: str, depth: int = 0) -> str:
        def value(match: re.Match[str]) -> str:
            self.spent += 1
            if match[0] == "$$":
                return "$$" if depth else "$"
            name = match[1] or match[2]
            if name == "MAKE":
                return "make"
            if depth > 10 or self.spent > _EXPANSIONS or name not in self.variables:
                return ""
            return self(self.variables[name], depth + 1)

        return _REFERENCE.sub(value, text)[:_LENGTH]
