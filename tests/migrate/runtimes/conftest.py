"""Requests to serve tiny components."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from migrate.model import Component, Instances
from migrate.runtimes import Mount, ServeRequest
from tests import components
from tests.migrate.runtimes.serving import Ask, component_at


@pytest.fixture
def counter(tmp_path: Path) -> Component:
    """The component that counts the calls of its instance, in a generated tree's place."""
    (tmp_path / "build").mkdir()
    return component_at(components.write(tmp_path / "build" / "api.wasm"))


@pytest.fixture
def ask(tmp_path: Path, counter: Component) -> Ask:
    """A request with defaults for tests."""

    def make(
        component: Component = counter,
        *,
        environment: Mapping[str, str] | None = None,
        mounts: tuple[Mount, ...] = (),
        outbound: tuple[str, ...] = (),
        port: int | None = None,
        instances: Instances = Instances.FRESH,
        ready_path: str = "",
        ready_timeout: float = 90.0,
    ) -> ServeRequest:
        return ServeRequest(
            component=component,
            tree=tmp_path,
            log=tmp_path / "build" / "serve.log",
            environment=environment or {},
            mounts=mounts,
            outbound=outbound,
            port=port,
            instances=instances,
            ready_path=ready_path,
            ready_timeout=ready_timeout,
        )

    return make
