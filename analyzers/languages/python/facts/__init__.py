"""What the application's code does that matters outside its container, each with the line that shows it.

`calls.toml` says which calls and imports mean what; one module of this package finds one kind of fact, all
of them from the same walk over each scope (`reader`). No table can name memory that one request leaves and
a later one reads: `state`, `memory` and `objects` look for that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from analyzers.languages.python import main_block
from analyzers.languages.python.entry import Entry
from analyzers.languages.python.facts.addresses import _PROXY_FIX
from analyzers.languages.python.facts.imports import external_imports, import_facts
from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.facts.reader import of_scope
from analyzers.languages.python.facts.state import State
from analyzers.languages.python.modules import Module, Program
from analyzers.languages.python.scopes import Calls, Scope, of_module
from analyzers.languages.python.summary import Summary
from analyzers.languages.python.switches import Switches
from analyzers.model import Evidence, Fact, FactKind, Reach
from analyzers.repository import Tree

__all__ = ["collect", "external_imports"]

_EVIDENCE = 12  # lines shown for one fact


def collect(program: Program, entry: Entry, modules: Sequence[Module], *, external: bool) -> tuple[Fact, ...]:
    """The facts of all modules, in reading order. `external`: there is no entry, so when code runs is
    not known."""
    found: list[Fact] = []
    scopes: list[Scope] = []
    read: list[tuple[Module, Summary]] = []
    for module in modules:
        try:
            main = entry.main_script and module is entry.module
            summary = program.started(module) if main else module.summary
            scopes += of_module(module, summary)
            read.append((module, summary))
        except RecursionError:
            program.guest.tree.give_up(module.path, "is nested too deeply to be analysed")
    switches = Switches(program, read)
    calls = Calls(program, entry, scopes, switches)
    state = State(program, scopes)
    for scope in scopes:
        if scope.function is not None and scope.function.elsewhere:
            continue
        try:
            facts = of_scope(Place(program, entry, calls, state, scope))
            found += (fact for fact in facts if not _is_off(switches, scope.module, fact))
        except RecursionError:
            program.guest.tree.give_up(scope.module.path, "is nested too deeply to be analysed")
    live = _live(scopes, switches)
    for module in modules:
        facts = import_facts(program, module, state.settled, live.get(id(module), ()))
        found += (fact for fact in facts if not _is_off(switches, module, fact))
    try:
        found += main_block.find(program, entry, scopes)
    except RecursionError:
        program.guest.tree.give_up(entry.module.path if entry.module else "", "is nested too deeply")
    if any(_PROXY_FIX in module.names.values() for module in modules):
        found = [fact for fact in found if fact.kind is not FactKind.CLIENT_ADDRESS]
    for scope in scopes:
        scope.inner.clear()  # no cycle is left, so that all of it is freed at once and not searched for
    if external:
        found = [replace(fact, reach=Reach.UNKNOWN) for fact in found]
    return _merged(found, program.guest.tree)


def _live(scopes: Sequence[Scope], switches: Switches) -> dict[int, list[Scope]]:
    """The scopes of each module that the start or a request may lead to."""
    found: dict[int, list[Scope]] = {}
    for scope in scopes:
        function = scope.function
        line = getattr(scope.node, "lineno", 0)
        if function is None or not (function.reach is Reach.UNKNOWN or switches.is_off(scope.module, line)):
            found.setdefault(id(scope.module), []).append(scope)
    return found


# What a branch does that is off as the service is started. Variables that it would read stay known.
_OPTIONAL = frozenset(
    {FactKind.OUTBOUND, FactKind.DATABASE, FactKind.FILE_WRITE, FactKind.SUBPROCESS, FactKind.THREAD}
    | {FactKind.BACKGROUND, FactKind.FORWARD, FactKind.WEBSOCKET, FactKind.MEMORY_STATE, FactKind.WORKER}
)


def _is_off(switches: Switches, module: Module, fact: Fact) -> bool:
    return fact.kind in _OPTIONAL and any(
        line.path == module.path and switches.is_off(module, line.line) for line in fact.evidence
    )


def _merged(found: Iterable[Fact], tree: Tree) -> tuple[Fact, ...]:
    """Facts that say the same become one with several lines; their text is read only now."""
    groups: dict[tuple[object, ...], tuple[Fact, dict[Evidence, None]]] = {}
    for fact in sorted(
        found, key=lambda f: (f.evidence[0].path, f.evidence[0].line) if f.evidence else ("", 0)
    ):
        key = (fact.kind, fact.subject, fact.detail, fact.reach, fact.confidence)
        _, lines = groups.setdefault(key, (fact, {}))
        if len(lines) < _EVIDENCE:
            lines.update(dict.fromkeys(fact.evidence))
    return tuple(
        replace(
            fact, evidence=tuple(replace(line, snippet=tree.line(line.path, line.line)) for line in lines)
        )
        for fact, lines in groups.values()
    )
