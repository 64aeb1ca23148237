"""The commands that `make` runs for its goals: rules, variables and pattern rules, functions left out."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from analyzers.guest import Guest

_SIZE = 400_000  # characters of a Makefile that is read
_GOALS = 200
_RULE = re.compile(r"^([^\s:#=][^:=#]*?)\s*::?(?!=)\s*([^#\n]*)$")
_SET = re.compile(r"^(?:export\s+|override\s+)?([A-Za-z_][\w.-]*)\s*(\?|:|::|\+)?=\s*(.*)$")


def recipes(
    words: Sequence[str], folder: str, env: Mapping[str, str], guest: Guest
) -> Iterator[tuple[str, str, dict[str, str]]]:
    """The command lines of `make words...`, each with its folder and the variables that it sees."""
    goals: list[str] = []
    file = ""
    rest = list(words)
    local = dict(env)
    while rest:
        word = rest.pop(0)
        if word in ("-C", "--directory") and rest:
            folder = posixpath.normpath(posixpath.join(folder, rest.pop(0)))
        elif word in ("-f", "--file") and rest:
            file = rest.pop(0)
        elif match := re.fullmatch(r"([A-Za-z_]\w*)=(.*)", word):
            local[match[1]] = match[2]
        elif not word.startswith("-"):
            goals.append(word)
    names = (file,) if file else ("GNUmakefile", "makefile", "Makefile")
    text = next((t for n in names if (t := guest.text(posixpath.join(folder, n))) is not None), None)
    if text is None or len(text) > _SIZE:
        return
    rules, variables = _makefile(text, local)
    seen: set[str] = set()
    waiting = list(reversed(goals or [next((n for n in rules if not n.startswith(".")), "")]))
    exported = {k: v for k, v in variables.items() if k in ("CGO_ENABLED", "GOFLAGS", "GOOS")}
    while waiting and len(seen) < _GOALS:
        goal = waiting.pop()
        if goal in seen:
            continue
        seen.add(goal)
        needs, recipe = rules.get(goal) or _pattern(rules, goal)
        waiting += [_expand(one, variables) for one in reversed(needs)]
        for raw in recipe:
            line = raw.replace("$@", goal).replace("$(@F)", posixpath.basename(goal))
            yield _expand(line, variables).replace("$$", "$").lstrip("@-+ "), folder, {**local, **exported}


def _makefile(
    text: str, env: Mapping[str, str]
) -> tuple[dict[str, tuple[list[str], list[str]]], dict[str, str]]:
    rules: dict[str, tuple[list[str], list[str]]] = {}
    variables: dict[str, str] = dict(env)
    current: list[str] = []
    for line in re.sub(r"\\\n\s*", " ", text).split("\n"):
        if line.startswith("\t"):
            for name in current:
                rules[name][1].append(line.strip())
        elif match := _SET.match(line):
            name, mark, value = match[1], match[2], match[3].strip()
            if name in env or (mark == "?" and name in variables):
                continue
            variables[name] = f"{variables.get(name, '')} {value}".strip() if mark == "+" else value
        elif match := _RULE.match(line):
            current = _expand(match[1], variables).split()
            if _SET.match(match[2]):  # a variable of one target
                continue
            needs = _expand(match[2], variables).split()
            for name in current:
                rules.setdefault(name, ([], []))[0].extend(n for n in needs if n != "|")
    return rules, variables


def _pattern(rules: Mapping[str, tuple[list[str], list[str]]], goal: str) -> tuple[list[str], list[str]]:
    for name, rule in rules.items():
        head, percent, tail = name.partition("%")
        if percent and len(goal) > len(head) + len(tail) and goal.startswith(head) and goal.endswith(tail):
            stem = goal[len(head) : len(goal) - len(tail)]
            return [n.replace("%", stem) for n in rule[0]], [r.replace("$*", stem) for r in rule[1]]
    return [], []


def _expand(text: str, variables: Mapping[str, str]) -> str:
    for _ in range(6):
        new = re.sub(r"\$[({]([A-Za-z_][\w.-]*)[)}]", lambda m: variables.get(m[1], ""), text)
        if new == text or len(new) > 20_000:
            break
        text = new
    return text
