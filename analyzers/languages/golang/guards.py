"""Code that is off as the program is started: branches of conditions on its settings, cases that are not
chosen, commands that are not asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang import commands, registries
from analyzers.languages.golang.conditions import Conditions
from analyzers.languages.golang.files import Function, GoFile, Region
from analyzers.languages.golang.nodes import literal
from analyzers.languages.golang.program import Program

if TYPE_CHECKING:
    from tree_sitter import Node

# A function that returns so did not find what it needs: the start gives it, or nothing runs.
_FAILS = re.compile(
    r"\berr\b|\bErr[A-Z]|\berrors\.|\bfmt\.Errorf|\bstatus\.|\w*Error\b|\blog\.Fatal|\bFatal|\bos\.Exit|\bpanic\("
    r"|\bExit\(|\b[Rr]equired\b|\bmust\b|\bmissing\b|[Uu]sage|unknown|unsupported|invalid"
    r"|not supported|\bHelp\("
)


def off(program: Program, conditions: Conditions) -> dict[str, tuple[Region, ...]]:
    """File -> the bytes that never run, of code that `main` leads to."""
    found: dict[str, list[Region]] = {}
    for file, region in (*commands.off(program, conditions), *registries.off(conditions)):
        found.setdefault(file.path, []).append(region)
    for file in program.files():
        for node in file.branches:
            function = file.at(node.start_byte)
            if function is None or function not in program.functions:
                continue
            if node.type == "if_statement":
                regions = _of_if(program, conditions, file, function, node)
            elif node.type == "for_statement":
                regions = _of_range(conditions, file, function, node)
            else:
                regions = _of_switch(conditions, file, function, node)
            for start, end in regions:
                if end - start > 1 and file.data[start:end].strip():
                    found.setdefault(file.path, []).append((start, end, b""))
    return {path: tuple(sorted(regions)) for path, regions in found.items()}


def _of_if(
    program: Program, conditions: Conditions, file: GoFile, function: Function, node: Node
) -> Iterator[tuple[int, int]]:
    truth = conditions.truth(file, function, node.child_by_field_name("condition"))
    if truth is None:
        return
    branch = node.child_by_field_name("alternative" if truth else "consequence")
    while branch is not None:  # `else if` is a statement of its own: what it holds is off, it stays
        block = branch if branch.type == "block" else branch.child_by_field_name("consequence")
        if block is not None:
            yield block.start_byte + 1, block.end_byte - 1
        branch = branch.child_by_field_name("alternative") if branch.type == "if_statement" else None
    around = node.parent
    if truth and around is not None and function not in program.roots and _leaves(node):
        yield node.end_byte, around.end_byte - (1 if around.type == "block" else 0)


def _falls_through(case: Node) -> bool:
    return syntax.text(case).rstrip().endswith("fallthrough")


def _of_range(
    conditions: Conditions, file: GoFile, function: Function, node: Node
) -> Iterator[tuple[int, int]]:
    """A loop over a setting that is empty."""
    clause = next((one for one in node.named_children if one.type == "range_clause"), None)
    over = clause.child_by_field_name("right") if clause is not None else None
    body = node.child_by_field_name("body")
    if over is not None and body is not None and conditions.stated(file, function, over) == "":
        yield body.start_byte + 1, body.end_byte - 1


def _leaves(node: Node) -> bool:
    """Whether the branch returns without an error: the rest serves what is not configured."""
    block = node.child_by_field_name("consequence")
    if block is None or node.child_by_field_name("alternative") is not None:
        return False
    statements = block.named_children
    if len(statements) == 1 and statements[0].type == "statement_list":
        statements = statements[0].named_children
    statements = [one for one in statements if one.type != "comment"]
    if not statements or statements[-1].type != "return_statement" or _FAILS.search(syntax.text(block)):
        return False
    returned = re.sub(r"^return\s*", "", syntax.text(statements[-1]))
    return re.fullmatch(r"[1-9]\d*|.*,\s*[1-9]\d*", returned) is None


def _of_switch(
    conditions: Conditions, file: GoFile, function: Function, node: Node
) -> Iterator[tuple[int, int]]:
    cases = [one for one in node.named_children if one.type in ("expression_case", "default_case")]
    subject = node.child_by_field_name("value")
    value = conditions.stated(file, function, subject) if subject is not None else ""
    if value is None:
        return
    chosen: Node | None = None
    unsure = False
    hidden: list[Node] = []
    for case in cases:
        if case.type == "default_case":
            continue
        held = case.child_by_field_name("value")
        holds: list[bool | None] = []
        for one in held.named_children if held is not None else ():
            if subject is None:
                holds.append(conditions.truth(file, function, one))
                continue
            wanted = literal(one)
            wanted = wanted if wanted is not None else conditions.values.constant(one)
            holds.append(None if wanted is None else wanted == value)
        if chosen is not None or (holds and not any(one is not False for one in holds)):
            hidden.append(case)
        elif True in holds and not unsure:
            chosen = case
        else:
            unsure = True
    default = next((case for case in cases if case.type == "default_case"), None)
    nothing = chosen is None and not unsure and (default is None or _FAILS.search(syntax.text(default)))
    if nothing and (value == "" or subject is None):
        return  # something must be chosen
    if chosen is not None and default is not None:
        hidden.append(default)
    for before, case in pairwise(cases):  # in their order
        if case in hidden and before not in hidden and _falls_through(before):
            hidden.remove(case)
    for case in hidden:
        colon = next((one for one in case.children if one.type == ":"), None)
        if colon is not None:
            yield colon.end_byte, case.end_byte
