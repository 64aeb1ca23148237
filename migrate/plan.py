"""Assessment and options -> Plan: which service, which targets, which files, which grants.

Nothing is written here. What a plan promises is what the assessment promised: a target is planned only
where its verdict is `convert`, or where every finding that stands against it was accepted by name.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from analyzers.model import (
    Assessment,
    Effect,
    Evidence,
    Finding,
    Grant,
    GrantKind,
    Image,
    ServiceAssessment,
    TakenFile,
    Verdict,
)
from migrate import lanes
from migrate import targets as writers
from migrate.errors import NoPromiseError, NoServiceError, OutputError, UsageError
from migrate.model import Excluded, Plan, SnapshotApp

# Folder of the repository that holds every generated tree.
OUTPUT_FOLDER = "wasm"

# Folder of a tree that holds what compose keeps in volumes.
VOLUMES = "volumes"

# The evidence of a grant that a person gave on the command line: no file, no line.
COMMAND_LINE = "command line"

# Names of files that hold keys, tokens or passwords. Compared without case, with the last part of a path.
_SECRET_NAMES = (
    ".env",
    ".env.*",
    "*.env",
    ".envrc",
    "*.pem",
    "*.key",
    "*.p12",
    "*.pfx",
    "*.jks",
    "*.keystore",
    "*.kdbx",
    "*.ppk",
    "id_rsa",
    "id_dsa",
    "id_ecdsa",
    "id_ecdsa_sk",
    "id_ed25519",
    "id_ed25519_sk",
    ".npmrc",
    ".yarnrc.yml",
    ".pypirc",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".my.cnf",
    ".htpasswd",
    ".git-credentials",
    ".dockercfg",
    ".vault-token",
    ".boto",
    ".s3cfg",
    "credentials",
    "credentials.json",
    "credentials.yml",
    "credentials.yaml",
    "client_secret*.json",
    "service-account*.json",
    "service_account*.json",
    "secrets.json",
    "secrets.toml",
    "secrets.yml",
    "secrets.yaml",
    "secret.json",
    "secret.yml",
    "secret.yaml",
    "master.key",
    "kubeconfig",
    "*.tfstate",
    "*.tfstate.backup",
    "*.tfvars",
    "*.ovpn",
)
# Templates of such files, written to be read by everybody.
_SECRET_EXAMPLES = (
    ".env.example",
    ".env.sample",
    ".env.template",
    ".env.dist",
    ".env.defaults",
    "example.env",
    "sample.env",
)
# Folders whose whole content is private.
_SECRET_FOLDERS = frozenset({".ssh", ".aws", ".gnupg", ".kube", ".docker", ".azure", ".gcloud", ".git"})

_SCHEMES = ("http", "https")
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)\Z")


def make_plan(
    assessment: Assessment,
    service: str | None,
    *,
    targets: Sequence[str] = (),
    accept: Sequence[str] = (),
    output: Path | None = None,
    snapshot_app: SnapshotApp = SnapshotApp.AUTO,
    allow_hosts: Sequence[str] = (),
) -> Plan:
    """What `convert` will write for `service` (None: the only one there is).

    `targets` defaults to spin and wasmtime; `accept` names rules whose findings the caller takes upon
    himself; `output` defaults to `wasm/<service>` in the repository; `allow_hosts` adds outbound grants.

    Raises NoServiceError, UsageError (an option's value), TargetError (unknown target), OutputError
    (an output that holds the repository) and NoPromiseError (nothing to promise, nothing accepted).
    """
    chosen = choose(assessment, service)
    requested = tuple(dict.fromkeys(targets)) or writers.DEFAULT
    accepted = _accepted(chosen, accept)
    planned, promise = _promised(chosen, requested, accepted)
    repository = assessment.inventory.root
    place = _absolute(output) if output else repository / OUTPUT_FOLDER / chosen.service.name
    _refuse_output(place, repository)
    image = chosen.service.image
    files, excluded = file_set(image, _inside(place, repository)) if image else ((), ())
    assert chosen.lane is not None  # noqa: S101 - _promised refused a service without a lane
    return Plan(
        assessment=chosen,
        repository=repository,
        output=place,
        lane=chosen.lane,
        targets=planned,
        kind="http",
        wasi="0.2",
        files=files,
        excluded=excluded,
        grants=_with_hosts(_located(chosen.grants, place, repository), allow_hosts),
        snapshot_app=snapshot_app,
        promise=promise,
        accepted=() if promise else accepted,
    )


def choose(assessment: Assessment, service: str | None) -> ServiceAssessment:
    """The service of that name, or the only one. Raises NoServiceError."""
    names = [one.service.name for one in assessment.services]
    root = assessment.inventory.root
    if not names:
        raise NoServiceError(
            f"No service was found in {root}.",
            why="A service is a Dockerfile, or a service of a compose file.",
            do="Give the folder that holds the Dockerfile.",
        )
    if service is None:
        if len(names) > 1:
            raise NoServiceError(
                f"{root} has {len(names)} services.",
                do=f"Name one with --service: {', '.join(names)}.",
            )
        return assessment.services[0]
    for one in assessment.services:
        if one.service.name == service:
            return one
    raise NoServiceError(f"There is no service {service!r} in {root}.", do=f"Services: {', '.join(names)}.")


def file_set(image: Image, output: str | None = None) -> tuple[tuple[TakenFile, ...], tuple[Excluded, ...]]:
    """The files of a component, by guest path, and those that the image takes and the component does not.

    Left out are generated trees (`wasm/`, and `output`, relative to the repository) and files whose name
    says that they hold a secret. Of two files with one guest path the later COPY wins, as in the image.
    """
    taken: dict[str, TakenFile] = {}
    excluded: dict[str, Excluded] = {}
    generated = {OUTPUT_FOLDER, *([output] if output else [])}
    for file in image.files:
        folder = next((g for g in generated if file.source == g or file.source.startswith(f"{g}/")), None)
        pattern = secret_pattern(file.source) or secret_pattern(file.guest)
        if not _is_text(file.source) or not _is_text(file.guest):
            shown = file.source.encode("utf-8", "backslashreplace").decode()
            excluded[file.source] = Excluded(shown, "its name is not UTF-8")
        elif folder is not None:
            excluded[file.source] = Excluded(file.source, f"lies in {folder}/, where dock2wasm writes")
        elif pattern is not None:
            excluded[file.source] = Excluded(file.source, f"may hold a secret (matches {pattern})")
        else:
            taken[file.guest] = file
    return (
        tuple(taken[guest] for guest in sorted(taken)),
        tuple(excluded[source] for source in sorted(excluded)),
    )


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def secret_pattern(path: str) -> str | None:
    """The pattern that says that a file of this name holds a secret, or None."""
    *folders, name = path.casefold().split("/")
    private = next((f for f in folders if f in _SECRET_FOLDERS), None)
    if private is not None:
        return f"{private}/"
    if name in _SECRET_EXAMPLES:
        return None
    return next((pattern for pattern in _SECRET_NAMES if fnmatchcase(name, pattern)), None)


def opposing(assessment: ServiceAssessment) -> tuple[Finding, ...]:
    """The findings that keep a service from being converted at the baseline."""
    return tuple(finding for finding in assessment.findings if finding.effect is not Effect.NONE)


def verdict_on(assessment: ServiceAssessment, target: str) -> Verdict:
    """The verdict on one target; a target that was not judged has the headline verdict."""
    return next((v.verdict for v in assessment.targets if v.target == target), assessment.verdict)


def _accepted(assessment: ServiceAssessment, accept: Sequence[str]) -> tuple[str, ...]:
    """Those of the accepted rules that speak against this service; the others have nothing to say here."""
    from analyzers.rules import explain

    found = {finding.rule for finding in assessment.findings}
    for rule in accept:
        if rule not in found:
            try:
                explain(rule)
            except KeyError as error:
                raise UsageError(f"--accept {rule}: {error.args[0]}") from None
    return tuple(sorted(set(accept) & {finding.rule for finding in opposing(assessment)}))


def _promised(
    assessment: ServiceAssessment, requested: Sequence[str], accepted: Sequence[str]
) -> tuple[tuple[str, ...], bool]:
    """The targets to write, and whether every one of them carries a promise."""
    name = assessment.service.name
    for target in requested:
        writers.target(target)
    verdicts = {target: verdict_on(assessment, target) for target in requested}
    if assessment.lane is None or assessment.lane not in lanes.LANES:
        language = assessment.service.language or "its language"
        raise NoPromiseError(
            assessment,
            f"{name} cannot be converted: there is no lane for {language} yet.",
            why=_reasons(opposing(assessment)),
            do=f"Lanes: {', '.join(sorted(lanes.LANES))}.",
        )
    opposed = opposing(assessment)
    uncovered = [finding for finding in opposed if finding.rule not in accepted]
    if accepted and not uncovered:
        planned = tuple(t for t, verdict in verdicts.items() if verdict is not Verdict.KEEP)
    else:
        planned = tuple(t for t, verdict in verdicts.items() if verdict is Verdict.CONVERT)
    if planned:
        return planned, all(verdicts[target] is Verdict.CONVERT for target in planned)
    said = ", ".join(f"{target}: {verdict}" for target, verdict in verdicts.items())
    if all(verdict is Verdict.KEEP for verdict in verdicts.values()):
        raise NoPromiseError(
            assessment,
            f"{name} should stay in its container ({said}).",
            why=_reasons(opposed),
            do=f"Nothing was written. `dock2wasm assess --service {name}` shows the evidence.",
        )
    rules = ",".join(sorted({finding.rule for finding in opposed}))
    raise NoPromiseError(
        assessment,
        f"No promise can be made for {name} ({said}).",
        why=_reasons(uncovered),
        do=(
            f"Mend what is named above, or convert without a promise: --accept {rules}"
            if rules
            else f"`dock2wasm assess --service {name}` shows what is missing."
        ),
    )


def _reasons(findings: Iterable[Finding]) -> str:
    return "\n       ".join(
        f"{finding.rule}: {finding.message}"
        + (f" ({', '.join(str(e) for e in finding.evidence[:3])})" if finding.evidence else "")
        for finding in findings
    )


def _absolute(path: Path) -> Path:
    # resolve() would follow links, which the writer refuses by name.
    return Path(os.path.abspath(path))  # noqa: PTH100 - see above


def _inside(output: Path, repository: Path) -> str | None:
    """The output folder relative to the repository, or None where it lies outside."""
    return output.relative_to(repository).as_posix() if output.is_relative_to(repository) else None


def _refuse_output(output: Path, repository: Path) -> None:
    if repository.is_relative_to(output):
        raise OutputError(
            f"{output} cannot be the output: the repository lies in it.",
            do="Give a folder of its own with --output.",
        )
    if _inside(output, repository) == OUTPUT_FOLDER:
        raise OutputError(
            f"{output} cannot be the output: it holds one folder a service.",
            do=f"Use --output {output}/NAME, or leave --output out.",
        )


def _located(grants: Sequence[Grant], output: Path, repository: Path) -> Iterator[Grant]:
    """The grants, directories as paths from the repository: a volume of compose becomes one of the tree.

    A path that is no path of the host (a named volume, or one that has only a place in the container)
    must never be opened on the host by that name.
    """
    tree = PurePosixPath(os.path.relpath(output, repository))
    for grant in grants:
        name = grant.name
        volume = name == grant.guest or ("/" not in name and not name.startswith((".", "~")))
        if grant.kind is GrantKind.DIR and volume:
            slug = re.sub(r"[^A-Za-z0-9_-]+", "-", name.strip("/")) or "data"
            yield replace(grant, name=str(tree / VOLUMES / slug))
        else:
            yield grant


def _with_hosts(grants: Iterable[Grant], hosts: Sequence[str]) -> tuple[Grant, ...]:
    found = list(grants)
    given = {(g.scheme, g.host, g.port) for g in found if g.kind is GrantKind.OUTBOUND}
    for text in hosts:
        grant = outbound_grant(text)
        if (grant.scheme, grant.host, grant.port) not in given:
            given.add((grant.scheme, grant.host, grant.port))
            found.append(grant)
    return tuple(found)


def outbound_grant(text: str) -> Grant:
    """The grant of `--allow-host [SCHEME://]HOST[:PORT]`; without a scheme, https.

    HOST is a name, an IPv4 address, or `*.` and a domain. Raises UsageError: `*` alone, other schemes
    (only HTTP goes out), paths, and anything that is no host.
    """
    scheme, separator, rest = text.strip().partition("://")
    if not separator:
        scheme, rest = "https", text.strip()
    scheme = scheme.lower()
    if scheme not in _SCHEMES:
        raise UsageError(
            f"--allow-host {text}: {scheme!r} is neither http nor https.",
            why="A component at the baseline reaches other services by HTTP only.",
        )
    host, colon, port_text = rest.removesuffix("/").partition(":")
    host = host.lower()
    port = (443 if scheme == "https" else 80) if not colon else _port(port_text)
    if port is None or not _is_host(host):
        raise UsageError(
            f"--allow-host {text} is no host.",
            why="Every host that the service may reach is named; `*` would grant them all."
            if host == "*"
            else "",
            do="Write --allow-host https://api.example.com or http://10.0.0.5:8080.",
        )
    return Grant(
        kind=GrantKind.OUTBOUND,
        name=host,
        evidence=Evidence(COMMAND_LINE, 0, f"--allow-host {text.strip()}"),
        scheme=scheme,
        host=host,
        port=port,
    )


def _port(text: str) -> int | None:
    if not (text.isascii() and text.isdigit()) or len(text) > 5:
        return None
    return int(text) if 1 <= int(text) <= 65535 else None


def _is_host(host: str) -> bool:
    labels = host.removeprefix("*.").split(".")
    if len(host) > 253 or not all(_LABEL.match(label) for label in labels):
        return False
    if labels[-1].isdigit():  # the URL standard reads such a name as an IPv4 address
        try:
            return str(ipaddress.IPv4Address(host)) == host
        except ipaddress.AddressValueError:
            return False
    return True
