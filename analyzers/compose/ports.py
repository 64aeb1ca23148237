"""Published ports: `[host-ip:][published:]target[/protocol]`, ranges on either side."""

from __future__ import annotations

import ipaddress
from dataclasses import replace

from analyzers.compose.values import Value
from analyzers.compose.volumes import split

PROTOCOLS = ("tcp", "udp", "sctp")


def parse(value: Value) -> list[Value]:
    """The long forms of a short one, one a target port. Raises ValueError."""
    text = value.text or ""
    *head, container = split(text)
    published = head.pop() if head else ""
    address = ":".join(head)
    container, _, protocol = container.partition("/")
    protocol = (protocol.partition("/")[0] or "tcp").lower()
    if "$" in container:  # a variable that nothing here sets
        form = {"target": replace(value, data=container), "protocol": replace(value, data="tcp", unset=())}
        return [replace(value, data=form, unset=())]
    if protocol not in PROTOCOLS:
        raise ValueError(f"{text!r} names no protocol that Docker has")
    if address and "$" not in address:
        ipaddress.ip_address(address.removeprefix("[").removesuffix("]"))
    first, last = numbers(container)
    # A published port that a variable names is the host's business: any will do.
    known = bool(published) and "$" not in published
    low, high = numbers(published) if known else (0, 0)
    if known and high - low != last - first and first != last:
        raise ValueError(f"{text!r} maps ranges of different sizes")
    made: list[Value] = []
    for number in range(first, last + 1):
        one = {
            "target": replace(value, data=number, unset=()),
            "protocol": replace(value, data=protocol, unset=()),
        }
        if known:
            host = f"{low}-{high}" if first == last and low != high else str(low + number - first)
            one["published"] = replace(value, data=host, unset=())
        elif published:
            one["published"] = replace(value, data=published)
        if address:
            one["host_ip"] = replace(value, data=address.removeprefix("[").removesuffix("]"), unset=())
        made.append(replace(value, data=one, unset=()))
    # Compose sorts what one text makes by the port as text.
    return sorted(made, key=lambda port: _text(port, "target"))


def numbers(text: str) -> tuple[int, int]:
    """`80` or `80-90`. Raises ValueError."""
    low, dash, high = text.partition("-")
    parts = (low, high) if dash else (low, low)
    for part in parts:
        if not (part.isascii() and part.isdigit() and len(part) < 6 and int(part) < 65536):
            raise ValueError(f"{text!r} is no port")
    first, last = int(parts[0]), int(parts[1])
    if last < first:
        raise ValueError(f"{text!r} is no range of ports")
    return first, last


def identity(value: Value) -> str | None:
    """What makes two published ports one."""
    if not isinstance(value.data, dict) or "target" not in value.data:
        return None
    address = _text(value, "host_ip") or "0.0.0.0"  # noqa: S104 - compose's word for any address
    protocol = _text(value, "protocol") or "tcp"
    return f"{address}:{_text(value, 'published')}:{_text(value, 'target')}/{protocol}"


def _text(value: Value, name: str) -> str:
    assert isinstance(value.data, dict)  # noqa: S101 - callers look
    found = value.data.get(name)
    return (found.text if found else None) or ""
