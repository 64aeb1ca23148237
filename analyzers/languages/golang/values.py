"""Strings of a Go program as far as reading tells them: constants, flags with their defaults, variables of
the environment, fields with tags, and what the start command gives.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from analyzers.languages import syntax
from analyzers.languages.golang.calls import Call
from analyzers.languages.golang.files import Function, GoFile
from analyzers.languages.golang.nodes import (
    assigned,
    elements,
    first,
    formatted,
    last_name,
    literal,
    parameter_position,
)
from analyzers.languages.golang.program import Program

if TYPE_CHECKING:
    from tree_sitter import Node

_DEPTH = 12
TYPE = ""  # the key of a field's type among its tags
_TAG = re.compile(r'([\w-]+):"((?:\\.|[^"\\])*)"')
_FLAG_CALL = re.compile(r"(String|Int|Int64|Uint|Uint16|Bool|Duration|StringSlice|TextVar|IP|Func)(Var)?(P)?")
GETTERS = frozenset(
    {"GetString", "GetInt", "GetBool", "GetDuration", "String", "Int", "Bool", "GetStringSlice", "Duration"}
)
_ENV = frozenset({"Getenv", "LookupEnv"})
_INTEGER = re.compile(r"[0-9][0-9_]*")


class Values:
    """Resolves expressions. Results are strings as the program would see them, or None."""

    def __init__(
        self, program: Program, calls: Sequence[Call], env: Mapping[str, str], argv: Sequence[str]
    ) -> None:
        self.program = program
        self.env = env
        self.given = _given(argv)
        self._targets: dict[str, tuple[str, str | None]] = {}  # variable or field -> flag, default
        self._variables: dict[
            tuple[str, str], tuple[str, str | None]
        ] = {}  # package folder, variable -> the same
        self._flags: dict[str, str | None] = {}  # flag or setting -> default
        self._callers: dict[str, list[Call]] = {}
        self._tags: dict[str, list[tuple[str, dict[str, str]]]] | None = None
        self._fields: dict[str, list[tuple[GoFile, Function | None, Node]]] | None = None
        self._found: dict[tuple[str, int, frozenset[str]], str | None] = {}  # what `field` answered
        self.flag_env: dict[str, str] = {}
        for call in calls:
            self._callers.setdefault(call.name, []).append(call)
        for call in calls:
            self._note(call)

    # --- settings --------------------------------------------------------------------------------

    def _note(self, call: Call) -> None:
        arguments = list(call.arguments)
        if call.literal:
            if call.name.endswith("Flag") and call.alias:
                self._cli_flag(call)
            return
        if call.name in ("SetDefault", "BindEnv") and len(arguments) == 2:
            name = self._plain(arguments[0])
            if name is not None:
                value = self._plain(arguments[1])
                if call.name == "SetDefault":
                    self._flags.setdefault(name.lower(), value)
                elif value is not None:
                    self.flag_env[name.lower()] = value
            return
        match = _FLAG_CALL.fullmatch(call.name)
        if match is None or len(arguments) < 3 or call.operand is None:
            return
        position = 1 if match[2] else 0
        name = self._plain(arguments[position])
        place = position + 1 + (1 if match[3] else 0)
        if name is None or place >= len(arguments):
            return
        default = self._plain(arguments[place])
        self._flags.setdefault(name.lower(), default)
        if match[2]:
            target = last_name(arguments[0])
            if target:
                self._targets.setdefault(target, (name.lower(), default))
                if syntax.text(arguments[0]) == f"&{target}":
                    self._variables[call.file.folder, target] = (name.lower(), default)

    def _cli_flag(self, call: Call) -> None:
        """`&cli.StringFlag{Name: "addr", Value: ":8080", EnvVars: …}` of urfave/cli."""
        entries = dict(elements(call.node))
        name = self._plain(entries["Name"]) if "Name" in entries else None
        if not name:
            return
        default = self._plain(entries["Value"]) if "Value" in entries else None
        name = name.split(",")[0].strip().lower()
        self._flags.setdefault(name, default)
        for key in ("EnvVars", "EnvVar", "Sources"):
            if key in entries and (found := re.findall(r'"([A-Za-z_]\w*)"', syntax.text(entries[key]))):
                self.flag_env.setdefault(name, found[0])
        if "Destination" in entries and (target := last_name(entries["Destination"])):
            self._targets.setdefault(target, (name, default))

    def _plain(self, node: Node) -> str | None:
        text = literal(node)
        return text if text is not None else self.constant(node)

    def constant(self, node: Node) -> str | None:
        """The text of a constant of the program that a name means; None for all else."""
        name = (
            syntax.text(node).rpartition(".")[2] if node.type in ("identifier", "selector_expression") else ""
        )
        if not name:
            return None
        for file in self.program.files():
            value = file.values.get(name)
            if value is not None and (text := literal(value)) is not None:
                return text
        return None

    def called(self, name: str) -> Sequence[Call]:
        """The calls of functions and methods of this name."""
        return self._callers.get(name, ())

    def names_called(self) -> tuple[str, ...]:
        """The names of all functions and methods that are called."""
        return tuple(self._callers)

    def settings(self) -> tuple[str, ...]:
        """The names of flags and settings, and of the variables that the program reads."""
        read = [literal(call.arguments[0]) for call in self.called("Getenv") if call.arguments]
        tagged = (one for held in self.tags().values() for _, tags in held for one in _named(tags))
        return tuple(dict.fromkeys([*self._flags, *(one for one in read if one), *tagged]))

    def is_setting(self, name: str) -> bool:
        """Whether a flag or setting of this name exists, with or without a default."""
        return name.lower() in self._flags

    def flag(self, name: str) -> str | None:
        """The value of a flag or setting: the start command's, the environment's, or its default."""
        key = name.lower()
        for one in (key, key.replace("_", "-"), key.replace(".", "-")):
            if one in self.given:
                return self.given[one]
        variable = self.flag_env.get(key, "")
        if variable in self.env:
            return self.env[variable]
        upper = re.sub(r"\W", "_", key).upper()
        if upper in self.env:
            return self.env[upper]
        return self._flags.get(key)

    def of_flag(self, file: GoFile, function: Function, name: str) -> str | None:
        """The value of a variable that a flag sets and nothing else; None for other variables."""
        here: Function | None = function
        defined: list[Node] = []
        while here is not None and not defined:
            defined = assigned(here, name)
            here = here.outer
        if not defined and (value := file.values.get(name)) is not None:
            defined = [value]
        if (file.folder, name) in self._variables:
            flag, default = self._variables[file.folder, name]
            again = re.compile(rb"(?<![\w.&])" + name.encode() + rb"\s*=[^=]")
            if any(again.search(other.data) for other in self.program.packages[file.folder].files):
                return None
            return self._started(flag, default)
        if len(defined) != 1 or defined[0].type != "call_expression":
            return None
        target, held = defined[0].child_by_field_name("function"), defined[0].child_by_field_name("arguments")
        name_node = target.child_by_field_name("field") if target is not None else None
        if held is None or name_node is None:
            return None
        match = _FLAG_CALL.fullmatch(syntax.text(name_node))
        arguments = held.named_children
        if match is None or match[2] or len(arguments) < 3:
            return None
        flag_name, default = self._plain(arguments[0]), self._plain(arguments[2 if match[3] else 1])
        return self._started(flag_name.lower(), default) if flag_name is not None else None

    def _started(self, flag: str, default: str | None) -> str | None:
        variable = self.flag_env.get(flag, "")
        return self.given.get(flag, self.env.get(variable, default) if variable else default)

    # --- expressions -------------------------------------------------------------------------------

    def resolve(
        self, file: GoFile, function: Function | None, node: Node | None, depth: int = 0
    ) -> str | None:
        """The string (or number, as text) that an expression is."""
        if node is None or depth > _DEPTH:
            return None
        kind = node.type
        if (text := literal(node)) is not None:
            return text
        if kind in ("parenthesized_expression", "literal_element"):
            return self.resolve(file, function, first(node), depth + 1)
        if kind == "unary_expression":
            return self.resolve(file, function, node.child_by_field_name("operand"), depth + 1)
        if kind == "binary_expression":
            operator = node.child_by_field_name("operator")
            if operator is None or syntax.text(operator) != "+":
                return None
            left = self.resolve(file, function, node.child_by_field_name("left"), depth + 1)
            right = self.resolve(file, function, node.child_by_field_name("right"), depth + 1)
            return left + right if left is not None and right is not None else None
        if kind == "identifier":
            return self._name(file, function, syntax.text(node), depth)
        if kind == "selector_expression":
            return self._selector(file, function, node, depth)
        if kind in ("call_expression", "type_conversion_expression"):
            return self._call(file, function, node, depth)
        return None

    def _name(self, file: GoFile, function: Function | None, name: str, depth: int) -> str | None:
        if name in self._targets:
            flag, default = self._targets[name]
            found = self.flag(flag)
            return found if found is not None else default
        here = function
        while here is not None:
            for value in assigned(here, name):
                found = self.resolve(file, here, value, depth + 1)
                if found:
                    return found
            if (position := parameter_position(here, name)) is not None:
                return self._from_callers(here, position, depth)
            here = here.outer
        for other in self.program.packages[file.folder].files:
            if name in other.values:
                return self.resolve(other, None, other.values[name], depth + 1)
        return None

    def _from_callers(self, function: Function, position: int, depth: int) -> str | None:
        for call in self._callers.get(function.name, ())[:8]:
            if position < len(call.arguments) and not call.literal and call.function is not function:
                found = self.resolve(call.file, call.function, call.arguments[position], depth + 2)
                if found:
                    return found
        return None

    def _selector(self, file: GoFile, function: Function | None, node: Node, depth: int) -> str | None:
        name_node, operand = node.child_by_field_name("field"), node.child_by_field_name("operand")
        if name_node is None or operand is None:
            return None
        name = syntax.text(name_node)
        if operand.type == "identifier":
            path = self.program.import_of(file, syntax.text(operand))
            own = self.program.resolver.folder(path) if path is not None else None
            package = self.program.packages.get(own) if own is not None else None
            for other in package.files if package is not None else ():
                if name in other.values:
                    return self.resolve(other, None, other.values[name], depth + 1)
        return self.field(name, depth, self.program.kinds(file, function, operand))

    def field(self, name: str, depth: int = 0, of: Collection[str] = ()) -> str | None:
        """What a field is given: by a flag, a tag, a literal or an assignment. `of`: types that hold it."""
        key = (name, depth, frozenset(of))
        if key not in self._found:
            self._found[key] = self._field(name, depth, of)
        return self._found[key]

    def _field(self, name: str, depth: int, of: Collection[str]) -> str | None:
        if name in self._targets:
            flag, default = self._targets[name]
            found = self.flag(flag)
            return found if found is not None else default
        tagged = self.tags().get(name, [])
        mine = [tags for owner, tags in tagged if owner in of]
        for tags in mine or [tags for _, tags in tagged]:
            found = self._of_tags(tags)
            if found is not None:
                return found
        for where, function, value in self.fields().get(name, ())[:6]:
            found = self.resolve(where, function, value, depth + 2)
            if found:
                return found
        return None

    def _of_tags(self, tags: Mapping[str, str]) -> str | None:
        for key in ("long", "name", "flag", "short"):
            if (one := tags.get(key, "").lower()) and one in self.given:
                return self.given[one]
        for key in ("env", "envconfig"):
            name = tags.get(key, "").split(",")[0]
            if name in self.env:
                return self.env[name]
        for key in ("default", "envDefault", "env-default"):
            if key in tags:
                return tags[key]
        for key in ("mapstructure", "koanf", "yaml", "json"):  # names that viper and its like bind flags to
            name = tags.get(key, "").split(",")[0]
            if name and (found := self.flag(name)) is not None:
                return found
        return None

    def tags(self) -> dict[str, list[tuple[str, dict[str, str]]]]:
        """Field name -> the types that have such a field, with the field's tags."""
        if self._tags is None:
            self._tags = {}
            for file in self.program.files():
                for owner, spec in file.types.items():
                    if b"`" not in file.data[spec.start_byte : spec.end_byte]:
                        continue
                    found = syntax.captures("go", "(field_declaration tag: (_)) @field", spec)
                    for node in found.get("field", []):
                        tag = node.child_by_field_name("tag")
                        pairs = dict(_TAG.findall(syntax.text(tag))) if tag is not None else {}
                        kind = node.child_by_field_name("type")
                        pairs[TYPE] = syntax.text(kind) if kind is not None else ""
                        for name in node.children_by_field_name("name"):
                            full = f"./{file.folder}.{owner}"
                            self._tags.setdefault(syntax.text(name), []).append((full, pairs))
        return self._tags

    def fields(self) -> dict[str, list[tuple[GoFile, Function | None, Node]]]:
        """Field name -> expressions that it is given in code that runs."""
        if self._fields is None:
            self._fields = {}
            pattern = """
            (keyed_element . (literal_element (identifier) @key) (literal_element) @value)
            (assignment_statement left: (expression_list . (selector_expression field: (_) @key) .)
              right: (expression_list . (_) @value .))
            """
            for file in self.program.files():
                for _, match in syntax.matches("go", pattern, file.root):
                    if not match.get("key") or not match.get("value"):
                        continue
                    value = match["value"][0]
                    function = file.at(value.start_byte)
                    if function is None or function in self.program.functions:
                        name = syntax.text(match["key"][0])
                        self._fields.setdefault(name, []).append((file, function, value))
        return self._fields

    def _call(self, file: GoFile, function: Function | None, node: Node, depth: int) -> str | None:
        target, held = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if target is None or held is None:
            return None
        arguments = [n for n in held.named_children if n.type != "comment"]
        operand = target.child_by_field_name("operand") if target.type == "selector_expression" else None
        name_node = target.child_by_field_name("field") if operand is not None else target
        name = syntax.text(name_node) if name_node is not None else ""
        head = syntax.text(operand) if operand is not None else ""

        def value(position: int) -> str | None:
            if position >= len(arguments):
                return None
            return self.resolve(file, function, arguments[position], depth + 1)

        if name in _ENV and arguments:
            variable = value(0)
            return self.env.get(variable, "") if variable is not None else None
        if head == "fmt" and name == "Sprintf" and arguments:
            return formatted(value(0), [value(i) for i in range(1, len(arguments))])
        if name == "JoinHostPort" and len(arguments) == 2:
            port = value(1)
            return f"{value(0) or ''}:{port}" if port is not None else None
        if (
            name in ("Itoa", "FormatInt", "string", "TrimSpace", "int", "Atoi", "uint16", "ToLower", "Clean")
            and arguments
        ):
            return value(0)
        if head == "strconv" and name == "Quote":
            return value(0)
        if name == "Or" and head == "cmp":
            return next((found for i in range(len(arguments)) if (found := value(i))), None)
        if _FLAG_CALL.fullmatch(name) and len(arguments) >= 3 and head:
            flag = value(0)
            found = self.flag(flag) if flag is not None else None
            return found if found is not None else value(1)
        if name in GETTERS and len(arguments) == 1:
            setting = value(0)
            return self.flag(setting) if setting is not None else None
        if (chained := self._kingpin(file, function, node, depth)) is not None:
            return chained
        return self._own_call(file, function, node, name, arguments, depth)

    def _kingpin(self, file: GoFile, function: Function | None, node: Node, depth: int) -> str | None:
        """`app.Flag("web.listen-address", "…").Default(":9100").String()`."""
        default: str | None = None
        here: Node | None = node
        for _ in range(12):
            if here is None or here.type != "call_expression":
                return None
            target, held = here.child_by_field_name("function"), here.child_by_field_name("arguments")
            if target is None or held is None or target.type != "selector_expression":
                return None
            name = target.child_by_field_name("field")
            text = syntax.text(name) if name is not None else ""
            arguments = held.named_children
            if text == "Default" and arguments:
                default = self.resolve(file, function, arguments[0], depth + 1)
            elif text in ("Envar", "OverrideDefaultFromEnvar") and arguments:
                variable = self.resolve(file, function, arguments[0], depth + 1)
                default = self.env.get(variable or "", default) if variable else default
            elif text in ("Flag", "Arg") and arguments:
                flag = self.resolve(file, function, arguments[0], depth + 1)
                return self.given.get((flag or "").lower(), default)
            here = target.child_by_field_name("operand")
        return None

    def _own_call(
        self,
        file: GoFile,
        function: Function | None,
        node: Node,
        name: str,
        arguments: Sequence[Node],
        depth: int,
    ) -> str | None:
        """A helper of the program: one that reads the environment with a default, or gives a constant."""
        callers = [call for call in self._callers.get(name, ()) if call.node == node]
        found: list[Function] = []
        if callers and callers[0].alias.startswith("./"):
            package = self.program.packages.get(callers[0].alias[2:])
            found = list(package.functions.get(name, ())) if package is not None else []
        elif callers and callers[0].operand is None:
            found = list(self.program.packages[file.folder].functions.get(name, ()))
        elif name in self.program.by_method and len(self.program.by_method[name]) == 1:
            found = self.program.by_method[name]
        for helper in found[:1]:
            if any(word in _ENV for _, word in helper.words()) or (
                name.lower().startswith(("getenv", "env"))
            ):
                variable = self.resolve(file, function, arguments[0], depth + 1) if arguments else None
                if variable is not None:
                    if self.env.get(variable):
                        return self.env[variable]
                    return self.resolve(file, function, arguments[1], depth + 1) if len(arguments) > 1 else ""
            returned = syntax.captures("go", "(return_statement (expression_list . (_) @value))", helper.node)
            for value in reversed(returned.get("value", [])):
                text = self.resolve(helper.file, helper, value, depth + 3)
                if text:
                    return text
        return None


def _named(tags: Mapping[str, str]) -> list[str]:
    """The names of the setting that a field with these tags is."""
    found = (
        tags.get(key, "").partition(",")[0] for key in ("env", "envconfig", "mapstructure", "koanf", "long")
    )
    return [one for one in found if one]


def _given(argv: Sequence[str]) -> dict[str, str]:
    """The flags of a command line, by name; a flag without a value is `true`."""
    found: dict[str, str] = {}
    words = list(argv)
    for position, word in enumerate(words):
        if not word.startswith("-") or word in ("-", "--"):
            continue
        name, equals, value = word.lstrip("-").partition("=")
        if not equals:
            after = words[position + 1] if position + 1 < len(words) else "-"
            value = "true" if after.startswith("-") else after
        found[name.lower()] = value
    return found
