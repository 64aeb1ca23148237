"""The rules: one file each. A module here whose name has no leading underscore is a rule.

It holds RULE (a `Rule`), `check(service) -> Iterator[Finding]`, CASES (examples that are tests), and a
docstring with the headings of `HEADINGS`, which is its page in the documentation.
"""

from __future__ import annotations

import difflib
import hashlib
import pkgutil
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from analyzers.model import Finding, RuleFailure, Service
from analyzers.rules import _examples
from analyzers.rules._rule import Case, Check, Rule

HEADINGS = ("What it says", "Why", "How to mend", "What it cannot know")


@dataclass(frozen=True, slots=True)
class LoadedRule:
    """A rule as it was found. `sections` holds the text below each of HEADINGS, as Markdown."""

    rule: Rule
    check: Check
    cases: tuple[Case, ...]
    module: str
    sections: tuple[tuple[str, str], ...]


@cache
def load() -> tuple[LoadedRule, ...]:
    """All rules, ordered by id. Raises ValueError or TypeError on a module that is no whole rule."""
    found = [
        _load(module.name) for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_")
    ]
    return tuple(sorted(found, key=lambda rule: rule.rule.id))


def run(
    service: Service, rules: Iterable[LoadedRule] | None = None
) -> tuple[tuple[Finding, ...], tuple[RuleFailure, ...]]:
    """What the rules find, and the rules that raised. One that raises loses its findings, not the rest."""
    findings: list[Finding] = []
    failures: list[RuleFailure] = []
    for loaded in load() if rules is None else rules:
        try:
            findings += list(loaded.check(service))
        except Exception as error:  # any fault of one rule must not hide what the others found
            failures.append(RuleFailure(loaded.rule.id, service.name, f"{type(error).__name__}: {error}"))
    return tuple(findings), tuple(failures)


def explain(rule_id: str) -> str:
    """A rule's page as plain text. Raises KeyError with a message for people where there is no such rule."""
    loaded = {rule.rule.id: rule for rule in load()}
    if rule_id not in loaded:
        near = difflib.get_close_matches(rule_id, loaded, n=3, cutoff=0.5)
        hint = f"Did you mean {', '.join(near)}?" if near else f"Rules: {', '.join(loaded)}."
        raise KeyError(f"There is no rule {rule_id!r}. {hint}")
    found = loaded[rule_id]
    rule = found.rule
    facts = f"severity {rule.severity}, effect {rule.effect}, weight {rule.weight}"
    if rule.needs:
        facts += f", needs {' '.join(map(str, rule.needs))}"
    lines = [f"{rule.id}: {rule.title}", "", facts]
    for heading, text in found.sections:
        lines += ["", heading.upper(), textwrap.indent(text, "  ")]
    lines += ["", "EXAMPLES"]
    lines += [f"  {line}" for case in found.cases for line in _examples.lines(case, found.check)]
    return "\n".join(lines)


@cache
def version() -> str:
    """How many rules there are and a hash of them and of what they judge by (`analyzers/support`)."""
    digest = hashlib.sha256()
    for package in (
        "analyzers.rules",
        "analyzers.support",
        "analyzers.support.toolchains",
        "analyzers.support.advice",
    ):
        module = import_module(package)
        for name in _sources(module.__path__):
            data = pkgutil.get_data(package, name)
            digest.update(name.encode() + b"\0" + (data or b"") + b"\0")
    return f"{len(load())}-{digest.hexdigest()[:12]}"


def _sources(paths: Iterable[str]) -> list[str]:
    from pathlib import Path

    return sorted(
        entry.name for path in paths for entry in Path(path).iterdir() if entry.suffix in {".py", ".toml"}
    )


def _load(name: str) -> LoadedRule:
    module = import_module(f"{__name__}.{name}")
    rule: object = getattr(module, "RULE", None)
    check = getattr(module, "check", None)
    if not isinstance(rule, Rule) or not callable(check):
        raise TypeError(f"analyzers/rules/{name}.py has no RULE or no check().")
    cases: tuple[Case, ...] = tuple(getattr(module, "CASES", ()))
    if not any(case.at for case in cases) or all(case.at for case in cases):
        raise ValueError(
            f"analyzers/rules/{name}.py needs a case in which it speaks and one in which it is silent."
        )
    return LoadedRule(rule, check, cases, name, _sections(name, module.__doc__ or ""))


def _sections(name: str, doc: str) -> tuple[tuple[str, str], ...]:
    parts = re.split(r"^## (.+)$", doc.strip(), flags=re.MULTILINE)
    headings = tuple(part.strip() for part in parts[1::2])
    if headings != HEADINGS:
        raise ValueError(
            f"analyzers/rules/{name}.py: its docstring needs the headings {', '.join(HEADINGS)}."
        )
    return tuple(zip(headings, (part.strip() for part in parts[2::2]), strict=True))
