"""The lock files hold hashes, name no host, and satisfy `pyproject.toml`."""

from __future__ import annotations

import re
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LINE = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)"
    r"(?: ; [^-]*)?"  # an environment marker
    r"(?: --hash=sha256:[0-9a-f]{64})+"
)


def locked(file: str) -> dict[str, str]:
    """Versions by name. Every line must be a pinned requirement with hashes."""
    text = (ROOT / file).read_text().replace("\\\n", " ")
    found: dict[str, str] = {}
    for line in filter(None, (re.sub(r"\s+", " ", line.split("#")[0]).strip() for line in text.splitlines())):
        match = LINE.fullmatch(line)
        assert match, line[:120]
        found[canonicalize_name(match["name"])] = match["version"]
    return found


def wanted(*extras: str) -> list[Requirement]:
    texts = [*PROJECT["dependencies"], *(t for e in extras for t in PROJECT["optional-dependencies"][e])]
    return [Requirement(t) for t in texts]


@pytest.mark.parametrize(
    ("file", "extras"), [("requirements.lock", ("runtime",)), ("requirements-dev.lock", ("runtime", "dev"))]
)
def test_the_lock_satisfies_the_project(file: str, extras: tuple[str, ...]) -> None:
    versions = locked(file)
    for requirement in wanted(*extras):
        name = canonicalize_name(requirement.name)
        assert name in versions, f"{name} is not in {file}: make lock"
        assert requirement.specifier.contains(versions[name], prereleases=True), f"{name}: make lock"


@pytest.mark.parametrize("file", ["requirements.lock", "requirements-dev.lock"])
def test_the_lock_names_no_host(file: str) -> None:
    assert "://" not in (ROOT / file).read_text()


def test_both_locks_agree() -> None:
    tools = locked("requirements-dev.lock")
    runtime = locked("requirements.lock")
    assert {n: tools.get(n) for n in runtime} == runtime


def test_the_environment_is_the_locked_one() -> None:
    """Otherwise what passes here may fail for those who install from the lock."""
    versions = locked("requirements-dev.lock")
    installed = {canonicalize_name(d.name): d.version for d in metadata.distributions()}
    differing = {n: (v, versions[n]) for n, v in installed.items() if n in versions and versions[n] != v}
    assert differing == {}
