"""Measures `assess` against the labels of a half: `tests/labelled/score.py --half rules --checkouts DIR`.

DIR holds one folder a repository, `<owner>--<name>`. A folder's commit is compared with the label's where
git's files are there to tell it; where they are not (an archive), the report says that it was not verified.

Each service is judged twice: as the distribution stands (against `verdict_today`), and with the lanes of
`proven.toml` proven (against `verdict`). Facets, language, names and rules are measured in the second run. A
label that is disputed for a value counts for it only in the first of the two figures that are given.
"""

from __future__ import annotations

import argparse
import datetime
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

if __package__ in (None, ""):  # started as a script
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from analyzers import support
from analyzers.assess import assess
from analyzers.inventory import read
from analyzers.model import Effect, Need, NeedKind, ServiceAssessment, Verdict
from tests.labelled.labels import HERE, Label, Repository, match, repositories

REPOSITORY = HERE.parents[1]
PRECISION = REPOSITORY / "docs" / "labelled" / "rules.json"
FACETS = ("state", "gpu", "inbound", "outbound", "native_dependencies", "processes", "privileged")
VERDICTS = ("verdict", "verdict today")
_STRICT = (Verdict.CONVERT, Verdict.REFACTOR, Verdict.KEEP)


@dataclass(frozen=True, slots=True)
class Check:
    """One value of one service: as labelled and as found."""

    what: str
    service: str
    language: str
    expected: str
    got: str
    disputed: bool

    @property
    def right(self) -> bool:
        return self.expected == self.got


@dataclass(slots=True)
class Score:
    """What a run over a half found. `about` tells the label's reasons and our findings by service."""

    half: str
    date: str
    repositories: int = 0
    unread: list[str] = field(default_factory=list)
    unverified: list[str] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)  # service, language
    extra: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    about: dict[str, list[str]] = field(default_factory=dict)
    spoken: Counter[str] = field(default_factory=Counter)  # rule -> services on which it had an effect
    agreed: Counter[str] = field(default_factory=Counter)


def proven() -> support.Support:
    """The support data with the lanes of `proven.toml` proven at the baseline, and nothing else changed."""
    real = support.load()
    row = real.baseline.features[0]
    with (HERE / "proven.toml").open("rb") as file:
        data = tomllib.load(file)
    date = data.pop("date")
    lanes = {lane.name: lane for lane in real.lanes}
    for name, lane in data.items():
        needs = [Need(NeedKind.LANE, name), Need(NeedKind.HTTP_OUT), Need(NeedKind.SECRET_ENV)]
        needs += [Need(NeedKind.LANE, f"{name}:{interface}") for interface in lane["interfaces"]]
        needs += [Need(NeedKind.NATIVE, package) for package in lane["native"]]
        feature = replace(
            row, feature="as labelled", needs=tuple(needs), source="tests/labelled/proven.toml", date=date
        )
        lanes[name] = support.Lane(name, name, (feature,))
    return replace(real, lanes=tuple(lanes.values()))


def score(half: str, labelled: Iterable[Repository], checkouts: Path) -> Score:
    """Reads each repository of a half below `checkouts`."""
    done = Score(half, datetime.datetime.now(tz=datetime.UTC).date().isoformat())
    overlay = proven()
    for repository in labelled:
        folder = checkouts / repository.folder
        if not folder.is_dir():
            done.unread.append(f"{repository.name}: no folder {folder}")
            continue
        _score(done, repository, folder, overlay)
    return done


def _score(done: Score, repository: Repository, folder: Path, overlay: support.Support) -> None:
    inventory = read(folder, name=repository.name.partition("/")[2])
    if inventory.commit is None:
        done.unverified.append(repository.name)
    elif inventory.commit != repository.commit:
        done.unread.append(f"{repository.name}: {inventory.commit} is not the labelled {repository.commit}")
        return
    done.repositories += 1
    now = {one.service.name: one for one in assess(inventory).services}
    then = assess(inventory, support=overlay)
    matching = match(repository, then.services)
    for label, one in matching.pairs:
        where = f"{repository.name}: {label.name}"
        language = label.language or "none"
        if one is None:
            done.missing.append((where, language))
            continue
        done.checks += (
            Check(what, where, language, expected, got, about in label.disputed)
            for what, about, expected, got in _values(label, one, now[one.service.name])
        )
        done.about[where] = list(_about(label, one))
        for rule in {finding.rule for finding in one.findings if finding.effect is not Effect.NONE}:
            done.spoken[rule] += 1
            done.agreed[rule] += any(
                _STRICT.index(label.verdict) >= _STRICT.index(_of_effect(finding.effect))
                for finding in one.findings
                if finding.rule == rule and finding.effect is not Effect.NONE
            )
    done.extra += (f"{repository.name}: {_described(one)}" for one in matching.extra)
    done.left_out += (f"{repository.name}: {one.service.name}" for one in matching.left_out)


def _values(
    label: Label, one: ServiceAssessment, today: ServiceAssessment
) -> Iterator[tuple[str, str, str, str]]:
    """What is compared, what it is disputed as, the labelled and the found value."""
    yield "verdict", "verdict", label.verdict, one.verdict
    yield "verdict today", "verdict", label.today, today.verdict
    yield "language", "language", label.language or "none", one.service.language or "none"
    yield "name", "discovery", label.name, one.service.name
    for facet in FACETS:
        yield facet, facet, _written(label.facets[facet]), _written(getattr(one.facets, facet))


def _written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return " ".join(sorted({str(item) for item in value})) or "-"
    return str(value)


def _of_effect(effect: Effect) -> Verdict:
    return Verdict.KEEP if effect is Effect.KEEP else Verdict.REFACTOR


def _about(label: Label, one: ServiceAssessment) -> Iterator[str]:
    yield f"label: {label.reasons}"
    if label.argument:
        yield f"disputed ({', '.join(sorted(label.disputed))}): {label.argument}"
    yield from (f"label evidence: {line}" for line in label.evidence)
    source = one.service.source
    yield f"we: start {' '.join(one.service.start_command) or '?'}; entry {source.entry if source else '-'}"
    if source:
        told = f"{source.framework or 'no framework'}, interface {source.interface}"
        yield f"we: {told}, {len(source.files)} files"
    for finding in one.findings:
        place = f" ({finding.evidence[0]})" if finding.evidence else ""
        yield f"we: {finding.effect} {finding.rule}: {finding.message}{place}"
    yield from (f"we: unknown {item.what}" for item in one.unknown)


def _described(one: ServiceAssessment) -> str:
    service = one.service
    where = service.dockerfile or (service.compose.ref.file if service.compose else "?")
    return f"{service.name} ({where}, {one.verdict})"


# --- reports -------------------------------------------------------------------------------------


def shares(checks: Iterable[Check]) -> dict[str, dict[str, int]]:
    """Right and total by what is compared, with and without disputed labels."""
    table: dict[str, dict[str, int]] = {}
    for check in checks:
        row = table.setdefault(
            check.what, {"right": 0, "total": 0, "undisputed_right": 0, "undisputed_total": 0}
        )
        row["right"] += check.right
        row["total"] += 1
        if not check.disputed:
            row["undisputed_right"] += check.right
            row["undisputed_total"] += 1
    return table


def confusion(checks: Iterable[Check], what: str) -> dict[str, dict[str, int]]:
    """Labelled verdict -> found verdict -> number."""
    table = {str(label): {str(found): 0 for found in _STRICT} for label in _STRICT}
    for check in checks:
        if check.what == what:
            table[check.expected][check.got] += 1
    return table


def precision(done: Score) -> dict[str, dict[str, int]]:
    """By rule: services on which it had an effect, and those whose label is as strict or stricter."""
    return {
        rule: {"services": done.spoken[rule], "agreed": done.agreed[rule]} for rule in sorted(done.spoken)
    }


def _text(done: Score, language: str | None) -> Iterator[str]:
    checks = [check for check in done.checks if language in (None, check.language)]
    missing = [where for where, spoken in done.missing if language in (None, spoken)]
    services = len({check.service for check in checks})
    yield f"{done.half} half, {done.date}: {done.repositories} repositories, {services} services compared"
    if done.unverified:
        yield f"the commit of {len(done.unverified)} checkouts could not be verified (no git data)"
    yield from (f"not run: {line}" for line in done.unread)
    yield f"\n{'':22}{'right':>12}{'share':>8}   without disputed labels"
    for what, row in shares(checks).items():
        yield f"{what:22}{_share(row['right'], row['total'])}   " + _share(
            row["undisputed_right"], row["undisputed_total"]
        )
    for what in VERDICTS:
        yield f"\n{what}: label (rows), found (columns)"
        yield f"{'':10}" + "".join(f"{found:>10}" for found in _STRICT)
        for label, table in confusion(checks, what).items():
            yield f"{label:10}" + "".join(f"{number:>10}" for number in table.values())
    yield f"\nmissing: {len(missing)}"
    yield from (f"  {where}" for where in missing)
    if language is None:
        yield f"beyond the labels and what they leave out: {len(done.extra)}"
        yield from (f"  {line}" for line in done.extra)
        yield "\nrules: share of the services on which a rule had an effect whose label is that strict"
        yield from (
            f"  {rule:28}{_share(row['agreed'], row['services'])}" for rule, row in precision(done).items()
        )
    yield "\ndisagreements"
    wrong: dict[str, list[Check]] = {}
    for check in checks:
        if not check.right:
            wrong.setdefault(check.service, []).append(check)
    for service, mine in sorted(wrong.items()):
        yield f"\n{service} [{mine[0].language}]"
        for check in mine:
            mark = " (disputed)" if check.disputed else ""
            yield f"  {check.what}: label {check.expected}, found {check.got}{mark}"
        yield from (f"    {line}" for line in done.about[service])


def _share(right: int, total: int) -> str:
    return f"{f'{right}/{total}':>12}{f'{100 * right / total:.1f} %' if total else '-':>8}"


def _data(done: Score) -> Mapping[str, Any]:
    return {
        "half": done.half,
        "date": done.date,
        "repositories": done.repositories,
        "not_run": done.unread,
        "commit_not_verified": done.unverified,
        "shares": shares(done.checks),
        "confusion": {what: confusion(done.checks, what) for what in VERDICTS},
        "missing": [where for where, _ in done.missing],
        "extra": done.extra,
        "left_out": done.left_out,
        "rules": precision(done),
        "disagreements": [
            {
                "service": check.service,
                "what": check.what,
                "label": check.expected,
                "found": check.got,
                "disputed": check.disputed,
            }
            for check in done.checks
            if not check.right
        ],
    }


def _write_precision(done: Score) -> None:
    PRECISION.parent.mkdir(parents=True, exist_ok=True)
    services = len({check.service for check in done.checks})
    data = {"date": done.date, "half": done.half, "services": services, "rules": precision(done)}
    PRECISION.write_text(json.dumps(data, indent=1) + "\n", "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Measures `assess` against the labelled services.")
    parser.add_argument("--half", choices=("rules", "test"), required=True)
    parser.add_argument("--checkouts", type=Path, required=True, help="folder with <owner>--<name> folders")
    parser.add_argument("--repository", help="only this one")
    parser.add_argument("--language", help="only services labelled with this language; `none` for images")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--lists", type=Path, help="folder for one list of disagreements a language")
    parser.add_argument(
        "--write-precision", action="store_true", help=f"write {PRECISION.name} for the rules"
    )
    given = parser.parse_args(arguments)
    labelled = [one for one in repositories(given.half) if given.repository in (None, one.name)]
    done = score(given.half, labelled, given.checkouts)
    if given.write_precision:
        if given.half != "rules" or given.repository:
            parser.error("the rules' figures are those of the whole rules half")
        _write_precision(done)
    if given.lists:
        given.lists.mkdir(parents=True, exist_ok=True)
        for language in sorted({check.language for check in done.checks}):
            path = given.lists / f"disagreements-{language}.txt"
            path.write_text("\n".join(_text(done, language)) + "\n", "utf-8")
    text = json.dumps(_data(done), indent=1) if given.json else "\n".join(_text(done, given.language))
    sys.stdout.write(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
