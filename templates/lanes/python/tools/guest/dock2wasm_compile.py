"""Compiles Python sources with the component's own CPython (step one of the build).

Run by componentize-py as a main module: the host's Python is another version, so code and syntax
trees have to be made here, inside CPython for WASI. Reads /0/job.json, writes /0/index.json and
/0/code.bin, then /0/done, and ends with SystemExit on purpose: no component is wanted, and
componentize-py reports that as an error which the caller expects.

job.json: {"trees": [{"mount": "/2", "guest": "/app", "group": "app", "roots": ["/app"], "skip": [],
"docstrings": true, "columns": true}]}. A module's name is its path below the first root that holds it.
index.json: {"modules": [{"name", "origin", "package", "group", "offset", "length", "imports": {"hard": [],
"soft": [], "lazy": []}, "mentions": []}], "errors": [{"origin", "line", "message", "name", "group"}]}.
"""

import ast
import json
import marshal
import os
import re
import sys
import types

# componentize-py looks for the world's exports once this module is imported; it never gets that far.
from wit_world import exports  # noqa: F401

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?")


class Imports(ast.NodeVisitor):
    """What a module imports, in order: `hard` always, `soft` under an `if` or `try`, `lazy` in functions."""

    def __init__(self, name, is_package):
        self.found = {"hard": {}, "soft": {}, "lazy": {}}
        self.mentions = set()
        self._kind = "hard"
        self._package = name.split(".") if is_package else name.split(".")[:-1]

    def _note(self, name):
        self.found[self._kind].setdefault(name)

    def visit_Import(self, node):
        for alias in node.names:
            self._note(alias.name)

    def visit_ImportFrom(self, node):
        base = node.module or ""
        if node.level:
            parts = self._package[: len(self._package) - (node.level - 1)]
            base = ".".join(parts + ([node.module] if node.module else []))
        if not base:
            return
        self._note(base)
        for alias in node.names:
            if alias.name != "*":
                self._note(f"{base}.{alias.name}")

    def _inside(self, kind, nodes):
        before = self._kind
        if not (before == "lazy" or (before == "soft" and kind == "soft")):
            self._kind = kind
        for node in nodes:
            self.visit(node)
        self._kind = before

    def _function(self, node):
        self._inside(self._kind, [*getattr(node, "decorator_list", ()), node.args])
        body = node.body if isinstance(node.body, list) else [node.body]
        self._inside("lazy", body)

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _function

    def visit_If(self, node):
        self.visit(node.test)
        if _is_type_checking(node.test):
            self._inside("soft", node.orelse)
        else:
            self._inside("soft", [*node.body, *node.orelse])

    def visit_Try(self, node):
        guarded = any(_catches_import_error(h) for h in node.handlers)
        self._inside("soft" if guarded else self._kind, node.body)
        self._inside("soft", [*node.handlers])
        self._inside(self._kind, [*node.orelse, *node.finalbody])

    visit_TryStar = visit_Try

    def visit_Constant(self, node):
        if isinstance(node.value, str) and len(node.value) < 120 and _DOTTED.fullmatch(node.value):
            self.mentions.add(node.value.partition(":")[0])


def _is_type_checking(test):
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _catches_import_error(handler):
    if handler.type is None:
        return True
    kinds = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    names = {k.attr if isinstance(k, ast.Attribute) else getattr(k, "id", "") for k in kinds}
    return bool(names & {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"})


def without_docstrings(tree):
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or (
                    [] if isinstance(node, ast.Module) else [ast.copy_location(ast.Pass(), first)]
                )
    return tree


def _varint(number):
    number = number << 1 if number >= 0 else (-number << 1) | 1
    out = bytearray()
    while number >= 64:
        out.append(0x40 | number & 63)
        number >>= 6
    out.append(number)
    return out


def without_columns(code):
    """The code with line numbers but no columns (format: InternalDocs/code_objects.md of CPython 3.14)."""
    table = bytearray()
    previous = code.co_firstlineno
    for start, end, line in code.co_lines():
        left = (end - start) // 2
        while left > 0:
            length = min(left, 8)
            if line is None:
                table.append(0x80 | 15 << 3 | length - 1)
            else:
                table.append(0x80 | 13 << 3 | length - 1)
                table += _varint(line - previous)
                previous = line
            left -= length
    constants = tuple(without_columns(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_linetable=bytes(table), co_consts=constants)


def _names(guest, roots):
    """[(module name, is package)] under which a file can be imported, one for each root above it."""
    found = []
    for root in roots:
        if not guest.startswith(root.rstrip("/") + "/"):
            continue
        parts = guest[len(root.rstrip("/")) + 1 : -3].split("/")
        package = parts[-1] == "__init__"
        if package:
            parts.pop()
        if parts and not any("." in part for part in parts):
            found.append((".".join(parts), package))
    return found


def compile_file(path, guest, names, tree):
    """(marshalled code, {name: imports}, mentions) of one source file. Raises what compiling raises."""
    with open(path, "rb") as source:
        parsed = compile(source.read(), guest, "exec", ast.PyCF_ONLY_AST, dont_inherit=True)
    imports, mentions = {}, set()
    for name, package in names:
        visitor = Imports(name, package)
        visitor.visit(parsed)
        imports[name] = {kind: list(found) for kind, found in visitor.found.items()}
        mentions |= visitor.mentions
    if not tree["docstrings"]:
        parsed = without_docstrings(parsed)
    code = compile(parsed, guest, "exec", dont_inherit=True, optimize=0)
    if not tree["columns"]:
        code = without_columns(code)
    return marshal.dumps(code), imports, sorted(mentions)


def sources(tree):
    """(path, guest path) of each Python file of a tree, in a fixed order."""
    mount = tree["mount"].rstrip("/")
    for folder, folders, files in os.walk(mount):
        here = folder[len(mount) :]
        skip = () if here else tree["skip"]
        folders[:] = sorted(f for f in folders if f != "__pycache__" and f not in skip)
        for file in sorted(files):
            if file.endswith(".py") and file not in skip:
                yield f"{folder}/{file}", f"{tree['guest'].rstrip('/')}{here}/{file}"


def compile_trees(job, out):
    """Compile all trees into `out`; returns the index."""
    modules, errors, offset, known = [], [], 0, set()
    for tree in job["trees"]:
        group = tree["group"]
        for path, guest in sources(tree):
            names = _names(guest, tree["roots"])
            if not names:
                continue
            try:
                data, imports, mentions = compile_file(path, guest, names, tree)
            except (SyntaxError, ValueError, RecursionError) as error:
                line = getattr(error, "lineno", None) or 0
                message = f"{type(error).__name__}: {getattr(error, 'msg', None) or error}"
                errors += [
                    {"origin": guest, "line": line, "message": message, "name": name, "group": group}
                    for name, _ in names
                ]
                continue
            out.write(data)
            for name, package in names:
                if name in known:
                    continue
                known.add(name)
                modules.append(
                    {
                        "name": name,
                        "origin": guest,
                        "package": package,
                        "group": group,
                        "offset": offset,
                        "length": len(data),
                        "imports": imports[name],
                        "mentions": mentions if group in ("app", "site") else [],
                    }
                )
            offset += len(data)
    return {"modules": modules, "errors": errors}


def main():
    with open("/0/job.json", encoding="utf-8") as file:
        job = json.load(file)
    with open("/0/code.bin", "wb") as out:
        index = compile_trees(job, out)
    index["python"] = ".".join(map(str, sys.version_info[:3]))
    with open("/0/index.json", "w", encoding="utf-8") as file:
        json.dump(index, file)
    with open("/0/done", "w", encoding="utf-8") as file:
        file.write("ok")
    raise SystemExit


main()
