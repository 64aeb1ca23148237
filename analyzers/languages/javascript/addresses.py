"""Where a connection leads: hosts and ports in the arguments of calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from analyzers.languages.javascript import modules
from analyzers.languages.javascript.modules import Module
from analyzers.languages.javascript.values import HOLE, UNKNOWN, Literal, Value, Values

if TYPE_CHECKING:
    from tree_sitter import Node

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9])?")
_OWN = frozenset({"localhost", "127.0.0.1", "0.0.0.0", "::1"})  # noqa: S104 (compared, nothing binds)


def of_call(values: Values, module: Module, call: Node, keys: Sequence[str], *, urls: bool = False) -> str:
    """`host` or `host:port` that a call's first arguments name; "" where reading cannot tell.

    With `urls` an argument that is text counts only as a URL: a path is no host.
    """
    for node in modules.arguments(call)[:2]:
        value = values.value(module, node)
        if urls and isinstance(value, str) and "://" not in value:
            continue
        found = of_value(values, value, keys)
        if found:
            return found
    return ""


def of_value(values: Values, value: Value, keys: Sequence[str]) -> str:
    """The same of a value: an address, or an object (or array) that holds one under one of these keys."""
    if isinstance(value, str):
        return of_text(value)
    if not isinstance(value, Literal):
        return ""
    if value.node.type == "array":
        return of_value(values, values.inside(value, "0"), keys)
    for key in keys:
        inner: Value = value
        for part in key.split("."):
            inner = values.inside(inner, part) if isinstance(inner, Literal) else UNKNOWN
        if isinstance(inner, Literal) and inner.node.type == "array":
            inner = values.inside(inner, "0")
        if isinstance(inner, str) and (found := of_text(inner)):
            if ":" not in found:
                number = values.inside(value, "port")
                if isinstance(number, str) and number.isascii() and number.isdigit():
                    number = int(number)
                if isinstance(number, int) and not isinstance(number, bool) and 0 < number < 65536:
                    return f"{found}:{number}"
            return found
    return ""


def of_text(text: str) -> str:
    """Host and port of a URL, of `host:port` or of a host; "" where a part of the host is not known."""
    head = text
    if "://" in text:
        rest = text.partition("://")[2]
        head = re.split(r"[/?#]", rest, maxsplit=1)[0].rpartition("@")[2]
        if HOLE in text.partition("://")[0]:
            return ""
        if HOLE in head:
            host, _, tail = head.partition(":")
            return host if HOLE not in host and HOLE in tail and _HOST.fullmatch(host) else ""
        try:
            parts = urlsplit(f"//{head.split(',')[0]}")
            host, number = parts.hostname or "", parts.port
        except ValueError:
            return ""
        if host in _OWN or not _HOST.fullmatch(host):
            return host if host in _OWN else ""
        return f"{host}:{number}" if number else host
    if HOLE in head or "/" in head:
        return ""
    host, _, tail = head.partition(":")
    if not _HOST.fullmatch(host) or (tail and not tail.isdigit()):
        return ""
    return f"{host}:{tail}" if tail else host
