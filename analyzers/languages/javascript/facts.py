"""What the reachable code of a service does that matters outside its container."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.javascript import addresses, modules, table
from analyzers.languages.javascript.modules import Module
from analyzers.languages.javascript.program import package_of
from analyzers.languages.javascript.reach import Reaches
from analyzers.languages.javascript.values import HOLE, TEMPORARY, UNKNOWN, Literal, Value, Values
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach, Unknown

if TYPE_CHECKING:
    from tree_sitter import Node

_EVIDENCE = 8  # lines shown for one fact
_DEFAULT = re.compile(rb"\s*(?:\|\||\?\?)\s*(?:'([^'\n]*)'|\"([^\"\n]*)\"|([\w.]+))?")
_REQUIRED = re.compile(rb"\)?\s*\)?\s*\{?\s*[^}]{0,120}?(?:throw\b|process\.exit)", re.DOTALL)
_VARIABLE = re.compile(r"[A-Za-z_]\w*")
_PRISMA = re.compile(rb"new\s+(?:\w+\.)?PrismaClient\b|extends\s+PrismaClient\b")
_GENERATED = re.compile(r"prisma(?:/client)?(?:\.js)?$")
_CLIENT_ADDRESS = re.compile(
    rb"\b(?:req|request|ctx|c|context|socket|ctx\.request|ctx\.req)\??\.(ip|ips|connection\??\.remoteAddress|"
    rb"socket\??\.remoteAddress|info\.remoteAddress|handshake\.address)\b(?!\s*=[^=])"
)
_ADDRESS_CALLS = frozenset({"request-ip.getClientIp", "@supercharge/request-ip.getClientIp", "proxy-addr"})
_LOGS = frozenset(
    {"winston.transports.File", "winston-daily-rotate-file", "rotating-file-stream.createStream",
     "pino.transport",
     "file-stream-rotator.getStream", "pino.destination"}
)  # fmt: skip
# Methods of a request that was made already, and of the answer to it.
_CONTINUED = (
    ".use", ".set", ".on", ".then", ".catch", ".toPromise", ".pipe", ".json", ".text", ".send", ".query",
    ".end", ".body", ".buffer", ".interceptors", ".push", ".finally", ".subscribe", ".arrayBuffer", ".blob",
    ".auth", ".accept", ".type", ".timeout", ".retry", ".redirects", ".attach", ".field", ".responseType",
)  # fmt: skip


class Collector:
    """Facts of one program, in reading order; those that say the same are one with several lines."""

    def __init__(self, values: Values, reaches: Reaches, reached: Sequence[Module]) -> None:
        self.values, self.reaches, self.reached = values, reaches, reached
        self.tree = values.program.tree
        self.known = table.load()
        self._facts: dict[tuple[FactKind, str, str, Reach, Confidence], list[Evidence]] = {}
        self._optional: dict[str, Evidence] = {}  # what is spoken where the code is off
        self.names: dict[tuple[str, int, int], str] = {}  # canonical names of the calls' functions

    # --- giving ---------------------------------------------------------------------------------

    def evidence(self, module: Module, node: Node) -> Evidence:
        """The line of a node."""
        number = syntax.line(node)
        return Evidence(module.path, number, self.tree.line(module.path, number))

    def add(
        self,
        kind: FactKind,
        subject: str,
        module: Module,
        node: Node,
        detail: str = "",
        *,
        reach: Reach | None = None,
        confidence: Confidence = Confidence.HIGH,
    ) -> None:
        """Record a fact, unless the code is off as the program is started."""
        own = self.reaches.of(module, node.start_byte)
        if own is None:
            if kind in (FactKind.OUTBOUND, FactKind.DATABASE) and subject != "http":
                self._optional.setdefault(subject, self.evidence(module, node))
            return
        key = (kind, subject, detail, reach or own, confidence)
        lines = self._facts.setdefault(key, [])
        if len(lines) < _EVIDENCE:
            lines.append(self.evidence(module, node))

    def facts(self) -> tuple[Fact, ...]:
        """All that was found. A call without an address beside one with it is the same in other words."""
        found = [
            Fact(kind, subject, tuple(dict.fromkeys(lines)), detail, reach, confidence)
            for (kind, subject, detail, reach, confidence), lines in self._facts.items()
        ]
        return tuple(found)

    def optional(self) -> tuple[Unknown, ...]:
        """The stores and protocols that only code speaks which is off as the program is started."""
        spoken = {subject for _, subject, *_ in self._facts}
        return tuple(
            Unknown(
                f"whether {subject} is used: what speaks it is off as the service is started",
                "the variable that turns it on",
                evidence,
            )
            for subject, evidence in self._optional.items()
            if subject not in spoken
        )

    # --- looking --------------------------------------------------------------------------------

    def collect(self) -> None:
        """Look through all reachable modules."""
        for module in self.reached:
            self._environment(module)
            for node in (*module.nodes.get("call", ()), *module.nodes.get("new", ())):
                self._call(module, node)
            for node in module.computed:
                if (module.path, node.start_byte) in self.values.program.followed:
                    continue
                text = syntax.text(node)
                self.add(FactKind.DYNAMIC_IMPORT, text if len(text) < 80 else text[:77] + "…", module, node)
            self._decorators(module)
            self._client_address(module)
            self._imports(module)

    def callee(self, module: Module, node: Node) -> str:
        """The canonical name of what is called, `pg.Pool` for `new Pool()`; "" where nothing is known."""
        key = (module.path, node.start_byte, node.end_byte)
        held = self.names.get(key)
        if held is None:
            function = node.child_by_field_name("function") or node.child_by_field_name("constructor")
            held = self.values.ref(module, function).name if function is not None else ""
            self.names[key] = held
        return held

    def _call(self, module: Module, node: Node) -> None:
        name = self.callee(module, node)
        if not name or name.startswith("~"):
            return
        known = self.known
        if (connection := known.connections.get(name)) is not None and _makes(name, node):
            self._connection(module, node, name, connection)
            if name in known.names("worker"):
                self.add(FactKind.WORKER, name.replace("()", ""), module, node)
            return
        if name in known.orm:
            self._orm(module, node)
            return
        if name in known.keepers:
            keeper = known.keepers[name]
            given = [self.values.value(module, one) for one in modules.arguments(node)]
            options = [one for one in given if isinstance(one, Literal)]
            stored = bool(keeper.store) and any(
                keeper.store in modules.properties(option.node) for option in options
            )
            if not stored:
                self.add(
                    FactKind.MEMORY_STATE, f"{module.name} ({keeper.what})", module, node, reach=Reach.REQUEST
                )
        self._http(module, node, name)
        for section, kind in (
            ("thread", FactKind.THREAD),
            ("cache", FactKind.CACHE),
            ("background", FactKind.BACKGROUND),
            ("worker", FactKind.WORKER),
        ):
            if name in known.names(section):
                self._simple(module, node, name, kind)
        for package, method in known.worker_methods:
            if (
                name.startswith((package + ".", package + "()"))
                and name.endswith("." + method)
                and name.count("()")
            ):
                self.add(FactKind.WORKER, name, module, node, reach=Reach.UNKNOWN)
        self._subprocess(module, node, name)
        if name in known.names("compute") or _below(name, known.names("compute", "packages")):
            self.add(FactKind.COMPUTE, name.replace("()", ""), module, node)
        if name in known.names("forward"):
            target = addresses.of_call(self.values, module, node, ("target", "upstream"))
            self.add(FactKind.FORWARD, target or name, module, node, reach=Reach.REQUEST)
            self.add(FactKind.OUTBOUND, "http", module, node, target, reach=Reach.REQUEST)
        if name in known.names("host", "identity"):
            self.add(FactKind.HOST, name, module, node)
        if name in known.names("names"):
            self.add(FactKind.UNSUPPORTED_STDLIB, name, module, node, "names are not resolved in a component")
        if name in _ADDRESS_CALLS:
            self.add(FactKind.CLIENT_ADDRESS, name, module, node)
        if name in ("process.on", "process.once"):
            event = modules.string(next(iter(modules.arguments(node)), None)) or ""
            if event.startswith("SIG"):
                self.add(FactKind.SIGNAL, event, module, node, reach=Reach.IMPORT)
        self._files(module, node, name)
        self._variable_by_call(module, node, name)

    def _simple(self, module: Module, node: Node, name: str, kind: FactKind) -> None:
        subject = name.replace("()", "")
        if kind is FactKind.BACKGROUND:
            reach = self.reaches.of(module, node.start_byte)
            if reach is Reach.REQUEST and "setInterval" in name and _is_cleared(module, node):
                return  # ends with the request that started it
            if _is_unref(module, node) and not modules.arguments(node):
                return
            self.add(kind, subject, module, node, reach=Reach.UNKNOWN)
        else:
            self.add(kind, subject, module, node)

    # --- connections -------------------------------------------------------------------------------

    def _connection(self, module: Module, node: Node, name: str, connection: table.Connection) -> None:
        if connection.kind == "file":
            path = self.values.value(module, next(iter(modules.arguments(node)), None))
            if isinstance(path, Literal):
                path = next(
                    (p for k in connection.keys if isinstance(p := self.values.inside(path, k), str)), ""
                )
                if not path:
                    return  # kept in memory
            where = path if isinstance(path, str) and HOLE not in path else f"{name} (a file)"
            self.add(FactKind.FILE_WRITE, where, module, node, reach=Reach.REQUEST)
            return
        if connection.protocol == "sqlite":
            given = modules.arguments(node)
            value = self.values.value(module, given[0]) if given else ":memory:"
            if isinstance(value, Literal):
                value = self.values.inside(value, "filename")
            path = value if isinstance(value, str) and HOLE not in value else ""
            self.add(
                FactKind.DATABASE, "sqlite", module, node, path.replace(TEMPORARY, ""), reach=Reach.REQUEST
            )
            return
        if connection.protocol == "smtp" and self._unset(module, node):
            return  # mail that nothing configures is not sent
        named = bool(re.search(r"Queue|Worker|bull|kue|Flow", name))  # the first argument is a name
        where = addresses.of_call(self.values, module, node, connection.keys, urls=named)
        kind = FactKind.DATABASE if connection.kind == "database" else FactKind.OUTBOUND
        self.add(kind, connection.protocol, module, node, where, reach=Reach.REQUEST)

    def _unset(self, module: Module, node: Node) -> bool:
        """Whether a client is given an address, and it is a variable that has no value."""
        option = self.values.value(module, next(iter(modules.arguments(node)), None))
        if not isinstance(option, Literal):
            return option is None
        held = modules.properties(option.node)
        given = [self.values.inside(option, key) for key in ("host", "url", "service", "path") if key in held]
        return bool(given) and all(one is None or one == "" for one in given)

    def _orm(self, module: Module, node: Node) -> None:
        options = [self.values.value(module, one) for one in modules.arguments(node)]
        protocol, where = "", ""
        for option in options:
            if isinstance(option, str):
                scheme = option.partition("://")[0].partition("+")[0]
                protocol = protocol or self.known.dialects.get(scheme, "")
                where = where or (addresses.of_text(option) if "://" in option else "")
            elif isinstance(option, Literal):
                for key in ("type", "dialect", "client", "provider"):
                    value = self.values.inside(option, key)
                    if isinstance(value, str):
                        protocol = protocol or self.known.dialects.get(value, "")
                inner = self.values.inside(option, "connection")
                where = where or addresses.of_value(self.values, option, ("url", "host"))
                where = where or addresses.of_value(self.values, inner, ("connectionString", "host"))
        if not protocol:  # the driver among the dependencies tells
            text = b" ".join(m.data for m in self.reached if m.path == module.path)
            match = re.search(rb"(?:type|dialect|client)\s*:\s*['\"](\w[\w-]*)['\"]", text)
            protocol = self.known.dialects.get(match[1].decode(), "") if match else ""
        if not protocol:
            package = self.values.program.projects[module.stage].nearest(module.guest.rpartition("/")[0])
            asked = {} if package is None else {
                driver: found for driver, found in self.known.dialects.items() if package.asks_for(driver)
            }  # fmt: skip
            protocol = next(iter(dict.fromkeys(asked.values())), "")
        if protocol == "sqlite":
            where = self._sqlite_file(options)
        if protocol:
            self.add(FactKind.DATABASE, protocol, module, node, where, reach=Reach.REQUEST)

    def _sqlite_file(self, options: Sequence[Value]) -> str:
        """The file that an ORM's options name for SQLite."""
        for option in options:
            if not isinstance(option, Literal):
                continue
            for place in (option, self.values.inside(option, "connection")):
                for key in ("storage", "filename", "database") if isinstance(place, Literal) else ():
                    value = self.values.inside(place, key)
                    if isinstance(value, str) and HOLE not in value:
                        return value
        return ""

    def _http(self, module: Module, node: Node, name: str) -> None:
        known = self.known
        function = node.child_by_field_name("function")
        if name in known.http_calls:
            self._request(module, node)
            return
        package = _below(name, known.http_packages)
        if package:
            rest = name[len(package) :].strip(".")
            first = re.split(r"[.(]", rest, maxsplit=1)[0]
            if node.type == "new_expression" or first in known.http_silent or rest in known.http_silent:
                return
            if rest.startswith("create") and not rest.startswith("create()."):
                return
            if rest.endswith(_CONTINUED):
                return
            base = function.child_by_field_name("object") if function is not None else None
            self._request(module, node, base)
            return
        sdk = _below(name, known.sdk.keys())
        if sdk:
            rest = name[len(sdk) :].strip(".")
            if rest.count("()") and not rest.startswith("()"):
                return  # the client was seen where it was made
            if sdk in ("raven", "@sentry/node", "@sentry/nestjs") and not self._has_dsn(module, node):
                return
            if rest in (
                "captureException",
                "Handlers.requestHandler",
                "setupExpressErrorHandler",
                "App.prototype",
            ):
                return
            where = addresses.of_call(self.values, module, node, known.http_keys, urls=True) or known.sdk[sdk]
            self.add(FactKind.OUTBOUND, "http", module, node, where, reach=Reach.REQUEST)
            return
        if _below(name, known.grpc):
            self.add(FactKind.OUTBOUND, "grpc", module, node, reach=Reach.REQUEST)
        elif (
            "grpc" in name
            and node.type == "new_expression"
            and re.search(r"(?:loadPackageDefinition|loadObject|load)\(\)\.", name)
        ):
            where = addresses.of_call(self.values, module, node, ())
            self.add(FactKind.OUTBOUND, "grpc", module, node, where, reach=Reach.REQUEST)

    def _has_dsn(self, module: Module, node: Node) -> bool:
        option = self.values.value(module, next(iter(modules.arguments(node)), None))
        if isinstance(option, Literal):
            option = self.values.inside(option, "dsn")
        return option is not None and option != ""

    def _request(self, module: Module, node: Node, base: Node | None = None) -> None:
        where = addresses.of_call(self.values, module, node, self.known.http_keys, urls=True)
        if not where and base is not None:  # `axios.create({baseURL})` and the like
            made = self.values.ref(module, base)
            if made.node.type in ("call_expression", "new_expression"):
                where = addresses.of_call(
                    self.values, made.module, made.node, self.known.http_keys, urls=True
                )
        if where.partition(":")[0] in ("localhost", "127.0.0.1") and _is_healthcheck(module):
            return
        first = next(iter(modules.arguments(node)), None)
        value = self.values.value(module, first) if first is not None else UNKNOWN
        if isinstance(value, str) and value.startswith(("data:", "file:")):
            return
        self.add(FactKind.OUTBOUND, "http", module, node, where)

    # --- processes, files ---------------------------------------------------------------------------

    def _subprocess(self, module: Module, node: Node, name: str) -> None:
        known = self.known
        package = _below(name, known.names("subprocess", "packages"))
        direct = name in known.names("subprocess") or name.replace("node:", "") in known.names("subprocess")
        if not package and not direct:
            return
        rest = name[len(package) :].strip(".") if package else ""
        if package and (rest.count("()") or rest in known.names("subprocess", "silent")):
            return
        value = self.values.value(module, next(iter(modules.arguments(node)), None))
        program = value.split()[0] if isinstance(value, str) and value.split() else ""
        detail = program if HOLE not in program and not package else package or ""
        self.add(FactKind.SUBPROCESS, name.replace("()", ""), module, node, detail)

    def _files(self, module: Module, node: Node, name: str) -> None:
        known = self.known
        if name in ("multer", "multer.diskStorage"):
            option = self.values.value(module, next(iter(modules.arguments(node)), None))
            if name == "multer":
                where = self.values.inside(option, "dest") if isinstance(option, Literal) else None
            else:
                where = self.values.inside(option, "destination") if isinstance(option, Literal) else ""
            if where is not None:
                text = where if isinstance(where, str) and where else "multer disk storage"
                self.add(FactKind.FILE_WRITE, _written(text), module, node, reach=Reach.REQUEST)
            return
        if name in ("formidable", "formidable.IncomingForm", "multiparty.Form"):
            self.add(FactKind.FILE_WRITE, f"tempfile of {package_of(name).partition('.')[0]}", module, node)
            return
        if name in _LOGS:
            option = self.values.value(module, next(iter(modules.arguments(node)), None))
            if isinstance(option, Literal):
                option = next(
                    (v for k in ("filename", "dest") if isinstance(v := self.values.inside(option, k), str)),
                    None,
                )
            if isinstance(option, str) and not option.startswith("/dev/") and HOLE not in option:
                self.add(FactKind.FILE_WRITE, option, module, node, reach=Reach.IMPORT)
            return
        owner, _, method = name.rpartition(".")
        owner = owner.removesuffix("()")
        if owner.removesuffix(".promises").removesuffix(".default") not in known.names("files", "modules"):
            return
        if method in known.names("files", "read"):
            self._file(module, node, FactKind.FILE_READ, 0)
        elif method in known.names("files", "write") and method not in known.names("files", "removes"):
            if method.startswith("mkdtemp"):
                self.add(FactKind.FILE_WRITE, f"tempfile by {name}", module, node)
            elif method != "open" or self._opens_for_writing(module, node):
                self._file(module, node, FactKind.FILE_WRITE, int(method in known.names("files", "second")))

    def _opens_for_writing(self, module: Module, node: Node) -> bool:
        given = modules.arguments(node)
        mode = self.values.value(module, given[1]) if len(given) > 1 else "r"
        return isinstance(mode, str) and bool(set(mode) & set("wa+"))

    def _file(self, module: Module, node: Node, kind: FactKind, position: int) -> None:
        given = modules.arguments(node)
        if len(given) <= position:
            return
        target = given[position]
        value = self.values.value(module, target)
        text = syntax.text(target)
        temporary = (isinstance(value, str) and TEMPORARY in value) or self._is_temporary(module, target)
        if temporary:
            if kind is FactKind.FILE_WRITE:
                self.add(kind, f"tempfile {_short(text)}", module, node)
            return
        if isinstance(value, str) and HOLE not in value:
            self.add(kind, value, module, node)
        elif isinstance(value, str) and value.strip(HOLE + "./"):
            self.add(kind, value.replace(HOLE, "*"), module, node)
        elif kind is FactKind.FILE_WRITE:
            function = syntax.text(node.child_by_field_name("function") or node)
            subject = f"{_short(function)}({_short(text)})"
            self.add(kind, subject, module, node, confidence=Confidence.MEDIUM)

    def _is_temporary(self, module: Module, node: Node) -> bool:
        """Whether a path comes from a folder for temporary files, through one name or a property of it."""
        text = syntax.text(node)
        if re.search(r"tmpdir|mkdtemp|tmpPath|tempPath|tmpFile|tempFile|tmpDir|tempDir", text):
            return True
        found = self.values.ref(module, node)
        temporary = self.known.names("files", "temporary")
        if any(found.name.startswith(f"{one}()") for one in temporary):
            return True
        inner = found.node.text or b""
        return len(inner) < 400 and bool(re.search(rb"tmpdir\(|mkdtemp", inner))

    # --- names, addresses and the rest ---------------------------------------------------------------

    def _environment(self, module: Module) -> None:
        for node in module.nodes.get("environment", ()):
            text = node.text or b""
            match = re.match(
                rb"(?:process|Bun)\??\.env(?:\??\.([A-Za-z_]\w*)|\??\.?\[['\"]([A-Za-z_]\w*)['\"]\])$", text
            )
            if match is None:
                continue
            name = (match[1] or match[2]).decode()
            before = module.data[max(0, node.start_byte - 3) : node.start_byte]
            after = module.data[node.end_byte : node.end_byte + 200]
            if re.match(rb"\s*=[^=>]", after):
                continue  # it is set
            default = _DEFAULT.match(after)
            detail = "undefined"
            if default is not None:
                detail = next((g.decode("utf-8", "replace") for g in default.groups() if g is not None), "…")
                detail = detail or "(empty)"
            elif before.rstrip().endswith(b"!") and _REQUIRED.match(after):
                detail = ""
            self.add(FactKind.ENV_READ, name, module, node, detail)
        for declarations in module.declarations.values():
            for declaration in declarations:
                value = declaration.value
                if value is None or len(declaration.keys) != 1 or declaration.kind == "param":
                    continue
                if (modules.bare(value).text or b"") == b"process.env":
                    name, detail = declaration.keys[0], "undefined"
                    if declaration.default is not None:
                        detail = modules.string(declaration.default) or syntax.text(declaration.default)[:40]
                    if _VARIABLE.fullmatch(name):
                        self.add(FactKind.ENV_READ, name, module, declaration.node, detail)

    def _variable_by_call(self, module: Module, node: Node, name: str) -> None:
        given = modules.arguments(node)
        if not given:
            return
        key = modules.string(given[0])
        if name in ("Deno.env.get", "env-var.get", "env-var.from().get") or re.fullmatch(
            r"@nestjs/config\.ConfigService\(\)\.(?:get|getOrThrow)", name
        ):
            if key and re.fullmatch(r"[A-Z][A-Z0-9_]*", key):
                required = name.endswith("getOrThrow")
                detail = "" if required else syntax.text(given[1])[:40] if len(given) > 1 else "undefined"
                self.add(FactKind.ENV_READ, key, module, node, detail)
        elif name in ("envalid.cleanEnv", "@t3-oss/env-core.createEnv") and len(given) > 1:
            option = self.values.value(module, given[1])
            for variable in modules.properties(option.node) if isinstance(option, Literal) else ():
                self.add(FactKind.ENV_READ, variable, module, given[1], "undefined")
        elif name in ("convict", "convict.default"):
            for match in re.finditer(rb"\benv\s*:\s*['\"](\w+)['\"]", node.text or b""):
                self.add(FactKind.ENV_READ, match[1].decode(), module, node, "(convict)")

    def _decorators(self, module: Module) -> None:
        for node in module.nodes.get("decorator", ()):
            call = next(iter(node.named_children), None)
            if call is None:
                continue
            function = call.child_by_field_name("function") or call
            name = self.values.ref(module, function).name.rpartition(".")[2]
            if name in self.known.names("background", "decorators"):
                self.add(FactKind.BACKGROUND, f"@{name}", module, node, reach=Reach.UNKNOWN)
            elif name in self.known.names("worker", "decorators"):
                self.add(FactKind.WORKER, f"@{name}", module, node, reach=Reach.UNKNOWN)
            elif name in self.known.names("websocket", "decorators"):
                self.add(FactKind.WEBSOCKET, f"@{name}", module, node, reach=Reach.REQUEST)

    def _client_address(self, module: Module) -> None:
        for match in _CLIENT_ADDRESS.finditer(module.data):
            node = module.root.descendant_for_byte_range(match.start(), match.end())
            if node is not None and node.type in ("member_expression", "identifier"):
                self.add(
                    FactKind.CLIENT_ADDRESS,
                    match[0].decode("utf-8", "replace").replace("?", ""),
                    module,
                    node,
                )

    def _imports(self, module: Module) -> None:
        for use in module.uses:
            if use.type_only:
                continue
            target = self.values.program.resolve(module, use.specifier)
            if target is None and _GENERATED.search(use.specifier) and _PRISMA.search(module.data):
                self._prisma(module, use.node)  # the client lies where the schema says
            if not isinstance(target, str):
                continue
            if package_of(target) in self.known.gpu:
                self.add(FactKind.GPU, package_of(target), module, use.node)
            opened = target.startswith("@prisma/client") and _PRISMA.search(module.data)
            if opened or target == "nestjs-prisma":
                self._prisma(module, use.node)

    def _prisma(self, module: Module, node: Node) -> None:
        """Prisma's client speaks what its schema says."""
        guest = self.values.program.guests[module.stage]
        schemas = sorted(
            (p for p in guest.files if p.endswith(".prisma")), key=lambda p: ("node_modules" in p, len(p))
        )
        for path in schemas:
            match = re.search(r"datasource\s+\w+\s*\{([^}]*)\}", guest.text(path) or "")
            provider = re.search(r'provider\s*=\s*"(\w+)"', match[1]) if match else None
            if match is None or provider is None:
                continue
            protocol = self.known.dialects.get(provider[1], provider[1])
            variable = re.search(r'url\s*=\s*env\("(\w+)"\)', match[1])
            written = re.search(r'url\s*=\s*"([^"]+)"', match[1])
            text = (
                self.values.program.environment.get(variable[1], "")
                if variable
                else written[1]
                if written
                else ""
            )
            where = text.removeprefix("file:") if protocol == "sqlite" else addresses.of_text(text)
            self.add(FactKind.DATABASE, protocol, module, node, where, reach=Reach.REQUEST)
            return


def _makes(name: str, node: Node) -> bool:
    """Whether a call of this name makes a client: `pg.Pool` by `new`, `redis.createClient` by a call."""
    last = re.split(r"[./]", name)[-1]
    if node.type == "new_expression":
        return True
    return not (
        last[:1].isupper() and last not in ("Redis", "RedisStore", "Knex", "Database", "Pool", "Client")
    )


def _below(name: str, packages: Container[str]) -> str:
    """The package of these that a canonical name belongs to, "" for none."""
    for end in _cuts(name):
        if name[:end] in packages:
            return name[:end]
    return ""


def _cuts(name: str) -> Iterator[int]:
    yield len(name)
    for position in range(len(name) - 1, 0, -1):
        if name[position] in ".(/":
            yield position


def _is_cleared(module: Module, node: Node) -> bool:
    """Whether the function around `setInterval` ends it itself."""
    scope = next(module.enclosing(node.start_byte, "function"), None)
    return scope is not None and b"clearInterval" in module.data[scope.start : scope.end]


def _is_unref(module: Module, node: Node) -> bool:
    return module.data[node.end_byte : node.end_byte + 8].startswith(b".unref(")


def _is_healthcheck(module: Module) -> bool:
    return "health" in module.path.rpartition("/")[2].lower()


def _written(text: str) -> str:
    return f"tempfile {text.replace(TEMPORARY, '')}" if TEMPORARY in text else text.replace(HOLE, "*")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "…"
