"""State that a request leaves in the process for a later one: statics and shared values that change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.rust.reach import Reached, When
from analyzers.languages.rust.scan import Call, File
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach
from analyzers.repository import Tree

if TYPE_CHECKING:
    from tree_sitter import Node

# Types that may be changed through a shared reference.
_SHARED = re.compile(
    r"\b(?:Mutex|RwLock|ReentrantMutex|FairMutex|RefCell|Cell|DashMap|DashSet|Atomic\w+|ArcSwap\w*|SkipMap"
    r"|SegQueue|ArrayQueue|SkipSet|scc|Slab|RateLimiter|DefaultKeyedRateLimiter|DefaultDirectRateLimiter"
    r"|IntCounter\w*|IntGauge\w*|CounterVec|GaugeVec|HistogramVec|Histogram|Counter|Gauge)\b"
)
_METRICS = re.compile(
    r"\b(?:IntCounter\w*|IntGauge\w*|CounterVec|GaugeVec|HistogramVec|Histogram|Counter|Gauge)\b"
)
# What such a type may hold without being state: handles of things elsewhere, and guards of nothing.
_HANDLES = re.compile(
    r"(?:Connection|Client|Pool|Sender|Receiver|Stream|Sink|File|Stdout|Stderr|Writer|Reader|Child|JoinHandle"
    r"|Rng|Runtime|Session|Semaphore|Notify|Transport|Channel|Socket|Producer|Consumer|Engine|Model"
    r"|Interpreter|Conn|Repository|Sqlite|Database|Db|Waker|Backend|Tokenizer|Parser|Signer|Logger|Watcher"
    r"|Handle|Scheduler|Context|Signal)\b"
)
_MADE = r"(?:Arc|Rc|web::Data|Data)::new\s*\(\s*(?:\w+::)*(?:Mutex|RwLock|DashMap|Atomic\w+)::"
_EMPTY = re.compile(r"(?:Mutex|RwLock)\s*<\s*\(\s*\)\s*>")
_CACHE = re.compile(r"[Cc]ache|CACHE|Lru|LRU|memo", re.ASCII)
_CHANGES = frozenset({
    "store", "swap", "fetch_add", "fetch_sub", "fetch_or", "fetch_and", "fetch_xor", "fetch_max",
    "fetch_min", "fetch_update", "compare_exchange", "compare_exchange_weak", "compare_and_swap", "write",
    "try_write", "write_owned", "blocking_write", "get_mut", "borrow_mut", "with_borrow_mut", "insert",
    "remove", "entry", "push", "alter", "retain", "clear", "extend", "update", "upsert", "rcu", "pop",
    "replace", "set", "check_key", "check", "inc", "inc_by", "dec", "observe", "with_label_values",
    "insert_sync", "insert_async", "entry_sync", "entry_async", "remove_if",
})  # fmt: skip
_LOCKS = frozenset({"lock", "try_lock", "lock_owned", "blocking_lock", "lock_arc"})
# What a guard is changed by, where the lock alone does not tell.
_THROUGH_GUARD = frozenset({
    "insert", "remove", "push", "push_back", "push_front", "pop", "pop_front", "entry", "get_mut",
    "iter_mut", "values_mut", "clear", "extend", "retain", "take", "replace", "as_mut", "drain", "append",
    "update", "set", "add", "increment", "truncate", "get_or_insert_with", "or_insert", "remove_entry",
    "put", "deref_mut",
})  # fmt: skip
_CONFIDENT = {
    Reach.REQUEST: Confidence.MEDIUM,
    Reach.UNKNOWN: Confidence.LOW,
    Reach.IMPORT: Confidence.MEDIUM,
}


def find(files: list[File], reached: Reached, tree: Tree) -> Iterator[Fact]:
    """Facts of kind MEMORY_STATE and CACHE, one for each static, field or shared value that is changed."""
    statics = {one.name: (file, one.type) for file in files for one in file.statics}
    aliases = {name: of for file in files for name, of in file.aliases.items()}
    fields: dict[str, tuple[str, str]] = {}
    for file in files:
        for one in file.fields:
            if _is_shared(_expanded(one.type, aliases)):
                fields.setdefault(one.name, (one.owner, _expanded(one.type, aliases)))
    fleeting = _fleeting({owner for owner, _ in fields.values()}, files, reached)
    fields = {name: held for name, held in fields.items() if held[0] not in fleeting}
    found: dict[str, tuple[Reach, Evidence, bool]] = {}
    order = (Reach.REQUEST, Reach.UNKNOWN, Reach.IMPORT)
    for position, file in enumerate(files):
        for call in file.calls:
            if not call.path.startswith(".") or call.path[1:] not in _CHANGES | _LOCKS:
                continue
            receiver = call.receiver
            if receiver is None:
                continue
            around = reached.function_when(position, call.function)
            held = _held(file, call, receiver, statics, fields, aliases, around == {When.START})
            if held is None or (call.path[1:] in _LOCKS and not _changes(call.node)):
                continue
            subject, of = held
            when = reached.when(position, call.function, call.start)
            reach = reached.reach(position, call.function, call.start)
            cache = bool(_CACHE.search(subject) or _CACHE.search(of)) or when == {When.BACKGROUND}
            place = Evidence(file.path, call.line, tree.line(file.path, call.line))
            before = found.get(subject)
            if before is None or order.index(reach) < order.index(before[0]):
                found[subject] = (reach, place, cache and (before is None or before[2]))
    for subject, (reach, place, cache) in found.items():
        kind = FactKind.CACHE if cache else FactKind.MEMORY_STATE
        yield Fact(kind, subject, (place,), reach=reach, confidence=_CONFIDENT[reach])


def _fleeting(owners: set[str], files: list[File], reached: Reached) -> set[str]:
    """Types whose values are made by requests only: what they hold goes with the request."""
    made: dict[str, set[When]] = {}
    for position, file in enumerate(files):
        for call in file.calls:
            parts = call.path.split("::")
            if len(parts) < 2 or parts[-2] not in owners:
                continue
            within = file.functions[call.function].owner if call.function >= 0 else ""
            if within != parts[-2]:
                when = reached.when(position, call.function, call.start)
                made.setdefault(parts[-2], set()).update(when or {When.START})
    return {owner for owner, when in made.items() if when == {When.REQUEST}}


def _expanded(of: str, aliases: dict[str, str]) -> str:
    """A type with own `type` names filled in, twice at most."""
    for _ in range(2):
        of = re.sub(r"\b[A-Z]\w*\b", lambda m: aliases.get(m[0], m[0])[:200], of[:400])
    return of


def _is_shared(of: str) -> bool:
    if not _SHARED.search(of) or _EMPTY.search(of):
        return False
    inner = _SHARED.sub("", of)
    return bool(_METRICS.search(of)) or not _HANDLES.search(inner)


def _held(
    file: File,
    call: Call,
    receiver: Node,
    statics: dict[str, tuple[File, str]],
    fields: dict[str, tuple[str, str]],
    aliases: dict[str, str],
    starts: bool,
) -> tuple[str, str] | None:
    """What a call changes: its name for the report and its type."""
    text = syntax.text(receiver)
    if len(text) > 300:
        return None
    last = re.match(r"(?:\w+::)*([A-Z][A-Z0-9_]*)\b", text)
    if last and last[1] in statics:
        home, of = statics[last[1]]
        of = _expanded(of, aliases)
        if _is_shared(of):
            return f"{_stem(home)}.{last[1]}", of
        return None
    chain = re.sub(r"\s+|\.(?:clone|as_ref|inner|get_ref|borrow|deref)\(\)|[&*()]", "", text)
    if match := re.fullmatch(r"(?:[\w.\[\]?]+\.)([a-z_]\w*)", chain):
        if match[1] in fields:
            owner, of = fields[match[1]]
            return f"{owner}.{match[1]}", of
        return None
    if re.fullmatch(r"[a-z_]\w*", chain) and call.function >= 0:
        parameters = file.functions[call.function].node.child_by_field_name("parameters")
        stated = syntax.text(parameters) if parameters is not None else ""
        match = re.search(rf"\b{re.escape(chain)}\b\s*\)?\s*:\s*([^,]+(?:<[^()]*>)?)", stated)
        if match:
            of = _expanded(match[1], aliases)
            return (f"{_stem(file)}.{chain}", of) if _is_shared(of) else None
        made = _bound(file, call, chain) if starts else None
        if made and _SHARED.search(made) and not _HANDLES.search(_SHARED.sub("", made)):
            return f"{_stem(file)}.{chain}", made
    return None


def _bound(file: File, call: Call, name: str) -> str | None:
    """What a `let` of the same function says of a name, where it makes a shared value or clones a field."""
    function = file.functions[call.function]
    value = file.bound(name, function, 0)
    text = syntax.text(value)[:200] if value is not None else ""
    return text if re.match(_MADE, text) else None


def _changes(node: Node) -> bool:
    """Whether the guard that a lock gives is used to change what it guards."""
    here = node
    while here.parent is not None:
        above = here.parent
        if above.type in ("assignment_expression", "compound_assignment_expr"):
            left = above.child_by_field_name("left")
            return left is not None and left.start_byte <= node.start_byte < left.end_byte
        if above.type == "let_declaration":
            return any(child.type == "mutable_specifier" for child in above.children)
        if above.type == "field_expression":
            name = above.child_by_field_name("field")
            if name is not None and syntax.text(name) in _THROUGH_GUARD:
                return True
        elif above.type == "reference_expression":
            if any(child.type == "mutable_specifier" for child in above.children):
                return True
        elif above.type not in (
            "call_expression", "await_expression", "try_expression", "unary_expression",
            "parenthesized_expression", "index_expression",
        ):  # fmt: skip
            return False
        here = above
    return False


def _stem(file: File) -> str:
    parts = file.path.rsplit("/", 2)
    return parts[-2] if parts[-1] == "mod.rs" and len(parts) > 1 else parts[-1][:-3]
