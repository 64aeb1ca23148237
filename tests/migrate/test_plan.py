from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzers.model import Effect, GrantKind, TargetVerdict, Verdict
from migrate.errors import NoPromiseError, NoServiceError, OutputError, TargetError, UsageError
from migrate.model import SnapshotApp
from migrate.plan import file_set, make_plan, outbound_grant, secret_pattern
from tests.migrate import made

ROOT = Path("/repository")


def test_the_only_service_is_planned_for_spin_and_wasmtime() -> None:
    plan = make_plan(made.assessment(ROOT, made.assessed()), None)
    assert plan.service_name == "api"
    assert plan.targets == ("spin", "wasmtime")
    assert plan.output == ROOT / "wasm" / "api"
    assert (plan.kind, plan.wasi, plan.lane) == ("http", "0.2", "python")
    assert plan.promise
    assert plan.accepted == ()


def test_several_services_must_be_named() -> None:
    both = made.assessment(ROOT, made.assessed(), made.assessed(made.service("worker")))
    with pytest.raises(NoServiceError, match="api, worker"):
        make_plan(both, None)
    assert make_plan(both, "worker").service_name == "worker"
    with pytest.raises(NoServiceError, match="Services: api, worker"):
        make_plan(both, "web")


def test_a_repository_without_services() -> None:
    with pytest.raises(NoServiceError, match="No service was found"):
        make_plan(made.assessment(ROOT), None)


# --- promises ------------------------------------------------------------------------------


def test_a_target_is_written_only_where_it_converts() -> None:
    one = made.assessed(
        verdict=Verdict.REFACTOR,
        findings=[made.finding("raw-socket")],
        targets=[
            TargetVerdict("spin", Verdict.REFACTOR, ("tcp",)),
            TargetVerdict("wasmtime", Verdict.CONVERT),
        ],
    )
    plan = make_plan(made.assessment(ROOT, one), None)
    assert plan.targets == ("wasmtime",)
    assert plan.promise


def test_without_a_promise_nothing_is_planned() -> None:
    one = made.assessed(verdict=Verdict.REFACTOR, findings=[made.finding("memory-state")])
    with pytest.raises(NoPromiseError, match=r"spin: refactor, wasmtime: refactor") as caught:
        make_plan(made.assessment(ROOT, one), None)
    assert caught.value.code == 3
    assert caught.value.assessment is one
    assert "app.py:7" in caught.value.why
    assert "--accept memory-state" in caught.value.do


def test_accepted_findings_are_recorded_and_promise_nothing() -> None:
    findings = [made.finding("memory-state"), made.finding("hint", Effect.NONE)]
    one = made.assessed(verdict=Verdict.REFACTOR, findings=findings)
    plan = make_plan(made.assessment(ROOT, one), None, accept=["memory-state", "memory-state"])
    assert plan.targets == ("spin", "wasmtime")
    assert not plan.promise
    assert plan.accepted == ("memory-state",)


def test_every_finding_must_be_accepted() -> None:
    findings = [made.finding("memory-state"), made.finding("raw-socket")]
    one = made.assessed(verdict=Verdict.REFACTOR, findings=findings)
    with pytest.raises(NoPromiseError, match="raw-socket") as caught:
        make_plan(made.assessment(ROOT, one), None, accept=["memory-state"])
    assert "memory-state" not in caught.value.why


def test_what_converts_keeps_its_promise_when_rules_are_accepted_for_nothing() -> None:
    one = made.assessed(findings=[made.finding("hint", Effect.NONE)])
    plan = make_plan(made.assessment(ROOT, one), None, accept=["hint"])
    assert plan.promise
    assert plan.accepted == ()


def test_keep_never_converts() -> None:
    one = made.assessed(verdict=Verdict.KEEP, findings=[made.finding("database", Effect.KEEP)])
    with pytest.raises(NoPromiseError, match="should stay in its container") as caught:
        make_plan(made.assessment(ROOT, one), None, accept=["database"])
    assert "--accept" not in caught.value.do


def test_an_unknown_rule_is_a_usage_error() -> None:
    one = made.assessed(verdict=Verdict.REFACTOR, findings=[made.finding("memory-state")])
    with pytest.raises(UsageError, match="memory-sate") as caught:
        make_plan(made.assessment(ROOT, one), None, accept=["memory-sate"])
    assert caught.value.code == 2


def test_a_rule_that_found_nothing_here_may_be_accepted() -> None:
    one = made.assessed(verdict=Verdict.REFACTOR, findings=[made.finding("made-up")])
    plan = make_plan(made.assessment(ROOT, one), None, accept=["made-up", "memory-state"])
    assert plan.accepted == ("made-up",)


def test_acceptance_cannot_replace_a_lane() -> None:
    one = made.assessed(verdict=Verdict.REFACTOR, findings=[made.finding("no-lane")], lane=None)
    with pytest.raises(NoPromiseError, match="there is no lane for python"):
        make_plan(made.assessment(ROOT, one), None, accept=["no-lane"])


def test_unknown_targets_are_named() -> None:
    with pytest.raises(TargetError, match="'lambda'"):
        make_plan(made.assessment(ROOT, made.assessed()), None, targets=["lambda"])


def test_a_target_named_twice_is_planned_once() -> None:
    plan = make_plan(made.assessment(ROOT, made.assessed()), None, targets=["wasmtime", "wasmtime"])
    assert plan.targets == ("wasmtime",)


def test_the_application_is_in_the_snapshot_where_it_can_be_unless_told_otherwise() -> None:
    assessment = made.assessment(ROOT, made.assessed())
    assert make_plan(assessment, None).snapshot_app is SnapshotApp.AUTO
    assert make_plan(assessment, None, snapshot_app=SnapshotApp.NEVER).snapshot_app is SnapshotApp.NEVER


# --- where ---------------------------------------------------------------------------------


def test_an_output_is_made_absolute() -> None:
    plan = make_plan(made.assessment(ROOT, made.assessed()), None, output=Path("x/../y"))
    assert plan.output == Path.cwd() / "y"


@pytest.mark.parametrize("output", [ROOT, ROOT.parent, ROOT / "wasm"])
def test_an_output_must_not_hold_the_repository_or_other_trees(output: Path) -> None:
    with pytest.raises(OutputError, match="cannot be the output"):
        make_plan(made.assessment(ROOT, made.assessed()), None, output=output)


# --- files ---------------------------------------------------------------------------------


def test_secrets_and_generated_trees_are_left_out_with_their_reason() -> None:
    image = made.image(
        ("app.py", "/app/app.py"),
        (".env", "/app/.env"),
        ("certs/tls.PEM", "/app/certs/tls.PEM"),
        ("settings.txt", "/root/.npmrc"),
        ("wasm/api/build.sh", "/app/wasm/api/build.sh"),
        ("deploy/wasm/api.py", "/app/deploy/wasm/api.py"),
        ("out/run.sh", "/app/out/run.sh"),
    )
    files, excluded = file_set(image, "out")
    assert [f.guest for f in files] == ["/app/app.py", "/app/deploy/wasm/api.py"]
    assert {e.source: e.reason for e in excluded} == {
        ".env": "may hold a secret (matches .env)",
        "certs/tls.PEM": "may hold a secret (matches *.pem)",
        "settings.txt": "may hold a secret (matches .npmrc)",
        "wasm/api/build.sh": "lies in wasm/, where dock2wasm writes",
        "out/run.sh": "lies in out/, where dock2wasm writes",
    }


def test_the_later_copy_wins_and_the_order_is_that_of_the_guest() -> None:
    image = made.image(("z.py", "/app/z.py"), ("a.py", "/app/b.py"), ("c.py", "/app/b.py"))
    files, _ = file_set(image)
    assert [(f.source, f.guest) for f in files] == [("c.py", "/app/b.py"), ("z.py", "/app/z.py")]


def test_a_name_that_is_no_text_is_left_out() -> None:
    files, excluded = file_set(made.image(("a\udcff.txt", "/app/a\udcff.txt")))
    assert files == ()
    assert excluded[0].reason == "its name is not UTF-8"
    excluded[0].source.encode()


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        "a/.env.production",
        "prod.env",
        "server.key",
        "id_rsa",
        "keys/ID_ED25519",
        ".aws/credentials",
        "home/.ssh/config",
        "credentials.json",
        "service-account-prod.json",
        ".git/config",
        "terraform.tfstate",
        ".docker/config.json",
    ],
)
def test_names_of_secrets(path: str) -> None:
    assert secret_pattern(path)


@pytest.mark.parametrize(
    "path",
    [
        "app.py",
        ".env.example",
        "id_rsa.pub",
        "environment.py",
        "keys.py",
        "credentials.py",
        "secrets/__init__.py",
    ],
)
def test_names_of_ordinary_files(path: str) -> None:
    assert secret_pattern(path) is None


# --- grants --------------------------------------------------------------------------------


def test_allowed_hosts_are_added_once() -> None:
    one = made.assessed(grants=[made.secret("KEY"), made.outbound("https", "api.example.com", 443)])
    plan = make_plan(
        made.assessment(ROOT, one),
        None,
        allow_hosts=["https://API.example.com/", "http://stock:8080", "http://stock:8080"],
    )
    outbound = [(g.scheme, g.host, g.port) for g in plan.grants if g.kind is GrantKind.OUTBOUND]
    assert outbound == [("https", "api.example.com", 443), ("http", "stock", 8080)]


def test_a_volume_is_no_path_of_the_host() -> None:
    one = made.assessed(
        grants=[
            made.directory("pgdata", "/var/lib/data", "rw"),
            made.directory("/cache", "/cache", "rw"),
            made.directory("./conf", "/conf"),
            made.directory("/srv/conf", "/conf2"),
        ]
    )
    plan = make_plan(made.assessment(ROOT, one), None)
    assert [grant.name for grant in plan.grants] == [
        "wasm/api/volumes/pgdata",
        "wasm/api/volumes/cache",
        "./conf",
        "/srv/conf",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api.example.com", ("https", "api.example.com", 443)),
        ("http://10.0.0.5", ("http", "10.0.0.5", 80)),
        ("https://*.example.com:8443", ("https", "*.example.com", 8443)),
        (" HTTP://Stock ", ("http", "stock", 80)),
    ],
)
def test_hosts_as_written(text: str, expected: tuple[str, str, int]) -> None:
    grant = outbound_grant(text)
    assert (grant.scheme, grant.host, grant.port) == expected


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "https://*",
        "https://",
        "",
        "postgres://db",
        "https://a/b",
        "https://a:0",
        "https://a:65536",
        "https://a:",
        "https://a b",
        "https://a?b",
        "https://[::1]",
        "https://u@a",
        "https://1.2.3",
        "https://1.2.3.256",
        "https://a.*.b",
        "https://-a",
    ],
)
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        outbound_grant(text)


@given(st.text(max_size=40))
def test_any_text_is_a_host_or_a_usage_error(text: str) -> None:
    try:
        grant = outbound_grant(text)
    except UsageError:
        return
    assert grant.host
    assert grant.host != "*"
    assert grant.port


def test_a_service_without_an_image_has_no_lane_and_no_plan() -> None:
    one = made.assessed(replace(made.service(), image=None, image_name="redis:7"), lane=None)
    with pytest.raises(NoPromiseError):
        make_plan(made.assessment(ROOT, one), None)
