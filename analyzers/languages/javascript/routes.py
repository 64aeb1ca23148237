"""Routes and listeners: what the program answers, where it listens, and by which server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.javascript import modules
from analyzers.languages.javascript.facts import Collector
from analyzers.languages.javascript.modules import FUNCTIONS, Module
from analyzers.languages.javascript.values import HOLE, UNKNOWN, Literal, Ref, number
from analyzers.model import FactKind, Reach, Route

if TYPE_CHECKING:
    from tree_sitter import Node

_METHODS = {
    "get": "GET", "post": "POST", "put": "PUT", "patch": "PATCH", "delete": "DELETE", "del": "DELETE",
    "head": "HEAD", "options": "OPTIONS", "all": "*", "opts": "OPTIONS", "any": "*",
}  # fmt: skip
_DECORATORS = {
    "Get": "GET", "Post": "POST", "Put": "PUT", "Patch": "PATCH", "Delete": "DELETE", "Head": "HEAD",
    "Options": "OPTIONS", "All": "*", "Sse": "GET",
}  # fmt: skip
_HEALTH = re.compile(
    r"/?(?:[\w-]*health[\w-]*|livez?|livenessz?|readyz?|readinessz?|ping|status|metrics|version|favicon\.ico|"
    r"robots\.txt|_?info|up|alive)?/?\*?$",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Server:
    """What listens: the protocols that were seen, and who hands requests to the program."""

    interface: str | None = None
    routes: list[Route] = field(default_factory=list)


class Finder:
    """Routes and listeners of one program."""

    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.values = collector.values
        self.server = Server()
        self._prefixes: dict[tuple[str, int], list[tuple[tuple[str, int] | None, str]]] = {}
        self._found: dict[
            tuple[str, str, str, int], tuple[str, str, tuple[str, int] | None, Module, Node]
        ] = {}
        self._heard = False  # a listener of any protocol was seen
        self._routers = collector.known.names("servers", "routers")
        self._guessed: list[tuple[Module, Node]] = []

    def find(self) -> Server:
        """Look through all calls and decorators."""
        for module in self.collector.reached:
            for node in (*module.nodes.get("call", ()), *module.nodes.get("new", ())):
                self._call(module, node)
            if module.nodes.get("decorator"):
                self._decorated(module)
        self._conditions()
        for method, path, owner, module, node in self._found.values():
            for prefix in self._prefix(owner, 0):
                full = _join(prefix, path)
                route = Route(method, full, self.collector.evidence(module, node))
                if route not in self.server.routes:
                    self.server.routes.append(route)
        if not self._heard:
            for module, node in self._guessed[:1]:
                self._listens(module, node, "http", self._port(module, node))
        return self.server

    # --- one call -----------------------------------------------------------------------------------

    def _call(self, module: Module, node: Node) -> None:
        function = node.child_by_field_name("function")
        name = self.collector.callee(module, node)
        if function is None or function.type != "member_expression":
            self._plain(module, node, name)
            return
        base, key = function.child_by_field_name("object"), function.child_by_field_name("property")
        if base is None or key is None:
            return
        method = syntax.text(key)
        if method in ("listen", "start", "bind", "bindAsync", "serve", "connect", "listenAsync"):
            self._listen(module, node, base, method)
        if method in _METHODS:
            self._route(module, node, base, _METHODS[method])
        elif method in ("use", "register", "route", "mount", "basePath", "addRoute", "on"):
            self._mounted(module, node, base, method)
        elif method == "join" and re.search(r"~|socket\.io", name) and self._in_connection(module, node):
            self.collector.add(
                FactKind.MEMORY_STATE, f"{module.name} (socket.io rooms)", module, node, reach=Reach.REQUEST
            )
        if name and not name.startswith("~"):
            self._plain(module, node, name)

    def _in_connection(self, module: Module, node: Node) -> bool:
        """Whether a call lets a socket.io connection into a room that this process alone keeps."""
        base = node.child_by_field_name("function")
        text = syntax.text(base) if base is not None else ""
        if not re.match(r"(?:socket|client|conn\w*)\.join$", text):
            return False
        if not any(use.specifier == "socket.io" for use in module.uses):
            return False
        shared = (b"redis-adapter", b"socket.io-redis", b"cluster-adapter", b"postgres-adapter")
        return not any(name in one.data for one in self.collector.reached for name in shared)

    def _plain(self, module: Module, node: Node, name: str) -> None:
        if name in self.collector.known.names("servers", "serve"):
            interface = {"Bun.serve": "bun:serve", "Deno.serve": "deno:serve"}.get(name, "node:http")
            interface = "deno:serve" if "deno.land" in name else interface
            self._listens(module, node, "http", self._port(module, node), interface)
        elif name in self.collector.known.names("servers", "with_options"):
            self._listens(module, node, "http", self._port(module, node))
        elif name == "@nestjs/core.NestFactory.createMicroservice" or name.endswith(".connectMicroservice"):
            text = node.text or b""
            kind = re.search(rb"Transport\.(\w+)", text)
            protocol = {b"GRPC": "grpc", b"TCP": "tcp"}.get(kind[1] if kind else b"TCP")
            if protocol:
                self._listens(module, node, protocol, self._port(module, node), None)
            else:
                self.collector.add(
                    FactKind.WORKER, name.rpartition(".")[2], module, node, reach=Reach.UNKNOWN
                )
        elif name in ("rhea.listen", "smtp-server.SMTPServer", "ftp-srv", "ssh2.Server", "mqtt-server"):
            self._listens(module, node, "tcp", self._port(module, node), None)
        elif name in self.collector.known.names("websocket", "servers"):
            if node.type == "new_expression" or name != "ws":
                port = self._port(module, node)
                self.collector.add(
                    FactKind.WEBSOCKET, name, module, node, str(port or ""), reach=Reach.REQUEST
                )
        elif name == "@slack/bolt.App":
            option = self.values.value(module, next(iter(modules.arguments(node)), None))
            socket = self.values.inside(option, "socketMode") if isinstance(option, Literal) else None
            if socket is True:
                self.collector.add(FactKind.WORKER, "Slack socket mode", module, node, reach=Reach.UNKNOWN)

    def _port(self, module: Module, node: Node) -> int | None:
        for given in modules.arguments(node)[:2]:
            value = self.values.value(module, given)
            if isinstance(value, Literal):
                for key in ("port", "listen", "options", "url"):
                    inner = self.values.inside(value, key)
                    if isinstance(inner, Literal):
                        inner = self.values.inside(inner, "port")
                    if (found := _number(inner)) is not None:
                        return found
            elif (found := _number(value)) is not None:
                return found
            if given.type == "call_expression" and (found := self._setting(given)) is not None:
                return found
        return None

    def _setting(self, node: Node) -> int | None:
        """`app.get('port')` after `app.set('port', …)`."""
        key = modules.string(next(iter(modules.arguments(node)), None))
        for other in self.collector.reached if key == "port" else ():
            for call in other.nodes.get("call", ()):
                function = call.child_by_field_name("function")
                name = function.child_by_field_name("property") if function is not None else None
                given = modules.arguments(call)
                if (
                    name is not None
                    and name.text == b"set"
                    and len(given) == 2
                    and modules.string(given[0]) == key
                ):
                    return _number(self.values.value(other, given[1]))
        return None

    def _listens(
        self, module: Module, node: Node, protocol: str, port: int | None, interface: str | None = "node:http"
    ) -> None:
        reach = self.collector.reaches.of(module, node.start_byte)
        if reach is None:
            return
        self.collector.add(FactKind.LISTEN, protocol, module, node, str(port or ""), reach=Reach.IMPORT)
        self._heard = True
        if protocol == "http":
            self.server.interface = self.server.interface or interface

    def _listen(self, module: Module, node: Node, base: Node, method: str) -> None:
        made = self.values.ref(module, base)
        origin = made.name
        if method in ("listen", "listenAsync"):
            if re.match(r"(?:net|tls)\.(?:createServer|Server)\(\)", origin):
                self._listens(module, node, "tcp", self._port(module, node), None)
            elif re.match(r"uwebsockets\.js\.(?:SSL)?App\(\)|uWebSockets\.js\.(?:SSL)?App\(\)", origin):
                self._listens(module, node, "http", self._port(module, node), "uwebsockets")
            elif re.match(r"@nestjs/core\.NestFactory\.createMicroservice", origin):
                return
            elif re.match(r"(?:socket\.io|ws)\b.*\(\)", origin) or "Socket" in origin:
                port = self._port(module, node)
                self.collector.add(
                    FactKind.WEBSOCKET,
                    origin.replace("()", ""),
                    module,
                    node,
                    str(port or ""),
                    reach=Reach.REQUEST,
                )
            elif made_by(origin, self.collector.known.names("servers", "applications")):
                self._listens(module, node, "http", self._port(module, node))
            elif not (method == "listen" and re.match(r"smtp-server|ftp-srv|ssh2", origin)):
                given = modules.arguments(node)
                if origin.startswith("~") or given:
                    self._guessed.append((module, node))
        elif method == "bind" and re.match(r"dgram\.(?:createSocket|Socket)\(\)", origin):
            self._listens(module, node, "udp", self._port(module, node), None)
        elif method == "bindAsync" or (method == "bind" and origin.endswith("grpc.Server()")):
            value = self.values.value(module, next(iter(modules.arguments(node)), None))
            match = re.search(r":(\d{2,5})$", value) if isinstance(value, str) else None
            self._listens(module, node, "grpc", int(match[1]) if match else None, None)
        elif method == "start" and re.match(r"@slack/bolt\.App\(\)|probot", origin):
            self._listens(module, node, "http", self._port(module, node))

    # --- routes --------------------------------------------------------------------------------------

    def _owner(self, module: Module, base: Node) -> tuple[str, int] | bool | None:
        """The router that an expression stands for; None where it is surely none; False for unknown ones."""
        found = self.values.ref(module, base)
        made = made_by(found.name, self._routers)
        if made and (made == found.name or _chained(found.name)):
            return self._creation(found)
        if found.name.startswith("~") and not found.name.endswith("()"):
            text = syntax.text(modules.bare(base))
            if re.fullmatch(
                r"(?:this\.)?_?(?:\w*[aA]pp|\w*[rR]outer?s?|server|fastify|instance|api|express|f|r|route|koa|web)",
                text,
            ):
                return found.site
            return False if text in ("app", "router") else None
        return None

    def _creation(self, found: Ref) -> tuple[str, int]:
        """Where the router of a chain (`new Hono().get(…).post(…)`) was made."""
        node, module = found.node, found.module
        for _ in range(200):
            function = node.child_by_field_name("function")
            if node.type != "call_expression" or function is None or function.type != "member_expression":
                break
            base = function.child_by_field_name("object")
            key = function.child_by_field_name("property")
            if (
                base is None
                or key is None
                or syntax.text(key) not in {*_METHODS, "use", "route", "basePath", "register"}
            ):
                break
            inner = self.values.ref(module, base)
            node, module = inner.node, inner.module
        return module.path, node.start_byte

    def _route(self, module: Module, node: Node, base: Node, method: str) -> None:
        given = modules.arguments(node)
        inner = modules.bare(base)
        if inner.type == "call_expression":  # app.route('/x').get(…).post(…)
            for _ in range(20):
                function = inner.child_by_field_name("function")
                key = function.child_by_field_name("property") if function is not None else None
                if function is None or key is None:
                    break
                outer = function.child_by_field_name("object")
                if key.text == b"route" and outer is not None:
                    path = self._path(module, next(iter(modules.arguments(inner)), None))
                    owner = self._owner(module, outer)
                    if path is not None and owner and not isinstance(owner, bool):
                        self._add(method, path, owner, module, node)
                    return
                if syntax.text(key) not in _METHODS or outer is None:
                    break
                inner = modules.bare(outer)
        if not given or (len(given) < 2 and not _is_handled(node)):
            return
        owner = self._owner(module, base)
        if owner is None or isinstance(owner, bool):
            return
        for path in self._paths(module, given[0]):
            self._add(method, path, owner, module, node)

    def _paths(self, module: Module, node: Node) -> list[str]:
        value = self.values.value(module, node)
        if isinstance(value, Literal) and value.node.type == "array":
            items = [self.values.value(value.module, c) for c in value.node.named_children[:20]]
            return [item for item in items if isinstance(item, str) and HOLE not in item]
        path = self._path(module, node)
        return [path] if path is not None else []

    def _path(self, module: Module, node: Node | None) -> str | None:
        if node is None:
            return None
        if node.type == "regex":
            return syntax.text(node)
        value = self.values.value(module, node)
        if isinstance(value, str) and (value[:1] in "/*:" or value == ""):
            return value.replace(HOLE, "*")
        return None

    def _add(self, method: str, path: str, owner: tuple[str, int] | None, module: Module, node: Node) -> None:
        if self.collector.reaches.of(module, node.start_byte) is None:
            return
        key = (method, path, module.path, node.start_byte)
        self._found.setdefault(key, (method, path, owner, module, node))

    def _mounted(self, module: Module, node: Node, base: Node, method: str) -> None:
        given = modules.arguments(node)
        if not given:
            return
        owner = self._owner(module, base)
        if owner is None or isinstance(owner, bool):
            found = self.values.ref(module, base)
            if not re.match(
                r"koa(?:\.default)?\(\)|@hapi/hapi|https?\.", found.name
            ) and not found.name.startswith("~"):
                return
            owner = found.site
        prefix = ""
        targets = given
        if method == "register":
            option = self.values.value(module, given[1]) if len(given) > 1 else UNKNOWN
            value = self.values.inside(option, "prefix") if isinstance(option, Literal) else ""
            prefix = value if isinstance(value, str) else ""
            targets = given[:1]
        elif (
            method == "route" and given[0].type == "object"
        ):  # fastify and hapi: route({method, url, handler})
            self._described(module, node, given[0], owner)
            return
        elif (path := self._path(module, given[0])) is not None:
            prefix, targets = path, given[1:]
            if method == "on" and len(given) > 2:
                return
        for target in targets:
            self._mount(module, target, owner, prefix)

    def _mount(self, module: Module, target: Node, owner: tuple[str, int], prefix: str) -> None:
        made = self.values.ref(module, target)
        sites: list[tuple[str, int]] = []
        if made_by(made.name, self._routers):
            name = made.name
            if name.endswith((".routes()", ".middleware()", ".allowedMethods()")) and (
                base := _object_of_call(made.node)
            ):
                inner = self.values.ref(made.module, base)
                sites.append(self._creation(inner))
            else:
                sites.append(self._creation(made))
        elif made.node.type in FUNCTIONS:
            sites.append(made.site)
            parameter = self._first_parameter(made.module, made.node)
            if parameter is not None:
                sites.append(parameter)
        for site in sites:
            entry = (owner, prefix)
            known = self._prefixes.setdefault(site, [])
            if entry not in known and site != owner and len(known) < 8:
                known.append(entry)

    def _first_parameter(self, module: Module, function: Node) -> tuple[str, int] | None:
        for declarations in module.declarations.values():
            for declaration in declarations:
                if (
                    declaration.kind == "param"
                    and declaration.node.start_byte == function.start_byte
                    and declaration.specifier == "0"
                ):
                    found = self.values.declared(module, declaration)
                    return found.site
        return None

    def _described(self, module: Module, node: Node, described: Node, owner: tuple[str, int]) -> None:
        given = modules.properties(described)
        path = self._path(module, given.get("url") or given.get("path"))
        value = self.values.value(module, given.get("method"))
        names = [value] if isinstance(value, str) else []
        if isinstance(value, Literal) and value.node.type == "array":
            names = [n for c in value.node.named_children if isinstance(n := modules.string(c), str)]
        for name in names if path is not None else ():
            self._add("*" if name == "*" else name.upper(), path or "", owner, module, node)

    def _prefix(self, owner: tuple[str, int] | None, depth: int) -> list[str]:
        above = self._prefixes.get(owner, []) if owner is not None else []
        own = self._own_prefix(owner)
        if not above or depth > 6:
            return [own]
        return [
            _join(outer, _join(prefix, own))
            for parent, prefix in above
            for outer in self._prefix(parent, depth + 1)
        ]

    def _own_prefix(self, owner: tuple[str, int] | None) -> str:
        """`new Router({prefix: '/x'})` of koa."""
        module = self.values.program.modules.get(owner[0]) if owner is not None else None
        if module is None or owner is None:
            return ""
        node = module.root.descendant_for_byte_range(owner[1], owner[1] + 1)
        for _ in range(6):
            if node is None or node.type in ("new_expression", "call_expression"):
                break
            node = node.parent
        first = next(iter(modules.arguments(node)), None) if node is not None else None
        option = self.values.value(module, first)
        value = self.values.inside(option, "prefix") if isinstance(option, Literal) else ""
        return value if isinstance(value, str) and HOLE not in value else ""

    # --- decorators ------------------------------------------------------------------------------------

    def _decorated(self, module: Module) -> None:
        """Nest (and routing-controllers): `@Controller('x')` on the class, `@Get(':id')` on its methods."""
        for scope in module.scopes:
            if scope.kind != "class":
                continue
            controller = _decorator(scope.node, ("Controller", "JsonController", "RestController"))
            if controller is None:
                continue
            prefix = self._decorator_path(module, controller)
            body = scope.node.child_by_field_name("body")
            pending: list[Node] = []
            for member in body.named_children if body is not None else ():
                if member.type == "decorator":
                    pending.append(member)
                    continue
                for decorator in (*pending, *(c for c in member.named_children if c.type == "decorator")):
                    call = next(iter(decorator.named_children), None)
                    function = call.child_by_field_name("function") if call is not None else None
                    verb = _DECORATORS.get(syntax.text(function)) if function is not None else None
                    if verb is not None:
                        path = _join(prefix, self._decorator_path(module, decorator))
                        self._add(verb, path or "/", None, module, decorator)
                pending = []

    def _decorator_path(self, module: Module, decorator: Node) -> str:
        call = next(iter(decorator.named_children), None)
        first = next(iter(modules.arguments(call)), None) if call is not None else None
        value = self.values.value(module, first) if first is not None else ""
        if isinstance(value, Literal):
            value = self.values.inside(value, "path")
        return (
            "/" + value.strip("/")
            if isinstance(value, str) and value.strip("/") and HOLE not in value
            else ""
        )

    # --- plain node:http -----------------------------------------------------------------------------

    def _conditions(self) -> None:
        """`if (req.url === '/x')` and `switch (pathname)` of servers without a framework."""
        if self._found:
            return
        wanted = re.compile(
            rb"\b(?:req(?:uest)?\.(?:url|path|pathname)|\w*[uU]rl\.pathname|pathname|urlPath)\s*={2,3}\s*['\"](/[^'\"\s]*)['\"]"
        )
        for module in self.collector.reached:
            if b"createServer" not in module.data and b"serve(" not in module.data:
                continue
            for match in wanted.finditer(module.data):
                node = module.root.descendant_for_byte_range(match.start(), match.end())
                if node is not None and node.type not in ("comment", "string", "string_fragment"):
                    self._add("*", match[1].decode("utf-8", "replace"), None, module, node)


def main_routes(routes: Sequence[Route]) -> list[Route]:
    """Routes that are more than signs of life."""
    return [route for route in routes if not _HEALTH.match(route.path)]


def made_by(name: str, makers: frozenset[str]) -> str:
    """The part of a canonical name that one of these made, `()` included; "" where none did."""
    end = name.find("()")
    while end > 0:
        if name[:end] in makers:
            return name[: end + 2]
        end = name.find("()", end + 2)
    return ""


def _chained(name: str) -> bool:
    return bool(
        re.search(
            r"\(\)\.(?:get|post|put|patch|delete|use|route|basePath|openapi|all|on|register)\(\)$", name
        )
    )


def _object_of_call(node: Node) -> Node | None:
    function = node.child_by_field_name("function")
    return function.child_by_field_name("object") if function is not None else None


def _is_handled(node: Node) -> bool:
    """`router.get('/x')` with nothing behind it reads a setting."""
    given = modules.arguments(node)
    return len(given) == 1 and given[0].type == "array"


def _decorator(owner: Node, names: tuple[str, ...]) -> Node | None:
    places = [*owner.named_children]
    if owner.parent is not None and owner.parent.type == "export_statement":
        places += owner.parent.named_children
    for child in places:
        if child.type == "decorator" and child.named_children:
            call = child.named_children[0]
            function = call.child_by_field_name("function") or call
            if syntax.text(function) in names:
                return child
    return None


def _join(prefix: str, path: str) -> str:
    if not prefix or prefix == "/":
        return path or "/"
    if not path or path == "/":
        return prefix
    return prefix.rstrip("/") + "/" + path.lstrip("/")


def _number(value: object) -> int | None:
    found = number(value) if value is not UNKNOWN else UNKNOWN
    if isinstance(value, str) and (match := re.search(r":(\d{2,5})$", value)):
        found = int(match[1])
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 < found < 65536 else None
