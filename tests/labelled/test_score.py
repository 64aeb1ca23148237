"""The scorer counts what it says it counts: shown on one small repository with labels of its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from analyzers.assess import assess
from analyzers.inventory import read
from analyzers.model import Verdict
from tests.labelled import score
from tests.labelled.labels import Label, Repository, match, repositories

FACETS = {
    "state": "none",
    "gpu": False,
    "inbound": "http",
    "outbound": [],
    "native_dependencies": [],
    "processes": False,
    "privileged": False,
}
API = Label(
    repository="shop/shop",
    name="api",
    dockerfile="Dockerfile",
    target=None,
    compose=("compose.yaml", "api"),
    language="python",
    verdict=Verdict.CONVERT,
    today=Verdict.CONVERT,
    facets=FACETS,
    disputed=frozenset(),
    reasons="Flask without state.",
    argument="",
    evidence=("app.py:3 the application",),
)
DB = replace(
    API,
    name="db",
    dockerfile=None,
    compose=("compose.yaml", "db"),
    language=None,
    verdict=Verdict.KEEP,
    today=Verdict.KEEP,
    facets={**FACETS, "state": "local-disk", "inbound": "tcp"},
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    files = {
        "compose.yaml": "services:\n  api:\n    build: .\n  db:\n    image: postgres:16\n"
        "  mail:\n    image: axllent/mailpit\n  extra:\n    image: redis:7\n",
        "Dockerfile": "FROM python:3.14\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n"
        'CMD ["gunicorn", "app:app"]\n',
        "requirements.txt": "flask==3.1.3\ngunicorn==23.0.0\n",
        "app.py": "from flask import Flask\n\napp = Flask(__name__)\n\n\n@app.get('/')\ndef home():\n"
        "    return 'hello'\n",
    }
    folder = tmp_path / "shop--shop"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text, "utf-8")
    return tmp_path


def scored(checkouts: Path, *labels: Label) -> score.Score:
    repository = Repository("shop/shop", "0" * 40, labels, "mail: not read")
    return score.score("rules", (repository,), checkouts)


def test_right_answers_are_counted_as_right(shop: Path) -> None:
    done = scored(shop, API, DB)
    assert all(check.right for check in done.checks), [c for c in done.checks if not c.right]
    assert score.confusion(done.checks, "verdict")["keep"] == {"convert": 0, "refactor": 0, "keep": 1}
    assert done.unverified == ["shop/shop"] and not done.missing
    assert [line.partition(" (")[0] for line in done.extra] == ["shop/shop: extra"]
    assert done.left_out == ["shop/shop: mail"]


def test_wrong_answers_are_counted_as_wrong(shop: Path) -> None:
    wrong = replace(
        API,
        verdict=Verdict.KEEP,
        facets={**FACETS, "outbound": ["redis"], "gpu": True},
        disputed=frozenset({"gpu"}),
    )
    done = scored(shop, wrong, DB)
    assert {check.what for check in done.checks if not check.right} == {"verdict", "outbound", "gpu"}
    shares = score.shares(done.checks)
    assert (shares["gpu"]["right"], shares["gpu"]["total"]) == (1, 2)
    assert (shares["gpu"]["undisputed_right"], shares["gpu"]["undisputed_total"]) == (1, 1)
    assert score.confusion(done.checks, "verdict")["keep"]["convert"] == 1


def test_a_rule_that_is_stricter_than_the_label_lowers_its_precision(shop: Path) -> None:
    mild = replace(DB, verdict=Verdict.CONVERT)
    assert score.precision(scored(shop, API, DB))["image-only"] == {"services": 1, "agreed": 1}
    assert score.precision(scored(shop, API, mild))["image-only"] == {"services": 1, "agreed": 0}


def test_a_service_that_is_not_listed_is_missing(shop: Path) -> None:
    done = scored(shop, API, replace(DB, name="queue", compose=("other.yaml", "queue")))
    assert done.missing == [("shop/shop: queue", "none")]


def test_a_checkout_of_another_commit_is_not_measured(shop: Path) -> None:
    git = shop / "shop--shop" / ".git"
    git.mkdir()
    (git / "HEAD").write_text("1" * 40 + "\n", "utf-8")
    done = scored(shop, API)
    assert done.repositories == 0 and "is not the labelled" in done.unread[0]


def test_compose_leads_before_the_dockerfile_and_the_name(shop: Path) -> None:
    services = assess(read(shop / "shop--shop")).services
    moved = replace(DB, name="api", compose=("compose.yaml", "extra"))
    matching = match(Repository("shop/shop", "0" * 40, (moved, API), ""), services)
    assert [one.service.name for _, one in matching.pairs if one] == ["extra", "api"]


def test_lanes_of_the_labels_are_proven_and_no_others() -> None:
    overlay = score.proven()
    for name in ("python", "node", "go", "static", "rust"):
        lane = overlay.lane_for(name)
        assert lane and overlay.at_baseline(name, lane.features[0].needs), name
    assert overlay.lane_for("java") is None
    assert len(overlay.targets) == 8


def test_a_half_is_read_without_the_other() -> None:
    halves = {half: {one.name for one in repositories(half)} for half in ("rules", "test")}
    assert halves["rules"] and halves["test"] and not halves["rules"] & halves["test"]
