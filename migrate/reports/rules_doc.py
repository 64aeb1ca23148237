"""The rules' pages in `docs/rules/`, rendered from the rules: their docstrings, their data, their cases.

`python -m migrate.reports.rules_doc` writes them; a test tells when they are not current.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from analyzers.rules import LoadedRule, load

FOLDER = Path("docs/rules")
# How the rules did on the labelled services; `tests/labelled/score.py --write-precision` writes it.
PRECISION = Path(__file__).resolve().parents[2] / "docs" / "labelled" / "rules.json"
INDEX = "README.md"
_GENERATED = "<!-- Rendered from analyzers/rules by `python -m migrate.reports.rules_doc`. -->\n"


def pages() -> dict[str, str]:
    """File name -> Markdown, the index included."""
    rules = load()
    measured = json.loads(PRECISION.read_text("utf-8"))
    return {INDEX: _index(rules), **{f"{found.rule.id}.md": _page(found, measured) for found in rules}}


def write(repository: Path) -> tuple[str, ...]:
    """Writes the pages and removes those of rules that are gone. Returns the names that changed."""
    folder = repository / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    changed: list[str] = []
    for path in folder.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
            changed.append(path.name)
    for name, text in wanted.items():
        path = folder / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")
            changed.append(name)
    return tuple(sorted(changed))


def _index(rules: tuple[LoadedRule, ...]) -> str:
    rows = "".join(
        f"| [{found.rule.id}]({found.rule.id}.md) | {found.rule.title} | {found.rule.severity} "
        f"| {found.rule.effect} | {found.rule.weight} | {_needs(found)} |\n"
        for found in rules
    )
    return (
        f"{_GENERATED}\n# Rules\n\n"
        "A rule says one thing about a service. How findings become a verdict: [verdict](../verdict.md).\n"
        "Effect and weight hold where the needs are not given; `dock2wasm explain RULE` prints a page.\n\n"
        "| rule | says | severity | effect | weight | needs |\n| --- | --- | --- | --- | --- | --- |\n"
        f"{rows}"
    )


def _page(found: LoadedRule, measured: dict[str, Any]) -> str:
    rule = found.rule
    sections = "".join(f"## {heading}\n\n{text}\n\n" for heading, text in found.sections)
    speaks = "".join(f"- {case.name}\n" for case in found.cases if case.at)
    silent = "".join(f"- {case.name}\n" for case in found.cases if not case.at)
    return (
        f"{_GENERATED}\n# {rule.id}\n\n{rule.title}.\n\n"
        "| severity | effect | weight | needs | effort |\n| --- | --- | --- | --- | --- |\n"
        f"| {rule.severity} | {rule.effect} | {rule.weight} | {_needs(found)} | {_effort(found)} |\n\n"
        f"{sections}"
        f"## How often it is right\n\n{_precision(found, measured)}\n\n"
        f"## Examples\n\nIt speaks on:\n\n{speaks}\nIt is silent on:\n\n{silent}\n"
        f"They are the cases of `analyzers/rules/{found.module}.py`, and tests.\n"
    )


def _precision(found: LoadedRule, measured: dict[str, Any]) -> str:
    """Of the labelled services on which the rule had an effect, those whose label is as strict."""
    on = f"the {measured['services']} [labelled services](../labelled-set.md) that rules were written with"
    row = measured["rules"].get(found.rule.id)
    if row is None:
        return f"It had an effect on none of {on} ({measured['date']})."
    share = f"{100 * row['agreed'] / row['services']:.0f} %"
    return (
        f"It had an effect on {row['services']} of {on}; the label of {row['agreed']} ({share})\n"
        f"is as strict or stricter ({measured['date']})."
    )


def _needs(found: LoadedRule) -> str:
    return " ".join(f"`{need}`" for need in found.rule.needs) or "-"


def _effort(found: LoadedRule) -> str:
    low, high = found.rule.effort
    return f"{low:g} to {high:g} days" if high else "-"


if __name__ == "__main__":
    for changed_name in write(Path(__file__).resolve().parents[2]):
        sys.stdout.write(f"{FOLDER / changed_name}\n")
