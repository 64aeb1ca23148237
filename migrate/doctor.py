"""What is installed, what is missing, and the exact command that installs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from migrate.errors import ToolMissingError
from migrate.toolchains import Found, State, catalogue, look

EXIT_INCOMPLETE = ToolMissingError.code
"""Exit code where something that the main line needs is missing."""

_MARK = {True: "✓", False: "✗"}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at. `required` says whether the main line needs it; `remedy` is a command to type."""

    name: str
    purpose: str
    state: State
    required: bool
    version: str | None = None
    path: str | None = None
    origin: str = ""
    notes: tuple[str, ...] = ()
    remedy: str = ""

    @property
    def ok(self) -> bool:
        return self.state in (State.OK, State.UNTESTED)


def examine() -> tuple[Check, ...]:
    """Look at every outside tool. Takes no network; starts each program once for its version."""
    checks: list[Check] = []
    for name in catalogue.tools():
        if name == "docker":
            checks += _docker()
        else:
            checks.append(_check(look(name)))
    return tuple(checks)


def complete(checks: Sequence[Check]) -> bool:
    """Whether the main line (assess, convert, build, serve, validate) has all that it needs."""
    return all(check.ok for check in checks if check.required)


def _check(found: Found) -> Check:
    tool = found.tool
    notes = found.notes
    if found.state is State.TOO_OLD:
        notes = (*notes, f"{tool.minimum} is the minimum: {tool.why}.")
    return Check(
        name=tool.name,
        purpose=tool.purpose,
        state=found.state,
        required=tool.main_line,
        version=found.version,
        path=str(found.path) if found.path else None,
        origin=found.origin,
        notes=notes,
        remedy="" if found.usable else tool.install(),
    )


def _docker() -> list[Check]:
    """Client, engine and BuildKit: each may be missing by itself."""
    from migrate.toolchains import docker

    client = docker.client()
    checks = [_check(client.found)]
    if not client.found.usable or client.found.path is None:
        return checks
    engine = docker.engine(client.found.path)
    checks.append(
        Check(
            name="docker engine",
            purpose="runs the original container: validate (without it: recordings are replayed)",
            state=State.OK if engine.version else State.MISSING,
            required=True,
            version=engine.version,
            notes=(engine.problem,) if engine.problem else (),
            remedy=engine.remedy,
        )
    )
    kind = client.buildkit
    has = kind is not docker.BuildKit.NONE
    checks.append(
        Check(
            name="buildkit",
            purpose="builds Dockerfiles with RUN --mount, COPY --link or here-documents: validate",
            state=State.OK if has else State.MISSING,
            required=False,
            origin={
                docker.BuildKit.BUILDX: "docker buildx build",
                docker.BuildKit.BUILT_IN: "DOCKER_BUILDKIT=1 docker build",
                docker.BuildKit.NONE: "",
            }[kind],
            remedy="" if has else docker.install_buildx(),
        )
    )
    return checks


def to_json(checks: Sequence[Check]) -> dict[str, object]:
    """The checks, for programs."""
    return {
        "schema_version": 1,
        "complete": complete(checks),
        "checks": [
            {
                "name": check.name,
                "for": check.purpose,
                "state": str(check.state),
                "required": check.required,
                "version": check.version,
                "path": check.path,
                "origin": check.origin or None,
                "notes": list(check.notes),
                "remedy": check.remedy or None,
            }
            for check in checks
        ],
    }


def render(checks: Sequence[Check], *, color: bool) -> str:
    """The checks, for people; commands stand on lines of their own, ready to copy."""
    width = max((len(check.name) for check in checks), default=0)
    lines = []
    for check in checks:
        colour = "32" if check.ok else "31" if check.required else "33"
        mark = _MARK[check.ok] if check.ok or check.required else "-"
        what = check.version or (str(check.state) if not check.ok else "")
        where = " ".join(part for part in (check.path, f"({check.origin})" if check.origin else "") if part)
        if check.state is State.TOO_OLD:
            what += " (too old)"
        head = f"{_paint(mark, colour, color)} {check.name:<{width}}  {what:<10}  {where}".rstrip()
        lines += [head, f"  {'':<{width}}  {check.purpose}"]
        lines += [f"  {'':<{width}}  note: {note}" for note in check.notes]
        if check.remedy:
            lines.append(f"  {'':<{width}}  $ {check.remedy}")
    missing = [check.name for check in checks if check.required and not check.ok]
    lines.append("")
    lines.append(
        f"Missing for the main line: {', '.join(missing)}."
        if missing
        else "Everything is there for assess, convert, build, serve and validate."
    )
    return "\n".join(lines) + "\n"


def _paint(text: str, colour: str, color: bool) -> str:
    return f"\x1b[{colour}m{text}\x1b[0m" if color else text
