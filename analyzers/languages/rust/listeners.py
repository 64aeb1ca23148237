"""What a program listens on: the framework that serves, its port, and sockets that are opened beside it."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.rust import table
from analyzers.languages.rust.program import Program
from analyzers.languages.rust.scan import Call, File, string
from analyzers.languages.rust.values import Values, port_of
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach

if TYPE_CHECKING:
    from tree_sitter import Node

_BINDS = frozenset({"TcpListener::bind", "UdpSocket::bind", "UnixListener::bind", "TcpListener::from_std"})
# Packages that give plain sockets.
_SOCKETS = frozenset({"std", "tokio", "async_std", "smol", "async_net", "mio", "monoio", "tokio_uring"})
# Methods that give a server its address.
_ADDRESS = frozenset({
    "bind", "bind_rustls", "bind_rustls_0_21", "bind_rustls_0_22", "bind_rustls_0_23", "bind_openssl",
    "bind_auto_h2c", "run", "listen", "http", "https", "try_bind_ephemeral", "bind_ephemeral",
    "bind_with_graceful_shutdown", "serve", "serve_with_shutdown", "bind_uds", "bind_unix", "host",
    "port", "listen_uds", "try_bind", "bind_with_config",
})  # fmt: skip
# Of several frameworks the one that is served by; `hyper` lies below most of them.
_LEAST = ("hyper", "pingora", "jsonrpsee")


@dataclass(frozen=True, slots=True)
class Listening:
    """What a program listens on, and with what."""

    framework: str | None
    interface: str | None
    facts: tuple[Fact, ...]
    evidence: Evidence | None


def find(program: Program, files: list[File], values: Values) -> Listening:
    """The listeners of a program."""
    served: list[tuple[table.Server, File, Call]] = []
    grpc: list[tuple[File, Call]] = []
    bound: list[tuple[str, File, Call]] = []
    accepts: set[str] = set()
    for file in files:
        for call in file.calls:
            if call.path.startswith("."):
                if call.path in (".accept", ".incoming"):
                    accepts.add(file.path)
                continue
            for meaning in table.meanings(call.path):
                if meaning.kind == "server":
                    served.append((table.servers()[meaning.subject], file, call))
                elif meaning.kind == "grpc":
                    grpc.append((file, call))
            tail = "::".join(call.path.split("::")[-2:])
            if tail in _BINDS and call.path.partition("::")[0] in _SOCKETS:
                bound.append((tail, file, call))
    served.sort(key=lambda one: one[0].framework in _LEAST)
    framework = served[0][0] if served else None
    facts: list[Fact] = []
    serving = {file.path for _, file, _ in served} | {file.path for file, _ in grpc}
    if framework is not None:
        own = [one for one in served if one[0] is framework]
        facts += _http(program, framework, own, bound, files, values)
    for file, call in grpc:
        number = _grpc_port(file, call, bound, values)
        facts.append(_fact(program, "grpc", number, file, call.line))
    for tail, file, call in bound:
        arguments = call.arguments
        address = arguments[0] if arguments else None
        number = values.port(address, file, call.function)
        if tail == "UdpSocket::bind":
            text = values.text(address, file, call.function) or ""
            if not text.endswith(":0") and not re.search(
                r"[:,]\s*0u?1?6?\)?$", syntax.text(address) if address else ""
            ):
                facts.append(_fact(program, "udp", number, file, call.line, _sure(number)))
        elif tail == "UnixListener::bind":
            continue  # a proxy beside it connects; what is spoken over it its server says
        elif not serving:
            facts.append(_fact(program, _spoken(file, files), number, file, call.line))
        elif file.path in accepts and file.path not in serving:
            facts.append(_fact(program, _spoken(file, [file]), number, file, call.line, Confidence.MEDIUM))
    for file in files:
        for call in file.calls:
            if call.path == ".bind" and (named := _named_service(file, call)) is not None:
                protocol = "http" if "http" in named else "tcp"
                number = values.port(_nth(call, 1), file, call.function)
                facts.append(_fact(program, protocol, number, file, call.line))
                framework = framework or (table.servers()["actix-web"] if protocol == "http" else None)
            if call.path.startswith("quinn::") and call.path.endswith("Endpoint::server"):
                facts.append(
                    _fact(program, "udp", values.port(_nth(call, 1), file, call.function), file, call.line)
                )
            elif call.path == "socketioxide::SocketIo::new_svc" and framework is None:
                facts.append(_fact(program, "websocket", None, file, call.line))
    first = served[0] if served else None
    place = _place(program, first[1], first[2].line) if first else None
    return Listening(
        framework.framework if framework else "tonic" if grpc else None,
        framework.interface if framework else "tonic" if grpc else None,
        tuple(_once(facts)),
        place,
    )


def _http(
    program: Program,
    framework: table.Server,
    served: list[tuple[table.Server, File, Call]],
    bound: list[tuple[str, File, Call]],
    files: list[File],
    values: Values,
) -> Iterator[Fact]:
    """The HTTP listeners of a framework: the address beside the call that serves, else its default."""
    sockets = [(file, call) for tail, file, call in bound if tail == "TcpListener::bind"]
    given = False
    seen: set[int | None] = set()
    for _, file, call in served:
        number = _address(framework, file, call, files, sockets, values)
        if number is None and framework.port is not None:
            number = _rocket_port(program, values) or framework.port
        if number is None and given:
            continue
        given = True
        if number not in seen:
            seen.add(number)
            yield _fact(program, "http", number, file, call.line)


def _address(
    framework: table.Server,
    file: File,
    call: Call,
    files: list[File],
    sockets: list[tuple[File, Call]],
    values: Values,
) -> int | None:
    for argument in call.arguments:  # axum::Server::bind(&addr), poem::Server::new(TcpListener::bind(…))
        if argument.type == "closure_expression":
            continue
        for inner in _calls_in(file, argument):
            for one in inner.arguments:
                if (number := values.port(one, file, inner.function)) is not None:
                    return number
        if (number := values.port(argument, file, call.function)) is not None:
            return number
    for method in file.calls:  # .bind((host, port)), .run(addr), .listen(addr)
        if method.path[1:] in _ADDRESS and method.path.startswith(".") and method.function == call.function:
            for argument in method.arguments:
                if (number := values.port(argument, file, method.function)) is not None:
                    return number
    near = [one for one in sockets if one[0] is file and one[1].function == call.function]
    for at, socket in near or [one for one in sockets if one[0] is file] or sockets:
        for argument in socket.arguments[:1]:
            if (number := values.port(argument, at, socket.function)) is not None:
                return number
    for at in files:  # poem::listener::TcpListener::bind, salvo's TcpListener::new
        for other in at.calls:
            if other.path.endswith(("TcpListener::bind", "TcpListener::new", "listen_addr")):
                for argument in other.arguments[:1]:
                    if (number := values.port(argument, at, other.function)) is not None:
                        return number
    if framework.port is None:
        for name in ("--port", "--bind", "--listen", "--addr", "--address"):
            if (number := port_of(values.option(name))) is not None:
                return number
        return port_of(values.env.get("PORT"))
    return None


def _rocket_port(program: Program, values: Values) -> int | None:
    """Rocket's own order: ROCKET_PORT, then Rocket.toml beside the program."""
    for name in ("ROCKET_PORT", "PORT_ROCKET"):
        if (number := port_of(values.env.get(name))) is not None:
            return number
    for folder in (program.package.folder, "/", "/app"):
        text = program.sources.text(posixpath.join(folder, "Rocket.toml"))
        if text is None:
            continue
        try:
            data = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            continue
        for profile in ("release", "production", "global", "default"):
            section = data.get(profile)
            if isinstance(section, dict) and isinstance(section.get("port"), int):
                return int(section["port"])
    return None


def _grpc_port(file: File, call: Call, bound: list[tuple[str, File, Call]], values: Values) -> int | None:
    for method in file.calls:
        if method.path.startswith(".serve") and method.function == call.function:
            for argument in method.arguments:
                if (number := values.port(argument, file, method.function)) is not None:
                    return number
    for _, at, socket in bound:
        if at is file and (number := values.port(_nth(socket, 0), at, socket.function)) is not None:
            return number
    return None


def _spoken(file: File, files: list[File]) -> str:
    """What a bare TCP listener speaks: HTTP written by hand, WebSocket, or something of its own."""
    del file
    for one in files:
        for call in one.calls:
            if any(m.kind == "websocket" for m in table.meanings(call.path)):
                return "websocket"
    for one in files:
        if any(text.startswith("HTTP/1.") for text, _, _ in one.strings) or any(
            call.path.startswith("httparse::") for call in one.calls
        ):
            return "http"
    return "tcp"


def _named_service(file: File, call: Call) -> str | None:
    """The name that actix-server's own builder gives a listener: `.bind("ldap", address, || …)`."""
    arguments = call.arguments
    if len(arguments) != 3 or arguments[0].type != "string_literal":
        return None
    names = (
        *file.uses.values(),
        *file.globs,
        *(path for path, _, _ in file.types),
        *(c.path for c in file.calls),
    )
    return string(arguments[0]).lower() if any(name.startswith("actix_server") for name in names) else None


def _calls_in(file: File, node: Node) -> list[Call]:
    return [c for c in file.calls if node.start_byte <= c.start < node.end_byte]


def _nth(call: Call, at: int) -> Node | None:
    arguments = call.arguments
    return arguments[at] if at < len(arguments) else None


def _sure(number: int | None) -> Confidence:
    return Confidence.HIGH if number else Confidence.MEDIUM


def _place(program: Program, file: File, line: int) -> Evidence:
    return Evidence(file.path, line, program.sources.tree.line(file.path, line))


def _fact(
    program: Program,
    protocol: str,
    number: int | None,
    file: File,
    line: int,
    confidence: Confidence = Confidence.HIGH,
) -> Fact:
    return Fact(
        FactKind.LISTEN,
        protocol,
        (_place(program, file, line),),
        str(number) if number else "",
        Reach.IMPORT,
        confidence,
    )


def _once(facts: list[Fact]) -> Iterator[Fact]:
    """One fact a protocol and port; one without a port only where none of its protocol has one."""
    seen: set[tuple[str, str]] = set()
    for one in facts:
        if not one.detail and any(other.subject == one.subject and other.detail for other in facts):
            continue
        if (one.subject, one.detail) not in seen:
            seen.add((one.subject, one.detail))
            yield one
