"""The data is read strictly, and says of each need on which target it is given."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from analyzers import support
from analyzers.model import Basis, Need, NeedKind
from analyzers.support import TARGETS, Status, SupportError, load, read

ROOT = Path(__file__).parents[3]
DATA = Path(support.__file__).parent

WSGI = Need(NeedKind.LANE, "python:wsgi")
SECRET = Need(NeedKind.SECRET_ENV)


def test_all_eight_targets_are_there_in_order() -> None:
    assert tuple(target.name for target in load().targets) == TARGETS


def test_what_is_proven_names_a_fixture_that_exists() -> None:
    proven = [
        feature for lane in load().lanes for feature in lane.features if feature.status is Status.PROVEN
    ]
    assert proven
    for feature in proven:
        assert feature.fixture is not None
        assert (ROOT / "fixtures" / feature.fixture / "Dockerfile").is_file()


def test_every_lane_proves_the_need_of_its_own_name_or_gives_no_promise() -> None:
    for lane in load().lanes:
        needs = {need for feature in lane.features for need in feature.needs if need.kind is NeedKind.LANE}
        assert all(need.detail.split(":")[0] == lane.name for need in needs)


@pytest.mark.parametrize("target", ["spin", "wasmtime", "spinkube", "wasmcloud"])
def test_targets_inherit_what_lies_in_their_row(target: str) -> None:
    data = load()
    (found,) = (one for one in data.targets if one.name == target)
    assert data.missing(found, "python", [WSGI, SECRET], "http") == ()
    assert data.missing(found, "python", [WSGI], "command") == (WSGI,)


@pytest.mark.parametrize("target", ["cloudflare", "docker", "wasmedge", "akamai"])
def test_targets_without_a_proven_row_give_nothing(target: str) -> None:
    data = load()
    (found,) = (one for one in data.targets if one.name == target)
    assert data.missing(found, "python", [WSGI], "http") == (WSGI,)


def test_a_need_is_given_where_lane_and_host_both_give_it(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    lane = tmp_path / "data" / "python.toml"
    files = (Need(NeedKind.WRITE), Need(NeedKind.MOUNT))
    before = read(tmp_path / "data")
    wasmtime = next(target for target in before.targets if target.name == "wasmtime")
    assert (
        before.missing(wasmtime, "python", files, "http") == files
    )  # the host gives it, the lane is not proven

    parts = lane.read_text("utf-8").split("[[feature]]")
    changed = [
        part.replace('status = "planned"', 'status = "proven"\nfixture = "flask-redis"')
        if '["write", "mount"]' in part
        else part
        for part in parts
    ]
    assert changed != parts
    lane.write_text("[[feature]]".join(changed), "utf-8")
    after = read(tmp_path / "data")
    given = {target.name for target in after.targets if not after.missing(target, "python", files, "http")}
    assert given == {"wasmtime"}
    assert not after.at_baseline("python", files)


def test_a_component_that_imports_more_than_a_row_offers_is_not_inherited(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    row = tmp_path / "data" / "wasmcloud.toml"
    row.write_text(row.read_text("utf-8").replace('"wasi:sockets@0.2"', '"wasi:config@0.2"'), "utf-8")
    data = read(tmp_path / "data")
    wasmcloud = next(target for target in data.targets if target.name == "wasmcloud")
    assert data.missing(wasmcloud, "python", [WSGI], "http") == (WSGI,)


def test_nothing_is_given_to_a_lane_that_does_not_exist() -> None:
    assert load().missing(load().baseline, "cobol", [SECRET], "http") == (SECRET,)
    assert load().lane_for("cobol") is None


FEATURE = """
[[feature]]
feature = "x"
status = "planned"
kinds = ["http"]
wasi = ["0.2"]
needs = ["lane:java"]
source = "s"
date = 2026-11-22
"""
LANE = f'lane = "java"\nlanguage = "java"\n{FEATURE}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lane = ", "java.toml"),
        (LANE.replace('lane = "java"', "lane = 3"), "lane must be a text"),
        (LANE.replace('lane = "java"', 'lane = "jvm"'), "must be called jvm.toml"),
        (LANE + "ports = 3", "unknown key 'ports'"),
        ("hat = 1\n" + LANE, "unknown key 'hat'"),
        (LANE.replace('"planned"', '"done"'), "status must be one of"),
        (LANE.replace('["http"]', '["ftp"]'), "kinds"),
        (LANE.replace('["http"]', "[]"), "kinds"),
        (LANE.replace('["http"]', '["http", "http"]'), "kinds"),
        (LANE.replace('["0.2"]', '["0.1"]'), "wasi"),
        (LANE.replace('["lane:java"]', '["wings"]'), "wings"),
        (LANE.replace('["lane:java"]', '"tcp"'), "needs must be a list"),
        (LANE.replace('["lane:java"]', "[]"), "must name the needs"),
        (LANE.replace("2026-11-22", '"yesterday"'), "date must be a date"),
        (LANE.replace("2026-11-22", "2026-11-22T10:00:00"), "date must be a date"),
        (LANE.replace('source = "s"', ""), "source must be a text"),
        (LANE.replace('"planned"', '"proven"'), "name its exports"),
        (LANE.replace("[[feature]]", "[feature]"), "feature must be tables"),
        ('lane = "java"\nlanguage = "java"', "needs a feature"),
        ("feature = [1]\n" + LANE.partition("[[")[0], "must be a table"),
    ],
)  # fmt: skip
def test_a_file_that_breaks_the_schema_is_named(text: str, message: str, tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (tmp_path / "data" / "java.toml").write_text(text, "utf-8")
    with pytest.raises(SupportError, match=r"java|is proven|must name") as raised:
        read(tmp_path / "data")
    assert message in str(raised.value)


def test_a_target_that_is_missing_or_unknown_is_an_error(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    (tmp_path / "data" / "moon.toml").write_text(
        'target = "moon"\ntitle = "Moon"\nversions = ["1"]\n', "utf-8"
    )
    with pytest.raises(SupportError, match="'moon' is no target"):
        read(tmp_path / "data")
    (tmp_path / "data" / "moon.toml").unlink()
    (tmp_path / "data" / "spin.toml").unlink()
    with pytest.raises(SupportError, match="no file for the target 'spin'"):
        read(tmp_path / "data")


def test_a_target_gives_nothing_that_a_component_carries(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = tmp_path / "data" / "spin.toml"
    path.write_text(path.read_text("utf-8").replace('["tcp", "udp"]', '["native:numpy"]'), "utf-8")
    with pytest.raises(SupportError, match="does not give what a component carries"):
        read(tmp_path / "data")


def test_a_target_says_of_every_need_whether_it_gives_it_or_why_not(tmp_path: Path) -> None:
    for target in (*load().targets, load().baseline):
        for need in NeedKind:
            if need not in support.INSIDE:
                assert (target.status(need, "http") is None) == bool(target.reason(need, "http"))
    shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    path = tmp_path / "data" / "docker.toml"
    text = path.read_text("utf-8")
    path.write_text(text.replace('["state", "background"]', '["state"]'), "utf-8")
    with pytest.raises(SupportError, match="background is neither given nor absent"):
        read(tmp_path / "data")
    path.write_text(text.replace('["state", "background"]', '["state", "background", "http-out"]'), "utf-8")
    with pytest.raises(SupportError, match="http-out is both given and absent"):
        read(tmp_path / "data")


def test_the_best_status_of_a_need_is_that_of_its_rows() -> None:
    wasmtime = load().target("wasmtime")
    assert wasmtime.status(NeedKind.TCP, "http") is Status.PROVEN
    assert wasmtime.status(NeedKind.UDP, "http") is Status.EXPERIMENTAL
    assert wasmtime.status(NeedKind.STATE, "http") is None
    assert wasmtime.status(NeedKind.STATE, "command") is Status.EXPERIMENTAL


def test_release_candidates_of_wasi_03_are_not_the_final_one() -> None:
    """A component of 0.3 final lies in the row of Spin 4.1 and in none of 3.6 and 4.0."""
    rows = [row for row in load().target("spin").features if row.wasi == ("0.3",)]
    final = frozenset({"wasi:http/handler@0.3"})
    assert [row.versions for row in rows if final <= row.exports] == ["4.1"]
    assert {row.versions for row in rows} == {"3.6", "4.0", "4.1"}


def test_prototype_figures_name_themselves_so() -> None:
    gains = [item.gain for rows in load().prototypes.values() for item in rows]
    assert gains
    assert all(gain.basis is Basis.PROTOTYPE and gain.source.startswith("prototype") for gain in gains)
    measured = [item.gain for lane in load().lanes for item in lane.gains]
    assert measured
    assert all(gain.basis is Basis.MEASURED for gain in measured)
