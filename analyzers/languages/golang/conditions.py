"""What conditions of a Go program are as it is started: by flags, variables of the environment and fields of
its configuration, each with the default that it has where nothing sets it.

A variable that neither the image nor compose gives is unset. One that compose hands through, and a setting
whose name stands in a configuration file of the image, may have any value: they decide nothing.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from analyzers.guest import Guest
from analyzers.languages import syntax
from analyzers.languages.golang.files import Function, GoFile
from analyzers.languages.golang.nodes import assigned, literal, parameter_position
from analyzers.languages.golang.values import GETTERS, TYPE, Values

if TYPE_CHECKING:
    from tree_sitter import Node

_DEPTH = 12
_CALLERS = 4
_FLAG_TAGS = frozenset({"long", "short", "flag", "arg"})
_ENV_TAGS = ("env", "envconfig")
# Fields with such tags are settings; a tag of `json` alone may be a request's.
_FILE_TAGS = ("mapstructure", "koanf", "yaml", "toml", "ini", "hcl")
_DEFAULTS = ("default", "envDefault", "env-default")
_WRAPPED = frozenset({"unary_expression", "parenthesized_expression", "literal_element"})
_GETENV = frozenset({"Getenv", "LookupEnv"})
_SAME = frozenset(
    {"TrimSpace", "ToLower", "ToUpper", "string", "Clean", "ParseBool", "Atoi", "TrimSuffix", "Trim"}
)
_TRUE = frozenset({"true", "1", "t", "yes", "on"})
_FALSE = frozenset({"false", "0", "f", "no", "off", ""})
_SUFFIXES = (".yaml", ".yml", ".toml", ".ini", ".conf", ".cfg", ".env", ".hcl", ".json", ".properties")
_MANIFEST = re.compile(
    r"(?:^|/)(?:package(?:-lock)?\.json|tsconfig[^/]*|\.[^/]+\.ya?ml|testdata/.*|node_modules/.*)$"
)
_WORD = re.compile(rb"[A-Za-z]\w*")
_FILES, _BYTES = 40, 100_000
_ZERO = re.compile(r"u?int\d*|float\d+|time\.Duration|\*?string|bool|\[\]\w+")


@dataclass(frozen=True, eq=False)
class Conditions:
    """Answers for one program and one start. `passed`: variables whose values are not known.

    `configured` are the words of configuration files that the image or compose brings, lower-cased.
    """

    values: Values
    arguments: Sequence[str]
    passed: Collection[str] = ()
    configured: Collection[str] = ()
    _assigned: dict[tuple[str, frozenset[str]], Sequence[tuple[GoFile, Function, Node]]] = field(
        default_factory=dict
    )
    _held: dict[str, Sequence[tuple[GoFile, Function, Node, frozenset[str]]]] = field(default_factory=dict)

    @cached_property
    def positional(self) -> tuple[str, ...]:
        """The words of the command line that are no flags; values of flags may be among them."""
        return tuple(word for word in self.arguments if not word.startswith("-"))

    def truth(self, file: GoFile, function: Function, node: Node | None, depth: int = 0) -> bool | None:
        """Whether a condition holds; None where reading cannot tell."""
        if node is None or depth > _DEPTH:
            return None
        kind = node.type
        if kind == "parenthesized_expression" and node.named_children:
            return self.truth(file, function, node.named_children[0], depth + 1)
        if kind == "unary_expression" and syntax.text(node).startswith("!"):
            truth = self.truth(file, function, node.child_by_field_name("operand"), depth + 1)
            return None if truth is None else not truth
        if kind == "binary_expression":
            return self._pair(file, function, node, depth)
        if kind == "call_expression" and (told := self._told(file, function, node)) is not None:
            holder, value = told
            return self.truth(holder.file, holder, value, depth + 2)
        value_text = self.stated(file, function, node, depth + 1)
        if value_text is None:
            return None
        low = value_text.lower()
        return True if low in _TRUE else False if low in _FALSE else None

    def _pair(self, file: GoFile, function: Function, node: Node, depth: int) -> bool | None:
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        sign = node.child_by_field_name("operator")
        if left is None or right is None or sign is None:
            return None
        operator = syntax.text(sign)
        if operator in ("&&", "||"):
            one = self.truth(file, function, left, depth + 1)
            decides = operator == "||"
            if one is decides:
                return decides
            other = self.truth(file, function, right, depth + 1)
            if other is decides:
                return decides
            return None if one is None or other is None else not decides
        if right.type == "nil":
            return None
        wanted = literal(right)
        if (
            wanted is None
            and operator in ("==", "!=")
            and right.type in ("identifier", "selector_expression")
        ):
            wanted = self.values.constant(right)
        if wanted is None:
            return None
        value = self._measured(file, function, left, depth)
        if value is None:
            return None
        if operator in ("==", "!="):
            return (value == wanted) is (operator == "==")
        if operator in (">", "<", ">=", "<=") and value.isdecimal() and wanted.isdecimal():
            a, b = int(value), int(wanted)
            return {">": a > b, "<": a < b, ">=": a >= b, "<=": a <= b}[operator]
        return None

    def _measured(self, file: GoFile, function: Function, node: Node, depth: int) -> str | None:
        """The value, or the length where `len(…)` asks for it. What has no value has none."""
        held = node.child_by_field_name("arguments") if node.type == "call_expression" else None
        if held is None or not syntax.text(node).startswith("len(") or not held.named_children:
            return self.stated(file, function, node, depth + 1)
        inner = held.named_children[0]
        if syntax.text(inner) == "os.Args":
            return str(len(self.arguments) + 1)
        value = self.stated(file, function, inner, depth + 1)
        return None if value is None else str(len(value))

    # --- values --------------------------------------------------------------------------------------

    def stated(self, file: GoFile, function: Function, node: Node | None, depth: int = 0) -> str | None:
        """The value of a setting as the program is started; None for all else."""
        for _ in range(4):
            if node is not None and node.type in _WRAPPED:
                node = node.named_children[0] if node.named_children else None
        if node is None or depth > _DEPTH:
            return None
        if (text := literal(node)) is not None:
            return text
        if node.type == "identifier":
            return self._name(file, function, syntax.text(node), node, depth)
        if node.type == "selector_expression":
            return self._selector(file, function, node, depth)
        if node.type in ("call_expression", "type_conversion_expression"):
            return self._call(file, function, node, depth)
        if node.type == "index_expression" and syntax.text(node).startswith("os.Args["):
            index = node.child_by_field_name("index")
            number = literal(index) if index is not None else None
            if number is None or not number.isdecimal() or int(number) == 0:
                return None
            return self.arguments[int(number) - 1] if int(number) <= len(self.arguments) else ""
        return None

    def variable(self, name: str) -> str | None:
        """A variable of the environment: "" where nothing gives it, None where the value is not known."""
        return None if name in self.passed else self.values.env.get(name, "")

    def _name(self, file: GoFile, function: Function, name: str, at: Node, depth: int) -> str | None:
        of_flag = self.values.of_flag(file, function, name)
        if of_flag is not None:
            return of_flag
        if (value := _of_initializer(at, name)) is not None:
            return self.stated(file, function, value, depth + 1)
        here: Function | None = function
        while here is not None:
            given = assigned(here, name)
            if given:
                body = here.file.data[here.start : here.end]
                if len(given) > 1 or b"&" + name.encode() in body:
                    return None
                return self.stated(here.file, here, given[0], depth + 1)
            position = parameter_position(here, name)
            if position is not None:
                return self._from_callers(here, position, depth)
            here = here.outer
        return self._of_package(file.folder, name, function, depth)

    def _from_callers(self, function: Function, position: int, depth: int) -> str | None:
        """What all calls of a function give it; None where one gives what is not known, or they differ."""
        given = []
        for call in self.values.called(function.name):
            if call.literal or self._own(call.file, call.function or function, call.node) is not function:
                continue
            if position >= len(call.arguments) or call.function is None or call.function is function:
                return None
            given.append((call.file, call.function, call.arguments[position]))
        return self._same(given, depth) if len(given) <= _CALLERS else None

    def _of_package(self, folder: str, name: str, function: Function, depth: int) -> str | None:
        """A package's variable or constant that is given once."""
        package = self.values.program.packages.get(folder)
        for other in package.files if package is not None else ():
            value = other.values.get(name)
            if value is None:
                continue
            if name in other.variables and package is not None:
                word = name.encode()
                again = re.compile(rb"(?<![\w.:])(?:&\s*" + word + rb"\b|" + word + rb"\s*=[^=])")
                if sum(len(again.findall(one.data)) for one in package.files) > 1:
                    return None
            return self.stated(other, function, value, depth + 1)
        return None

    def _selector(self, file: GoFile, function: Function, node: Node, depth: int) -> str | None:
        field, operand = node.child_by_field_name("field"), node.child_by_field_name("operand")
        if field is None or operand is None:
            return None
        name = syntax.text(field)
        program = self.values.program
        if operand.type == "identifier" and not program.of_name(file, function, syntax.text(operand)):
            path = program.import_of(file, syntax.text(operand))
            own = program.resolver.folder(path) if path is not None else None
            if own is not None:
                return self._of_package(own, name, function, depth)
        kinds = program.kinds(file, function, operand)
        mine = [tags for owner, tags in self.values.tags().get(name, ()) if owner in kinds]
        if len(mine) > 1:
            return None
        tags = mine[0] if mine else {}
        variables = [one for key in _ENV_TAGS if (one := tags.get(key, "").partition(",")[0])]
        for variable in variables:
            if variable in self.passed:
                return None
            if variable in self.values.env:
                return self.values.env[variable]
        for key in ("long", "name", "flag", "short"):
            if (one := tags.get(key, "").lower()) in self.values.given:
                return self.values.given[one]
        if given := self._given(name, kinds):
            return self._same(given, depth)
        for key in _DEFAULTS:
            if key in tags:
                return tags[key]
        for key in ("flag", "long"):  # a flag of this name is declared elsewhere, with its default
            if key in tags and (default := self.values.flag(tags[key])) is not None:
                return default
        setting = next((one for key in _FILE_TAGS if (one := tags.get(key, "").partition(",")[0])), "")
        if setting:
            if (default := self.values.flag(setting)) is not None:
                return default
            if self.values.is_setting(setting) or self._in_files(setting, kinds):
                return None
        elif not variables and not _FLAG_TAGS & set(tags):
            return None
        return _zero(self._plain(tags.get(TYPE, ""), kinds))

    def _plain(self, kind: str, owners: Collection[str]) -> str:
        """What a named type of the program is made of: `string` for `type Driver string`."""
        alias, _, name = kind.rpartition(".")
        program = self.values.program
        for owner in owners:
            package = program.packages.get(owner[2:].rpartition(".")[0])
            for file in package.files if package is not None and alias else ():
                path = program.import_of(file, alias)
                own = program.resolver.folder(path) if path is not None else None
                package = program.packages.get(own, package) if own is not None else package
            if package is not None and name in package.types:
                made = package.types[name][1].child_by_field_name("type")
                return syntax.text(made) if made is not None else kind
        return kind

    def _in_files(self, setting: str, owners: Collection[str]) -> bool:
        """Whether a configuration file may give a setting: it names it, and what it stands below."""
        if setting.lower() not in self.configured:
            return False
        short = {owner.rpartition(".")[2] for owner in owners}
        above = {
            tags[key].partition(",")[0].lower()
            for held in self.values.tags().values()
            for _, tags in held
            for key in _FILE_TAGS
            if key in tags and tags[TYPE].lstrip("*[]").rpartition(".")[2] in short
        }
        return not above or bool(above & set(self.configured))

    def _same(self, given: Sequence[tuple[GoFile, Function, Node]], depth: int) -> str | None:
        """The one value of these expressions; None where one is not known or they differ."""
        found: str | None = None
        for one in given if depth < _DEPTH // 2 else ():
            value = self.stated(*one, depth + 2)
            if value is None or (found is not None and found != value):
                return None
            found = value
        return found

    def _given(self, name: str, kinds: Collection[str]) -> Sequence[tuple[GoFile, Function, Node]]:
        """What a field of one of these types is given anywhere in the code that runs."""
        key = (name, frozenset(kinds))
        if key not in self._assigned:
            wanted = frozenset(kinds)
            self._assigned[key] = tuple(
                (file, where, value)
                for file, where, value, owners in self._all_given(name)
                if (owners & wanted if owners else self._sees(file, wanted))
            )
        return self._assigned[key]

    def _all_given(self, name: str) -> Sequence[tuple[GoFile, Function, Node, frozenset[str]]]:
        """What fields of a name are given, with the types that hold them as far as reading tells."""
        if name not in self._held:
            self._held[name] = tuple(
                (file, where, value, frozenset(self._owners(file, function, value) or ()))
                for file, function, value in self.values.fields().get(name, ())
                if (where := function or next(iter(file.functions), None)) is not None
            )
        return self._held[name]

    def _sees(self, file: GoFile, kinds: Collection[str]) -> bool:
        """Whether a file can name a type: it is of its package, or imports it."""
        folders = {kind[2:].rpartition(".")[0] for kind in kinds}
        seen = {self.values.program.resolver.folder(path) for path in file.imports.values()}
        return file.folder in folders or bool(folders & seen)

    def _owners(self, file: GoFile, function: Function | None, value: Node) -> set[str] | None:
        """The types that hold the field which is given this value; None where reading cannot tell."""
        program = self.values.program
        here: Node | None = value.parent
        for _ in range(8):
            if here is None:
                return None
            if here.type == "assignment_statement":
                left = here.child_by_field_name("left")
                target = left.named_children[0] if left is not None and left.named_children else None
                operand = target.child_by_field_name("operand") if target is not None else None
                return program.kinds(file, function, operand)
            if here.type == "composite_literal":
                kind = here.child_by_field_name("type")
                for _ in range(3):  # `[]Provider{{Type: …}}` holds providers
                    if kind is not None and kind.type in ("slice_type", "map_type", "array_type"):
                        kind = kind.child_by_field_name("element") or kind.child_by_field_name("value")
                full = program.type_of(file, kind)
                return {full} if full else None
            here = here.parent
        return None

    def _call(self, file: GoFile, function: Function, node: Node, depth: int) -> str | None:
        target, held = node.child_by_field_name("function"), node.child_by_field_name("arguments")
        if target is None or held is None:
            return None
        arguments = [one for one in held.named_children if one.type != "comment"]
        field = target.child_by_field_name("field")
        name = syntax.text(field if field is not None else target)
        if name in _GETENV and arguments:
            variable = literal(arguments[0]) or self.values.constant(arguments[0])
            return self.variable(variable) if variable is not None else None
        if name in _SAME and arguments:
            return self.stated(file, function, arguments[0], depth + 1)
        if name == "Arg" and syntax.text(target) == "flag.Arg" and arguments:
            number = literal(arguments[0])
            if number is not None and number.isdecimal() and len(self.positional) == len(self.arguments):
                return self.positional[int(number)] if int(number) < len(self.positional) else ""
            return None
        if name in GETTERS and len(arguments) == 1 and target.type == "selector_expression":
            setting = literal(arguments[0]) or self.values.constant(arguments[0])
            return self._setting(setting, name) if setting is not None else None
        return self._helper(file, function, node, arguments, depth)

    def _setting(self, setting: str, getter: str) -> str | None:
        if self.values.flag_env.get(setting.lower(), "") in self.passed:
            return None
        found = self.values.flag(setting)
        if found is not None:
            return found
        if re.split(r"[.:_-]", setting.lower())[-1] in self.configured:
            return None
        kinds = {"Bool": "bool", "Int": "int", "Duration": "int"}
        return _zero(kinds.get(getter.removeprefix("Get"), "string"))

    def _helper(
        self, file: GoFile, function: Function, node: Node, arguments: Sequence[Node], depth: int
    ) -> str | None:
        """The program's own `getEnv("NAME", "default")`, or a function that returns one setting."""
        helper = self._own(file, function, node)
        if helper is None:
            return None
        first = re.match(r"\(\s*(\w+)", helper.parameters)
        body = helper.file.data[helper.start : helper.end].decode("utf-8", "replace")
        if first is not None and re.search(rf"(?:Getenv|LookupEnv)\(\s*{first[1]}\s*\)", body) and arguments:
            variable = literal(arguments[0]) or self.values.constant(arguments[0])
            value = self.variable(variable) if variable is not None else None
            if value == "" and len(arguments) > 1:
                return self.stated(file, function, arguments[1], depth + 1)
            return value
        told = self._told(file, function, node)
        return self.stated(told[0].file, told[0], told[1], depth + 2) if told is not None else None

    def _own(self, file: GoFile, function: Function, node: Node) -> Function | None:
        """The one function of the program that a call means."""
        program = self.values.program
        target = node.child_by_field_name("function")
        if target is None:
            return None
        if target.type == "identifier":
            found = program.packages[file.folder].functions.get(syntax.text(target), [])
            return found[0] if len(found) == 1 else None
        field, operand = target.child_by_field_name("field"), target.child_by_field_name("operand")
        if target.type != "selector_expression" or field is None or operand is None:
            return None
        name = syntax.text(field)
        if operand.type == "identifier" and not program.of_name(file, function, syntax.text(operand)):
            path = program.import_of(file, syntax.text(operand))
            own = program.resolver.folder(path) if path is not None else None
            package = program.packages.get(own) if own is not None else None
            found = package.functions.get(name, []) if package is not None else []
            return found[0] if len(found) == 1 else None
        kinds = program.kinds(file, function, operand)
        methods = [one for kind in kinds for one in program.methods(kind, name)]
        return methods[0] if len(methods) == 1 else None

    def _told(self, file: GoFile, function: Function, node: Node) -> tuple[Function, Node] | None:
        """The function that a call without arguments means, and the one expression that it returns."""
        held = node.child_by_field_name("arguments")
        helper = self._own(file, function, node) if held is not None and not held.named_children else None
        body = helper.node.child_by_field_name("body") if helper is not None else None
        statements = body.named_children if body is not None else []
        if len(statements) == 1 and statements[0].type == "statement_list":
            statements = statements[0].named_children
        if helper is None or len(statements) != 1 or statements[0].type != "return_statement":
            return None
        returned = statements[0].named_children
        listed = bool(returned) and returned[0].type == "expression_list"
        values = returned[0].named_children if listed else returned
        return (helper, values[0]) if len(values) == 1 else None


def configured(guest: Guest) -> frozenset[str]:
    """The words of configuration files that the image or a volume brings, lower-cased."""
    found: set[str] = set()
    files = [one for path, one in sorted(guest.files.items()) if path.lower().endswith(_SUFFIXES)]
    for one in files[:_FILES]:
        data = guest.tree.data(one)
        if data is not None and len(data) <= _BYTES and not _MANIFEST.search(one):
            found.update(word.decode().lower() for word in _WORD.findall(data))
    return frozenset(found)


def _zero(kind: str) -> str | None:
    """The value of a type's zero, as text; None for types that hold more."""
    if _ZERO.fullmatch(kind) is None:
        return None
    return "false" if kind == "bool" else "" if "string" in kind or kind.startswith("[]") else "0"


def _of_initializer(at: Node, name: str) -> Node | None:
    """The value of `name` where the `if` or `switch` around it declares it: `if v := …; v != ""`."""
    here: Node | None = at
    for _ in range(12):
        if here is None or here.type == "block":
            return None
        if here.type in ("if_statement", "expression_switch_statement"):
            start = here.child_by_field_name("initializer")
            left = start.child_by_field_name("left") if start is not None else None
            right = start.child_by_field_name("right") if start is not None else None
            names = [syntax.text(one) for one in left.named_children] if left is not None else []
            if name in names[:1] and right is not None and right.named_children:
                return right.named_children[0]
        here = here.parent
    return None
