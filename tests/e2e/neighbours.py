"""The services that a fixture's service calls, started for original and component alike.

They answer on the Docker bridge's address of this machine: a container reaches it, and so does a component
that runs beside. `validate` starts no neighbours by itself; their addresses are handed over with `--env`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

from tests.e2e import products


def bridge_address() -> str:
    """This machine's address on Docker's default bridge."""
    import docker

    client = docker.from_env()
    try:
        (config,) = client.networks.get("bridge").attrs["IPAM"]["Config"]
        return str(config["Gateway"])
    finally:
        client.close()


@contextmanager
def _products() -> Iterator[Mapping[str, str]]:
    with products.serving(bridge_address()) as url:
        yield {"PRODUCTS_URL": url}


@contextmanager
def _nobody() -> Iterator[Mapping[str, str]]:
    yield {}


NEIGHBOURS: Mapping[str, Callable[[], AbstractContextManager[Mapping[str, str]]]] = {
    "flask-gateway": _products,
}


def started(fixture: str) -> AbstractContextManager[Mapping[str, str]]:
    """What the fixture's service calls, while the context lasts; gives the variables that name it."""
    return NEIGHBOURS.get(fixture, _nobody)()
