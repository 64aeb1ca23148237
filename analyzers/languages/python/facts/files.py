"""Files that the code reads and writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence

from analyzers.languages.python.facts.objects import values_of
from analyzers.languages.python.facts.place import Place
from analyzers.languages.python.syntax import argument, receiver
from analyzers.languages.python.tables import tables
from analyzers.languages.python.values import written
from analyzers.model import Confidence, Fact, FactKind


def file_call(at: Place, node: ast.Call, name: str, method: str) -> Iterator[Fact]:
    first = argument(node, 0, "file")
    if name in _ARCHIVES and first is not None and _in_memory(at, first):
        return
    if name in (
        "open",
        "io.open",
        "codecs.open",
        "gzip.open",
        "zipfile.ZipFile",
        "tarfile.open",
        "aiofiles.open",
    ):
        yield _opened(at, node, argument(node, 0, "file"), argument(node, 1, "mode"))
    elif method == "open" and _is_path(node.func):
        yield _opened(at, node, receiver(node), argument(node, 0, "mode"))
    elif method in ("write_text", "write_bytes", "mkdir", "touch", "unlink", "rmdir") and isinstance(
        node.func, ast.Attribute
    ):
        if name.startswith("os.") or (
            method in ("unlink", "rmdir", "touch", "mkdir") and not _is_path(node.func)
        ):
            index = tables()["write"].get(name)
            if index is not None:
                yield written_to(at, node, argument(node, index, "path"))
            return
        yield written_to(at, node, node.func.value)
    elif method in ("read_text", "read_bytes") and isinstance(node.func, ast.Attribute):
        yield at.fact(FactKind.FILE_READ, at.path(node.func.value), node)
    elif name in tables()["write"]:
        yield written_to(at, node, argument(node, tables()["write"][name], "filename"))
    elif name in tables()["temporary"]["calls"]:
        yield at.fact(FactKind.FILE_WRITE, f"{name}()", node, "tempfile")
    elif name == "logging.basicConfig" and (target := argument(node, 99, "filename")) is not None:
        yield written_to(at, node, target)
    elif method == "save" and len(node.args) == 1 and not name.startswith("django") and _is_upload(node):
        yield written_to(at, node, node.args[0])
    elif name in ("flask.send_file", "flask.send_from_directory") and node.args:
        if "BytesIO(" in written(node.args[0], 400):
            return
        yield at.fact(FactKind.FILE_READ, at.path(node.args[0]), node)


_ARCHIVES = frozenset({"zipfile.ZipFile", "tarfile.open", "gzip.open"})


def _in_memory(at: Place, node: ast.expr) -> bool:
    """Whether an archive is made in a buffer: `ZipFile(io.BytesIO())`, of a local name or of `self`."""
    values: Sequence[ast.expr] = [node]
    if isinstance(node, ast.Name):
        owner = at.scope.function
        values = at.state.given(owner, node.id) if owner is not None else ()
    elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self" and at.scope.owner:
        values = [value for _, value in values_of(at.scope.owner, node.attr)]
    made = [at.origin(v.func).rpartition(".")[2] if isinstance(v, ast.Call) else "" for v in values]
    return bool(made) and all(name in ("BytesIO", "StringIO", "SpooledTemporaryFile") for name in made)


def _is_path(function: ast.expr) -> bool:
    """Whether a method is called on something that looks like a pathlib path."""
    base = function.value if isinstance(function, ast.Attribute) else function
    text = written(base, 200)
    return bool(re.search(r"Path\(|__file__|\b\w*(?:path|dir|file|folder)\w*\b", text, re.IGNORECASE))


def _is_upload(node: ast.Call) -> bool:
    """`request.files[...].save(path)`, or an argument that is a path: no model's or form's save()."""
    called_on = written(receiver(node) or node, 200)
    given = written(node.args[0], 200)
    return bool(
        re.search(r"files|upload|file|image|photo|picture|attachment", called_on, re.IGNORECASE)
        or re.search(r"path|join\(|dir|folder|/", given, re.IGNORECASE)
    )


def _opened(at: Place, node: ast.Call, target: ast.expr | None, mode: ast.expr | None) -> Fact:
    text = "r"
    sure = Confidence.HIGH
    if isinstance(mode, ast.Constant) and isinstance(mode.value, str):
        text = mode.value
    elif mode is not None:
        text, sure = "w", Confidence.LOW  # a computed mode: the careful reading
    if any(letter in text for letter in "wax+"):
        return written_to(at, node, target, sure)
    return at.fact(FactKind.FILE_READ, at.path(target), node)


def written_to(at: Place, node: ast.AST, target: ast.expr | None, sure: Confidence = Confidence.HIGH) -> Fact:
    path = at.path(target)
    temporary = path.startswith(("/tmp", "/var/tmp", "/dev/shm")) or "gettempdir" in path  # noqa: S108 - seen in code
    return at.fact(FactKind.FILE_WRITE, path, node, "tmp" if temporary else "", sure)
