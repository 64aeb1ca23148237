"""A rule's cases as text for people: what the rule speaks on, with its words, and what it passes over."""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.rules._rule import Case, Check

_LINES = 14  # of one file
_BOILERPLATE = frozenset({"requirements.txt"})


def lines(case: Case, check: Check) -> Iterator[str]:
    """One case. A constructed service is shown by what the rule says of it, a repository by its source."""
    yield f"{'bad' if case.at else 'good'}: {case.name}"
    if case.service is not None:
        for finding in check(case.service):
            place = f" ({finding.evidence[0]})" if finding.evidence else ""
            yield f"    says: {finding.message}{place}"
        return
    marked = {place for place in case.at if place}
    paths = {place.rpartition(":")[0] for place in marked} or set(case.files) - _BOILERPLATE
    shown = [path for path in case.files if path in paths and (marked or path != "Dockerfile")]
    for path in shown or sorted(paths & set(case.files)):
        yield from _file(path, case.files[path], marked)


def _file(path: str, text: str, marked: set[str]) -> Iterator[str]:
    """A file's lines with numbers, those that a finding names behind `>`; around these where it is long."""
    every = list(enumerate(text.splitlines(), 1))
    named = [number for number, _ in every if f"{path}:{number}" in marked]
    if len(every) > _LINES:
        first = max(1, (named[0] if named else len(every)) - _LINES // 2)
        every = every[first - 1 : first - 1 + _LINES]
    yield f"    {path}"
    for number, line in every:
        if line.strip():
            mark = ">" if number in named else " "
            yield f"    {mark} {number:>3} | {line}".rstrip()
