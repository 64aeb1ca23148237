"""Builds the original's image: with BuildKit where the client has it, else with the classic builder."""

from __future__ import annotations

import io
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from migrate import processes
from migrate.errors import OriginalError
from migrate.progress import Progress
from migrate.validate import context as contexts
from migrate.validate import engine, scratch
from migrate.validate.engine import LABEL, translated

if TYPE_CHECKING:
    from docker import DockerClient

TIMEOUT = 3600.0  # seconds
_TAIL = 40  # lines of a failed build that are shown
_PROBE = 20.0  # seconds


@dataclass(frozen=True, slots=True)
class Builder:
    """How an image is built: `argv` of a docker client with BuildKit, or None for the classic builder."""

    argv: tuple[str, ...] | None
    environment: Mapping[str, str]
    name: str


@dataclass(frozen=True, slots=True)
class Image:
    """A built image. `size` is what the engine says it takes on disk, in bytes."""

    id: str
    size: int
    attributes: Mapping[str, Any]
    builder: str


def find_builder() -> Builder:
    """The first docker client on PATH with BuildKit, as a plugin or built in; else the classic builder."""
    clients = _clients()
    for client in clients:
        version = _output(client, "buildx", "version")
        if version and "buildx" in version:
            return Builder(
                (client, "buildx", "build", "--load"), {"DOCKER_BUILDKIT": "1"}, f"buildx {_version(version)}"
            )
    for client in clients:
        version = _output(client, "version", "--format", "{{.Client.Version}}") or ""
        # 18.09 to 22 carry BuildKit's client themselves; from 23 on it is the plugin looked for above.
        found = re.match(r"(\d+)\.(\d+)", version)
        if found and (18, 9) <= (int(found[1]), int(found[2])) < (23, 0):
            return Builder(
                (client, "build"), {"DOCKER_BUILDKIT": "1"}, f"BuildKit of docker {_version(version)}"
            )
    return Builder(None, {}, "classic builder")


def _clients() -> list[str]:
    """Every `docker` on PATH, in order: the first may lack what a later one has."""
    found = []
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        program = Path(folder or ".") / "docker"
        if program.is_file() and os.access(program, os.X_OK):
            found.append(str(program))
    return found


def _output(*argv: str) -> str | None:
    try:
        done = subprocess.run(argv, capture_output=True, text=True, timeout=_PROBE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    # `docker version` fails without an engine and yet prints the client's version.
    return done.stdout.strip() if done.returncode == 0 or "version" in argv[1:2] else None


def _version(text: str) -> str:
    found = re.search(r"\d+(\.\d+)+", text)
    return found.group() if found else "?"


def build(
    client: DockerClient, context: contexts.BuildContext, *, name: str, log: Path, progress: Progress
) -> Image:
    """Build the image and tag it `name`. The build's output goes to `log`.

    Raises OriginalError with the end of the build's output where it fails, and with the line that needs
    BuildKit where there is none; EngineError where the engine dies.
    """
    if engine.is_podman(client):
        # It has no BuildKit endpoint, but its own builder takes BuildKit's syntax through the classic one.
        builder = Builder(None, {}, "Podman's builder")
    else:
        builder = find_builder()
        if builder.argv is None:
            refuse_without_buildkit(context.dockerfile)
    with scratch.folder("context") as work:
        folder = work / "context"
        dockerfile = contexts.copy(context, folder)
        with progress.step(f"build the original ({builder.name})"):
            if builder.argv is not None:
                _with_buildkit(builder, context, folder, dockerfile, name, log)
            else:
                _classic(client, context, folder, dockerfile, name, log)
    return inspect(client, name, builder.name)


def inspect(client: DockerClient, name: str, builder: str = "") -> Image:
    """What the engine says of an image. Raises EngineError where it has none of this name."""
    with translated(f"The image {name} is not there.", do=f"docker pull {name}"):
        found = client.images.get(name)
    return Image(str(found.id), int(found.attrs.get("Size") or 0), found.attrs, builder)


def _with_buildkit(
    builder: Builder, context: contexts.BuildContext, folder: Path, dockerfile: Path, name: str, log: Path
) -> None:
    argv = [*(builder.argv or ()), "--progress", "plain", "--tag", name, "--label", f"{LABEL}=original"]
    argv += ["--file", str(dockerfile)]
    if context.target:
        argv += ["--target", context.target]
    for key, value in context.args:
        argv += ["--build-arg", f"{key}={value}"]
    try:
        done = processes.run(
            [*argv, str(folder)],
            cwd=folder,
            log=log,
            env={**os.environ, **engine.for_clients(), **builder.environment},
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired as error:
        raise OriginalError(
            f"The image did not build within {TIMEOUT / 60:.0f} minutes.",
            why=_end(str(error.output or "")),
            do=f"The whole output: {log}",
        ) from None
    if done.returncode != 0:
        raise _failed(done.output, context.dockerfile, log)


def _classic(
    client: DockerClient,
    context: contexts.BuildContext,
    folder: Path,
    dockerfile: Path,
    name: str,
    log: Path,
) -> None:
    from docker.errors import APIError

    said: list[str] = []
    with (
        tempfile.TemporaryFile() as archive,
        translated("The Docker engine broke off the build."),
        log.open("a", encoding="utf-8") as out,
    ):
        inner = _pack(archive, folder, dockerfile)
        archive.seek(0)
        try:
            for message in client.api.build(
                fileobj=archive,
                custom_context=True,
                dockerfile=inner,
                tag=name,
                target=context.target or "",
                buildargs=dict(context.args),
                labels={LABEL: "original"},
                rm=True,
                forcerm=True,
                decode=True,
                timeout=int(TIMEOUT),
            ):
                text = str(message.get("stream") or message.get("error") or message.get("status") or "")
                said.append(text if text.endswith("\n") else f"{text}\n")
                out.write(said[-1])
                if "error" in message:
                    raise _failed("".join(said), context.dockerfile, log)
        except APIError as error:
            # A Dockerfile that the engine does not parse is a 400 or a 500 with its reason.
            if error.explanation and "dockerfile" in error.explanation.lower():
                raise _failed(error.explanation, context.dockerfile, log) from None
            raise


def _pack(archive: Any, folder: Path, dockerfile: Path) -> str:
    """The context as tar, the Dockerfile in it under a name that `.dockerignore` takes out again."""
    inner = ".dock2wasm.Dockerfile"
    ignore = folder / ".dockerignore"
    rules = ignore.read_bytes() if ignore.is_file() else b".dockerignore"
    with tarfile.open(fileobj=archive, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for entry in sorted(folder.iterdir()):
            if entry.name != ".dockerignore":
                tar.add(entry, arcname=entry.name)
        tar.add(dockerfile, arcname=inner)
        added = tarfile.TarInfo(".dockerignore")
        content = rules.rstrip(b"\n") + f"\n{inner}\n".encode()
        added.size = len(content)
        tar.addfile(added, io.BytesIO(content))
    return inner


def _failed(output: str, dockerfile: Path, log: Path) -> OriginalError:
    needs = needing_buildkit(dockerfile)
    do = f"The whole output: {log}"
    if needs and re.search(r"unknown (instruction|flag)|parse error", output):
        line, what = needs[0]
        do = (
            f"{dockerfile.name}:{line} uses {what}, which this engine's BuildKit may be too old for: "
            f"install a newer one (docker-buildx-plugin). {do}"
        )
    return OriginalError("The original's image does not build.", why=f"\n{_end(output)}", do=do)


def _end(output: str) -> str:
    return "\n".join(f"    {line}" for line in output.rstrip().splitlines()[-_TAIL:])


def needing_buildkit(dockerfile: Path) -> list[tuple[int, str]]:
    """Lines whose instruction only BuildKit knows, and what it is."""
    from analyzers.dockerfile.split import DockerfileSyntaxError, split

    try:
        instructions = split(dockerfile.read_bytes())
    except (DockerfileSyntaxError, OSError):
        return []
    found = []
    for one in instructions:
        if one.heredocs:
            found.append((one.line, f"a heredoc (<<{one.heredocs[0].name})"))
        flags = [flag.partition("=")[0] for flag in one.flags]
        only = {
            "RUN": ("--mount", "--network", "--security", "--device"),
            "COPY": ("--link", "--chmod", "--parents", "--exclude"),
            "ADD": ("--link", "--chmod", "--checksum", "--keep-git-dir", "--unpack", "--exclude"),
        }.get(one.name, ())
        found += [(one.line, f"{one.name} {flag}") for flag in flags if flag in only]
    return found


def refuse_without_buildkit(dockerfile: Path) -> None:
    """Raises OriginalError naming the first line that the classic builder cannot build."""
    needs = needing_buildkit(dockerfile)
    if needs:
        line, what = needs[0]
        raise OriginalError(
            f"{dockerfile.name}:{line} uses {what}, which needs BuildKit.",
            why="No docker client on PATH has BuildKit, and the engine's classic builder does not know it.",
            do="Install Docker's buildx plugin (docker-buildx-plugin or docker-buildx).",
        )
