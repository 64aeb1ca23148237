"""
## What it says

Compose gives the container rights over the machine: `privileged`, added capabilities, devices, the
host's process table; or the source uses what of the kernel takes such a right (eBPF, netlink, raw
sockets). A capability that Docker gives every container anyway (`NET_BIND_SERVICE` added
after all were dropped) is no such right: it is named, and has no effect.

## Why

A component has no such rights and no system calls to use them with. A service that needs them works
on the machine, not on requests.

## How to mend

Leave it in its container. If the right is not needed, take it out of compose.

## What it cannot know

Whether the right is really used.
"""

from __future__ import annotations

from collections.abc import Iterator

from analyzers.model import Confidence, Effect, Evidence, FactKind, Finding, Service, Severity
from analyzers.rules._build import at, compose, fact, service
from analyzers.rules._rule import Rule, bad, good

RULE = Rule(
    id="privileged",
    title="It has rights over the machine",
    severity=Severity.BLOCKER,
    effect=Effect.KEEP,
    weight=75,
    remedy="Leave it in its container, or take the right away if it is not needed.",
)
_NETWORK = "network host"
# What Docker gives a container that asks for nothing (moby's default capabilities, 2026-11-22), less those
# that reach past the process itself (MKNOD, NET_RAW, SYS_CHROOT): who asks for these again, needs them.
# fmt: off
_ORDINARY = frozenset(f"CAP_ADD {name}" for name in (
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID",
))
# fmt: on


def check(service: Service) -> Iterator[Finding]:
    rights: list[tuple[str, Evidence]] = [
        item for item in (service.compose.privileges if service.compose else ()) if item[0] != _NETWORK
    ]
    ordinary = [one for one in rights if one[0].upper().replace("CAP_ADD CAP_", "CAP_ADD ") in _ORDINARY]
    special = [one for one in rights if one not in ordinary]
    if special:
        yield RULE.finding(f"Compose gives it {_names(special)}.", (evidence for _, evidence in special))
    if ordinary:
        yield RULE.finding(
            f"Compose adds {_names(ordinary)}, which Docker gives every container.",
            (evidence for _, evidence in ordinary),
            effect=Effect.NONE,
            remedy="Nothing must change: a component needs no capability.",
        )
    for found in service.facts(FactKind.KERNEL):
        yield RULE.finding(
            f"{found.subject}: the kernel gives that to privileged processes only.",
            found.evidence,
            confidence=Confidence.MEDIUM,
        )


def _names(rights: list[tuple[str, Evidence]]) -> str:
    return ", ".join(name for name, _ in rights)


CASES = (
    bad(
        "privileged",
        service(with_compose=compose(privileges=(("privileged", at("compose.yaml:5")),))),
        "compose.yaml:5",
    ),
    bad(
        "a capability",
        service(with_compose=compose(privileges=(("cap_add NET_ADMIN", at("compose.yaml:6")),))),
        "compose.yaml:6",
    ),
    bad(
        "a capability that every container has",
        service(with_compose=compose(privileges=(("cap_add NET_BIND_SERVICE", at("compose.yaml:6")),))),
        "compose.yaml:6",
        effect=Effect.NONE,
    ),
    good(
        "the host's network is another rule",
        service(with_compose=compose(privileges=(("network host", at("compose.yaml:6")),))),
    ),
    bad("eBPF", service(fact(FactKind.KERNEL, "eBPF", "main.go:30"), language="go"), "main.go:30"),
    good("none", service(with_compose=compose())),
)
