"""What a Go program listens on, the framework it is written with, and how its server would be called."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analyzers.languages.golang import calls as uses
from analyzers.languages.golang import tables
from analyzers.languages.golang.calls import Call
from analyzers.languages.golang.modules import plain
from analyzers.languages.golang.nodes import elements, literal, port_of
from analyzers.languages.golang.program import Program
from analyzers.languages.golang.values import Values
from analyzers.model import Confidence, Fact, FactKind, Reach, Route

_PACKETS = frozenset({"ListenPacket", "ListenUDP", "ListenMulticastUDP", "ListenUnixgram"})
_STREAMS = frozenset({"Listen", "ListenTCP"})


def framework(program: Program) -> tuple[str | None, str | None]:
    """The name of the web framework, and how its server is called; None each where there is none."""
    used = {
        plain(path)
        for file in program.files()
        if any(one in program.functions for one in file.functions)
        for path in file.imports.values()
    }
    for one in tables.load().frameworks:
        if used & set(one.packages):
            return one.name, one.interface
    return ("net/http", "net/http") if "net/http" in used else (None, None)


def find(program: Program, calls: Sequence[Call], values: Values) -> tuple[Fact, ...]:
    """LISTEN facts: each protocol and port once."""
    found: list[Fact] = []
    streams: list[tuple[Call, str]] = []
    known = tables.load()
    for call in calls:
        if call.alias == "net" and call.name in _PACKETS:
            network = literal(call.arguments[0]) if call.arguments else None
            if network is None or network.startswith("udp"):
                found.append(_fact(program, call, "udp", _port(values, call, 1)))
        elif call.alias in ("net", "crypto/tls") and call.name in _STREAMS:
            network = literal(call.arguments[0]) if call.arguments else None
            if (network is None or network.startswith("tcp")) and not _inside(values, call):
                streams.append((call, _port(values, call, 1)))
        elif call.name in known.by_name:
            for package, function in uses.packages(program, call):
                for use in known.uses(package, call.name, function=function):
                    if use.fact is FactKind.LISTEN and not (call.literal and call.name != "Server"):
                        port = _of_server(values, call, calls) or (str(use.port) if use.port else "")
                        found.append(_fact(program, call, use.subject, port))
    found += _streams(program, calls, streams, found)
    if not found and program.answers:  # a library that is not in the table listens
        handler = next(one for one in program.functions if program.functions[one] is Reach.REQUEST)
        at = (program.at(handler.file, handler.node),)
        found.append(Fact(FactKind.LISTEN, "http", at, "", Reach.IMPORT, Confidence.LOW))
    return tuple(_distinct(found))


def _fact(program: Program, call: Call, protocol: str, port: str) -> Fact:
    return Fact(FactKind.LISTEN, protocol, (uses.evidence(program, call),), port, Reach.IMPORT)


def _inside(values: Values, call: Call) -> bool:
    """Whether it listens on the loopback only: nobody outside the container calls that."""
    address = values.resolve(call.file, call.function, call.arguments[1]) if len(call.arguments) > 1 else None
    return address is not None and address.startswith(("localhost:", "127.0.0.1:", "[::1]:"))


def _port(values: Values, call: Call, position: int) -> str:
    if position >= len(call.arguments):
        return ""
    return port_of(values.resolve(call.file, call.function, call.arguments[position]))


def _of_server(values: Values, call: Call, calls: Sequence[Call]) -> str:
    """The port of `ListenAndServe(addr, …)` and of `server.ListenAndServe()` with the server's `Addr`."""
    for position in range(min(2, len(call.arguments))):
        argument = call.arguments[position]
        if argument.type in ("func_literal", "nil"):
            continue
        if port := port_of(values.resolve(call.file, call.function, argument)):
            return port
    near: list[str] = []
    if call.arguments and call.name not in ("ListenAndServeTLS", "Serve", "ServeTLS", "NewServer"):
        return ""
    for other in calls:  # &http.Server{Addr: …} of the same function first, then of the program
        if (
            other.literal
            and other.name in ("Server", "HTTPServer")
            and other.alias in ("net/http", "github.com/valyala/fasthttp")
        ):
            for key, value in elements(other.node):
                if key == "Addr" and (port := port_of(values.resolve(other.file, other.function, value))):
                    if other.function is call.function:
                        return port
                    near.append(port)
    if near and len(set(near)) == 1:
        return near[0]
    for file, function, value in values.fields().get("Addr", ()):
        if (
            call.function is not None
            and function is call.function
            and (port := port_of(values.resolve(file, function, value)))
        ):
            return port
    return near[0] if near else ""


def _streams(
    program: Program, calls: Sequence[Call], streams: Sequence[tuple[Call, str]], found: Sequence[Fact]
) -> Iterator[Fact]:
    """What `net.Listen` is for: it is handed to an HTTP or gRPC server, or read by the program itself."""
    protocols = {fact.subject for fact in found}
    accepts = {call.function for call in calls if call.name in ("Accept", "AcceptTCP") and not call.alias}
    for call, port in streams:
        folder = call.file.folder
        near = {fact.subject for fact in found if fact.evidence[0].path.rpartition("/")[0] == folder}
        mine = near or protocols
        if call.function in accepts or not mine:
            yield _fact(program, call, "tcp", port)
        elif "grpc" in mine and (_names_grpc(call) or "http" not in mine):
            yield _fact(program, call, "grpc", port)
        elif "http" in mine:
            yield _fact(program, call, "http", port)


def _names_grpc(call: Call) -> bool:
    around = call.function
    return around is not None and b"grpc" in around.file.data[around.start : around.end].lower()


def _distinct(found: Sequence[Fact]) -> Iterator[Fact]:
    """Each protocol and port once; one without a port falls away where the protocol has one with it."""
    seen: set[tuple[str, str]] = set()
    with_port = {fact.subject for fact in found if fact.detail}
    for fact in found:
        if (fact.subject, fact.detail) in seen or (not fact.detail and fact.subject in with_port):
            continue
        seen.add((fact.subject, fact.detail))
        yield fact


_ASIDE = re.compile(r"/(?:metrics|debug|health|ready|live|ping|status|version|pprof)", re.IGNORECASE)


def main_ones(heard: Sequence[Fact], routes: Sequence[Route]) -> tuple[Fact, ...]:
    """The listeners that count: beside gRPC, one for metrics or health alone is no HTTP of the service."""
    protocols = {fact.subject for fact in heard}
    if {"grpc", "http"} <= protocols and all(_ASIDE.match(route.path) for route in routes):
        return tuple(fact for fact in heard if fact.subject != "http")
    return tuple(heard)
