"""One JavaScript or TypeScript file: parsed once, its names, imports and exports laid out for look-up.

All nodes that matter are captured by one query; nothing here walks the whole tree.
"""

from __future__ import annotations

import posixpath
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from analyzers.languages import syntax

if TYPE_CHECKING:
    from tree_sitter import Node

SIZE_LIMIT = 500_000  # bytes; larger files are bundles
LINE_LIMIT = 40_000  # bytes in one line; a longer one is minified
_PATTERN_DEPTH = 8  # patterns in patterns that are taken apart
_GRAMMARS = {".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx"}
_COMMON = """
(import_statement) @import
(export_statement) @export
(call_expression) @call
(new_expression) @new
(variable_declarator) @declarator
(lexical_declaration kind: "const" (variable_declarator) @const)
(variable_declaration (variable_declarator) @var)
(assignment_expression) @assign
(augmented_assignment_expression) @augmented
(update_expression) @update
(unary_expression operator: "delete") @delete
(function_declaration) @function
(generator_function_declaration) @function
(arrow_function) @function
(function_expression) @function
(generator_function) @function
(method_definition) @function
(class_declaration) @class
(class) @class
(statement_block) @block
(for_statement) @block
(for_in_statement) @block
(catch_clause) @catch
(if_statement) @if
(ternary_expression) @if
(switch_statement) @switch
(binary_expression operator: "&&") @and
(return_statement) @return
(decorator) @decorator
(member_expression object: (member_expression)) @environment
(subscript_expression object: (member_expression)) @environment
"""
_FIELDS = {"javascript": "(field_definition) @field", "typescript": "(public_field_definition) @field"}
_FIELDS["tsx"] = _FIELDS["typescript"]
FUNCTIONS = frozenset(
    {
        "function_declaration",
        "generator_function_declaration",
        "arrow_function",
        "function_expression",
        "generator_function",
        "method_definition",
    }
)
CLASSES = frozenset({"class_declaration", "class"})


@dataclass(slots=True)
class Scope:
    """A block, function, class or the whole file, by its bytes. `parent` is an index, -1 for none."""

    start: int
    end: int
    kind: str  # program, function, class, block
    node: Node
    parent: int = -1


@dataclass(slots=True)
class Declaration:
    """A name. It stands for `value` taken apart by `keys`, an import, a parameter or a definition."""

    name: str
    scope: int
    kind: str  # import, const, let, var, param, function, class, catch, loop
    node: Node
    value: Node | None = None
    keys: tuple[str, ...] = ()
    default: Node | None = None
    specifier: str = ""  # of an import
    imported: str = ""  # name in the imported module, "*" for all of it
    type: Node | None = None  # annotation of a parameter


@dataclass(frozen=True, slots=True)
class Export:
    """What a module gives out under a name: a node of its own, or something of another module."""

    node: Node | None
    specifier: str = ""
    name: str = ""


@dataclass(slots=True)
class Use:
    """An import of another module: as written, and where."""

    specifier: str
    node: Node
    type_only: bool = False


@dataclass(slots=True)
class Module:
    """A parsed file. `path` is the repository's, `guest` the place in the image where it was found."""

    path: str
    guest: str
    data: bytes
    grammar: str
    root: Node
    nodes: dict[str, list[Node]]
    scopes: list[Scope] = field(default_factory=list)
    declarations: dict[str, list[Declaration]] = field(default_factory=dict)
    exports: dict[str, Export] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)  # specifiers of `export * from`
    uses: list[Use] = field(default_factory=list)
    computed: list[Node] = field(default_factory=list)  # require() and import() of what is computed
    assigned: dict[str, list[Node]] = field(default_factory=dict)  # `x = …` by name of a plain identifier
    stage: int = 0  # which of the program's file systems it was found in
    _starts: list[int] = field(default_factory=list)
    folder: str = ""  # that holds it, in the image

    @property
    def name(self) -> str:
        """The path without its suffix, as facts name it."""
        return posixpath.splitext(posixpath.basename(self.path))[0]

    def scope_at(self, position: int) -> int:
        """The index of the innermost scope around a byte."""
        index = bisect_right(self._starts, position) - 1
        while index > 0 and self.scopes[index].end <= position:
            index = self.scopes[index].parent
        return max(index, 0)

    def enclosing(self, position: int, *kinds: str) -> Iterator[Scope]:
        """The scopes of these kinds around a byte, innermost first."""
        index = self.scope_at(position)
        while index >= 0:
            scope = self.scopes[index]
            if scope.kind in kinds:
                yield scope
            index = scope.parent

    def lookup(self, name: str, position: int) -> Declaration | None:
        """The declaration that a name at a byte stands for."""
        found = self.declarations.get(name)
        if not found:
            return None
        index = self.scope_at(position)
        while index >= 0:
            for declaration in found:
                if declaration.scope == index:
                    return declaration
            index = self.scopes[index].parent
        return None

    def top_level(self, declaration: Declaration) -> bool:
        """Whether a name belongs to the module itself."""
        return declaration.scope == 0


def grammar_of(path: str) -> str:
    """The grammar by the file's suffix; JavaScript's reads JSX too."""
    return _GRAMMARS.get(posixpath.splitext(path)[1], "javascript")


def is_minified(data: bytes) -> bool:
    """Whether a file is a tool's output that nobody would read: too large, or one huge line."""
    return len(data) > SIZE_LIMIT or any(len(line) > LINE_LIMIT for line in data.split(b"\n"))


def parse(path: str, guest: str, data: bytes) -> Module:
    """A module from its bytes. Broken source gives what could be read of it."""
    grammar = grammar_of(path)
    root = syntax.parse(grammar, data).root_node
    nodes = syntax.captures(grammar, _COMMON + _FIELDS[grammar], root)
    module = Module(path, guest, data, grammar, root, nodes, folder=posixpath.dirname(guest))
    _scopes(module)
    _names(module)
    _imports(module)
    _exports(module)
    return module


def string(node: Node | None) -> str | None:
    """The value of a string literal, or of a template without substitutions; None for all else."""
    if node is None or node.type not in ("string", "template_string"):
        return None
    parts: list[str] = []
    for child in node.named_children:
        if child.type == "string_fragment":
            parts.append(syntax.text(child))
        elif child.type == "escape_sequence":
            parts.append(_escape(syntax.text(child)))
        else:
            return None
    return "".join(parts)


def _escape(written: str) -> str:
    simple = {"\\n": "\n", "\\t": "\t", "\\r": "\r", "\\0": "\0"}
    return simple.get(written, written[1:] if len(written) == 2 else "")


def arguments(call: Node) -> list[Node]:
    """The arguments of a call or of `new`, comments left out."""
    given = call.child_by_field_name("arguments")
    if given is None or given.type != "arguments":
        return []
    return [child for child in given.named_children if child.type != "comment"]


def properties(node: Node) -> dict[str, Node]:
    """The properties of an object literal: name -> value node (a shorthand's own node)."""
    found: dict[str, Node] = {}
    if node.type != "object":
        return found
    for child in node.named_children:
        if child.type == "pair":
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            if key is not None and value is not None:
                name = string(key) if key.type == "string" else syntax.text(key)
                if name is not None and key.type != "computed_property_name":
                    found[name] = value
        elif child.type == "shorthand_property_identifier":
            found[syntax.text(child)] = child
        elif child.type == "method_definition":
            key = child.child_by_field_name("name")
            if key is not None:
                found[syntax.text(key)] = child
    return found


def bare(node: Node) -> Node:
    """The expression inside parentheses, `await`, `as`, `satisfies` and `!`."""
    for _ in range(20):
        if node.type in (
            "parenthesized_expression",
            "await_expression",
            "as_expression",
            "satisfies_expression",
            "non_null_expression",
            "type_assertion",
        ):
            inner = [child for child in node.named_children if child.type != "comment"]
            if not inner:
                return node
            node = inner[-1] if node.type == "type_assertion" else inner[0]
        else:
            return node
    return node


def dotted(node: Node) -> str:
    """`a.b.c` of a chain of plain names; "" for all else."""
    text = syntax.text(node).replace("?.", ".")
    return (
        text if all(part.isidentifier() or part == "$" for part in text.replace("$", "_").split(".")) else ""
    )


# --- scopes and names -------------------------------------------------------------------------


def _scopes(module: Module) -> None:
    kinds = {"function": "function", "class": "class", "block": "block", "catch": "block"}
    scopes = [
        Scope(node.start_byte, node.end_byte, kind, node)
        for capture, kind in kinds.items()
        for node in module.nodes.get(capture, ())
    ]
    scopes.sort(key=lambda scope: (scope.start, -scope.end, scope.kind == "block"))
    scopes.insert(0, Scope(-1, len(module.data) + 1, "program", module.root))
    open_: list[int] = []
    for index, scope in enumerate(scopes):
        while open_ and scopes[open_[-1]].end <= scope.start:
            open_.pop()
        scope.parent = open_[-1] if open_ else -1
        open_.append(index)
    module.scopes = scopes
    module._starts = [scope.start for scope in scopes]


def _declare(module: Module, declaration: Declaration) -> None:
    module.declarations.setdefault(declaration.name, []).append(declaration)


def _names(module: Module) -> None:
    const = {node.start_byte for node in module.nodes.get("const", ())}
    var = {node.start_byte for node in module.nodes.get("var", ())}
    for node in module.nodes.get("declarator", ()):
        name, value = node.child_by_field_name("name"), node.child_by_field_name("value")
        if name is None:
            continue
        scope = module.scope_at(node.start_byte)
        kind = "const" if node.start_byte in const else "var" if node.start_byte in var else "let"
        if kind == "var":
            while module.scopes[scope].kind == "block":
                scope = module.scopes[scope].parent
        for part, keys, default in pattern(name):
            _declare(module, Declaration(syntax.text(part), scope, kind, part, value, keys, default))
    for node in module.nodes.get("function", ()):
        _function(module, node)
    for node in module.nodes.get("class", ()):
        name = node.child_by_field_name("name")
        if name is not None:
            outer = module.scopes[module.scope_at(node.start_byte)].parent
            _declare(module, Declaration(syntax.text(name), max(outer, 0), "class", node, node))
    for node in module.nodes.get("catch", ()):
        name = node.child_by_field_name("parameter")
        if name is not None and name.type == "identifier":
            scope = module.scope_at(node.start_byte)
            _declare(module, Declaration(syntax.text(name), scope, "catch", name))
    for node in module.nodes.get("block", ()):
        if node.type == "for_in_statement":
            left = node.child_by_field_name("left")
            for part, _, _ in pattern(left) if left is not None else ():
                scope = module.scope_at(node.start_byte)
                _declare(module, Declaration(syntax.text(part), scope, "loop", part))
    for node in module.nodes.get("assign", ()):
        left = node.child_by_field_name("left")
        if left is not None and left.type == "identifier":
            module.assigned.setdefault(syntax.text(left), []).append(node)


def _function(module: Module, node: Node) -> None:
    scope = module.scope_at(node.start_byte)
    while module.scopes[scope].node.id != node.id and module.scopes[scope].parent >= 0:
        scope = module.scopes[scope].parent
    name = node.child_by_field_name("name")
    if name is not None and node.type.endswith("_declaration"):
        _declare(
            module,
            Declaration(syntax.text(name), max(module.scopes[scope].parent, 0), "function", node, node),
        )
    single = node.child_by_field_name("parameter")
    given = node.child_by_field_name("parameters")
    listed = [single] if single is not None else given.named_children if given is not None else []
    position = 0
    for parameter in listed:
        if parameter.type in ("comment", "decorator"):
            continue
        annotation = parameter.child_by_field_name("type")
        inner = parameter.child_by_field_name("pattern") or parameter
        for part, keys, default in pattern(inner):
            declaration = Declaration(
                syntax.text(part), scope, "param", node, part, keys, default, str(position)
            )
            if annotation is not None and not keys:
                declaration.type = annotation
            _declare(module, declaration)
        position += 1


def pattern(node: Node) -> list[tuple[Node, tuple[str, ...], Node | None]]:
    """The names that a pattern binds: identifier, the keys that lead to it, its default."""
    found: list[tuple[Node, tuple[str, ...], Node | None]] = []
    todo: list[tuple[Node, tuple[str, ...], Node | None]] = [(node, (), None)]
    while todo:
        part, keys, default = todo.pop()
        kind = part.type
        if kind in ("identifier", "shorthand_property_identifier_pattern"):
            if kind != "identifier":
                keys = (*keys, syntax.text(part))
            found.append((part, keys, default))
        elif len(keys) > _PATTERN_DEPTH:
            continue
        elif kind in ("object_assignment_pattern", "assignment_pattern"):
            left, right = part.child_by_field_name("left"), part.child_by_field_name("right")
            if left is not None:
                todo.append((left, keys, right))
        elif kind == "pair_pattern":
            key, value = part.child_by_field_name("key"), part.child_by_field_name("value")
            if key is not None and value is not None:
                todo.append((value, (*keys, string(key) or syntax.text(key)), None))
        elif kind == "array_pattern":
            todo += [(child, (*keys, str(i)), None) for i, child in enumerate(part.named_children)]
        elif kind == "object_pattern":
            todo += [(child, keys, None) for child in part.named_children]
        elif kind == "rest_pattern":
            todo += [(child, (*keys, "..."), None) for child in part.named_children[:1]]
    return found


# --- imports and exports ------------------------------------------------------------------------


def _imports(module: Module) -> None:
    for node in module.nodes.get("import", ()):
        _import(module, node)
    for node in (*module.nodes.get("call", ()),):
        function = node.child_by_field_name("function")
        if function is None or function.type not in ("import", "identifier"):
            continue
        if function.type == "identifier" and (
            function.text != b"require" or module.lookup("require", node.start_byte) is not None
        ):
            continue
        given = arguments(node)
        if not given:
            continue
        specifier = string(given[0])
        if specifier is not None:
            module.uses.append(Use(specifier, node))
        else:
            module.computed.append(node)


def _import(module: Module, node: Node) -> None:
    source = string(node.child_by_field_name("source"))
    type_only = any(child.type == "type" for child in node.children[:3])
    for child in node.named_children:
        if child.type == "import_require_clause":
            source = string(child.child_by_field_name("source"))
            name = next((c for c in child.named_children if c.type == "identifier"), None)
            if name is not None and source:
                _declare(
                    module,
                    Declaration(syntax.text(name), 0, "import", name, specifier=source, imported="*"),
                )
        elif child.type == "import_clause" and source is not None:
            for part in child.named_children:
                for local, imported in _imported(part):
                    _declare(
                        module,
                        Declaration(
                            syntax.text(local), 0, "import", local, specifier=source, imported=imported
                        ),
                    )
    if source:
        module.uses.append(Use(source, node, type_only))


def _imported(part: Node) -> Iterator[tuple[Node, str]]:
    if part.type == "identifier":
        yield part, "default"
    elif part.type == "namespace_import":
        yield from ((name, "*") for name in part.named_children[:1])
    elif part.type == "named_imports":
        for item in part.named_children:
            name, alias = item.child_by_field_name("name"), item.child_by_field_name("alias")
            if name is not None:
                yield alias or name, string(name) or syntax.text(name)


def _exports(module: Module) -> None:
    for node in module.nodes.get("export", ()):
        _export(module, node)
    for node in module.nodes.get("assign", ()):
        left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
        if left is None or right is None or left.type != "member_expression":
            continue
        name = dotted(left)
        if name == "module.exports":
            value = bare(right)
            if value.type == "assignment_expression":
                value = bare(value.child_by_field_name("right") or value)
            module.exports["default"] = Export(value)
            for key, item in properties(value).items():
                module.exports.setdefault(key, Export(item))
        elif name.startswith(("exports.", "module.exports.")):
            key = name.removeprefix("module.").removeprefix("exports.")
            if "." not in key:
                module.exports[key] = Export(right)


def _export(module: Module, node: Node) -> None:
    specifier = string(node.child_by_field_name("source"))
    if specifier is not None:
        type_only = any(child.type == "type" for child in node.children[:3])
        module.uses.append(Use(specifier, node, type_only))
    clause = next((c for c in node.named_children if c.type == "export_clause"), None)
    if clause is not None:
        for item in clause.named_children:
            name, alias = item.child_by_field_name("name"), item.child_by_field_name("alias")
            if name is None:
                continue
            given = syntax.text(alias or name)
            if specifier is not None:
                module.exports[given] = Export(None, specifier, syntax.text(name))
            else:
                module.exports[given] = Export(name)
        return
    if specifier is not None:
        space = next((c for c in node.named_children if c.type == "namespace_export"), None)
        if space is not None and space.named_children:
            module.exports[syntax.text(space.named_children[0])] = Export(None, specifier, "*")
        else:
            module.stars.append(specifier)
        return
    declared = node.child_by_field_name("declaration")
    value = node.child_by_field_name("value")
    default = any(child.type == "default" for child in node.children[:2])
    if default or (declared is None and value is None):
        exported = declared or value or next(iter(reversed(node.named_children)), None)
        if exported is not None:
            module.exports["default"] = Export(exported)
        return
    if declared is None:
        return
    if declared.type in ("lexical_declaration", "variable_declaration"):
        for declarator in declared.named_children:
            bound = declarator.child_by_field_name("name")
            for part, _, _ in pattern(bound) if bound is not None else ():
                module.exports[syntax.text(part)] = Export(part)
    else:
        own = declared.child_by_field_name("name")
        if own is not None:
            module.exports[syntax.text(own)] = Export(declared)
