"""Every label file parses, has the fields and values that the README states, and names each service once."""

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
NAME = re.compile(
    r"[a-z][a-z0-9]*(-[a-z0-9]+)*"
)  # the design asks for a letter after a dash; names such as `worker-2` exist
FACETS = {"state", "gpu", "inbound", "outbound", "native_dependencies", "processes", "privileged"}
RANK = {Verdict.KEEP: 0, Verdict.REFACTOR: 1, Verdict.CONVERT: 2}


def load(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_label_file_is_well_formed(path: Path) -> None:
    label = load(path)
    assert path.stem == label["repository"].replace("/", "--")
    assert re.fullmatch(r"[0-9a-f]{40}", label["commit"])
    assert label["half"] in {"rules", "test"}
    assert label["why"]
    left_out = label.get("left_out", [])  # one sentence, or a list of what and why
    assert isinstance(left_out, str) or all(entry["what"] and entry["why"] for entry in left_out)
    names = Counter(service["name"] for service in label["service"])
    assert names and max(names.values()) == 1


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_each_service_has_a_verdict_facets_and_evidence(path: Path) -> None:
    for service in load(path)["service"]:
        assert NAME.fullmatch(service["name"]), service["name"]
        assert "dockerfile" in service or "compose" in service, service["name"]
        assert RANK[Verdict(service["verdict_today"])] <= RANK[Verdict(service["verdict"])], service["name"]
        Confidence(service["confidence"])
        assert service["reasons"]
        assert service["disputable"] is bool(service.get("argument")), service["name"]
        assert set(service.get("disputed", [])) <= FACETS | {"verdict", "language", "discovery"}, service[
            "name"
        ]
        assert service["evidence"], service["name"]
        for evidence in service["evidence"]:
            assert evidence["line"] >= 1 and evidence["says"] and not evidence["path"].startswith("/")
        facets = service["facets"]
        assert set(facets) == FACETS, service["name"]
        State(facets["state"])
        Inbound(facets["inbound"])
        assert all(isinstance(facets[name], bool) for name in ("gpu", "processes", "privileged"))
        assert all(
            isinstance(item, str) for name in ("outbound", "native_dependencies") for item in facets[name]
        )


def test_a_convert_breaks_no_condition_of_the_verdict() -> None:
    for path in FILES:
        for service in load(path)["service"]:
            if service["verdict"] == "convert":
                facets = service["facets"]
                assert facets["inbound"] == "http", (path.name, service["name"])
                assert not (facets["gpu"] or facets["privileged"] or facets["native_dependencies"])
                assert facets["state"] in {"none", "external-store"}, (path.name, service["name"])


def test_the_set_is_large_and_both_halves_are_alike() -> None:
    services: Counter[str] = Counter()
    for path in FILES:
        label = load(path)
        services[label["half"]] += len(label["service"])
    assert len(FILES) >= 25
    assert sum(services.values()) >= 60
    assert min(services.values()) >= 0.35 * sum(services.values())


def test_a_repository_in_both_folders_is_read_once() -> None:
    seen: dict[str, tuple[str, str, set[str]]] = {}
    for path in FILES:
        label = load(path)
        names = {service["name"] for service in label["service"]}
        half, commit, others = seen.setdefault(label["repository"], (label["half"], label["commit"], set()))
        assert (half, commit) == (label["half"], label["commit"]), path
        assert not names & others, path
        others |= names
