"""The line: repository -> assessment -> plan -> generated tree -> component -> comparison.

Each function is one command; `migrate` is all of them. They raise `Dock2wasmError`s and print nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from analyzers.model import Assessment, Inventory, Scope
from migrate.config import Config
from migrate.config import load as load_config
from migrate.errors import (
    DockerfileError,
    EngineError,
    GitError,
    NoServiceError,
    OutputError,
    RepositoryError,
    ToolMissingError,
    UsageError,
)
from migrate.model import Comparison, SnapshotApp
from migrate.progress import Progress

if TYPE_CHECKING:
    from migrate.model import BuildResult, Plan
    from migrate.tree import Changes
    from migrate.wheels import Choice


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """The options of `convert`, as given; `dock2wasm.toml` fills what is empty."""

    path: Path
    service: str | None
    targets: tuple[str, ...]
    accept: tuple[str, ...]
    output: Path | None
    allow_hosts: tuple[str, ...]
    snapshot_app: str
    force: bool
    dry_run: bool


@dataclass(frozen=True, slots=True)
class ValidateChoices:
    """The options of `validate`, as given."""

    runtime: str
    probes: Path | None
    recording: Path | None
    record: bool
    replay: bool
    environment: dict[str, str]
    measure: bool
    cold_starts: int | None
    effort: str = "quick"
    wheels: Choice | None = None
    original: str | None = None  # the URL of a running instance
    requests: tuple[Path, ...] = ()
    unsafe: bool = False
    neighbours: bool = True


def assess(path: Path, service: str | None = None, changed_since: str | None = None) -> Assessment:
    """Read and judge a repository; with `service`, only that one is kept.

    With `changed_since`, the name of a commit, only services are judged whose inputs differ from the commit
    where its history and HEAD's part; `Assessment.scope` says which are left out.

    Raises RepositoryError where the path cannot be read, NoServiceError where nothing is found,
    DockerfileError where that is because no Dockerfile could be read, GitError where git cannot tell what
    changed.
    """
    from analyzers.assess import assess as judge
    from analyzers.inventory import read
    from analyzers.repository import RepositoryUnreadable

    try:
        inventory = read(path)
    except RepositoryUnreadable as error:
        raise RepositoryError(
            str(error), do="Give the folder that holds your Dockerfiles or compose files."
        ) from None
    if not inventory.services:
        _refuse_unreadable(inventory)
        raise NoServiceError(
            f"No service was found in {path}.",
            why="There is no Dockerfile, Containerfile or compose file below it that could be read.",
            do="Run dock2wasm in the folder of a repository with Dockerized services.",
        )
    if changed_since is not None:
        inventory, scope = _narrowed(inventory, changed_since)
        return replace(judge(inventory), scope=scope)
    assessment = judge(inventory)
    if service is None:
        return assessment
    from migrate.plan import choose

    return replace(assessment, services=(choose(assessment, service),))


def _narrowed(inventory: Inventory, ref: str) -> tuple[Inventory, Scope]:
    """The inventory with those services alone that changes since `ref` touch."""
    from analyzers.changes import touched
    from migrate.git import changed_since

    base, changed = changed_since(inventory.root, ref)
    names = touched(inventory, changed)
    kept = tuple(one for one in inventory.services if one.name in names)
    left_out = tuple(one.name for one in inventory.services if one.name not in names)
    return replace(inventory, services=kept), Scope(ref, base, changed, left_out)


def _refuse_unreadable(inventory: Inventory) -> None:
    """Raises DockerfileError with what stood in the way of the files that would define a service."""
    from analyzers.compose import is_compose_file
    from analyzers.discovery import is_dockerfile

    unread = [item for item in inventory.not_read if is_dockerfile(item.path) or is_compose_file(item.path)]
    if unread:
        raise DockerfileError(
            f"No service can be read: {', '.join(item.path for item in unread[:3])}.",
            why="\n       ".join(f"{item.path} {item.reason}" for item in unread[:3]),
            do="Correct what stands in the way; Docker would stumble over it too.",
        )


def convert(options: ConvertOptions, progress: Progress) -> tuple[Plan, Changes]:
    """Write (or, on a dry run, only plan) the generated tree of one service."""
    with progress.step(f"read and judge {options.path}"):
        assessment = assess(options.path)
    return _convert(assessment, options, load_config(options.path), progress)


def _convert(
    assessment: Assessment, options: ConvertOptions, config: Config, progress: Progress
) -> tuple[Plan, Changes]:
    from migrate.convert import render
    from migrate.plan import choose, make_plan
    from migrate.tree import write

    service = choose(assessment, options.service).service
    if service.image is None and service.image_name is None:
        _refuse_unreadable(assessment.inventory)
    plan = make_plan(
        assessment,
        options.service,
        targets=options.targets,
        accept=options.accept or config.accept,
        output=options.output,
        snapshot_app=_snapshot(options.snapshot_app),
        allow_hosts=options.allow_hosts or config.allow_hosts,
    )
    verb = "compare" if options.dry_run else "write"
    with progress.step(f"{verb} {_shown(plan.output, options.path)}"):
        changes = write(plan.output, render(plan), force=options.force, dry_run=options.dry_run)
    return plan, changes


def build(
    path: Path,
    service: str | None,
    output: Path | None,
    offline: bool,
    progress: Progress,
    wheels: Choice | None = None,
) -> BuildResult:
    """Run the generated build of one service, or take its cached result."""
    from migrate.build import build as run

    return run(tree_of(path, service, output), progress=progress, offline=offline, wheels=wheels)


def tree_of(path: Path, service: str | None, output: Path | None) -> Path:
    """The generated tree that is meant: `--output`, `wasm/SERVICE`, or the only one there is.

    Raises NoServiceError where there is none or more than one.
    """
    from migrate.plan import OUTPUT_FOLDER
    from migrate.tree import PROVENANCE

    if output is not None:
        trees = [output]
    elif service is not None:
        trees = [path / OUTPUT_FOLDER / service]
    else:
        trees = sorted(file.parent for file in (path / OUTPUT_FOLDER).glob(f"*/{PROVENANCE}"))
    if len(trees) > 1:
        names = ", ".join(tree.name for tree in trees)
        raise NoServiceError(
            f"There are several generated trees: {names}.", do="Choose one with --service NAME."
        )
    if not trees or not (trees[0] / PROVENANCE).is_file():
        where = trees[0] if trees else path / OUTPUT_FOLDER
        raise OutputError(
            f"There is no generated tree in {where}.",
            do="Run `dock2wasm convert` (with --service NAME) first.",
        )
    return trees[0].resolve()


def validate(
    path: Path, service: str | None, output: Path | None, choices: ValidateChoices, progress: Progress
) -> Comparison:
    """Build if need be, ask both sides, compare, measure, and leave the reports beside the tree."""
    from migrate.tree import load

    tree = tree_of(path, service, output)
    with progress.step(f"read and judge {path}"):
        assessment = assess(path)
    return _validate(
        assessment, load(tree).service, tree, choices, load_config(path), progress, offline=False
    )


def _validate(
    assessment: Assessment,
    service: str,
    tree: Path,
    choices: ValidateChoices,
    config: Config,
    progress: Progress,
    *,
    offline: bool,
) -> Comparison:
    from migrate.build import build as run_build
    from migrate.plan import choose
    from migrate.validate import ValidateOptions, neighbours, run
    from migrate.validate.measuring import EFFORTS

    repository = assessment.inventory.root
    probes = choices.probes or (repository / config.probes if config.probes else None)
    _refuse_early(tree, choices, probes)
    built = run_build(tree, progress=progress, offline=offline, wheels=choices.wheels)
    chosen, services = choose(assessment, service), assessment.inventory.services
    options = ValidateOptions(
        repository=repository,
        tree=tree,
        assessment=chosen,
        component=built.component,
        runtime=choices.runtime,
        probes=probes,
        requests=choices.requests,
        unsafe=choices.unsafe,
        recording=choices.recording,
        record=choices.record,
        replay=choices.replay,
        environment=choices.environment,
        measure=choices.measure,
        effort=EFFORTS[choices.effort],
        cold_starts=choices.cold_starts or config.cold_starts,
        budgets=config.budgets if choices.measure else (),
        original=choices.original,
        neighbours=neighbours.of(chosen.service, services) if choices.neighbours else (),
    )
    comparison = run(options, progress)
    from migrate.snapshots import sentences

    state = _state_of_source(assessment)
    built_here = neighbours.not_started(chosen.service, services)
    linked = (
        [f"Built from this repository and not started beside it: {', '.join(built_here)}."]
        if built_here
        else []
    )
    more = (*sentences(built.component.path), *linked, *([state] if state else []))
    comparison = replace(comparison, notes=(*comparison.notes, *more))
    _write_reports(tree, assessment, comparison)
    return comparison


def _state_of_source(assessment: Assessment) -> str:
    """Which source was compared, for the report; empty outside a git repository."""
    from migrate.git import has_changes
    from migrate.plan import OUTPUT_FOLDER

    commit = assessment.inventory.commit
    if commit is None:
        return ""
    try:
        changed = has_changes(assessment.inventory.root, without=OUTPUT_FOLDER)
    except (GitError, ToolMissingError) as error:
        return f"The source is commit {commit[:12]}, or later; its changes are not known: {error.what}"
    return f"The source is commit {commit[:12]}{', with changes that are not committed' if changed else ''}."


def _refuse_early(tree: Path, choices: ValidateChoices, probes: Path | None) -> None:
    """What would stop the comparison stops it before a build that takes a minute.

    Raises TargetError and ToolMissingError for the runtime, ConfigError for a secret without a value,
    ProbesError for the probes, EngineError where neither a Docker engine nor a recording is there.
    """
    from migrate.runtimes import runtime
    from migrate.serve import environment_for
    from migrate.tree import load
    from migrate.validate.probes import load as load_probes

    runtime(choices.runtime).locate()
    environment_for(load(tree), choices.environment)
    if probes is not None:
        load_probes(probes)
    for file in choices.requests:
        from migrate.validate.requests import read

        read(file, unsafe=choices.unsafe)
    if choices.original is not None:
        from migrate.validate.instance import require_answer

        require_answer(choices.original)
        return
    _refuse_without_original(choices.recording or tree / "recording.json", choices)


def _refuse_without_original(recording: Path, choices: ValidateChoices) -> None:
    from migrate.validate.engine import connect
    from migrate.validate.recording import load as load_recording

    if choices.replay:
        load_recording(recording)
        return
    if recording.is_file() and not choices.record:
        return
    try:
        with connect():
            pass
    except EngineError as error:
        raise EngineError(
            error.what,
            why=error.why,
            do=f"{error.do} Without an engine a recording can stand for the original: {recording} "
            "(made by `dock2wasm validate --record` where there is one).",
        ) from error


def migrate(
    options: ConvertOptions, choices: ValidateChoices, offline: bool, progress: Progress
) -> Comparison:
    """All of it."""
    from migrate.plan import choose

    config = load_config(options.path)
    with progress.step(f"read and judge {options.path}"):
        assessment = assess(options.path)
    chosen = choose(assessment, options.service)
    progress.note(
        f"    {chosen.service.name}: {chosen.verdict} (score {chosen.score}, {chosen.confidence} confidence)"
    )
    plan, _ = _convert(assessment, options, config, progress)
    return _validate(assessment, plan.service_name, plan.output, choices, config, progress, offline=offline)


def _write_reports(tree: Path, assessment: Assessment, comparison: Comparison) -> None:
    from migrate.files import write_atomically
    from migrate.plan import choose
    from migrate.reports import validate_html, validate_junit, validate_markdown
    from migrate.reports.wire.assess import to_json as assess_json
    from migrate.reports.wire.validate import to_json as validate_json

    folder = tree / "reports"
    folder.mkdir(exist_ok=True)
    one = replace(assessment, services=(choose(assessment, comparison.service),))
    write_atomically(folder / "assess.json", _json(assess_json(one)))
    write_atomically(folder / "validate.json", _json(validate_json(comparison)))
    write_atomically(folder / "validate.md", validate_markdown.render(comparison).encode())
    write_atomically(folder / "validate.html", validate_html.render(comparison).encode())
    write_atomically(folder / "validate.junit.xml", validate_junit.render(comparison).encode())


def build_json(result: BuildResult) -> dict[str, object]:
    """The result of a build, for programs."""
    component = result.component
    return {
        "component": str(component.path),
        "sha256": component.sha256,
        "kind": component.kind,
        "wasi": component.wasi,
        "bytes": component.path.stat().st_size,
        "imports": list(component.imports),
        "exports": list(component.exports),
        "cached": result.cached,
        "seconds": round(result.seconds, 1),
        "log": str(result.log),
    }


def build_summary(result: BuildResult) -> str:
    """The result of a build, for people."""
    size = result.component.path.stat().st_size / 1e6
    how = "taken from the cache" if result.cached else f"built in {result.seconds:.0f} s"
    return f"{result.component.path} ({size:.1f} MB, {how})\nlog: {result.log}"


def _snapshot(value: str) -> SnapshotApp:
    try:
        return SnapshotApp(value)
    except ValueError:
        raise UsageError(
            f"--snapshot-app {value!r} is unknown.", do=f"Choose one of {', '.join(SnapshotApp)}."
        ) from None


def _shown(output: Path, repository: Path) -> str:
    try:
        return str(output.relative_to(repository.resolve()))
    except ValueError:
        return str(output)


def _json(data: object) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()
