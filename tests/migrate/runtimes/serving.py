"""Helpers of these tests: a component's record, a request's shape, an answer."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from pathlib import Path

from migrate.model import Component
from migrate.runtimes import ServeRequest

Ask = Callable[..., ServeRequest]


def component_at(path: Path) -> Component:
    """What inspection would say of the component in a file."""
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return Component(path, digest, "http", "0.2", imports=(), exports=("wasi:http/incoming-handler@0.2.0",))


def get(url: str) -> tuple[int, str]:
    """Status and body; 0 where the connection breaks."""
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, ""


def calls_by_instance(urls: Iterable[str]) -> dict[str, int]:
    """What each instance has counted, by its number. A runtime may keep more than one for reuse."""
    counted: dict[str, int] = {}
    for url in urls:
        first, *rest = get(url)[1].splitlines()
        counted[rest[-1]] = max(counted.get(rest[-1], 0), int(first.removeprefix("calls=")))
    return counted
