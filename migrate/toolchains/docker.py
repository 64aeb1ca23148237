"""The Docker client that can BuildKit, and the engine that it reaches."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from migrate.toolchains import Found, State, catalogue, programs
from migrate.toolchains import look as look_at


class BuildKit(StrEnum):
    """How a client builds with BuildKit."""

    BUILDX = "buildx"  # docker buildx build
    BUILT_IN = "built-in"  # DOCKER_BUILDKIT=1 docker build
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Client:
    """The client to use, and what it can."""

    found: Found
    buildkit: BuildKit


@dataclass(frozen=True, slots=True)
class Engine:
    """The engine behind a client. Where none answers: `version` None, `problem` and `remedy` said."""

    version: str | None
    problem: str = ""
    remedy: str = ""


def client() -> Client:
    """The first client that can BuildKit, else the first that works at all, told in its notes."""
    first = look_at("docker")
    if not first.usable or not first.path or not first.version:
        return Client(first, BuildKit.NONE)
    kind = _buildkit(first.path, first.version)
    if kind is not BuildKit.NONE:
        return Client(first, kind)
    for candidate in programs.candidates("docker", first.tool.override):
        other = _usable(candidate, first)
        if other and other.path and other.version:
            kind = _buildkit(other.path, other.version)
            if kind is not BuildKit.NONE:
                note = f"{first.path} is not used: version {first.version} without buildx cannot BuildKit."
                notes = (*other.notes, note)
                return Client(
                    Found(other.tool, other.state, other.path, other.version, other.origin, notes), kind
                )
    return Client(first, BuildKit.NONE)


def _usable(candidate: programs.Candidate, first: Found) -> Found | None:
    if candidate.problem or candidate.path == first.path:
        return None
    tool = first.tool
    code, output = programs.answer(candidate.path, tool.args)
    match = tool.pattern.search(output)
    if code != 0 or not match or tool.too_old(match.group(1)):
        return None
    return Found(tool, State.OK, candidate.path, match.group(1), candidate.origin)


def _buildkit(path: Path, version: str) -> BuildKit:
    if programs.answer(path, ("buildx", "version"))[0] == 0:
        return BuildKit.BUILDX
    # Before 23 the client itself carried a BuildKit session; since then it only starts the buildx plugin.
    return BuildKit.BUILT_IN if catalogue.numbers(version) < (23,) else BuildKit.NONE


def engine(client_path: Path) -> Engine:
    """The engine that this client reaches (DOCKER_HOST and contexts included)."""
    code, output = programs.answer(client_path, ("version", "--format", "{{json .Server}}"))
    line = next((line for line in output.splitlines() if line.startswith("{")), "")
    try:
        version = json.loads(line).get("Version") if line else None
    except (json.JSONDecodeError, AttributeError):
        version = None
    if code == 0 and isinstance(version, str):
        return Engine(version)
    said = next(
        (line.strip() for line in reversed(output.splitlines()) if line.strip() not in ("", "null")), ""
    )
    problem = said[:300] or "it does not answer"
    if "permission denied" in said.lower():
        return Engine(None, problem, 'sudo usermod -aG docker "$USER" && newgrp docker')
    return Engine(None, problem, _start())


def _start() -> str:
    if os.environ.get("DOCKER_HOST"):
        return "Check DOCKER_HOST."
    return {
        "macos": "open -a Docker",
        "alpine": "sudo service docker start",
    }.get(catalogue.here(), "sudo systemctl start docker")


def install_buildx() -> str:
    """The command that adds BuildKit to the client of this platform."""
    return {
        "debian": "sudo apt-get install -y docker-buildx || sudo apt-get install -y docker-buildx-plugin",
        "fedora": "sudo dnf install -y docker-buildx",
        "alpine": "sudo apk add docker-cli-buildx",
        "arch": "sudo pacman -S --noconfirm docker-buildx",
        "macos": "brew install docker-buildx",
    }.get(catalogue.here(), "https://github.com/docker/buildx#installing")
