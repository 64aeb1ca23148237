"""Commands of a program's command line that the start does not ask for: what they run is off.

cobra and urfave/cli name them in literals, go-flags and kong in tags of fields. Flags with a type of the
program's own call its method `Set` only when they are given.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang.conditions import Conditions
from analyzers.languages.golang.files import Function, GoFile, Region
from analyzers.languages.golang.nodes import elements, literal
from analyzers.languages.golang.program import Program
from analyzers.languages.golang.values import TYPE

if TYPE_CHECKING:
    from tree_sitter import Node

_RUNS = frozenset({"Run", "RunE", "PreRun", "PreRunE", "PostRun", "PostRunE", "Action", "Before", "After"})
_LITERALS = """
(composite_literal type: [(qualified_type) (pointer_type)] @type body: (literal_value) @body)
"""


@dataclass(frozen=True, eq=False)
class _Command:
    name: str
    file: GoFile
    runs: tuple[Node, ...]
    root: bool


def off(program: Program, conditions: Conditions) -> Iterator[tuple[GoFile, Region]]:
    """What the commands run that are not asked for."""
    words = set(conditions.positional)
    found = list(_commands(program))
    asked = [one for one in found if not one.root and one.name in words]
    roots = [one for one in found if one.root]
    if asked or any(one.runs for one in roots):
        for one in found:
            if not one.root and one.name not in words:
                for node in one.runs:
                    yield one.file, _hidden(node)
    yield from _tagged(program, conditions, words)
    yield from _set(program, conditions)


def _hidden(node: Node) -> Region:
    body = node.child_by_field_name("body") if node.type == "func_literal" else None
    if body is not None:
        return body.start_byte + 1, body.end_byte - 1, b""
    return node.start_byte, node.end_byte, b"nil"


def _commands(program: Program) -> Iterator[_Command]:
    for file in program.files():
        cobra = next((a for a, path in file.imports.items() if path == "github.com/spf13/cobra"), None)
        urfave = next((a for a, p in file.imports.items() if p.startswith("github.com/urfave/cli")), None)
        if cobra is not None and f"{cobra}.Command".encode() in file.data:
            yield from _of_cobra(program, file, f"{cobra}.Command")
        if urfave is not None:
            yield from _of_urfave(file, urfave)


def _of_cobra(program: Program, file: GoFile, kind: str) -> Iterator[_Command]:
    for node in file.uses:
        if node.type != "composite_literal":
            continue
        held = node.child_by_field_name("type")
        if held is None or syntax.text(held) != kind:
            continue
        entries = dict(elements(node))
        use = literal(entries["Use"]) if "Use" in entries else None
        words = (use or "").split()
        name = words[0] if words else ""
        runs = tuple(_plain(entries[key]) for key in _RUNS if key in entries)
        yield _Command(name, file, runs, _is_root(program, file, node, name))


def _is_root(program: Program, file: GoFile, node: Node, name: str) -> bool:
    """Whether a command of cobra is the program itself: it is executed, and added to nothing."""
    holder = _holder(file, node)
    if not name or not holder:
        return not name
    word = rb"(?<!\w)" + holder.encode()
    executed = re.compile(word + rb"(?:\([^()\n]*\))?\s*\.\s*Execute(?:C|Context|ContextC)?\(")
    added = re.compile(rb"\.AddCommand\([^;{}]*?" + word + rb"\b", re.DOTALL)
    datas = [one.data for one in program.files() if b"Execute" in one.data or b"AddCommand" in one.data]
    if any(added.search(data) for data in datas):
        return False
    return any(executed.search(data) for data in datas) or bool(re.search(r"(?i)root|main", holder))


def _holder(file: GoFile, node: Node) -> str:
    """The variable or function that a literal's value goes to."""
    here = node.parent
    for _ in range(6):
        if here is None:
            return ""
        if here.type == "var_spec":
            name = here.child_by_field_name("name")
            return syntax.text(name) if name is not None else ""
        if here.type == "short_var_declaration":
            left = here.child_by_field_name("left")
            local = syntax.text(left) if left is not None else ""
            around = file.at(node.start_byte)
            body = file.data[around.start : around.end] if around is not None else b""
            returned = re.search(rb"return\s+" + local.encode() + rb"\b", body)
            return around.name if returned and around is not None else local
        if here.type == "return_statement":
            around = file.at(node.start_byte)
            return around.name if around is not None else ""
        if here.type == "argument_list":
            return ""
        here = here.parent
    return ""


def _of_urfave(file: GoFile, alias: str) -> Iterator[_Command]:
    """Each literal with a name and an action below `Commands`; the one that has the list is the program."""
    for node in syntax.captures("go", "(literal_value) @value", file.root).get("value", []):
        entries = {
            syntax.text(one.named_children[0]): one.named_children[1]
            for one in node.named_children
            if one.type == "keyed_element" and len(one.named_children) >= 2
        }
        if "Action" not in entries and "Commands" not in entries:
            continue
        runs = tuple(_plain(entries[key]) for key in _RUNS if key in entries)
        name = literal(entries["Name"]) if "Name" in entries else None
        holder = node.parent
        held = holder.child_by_field_name("type") if holder is not None else None
        typed = syntax.text(held) if held is not None else ""
        app = typed == f"{alias}.App" or ("Commands" in entries and typed == f"{alias}.Command")
        if app and not _below_commands(node):
            yield _Command(name or "", file, runs, True)
        elif name and (typed == f"{alias}.Command" or _below_commands(node)):
            yield _Command(name, file, runs, False)
    for node in file.nodes.get("assign", []):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is not None and right is not None and syntax.text(left).endswith(".Action"):
            yield _Command("", file, tuple(right.named_children[:1]), True)


def _below_commands(node: Node) -> bool:
    here = node.parent
    for _ in range(8):
        if here is None:
            return False
        if here.type == "keyed_element" and here.named_children:
            return syntax.text(here.named_children[0]) in ("Commands", "Subcommands")
        here = here.parent
    return False


def _plain(node: Node) -> Node:
    return node.named_children[0] if node.type == "literal_element" and node.named_children else node


def _tagged(program: Program, conditions: Conditions, words: set[str]) -> Iterator[tuple[GoFile, Region]]:
    """`Server ServerCommand `command:"server"`` of go-flags, `Serve ServeCmd `cmd:""`` of kong."""
    commands: dict[str, str] = {}  # type of a command -> its name
    for name, held in conditions.values.tags().items():
        for owner, tags in held:
            command = tags.get("command", "")
            if "cmd" in tags:
                command = tags.get("name") or re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name).lower()
            kind = tags[TYPE].lstrip("*")
            if not command or not re.fullmatch(r"(?:\w+\.)?\w+", kind):
                continue
            folder = owner[2:].rpartition(".")[0]
            alias, _, plain = kind.rpartition(".")
            if alias:
                for file in program.packages[folder].files:
                    path = program.import_of(file, alias)
                    own = program.resolver.folder(path) if path is not None else None
                    if own is not None:
                        commands[f"./{own}.{plain}"] = command
                        break
            else:
                commands[f"./{folder}.{plain}"] = command
    if not words & set(commands.values()):
        return
    for kind, command in commands.items():
        if command not in words:
            for method in ("Execute", "Run"):
                for one in program.methods(kind, method):
                    if (region := _body(one)) is not None:
                        yield one.file, region


def _set(program: Program, conditions: Conditions) -> Iterator[tuple[GoFile, Region]]:
    """`flag.Var(&cache, "cache", …)`: the type's `Set` runs when the flag is given, and not else."""
    given: dict[str, list[bool]] = {}
    values = conditions.values
    for call in values.called("Var"):
        if call.alias not in ("flag", "github.com/spf13/pflag") or len(call.arguments) < 2:
            continue
        name = literal(call.arguments[1])
        if name is None:
            continue
        upper = re.sub(r"\W", "_", name).upper()
        known = {*values.env, *conditions.passed}
        by_env = any(one == upper or one.endswith(f"_{upper}") for one in known)
        is_given = name.lower() in values.given or by_env
        for kind in program.kinds(call.file, call.function, call.arguments[0]):
            given.setdefault(kind, []).append(is_given)
    for kind, all_given in given.items():
        for one in program.methods(kind, "Set") if not any(all_given) else ():
            if (region := _body(one)) is not None:
                yield one.file, region


def _body(function: Function) -> Region | None:
    body = function.node.child_by_field_name("body")
    return (body.start_byte + 1, body.end_byte - 1, b"") if body is not None else None
