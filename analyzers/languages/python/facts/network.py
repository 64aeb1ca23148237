"""What the code calls, connects to and listens on."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from contextlib import suppress

from analyzers.languages.python.facts.databases import database_url, sqlite
from analyzers.languages.python.facts.place import Place, host_of
from analyzers.languages.python.syntax import argument, name_of
from analyzers.languages.python.tables import tables
from analyzers.languages.python.values import UnknownValueError, evaluate, text_of, written
from analyzers.model import Fact, FactKind


def network_call(at: Place, node: ast.Call, name: str, method: str) -> Iterator[Fact]:
    if name in tables()["http"]["calls"] and node.args:
        index = 1 if name.endswith((".request", ".stream")) and len(node.args) > 1 else 0
        if name.startswith("http.client"):
            host = text_of(at.program, at.module, node.args[0])[0]
        else:
            host = at.host(node.args[index])
        yield at.fact(FactKind.OUTBOUND, "http", node, host)
    elif name in ("httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession"):
        base = argument(node, 99 if name.startswith("httpx") else 0, "base_url")
        yield at.fact(FactKind.OUTBOUND, "http", node, at.host(base) if base is not None else "")
    elif method in ("get", "post", "put", "patch", "delete", "head", "request") and node.args:
        host = _literal_host(at, node)
        if host:
            yield at.fact(FactKind.OUTBOUND, "http", node, host)
    if name == "sentry_sdk.init" and _reports(at, node):
        yield at.fact(FactKind.OUTBOUND, "http", node, "")
    _settle(at, name, method)
    yield from _forwarded(at, node, method)
    broker = tables()["worker"].get(name) or tables()["worker"].get(method)
    if broker is not None:
        yield at.fact(FactKind.WORKER, broker, node)
    if name in tables()["connect"]:
        yield from _connected(at, node, tables()["connect"][name])
    elif (
        name.endswith((".create_engine", ".create_async_engine", "engine_from_config"))
        or name == "databases.Database"
    ):
        yield from database_url(at, node, argument(node, 0, "url"))
    elif name in ("sqlite3.connect", "aiosqlite.connect"):
        yield from sqlite(at, node, at.path(argument(node, 0, "database")))
    if name in (
        "socket.socket",
        "socketserver.TCPServer",
        "socketserver.UDPServer",
        "asyncio.start_server",
    ):
        if name != "socket.socket":
            protocol = "udp" if "UDP" in name else "tcp"
            if at.entry.interface != "http.server":
                yield at.fact(FactKind.LISTEN, protocol, node)
        elif any("SOCK_DGRAM" in written(argument) for argument in node.args):
            yield at.fact(FactKind.OUTBOUND, "udp", node)
        else:
            yield at.fact(FactKind.OUTBOUND, "tcp", node)
    if name == "socket.create_connection":
        yield at.fact(FactKind.OUTBOUND, "tcp", node, _address(at, node))
    if name in ("grpc.server", "grpc.aio.server"):
        yield at.fact(FactKind.LISTEN, "grpc", node, _grpc_port(at))
    if name == "websockets.serve" or name == "websockets.server.serve":
        number = argument(node, 2, "port")
        port = text_of(at.program, at.module, number)[0] if number is not None else ""
        yield at.fact(FactKind.LISTEN, "websocket", node, port or (written(number) if number else ""))


def _reports(at: Place, node: ast.Call) -> bool:
    """Whether errors are sent anywhere: only where the address to send them to has a value."""
    dsn = argument(node, 0, "dsn")
    text = text_of(at.program, at.module, dsn)[0] or at.setting(dsn) if dsn is not None else ""
    return bool(text or at.program.env.get("SENTRY_DSN"))


def _forwarded(at: Place, node: ast.Call, method: str) -> Iterator[Fact]:
    """A request that is sent on with the method that it came with."""
    if method not in ("request", "build_request", "stream"):
        return
    given = argument(node, 0, "method")
    if isinstance(given, ast.Attribute) and given.attr == "method" and name_of(given.value) in _REQUESTS:
        url = argument(node, 1, "url")
        host = at.host(url) if url is not None else ""
        yield at.fact(FactKind.FORWARD, f"http://{host}" if host else "what a request names", node)


_REQUESTS = frozenset({"request", "req", "self"})


def _settle(at: Place, name: str, method: str) -> None:
    """Note libraries whose calls are reported themselves, so that their import need not be."""
    if name in tables()["http"]["calls"] or name in tables()["connect"]:
        first = name.partition(".")[0]
        at.state.settled |= {first, f"{first}.client", f"{first}.request", f"{first}.connector"}
        if name.startswith("motor"):
            at.state.settled.add("pymongo")
    elif name in ("httpx.Client", "httpx.AsyncClient", "aiohttp.ClientSession"):
        at.state.settled.add(name.partition(".")[0])
    elif method in ("create_engine", "create_async_engine"):
        at.state.settled |= {"psycopg", "psycopg2", "pg8000", "asyncpg", "pymysql", "MySQLdb"}


def _grpc_port(at: Place) -> str:
    for node in at.scope.nodes:
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "add_insecure_port" and node.args:
            found = re.search(r":(\d{1,5})$", text_of(at.program, at.module, node.args[0])[0])
            return found[1] if found else ""
    return ""


def _literal_host(at: Place, node: ast.Call) -> str:
    """The host of a URL that some session or client is given."""
    index = 1 if getattr(node.func, "attr", "") == "request" and len(node.args) > 1 else 0
    given = node.args[index]
    if isinstance(given, ast.Constant) and not str(given.value).startswith("http"):
        return ""  # `request.args.get("name")`: most often
    text = text_of(at.program, at.module, node.args[index])[0]
    return at.host(node.args[index]) if text.startswith(("http://", "https://")) else ""


def _connected(at: Place, node: ast.Call, protocol: str) -> Iterator[Fact]:
    first = argument(node, 0, "url") or argument(node, 0, "dsn")
    if protocol == "amqp":
        first = argument(node, 99, "broker") or first
    host_node = argument(node, 99, "host") or argument(node, 99, "bootstrap_servers")
    host = ""
    if host_node is not None:
        host = text_of(at.program, at.module, host_node)[0] or at.setting(host_node)
        port_node = argument(node, 99, "port")
        if host and port_node is not None:
            with suppress(UnknownValueError):
                host += f":{evaluate(at.program, at.module, port_node)}"
    elif first is not None:
        text, complete = text_of(at.program, at.module, first)
        text = text or at.setting(first)
        if protocol == "amqp" and "://" not in text:
            text, complete = _broker(at), True
        if "://" in text:
            host = host_of(text, complete)
            scheme = text.partition("://")[0].partition("+")[0]
            protocol = "redis" if scheme in ("redis", "rediss") and protocol == "amqp" else protocol
        elif match := re.search(r"\bhost=(\S+)", text):
            host = match[1]
        elif protocol in ("redis", "smtp", "grpc", "memcached", "mongodb"):
            host = text
    yield at.fact(FactKind.OUTBOUND, protocol, node, host)
    if protocol in tables()["database"]["protocols"]:
        yield at.fact(FactKind.DATABASE, protocol, node, host)


def _broker(at: Place) -> str:
    """The broker that a Celery configuration names, where there is only one."""
    for key in ("broker_url", "CELERY_BROKER_URL", "BROKER_URL"):
        values = at.state.constants.get(key, [])
        if len(values) == 1:
            return text_of(at.program, *values[0])[0]
    return ""


def _address(at: Place, node: ast.Call) -> str:
    first = argument(node, 0, "address")
    if not isinstance(first, ast.Tuple):
        return ""
    try:
        value = evaluate(at.program, at.module, first)
    except UnknownValueError:
        return ""
    return ":".join(str(part) for part in value) if isinstance(value, tuple) else ""
