"""What the code of a C or C++ program does that matters outside its container."""

from __future__ import annotations

import bisect
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analyzers.languages import syntax
from analyzers.languages.c.sources import CProgram, evidence, included
from analyzers.model import Confidence, Dependency, DependencyClass, Evidence, Fact, FactKind, Reach, Route

if TYPE_CHECKING:
    from tree_sitter import Node

_CALLS = """
(call_expression) @call
(preproc_ifdef) @ifdef
(string_literal) @string
(function_definition) @function
(comment) @comment
(while_statement) @loop
(for_statement) @loop
(do_statement) @loop
"""
_CPP = """
(declaration type: (_) @type)
(new_expression type: (_) @type)
(template_type) @type
(qualified_identifier) @type
(raw_string_literal) @string
(for_range_loop) @loop
(lambda_expression) @loop
"""
_NEVER = frozenset({
    "_WIN32", "WIN32", "_WIN64", "_MSC_VER", "__APPLE__", "__FreeBSD__", "__OpenBSD__", "__NetBSD__", "__sun",
    "__sun__", "__CYGWIN__", "__ANDROID__", "__EMSCRIPTEN__", "__wasm__", "__wasi__", "__HAIKU__", "_AIX",
})  # fmt: skip
_SYSTEM = frozenset({"__linux__", "__linux", "linux", "__unix__", "__GNUC__"})
# Files and functions whose listener or file is a side of the program.
_SIDE = re.compile(r"prom|metric|admin|stats|health|debug|telnet|monitor|exporter", re.IGNORECASE)
_LOG = re.compile(r"log|pid|core|dump|trace|lock", re.IGNORECASE)
_DAEMON = re.compile(r"daemon|background|detach", re.IGNORECASE)
_READS = re.compile(rb"getopt|arg[cv]|fgets|readdir|getline")  # loops over options and lines of files
# What a loop that goes on for as long as the program serves contains.
_SERVES = re.compile(
    rb"accept|select|poll|recv|kevent|dispatch|sleep|pause|handle|serve|process|loop|run|wait"
)
_HTTP = re.compile(r"HTTP/(?:1\.[01]|%)")
_ROUTES = re.compile(
    r"CROW_(?:BP_)?ROUTE\s*\(\s*\w+\s*,\s*\"(?P<crow>[^\"]+)\""
    r"|ENDPOINT(?:_ASYNC)?\s*\(\s*\"(?P<verb>\w+)\"\s*,\s*\"(?P<oatpp>[^\"]*)\""
    r"|[.>](?P<lib>Get|Post|Put|Delete|Patch|Options)\s*\(\s*R?\"\(?(?P<path>/[^\")]*)"
    r"|Routes::(?P<pist>Get|Post|Put|Delete|Patch)\s*\(\s*[\w.*]+\s*,\s*\"(?P<ppath>[^\"]+)\""
    r"|(?:ADD_METHOD_TO|registerHandler)\s*\(\s*(?:[\w:]+\s*,\s*)?\"(?P<drogon>/[^\"]*)\""
)
# Calls whose arguments hold the port.
_PORTS = frozenset({
    "port", "listen", "addListener", "bind_to_port", "mg_http_listen", "MHD_start_daemon", "Port", "Address",
    "evhttp_bind_socket", "AddListeningPort", "onion_set_port",
})  # fmt: skip


@cache
def table() -> Mapping[str, Any]:
    return tomllib.loads(Path(__file__).with_name("libraries.toml").read_text("utf-8"))


@dataclass(slots=True)
class _Unit:
    """A file: its calls (name, node), strings, headers, and functions around places."""

    path: str
    calls: list[tuple[str, Node]]
    types: set[str]
    strings: list[tuple[str, Node]]
    headers: list[tuple[str, int]]
    functions: list[tuple[int, int, str]]
    loops: list[tuple[int, int]]  # that serve; none inside another
    text: str  # comments blanked

    def around(self, node: Node) -> str:
        at = bisect.bisect_right(self.functions, (node.start_byte, 1 << 60, "")) - 1
        return self.functions[at][2] if at >= 0 and node.start_byte < self.functions[at][1] else ""

    def in_loop(self, node: Node) -> bool:
        at = bisect.bisect_right(self.loops, (node.start_byte, 1 << 60)) - 1
        return at >= 0 and node.start_byte < self.loops[at][1]


@dataclass(slots=True)
class Found:
    """What was found in a program."""

    facts: tuple[Fact, ...]
    framework: str | None
    interface: str | None
    dependencies: tuple[Dependency, ...]
    routes: tuple[Route, ...]


@dataclass(slots=True)
class _Collector:
    program: CProgram
    start: frozenset[str]  # functions that run before the program serves
    found: dict[tuple[FactKind, str, str], Fact] = field(default_factory=dict)

    def add(
        self,
        kind: FactKind,
        subject: str,
        place: Evidence,
        detail: str = "",
        reach: Reach = Reach.UNKNOWN,
        confidence: Confidence = Confidence.MEDIUM,
    ) -> None:
        key = (kind, subject, detail)
        before = self.found.get(key)
        if before is None:
            self.found[key] = Fact(kind, subject, (place,), detail, reach, confidence)
        elif before.reach is Reach.IMPORT and reach is not Reach.IMPORT:
            rest = tuple(one for one in before.evidence if one != place)
            self.found[key] = Fact(kind, subject, (place, *rest)[:8], detail, reach, confidence)
        elif len(before.evidence) < 8 and place not in before.evidence:
            self.found[key] = replace(before, evidence=(*before.evidence, place))


def collect(program: CProgram) -> Found:
    """The facts, libraries and routes of a program."""
    units = [unit for path in program.files if (unit := _unit(program, path)) is not None]
    collector = _Collector(program, _starting(units))
    for unit in units:
        for name, node in unit.calls:
            _call(collector, unit, name, node)
        for header, line in unit.headers:
            if _is(header, table()["gpu"]["headers"]):
                collector.add(
                    FactKind.GPU, header, evidence(program, unit.path, line), confidence=Confidence.HIGH
                )
    framework, listening = _listening(program, units)
    for fact in listening:
        collector.found[fact.kind, fact.subject, fact.detail] = fact
    interface = framework or ("sockets" if listening else None)
    if any(fact.kind is FactKind.LISTEN for fact in listening):
        collector.found.pop(
            (FactKind.OUTBOUND, "tcp", ""), None
        )  # a server's sockets; relays connect as well
    return Found(
        tuple(collector.found.values()),
        framework,
        interface,
        _dependencies(program, units),
        _routes(program, units),
    )


def _starting(units: list[_Unit]) -> frozenset[str]:
    """`main` and the functions that only such functions call, outside of loops, and that nobody hands on."""
    callers: dict[str, set[str]] = {}
    defined = {name for unit in units for _, _, name in unit.functions}
    looped: set[str] = set()
    for unit in units:
        for name, node in unit.calls:
            if name in defined:
                callers.setdefault(name, set()).add(unit.around(node))
                if unit.in_loop(node):
                    looped.add(name)
            arguments = node.child_by_field_name("arguments")
            for given in arguments.named_children if arguments is not None else ():
                if given.type in ("identifier", "pointer_expression"):
                    looped.add(syntax.text(given).lstrip("&"))
        looped.update(re.findall(r"[=,{]\s*&?(\w+)\s*[,;}]", unit.text))  # tables of handlers
    start = {"main"}
    while True:
        more = {
            name
            for name, by in callers.items()
            if name not in start and name not in looped and by and by <= start
        }
        if not more:
            return frozenset(start)
        start |= more


def _unit(program: CProgram, path: str) -> _Unit | None:
    source = program.guest.files.get(path)
    data = program.guest.tree.data(source) if source is not None else None
    if data is None or source is None:
        return None
    grammar = "c" if path.endswith((".c", ".h")) and not _is_cpp(data) else "cpp"
    try:
        root = syntax.parse(grammar, data).root_node
    except syntax.UnparsedError as error:
        program.guest.tree.give_up(source, str(error))
        return None
    found = syntax.captures(grammar, _CALLS + (_CPP if grammar == "cpp" else ""), root)
    out = _outermost(span for node in found.get("ifdef", ()) if (span := _left_out(node)) is not None)
    calls: list[tuple[str, Node]] = []
    for node in _kept(found.get("call", ()), out):
        called = node.child_by_field_name("function")
        if called is not None:
            calls.append((_name(called), node))
    functions = []
    for node in found.get("function", ()):
        declarator = node.child_by_field_name("declarator")
        title = re.search(r"([\w:~]+)\s*\(", syntax.text(declarator)) if declarator is not None else None
        functions.append((node.start_byte, node.end_byte, title[1] if title else ""))
    blank = bytearray(data)
    for node in found.get("comment", ()):
        blank[node.start_byte : node.end_byte] = re.sub(
            rb"[^\n]", b" ", data[node.start_byte : node.end_byte]
        )
    types = {
        re.sub(r"<.*", "", syntax.text(n)[:200], flags=re.DOTALL).strip()
        for n in _kept(found.get("type", ()), out)
    }
    strings = [(syntax.text(n).strip('"'), n) for n in _kept(found.get("string", ()), out)]
    text = bytes(blank).decode("utf-8", "replace")
    return _Unit(
        path,
        calls,
        types,
        strings,
        included(bytes(blank)),
        sorted(functions),
        _loops(found.get("loop", ())),
        text,
    )


def _loops(nodes: Iterable[Node]) -> list[tuple[int, int]]:
    """The outermost loops that go on while the program serves; those over options and lines do not."""
    found: list[tuple[int, int]] = []
    for node in nodes:
        if found and node.start_byte < found[-1][1]:
            continue
        text = node.text or b""
        if _SERVES.search(text) and not _READS.search(text[:1_500]):
            found.append((node.start_byte, node.end_byte))
    return found


def _is_cpp(data: bytes) -> bool:
    return bool(re.search(rb"^\s*(?:namespace|class|template|using)\b", data, re.MULTILINE))


def _left_out(node: Node) -> tuple[int, int] | None:
    """The part of an `#ifdef` that Linux does not compile."""
    name = node.child_by_field_name("name")
    title = syntax.text(name) if name is not None else ""
    if title not in _NEVER and title not in _SYSTEM:
        return None
    negated = syntax.text(node)[:8].startswith("#ifndef")
    other = node.child_by_field_name("alternative")
    taken = (title in _SYSTEM) != negated
    if taken:
        return (other.start_byte, other.end_byte) if other is not None else None
    return (node.start_byte, other.start_byte if other is not None else node.end_byte)


def _kept(nodes: Iterable[Node], out: list[tuple[int, int]]) -> list[Node]:
    return [node for node in nodes if not _within(out, node.start_byte)]


def _within(ranges: list[tuple[int, int]], offset: int) -> bool:
    at = bisect.bisect_right(ranges, (offset, 1 << 60)) - 1
    return at >= 0 and offset < ranges[at][1]


def _outermost(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges in order, without those that lie in another."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if found and start < found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _name(node: Node) -> str:
    """What a call calls: `listen`, `std::thread`, the field's name of a method."""
    if node.type == "field_expression":
        name = node.child_by_field_name("field")
        return "." + re.sub(r"<.*", "", syntax.text(name), flags=re.DOTALL) if name is not None else ""
    return re.sub(r"<[^()]*>", "", syntax.text(node)[:200]).strip()


def _is(header: str, patterns: Iterable[str]) -> bool:
    return any(
        header.startswith(p[:-1]) if p.endswith("*") else header == p or header.endswith("/" + p)
        for p in patterns
    )


def _call(collector: _Collector, unit: _Unit, name: str, node: Node) -> None:
    program, data = collector.program, table()
    place = evidence(program, unit.path, syntax.line(node))
    around = unit.around(node)
    reach = Reach.IMPORT if around in collector.start and not unit.in_loop(node) else Reach.UNKNOWN
    arguments = node.child_by_field_name("arguments")
    given = arguments.named_children if arguments is not None else []
    for protocol, calls in data["database"].items():
        if name in calls:
            where = _text(given[0]) if protocol == "sqlite" and given else ""
            collector.add(FactKind.DATABASE, protocol, place, where, Reach.REQUEST, Confidence.HIGH)
    for protocol, calls in data["outbound"].items():
        if name in calls and (protocol != "tcp" or not name.startswith(".")):
            collector.add(FactKind.OUTBOUND, protocol, place, "", reach)
    for store, entry in data["local-store"].items():
        opens = name.lstrip(".").rpartition("::")[2] in entry["calls"]
        if opens and any(_is(header, entry["headers"]) for header, _ in unit.headers):
            collector.add(FactKind.FILE_WRITE, name.lstrip("."), place, store, Reach.REQUEST)
    if name in data["process"]["calls"]:
        program_name = _text(given[0]).split(" ")[0] if given else ""
        collector.add(FactKind.SUBPROCESS, name, place, program_name, reach)
    elif name in data["process"]["fork"] and not _detaches(node, around):
        collector.add(FactKind.SUBPROCESS, name, place, "", reach)
    elif name in data["thread"]["calls"]:
        collector.add(FactKind.THREAD, name, place, "", reach)
    elif name in data["host"]["calls"]:
        collector.add(FactKind.HOST, name, place, "", reach)
    elif name.lstrip(".") in data["client-address"]["calls"]:
        collector.add(FactKind.CLIENT_ADDRESS, name, place, "", reach)
    elif name in ("getenv", "secure_getenv", "std::getenv") and given:
        variable = _text(given[0])
        if variable:
            collector.add(FactKind.ENV_READ, variable, place, "(none)", reach, Confidence.HIGH)
    elif name in ("signal", "sigaction", "std::signal", "sigaddset", "evsignal_new"):
        named = re.search(r"\bSIG[A-Z0-9]+\b", syntax.text(node)[:200])
        if named:
            collector.add(FactKind.SIGNAL, named[0], place, "", Reach.IMPORT)
    else:
        _files(collector, unit, name, node, given, around, reach, place)


def _detaches(node: Node, around: str) -> bool:
    """Whether a fork only sends the program into the background."""
    above: Node | None = node
    for _ in range(12):
        above = above.parent if above is not None else None
        if above is None:
            break
        condition = above.child_by_field_name("condition") if above.type == "if_statement" else None
        if condition is not None and _DAEMON.search(syntax.text(condition)):
            return True
    return bool(_DAEMON.search(around))


def _files(
    collector: _Collector,
    unit: _Unit,
    name: str,
    node: Node,
    given: list[Node],
    around: str,
    reach: Reach,
    place: Evidence,
) -> None:
    """Files that are opened to be written; logs and PID files are written for the program's own sake."""
    text = syntax.text(node)[:300]
    writes = False
    if name in ("fopen", "fopen64", "freopen", "gzopen", "fdopen") and len(given) > 1:
        mode = _text(given[1])
        writes = bool(re.match(r"[wa]|r\+|rb\+", mode)) and name != "fdopen"
    elif name in ("open", "openat", "open64"):
        writes = bool(re.search(r"\bO_(?:CREAT|WRONLY|APPEND|TRUNC)\b", text))
    elif name in (
        "creat",
        "mkdir",
        "mkstemp",
        "rename",
        "std::filesystem::create_directories",
        "fs::create_directories",
    ):
        writes = name in ("creat", "mkstemp")
    elif name in ("std::ofstream", "ofstream"):
        writes = True
    if not writes:
        return
    subject = (_text(given[0]) if given else "") or name
    if subject in ("/dev/null", "/dev/stdout", "/dev/stderr") or subject.startswith("/dev/"):
        return
    own = _LOG.search(f"{subject} {around} {text} {unit.path.rpartition('/')[2]}")
    collector.add(FactKind.FILE_WRITE, subject, place, "", Reach.IMPORT if own else reach)


def _text(node: Node) -> str:
    return syntax.text(node)[1:-1] if node.type == "string_literal" else ""


def _listening(program: CProgram, units: list[_Unit]) -> tuple[str | None, list[Fact]]:
    """The server library and the listeners; those for metrics only where nothing else is."""
    data = table()
    facts: list[tuple[bool, Fact]] = []
    framework: str | None = None
    used_tcp = False
    for library, entry in data["server"].items():
        if not any(_is(h, entry["headers"]) for unit in units for h, _ in unit.headers):
            continue
        hit = next(((u, line) for u in units if (line := _uses(u, entry["calls"]))), None)
        if hit is None:
            continue
        unit, line = hit
        protocol = entry.get("protocol", "http")
        side = bool(_SIDE.search(unit.path.rpartition("/")[2]))
        if framework is None and not side:
            framework = library
        used_tcp = used_tcp or not side
        facts.append((side, _listen(program, unit, line, protocol, _port(program, unit))))
    for unit in units:
        names = {name.lstrip(".") for name, _ in unit.calls}
        listens = names & set(data["listen"]["tcp"])
        side = bool(_SIDE.search(unit.path.rpartition("/")[2]))
        if listens and not used_tcp:
            line = _uses(unit, sorted(listens)) or 1
            spoken = "http" if any(_HTTP.search(text) for text, _ in unit.strings) else "tcp"
            facts.append((side, _listen(program, unit, line, spoken, None)))
        if names & set(data["listen"]["bind"]) and "SOCK_DGRAM" in unit.text:
            receives = any(set(data["listen"]["udp"]) & {n.lstrip(".") for n, _ in u.calls} for u in units)
            if receives:
                line = _uses(unit, data["listen"]["bind"]) or 1
                facts.append((side, _listen(program, unit, line, "udp", None)))
    udp = [one for one in facts if one[1].subject == "udp"]
    if not any(f.subject == "udp" for _, f in facts):
        receivers = [u for u in units if {"recvfrom", "recvmsg", "recvmmsg"} & {n for n, _ in u.calls}]
        created = any("SOCK_DGRAM" in u.text for u in units)
        binds = any("bind" in {n for n, _ in u.calls} for u in units)
        if receivers and created and binds:
            line = _uses(receivers[0], ["recvfrom", "recvmsg", "recvmmsg"]) or 1
            udp = [(False, _listen(program, receivers[0], line, "udp", None))]
            facts += udp
    main = [fact for side, fact in facts if not side] or [fact for _, fact in facts]
    main.sort(key=lambda fact: fact.subject != "udp")  # where both are listened on, UDP is the rarer choice
    unique = {(fact.subject, fact.detail): fact for fact in reversed(main)}
    return framework, list(reversed(unique.values()))


def _uses(unit: _Unit, names: Iterable[str]) -> int:
    """The line on which one of these functions or types is used, 0 where none is."""
    wanted = set(names)
    for name, node in unit.calls:
        if name.lstrip(".").rpartition("::")[2] in wanted or name in wanted:
            return syntax.line(node)
    for kind in unit.types:
        if kind.rpartition("::")[2] in wanted:
            at = unit.text.find(kind)
            return unit.text.count("\n", 0, at) + 1 if at >= 0 else 1
    return 0


def _port(program: CProgram, unit: _Unit) -> str | None:
    """The port that is written beside the server: `.port(8080)`, `listen("0.0.0.0", 8080)`, `:8080`."""
    for position, word in enumerate(program.arguments[:-1]):
        if word in ("-p", "--port") and program.arguments[position + 1].isdigit():
            return program.arguments[position + 1]
    for name, node in unit.calls:
        last = name.lstrip(".").rpartition("::")[2]
        if last in _PORTS:
            arguments = node.child_by_field_name("arguments")
            for argument in arguments.named_children if arguments is not None else ():
                number = re.search(r"(?:^|:)(\d{2,5})\"?$", syntax.text(argument))
                if number and 0 < int(number[1]) < 65_536:
                    return number[1]
    return None


def _listen(program: CProgram, unit: _Unit, line: int, protocol: str, port: str | None) -> Fact:
    place = evidence(program, unit.path, line)
    return Fact(FactKind.LISTEN, protocol, (place,), port or "", Reach.IMPORT, Confidence.MEDIUM)


def _dependencies(program: CProgram, units: list[_Unit]) -> tuple[Dependency, ...]:
    found: dict[str, Dependency] = {}
    for unit in units:
        if _SIDE.search(unit.path.rpartition("/")[2]):
            continue
        for header, line in unit.headers:
            for name, patterns in table()["native"].items():
                if name not in found and _is(header, patterns):
                    place = evidence(program, unit.path, line)
                    found[name] = Dependency(
                        name, None, f"#include <{header}>", place, DependencyClass.NATIVE, True
                    )
    return tuple(found[name] for name in sorted(found))


def _routes(program: CProgram, units: list[_Unit]) -> tuple[Route, ...]:
    found: dict[tuple[str, str], Route] = {}
    for unit in units:
        for match in _ROUTES.finditer(unit.text):
            named = match.groupdict()
            path = next(
                named[key] for key in ("crow", "oatpp", "path", "ppath", "drogon") if named[key] is not None
            )
            method = (named["verb"] or named["lib"] or named["pist"] or "ANY").upper()
            path = path if path.startswith("/") else "/" + path
            line = unit.text.count("\n", 0, match.start()) + 1
            found.setdefault((method, path), Route(method, path, evidence(program, unit.path, line)))
    return tuple(found.values())
