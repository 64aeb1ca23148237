"""The labelled set is well formed. What it measures is read elsewhere; here nothing is assessed."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from analyzers.model import Confidence, Inbound, State, Verdict

HERE = Path(__file__).parent
FILES = sorted(HERE.glob("[ab]/*.toml"))

FILE_KEYS = {"repository", "commit", "half", "why", "service"}
FILE_MAY = {"left_out"}
SERVICE_KEYS = {"name", "path", "language", "verdict", "confidence", "reasons", "facets", "evidence"}
SERVICE_MAY = {"dockerfile", "target", "image", "compose", "framework", "disputable"}
FACETS = {"state", "gpu", "inbound", "outbound", "native_dependencies", "processes", "privileged"}
LANGUAGES = {
    "python", "node", "go", "rust", "static", "c", "cpp", "ruby", "java", "kotlin", "scala", "csharp", "php", "swift", "elixir",
    "shell", "perl", "nim", "haskell", "lua", "other",
    "none",  # an image that is not the repository's own
}  # fmt: skip
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def _read(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def test_there_are_labels() -> None:
    assert FILES


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_file_of_labels(path: Path) -> None:
    labels = _read(path)
    assert FILE_KEYS <= labels.keys() <= FILE_KEYS | FILE_MAY
    assert path.stem == labels["repository"].replace("/", "--")
    assert re.fullmatch(r"[0-9a-f]{40}", labels["commit"])
    assert labels["half"] in {"rules", "test"}
    assert labels["why"]
    names = [service["name"] for service in labels["service"]]
    assert len(names) == len(set(names)), "a name is given twice"
    for service in labels["service"]:
        _check(service)


def _check(service: dict[str, Any]) -> None:
    where = service["name"]
    assert NAME.fullmatch(where), where
    assert SERVICE_KEYS <= service.keys() <= SERVICE_KEYS | SERVICE_MAY, where
    assert "dockerfile" in service or "image" in service, f"{where}: built from what?"
    if "compose" in service:
        assert service["compose"].keys() == {"file", "service"}, where
    assert service["language"] in LANGUAGES, where
    Verdict(service["verdict"])
    Confidence(service["confidence"])
    assert service["reasons"], where
    facets = service["facets"]
    assert facets.keys() == FACETS, where
    State(facets["state"])
    Inbound(facets["inbound"])
    for flag in ("gpu", "processes", "privileged"):
        assert isinstance(facets[flag], bool), where
    for names in ("outbound", "native_dependencies"):
        assert facets[names] == sorted(set(facets[names])), f"{where}: {names} is sorted, each once"
    if service["verdict"] == "convert":
        assert facets["inbound"] == "http", where
        assert facets["state"] == "none", where
        assert not (facets["gpu"] or facets["privileged"] or facets["native_dependencies"]), where
        assert set(facets["outbound"]) <= {"http"}, where
    assert service["evidence"], where
    for evidence in service["evidence"]:
        assert {"path", "line", "says"} <= evidence.keys() <= {"path", "line", "says", "about"}, where
        assert evidence["line"] >= 1 and evidence["says"], where
        assert not evidence["path"].startswith("/"), where


def test_whole_repositories_lie_in_one_half() -> None:
    repositories = Counter(_read(path)["repository"].lower() for path in FILES)
    assert not [name for name, files in repositories.items() if files > 1]


def test_both_halves_hold_every_verdict() -> None:
    seen = {(labels["half"], service["verdict"]) for labels in map(_read, FILES) for service in labels["service"]}
    assert seen == {(half, str(verdict)) for half in ("rules", "test") for verdict in Verdict}
