"""The command line: parse, call, print. What a command does stands in the modules it calls."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, TypeVar

import typer

from migrate.errors import DiskError, Dock2wasmError, Exit, UsageError
from migrate.progress import Lines, Progress, Silent
from migrate.wheels_cli import app as wheels_app

if TYPE_CHECKING:
    from migrate.model import Comparison
    from migrate.policy import FailOn, Review
    from migrate.validate.failure import FailOn as ValidateLevel
    from migrate.wheels import Choice

app = typer.Typer(
    name="dock2wasm",
    help=(
        "Tells which Dockerized services can run as WebAssembly, converts them without touching their "
        "source, and proves that they answer the same.\n\n"
        "\b\n"
        "  dock2wasm assess .                    judge every service of a repository\n"
        "  dock2wasm migrate . --service api     all of it: assess, convert, build, validate\n"
        "  dock2wasm doctor                      what is installed and what is missing"
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(wheels_app)


class Color(StrEnum):
    """When to use colours."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class AssessFormat(StrEnum):
    """Reports of `assess`."""

    TERMINAL = "terminal"
    JSON = "json"
    SARIF = "sarif"
    MARKDOWN = "markdown"
    HTML = "html"


class ValidateFormat(StrEnum):
    """Reports of `validate` and `migrate`."""

    TERMINAL = "terminal"
    JSON = "json"
    MARKDOWN = "markdown"
    JUNIT = "junit"
    HTML = "html"


class Effort(StrEnum):
    """How much `validate` measures (`migrate.validate.measuring.EFFORTS`)."""

    QUICK = "quick"
    FULL = "full"


_Format = TypeVar("_Format", bound=StrEnum)

PathArgument = Annotated[
    Path, typer.Argument(metavar="PATH", help="The repository (default: the current folder).")
]
Service = Annotated[
    str | None, typer.Option("--service", "-s", help="The service; needed where there are several.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress; results and errors only.")]
ColorOption = Annotated[Color, typer.Option("--color", help="When to use colours.")]
Output = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="The generated tree (default: wasm/SERVICE in the repository)."),
]
Accept = Annotated[
    list[str] | None,
    typer.Option("--accept", help="Rules whose findings you accept; the result carries no promise."),
]
TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", "-t", help="Where it will be deployed; repeatable (default: spin, wasmtime)."),
]
AllowHost = Annotated[
    list[str] | None,
    typer.Option("--allow-host", help="Grant an outbound host, e.g. https://api.example.com; repeatable."),
]
SnapshotOption = Annotated[
    str, typer.Option("--snapshot-app", help="Import the application at build time: never|auto|always.")
]
EnvOption = Annotated[
    list[str] | None,
    typer.Option(
        "--env", "-e", help="K=V for the service at run time (K alone: taken from here); repeatable."
    ),
]
EnvFile = Annotated[Path | None, typer.Option("--env-file", help="A file of K=V lines, as --env.")]
RuntimeOption = Annotated[str, typer.Option("--runtime", help="The program that runs it: wasmtime, spin.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite generated files that were edited.")]
Offline = Annotated[bool, typer.Option("--offline", help="Build from local caches only.")]
Wheels = Annotated[
    Path | None,
    typer.Option("--wheels", help="A folder of native packages built for WASI (see `dock2wasm wheels`)."),
]
BuildWheels = Annotated[
    bool,
    typer.Option(
        "--build-wheels",
        help="Build native packages that are known to work and not ready yet; runs their build scripts here.",
    ),
]
Probes = Annotated[
    Path | None, typer.Option("--probes", help="The requests to send (schema: dock2wasm schema probes).")
]
Requests = Annotated[
    list[Path] | None,
    typer.Option(
        "--requests",
        help="More requests: .http, Hurl, HAR or OpenAPI file, access log, probes (repeatable).",
    ),
]
Unsafe = Annotated[
    bool, typer.Option("--unsafe", help="Also send what an OpenAPI document says may change something.")
]
RecordingOption = Annotated[
    Path | None,
    typer.Option("--recording", help="Recorded answers of the original (default: beside the tree)."),
]
Record = Annotated[
    bool, typer.Option("--record", help="Record the original's answers for machines without Docker.")
]
Replay = Annotated[bool, typer.Option("--replay", help="Use the recording even if a Docker engine answers.")]
OriginalOption = Annotated[
    str | None,
    typer.Option("--original", metavar="URL", help="A running instance that stands for the original."),
]
Neighbours = Annotated[
    bool,
    typer.Option(
        "--neighbours/--no-neighbours", help="Start what compose links it to (Redis, ...) for each side."
    ),
]
Measure = Annotated[
    Effort,
    typer.Option("--measure", help="How much is measured: quick takes about two minutes, full about ten."),
]
NoMeasure = Annotated[bool, typer.Option("--no-measure", help="Measure nothing; budgets are not judged.")]
ValidateFailOn = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-on",
        help="What fails the run: different (1), inconclusive (4), budget (15, 16), never; repeatable "
        "(default: the first three).",
    ),
]
ValidateFormats = Annotated[
    list[ValidateFormat] | None,
    typer.Option("--format", "-f", help="A report (default: terminal); repeatable."),
]
Reports = Annotated[
    list[Path] | None,
    typer.Option("--report", help="Write it to this file; repeated, each takes the --format in its place."),
]
ColdStarts = Annotated[
    int | None,
    typer.Option("--cold-starts", min=1, max=1000, help="How often a start is measured (default 10)."),
]


def _version(value: bool) -> None:
    if value:
        from migrate.version import version

        typer.echo(f"dock2wasm {version()}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit."),
    ] = False,
) -> None:
    del version


@app.command()
def assess(
    path: PathArgument = Path(),
    service: Service = None,
    formats: Annotated[
        list[AssessFormat] | None,
        typer.Option("--format", "-f", help="A report (default: terminal); repeatable."),
    ] = None,
    reports: Annotated[
        list[Path] | None,
        typer.Option(
            "--report", help="Write it to this file; repeated, each takes the --format in its place."
        ),
    ] = None,
    fail_on: Annotated[
        list[str] | None,
        typer.Option(
            "--fail-on",
            help="Exit with 10-14 on findings this severe (info, minor, major, blocker) "
            "or verdicts this bad (refactor, keep); repeatable.",
        ),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="Findings in this file are known and fail nothing.")
    ] = None,
    write_baseline: Annotated[
        Path | None, typer.Option("--write-baseline", help="Write what is there now as a baseline.")
    ] = None,
    changed_since: Annotated[
        str | None,
        typer.Option(
            "--changed-since",
            metavar="REF",
            help="Only services whose inputs changed since REF (a branch, tag or commit; git's merge base).",
        ),
    ] = None,
    color: ColorOption = Color.AUTO,
) -> None:
    """Read a repository and judge its services. Runs nothing of it, needs no Docker and no network.

    \b
    Examples:
      dock2wasm assess
      dock2wasm assess ../shop --service api
      dock2wasm assess --format json --report assessment.json
      dock2wasm assess --format html --report a.html --format sarif --report a.sarif
      dock2wasm assess --write-baseline dock2wasm-baseline.json
      dock2wasm assess --baseline dock2wasm-baseline.json --fail-on major
      dock2wasm assess --changed-since origin/main --format markdown
    """
    from migrate import config, pipeline, policy
    from migrate.plan import choose

    if changed_since is not None and (service is not None or write_baseline is not None):
        other = "--service" if service is not None else "--write-baseline"
        raise UsageError(
            f"--changed-since and {other} cannot be given together.",
            why="A baseline holds the whole repository."
            if service is None
            else "Which services are assessed follows from what changed.",
            do="Leave one of them out.",
        )
    asked = _fail_on(fail_on)
    outputs = _outputs(formats or [AssessFormat.TERMINAL], reports or [])
    known = None
    if baseline is not None:
        from migrate.reports.wire.baseline import read

        known = read(baseline)
    assessment = pipeline.assess(path, changed_since=changed_since)
    chosen = choose(assessment, service) if service is not None else None
    review = policy.review(assessment, config.load(path), known)
    if write_baseline is not None:
        from migrate.files import write_atomically
        from migrate.reports.wire.baseline import to_bytes

        write_atomically(write_baseline, to_bytes(policy.new_baseline(review)))
    if chosen is not None:
        review = policy.only(review, chosen)
    for output_format, report in outputs:
        _emit(_assessed(review, output_format, asked, _colored(color, report)), report)
    failed = policy.failure(review, asked)
    if failed is not None:
        typer.echo(f"{failed.why}; exit code {failed.code}", err=True)
        raise typer.Exit(failed.code)


def _assessed(review: Review, output_format: AssessFormat, asked: Sequence[FailOn], color: bool) -> str:
    match output_format:
        case AssessFormat.JSON:
            from migrate.reports.wire.assess import to_json

            return json.dumps(to_json(review.assessment, review), indent=2, ensure_ascii=False) + "\n"
        case AssessFormat.SARIF:
            from migrate.reports.assess_sarif import to_sarif

            return json.dumps(to_sarif(review, asked), indent=2, ensure_ascii=False) + "\n"
        case AssessFormat.MARKDOWN:
            from migrate.reports import assess_markdown

            return assess_markdown.render(review)
        case AssessFormat.HTML:
            from migrate.reports import assess_html

            return assess_html.render(review)
        case AssessFormat.TERMINAL:
            from migrate.reports import assess_terminal

            return assess_terminal.render(review.assessment, color=color, width=_width(), review=review)


def _outputs(formats: Sequence[_Format], reports: Sequence[Path]) -> list[tuple[_Format, Path | None]]:
    """Each format with its file. One format may be left without: it is printed."""
    if len(reports) > len(formats):
        raise UsageError(
            f"There are {len(reports)} --report and {len(formats)} --format.", do="Give each file its format."
        )
    if len(formats) > len(reports) + 1:
        raise UsageError(
            f"{len(formats) - len(reports)} reports would be printed one after the other.",
            why="The first --report takes the first --format, and so on; only one format may be left over.",
            do="Give the others a --report too.",
        )
    if len(set(reports)) < len(reports):
        raise UsageError("Two reports would be written to one file.", do="Give each its own --report.")
    return [(one, reports[n] if n < len(reports) else None) for n, one in enumerate(formats)]


def _fail_on(values: Sequence[str] | None) -> tuple[FailOn, ...]:
    from migrate.policy import FailOn

    names = _names(values)
    for name in names:
        if name not in list(FailOn):
            raise UsageError(f"--fail-on has no level {name!r}.", do=f"Levels: {', '.join(FailOn)}.")
    return tuple(FailOn(name) for name in names)


@app.command()
def convert(
    path: PathArgument = Path(),
    service: Service = None,
    target: TargetOption = None,
    accept: Accept = None,
    output: Output = None,
    allow_host: AllowHost = None,
    snapshot_app: SnapshotOption = "auto",
    force: Force = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what would change.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show the changes as a unified diff.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Say what changed as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write wasm/SERVICE: adapter, build script, manifests. The service's source is not touched.

    \b
    Examples:
      dock2wasm convert --service api
      dock2wasm convert --service api --target spin --dry-run --diff
      dock2wasm convert --service counter --accept memory-state
    """
    from migrate import pipeline

    options = pipeline.ConvertOptions(
        path,
        service,
        tuple(target or ()),
        _names(accept),
        output,
        tuple(allow_host or ()),
        snapshot_app,
        force,
        dry_run,
    )
    plan, changes = pipeline.convert(options, _progress(quiet))
    if as_json:
        typer.echo(json.dumps(changes.to_json(), indent=2, ensure_ascii=False))
    else:
        if diff:
            typer.echo(changes.diff(), nl=False)
        if not quiet:
            typer.echo(changes.summary(plan))


@app.command()
def build(
    path: PathArgument = Path(),
    service: Service = None,
    output: Output = None,
    offline: Offline = False,
    wheels: Wheels = None,
    build_wheels: BuildWheels = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    quiet: Quiet = False,
) -> None:
    """Run the generated build. The component lies in wasm/SERVICE/build/ afterwards.

    \b
    Examples:
      dock2wasm build --service api
      dock2wasm build --service api --offline
      dock2wasm build --service api --build-wheels
    """
    from migrate import pipeline

    result = pipeline.build(path, service, output, offline, _progress(quiet), _wheels(wheels, build_wheels))
    if as_json:
        typer.echo(json.dumps(pipeline.build_json(result), indent=2))
    elif not quiet:
        typer.echo(pipeline.build_summary(result))


@app.command()
def serve(
    path: PathArgument = Path(),
    service: Service = None,
    output: Output = None,
    runtime: RuntimeOption = "wasmtime",
    port: Annotated[int | None, typer.Option("--port", "-p", min=1, max=65535, help="On 127.0.0.1.")] = None,
    env: EnvOption = None,
    env_file: EnvFile = None,
    reuse: Annotated[bool, typer.Option("--reuse", help="Let an instance answer many requests.")] = False,
    quiet: Quiet = False,
) -> None:
    """Run the built component on 127.0.0.1 until Ctrl-C.

    \b
    Examples:
      dock2wasm serve --service api --port 8080 --env SECRET_KEY
      dock2wasm serve --service api --runtime spin
    """
    from migrate import pipeline
    from migrate.serve import serve_until_stopped

    tree = pipeline.tree_of(path, service, output)
    serve_until_stopped(
        tree,
        runtime_name=runtime,
        port=port,
        environment=_environment(env, env_file),
        reuse=reuse,
        progress=_progress(quiet),
    )


@app.command()
def validate(
    path: PathArgument = Path(),
    service: Service = None,
    output: Output = None,
    runtime: RuntimeOption = "wasmtime",
    probes: Probes = None,
    requests: Requests = None,
    unsafe: Unsafe = False,
    recording: RecordingOption = None,
    record: Record = False,
    replay: Replay = False,
    original: OriginalOption = None,
    neighbours: Neighbours = True,
    wheels: Wheels = None,
    build_wheels: BuildWheels = False,
    env: EnvOption = None,
    env_file: EnvFile = None,
    measure: Measure = Effort.QUICK,
    no_measure: NoMeasure = False,
    cold_starts: ColdStarts = None,
    fail_on: ValidateFailOn = None,
    formats: ValidateFormats = None,
    reports: Reports = None,
    color: ColorOption = Color.AUTO,
    quiet: Quiet = False,
) -> None:
    """Ask the original container and the component the same, compare and measure.

    Exit code 0: equal, 1: different, 4: inconclusive, 15: equal, but a budget is exceeded.

    \b
    Examples:
      dock2wasm validate --service api
      dock2wasm validate --service api --probes tests/probes.yaml --format markdown
      dock2wasm validate --service api --format html --report v.html --format junit --report v.xml
      dock2wasm validate --service api --measure full --fail-on different,budget
      dock2wasm validate --service api --requests smoke.hurl --requests openapi.json
      dock2wasm validate --service api --record
      dock2wasm validate --service api --original https://staging.example.com
    """
    from migrate import pipeline

    asked = _validate_fail_on(fail_on)
    outputs = _outputs(formats or [ValidateFormat.TERMINAL], reports or [])
    for _, report in outputs:
        _check_report(report)
    options = pipeline.ValidateChoices(
        *(runtime, probes, recording, record, replay, _environment(env, env_file)),
        measure=not no_measure,
        cold_starts=cold_starts,
        effort=measure,
        wheels=_wheels(wheels, build_wheels),
        original=_instance(original, record=record, replay=replay),
        requests=tuple(requests or ()),
        unsafe=unsafe,
        neighbours=neighbours,
    )
    comparison = pipeline.validate(path, service, output, options, _progress(quiet))
    _emit_comparison(comparison, outputs, asked, color)


@app.command()
def probes(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help=".http, Hurl, HAR, OpenAPI, access log, probes.")
    ],
    unsafe: Unsafe = False,
    fuzz: Annotated[
        int, typer.Option("--fuzz", min=0, max=2000, help="Write this many odd requests like them instead.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Of --fuzz: the same seed, the same requests.")] = 0,
) -> None:
    """Write the requests of files as probes.yaml, to keep and to edit.

    \b
    Examples:
      dock2wasm probes smoke.hurl access.log > probes.yaml
      dock2wasm probes openapi.json --unsafe > probes.yaml
      dock2wasm probes probes.yaml --fuzz 500 > odd.yaml; dock2wasm validate --requests odd.yaml
    """
    from migrate.validate import requests

    made = requests.merged([requests.read(file, unsafe=unsafe) for file in files])
    made = requests.fuzzed(made, fuzz, seed) if fuzz else made
    typer.echo(requests.write(made), nl=False)
    if made.thin:
        typer.echo(made.thin, err=True)


@app.command()
def migrate(
    path: PathArgument = Path(),
    service: Service = None,
    target: TargetOption = None,
    accept: Accept = None,
    output: Output = None,
    allow_host: AllowHost = None,
    snapshot_app: SnapshotOption = "auto",
    force: Force = False,
    offline: Offline = False,
    wheels: Wheels = None,
    build_wheels: BuildWheels = False,
    runtime: RuntimeOption = "wasmtime",
    probes: Probes = None,
    recording: RecordingOption = None,
    record: Record = False,
    replay: Replay = False,
    original: OriginalOption = None,
    neighbours: Neighbours = True,
    env: EnvOption = None,
    env_file: EnvFile = None,
    measure: Measure = Effort.QUICK,
    no_measure: NoMeasure = False,
    cold_starts: ColdStarts = None,
    fail_on: ValidateFailOn = None,
    formats: ValidateFormats = None,
    reports: Reports = None,
    color: ColorOption = Color.AUTO,
    quiet: Quiet = False,
) -> None:
    """All of it: assess, convert, build, validate. The reports lie in wasm/SERVICE/reports/ afterwards.

    \b
    Examples:
      dock2wasm migrate --service api
      dock2wasm migrate ../shop --service api --probes ../shop/probes.yaml
    """
    from migrate import pipeline

    asked = _validate_fail_on(fail_on)
    outputs = _outputs(formats or [ValidateFormat.TERMINAL], reports or [])
    for _, report in outputs:
        _check_report(report)
    comparison = pipeline.migrate(
        pipeline.ConvertOptions(
            path,
            service,
            tuple(target or ()),
            _names(accept),
            output,
            tuple(allow_host or ()),
            snapshot_app,
            force,
            dry_run=False,
        ),
        pipeline.ValidateChoices(
            *(runtime, probes, recording, record, replay, _environment(env, env_file)),
            measure=not no_measure,
            cold_starts=cold_starts,
            effort=measure,
            wheels=_wheels(wheels, build_wheels),
            original=_instance(original, record=record, replay=replay),
            neighbours=neighbours,
        ),
        offline,
        _progress(quiet),
    )
    _emit_comparison(comparison, outputs, asked, color)


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the checks as JSON.")] = False,
    color: ColorOption = Color.AUTO,
) -> None:
    """Say what is installed, what is missing, and the exact command that installs it.

    \b
    Examples:
      dock2wasm doctor
      dock2wasm doctor --json
    """
    from migrate import doctor as examination

    checks = examination.examine()
    if as_json:
        typer.echo(json.dumps(examination.to_json(checks), indent=2))
    else:
        typer.echo(examination.render(checks, color=_colored(color, None)), nl=False)
    if not examination.complete(checks):
        raise typer.Exit(examination.EXIT_INCOMPLETE)


@app.command()
def explain(rule: Annotated[str, typer.Argument(help="A rule's name, as a finding shows it.")]) -> None:
    """Say what a rule means, why it matters and how to mend what it found.

    \b
    Examples:
      dock2wasm explain memory-state
    """
    from analyzers.rules import explain as explanation

    try:
        typer.echo(explanation(rule))
    except KeyError as error:
        typer.echo(f"error: {error.args[0]}", err=True)
        raise typer.Exit(Exit.USAGE) from None


@app.command()
def schema(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="assess, baseline, validate, probes or recording.")
    ],
) -> None:
    """Print the JSON schema of a report or an input file.

    \b
    Examples:
      dock2wasm schema assess
      dock2wasm schema probes > probes.schema.json
    """
    from migrate.reports import schema_text

    try:
        typer.echo(schema_text(name), nl=False)
    except KeyError as error:
        typer.echo(f"error: {error.args[0]}", err=True)
        raise typer.Exit(Exit.USAGE) from None


def _emit_comparison(
    comparison: Comparison,
    outputs: Sequence[tuple[ValidateFormat, Path | None]],
    asked: Sequence[ValidateLevel],
    color: Color,
) -> None:
    from migrate.validate.failure import failure

    for output_format, report in outputs:
        _emit(_compared(comparison, output_format, _colored(color, report)), report)
    failed = failure(comparison, asked)
    if failed is not None:
        if failed.code not in (Exit.DIFFERENT, Exit.INCONCLUSIVE):
            typer.echo(f"{failed.why}; exit code {failed.code}", err=True)
        raise typer.Exit(failed.code)


def _compared(comparison: Comparison, output_format: ValidateFormat, color: bool) -> str:
    match output_format:
        case ValidateFormat.JSON:
            from migrate.reports.wire.validate import to_json

            return json.dumps(to_json(comparison), indent=2, ensure_ascii=False) + "\n"
        case ValidateFormat.MARKDOWN:
            from migrate.reports import validate_markdown

            return validate_markdown.render(comparison)
        case ValidateFormat.JUNIT:
            from migrate.reports import validate_junit

            return validate_junit.render(comparison)
        case ValidateFormat.HTML:
            from migrate.reports import validate_html

            return validate_html.render(comparison)
        case ValidateFormat.TERMINAL:
            from migrate.reports import validate_terminal

            return validate_terminal.render(comparison, color=color, width=_width())


def _validate_fail_on(values: Sequence[str] | None) -> tuple[ValidateLevel, ...]:
    from migrate.validate.failure import FailOn as Level

    names = _names(values)
    for name in names:
        if name not in list(Level):
            raise UsageError(f"--fail-on has no level {name!r}.", do=f"Levels: {', '.join(Level)}.")
    if Level.NEVER in names and len(names) > 1:
        raise UsageError("--fail-on never stands alone.", do="Leave it or the others out.")
    return tuple(Level(name) for name in names)


def _check_report(report: Path | None) -> None:
    """A report that cannot be written is found before the work, not after it. Raises DiskError."""
    if report is None:
        return
    folder = report.absolute().parent
    if report.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        raise DiskError(
            f"{report} cannot be written.",
            why="It is a folder." if report.is_dir() else f"{folder} is no folder that we may write to.",
            do="Name another file with --report.",
        )


def _emit(text: str, report: Path | None) -> None:
    if report is None:
        typer.echo(text, nl=False)
    else:
        from migrate.files import write_atomically

        write_atomically(report, text.encode())


def _progress(quiet: bool) -> Progress:
    return Silent() if quiet else Lines()


def _colored(color: Color, report: Path | None) -> bool:
    if color is not Color.AUTO:
        return color is Color.ALWAYS
    return report is None and "NO_COLOR" not in os.environ and sys.stdout.isatty()


def _width() -> int:
    import shutil

    return max(40, min(120, shutil.get_terminal_size((80, 24)).columns))


def _names(values: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(name.strip() for value in values or () for name in value.split(",") if name.strip())


def _wheels(folder: Path | None, build: bool) -> Choice:
    from migrate.wheels import Choice

    return Choice(folder, build)


def _instance(url: str | None, *, record: bool, replay: bool) -> str | None:
    """The address of `--original`. Raises UsageError."""
    if url is None:
        return None
    from migrate.validate.instance import address

    if record or replay:
        raise UsageError(
            f"--original and {'--record' if record else '--replay'} cannot be given together.",
            why="A recording says which build context it is of; that of a running instance is not known."
            if record
            else "Either a running instance or a recording stands for the original.",
            do="Leave one of them out.",
        )
    return address(url)


def _environment(pairs: Sequence[str] | None, file: Path | None) -> dict[str, str]:
    """`--env-file` first, `--env` over it. Raises ConfigError on a line that is no K=V."""
    from migrate.environment import parse_file, parse_pair

    found = parse_file(file) if file else {}
    for pair in pairs or ():
        key, value = parse_pair(pair)
        found[key] = value
    return found


def main() -> None:
    """The console script: every error becomes a message and its exit code, never a traceback."""
    _open_streams()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    from migrate.processes import signals_raise

    try:
        # SIGTERM and SIGHUP end every command as Ctrl-C does: with its containers, processes and files.
        with signals_raise():
            app()
    except Dock2wasmError as error:
        _fail(error)
    except SystemExit as end:
        # Typer ends with 1, which is an outcome of ours, where the reader of our output left.
        if isinstance(end.__context__, BrokenPipeError):
            _reader_left()
        raise
    except BrokenPipeError:
        _reader_left()
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            _discard_output()
            _fail(
                DiskError(
                    f"The disk is full: {error.filename or error}.", do="Free some space and run again."
                )
            )
        if error.errno == errno.EROFS:
            _fail(DiskError(f"{error.filename} cannot be written: read-only file system."))
        _unexpected(error)
    except KeyboardInterrupt:
        typer.echo("\nstopped", err=True)
        sys.exit(130)
    except Exception as error:
        _unexpected(error)


def _reader_left() -> NoReturn:
    """Nobody is there to be told."""
    _discard_output()
    sys.exit(141)


def _discard_output() -> None:
    """What is still buffered goes nowhere; else the interpreter's end fails on it with another exit code."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _open_streams() -> None:
    """Standard streams that the caller closed (`>&-`) lead nowhere.

    Else the next file that is opened would get their number, and what is meant for the terminal would land
    in it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, os.fdopen(number, mode))


def _fail(error: Dock2wasmError) -> None:
    from migrate.reports.console import printable

    # Names from a repository stand in it, and must not steer the terminal.
    text = "\n".join(printable(line) for line in str(error).split("\n"))
    typer.echo(f"error: {text}", err=True)
    sys.exit(error.code)


def _unexpected(error: BaseException) -> None:
    if os.environ.get("DOCK2WASM_DEBUG"):
        raise error
    typer.echo(
        f"error: something unexpected happened in dock2wasm: {type(error).__name__}: {error}\n"
        "  why: this is a bug of dock2wasm, not of your service.\n"
        "  do:  run again with DOCK2WASM_DEBUG=1 and report the traceback.",
        err=True,
    )
    sys.exit(Dock2wasmError.code)


if __name__ == "__main__":
    main()
