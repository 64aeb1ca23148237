"""State that one request leaves in the process for a later one: package variables, fields of long-lived
structures, counters of metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang import calls as uses
from analyzers.languages.golang.calls import Call
from analyzers.languages.golang.files import Function, GoFile
from analyzers.languages.golang.program import Program
from analyzers.model import Confidence, Evidence, Fact, FactKind, Reach

if TYPE_CHECKING:
    from tree_sitter import Node

_CHANGES = """
(assignment_statement left: (expression_list (_) @assigned))
(inc_statement (_) @changed)
(dec_statement (_) @changed)
(call_expression function: (identifier) @delete (#any-of? @delete "delete" "clear")
  arguments: (argument_list . (_) @changed))
(call_expression function: (selector_expression operand: (_) @stored field: (field_identifier) @store
  (#any-of? @store "Store" "LoadOrStore" "Swap" "CompareAndSwap" "Delete" "LoadAndDelete" "Add")))
(call_expression function: (selector_expression operand: (identifier) @atomic (#eq? @atomic "atomic")
  field: (field_identifier) @how (#match? @how "^(Add|Store|Swap|CompareAndSwap)"))
  arguments: (argument_list . (unary_expression operand: (_) @changed)))
"""
_METRICS = frozenset(
    {"Inc", "Dec", "Observe", "Add", "Set", "Sub", "WithLabelValues", "With", "CounterVec", "Record"}
)
_CACHE = re.compile(r"cache|memo|pool|buffer|lru|once", re.IGNORECASE)
# Such methods prepare or end a structure; that a request should call them is far from likely.
_SETUP = re.compile(
    r"(?:New|With|Init|Setup|Register|Configure|Close|Shutdown|Stop|Start|Open|Connect|Option|Use|Unmarshal|Parse|Load"
    r"|init|setup|register|parse|load|new|with|reset|Reset|Scan|Validate|Decode|String)"
)
# State that only goes to a log is answered to nobody.
# Structures that only count what the process does, for a monitor.
_COUNTS = re.compile(r"^(?:\w*(?:metric|stat|telemetr|monitor|prometheus|measure)\w*)\.", re.IGNORECASE)
_LOGS = re.compile(r"^\w*log\w*\.|\.(?:last|is)?log", re.IGNORECASE)
_PROMETHEUS = "github.com/prometheus/client_golang/prometheus"
_LOCKS = ("sync.Mutex", "sync.RWMutex")
_KEPT = ("sync.Map", "sync/atomic.")


def find(program: Program, calls: Sequence[Call]) -> tuple[Fact, ...]:
    """MEMORY_STATE and CACHE facts, one for each variable or field."""
    if not program.answers:
        return ()
    lives = _Lives(program, calls)
    found: dict[tuple[FactKind, str], Fact] = {}
    busy = {one.file for one, reach in program.functions.items() if reach is Reach.REQUEST}
    for file in program.files():
        for fact in _of_file(program, file, lives) if file in busy else ():
            found.setdefault((fact.kind, fact.subject), fact)
    for fact in _metrics(program, calls):
        found.setdefault((fact.kind, fact.subject), fact)
    return tuple(found.values())


class _Lives:
    """Which own structures live as long as the process: those that only code at start makes."""

    def __init__(self, program: Program, calls: Sequence[Call]) -> None:
        self.program = program
        # Whether the service shows what it counts.
        self.served = any("/promhttp" in call.alias or call.alias == "expvar" for call in calls)
        self.made: dict[tuple[str, str], set[Reach]] = {}
        for call in calls:
            if call.literal:
                folder = (
                    call.alias[2:]
                    if call.alias.startswith("./")
                    else call.file.folder
                    if call.operand is None
                    else ""
                )
                if call.operand is None or call.alias.startswith("./"):
                    self.made.setdefault((folder, call.name), set()).add(call.reach)
            elif call.name == "new" and call.operand is None and call.arguments:
                full = program.type_of(call.file, call.arguments[0])
                if full.startswith("./"):
                    folder, _, name = full[2:].rpartition(".")
                    self.made.setdefault((folder, name), set()).add(call.reach)
        for package in program.packages.values():
            for file in package.files:
                for name, spec in file.variables.items():
                    full = program.type_of(file, spec.child_by_field_name("type"))
                    if full.startswith("./") and name:
                        folder, _, kind = full[2:].rpartition(".")
                        self.made.setdefault((folder, kind), set()).add(Reach.IMPORT)

    def long(self, full: str) -> bool:
        folder, _, name = full[2:].rpartition(".")
        made = self.made.get((folder, name), set())
        if made:
            return Reach.REQUEST not in made
        return self.locked(full)

    def locked(self, full: str) -> bool:
        """Whether the structure holds a lock: somebody expects several requests to change it."""
        folder, _, name = full[2:].rpartition(".")
        package = self.program.packages.get(folder)
        if package is None or name not in package.types:
            return False
        file, spec = package.types[name]
        for node in syntax.captures("go", "(field_declaration type: (_) @type)", spec).get("type", []):
            if self.program.type_of(file, node) in _LOCKS:
                return True
        return False


def _of_file(program: Program, file: GoFile, lives: _Lives) -> Iterator[Fact]:
    found = syntax.captures("go", _CHANGES, file.root)
    for how in ("assigned", "changed", "stored"):
        for node in found.get(how, []):
            function = file.at(node.start_byte)
            if function is None:
                continue
            reach = program.functions.get(function)
            if reach is not Reach.REQUEST:
                continue
            if how == "stored" and not any(
                kind.startswith(_KEPT) for kind in program.kinds(file, function, node)
            ):
                continue
            yield from _change(program, file, function, node, how, reach, lives)


def _change(
    program: Program, file: GoFile, function: Function, node: Node, how: str, reach: Reach, lives: _Lives
) -> Iterator[Fact]:
    base, first, indexed = _base(node)
    if base is None:
        return
    name = syntax.text(base)
    if name == "_":
        return
    at = program.at(file, node)
    here: Function | None = function
    local = False
    while here is not None:
        local = local or name in program.locals(here)
        here = here.outer
    if not local:
        package = program.packages[file.folder]
        alias = program.import_of(file, name)
        own = program.resolver.folder(alias) if alias is not None else None
        if own is not None and first:
            if any(first in other.variables for other in program.packages[own].files):
                yield from _fact(function, f"{program.packages[own].name}.{first}", at, reach)
        elif any(name in other.variables for other in package.files) and not _SETUP.match(function.name):
            yield from _fact(function, f"{package.name}.{name}", at, reach)
        return
    if not first or _SETUP.match(function.name):
        return
    for full in sorted(program.of_name(file, function, name)):
        if not full.startswith("./") or not lives.long(full):
            continue
        if how == "assigned" and not indexed and not (lives.locked(full) or _appends(node)):
            continue
        kind = full.rpartition(".")[2]
        folder = full[2:].rpartition(".")[0]
        own_package = program.packages.get(folder)
        label = f"{own_package.name if own_package is not None else folder}.{kind}.{first}"
        if how == "changed" and not indexed and not lives.served and _COUNTS.match(label):
            return
        sure = Confidence.HIGH if lives.locked(full) else Confidence.MEDIUM
        yield from _fact(function, label, at, reach, sure)
        return


def _fact(
    function: Function, subject: str, at: Evidence, reach: Reach, confidence: Confidence = Confidence.HIGH
) -> Iterator[Fact]:
    name = subject.rpartition(".")[2]
    if _LOGS.search(subject) or re.search(r"locks?$|mutex|mu$", name, re.IGNORECASE):
        return
    kind = FactKind.CACHE if _CACHE.search(subject) or _remembers(function, name) else FactKind.MEMORY_STATE
    yield Fact(kind, subject, (at,), "", reach, confidence)


def _remembers(function: Function, name: str) -> bool:
    """`if v, ok := m[k]; ok { return v }` before the change: what is found again saves work only."""
    text = function.file.data[function.start : function.end].decode("utf-8", "replace")
    pattern = (
        rf"\b(?!_\b)(\w+)\s*,\s*(\w+)\s*:?=\s*[\w.]*\b{re.escape(name)}(?:\[|\.Load\()"
        r"[^\n]{0,120}\n?[^\n]{0,40}?\b\2\b\s*\{\s*return\s[^\n]*\b\1\b"
    )
    return re.search(pattern, text) is not None


def _base(node: Node) -> tuple[Node | None, str, bool]:
    """The variable at the bottom of `s.items[k].n`, the field next to it, whether an element is changed."""
    first, indexed = "", False
    here: Node | None = node
    for _ in range(20):
        if here is None:
            return None, "", False
        if here.type == "identifier":
            return here, first, indexed
        if here.type == "selector_expression":
            field = here.child_by_field_name("field")
            first = syntax.text(field) if field is not None else ""
            here = here.child_by_field_name("operand")
        elif here.type == "index_expression":
            indexed = True
            here = here.child_by_field_name("operand")
        elif here.type in ("unary_expression", "parenthesized_expression"):
            here = here.child_by_field_name("operand") or (
                here.named_children[0] if here.named_children else None
            )
        else:
            return None, "", False
    return None, "", False


def _appends(node: Node) -> bool:
    """`s.items = append(s.items, …)`."""
    statement = node.parent.parent if node.parent is not None else None
    right = statement.child_by_field_name("right") if statement is not None else None
    return right is not None and syntax.text(right).startswith("append(")


def _metrics(program: Program, calls: Sequence[Call]) -> Iterator[Fact]:
    """Own counters of Prometheus' client that requests raise, where the program serves them."""
    served = any(
        "prometheus/client_golang" in call.alias and call.alias.endswith("promhttp") for call in calls
    )
    if not served:
        return
    names: list[str] = []
    at: list[Evidence] = []
    for call in calls:
        if call.name not in _METRICS or call.reach is not Reach.REQUEST or call.alias or call.operand is None:
            continue
        kinds = program.kinds(call.file, call.function, call.operand)
        made = [kind for kind in kinds if kind.startswith(_PROMETHEUS)]
        if made and not any(kind.endswith((".Desc", "MustNewConstMetric", ".Metric")) for kind in made):
            text = re.split(r"[.(]\s*With", syntax.text(call.operand))[0]
            if len(text) < 60 and "New" not in text:
                name = f"{program.packages[call.file.folder].name}.{text.rpartition('.')[2]}"
                names += [name] if name not in names else []
                at.append(uses.evidence(program, call))
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        subject = f"counters of Prometheus ({', '.join(names[:3])}{more})"
        evidence = tuple(dict.fromkeys(at))[:8]
        yield Fact(FactKind.MEMORY_STATE, subject, evidence, "", Reach.REQUEST, Confidence.MEDIUM)
