"""`dock2wasm wheels`: parse, call, print."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from migrate.errors import WheelError
from migrate.progress import Lines, Progress, Silent

if TYPE_CHECKING:
    from migrate.wheels import Result, Wheel

app = typer.Typer(
    name="wheels",
    help="Native Python packages, built for WASI from their own source.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Into = Annotated[
    Path | None,
    typer.Option("--into", help="The folder of ready wheels (default: in the user's cache)."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]


@app.command("build")
def build_wheels(
    releases: Annotated[list[str], typer.Argument(metavar="NAME==VERSION...", help="Releases to build.")],
    into: Into = None,
    hashes: Annotated[
        list[str] | None,
        typer.Option(
            "--hash",
            metavar="NAME:SHA256",
            help="A hash that NAME's source distribution may have; repeatable, as a lock file lists them.",
        ),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Use only what is in the cache.")] = False,
    known: Annotated[
        bool,
        typer.Option("--known", help="Build only packages that are known to work; say what is left out."),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what compilers print.")] = False,
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress; errors only.")] = False,
) -> None:
    """Build wheels for WASI, test them inside the component's Python and keep them.

    This runs the packages' own build scripts (build.rs, setup.py) on this machine, as pip does when it builds
    from source. Exit code 41 where one could not be built; the others are.

    \b
    Examples:
      dock2wasm wheels build pydantic-core==2.50.4 orjson==3.13.0
      dock2wasm wheels build asyncpg==0.32.0 --into wheels --verbose
    """
    from migrate import wheels

    wanted = [wheels.parse(text) for text in releases]
    progress: Progress = Silent() if quiet else Lines()
    results, errors = wheels.build_all(
        wanted,
        progress=progress,
        hashes=wheels.parse_hashes(hashes or ()),
        offline=offline,
        into=into,
        known_only=known,
        on_line=(lambda line: typer.echo(f"    {line}", err=True)) if verbose else None,
    )
    if as_json:
        typer.echo(json.dumps({"schema_version": 1, "wheels": [_result(r) for r in results]}, indent=2))
    elif not quiet:
        for one in results:
            how = "ready already" if one.cached else f"built in {one.seconds:.0f} s"
            typer.echo(f"{one.wheel.path} ({how})")
    for error in errors:
        typer.echo(f"error: {error}", err=True)
    if errors:
        raise typer.Exit(WheelError.code)


@app.command("list")
def list_wheels(into: Into = None, as_json: AsJson = False) -> None:
    """The wheels that are ready, and the packages that are known to build and not to build."""
    from migrate import wheels

    found = wheels.ready(into)
    if as_json:
        data = {
            "schema_version": 1,
            "ready": [_wheel(w) for w in found],
            "known": sorted(wheels.recipes()),
            "blocked": {n: {"why": b.why, "do": b.do} for n, b in sorted(wheels.blocked().items())},
        }
        typer.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    typer.echo(f"Ready in {into or wheels.folder()}:")
    for wheel in found:
        size = wheel.path.stat().st_size / 1e6
        typer.echo(f"  {wheel.name} {wheel.version}  {size:.1f} MB  {', '.join(wheel.modules)}")
    if not found:
        typer.echo("  none")
    typer.echo(f"Known to build: {', '.join(sorted(wheels.recipes()))}")
    typer.echo("Known not to build:")
    for name, blocked in sorted(wheels.blocked().items()):
        typer.echo(f"  {name}: {blocked.why} {blocked.do}")


@app.command("check")
def check_wheel(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A wheel for WASI.")],
    run: Annotated[
        bool, typer.Option("--run", help="Run its self-test inside the component's Python too.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Use only what is in the cache.")] = False,
) -> None:
    """Check a wheel: its files against RECORD, its tag, its libraries; with --run its self-test.

    Exit code 41 where something is wrong.
    """
    from migrate import wheels

    report = wheels.check(file)
    for problem in report.problems:
        typer.echo(f"{file.name}: {problem}")
    if report.problems:
        raise typer.Exit(WheelError.code)
    if run:
        wheels.test(report.wheel, progress=Lines(), offline=offline)
    wheel = report.wheel
    typer.echo(f"{file.name}: {wheel.name} {wheel.version}, {', '.join(wheel.modules)}: in order")
    typer.echo(f"  sha256 {report.sha256}")


def _result(result: Result) -> dict[str, object]:
    return {
        **_wheel(result.wheel),
        "sha256": result.sha256,
        "cached": result.cached,
        "seconds": round(result.seconds, 1),
    }


def _wheel(wheel: Wheel) -> dict[str, object]:
    return {
        "name": wheel.name,
        "version": wheel.version,
        "path": str(wheel.path),
        "modules": list(wheel.modules),
        "sdist_sha256": wheel.info.get("sdist_sha256"),
        "built_with": wheel.info.get("built_with"),
    }
