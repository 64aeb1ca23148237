"""When code runs: while the program starts, when a request comes, or in a task beside the requests.

Functions are followed by their names from `main`. What is handed on as a value (a handler) or called by a
framework (route attributes, traits of other packages) belongs to requests; what is spawned and loops belongs
to the background.
"""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.rust import table
from analyzers.languages.rust.scan import Call, File
from analyzers.model import Reach

if TYPE_CHECKING:
    from tree_sitter import Node

Place = tuple[int, int]  # position of a file, position of a function in it


class When(StrEnum):
    START = "start"
    REQUEST = "request"
    BACKGROUND = "background"


# Closures given to these run where they stand.
_INLINE = frozenset({
    "unwrap_or_else", "map", "map_err", "and_then", "or_else", "ok_or_else", "filter", "filter_map",
    "for_each", "any", "all", "find", "find_map", "position", "fold", "flat_map", "take_while",
    "skip_while", "sort_by", "sort_by_key", "sort_unstable_by", "sort_unstable_by_key", "retain",
    "max_by", "min_by", "max_by_key", "min_by_key", "then", "then_some", "inspect", "inspect_err",
    "map_or", "map_or_else", "unwrap_or_default", "is_some_and", "is_ok_and", "with", "get_or_init",
    "get_or_insert_with", "or_insert_with", "get_or_try_init", "call_once", "new", "block_on", "install",
    "scope", "dedup_by", "partition", "try_for_each", "try_fold", "zip", "chain", "block_in_place",
    "spawn_blocking", "catch_unwind", "drain", "modify", "and_modify", "update", "attach", "on_ignite",
    "rcu", "collect", "init", "force", "conn_run", "interact", "blocking", "run",
})  # fmt: skip
_HANDED = frozenset({"map", "and_then", "then", "untuple_one", "recover"})  # what warp calls a handler with
_ROUTE = re.compile(
    r"#\[\s*(?:\w+::)*(?:get|post|put|delete|patch|head|options|trace|connect|route|handler|catch|oai|endpoint"
    r"|api_v2_operation|websocket|rpc|method|launch)\b"
)
_WAITS = re.compile(rb"\b(?:await|sleep|recv|tick|park|wait|select)\b")
_INTERVAL = re.compile(rb"\binterval(?:_at)?\s*\(")
_OF_STD = frozenset({
    "Default", "Drop", "From", "Into", "TryFrom", "TryInto", "Display", "Debug", "Clone", "PartialEq", "Eq",
    "Ord", "PartialOrd", "Hash", "Deref", "DerefMut", "AsRef", "Iterator", "IntoIterator", "FromStr", "Error",
    "Borrow", "Index", "IndexMut", "Add", "Sub", "Mul", "Serialize", "Deserialize", "Future", "Stream",
    "Read", "Write", "FromIterator", "Extend", "Visitor", "Neg", "Not", "AddAssign", "SubAssign", "Copy",
    "Send", "Sync",
})  # fmt: skip
# Methods of the standard library and of everybody's types: a name alone leads nowhere.
_COMMON = frozenset({
    "new", "get", "insert", "remove", "push", "pop", "len", "is_empty", "iter", "iter_mut", "into_iter",
    "map", "clone", "into", "from", "default", "unwrap", "expect", "to_string", "to_owned", "as_str",
    "as_ref", "as_mut", "collect", "next", "take", "lock", "read", "write", "await", "contains",
    "contains_key", "entry", "and_then", "ok", "err", "find", "filter", "split", "trim", "parse",
    "format", "eq", "cmp", "fmt", "drop", "send", "recv", "set", "join", "extend", "retain", "clear",
    "replace", "open", "close", "start", "stop", "build", "json", "body", "text", "status", "header",
    "headers", "path", "bytes", "id", "name", "load", "store", "swap", "append", "flush", "poll", "count",
    "min", "max", "first", "last", "push_str", "with",
})  # fmt: skip


@dataclass(slots=True)
class Spawn:
    """A call that starts a task or thread. `loops` tells whether it goes on for ever."""

    file: int
    call: Call
    loops: bool


@dataclass(slots=True)
class Reached:
    """When the functions of a program run."""

    files: list[File]
    spawns: list[Spawn] = field(default_factory=list)
    _when: dict[Place, set[When]] = field(default_factory=lambda: defaultdict(set))
    _regions: list[list[tuple[int, When | None]]] = field(default_factory=list)

    def when(self, file: int, function: int, offset: int) -> set[When]:
        """When code at an offset runs; empty where no path to it was seen."""
        region = self._region(file, offset)
        if region is not None:
            return {region}
        return self._when.get((file, function), set()) if function >= 0 else {When.START}

    def function_when(self, file: int, function: int) -> set[When]:
        """When a whole function runs."""
        return self._when.get((file, function), set()) if function >= 0 else {When.START}

    def reach(self, file: int, function: int, offset: int) -> Reach:
        """The same in the model's words; the background is `UNKNOWN`."""
        when = self.when(file, function, offset)
        if When.REQUEST in when:
            return Reach.REQUEST
        return Reach.IMPORT if when == {When.START} else Reach.UNKNOWN

    def _region(self, file: int, offset: int) -> When | None:
        marks = self._regions[file]
        at = bisect.bisect_right(marks, offset, key=lambda mark: mark[0]) - 1
        return marks[at][1] if at >= 0 else None


def follow(files: list[File]) -> Reached:
    """When each function of a program runs; the first file holds `main`."""
    reached = Reached(files)
    names = _Names(files)
    for position, file in enumerate(files):
        reached._regions.append(_regions(position, file, names, reached.spawns))
    edges, handed = _edges(reached, names)
    waiting: list[tuple[Place, When]] = [(place, When.REQUEST) for place in handed]
    main = (
        next((i for i, f in enumerate(files[0].functions) if f.name == "main" and not f.owner), None)
        if files
        else None
    )
    if main is not None:
        waiting.append(((0, main), When.START))
    waiting += [(place, when or When.START) for place, when in edges.get((-1, -1), [])]
    while waiting:
        place, when = waiting.pop()
        seen = reached._when[place]
        if when in seen:
            continue
        seen.add(when)
        for target, region in edges.get(place, ()):
            waiting.append((target, when if region is None or when is When.REQUEST else region))
    return reached


class _Names:
    def __init__(self, files: list[File]) -> None:
        self.files = files
        self.crates = {file.crate for file in files} | {"crate", "self", "super"}
        self.by_name: dict[str, list[Place]] = defaultdict(list)
        self.by_owner: dict[tuple[str, str], list[Place]] = defaultdict(list)
        for position, file in enumerate(files):
            for number, one in enumerate(file.functions):
                if one.owner:
                    self.by_owner[one.owner, one.name].append((position, number))
                self.by_name[one.name].append((position, number))

    def of(self, path: str, file: File, owner: str, on_self: bool) -> list[Place]:
        """The functions that a call or a reference may mean."""
        if path.startswith("."):
            name = path[1:]
            if on_self and owner and (owner, name) in self.by_owner:
                return self.by_owner[owner, name]
            if name in _COMMON:
                return []
            found = [p for p in self.by_name.get(name, ()) if self.files[p[0]].functions[p[1]].owner]
            return found if len(found) <= 8 else []
        parts = path.split("::")
        if len(parts) > 1 and parts[-2][:1].isupper():
            of = owner if parts[-2] == "Self" else parts[-2]
            return self.by_owner.get((of, parts[-1]), [])
        if (
            len(parts) > 1
            and parts[0] not in self.crates
            and parts[0] not in file.inline
            and not any(parts[0] == name for name, _, _ in file.modules)
        ):
            return []
        found = [p for p in self.by_name.get(parts[-1], ()) if not self.files[p[0]].functions[p[1]].owner]
        here = [p for p in found if self.files[p[0]] is file]
        if len(parts) == 1:
            return here or (found if file.globs else [])
        stem = parts[-2]
        near = [p for p in found if _stem(self.files[p[0]]) == stem]
        return near or found


def _stem(file: File) -> str:
    parts = file.guest.rsplit("/", 2)
    return parts[-2] if parts[-1] == "mod.rs" and len(parts) > 1 else parts[-1][:-3]


def _edges(
    reached: Reached, names: _Names
) -> tuple[dict[Place, list[tuple[Place, When | None]]], set[Place]]:
    edges: dict[Place, list[tuple[Place, When | None]]] = defaultdict(list)
    handed: set[Place] = set()
    given: dict[int, set[int]] = defaultdict(set)
    for spawn in reached.spawns:
        given[spawn.file].update(node.start_byte for node in spawn.call.arguments)
    for position, file in enumerate(reached.files):
        spawned = given[position]
        for number, one in enumerate(file.functions):
            foreign = one.trait and one.trait.rpartition("::")[2] not in _OF_STD
            routed = foreign or any(_ROUTE.match(attribute) for attribute in one.attributes)
            if routed and one.name != "main":
                handed.add((position, number))
        for call in file.calls:
            owner = file.functions[call.function].owner if call.function >= 0 else ""
            receiver = call.receiver if call.path.startswith(".") else None
            on_self = receiver is not None and receiver.type == "self"
            here = (position, call.function) if call.function >= 0 else (-1, -1)
            region = reached._region(position, call.start)
            if here == (-1, -1) and region is None:
                region = When.START
            for target in names.of(call.path, file, owner, on_self):
                edges[here].append((target, region))
        for path, start, function in file.references:
            last = path.rpartition("::")[2]
            if last[:1].isupper() or start in spawned:
                continue
            owner = file.functions[function].owner if function >= 0 else ""
            handed.update(names.of(path, file, owner, on_self=False))
        for macro in file.macros:
            name = macro.path.rpartition("::")[2]
            here = (position, macro.function) if macro.function >= 0 else (-1, -1)
            if name in ("routes", "catchers", "router", "openapi_get_routes", "service_fn"):
                for path in re.findall(r"[\w:]+", macro.tokens):
                    handed.update(names.of(file.resolve(path), file, "", on_self=False))
            else:
                for path in re.findall(r"([A-Za-z_][\w:]*)\s*\(", macro.tokens[:20_000]):
                    for target in names.of(file.resolve(path), file, "", on_self=False):
                        edges[here].append((target, None))
                for path in re.findall(r"\.([a-z_]\w*)\s*\(", macro.tokens[:20_000]):
                    for target in names.of("." + path, file, "", on_self=False):
                        edges[here].append((target, None))
    return edges, handed


def _regions(position: int, file: File, names: _Names, spawns: list[Spawn]) -> list[tuple[int, When | None]]:
    """Where code begins, and ends, that runs at another time than the function around it."""
    regions: list[tuple[int, int, When]] = []
    taken: set[int] = set()
    accepting = _accepting(file)
    for call in file.calls:
        if not any(m.kind == "spawn" for m in table.meanings(call.path)):
            continue
        given = call.node.child_by_field_name("arguments")
        if given is None:
            continue
        taken |= {node.start_byte for node in call.arguments}
        if _serves(file, given):
            continue
        loops = not _awaited(file, call) and (
            _loops(file, given) or _leads_to_loop(file, given, _owner(file, call), names)
        )
        spawns.append(Spawn(position, call, loops))
        if loops and not _in_any(accepting, call.start):
            regions.append((given.start_byte, given.end_byte, When.BACKGROUND))
        elif _in_any(accepting, call.start):
            regions.append((given.start_byte, given.end_byte, When.REQUEST))
    warp = any(path.startswith("warp") for path in (*file.uses.values(), *file.globs))
    for closure in file.closures:
        above = closure.parent
        if closure.start_byte in taken or above is None or above.type != "arguments" or above.parent is None:
            continue
        name = _callee(above.parent)
        if name and (name not in _INLINE or (warp and name in _HANDED)):
            regions.append((closure.start_byte, closure.end_byte, When.REQUEST))
    return _marks(sorted(regions, key=lambda region: (region[0], -region[1])))


def _marks(regions: list[tuple[int, int, When]]) -> list[tuple[int, When | None]]:
    """Nested ranges as a sequence of changes; within a request all belongs to the request."""
    marks: list[tuple[int, When | None]] = []
    open_: list[tuple[int, When]] = []

    def close(until: int) -> None:
        while open_ and open_[-1][0] <= until:
            end, _ = open_.pop()
            marks.append((end, open_[-1][1] if open_ else None))

    for start, end, when in regions:
        close(start)
        inner = When.REQUEST if open_ and open_[-1][1] is When.REQUEST else when
        open_.append((end, inner))
        marks.append((start, inner))
    close(1 << 62)
    return marks


def _leads_to_loop(file: File, node: Node, owner: str, names: _Names) -> bool:
    """Whether a task calls, within three steps, a function that goes on for ever."""
    waiting = [(file, path, owner, 3) for path in _called_in(file, node)]
    seen: set[Place] = set()
    while waiting and len(seen) < 64:
        at, path, of, steps = waiting.pop()
        for place in names.of(path, at, of, on_self=True)[:4]:
            if place in seen:
                continue
            seen.add(place)
            other = names.files[place[0]]
            function = other.functions[place[1]]
            if _serves(other, function.node):
                continue
            if _loops(other, function.node):
                return True
            if steps > 1:
                waiting += [(other, p, function.owner, steps - 1) for p in _called_in(other, function.node)]
    return False


def _awaited(file: File, call: Call) -> bool:
    """Whether what is spawned is waited for there: `spawn(…).await`, `let x = spawn(…); … x.await`."""
    here = call.node.parent
    while here is not None and here.type in ("try_expression", "field_expression", "call_expression"):
        here = here.parent
    if here is None or call.function < 0 or file.functions[call.function].name == "main":
        return False
    if here.type == "await_expression":
        return True
    pattern = here.child_by_field_name("pattern") if here.type == "let_declaration" else None
    if pattern is None:
        return False
    function = file.functions[call.function]
    after = call.node.end_byte - function.start
    rest = (function.node.text or b"")[after : after + 20_000].decode("utf-8", "replace")
    return bool(re.search(rf"\b{re.escape(syntax.text(pattern))}\s*\.await", rest))


def _owner(file: File, call: Call) -> str:
    return file.functions[call.function].owner if call.function >= 0 else ""


def _callee(call: Node) -> str:
    function = call.child_by_field_name("function")
    if function is not None and function.type == "generic_function":
        function = function.child_by_field_name("function")
    if function is None:
        return ""
    name = function.child_by_field_name("field") or function.child_by_field_name("name")
    return syntax.text(name if name is not None else function)


def _inside(nodes: list[Node], around: Node) -> list[Node]:
    """The nodes, which are in order, within another."""
    first = bisect.bisect_left(nodes, around.start_byte, key=lambda node: node.start_byte)
    last = bisect.bisect_left(nodes, around.end_byte, key=lambda node: node.start_byte)
    return nodes[first:last]


def _calls_in(file: File, node: Node) -> list[Call]:
    first = bisect.bisect_left(file.calls, node.start_byte, key=lambda call: call.start)
    last = bisect.bisect_left(file.calls, node.end_byte, key=lambda call: call.start)
    return file.calls[first:last]


def _loops(file: File, node: Node) -> bool:
    """Whether something loops inside `node` without taking connections or parsing text."""
    for loop in _inside(file.loops, node)[:50]:
        inner = (loop.text or b"")[:20_000]
        if _WAITS.search(inner) and b".accept(" not in inner:
            return True
    return bool(_INTERVAL.search((node.text or b"")[:20_000]))


def _serves(file: File, node: Node) -> bool:
    calls = _calls_in(file, node)
    return any(m.kind in ("server", "grpc") for c in calls for m in table.meanings(c.path)) or any(
        c.path == ".accept" for c in calls
    )


def _called_in(file: File, node: Node) -> list[str]:
    first = bisect.bisect_left(file.references, node.start_byte, key=lambda one: one[1])
    last = bisect.bisect_left(file.references, node.end_byte, key=lambda one: one[1])
    return [c.path for c in _calls_in(file, node)[:20]] + [one[0] for one in file.references[first:last][:20]]


def _accepting(file: File) -> list[tuple[int, int]]:
    """The outermost loops that take connections."""
    found: list[tuple[int, int]] = []
    for loop in file.loops:
        if found and loop.start_byte < found[-1][1]:
            continue
        if b".accept(" in (loop.text or b""):
            found.append((loop.start_byte, loop.end_byte))
    return found


def _in_any(ranges: list[tuple[int, int]], offset: int) -> bool:
    at = bisect.bisect_right(ranges, offset, key=lambda one: one[0]) - 1
    return at >= 0 and offset < ranges[at][1]
