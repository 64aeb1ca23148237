"""Programs that the repository's own packages install: the console scripts of their manifests.

`[project.scripts]` (PEP 621), `[tool.poetry.scripts]`, `entry_points` of setup.cfg and setup.py as
setuptools reads them, `scripts` of setup.py, and the plugins that `twistd` finds below `twisted/plugins`.
All of it is read; nothing is run.
"""

from __future__ import annotations

import ast
import configparser
import posixpath
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

from analyzers.guest import Guest
from analyzers.languages.python import setup_files

_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py")
_READ = 40  # manifests of one image, the outermost first
_PYTHON = re.compile(r"#!\s*\S*(?:/env\s+(?:-\S+\s+)*)?[\w/.-]*python[\d.]*\b")


@dataclass(frozen=True, slots=True)
class Script:
    """`module` (and `function` in it), or the guest file `path`, that a program's name stands for. `search`
    are the folders that the package is imported from."""

    module: str | None
    function: str | None
    path: str | None
    search: tuple[str, ...] = ()


def find(name: str, guest: Guest) -> Script | None:
    """What a program of this name is, where one of the image's own packages installs it."""
    for path in islice(_manifests(guest), _READ):
        folder = posixpath.dirname(path)
        target = _of_manifest(path, guest.text(path) or "").get(name)
        if target is None:
            continue
        search = (posixpath.join(folder, "src"), folder)
        if target.endswith(f"/{name}") or ":" not in target:  # setup.py's `scripts`
            file = posixpath.normpath(posixpath.join(folder, target))
            if file in guest.files:
                return Script(None, None, file, search)
            continue
        module, _, function = target.partition("[")[0].strip().partition(":")
        return Script(module.strip(), function.strip() or None, None, search)
    return None


def is_python(text: str) -> bool:
    """Whether a file's first line says that Python runs it."""
    return _PYTHON.match(text) is not None


def plugin(name: str, guest: Guest) -> str | None:
    """The module of a plugin of `twistd`: `ServiceMaker("Title", "package.tap", "What it is", "name")`."""
    paths = [path for path in guest.files if "/twisted/plugins/" in path and path.endswith(".py")]
    for path in islice(sorted(paths), _READ):
        for call in _calls(guest.text(path) or "", "ServiceMaker"):
            given = [a.value if isinstance(a, ast.Constant) else None for a in call.args]
            named = {k.arg: k.value.value for k in call.keywords if isinstance(k.value, ast.Constant)}
            module = given[1] if len(given) > 1 else named.get("module")
            called = given[3] if len(given) > 3 else named.get("tapname")
            if called == name and isinstance(module, str):
                return module
    return None


def _manifests(guest: Guest) -> Iterable[str]:
    found = (path for path in guest.files if posixpath.basename(path) in _MANIFESTS)
    return sorted(found, key=lambda path: (path.count("/"), path))


def _of_manifest(path: str, text: str) -> Mapping[str, str]:
    """Program -> `module:function`, or the file that is installed as it is."""
    if path.endswith(".toml"):
        return dict(_of_pyproject(text))
    if path.endswith(".cfg"):
        return dict(_of_setup_cfg(text))
    return dict(setup_files.scripts(text))


def _of_pyproject(text: str) -> Iterator[tuple[str, str]]:
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return  # `not_read` has it from the reader of requirements
    for keys in (("project", "scripts"), ("tool", "poetry", "scripts"), ("tool", "flit", "scripts")):
        table: object = data
        for key in keys:
            table = table.get(key) if isinstance(table, dict) else None
        for name, target in table.items() if isinstance(table, dict) else ():
            if isinstance(target, dict):  # poetry: {callable = "a:b"}, {reference = "bin/a", type = "file"}
                target = target.get("callable") or target.get("reference")
            if isinstance(target, str):
                yield name, target


def _of_setup_cfg(text: str) -> Iterator[tuple[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return
    for line in parser.get("options.entry_points", "console_scripts", fallback="").split("\n"):
        name, equals, target = line.partition("#")[0].partition("=")
        if equals and name.strip():
            yield name.strip(), target.strip()
    for file in parser.get("options", "scripts", fallback="").split("\n"):
        if file.strip():
            yield posixpath.basename(file.strip()), file.strip()


def _calls(text: str, name: str) -> Iterator[ast.Call]:
    tree = setup_files.tree_of(text)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and getattr(node.func, "id", getattr(node.func, "attr", "")) == name:
            yield node
