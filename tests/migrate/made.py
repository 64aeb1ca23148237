"""Assessments made by hand, so that what follows the assessment is tested without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from analyzers.model import (
    Assessment,
    Confidence,
    Copy,
    Effect,
    Effort,
    Evidence,
    Facets,
    Finding,
    Grant,
    GrantKind,
    Image,
    Inbound,
    Inventory,
    Service,
    ServiceAssessment,
    Severity,
    Source,
    State,
    TakenFile,
    TargetVerdict,
    Verdict,
)

FROM = Evidence("Dockerfile", 1, "FROM python:3.14-slim")


def image(*files: tuple[str, str], copies: Sequence[Copy] = ()) -> Image:
    """An image that takes these files: source and guest path."""
    return Image(
        dockerfile="Dockerfile",
        context="",
        stage=None,
        base="python:3.14-slim",
        base_evidence=FROM,
        env=(),
        workdir="/app",
        user=None,
        entrypoint=None,
        cmd=None,
        ports=(),
        volumes=(),
        healthcheck=None,
        copies=tuple(copies),
        runs=(),
        files=tuple(TakenFile(source, guest) for source, guest in files),
    )


def service(name: str = "api", *, files: Sequence[tuple[str, str]] = (("app.py", "/app/app.py"),)) -> Service:
    """A Flask service."""
    return Service(
        name=name,
        path="",
        image=image(*files),
        image_name=None,
        compose=None,
        start_command=("gunicorn", "app:app"),
        start_evidence=(Evidence("Dockerfile", 9, 'CMD ["gunicorn", "app:app"]'),),
        port=8000,
        listeners=(),
        source=Source(
            language="python",
            root="",
            framework="flask",
            entry="app:app",
            entry_evidence=Evidence("app.py", 3, "app = Flask(__name__)"),
            interface="wsgi",
            server="gunicorn",
            manifests=("requirements.txt",),
        ),
        language="python",
    )


def assessed(
    one: Service | None = None,
    *,
    verdict: Verdict = Verdict.CONVERT,
    targets: Sequence[TargetVerdict] | None = None,
    findings: Sequence[Finding] = (),
    grants: Sequence[Grant] = (),
    lane: str | None = "python",
) -> ServiceAssessment:
    """A service with a verdict; every target has it unless `targets` says otherwise."""
    return ServiceAssessment(
        service=one or service(),
        lane=lane,
        verdict=verdict,
        score=90,
        confidence=Confidence.HIGH,
        targets=tuple(
            targets if targets is not None else (TargetVerdict(t, verdict) for t in ("spin", "wasmtime"))
        ),
        facets=Facets(State.NONE, False, Inbound.HTTP, (), (), False, False),
        effort=Effort(0.5, 1, ()),
        findings=tuple(findings),
        grants=tuple(grants),
    )


def assessment(root: Path, *services: ServiceAssessment) -> Assessment:
    """An assessment of a repository at `root`."""
    return Assessment(
        Inventory(root, None, tuple(s.service for s in services)),
        services,
        tool_version="0",
        rules_version="0",
    )


def finding(rule: str, effect: Effect = Effect.REFACTOR) -> Finding:
    """A finding of `rule`."""
    return Finding(
        rule=rule,
        severity=Severity.MAJOR,
        confidence=Confidence.HIGH,
        effect=effect,
        weight=30,
        message=f"{rule} speaks against it",
        evidence=(Evidence("app.py", 7, "counter += 1"),),
        remedy="mend it",
    )


def env(name: str, value: str | None) -> Grant:
    """A plain variable."""
    return Grant(GrantKind.ENV, name, Evidence("Dockerfile", 4, f"ENV {name}"), value=value)


def secret(name: str) -> Grant:
    """A secret."""
    return Grant(GrantKind.SECRET, name, Evidence("app.py", 5, f'os.environ["{name}"]'))


def directory(host: str, guest: str, mode: str = "ro") -> Grant:
    """A mounted directory."""
    return Grant(GrantKind.DIR, host, Evidence("compose.yaml", 8, host), guest=guest, mode=mode)


def outbound(scheme: str, host: str, port: int) -> Grant:
    """An outbound host."""
    evidence = Evidence("app.py", 6, f'requests.get("{scheme}://{host}")')
    return Grant(GrantKind.OUTBOUND, host, evidence, scheme=scheme, host=host, port=port)


def with_grants(one: ServiceAssessment, *grants: Grant) -> ServiceAssessment:
    """The same with other grants."""
    return replace(one, grants=grants)
