"""Work that goes on beside the requests: goroutines with endless loops, timers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from analyzers.languages import syntax
from analyzers.languages.golang import calls as uses
from analyzers.languages.golang.calls import Call
from analyzers.languages.golang.files import Function
from analyzers.languages.golang.program import Program
from analyzers.model import Confidence, Fact, FactKind, Reach

# Loops that wait for signals or accept connections belong to the server layer.
_SERVER = re.compile(rb"\bsignal\.|\bos\.Signal\b|\.Accept\(|\bSIG(?:TERM|INT|HUP)\b|\bfsnotify\b|\.Errors\b")
_TICKS = re.compile(rb"\.C\b|\btime\.Tick\(|\btime\.After\(|\btime\.Sleep\(|\bNewTicker\(|\bNewTimer\(")
_DEPTH = 2


def find(program: Program, calls: Sequence[Call]) -> tuple[Fact, ...]:
    """BACKGROUND facts: each goroutine that starts with the program and does not end."""
    return tuple(dict.fromkeys([*_goroutines(program), *_main_loops(program), *_timers(program, calls)]))


def _goroutines(program: Program) -> Iterator[Fact]:
    for around, node, targets in program.spawned:
        if program.answers and program.functions.get(around) is Reach.REQUEST:
            continue  # it belongs to a request
        loop = next((one for target in targets if (one := _endless(program, target, 0))), None)
        if loop is not None:
            text = re.sub(r"\s+", " ", syntax.text(node))
            name = text if len(text) <= 40 else "a goroutine"
            at = (program.at(around.file, node), program.at(loop.file, loop.node))
            sure = Confidence.HIGH if len(targets) == 1 else Confidence.MEDIUM
            yield Fact(
                FactKind.BACKGROUND, f"go {name}" if name == text else name, at, "", Reach.IMPORT, sure
            )


def _main_loops(program: Program) -> Iterator[Fact]:
    """A loop of `main` itself that works by the clock while goroutines answer requests."""
    for one in program.roots if program.answers else ():
        for node in syntax.captures("go", "(for_statement) @loop", one.node).get("loop", []):
            body = node.child_by_field_name("body")
            head = one.file.data[node.start_byte : body.start_byte] if body is not None else b""
            by_clock = _TICKS.search(one.file.data[node.start_byte : node.end_byte]) is not None
            if by_clock and (head.split() == [b"for"] or _TICKS.search(head)):
                yield Fact(
                    FactKind.BACKGROUND, "a loop of main", (program.at(one.file, node),), "", Reach.IMPORT
                )


def _endless(program: Program, one: Function, depth: int) -> Function | None:
    """The function, or one that it calls, with a loop that does not end."""
    text = one.file.data[one.start : one.end]
    if _SERVER.search(text):
        return None
    for node in syntax.captures("go", "(for_statement) @loop", one.node).get("loop", []):
        if one.file.at(node.start_byte) is one:
            body = node.child_by_field_name("body")
            head = one.file.data[node.start_byte : body.start_byte] if body is not None else b""
            if head.split() == [b"for"] or _TICKS.search(head) or (b":= range" in head and _channel(head)):
                return one
    if depth < _DEPTH:
        for target in program.edges.get(one, ()):
            beside = program.functions.get(target) is Reach.UNKNOWN and target is not one
            if beside and (found := _endless(program, target, depth + 1)) is not None:
                return found
    return None


def _channel(head: bytes) -> bool:
    """`for job := range s.queue`, as far as the name tells a channel."""
    return (
        re.search(rb"range\s+[\w.]*(?:chan|queue|jobs|tasks|events|Ch|Queue|Jobs|Tasks|Events)\b", head)
        is not None
    )


def _timers(program: Program, calls: Sequence[Call]) -> Iterator[Fact]:
    for call in calls:
        if call.alias == "time" and call.name == "AfterFunc" and call.reach is Reach.IMPORT:
            yield Fact(
                FactKind.BACKGROUND, "time.AfterFunc", (uses.evidence(program, call),), "", Reach.IMPORT
            )
