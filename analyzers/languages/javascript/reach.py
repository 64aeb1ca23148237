"""When code runs: while the program starts, or with requests; or never, as it was started."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.javascript import modules
from analyzers.languages.javascript.modules import FUNCTIONS, Declaration, Module
from analyzers.languages.javascript.values import HOLE, UNKNOWN, Literal, Value, Values, truthy
from analyzers.model import Reach

if TYPE_CHECKING:
    from tree_sitter import Node

# Methods that call what they are given at once, or as soon as a promise settles.
_AT_ONCE = frozenset(
    [
        "forEach",
        "map",
        "filter",
        "reduce",
        "reduceRight",
        "some",
        "every",
        "find",
        "findIndex",
        "flatMap",
        "sort",
        "from",
        "then",
        "catch",
        "finally",
        "listen",
        "ready",
        "after",
        "register",
        "tap",
        "series",
        "parallel",
        "waterfall",
        "connect",
        "open",
        "init",
        "sync",
        "authenticate",
        "setTimeout",
        "setImmediate",
        "nextTick",
        "queueMicrotask",
        "start",
        "bindAsync",
        "mapValues",
        "entries",
        "call",
        "apply",
        "forRootAsync",
        "registerAsync",
        "sequelize",
        "configure",
        "all",
    ]
)
# Events that come while the program starts or ends, or that tell of a connection.
_LIFECYCLE = frozenset(
    [
        "ready",
        "connect",
        "connected",
        "connecting",
        "disconnect",
        "disconnected",
        "error",
        "end",
        "close",
        "reconnecting",
        "reconnect",
        "open",
        "listening",
        "exit",
        "beforeExit",
        "uncaughtException",
        "unhandledRejection",
        "SIGINT",
        "SIGTERM",
        "SIGHUP",
        "SIGUSR2",
        "SIGQUIT",
        "warning",
        "drain",
        "finish",
        "onClose",
        "onReady",
        "online",
        "fork",
    ]
)
_HOOKS = frozenset(
    [
        "onModuleInit",
        "onApplicationBootstrap",
        "onModuleDestroy",
        "onApplicationShutdown",
        "beforeApplicationShutdown",
        "configureServer",
    ]
)
_INJECTED = re.compile(rb"@(Injectable|Controller|Module|Global|Resolver|WebSocketGateway|Processor|Catch)\b")
_NAMING = frozenset(
    {"export_specifier", "import_specifier", "import_clause", "shorthand_property_identifier",
     "object_pattern", "export_statement", "type_annotation"}
)  # fmt: skip
_CONDITION = 300  # bytes of a condition that could be a constant
# Decorators of methods that a framework calls with requests, messages or at times.
_ROUTED = re.compile(
    rb"@(?:Get|Post|Put|Patch|Delete|Head|Options|All|Sse|Query|Mutation|Subscription|ResolveField|Cron|Interval|"
    rb"SubscribeMessage|MessagePattern|EventPattern|GrpcMethod|Process|OnEvent)\("
)
# A branch that ends so did not find what it needs: the start gives it, or nothing runs.
_FAILS = re.compile(
    rb"\bthrow\b|\bexit\(|\breject\(|Error\b|\b[Rr]equired\b|\bmissing\b|\bmust\b|[Uu]nsupported|[Uu]nknown"
)
_ENDS = re.compile(rb"\b(?:break|return|throw|continue)\b")
_WORD = frozenset(re.findall(rb"[\w$]", bytes(range(128))))
_OCCURRENCES = 200  # uses of one name that are looked at


class Reaches:
    """Answers for a program whose reachable modules are known."""

    def __init__(self, values: Values, reached: Sequence[Module]) -> None:
        self.values = values
        self.reached = reached
        self._off: dict[str, list[tuple[int, int]]] = {}
        self._start: dict[tuple[str, int], bool] = {}
        self._open: set[tuple[str, int]] = set()
        self._importers: dict[str, list[Module]] = {}
        self._asked: dict[str, list[tuple[Module, int]]] = {}  # module -> where it is imported
        self._dead: dict[tuple[str, int], bool] = {}  # functions, classes and (at -1) modules
        self._any: bool | None = None
        for module in reached:
            for use in module.uses:
                target = values.program.resolve(module, use.specifier)
                if isinstance(target, Module):
                    self._importers.setdefault(target.path, []).append(module)
                    self._asked.setdefault(target.path, []).append((module, use.node.start_byte))

    def of(self, module: Module, position: int) -> Reach | None:
        """When the code at a byte runs; None where a condition that is known keeps it off."""
        if self.is_off(module, position):
            return None
        return Reach.IMPORT if self.at_start(module, position) else Reach.REQUEST

    def is_off(self, module: Module, position: int) -> bool:
        """Whether the code at a byte never runs: by a condition, or as part of what only such code uses."""
        if any(start <= position < end for start, end in self._ranges(module)):
            return True
        if self._module_unused(module):
            return True
        return any(
            self._unused(module, scope.node) for scope in module.enclosing(position, "function", "class")
        )

    def at_start(self, module: Module, position: int) -> bool:
        """Whether the code at a byte runs only while the program starts."""
        function = next(module.enclosing(position, "function"), None)
        return function is None or self._starts(module, function.node)

    # --- what is off ---------------------------------------------------------------------------------

    def _ranges(self, module: Module) -> list[tuple[int, int]]:
        found = self._off.get(module.path)
        if found is None:
            found = self._off[module.path] = []
            for node in module.nodes.get("if", ()):
                found += self._of_if(module, node)
            for node in module.nodes.get("and", ()):
                left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
                value = self._known(module, left)
                if right is not None and value is not UNKNOWN and not truthy(value):
                    found.append((right.start_byte, right.end_byte))
            for node in module.nodes.get("switch", ()):
                found += self._of_switch(module, node)
        return found

    def _known(self, module: Module, node: Node | None) -> Value:
        """The constant that a condition is; objects are not asked for."""
        if node is None or node.end_byte - node.start_byte > _CONDITION:
            return UNKNOWN
        value = self.values.value(module, node)
        vague = isinstance(value, Literal) or (isinstance(value, str) and HOLE in value)
        return UNKNOWN if vague else value

    def _of_if(self, module: Module, node: Node) -> Iterator[tuple[int, int]]:
        value = self._known(module, node.child_by_field_name("condition"))
        if value is UNKNOWN:
            return
        side = node.child_by_field_name("alternative" if truthy(value) else "consequence")
        if side is not None:
            yield side.start_byte, side.end_byte
        around = node.parent
        inside = around is not None and around.type == "statement_block"
        if truthy(value) and inside and around is not None and _leaves(node):
            yield node.end_byte, around.end_byte

    def _of_switch(self, module: Module, node: Node) -> Iterator[tuple[int, int]]:
        """The cases that are not chosen; a case without statements shares those of the next."""
        value, body = self._known(module, node.child_by_field_name("value")), node.child_by_field_name("body")
        cases = body.named_children if body is not None else []
        cases = [one for one in cases if one.type in ("switch_case", "switch_default")]
        if value is UNKNOWN:
            return
        given = [
            self._known(module, one.child_by_field_name("value"))
            for one in cases
            if one.type == "switch_case"
        ]
        if UNKNOWN in given:
            return
        chosen = value in given
        default = next((one for one in cases if one.type == "switch_default"), None)
        if not chosen and (default is None or _FAILS.search(default.text or b"")):
            return  # nothing was chosen, and something must be
        on = False
        for case in cases:
            if case.type == "switch_default":
                on = on or not chosen
            else:
                on = on or self._known(module, case.child_by_field_name("value")) == value
            if not on:
                yield case.start_byte, case.end_byte
            statements = case.children_by_field_name("body")
            if statements and _ENDS.search(case.text or b""):
                on = False

    def _unused(self, module: Module, node: Node) -> bool:
        """Whether a named function or class is used, and only by code that is off."""
        key = (module.path, node.start_byte)
        known = self._dead.get(key)
        if known is not None:
            return known
        self._dead[key] = False  # what uses itself is decided by its other users
        name = node.child_by_field_name("name")
        if name is None or node.type == "method_definition":
            parent = node.parent
            name = parent.child_by_field_name("name") if parent is not None else None
            if parent is None or parent.type != "variable_declarator":
                return False
        if name is None or name.type not in ("identifier", "type_identifier"):
            return False
        text = syntax.text(name)
        declaration = module.lookup(text, name.start_byte)
        if declaration is None or not self._anything_off():
            return False
        used = self._all_off(module, declaration, text)
        for key_out, export in module.exports.items():
            if used is False or not _is_of(export.node, text):
                continue
            used = _both(used, self._importers_off(module, key_out))
        self._dead[key] = used is True
        return self._dead[key]

    def _all_off(self, module: Module, declaration: Declaration, name: str) -> bool | None:
        """Whether all uses of a declared name are off; None where it is not used."""
        found: bool | None = None
        given = {one.node.start_byte for one in module.exports.values() if one.node is not None}
        own = declaration.node  # what is used in itself is used by nobody yet
        for node in self._occurrences(module, name):
            parent = node.parent
            inside = (
                declaration.kind in ("function", "class") and own.start_byte <= node.start_byte < own.end_byte
            )
            if inside or node.start_byte in given or parent is None or parent.type in _NAMING:
                continue
            if parent.type.endswith("_declaration") or (
                parent.type == "variable_declarator" and (parent.child_by_field_name("name") == node)
            ):
                continue
            if module.lookup(name, node.start_byte) is not declaration:
                continue
            if not self.is_off(module, node.start_byte):
                return False
            found = True
        return found

    def _importers_off(self, module: Module, key: str) -> bool | None:
        """The same of what other modules import of a module under a name."""
        found: bool | None = None
        for path in dict.fromkeys(m.path for m in self._importers.get(module.path, ())):
            other = self.values.program.modules[path]
            named = list(_locals(self.values, other, module, key))
            if not named:
                return False  # handed on, or used in a way that reading does not follow
            for declaration in named:
                used = self._all_off(other, declaration, declaration.name)
                if used is False:
                    return False
                found = _both(found, used)
        return found

    def _module_unused(self, module: Module) -> bool:
        """Whether a module is imported, and only by code that is off."""
        known = self._dead.get((module.path, -1))
        if known is None:
            self._dead[module.path, -1] = False
            uses = self._asked.get(module.path, []) if self._anything_off() else []
            off = bool(uses) and all(self.is_off(other, position) for other, position in uses)
            known = self._dead[module.path, -1] = off
        return known

    def _anything_off(self) -> bool:
        if self._any is None:
            self._any = any(self._ranges(module) for module in self.reached)
        return self._any

    # --- functions -----------------------------------------------------------------------------------

    def _starts(self, module: Module, node: Node) -> bool:
        key = (module.path, node.start_byte)
        if key not in self._start:
            self._start[key] = True  # a function that calls itself is decided by its other callers
            self._open.add(key)
            self._start[key] = self._decide(module, node)
            self._open.discard(key)
        return self._start[key]

    def _is_open(self, module: Module, position: int) -> bool:
        """Whether the function around a byte is being decided: what it calls says nothing of itself."""
        function = next(module.enclosing(position, "function"), None)
        return function is not None and (module.path, function.node.start_byte) in self._open

    def _decide(self, module: Module, node: Node) -> bool:
        if node.type == "method_definition":
            return self._method(module, node)
        if node.type.endswith("_declaration"):
            name = node.child_by_field_name("name")
            return name is not None and self._named(module, name)
        parent = node.parent
        while parent is not None and parent.type == "parenthesized_expression":
            parent = parent.parent
        if parent is None:
            return False
        if parent.type == "call_expression":  # called where it stands
            return self.at_start(module, parent.start_byte)
        if parent.type == "arguments" and parent.parent is not None:
            return self._passed(module, parent.parent)
        if parent.type == "variable_declarator":
            name = parent.child_by_field_name("name")
            return name is not None and name.type == "identifier" and self._named(module, name)
        if parent.type == "export_statement" or (
            parent.type == "assignment_expression" and _is_default(parent)
        ):
            return self._exported(module, "default")
        if parent.type == "assignment_expression":
            left = parent.child_by_field_name("left")
            target = modules.dotted(left) if left is not None else ""
            key = target.rpartition(".")[2]
            if target.startswith(("exports.", "module.exports.")):
                return self._exported(module, key) and self._calls(module, f"exports.{key}")
            return bool(key) and self._property(key)
        if parent.type == "pair":
            key_node = parent.child_by_field_name("key")
            return key_node is not None and self._property(syntax.text(key_node))
        return False

    def _passed(self, module: Module, call: Node) -> bool:
        """A function given to a call: whether the call runs it while the program starts."""
        if call.type == "new_expression":
            constructor = call.child_by_field_name("constructor")
            return bool(constructor is not None and constructor.text == b"Promise") and self.at_start(
                module, call.start_byte
            )
        function = call.child_by_field_name("function")
        if function is None:
            return False
        name = syntax.text(function.child_by_field_name("property") or function)
        if name in ("on", "once", "addListener", "addEventListener", "addHook"):
            event = modules.string(next(iter(modules.arguments(call)), None))
            return event in _LIFECYCLE and self.at_start(module, call.start_byte)
        if name in _AT_ONCE or function.type in FUNCTIONS:
            return self.at_start(module, call.start_byte)
        return False

    def _named(self, module: Module, name: Node) -> bool:
        """A function with a name: all that use it run at start, and something does."""
        text = syntax.text(name)
        declaration = module.lookup(text, name.start_byte)
        if declaration is None:
            return False
        used = [
            self._use(module, node)
            for node in self._occurrences(module, text)
            if module.lookup(text, node.start_byte) is declaration and node.start_byte != name.start_byte
        ]
        if False in used:
            return False
        exported = [key for key, export in module.exports.items() if _is_of(export.node, text)]
        if module.top_level(declaration) and exported:
            others = [self._exported(module, key) for key in exported]
            return all(others) and (bool(others) or bool(used))
        return True in used

    def _exported(self, module: Module, key: str) -> bool:
        """Whether all importers use an export at start only. Nobody's use is a framework's."""
        seen = False
        for importer in dict.fromkeys(m.path for m in self._importers.get(module.path, ())):
            other = self.values.program.modules[importer]
            for declaration in _locals(self.values, other, module, key):
                for node in self._occurrences(other, declaration.name):
                    if other.lookup(declaration.name, node.start_byte) is not declaration:
                        continue
                    if node.start_byte == declaration.node.start_byte:
                        continue
                    if key != "default" and declaration.imported in ("*", "default", ""):
                        parent = node.parent
                        field = parent.child_by_field_name("property") if parent is not None else None
                        if field is not None and field.text != key.encode():
                            continue
                        if field is not None and parent is not None:
                            node = parent
                    used = self._use(other, node)
                    if used is False:
                        return False
                    seen = seen or used is True
            if key == "default":
                for use in other.uses:
                    call = use.node.parent if use.node.type == "call_expression" else None
                    if (
                        call is not None
                        and call.type == "call_expression"
                        and self.values.program.resolve(other, use.specifier) is module
                    ):
                        if not self.at_start(other, call.start_byte):
                            return False
                        seen = True
        return seen

    def _use(self, module: Module, node: Node) -> bool | None:
        """Whether a use of a name runs it at start (True), later (False), or not at all (None)."""
        parent = node.parent
        if parent is None:
            return None
        if parent.type in _NAMING:
            return None
        if parent.type == "call_expression" and parent.child_by_field_name("function") == node:
            return self._live(module, parent.start_byte)
        if parent.type == "new_expression":
            return self._live(module, parent.start_byte)
        if parent.type == "arguments" and parent.parent is not None:
            return self._passed(module, parent.parent)
        if (
            parent.type in ("pair", "object", "assignment_expression")
            and b"exports" in (module.data[max(0, parent.start_byte - 200) : parent.end_byte])
        ):
            return None  # what importers do with it is asked elsewhere
        if parent.type == "parenthesized_expression":
            return self._use(module, parent)
        return False

    def _live(self, module: Module, position: int) -> bool | None:
        if self._is_open(module, position):
            return None
        reach = self.of(module, position)
        return None if reach is None else reach is Reach.IMPORT

    def _calls(self, module: Module, text: str) -> bool:
        at = 0
        data, wanted = module.data, text.encode() + b"("
        while (at := data.find(wanted, at)) >= 0:
            if not self.at_start(module, at):
                return False
            at += len(wanted)
        return True

    def _method(self, module: Module, node: Node) -> bool:
        name_node = node.child_by_field_name("name")
        name = syntax.text(name_node) if name_node is not None else ""
        if name in _HOOKS:
            return True
        if _ROUTED.search(module.data[max(0, node.start_byte - 300) : node.start_byte].rpartition(b"}")[2]):
            return False
        if name == "constructor":
            return self._constructed(module, node)
        return self._property(name)

    def _constructed(self, module: Module, node: Node) -> bool:
        scope = next(module.enclosing(node.start_byte, "class"), None)
        if scope is None:
            return False
        before = module.data[max(0, scope.start - 400) : scope.start]
        if _INJECTED.search(before):
            return True
        name = scope.node.child_by_field_name("name")
        if name is None:
            return False
        found = False
        wanted = b"new " + (name.text or b"")
        for other in self.reached:
            at = 0
            while (at := other.data.find(wanted, at)) >= 0:
                if not self.at_start(other, at):
                    return False
                found = True
                at += len(wanted)
        return found

    def _property(self, name: str) -> bool:
        """A method or a property that holds a function: all calls `x.name(…)` anywhere run at start."""
        wanted = re.compile(rb"\." + re.escape(name.encode()) + rb"\s*\(")
        found = 0
        for module in self.reached:
            for match in wanted.finditer(module.data):
                if self._is_open(module, match.start()):
                    continue
                found += 1
                if found > _OCCURRENCES or not self.at_start(module, match.start()):
                    return False
        return found > 0

    def _occurrences(self, module: Module, name: str) -> Iterator[Node]:
        """The identifiers with a name; comments and strings are none."""
        for start in islice(_words(module.data, name.encode()), _OCCURRENCES):
            node = module.root.descendant_for_byte_range(start, start + len(name.encode()))
            if node is not None and node.type in (
                "identifier",
                "shorthand_property_identifier",
                "type_identifier",
            ):
                yield node


def _words(data: bytes, wanted: bytes) -> Iterator[int]:
    """Where a word stands by itself. By `find`: a pattern for each name takes longer to make than to use."""
    start = data.find(wanted) if wanted else -1
    while start >= 0:
        end = start + len(wanted)
        alone = data[start - 1 : start] not in _WORD and data[end : end + 1] not in _WORD
        if alone:
            yield start
        start = data.find(wanted, end if alone else start + 1)


def _leaves(node: Node) -> bool:
    """Whether a branch returns without failing: the rest of its function serves what is not configured."""
    block = node.child_by_field_name("consequence")
    if block is None or node.type != "if_statement" or node.child_by_field_name("alternative") is not None:
        return False
    last = block
    if block.type == "statement_block":
        statements = [one for one in block.named_children if one.type != "comment"]
        if not statements:
            return False
        last = statements[-1]
    return last.type == "return_statement" and _FAILS.search(block.text or b"") is None


def _both(one: bool | None, other: bool | None) -> bool | None:
    """Whether all are off, of two groups of uses; None where neither has any."""
    if one is None or other is None:
        return one if other is None else other
    return one and other


def _is_default(assignment: Node) -> bool:
    left = assignment.child_by_field_name("left")
    return left is not None and left.text in (b"module.exports", b"exports")


def _is_of(node: Node | None, name: str) -> bool:
    if node is None:
        return False
    if node.type in ("identifier", "shorthand_property_identifier"):
        return node.text == name.encode()
    inner = node.child_by_field_name("name")
    return inner is not None and inner.text == name.encode()


def _locals(values: Values, importer: Module, module: Module, key: str) -> Iterator[Declaration]:
    """The names under which an importer has an export of a module, or the whole of it."""
    for declarations in importer.declarations.values():
        for declaration in declarations:
            if declaration.kind == "import":
                if declaration.imported not in (key, "*", "default"):
                    continue
                if values.program.resolve(importer, declaration.specifier) is module:
                    yield declaration
            elif declaration.value is not None and declaration.kind in ("const", "let", "var"):
                value = modules.bare(declaration.value)
                if value.type != "call_expression" or (declaration.keys and declaration.keys[0] != key):
                    continue
                function = value.child_by_field_name("function")
                if function is None or function.text not in (b"require", b"import"):
                    continue
                specifier = modules.string(next(iter(modules.arguments(value)), None))
                if specifier and values.program.resolve(importer, specifier) is module:
                    if declaration.keys:
                        declaration.imported = key
                    yield declaration
