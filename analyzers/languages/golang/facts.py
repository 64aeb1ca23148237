"""What the code that runs does that matters outside its container, by the tables of `packages.toml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from analyzers.languages import syntax
from analyzers.languages.golang import calls as uses
from analyzers.languages.golang import tables
from analyzers.languages.golang.calls import Call
from analyzers.languages.golang.modules import plain
from analyzers.languages.golang.nodes import elements, literal
from analyzers.languages.golang.program import Program
from analyzers.languages.golang.values import Values
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach, Route, Unknown

if TYPE_CHECKING:
    from tree_sitter import Node

_CREATES = frozenset({"Create", "WriteFile", "Mkdir", "MkdirAll", "Rename", "Symlink", "Link", "Truncate"})
_SQL = frozenset({"database/sql", "github.com/jmoiron/sqlx", "github.com/XSAM/otelsql", "go.nhat.io/otelsql"})
_OPENS = frozenset({"Open", "OpenDB", "Connect", "ConnectContext", "MustConnect", "MustOpen"})
_TEMPORARY = frozenset({"CreateTemp", "MkdirTemp", "TempFile", "TempDir"})
_READS = frozenset({"Open", "ReadFile", "ReadDir"})
_WRITES = re.compile(r"O_(?:WRONLY|RDWR|CREATE|APPEND|TRUNC)")
_ENV_TAGS = ("env", "envconfig")
_ENV_PACKAGES = (
    "github.com/kelseyhightower/envconfig", "github.com/caarlos0/env", "github.com/sethvargo/go-envconfig",
    "github.com/ilyakaznacheev/cleanenv", "github.com/jessevdk/go-flags", "github.com/umputun/go-flags",
    "github.com/alecthomas/kong", "github.com/alexflint/go-arg", "github.com/thomseddon/go-flags",
    "github.com/joeshaw/envdecode", "github.com/vrischmann/envconfig", "github.com/Netflix/go-env",
)  # fmt: skip


def collect(program: Program, calls: Sequence[Call], values: Values) -> tuple[Fact, ...]:
    """Facts of libraries, environment, files and requests."""
    found = [
        *_of_tables(program, calls, values),
        *_environment(program, calls, values),
        *_files(program, calls, values),
        *_proxies(program, calls),
        *_signals(program, calls),
        *_client_address(program),
    ]
    return tuple(dict.fromkeys(found))


def _of_tables(program: Program, calls: Sequence[Call], values: Values) -> Iterator[Fact]:
    known = tables.load()
    for call in calls:
        if call.name in _OPENS and call.alias in _SQL:
            yield from _sql(program, call, values)
        if not call.alias and call.name not in known.by_name:
            continue
        for package, function in uses.packages(program, call):
            for use in known.uses(package, call.name, function=function):
                if use.fact is FactKind.LISTEN:
                    continue
                if use.fact is FactKind.OUTBOUND and package == "net/http" and not function:
                    continue  # `x.Get` of a value from net/http: a header
                if use.subject == "tcp" and (_is_dialer(call) or _is_own(call, values)):
                    continue
                yield Fact(
                    use.fact,
                    _subject(use, call, package, values),
                    (uses.evidence(program, call),),
                    _detail(use, call, values),
                    _reach(use, call),
                )
                break


def optional(program: Program, off: Sequence[Call], found: Sequence[Fact]) -> Iterator[Unknown]:
    """The stores and protocols of calls that are off as the program is started, but for those it speaks."""
    known = tables.load()
    told = {"http", "tcp", *(fact.subject for fact in found)}
    for call in off:
        if not call.alias and call.name not in known.by_name:
            continue
        for package, function in uses.packages(program, call):
            for use in known.uses(package, call.name, function=function):
                if use.fact in (FactKind.OUTBOUND, FactKind.DATABASE) and use.subject not in told:
                    told.add(use.subject)
                    what = f"whether {use.subject} is used: what speaks it is off as the service is started"
                    at = uses.evidence(program, call)
                    yield Unknown(what, "the flag, variable or setting that turns it on", at)


def _reach(use: tables.Use, call: Call) -> Reach:
    """When it happens: a database that is opened at start is written as requests come."""
    if use.fact is FactKind.FILE_WRITE:
        return Reach.IMPORT if use.log else Reach.REQUEST
    return call.reach


def _subject(use: tables.Use, call: Call, package: str, values: Values) -> str:
    if use.fact is FactKind.OUTBOUND and use.subject == "http":
        text = _address(use, call, values) or ""
        return "https" if text.startswith("https:") else "http"
    if use.fact is FactKind.FILE_WRITE:
        path = _address(use, call, values)
        return path or f"{use.subject} ({package.rpartition('/')[2]})"
    if use.fact in (
        FactKind.CACHE,
        FactKind.MEMORY_STATE,
        FactKind.COMPUTE,
        FactKind.BACKGROUND,
        FactKind.WEBSOCKET,
    ):
        return (
            f"{package.rpartition('/')[2]}.{call.name}"
            if use.fact is not FactKind.MEMORY_STATE
            else (f"{package.rpartition('/')[2]}.{call.name} ({use.subject})")
        )
    if use.fact is FactKind.SUBPROCESS:
        return f"{package.rpartition('/')[2]}.{call.name}"
    return use.subject


def _detail(use: tables.Use, call: Call, values: Values) -> str:
    text = _address(use, call, values)
    if use.fact is FactKind.SUBPROCESS:
        return text or ""
    if use.fact is FactKind.DATABASE and use.subject == "sqlite":
        return sqlite_place(text)
    if use.fact in (FactKind.OUTBOUND, FactKind.DATABASE):
        return host_of(text)
    return ""


def _address(use: tables.Use, call: Call, values: Values) -> str | None:
    """Where a use points: an argument, or a field of a literal that is an argument."""
    if isinstance(use.address, int):
        position = use.address
        if call.name in ("NewRequest", "CommandContext") or (call.name == "DialContext" and position == 0):
            position = 1
        if call.name == "NewRequestWithContext":
            position = 2
        if position < len(call.arguments):
            return values.resolve(call.file, call.function, call.arguments[position])
        return None
    if isinstance(use.address, str):
        nodes: list[Node] = [call.node] if call.literal else list(call.arguments)
        for node in nodes:
            if node.type == "unary_expression" and (inner := node.child_by_field_name("operand")) is not None:
                node = inner
            if node.type == "composite_literal":
                for key, value in elements(node):
                    if key == use.address:
                        return values.resolve(call.file, call.function, value)
            if (text := literal(node)) is not None and ("://" in text or ":" in text):
                return text
    return None


def host_of(text: str | None) -> str:
    """`host[:port]` of a URL, a DSN or an address; "" where there is none."""
    if not text or len(text) > 2_000:
        return ""
    if "://" in text:
        try:
            url = urlsplit(text)
            host, number = url.hostname or "", url.port
        except ValueError:
            return ""
        return f"{host}:{number}" if host and number else host
    if match := re.search(r"\bhost=([\w.-]+)", text):
        port = re.search(r"\bport=(\d+)", text)
        return f"{match[1]}:{port[1]}" if port else match[1]
    if match := re.search(r"@(?:tcp|unix)?\(?([\w.-]+(?::\d+)?)\)?/", text):
        return match[1]
    return text if re.fullmatch(r"[A-Za-z0-9][\w.-]*:\d{1,5}", text) else ""


def sqlite_place(text: str | None) -> str:
    if text is None:
        return ""
    return (
        ":memory:"
        if ":memory:" in text or "mode=memory" in text
        else text.removeprefix("file:").partition("?")[0]
    )


def _is_dialer(call: Call) -> bool:
    """`net.Dialer{…}` configures an HTTP client more often than not; Unix sockets are no network."""
    if call.literal:
        return True
    first = literal(call.arguments[0]) if call.arguments else None
    return first in ("unix", "unixgram", "udp", "udp4", "udp6")


def _is_own(call: Call, values: Values) -> bool:
    """Whether it dials the loopback: what answers there is of the same container."""
    place = call.arguments[-1] if call.name in ("Dial", "DialContext", "DialTCP") and call.arguments else None
    if call.name == "DialTimeout" and len(call.arguments) > 1:
        place = call.arguments[1]
    address = values.resolve(call.file, call.function, place) if place is not None else None
    return address is not None and re.match(r"localhost\b|127\.0\.0\.1\b|\[::1\]", address) is not None


# --- database/sql -----------------------------------------------------------------------------------


def _sql(program: Program, call: Call, values: Values) -> Iterator[Fact]:
    """`sql.Open(driver, dsn)`, sqlx and their like: the driver's name, else the drivers that are imported."""
    known = tables.load()
    position = 1 if call.name == "ConnectContext" else 0
    driver = (
        values.resolve(call.file, call.function, call.arguments[position])
        if len(call.arguments) > position
        else None
    )
    source = (
        values.resolve(call.file, call.function, call.arguments[position + 1])
        if len(call.arguments) > position + 1
        else None
    )
    kinds = [known.drivers[driver]] if driver in known.drivers else []
    if not kinds:
        imported = {plain(path) for path in program.external}
        kinds = sorted({kind for package, kind in known.driver_packages.items() if package in imported})
    for kind in kinds:
        fact = FactKind.OUTBOUND if kind == "http" else FactKind.DATABASE
        detail = sqlite_place(source) if kind == "sqlite" else host_of(source)
        yield Fact(fact, kind, (uses.evidence(program, call),), detail, call.reach)


# --- environment ------------------------------------------------------------------------------------


def _environment(program: Program, calls: Sequence[Call], values: Values) -> Iterator[Fact]:
    for call in calls:
        if call.alias in ("os", "syscall") and call.name in ("Getenv", "LookupEnv") and call.arguments:
            name = literal(call.arguments[0]) or values.resolve(call.file, call.function, call.arguments[0])
            if name and re.fullmatch(r"[A-Za-z_]\w*", name):
                # What the program does without the variable is its own matter: Go reads "" then.
                yield Fact(FactKind.ENV_READ, name, (uses.evidence(program, call),), '""', call.reach)
        elif call.operand is not None and call.name == "BindEnv" and call.arguments:
            for argument in call.arguments[1:] or call.arguments:
                if name := literal(argument):
                    yield Fact(
                        FactKind.ENV_READ, name.upper(), (uses.evidence(program, call),), '""', call.reach
                    )
        elif call.literal and call.name.endswith("Flag") and call.alias.startswith("github.com/urfave/cli"):
            for key, value in elements(call.node):
                if key in ("EnvVars", "EnvVar", "Sources"):
                    for name in re.findall(r'"([A-Za-z_][\w, ]*)"', syntax.text(value)):
                        for one in name.split(","):
                            yield Fact(
                                FactKind.ENV_READ,
                                one.strip(),
                                (uses.evidence(program, call),),
                                '""',
                                Reach.IMPORT,
                            )
        elif call.name in ("Envar", "OverrideDefaultFromEnvar") and call.arguments:
            name = literal(call.arguments[0])  # of kingpin
            if name:
                yield Fact(FactKind.ENV_READ, name, (uses.evidence(program, call),), '""', Reach.IMPORT)
    imported = {plain(path) for path in program.external}
    if imported & set(_ENV_PACKAGES):
        yield from _tagged(program, imported)
    yield from _wrapped(program, calls, values)


def _wrapped(program: Program, calls: Sequence[Call], values: Values) -> Iterator[Fact]:
    """Calls of the program's own helpers that hand their first parameter to `os.Getenv`."""
    helpers: dict[str, set[str]] = {}
    for call in calls:
        if (
            call.alias == "os"
            and call.name in ("Getenv", "LookupEnv")
            and call.function is not None
            and call.arguments
        ):
            argument = syntax.text(call.arguments[0])
            parameters = call.function.parameters
            if re.search(rf"\(\s*{re.escape(argument)}\b", parameters) and re.fullmatch(r"\w+", argument):
                helpers.setdefault(call.function.name, set()).add(call.function.file.folder)
    for call in calls:
        if call.name not in helpers or call.literal or not call.arguments:
            continue
        folder = call.alias[2:] if call.alias.startswith("./") else call.file.folder
        name = literal(call.arguments[0])
        if folder in helpers[call.name] and name and re.fullmatch(r"[A-Za-z_]\w*", name):
            default = (
                values.resolve(call.file, call.function, call.arguments[1])
                if len(call.arguments) > 1
                else None
            )
            yield Fact(FactKind.ENV_READ, name, (uses.evidence(program, call),), default or '""', call.reach)


def _tagged(program: Program, imported: set[str]) -> Iterator[Fact]:
    kong = "github.com/alecthomas/kong" in imported
    for file in program.files():
        for node in syntax.captures("go", "(field_declaration tag: (_) @tag)", file.root).get("tag", []):
            tags = dict(re.findall(r'([\w-]+):"((?:\\.|[^"\\])*)"', syntax.text(node)))
            for key in _ENV_TAGS:
                name, _, options = tags.get(key, "").partition(",")
                if not re.fullmatch(r"[A-Za-z_]\w*", name) or (kong and key != "env"):
                    continue
                required = "required" in options or tags.get("required") == "true"
                default = tags.get("default") or tags.get("envDefault") or tags.get("env-default")
                detail = default or ("" if required else '""')
                yield Fact(
                    FactKind.ENV_READ,
                    name,
                    (program.at(file, node),),
                    detail,
                    Reach.IMPORT,
                    Confidence.MEDIUM,
                )


# --- files --------------------------------------------------------------------------------------------


def _files(program: Program, calls: Sequence[Call], values: Values) -> Iterator[Fact]:
    for call in calls:
        if call.alias not in ("os", "io/ioutil") or call.literal:
            continue
        name = f"{call.alias.rpartition('/')[2]}.{call.name}"
        at = (uses.evidence(program, call),)
        path = _path(values, call)
        if call.name in _TEMPORARY:
            yield Fact(FactKind.FILE_WRITE, name, at, "", call.reach)
        elif call.name == "OpenFile" and len(call.arguments) > 1:
            writes = _WRITES.search(syntax.text(call.arguments[1]))
            kind = FactKind.FILE_WRITE if writes else FactKind.FILE_READ
            yield Fact(kind, path or name, at, "", call.reach)
        elif call.name in _CREATES:
            if call.name in ("Mkdir", "MkdirAll"):
                continue  # a folder alone keeps nothing
            if _temporary(call):
                yield Fact(FactKind.FILE_WRITE, f"{name} in MkdirTemp", at, "", call.reach)
            else:
                yield Fact(FactKind.FILE_WRITE, path or name, at, "", call.reach)
        elif call.name in _READS:
            yield Fact(FactKind.FILE_READ, path or name, at, "", call.reach)


def _path(values: Values, call: Call) -> str | None:
    """The path that a call names; what is no path was a value of another thing with the same name."""
    text = values.resolve(call.file, call.function, call.arguments[0]) if call.arguments else None
    return text if text and re.fullmatch(r"\.{0,2}/[^\n]*|[\w.-]+(?:/[\w.-]+)*\.\w+", text) else None


def _temporary(call: Call) -> bool:
    """Whether a written file lies in a temporary folder, as far as the function shows."""
    function = call.function
    while function is not None:
        names = {name for _, name in function.words()}
        if names & {"MkdirTemp", "TempDir", "CreateTemp", "TempFile"}:
            return True
        function = function.outer
    return False


# --- requests --------------------------------------------------------------------------------------------


def _proxies(program: Program, calls: Sequence[Call]) -> Iterator[Fact]:
    for call in calls:
        if call.alias == "net/http/httputil" and call.name in ("ReverseProxy", "NewSingleHostReverseProxy"):
            at = (uses.evidence(program, call),)
            yield Fact(FactKind.OUTBOUND, "http", at, "", call.reach)
            yield Fact(FactKind.FORWARD, f"httputil.{call.name}", at, "", call.reach)
        elif call.alias in _PROXIES:
            at = (uses.evidence(program, call),)
            yield Fact(FactKind.OUTBOUND, "http", at, "", call.reach)
            yield Fact(FactKind.FORWARD, f"{call.alias.rpartition('/')[2]}.{call.name}", at, "", call.reach)


_ASIDE = re.compile(
    r"/(?:\w*health|metrics|debug|ready|live|ping|status|version|pprof|reload|memory|stats|info)",
    re.IGNORECASE,
)
_PROXIES = frozenset(
    {
        "github.com/vulcand/oxy/forward",
        "github.com/koding/websocketproxy",
        "github.com/elazarl/goproxy",
        "github.com/gofiber/fiber/middleware/proxy",
    }
)
_PROXY = re.compile(
    r"(?:^|[/_-])(?:\w*proxy|\w*gateway|\w*router|ingress|load-?balancer|tunnel)(?:[/_-]|$)", re.IGNORECASE
)


def forwarding(facts: Sequence[Fact], routes: Sequence[Route], name: str) -> tuple[Fact, ...]:
    """The facts, FORWARD marked as the point of the service where nothing but health and metrics is answered
    beside it, or where the program calls itself a proxy."""
    point = not any(not _ASIDE.match(route.path) and route.path not in ("/", "/*") for route in routes)
    if not point and not _PROXY.search(name):
        return tuple(facts)
    return tuple(replace(one, detail="main") if one.kind is FactKind.FORWARD else one for one in facts)


def _signals(program: Program, calls: Sequence[Call]) -> Iterator[Fact]:
    for call in calls:
        if call.alias == "os/signal" and call.name in ("Notify", "NotifyContext"):
            names = re.findall(
                r"(?:syscall|os|unix)\.(SIG\w+|Interrupt|Kill)", " ".join(map(syntax.text, call.arguments))
            )
            for name in dict.fromkeys(names or ["Interrupt"]):
                yield Fact(FactKind.SIGNAL, name, (uses.evidence(program, call),), "", Reach.IMPORT)


_ADDRESS = """
(selector_expression field: (field_identifier) @field
  (#any-of? @field "RemoteAddr" "ClientIP" "RealIP" "RemoteIP"))
"""


def _client_address(program: Program) -> Iterator[Fact]:
    for file in program.files():
        if not any(name in file.data for name in (b".RemoteAddr", b".ClientIP", b".RealIP", b".RemoteIP")):
            continue
        for node in syntax.captures("go", _ADDRESS, file.root).get("field", []):
            function = file.at(node.start_byte)
            if function is not None and program.functions.get(function) is Reach.REQUEST:
                whole = node.parent
                subject = syntax.text(whole) if whole is not None else syntax.text(node)
                at: tuple[Evidence, ...] = (program.at(file, node),)
                if len(subject) < 60:
                    yield Fact(FactKind.CLIENT_ADDRESS, subject, at)
