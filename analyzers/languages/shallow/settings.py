"""Configuration files as flat settings: properties, YAML, JSON and .env files, each key with its line."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from analyzers.model import EnvVar, Evidence
from analyzers.repository import Tree

_LINE = re.compile(r"^\s*([\w.\[\]-]+)\s*[=:]\s*(.*?)\s*$")
_YAML = re.compile(r"^( *)(?:- )?([\w.\"'-]+):(?:\s+(.*?))?\s*$")
_VARIABLE = re.compile(r"\$\{([^{}:]+)(?::-?([^{}]*))?\}")
_DEPTH = 40


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting's value as written, variables with a known value or default put in."""

    value: str
    evidence: Evidence


def read(tree: Tree, paths: Iterable[str], env: Mapping[str, str]) -> dict[str, Setting]:
    """The settings of some files by dotted, lower-case key; a later file outranks an earlier one.

    YAML is read line by line: only nested mappings of plain values count, which is what settings are, and
    the profile's sections after `---` add to those before. A file that cannot be read adds nothing.
    """
    found: dict[str, Setting] = {}
    for path in paths:
        text = tree.text(path)
        if text is None:
            continue
        if path.endswith(".json"):
            pairs = _json(tree, path, text)
        elif path.endswith((".yml", ".yaml")):
            pairs = _yaml(text)
        else:
            pairs = _properties(text)
        for key, value, line in pairs:
            known = Setting(expand(value, env), Evidence(path, line, tree.line(path, line)))
            found[_relaxed(key)] = known
    return found


def of_environment(variables: Iterable[EnvVar]) -> dict[str, Setting]:
    """Settings that variables give, `SPRING_DATASOURCE_URL` as `spring.datasource.url`."""
    return {
        _relaxed(one.name.replace("__", ".").replace("_", ".")): Setting(one.value, one.evidence)
        for one in variables
        if one.value
    }


def expand(value: str, env: Mapping[str, str]) -> str:
    """A value with `${X:default}` and `${X:-default}` filled in; unknown ones stay."""
    for _ in range(4):
        filled = _VARIABLE.sub(lambda m: env.get(m[1], m[2] if m[2] is not None else m[0]), value)
        if filled == value:
            break
        value = filled[:2_000]
    return value


def _relaxed(key: str) -> str:
    return key.lower().replace("-", "").replace("_", "") if "." in key else key.lower()


def key(name: str) -> str:
    """The form in which `read` keeps a key: `max-size`, `maxSize` and `MAX_SIZE` are one."""
    return _relaxed(name)


def _properties(text: str) -> Iterable[tuple[str, str, int]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip()[:1] in ("#", "!", ";", ""):
            continue
        match = _LINE.match(line[:2_000])
        if match:
            yield match[1], match[2].strip("\"'"), number


def _yaml(text: str) -> Iterable[tuple[str, str, int]]:
    stack: list[tuple[int, str]] = []
    for number, line in enumerate(text.split("\n"), 1):
        match = _YAML.match(line[:2_000])
        if match is None or line.lstrip().startswith("#"):
            continue
        indent = len(match[1])
        while stack and stack[-1][0] >= indent:
            stack.pop()
        name = match[2].strip("\"'")
        value = match[3]
        if value is not None and not value.startswith("#"):
            yield ".".join([*(part for _, part in stack), name]), _scalar(value), number
        elif len(stack) < _DEPTH:
            stack.append((indent, name))


def _scalar(value: str) -> str:
    if value[:1] in "\"'":
        return value[1:].partition(value[0])[0]
    return value.partition(" #")[0].strip()


def _json(tree: Tree, path: str, text: str) -> Iterable[tuple[str, str, int]]:
    plain = re.sub(r"(?m)^[ \t]*//.*$", "", text)
    try:
        data = json.loads(plain)
    except (ValueError, RecursionError) as error:
        tree.give_up(path, f"is no JSON that can be read: {error}"[:200])
        return
    lines = text.split("\n")
    work: list[tuple[str, Any, int]] = [("", data, 0)]
    while work:
        prefix, node, depth = work.pop()
        if isinstance(node, dict) and depth < _DEPTH:
            work.extend((f"{prefix}.{k}" if prefix else str(k), v, depth + 1) for k, v in node.items())
        elif isinstance(node, str | int | float | bool):
            last = prefix.rpartition(".")[2]
            number = next((n for n, one in enumerate(lines, 1) if f'"{last}"' in one), 1)
            yield prefix, str(node), number
