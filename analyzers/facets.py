"""The short answers that every service gets."""

from __future__ import annotations

import re

from analyzers import base_images, links
from analyzers.base_images import BaseImage
from analyzers.infrastructure import Role
from analyzers.listeners import inbound
from analyzers.model import Confidence, DependencyClass, Facets, Fact, FactKind, Reach, Service, State
from analyzers.rules import docker_socket, gpu, native_dependency
from analyzers.rules.local_write import is_temporary
from analyzers.rules.log_file import is_log
from analyzers.rules.sqlite_file import MEMORY
from analyzers.volumes import is_committed, is_file, keeps_data

# fmt: off
_DATABASES = frozenset({
    "postgres", "mysql", "mongodb", "mssql", "oracle", "cassandra", "elasticsearch", "clickhouse",
    "cockroachdb", "couchdb", "neo4j", "influxdb", "dynamodb",
})
# fmt: on
# Places whose files nobody expects to outlive the process: temporary folders, caches, the kernel's.
_SCRATCH = re.compile(
    r"^/(?:tmp|var/tmp|dev|proc|sys|run|var/run|var/cache)/|(?:^|/)\.?cache/|\bcgroup", re.IGNORECASE
)
# An SQLite database, or the folder that is made for it: part of the database.
_SQLITE_FILE = re.compile(
    r"\.(?:db|sqlite3?)(?:-wal|-shm|-journal)?$|(?:^|[./])_?db_?(?:dir|folder|path|file)$", re.IGNORECASE
)
# Roles of images that others call and that call nobody.
_SERVED = frozenset({Role.DATABASE, Role.STORE, Role.BROKER})
_STORES = frozenset({"redis", "memcached", "s3", "kafka", "amqp", "nats", "sqs", "etcd"})


def facets(service: Service) -> Facets:
    """The facets of a service; `docs/verdict.md` says what each means."""
    compose = service.compose
    dependencies = service.source.dependencies if service.source else ()
    known = _known(service)
    return Facets(
        state=_state(service),
        gpu=gpu.is_used(service),
        inbound=inbound(service),
        outbound=outbound(service),
        native_dependencies=tuple(
            sorted(
                {
                    d.name
                    for d in dependencies
                    if d.kind is DependencyClass.NATIVE and native_dependency.is_used(service, d)
                    if not d.brought and native_dependency.speaks(service, d)
                }
            )
        ),
        processes=bool(service.facts(FactKind.SUBPROCESS))
        or bool(known and not service.image and known.processes),
        privileged=docker_socket.is_given(service) or bool(compose and compose.privileges),
    )


def outbound(service: Service) -> tuple[str, ...]:
    """The protocols that a service calls with, sorted. Links of compose count for unread source."""
    found = {fact.subject for fact in service.facts(FactKind.OUTBOUND) if not _is_dead(fact)}
    found |= {fact.subject for fact in _databases(service) if fact.subject != "sqlite"}
    if service.facts(FactKind.FORWARD):
        found.add("http")
    if service.source is None:
        known = _known(service)
        if known is not None and known.role:
            # What a database is linked to waits for it; what else is known calls what it is for.
            found |= set(known.outbound)
        if known is None or known.role not in _SERVED:
            given = service.links if service.image else links.stated(service.links, service.compose)
            found |= {link.protocol for link in given}
    found = {"http" if name == "https" else name for name in found}
    # A connection of its own beside protocols that are known carries one of them.
    return tuple(sorted(found - {"tcp"} or found))


def _databases(service: Service) -> list[Fact]:
    return [fact for fact in service.facts(FactKind.DATABASE) if not _is_dead(fact)]


def _is_dead(fact: Fact) -> bool:
    """Whether nothing is seen to lead to the code that does it, neither the start nor a request."""
    return fact.reach is Reach.UNKNOWN and fact.confidence is Confidence.LOW


def _known(service: Service) -> BaseImage | None:
    """The public image that an unread service is, or is made from."""
    if service.source is not None:
        return None
    return base_images.find(service.image_name or (service.image.base if service.image else ""))


def _state(service: Service) -> State:
    calls = set(outbound(service))
    databases = _databases(service)
    sqlite = any(fact.subject == "sqlite" and fact.detail != MEMORY for fact in databases)
    if _writes_disk(service, sqlite):
        return State.LOCAL_DISK
    if sqlite or calls & _DATABASES or any(fact.subject != "sqlite" for fact in databases):
        return State.DATABASE
    if any(fact.reach is not Reach.IMPORT for fact in service.facts(FactKind.MEMORY_STATE)):
        return State.IN_MEMORY
    if any(fact.detail == MEMORY for fact in databases):
        return State.IN_MEMORY
    known = _known(service)
    kept = State(known.state) if known is not None and known.state else State.NONE
    if kept is not State.NONE:
        return kept
    return State.EXTERNAL_STORE if calls & _STORES else State.NONE


def _writes_disk(service: Service, sqlite: bool) -> bool:
    known = _known(service)
    if known is not None and (known.state == State.LOCAL_DISK or known.role == Role.DATABASE):
        return True
    stores = {fact.detail for fact in _databases(service) if fact.subject == "sqlite"}
    written = [
        fact
        for fact in service.facts(FactKind.FILE_WRITE)
        if fact.reach is not Reach.IMPORT and not is_temporary(fact) and not is_log(fact)
        if fact.confidence is not Confidence.LOW  # nobody is seen to lead there, or it may only be read
        if _SCRATCH.search(fact.subject.strip("\"'")) is None
        if not (sqlite and (fact.subject in stores or _SQLITE_FILE.search(fact.subject)))
    ]
    if written:
        return True
    # A volume keeps the SQLite file where there is one; else somebody wants files to outlive the container.
    return not sqlite and any(
        not read_only
        and not is_file(target)
        and _SCRATCH.search(f"{target}/") is None
        and "/log" not in target.lower()
        and "${" not in target  # where it lies nobody knows: a file, as often as a folder
        and not is_committed(service, source)
        and keeps_data(service, source, target)
        for source, target, read_only, _ in (service.compose.volumes if service.compose else ())
    )
