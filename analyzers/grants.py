"""Derives from the facts what a component needs: variables, secrets, folders, outbound hosts. No more.

A statement of compose outranks one of the Dockerfile. What cannot be settled becomes an `Unknown`
with the option that settles it; an outbound host is never `*`.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from analyzers.model import (
    EnvVar,
    Evidence,
    Fact,
    FactKind,
    Grant,
    GrantKind,
    Service,
    Unknown,
)
from analyzers.redaction import is_secret, redacted_evidence
from analyzers.volumes import is_file, keeps_data

_DEFAULT_PORTS = {
    "http": 80, "https": 443, "postgres": 5432, "mysql": 3306, "redis": 6379, "mongodb": 27017, "amqp": 5672,
    "kafka": 9092, "memcached": 11211, "smtp": 25, "nats": 4222,
}  # fmt: skip
_HOST = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\]")
_HTTP = frozenset({"http", "https"})


@dataclass(frozen=True, slots=True)
class ServerVariable:
    """A variable (or, with a final `*`, a family) of the container's server layer."""

    pattern: str
    reason: str
    unless_read: bool


@cache
def server_variables() -> tuple[ServerVariable, ...]:
    """The list in `environment.toml`."""
    data = tomllib.loads(Path(__file__).with_name("environment.toml").read_text("utf-8"))
    return tuple(
        ServerVariable(name, entry["reason"], entry.get("unless_read", False))
        for entry in data["variable"]
        for name in entry["names"]
    )


def server_layer(name: str, *, read: bool) -> str | None:
    """Why a variable is not the application's, or None where it is. `read`: the application reads it."""
    for variable in server_variables():
        matches = (
            name.startswith(variable.pattern[:-1])
            if variable.pattern.endswith("*")
            else name == variable.pattern
        )
        if matches and not (read and variable.unless_read):
            return variable.reason
    return None


def derive(service: Service) -> tuple[tuple[Grant, ...], tuple[Unknown, ...]]:
    """The grants of a service, by kind and name, and what could not be settled."""
    if service.image is None:
        return (), ()
    environment, unset = _environment(service)
    outbound, unknown_hosts = _outbound(service)
    folders, unclear = _folders(service)
    given, hidden = _given_files(service)
    return (*environment, *folders, *given, *outbound), (*unset, *unclear, *hidden, *unknown_hosts)


def secrets(service: Service) -> tuple[Grant, ...]:
    """The grants of kind `secret`; none has a value."""
    if service.image is None:
        return ()
    return tuple(grant for grant in _environment(service)[0] if grant.kind is GrantKind.SECRET)


def _environment(service: Service) -> tuple[tuple[Grant, ...], tuple[Unknown, ...]]:
    reads: dict[str, list[Fact]] = {}
    for fact in service.facts(FactKind.ENV_READ):
        reads.setdefault(fact.subject, []).append(fact)
    stated: dict[str, EnvVar] = (
        {variable.name: variable for variable in service.image.env} if service.image else {}
    )
    for variable in service.compose.environment if service.compose else ():
        stated[variable.name] = variable
    grants: list[Grant] = []
    unknown: list[Unknown] = []
    for name in sorted({*stated, *reads}):
        if not _is_name(name) or server_layer(name, read=name in reads):
            continue
        value = stated[name].value if name in stated else None
        evidence = stated[name].evidence if name in stated else reads[name][0].evidence[0]
        if is_secret(name, value):
            grants.append(Grant(GrantKind.SECRET, name, redacted_evidence(evidence)))
        elif value is not None:
            grants.append(Grant(GrantKind.ENV, name, redacted_evidence(evidence), value=value))
        elif name in stated or any(is_required(fact) for fact in reads[name]):
            # Granted by name: the value comes at start.
            grants.append(Grant(GrantKind.ENV, name, redacted_evidence(evidence)))
            unknown.append(
                Unknown(
                    f"the value of {name}, which the service needs",
                    f"--env {name}=VALUE, or a value in the Dockerfile or compose",
                    redacted_evidence(evidence),
                )
            )
    return tuple(grants), tuple(unknown)


def is_required(fact: Fact) -> bool:
    """Whether a variable is read without a default."""
    return fact.detail == ""


def _is_name(name: str) -> bool:
    return bool(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name))


def _folders(service: Service) -> tuple[tuple[Grant, ...], tuple[Unknown, ...]]:
    grants: list[Grant] = []
    unknown: list[Unknown] = []
    for source, target, read_only, evidence in service.compose.volumes if service.compose else ():
        if not keeps_data(service, source, target):
            continue
        if is_file(target):
            unknown.append(
                Unknown(
                    f"whether {source or 'a volume'} at {target} is one file; only folders can be mounted",
                    "a volume of the folder around it, or a copy in the image",
                    evidence,
                )
            )
            continue
        mode = "ro" if read_only else "rw"
        grants.append(
            Grant(GrantKind.DIR, source or target, evidence, guest=posixpath.normpath(target), mode=mode)
        )
    return tuple(grants), tuple(unknown)


def _given_files(service: Service) -> tuple[tuple[Grant, ...], tuple[Unknown, ...]]:
    """The folders in which the secrets and configs of compose lie: only folders can be mounted.

    A folder that the image fills too would be hidden by the mount, and the root cannot be one.
    """
    compose = service.compose
    grants: dict[str, Grant] = {}
    unknown: list[Unknown] = []
    own = {posixpath.dirname(file.guest) for file in service.image.files} if service.image else set()
    for kind, files in (("secrets", compose.secrets), ("configs", compose.configs)) if compose else ():
        for file in files:
            folder = posixpath.dirname(posixpath.normpath(file.target))
            if folder == "/" or folder in own:
                place = f"{file.name} of compose's {kind} gets to {file.target}"
                unknown.append(
                    Unknown(
                        f"how {place}: only folders can be mounted",
                        "a `target` in a folder of its own, a variable, or a copy in the image",
                        file.evidence,
                    )
                )
            elif folder not in grants:
                grants[folder] = Grant(GrantKind.DIR, kind, file.evidence, guest=folder, mode="ro")
    return tuple(grants.values()), tuple(unknown)


def _outbound(service: Service) -> tuple[tuple[Grant, ...], tuple[Unknown, ...]]:
    grants: dict[tuple[str, str, int | None], Grant] = {}
    unknown: list[Unknown] = []
    nameless: list[Fact] = []

    def add(scheme: str, host: str, port: int | None, evidence: Evidence) -> None:
        port = port or _DEFAULT_PORTS.get(scheme)
        if port is not None:
            grants.setdefault(
                (scheme, host, port),
                Grant(
                    GrantKind.OUTBOUND,
                    host,
                    redacted_evidence(evidence),
                    scheme=scheme,
                    host=host,
                    port=port,
                ),
            )

    for fact in service.facts(FactKind.OUTBOUND, FactKind.DATABASE):
        if fact.subject == "sqlite":
            continue
        place = _place(fact.subject, fact.detail)
        if place:
            add(*place, fact.evidence[0])
        else:
            nameless.append(fact)
    spoken = {fact.subject for fact in service.facts(FactKind.OUTBOUND, FactKind.DATABASE)}
    calls_http = bool(spoken & _HTTP)
    for scheme, host, port, evidence in _stated_addresses(service):
        if (calls_http and scheme in _HTTP) or scheme in spoken or service.source is None:
            add(scheme, host, port, evidence)
    settled = {grant.scheme for grant in grants.values()}
    for fact in nameless:
        same = _HTTP if fact.subject in _HTTP else {fact.subject}
        if not same & settled:
            unknown.append(
                Unknown(
                    f"the hosts that are called through {fact.subject}",
                    "--allow-host https://HOST[:PORT]"
                    if fact.subject in _HTTP
                    else "an address in the environment that the Dockerfile or compose states",
                    redacted_evidence(fact.evidence[0]),
                )
            )
            settled |= same
    return tuple(grants[key] for key in sorted(grants, key=str)), tuple(unknown)


def _stated_addresses(service: Service) -> list[tuple[str, str, int | None, Evidence]]:
    """Addresses in variables of the image and compose. A link names a service, not a host."""
    found: list[tuple[str, str, int | None, Evidence]] = []
    variables = [*(service.image.env if service.image else ())]
    variables += service.compose.environment if service.compose else ()
    for variable in variables:
        if variable.value and "://" in variable.value:
            scheme = variable.value.partition("://")[0].partition("+")[0].lower()
            place = _place(_PROTOCOLS.get(scheme, scheme), variable.value)
            if place:
                found.append((*place, variable.evidence))
    return found


_PROTOCOLS = {
    "postgresql": "postgres",
    "rediss": "redis",
    "mongodb": "mongodb",
    "amqps": "amqp",
    "mariadb": "mysql",
}


def _is_public(host: str) -> bool:
    return (
        "." in host and not host.rpartition(".")[2].isdigit() and not host.endswith((".local", ".internal"))
    )


def _place(protocol: str, where: str) -> tuple[str, str, int | None] | None:
    """Scheme, host and port of `host`, `host:port` or a URL; None where no host stands there."""
    if not where or "*" in where:
        return None
    try:
        parts = urlsplit(where if "://" in where else f"//{where}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if not host or not _HOST.fullmatch(f"[{host}]" if ":" in host else host):
        return None
    scheme = protocol
    if protocol in _HTTP and parts.scheme:
        scheme = parts.scheme.lower() if parts.scheme.lower() in _HTTP else protocol
    elif protocol == "http" and (port == 443 or (port is None and _is_public(host))):
        scheme = "https"  # only the host was read; nobody offers a public service in the clear
    if host in {"localhost", "0.0.0.0"} or host.startswith("127."):  # noqa: S104 (compared, nothing binds)
        return None
    return scheme, host, port
