"""The Python lane: a WSGI application, untouched, on CPython 3.14 for WASI (componentize-py).

Writes the tree of `templates/lanes/python` with `lane.json`, which the build's own tools read, and the
requirements that the service installs. How it works: docs/lanes/python.md.
"""

from __future__ import annotations

import ast
import json
import posixpath
import re
from collections.abc import Sequence
from functools import cache

from analyzers.model import Finding, GrantKind, Image, Source
from migrate.errors import PartError, TargetError
from migrate.lanes import _python_failures, _python_requirements
from migrate.model import GeneratedFile, Plan, SnapshotApp
from migrate.resources import templates

NAME = "python"

# Raised when a tree made by an older version has to be made anew.
LANE_VERSION = 1

# Read from a built component; without versions. The host's own floor: CPython and the WASI adapter
# import the whole of wasi:cli, whatever the application does.
IMPORTS = frozenset(
    {
        "wasi:cli/environment",
        "wasi:cli/exit",
        "wasi:cli/stderr",
        "wasi:cli/stdin",
        "wasi:cli/stdout",
        "wasi:cli/terminal-input",
        "wasi:cli/terminal-output",
        "wasi:cli/terminal-stderr",
        "wasi:cli/terminal-stdin",
        "wasi:cli/terminal-stdout",
        "wasi:clocks/monotonic-clock",
        "wasi:clocks/wall-clock",
        "wasi:filesystem/preopens",
        "wasi:filesystem/types",
        "wasi:http/outgoing-handler",
        "wasi:http/types",
        "wasi:io/error",
        "wasi:io/poll",
        "wasi:io/streams",
        "wasi:random/insecure",
        "wasi:random/insecure-seed",
        "wasi:random/random",
        "wasi:sockets/instance-network",
        "wasi:sockets/ip-name-lookup",
        "wasi:sockets/network",
        "wasi:sockets/tcp",
        "wasi:sockets/tcp-create-socket",
        "wasi:sockets/udp",
        "wasi:sockets/udp-create-socket",
    }
)

# How a server calls the application; each has a module of its name in the adapter.
INTERFACES = ("wsgi", "asgi", "http.server")

# The build makes its own virtual environment: a Python is all it needs of the machine.
REQUIRES = ("python",)

SITE_PACKAGES = "/usr/local/lib/python3.14/site-packages"
_EXECUTABLE = frozenset({"build.sh"})
_NOT_COPIED = frozenset({"__pycache__", "build", ".ruff_cache", ".mypy_cache", ".pytest_cache"})


def render(plan: Plan) -> tuple[GeneratedFile, ...]:
    """build.sh, adapter/, tools/, wit/, lane.json and requirements/.

    Raises TargetError where the service is nothing this lane can build, PartError without templates.
    """
    if (plan.kind, plan.wasi) != ("http", "0.2"):
        raise TargetError(
            f"The Python lane makes no component of kind {plan.kind} for WASI {plan.wasi}.",
            do="Use kind http and WASI 0.2.",
        )
    service = plan.assessment.service
    source, image = service.source, service.image
    if source is None or image is None or source.entry is None:
        raise TargetError(
            f"The application of {service.name} is not known.",
            do="Name it in the start command, as in `gunicorn package.module:application`.",
        )
    if source.interface not in INTERFACES:
        raise TargetError(
            f"{service.name} is called through {source.interface or 'an unknown interface'}.",
            why=f"The Python lane has adapters for {' and '.join(INTERFACES)} only.",
        )
    _check_entry(source.entry)
    guests = {file.source: file.guest for file in plan.files}
    requirements = _python_requirements.collect(plan.repository, source, image, guests)
    files = [*_copied(), *requirements.generated]
    files.append(GeneratedFile("lane.json", _lane_json(plan, source, image, requirements)))
    return tuple(sorted(files, key=lambda file: file.path))


def behaviour(plan: Plan) -> tuple[str, ...]:
    """What behaves differently from the container, one sentence each."""
    source = plan.assessment.service.source
    server = (source.server if source else None) or "the server"
    return tuple(
        " ".join(sentence.split())
        for sentence in (
            f"""The component runs CPython 3.14, whatever the image runs, and takes the place of {server}: its
            workers, timeouts, hooks and configuration file have no effect.""",
            """Each request gets a fresh instance where the runtime does not reuse them: what a request
            leaves in memory is gone with its instance, and so is every file that it writes.""",
            _when_imported(plan),
            """There are no threads and no processes: a short task given to a thread runs at once; a
            background loop, a timer and a subprocess raise an error that says so.""",
            """Files that RUN lines make or that come from the base image are not there.""",
            """Local time is UTC; REMOTE_ADDR is 0.0.0.0 unless DOCK2WASM_CLIENT_ADDRESS_HEADER names the
            header in which the runtime tells the client's address.""",
            """Hashes of strings (hash(), the order of sets) are the same in all instances of one build;
            random, secrets and uuid differ.""",
        )
    )


def _when_imported(plan: Plan) -> str:
    if plan.snapshot_app is SnapshotApp.NEVER:
        return """Dependencies were imported when the component was built; the application's own modules are
            imported at an instance's first request, with the environment of that moment."""
    late = _at_start(plan)
    told = (
        f""" That is so in each instance that is given {", ".join(f"`{name}`" for name in late)}, if
            the import reads it: no secret is ever part of a component."""
        if late
        else ""
    )
    fallback = (
        "the build fails"
        if plan.snapshot_app is SnapshotApp.ALWAYS
        else "the build warns, names the line and leaves the import to each instance's first request"
    )
    return f"""The application was imported when the component was built, with the plain variables above.
            Where an instance's variables differ from what the import read, it is imported anew at its first
            request.{told} Where the import takes random numbers, reads the clock, writes files, opens sockets
            or starts threads or processes, {fallback}; the end of `build/build.log` says which it was."""


def _at_start(plan: Plan) -> list[str]:
    """Variables whose value is handed over when the component is started."""
    return sorted(
        grant.name
        for grant in plan.grants
        if grant.kind is GrantKind.SECRET or (grant.kind is GrantKind.ENV and grant.value is None)
    )


def explain_failure(log: str, plan: Plan | None) -> tuple[Finding, ...]:
    """Findings for a build that failed; empty where its log holds nothing that is known."""
    del plan
    return _python_failures.explain(log)


def _check_entry(entry: str) -> None:
    """Refuse an entry that the build could not read: `module:name`, or a call with literal arguments."""
    module, _, attribute = entry.partition(":")
    try:
        tree = ast.parse(attribute or "application", mode="eval").body
        if isinstance(tree, ast.Call):
            for value in (*tree.args, *(k.value for k in tree.keywords)):
                ast.literal_eval(value)
            tree = tree.func
        while isinstance(tree, ast.Attribute):
            tree = tree.value
        good = isinstance(tree, ast.Name) and all(part.isidentifier() for part in module.split("."))
    except (SyntaxError, ValueError):
        good = False
    if not good:
        raise TargetError(
            f"The entry {entry!r} cannot be read.",
            why="It must be module:name, or module:factory() with literal arguments.",
        )


def _lane_json(
    plan: Plan, source: Source, image: Image, requirements: _python_requirements.Requirements
) -> bytes:
    workdir = source.workdir or image.workdir
    search = list(source.search_path) or [workdir]
    user, home = _user(image.user)
    data = {
        "schema_version": 1,
        "lane": NAME,
        "lane_version": LANE_VERSION,
        "service": plan.service_name,
        "entry": source.entry,
        "interface": source.interface,
        "python": _version(image),
        "arguments": _arguments(plan.assessment.service.start_command, source.entry or ""),
        "snapshot_app": str(plan.snapshot_app),
        "workdir": workdir,
        "sys_path": search,
        "roots": _roots(plan),
        "site_packages": SITE_PACKAGES,
        "requirements": requirements.files,
        "constraints": list(dict.fromkeys(requirements.constraints)),
        "inline_requirements": requirements.inline,
        "local_projects": requirements.projects,
        "keep": [],
        # The variables that the build imports with; no secret is among them.
        "build_environment": {
            grant.name: grant.value
            for grant in sorted(plan.grants, key=lambda grant: grant.name)
            if grant.kind is GrantKind.ENV and grant.value is not None
        },
        # Variables of which only the names are known here.
        "at_start": _at_start(plan),
        "user_id": user,
        "home": home,
    }
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def _version(image: Image) -> list[int]:
    """[3, 11] of the image's Python, empty where its name does not tell it."""
    found = re.search(r"(?:^|/)python:(\d+)\.(\d+)", image.base)
    return [int(found[1]), int(found[2])] if found else []


def _arguments(command: Sequence[str], entry: str) -> list[str]:
    """What follows the script's name on its command line; nothing where a server imports the entry."""
    module = entry.partition(":")[0]
    for index, word in enumerate(command):
        is_file = word.endswith(".py") and posixpath.basename(word) == f"{module.rpartition('.')[2]}.py"
        if is_file or (word == module and command[index - 1 : index] == ("-m",)):
            return list(command[index + 1 :])
    return []


def _roots(plan: Plan) -> list[str]:
    """The folders that hold the application's files, none inside another."""
    folders = sorted({posixpath.dirname(file.guest) for file in plan.files})
    return [f for f in folders if not any(f != o and f.startswith(o.rstrip("/") + "/") for o in folders)]


def _user(user: str | None) -> tuple[int, str]:
    """(what os.getuid says, HOME) for the image's USER; a name's number is not known without its image."""
    name = (user or "root").partition(":")[0]
    if name in ("", "root", "0"):
        return 0, "/root"
    return (int(name) if name.isdecimal() else 1000), ("/" if name.isdecimal() else f"/home/{name}")


@cache
def _copied() -> tuple[GeneratedFile, ...]:
    """The files of the template tree as they are."""
    root = templates() / "lanes" / NAME
    if not (root / "build.sh").is_file():
        raise PartError(
            "The templates of the Python lane are missing.",
            why=f"{root} has no build.sh.",
            do="Install dock2wasm again.",
        )
    found = []
    for path in sorted(root.rglob("*")):
        relative = path.relative_to(root)
        if path.is_file() and not _NOT_COPIED & set(relative.parts) and path.suffix != ".pyc":
            name = relative.as_posix()
            found.append(GeneratedFile(name, path.read_bytes(), executable=name in _EXECUTABLE))
    return tuple(found)
