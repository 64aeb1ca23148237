"""Plan -> the files of `wasm/<service>/`: the lane's part, the targets' parts and what all trees have."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from analyzers.model import Grant, GrantKind
from migrate import lanes
from migrate import targets as writers
from migrate.model import GeneratedFile, Plan
from migrate.plan import COMMAND_LINE, VOLUMES, opposing
from migrate.provenance import PROVENANCE, HashedFile, Provenance, to_bytes
from migrate.tree import sha256
from migrate.version import version

FILES = "files.json"

# What builds and runs leave behind: our own scratch, Spin's state, what `spin build` writes.
_IGNORED = "build/\n.spin/\nspin-dependencies.wit\n"


def render(plan: Plan) -> tuple[GeneratedFile, ...]:
    """Every file of the tree, by path, its provenance file included.

    Raises what the lane and the targets raise (ManifestError, TargetError).
    """
    lane = lanes.lane(plan.lane)
    files = list(lane.render(plan))
    for name in plan.targets:
        files += writers.target(name).render(plan)
    files += _volumes(plan)
    files.append(GeneratedFile(".gitignore", _IGNORED.encode()))
    files.append(GeneratedFile(FILES, _file_set(plan)))
    files.append(GeneratedFile("README.md", _readme(plan, files, lane.behaviour(plan)).encode("utf-8")))
    files.append(GeneratedFile(PROVENANCE, to_bytes(provenance(plan, files))))
    return tuple(sorted(files, key=lambda file: file.path))


def provenance(plan: Plan, files: Sequence[GeneratedFile]) -> Provenance:
    """The provenance of a tree with these files."""
    service = plan.assessment.service
    return Provenance(
        tool_version=version(),
        service=plan.service_name,
        lane=plan.lane,
        entry=service.source.entry if service.source else None,
        targets=plan.targets,
        kind=plan.kind,
        wasi=plan.wasi,
        repository=way_to_repository(plan),
        dockerfile=service.dockerfile,
        port=service.port,
        snapshot_app=str(plan.snapshot_app),
        promise=plan.promise,
        accepted=plan.accepted,
        grants=plan.grants,
        inputs=_inputs(plan),
        files=tuple(
            HashedFile(file.path, sha256(file.content)) for file in sorted(files, key=lambda f: f.path)
        ),
    )


def way_to_repository(plan: Plan) -> str:
    """The relative path from the tree to the repository, with forward slashes."""
    return PurePosixPath(os.path.relpath(plan.repository, plan.output)).as_posix()


def _inputs(plan: Plan) -> tuple[HashedFile, ...]:
    """What the plan was read from, besides the application's own files: a change asks for a new convert."""
    service = plan.assessment.service
    names = set(service.source.manifests) if service.source else set()
    if service.image:
        names.add(service.image.dockerfile)
        names.add(str(PurePosixPath(service.image.context) / ".dockerignore"))
        names.add(f"{service.image.dockerfile}.dockerignore")
    if service.compose:
        names.add(service.compose.ref.file)
    found = []
    for name in sorted(names):
        content = _read(plan.repository / name)
        if content is not None:
            found.append(HashedFile(name, sha256(content)))
    return tuple(found)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.is_file() and not path.is_symlink() else None
    except OSError:
        return None


def _file_set(plan: Plan) -> bytes:
    data = {
        "schema_version": 1,
        "repository": way_to_repository(plan),
        "files": [{"source": file.source, "guest": file.guest} for file in plan.files],
    }
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8")


def _volumes(plan: Plan) -> list[GeneratedFile]:
    """A folder for each volume: there from the start, its content out of version control."""
    folder = f"{PurePosixPath(os.path.relpath(plan.output, plan.repository))}/{VOLUMES}/"
    names = {
        grant.name.removeprefix(folder)
        for grant in plan.grants
        if grant.kind is GrantKind.DIR and grant.name.startswith(folder)
    }
    return [GeneratedFile(f"{VOLUMES}/{name}/.gitignore", b"*\n!.gitignore\n") for name in sorted(names)]


def _readme(plan: Plan, files: Sequence[GeneratedFile], behaviour: Sequence[str]) -> str:
    from migrate.templating import render as fill

    accepted = [
        {"rule": f.rule, "message": _plain(f.message), "evidence": [str(e) for e in f.evidence[:3]]}
        for f in opposing(plan.assessment)
        if f.rule in plan.accepted
    ]
    return fill(
        "targets/README.md.j2",
        service=plan.service_name,
        dockerfile=plan.assessment.service.dockerfile,
        promise=plan.promise,
        targets=plan.targets,
        accepted=accepted,
        how_to_run=[{"name": name, "text": writers.target(name).how_to_run(plan)} for name in plan.targets],
        not_written=[
            verdict
            for verdict in plan.assessment.targets
            if verdict.target in writers.TARGETS and verdict.target not in plan.targets
        ],
        grants=[_grant(grant) for grant in plan.grants],
        behaviour=behaviour,
        file_count=len(plan.files),
        excluded=plan.excluded,
        generated=sorted({file.path.split("/")[0] + ("/" if "/" in file.path else "") for file in files}),
    )


def _grant(grant: Grant) -> dict[str, str]:
    from migrate.templating import code

    match grant.kind:
        case GrantKind.ENV:
            value = "from your shell at start" if grant.value is None else code(grant.value)
        case GrantKind.SECRET:
            value = "at start only"
        case GrantKind.DIR:
            value = f"at {code(grant.guest)}, {grant.mode or 'ro'}"
        case GrantKind.OUTBOUND:
            value = code(f"{grant.scheme}://{grant.host}:{grant.port}")
        case GrantKind.KV:
            value = "key-value store"
    evidence = grant.evidence
    why = code(evidence.snippet) if evidence.path == COMMAND_LINE else code(evidence)
    return {"kind": str(grant.kind), "name": grant.name, "value": value, "why": why}


def _plain(text: str) -> str:
    return " ".join(text.split())
