"""Small constructed services for the cases of rules. What is not asked for is an ordinary Flask service."""

from __future__ import annotations

from analyzers.model import (
    Command,
    ComposeFacts,
    ComposeRef,
    Confidence,
    Copy,
    Dependency,
    DependencyClass,
    EnvVar,
    Evidence,
    Fact,
    FactKind,
    Image,
    Inbound,
    Link,
    Listener,
    Reach,
    Route,
    Run,
    Service,
    Source,
    Unknown,
)


def flask(body: str, *, requirements: str = "flask==3.1.3") -> dict[str, str]:
    """A small repository: Flask on gunicorn; `body` begins at line 7 of `app.py`."""
    return {
        "Dockerfile": "FROM python:3.14\nWORKDIR /app\nCOPY . .\nRUN pip install -r requirements.txt\n"
        'CMD ["gunicorn", "app:app"]\n',
        "requirements.txt": f"{requirements}\ngunicorn==23.0.0\n",
        "app.py": f"from flask import Flask, request\n\napp = Flask(__name__)\n\n\n\n{body}",
    }


def at(place: str, snippet: str = "") -> Evidence:
    """Evidence from `path:line`."""
    path, _, line = place.rpartition(":")
    return Evidence(path, int(line), snippet)


def fact(
    kind: FactKind,
    subject: str,
    place: str = "app.py:10",
    detail: str = "",
    *,
    reach: Reach = Reach.REQUEST,
    confidence: Confidence = Confidence.HIGH,
    snippet: str = "",
) -> Fact:
    return Fact(kind, subject, (at(place, snippet),), detail, reach, confidence)


def package(
    name: str, kind: DependencyClass, *, imported: bool = True, line: int = 1, version: str | None = "1.0"
) -> Dependency:
    requirement = f"{name}=={version}" if version else name
    return Dependency(name, version, requirement, at(f"requirements.txt:{line}", requirement), kind, imported)


def run(command: str, line: int, workdir: str = "/app") -> Run:
    return Run(command, workdir, at(f"Dockerfile:{line}", f"RUN {command}"))


def copy(sources: str, destination: str, line: int, stage: str | None = None) -> Copy:
    return Copy((sources,), destination, stage, at(f"Dockerfile:{line}"))


def env(name: str, value: str | None, place: str = "Dockerfile:3") -> EnvVar:
    return EnvVar(name, value, at(place, f"ENV {name}={value}"))


def image(
    *,
    base: str = "python:3.14-slim",
    variables: tuple[EnvVar, ...] = (),
    runs: tuple[Run, ...] = (),
    made: tuple[Copy, ...] = (),
    copies: tuple[Copy, ...] = (),
    volumes: tuple[tuple[str, Evidence], ...] = (),
    unresolved: tuple[Evidence, ...] = (),
    command: tuple[str, ...] = ("gunicorn", "app:app"),
) -> Image:
    return Image(
        dockerfile="Dockerfile",
        context="",
        stage=None,
        base=base,
        base_evidence=at("Dockerfile:1", f"FROM {base}"),
        env=variables,
        workdir="/app",
        user=None,
        entrypoint=None,
        cmd=Command(command, False, at("Dockerfile:9")) if command else None,
        ports=(),
        volumes=volumes,
        healthcheck=None,
        copies=copies,
        runs=runs,
        made=made,
        unresolved=unresolved,
    )


def compose(
    *,
    privileges: tuple[tuple[str, Evidence], ...] = (),
    volumes: tuple[tuple[str, str, bool, Evidence], ...] = (),
    gpu: tuple[Evidence, ...] = (),
    variables: tuple[EnvVar, ...] = (),
) -> ComposeFacts:
    return ComposeFacts(
        ref=ComposeRef("compose.yaml", "web", at("compose.yaml:2", "web:")),
        environment=variables,
        privileges=privileges,
        volumes=volumes,
        gpu=gpu,
    )


_HTTP = (Listener(Inbound.HTTP, 8000, at("Dockerfile:8", "EXPOSE 8000")),)
_FLASK = "app:app"


def service(
    *facts: Fact,
    language: str | None = "python",
    framework: str | None = "flask",
    interface: str | None = "wsgi",
    entry: str | None = _FLASK,
    server: str | None = "gunicorn",
    dependencies: tuple[Dependency, ...] = (),
    unknown: tuple[Unknown, ...] = (),
    has_image: bool = True,
    of: Image | None = None,
    image_name: str | None = None,
    with_compose: ComposeFacts | None = None,
    start: tuple[str, ...] = ("gunicorn", "app:app"),
    listeners: tuple[Listener, ...] = _HTTP,
    links: tuple[Link, ...] = (),
    path: str = "",
    source_read: bool = True,
    routes: tuple[Route, ...] = (),
) -> Service:
    """A service; `language=None` leaves its source unread."""
    source = None
    if language in ("python", "go", "node") and source_read:
        source = Source(
            language=language,
            root=path,
            framework=framework,
            entry=entry,
            entry_evidence=at("Dockerfile:9"),
            interface=interface,
            server=server,
            dependencies=dependencies,
            facts=facts,
            files=("app.py",),
            manifests=("requirements.txt",),
            unknown=unknown,
            routes=routes,
        )
    return Service(
        name="web",
        path=path,
        image=(of or image()) if has_image else None,
        image_name=image_name,
        compose=with_compose,
        start_command=start,
        start_evidence=(at("Dockerfile:9"),),
        port=listeners[0].port if listeners else None,
        listeners=listeners,
        source=source,
        language=language,
        links=links,
    )
