"""Ports on 127.0.0.1."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from migrate import ports
from migrate.errors import PortError


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket() as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do
        opened.bind((ports.HOST, 0))
        opened.listen()
        yield opened


def port_of(opened: socket.socket) -> int:
    return int(opened.getsockname()[1])


def test_free_ports_are_free_and_not_handed_out_twice() -> None:
    found = [ports.free_port() for _ in range(40)]
    assert len(set(found)) == 40
    for port in found:
        ports.require_free(port)
        assert not ports.accepts(port)


def test_no_free_port(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PortError, match="No port"):
        ports.free_port()


def test_a_taken_port_is_named_with_its_holder(listener: socket.socket) -> None:
    port = port_of(listener)
    assert ports.accepts(port)
    with pytest.raises(PortError) as caught:
        ports.require_free(port)
    assert f"Port {port}" in caught.value.what
    if ports.can_see_listeners():
        assert f"process {os.getpid()}" in caught.value.why


def test_listeners_of_a_process_group(listener: socket.socket) -> None:
    if not ports.can_see_listeners():  # macOS has no /proc
        assert ports.listeners(port_of(listener)) == ()
        return
    assert ports.listeners(port_of(listener)) == (os.getpid(),)
    assert ports.listeners(port_of(listener), group=os.getpgrp()) == (os.getpid(),)
    assert ports.listeners(port_of(listener), group=1) == ()


def test_a_port_that_only_was_in_use_is_free(listener: socket.socket) -> None:
    port = port_of(listener)
    with socket.create_connection((ports.HOST, port)) as client:
        accepted, _ = listener.accept()
        accepted.close()  # the server's side ends first: TIME_WAIT stays on the port
        assert client.recv(1) == b""
    listener.close()
    ports.require_free(port)


@pytest.mark.parametrize("port", [-1, 0, 65536])
def test_no_port(port: int) -> None:
    with pytest.raises(PortError, match="is no port"):
        ports.require_free(port)


def test_a_port_that_needs_privileges(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: socket.socket, address: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    with pytest.raises(PortError, match="privileges"):
        ports.require_free(80)
