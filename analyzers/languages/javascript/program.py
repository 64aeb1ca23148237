"""The files of a program: found through the stages of the image, resolved as Node.js does, parsed once."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from analyzers.guest import Guest
from analyzers.languages import built
from analyzers.languages.javascript import modules, outputs
from analyzers.languages.javascript.modules import Module
from analyzers.languages.javascript.project import Project, above, table
from analyzers.languages.syntax import UnparsedError
from analyzers.model import Image
from analyzers.repository import Tree

if TYPE_CHECKING:
    from tree_sitter import Node

# `./scripts/${name}` and path.join(__dirname, 'scripts', name)
_IN_FOLDER = re.compile(
    r"`(\.{1,2}/(?:[\w.-]+/)*)\$\{[^`]*`$|path\.(?:join|resolve)\(\s*__dirname\s*,\s*(?:['\"`]([\w./-]+)"
    r"['\"`]\s*,\s*)?\w+\s*\)$"
)
_LISTED = re.compile(rb"\breaddir|\bglob")
_BROWSER = re.compile(rb"\s*(?:(?://[^\n]*\n|/\*.*?\*/)\s*)*['\"]use client['\"]", re.DOTALL)
_FILES = 4_000  # modules of one service
_TESTS = frozenset({"test", "tests", "__tests__", "__mocks__", "spec", "e2e", "fixtures", "cypress"})

# Node.js 24's own modules (`node:module`.builtinModules), 2026-11-22.
BUILTINS = frozenset(
    [
        "assert",
        "async_hooks",
        "buffer",
        "child_process",
        "cluster",
        "console",
        "constants",
        "crypto",
        "dgram",
        "diagnostics_channel",
        "dns",
        "domain",
        "events",
        "fs",
        "http",
        "http2",
        "https",
        "inspector",
        "module",
        "net",
        "os",
        "path",
        "perf_hooks",
        "process",
        "punycode",
        "querystring",
        "readline",
        "repl",
        "sea",
        "sqlite",
        "stream",
        "string_decoder",
        "sys",
        "test",
        "timers",
        "tls",
        "trace_events",
        "tty",
        "url",
        "util",
        "v8",
        "vm",
        "wasi",
        "worker_threads",
        "zlib",
    ]
)


class Program:
    """File systems of the final image (0) and of the stages that it copies from; their modules."""

    def __init__(
        self,
        tree: Tree,
        image: Image,
        guest: Guest,
        stages: Sequence[Image],
        environment: Mapping[str, str],
        workdir: str,
        passed: frozenset[str] = frozenset(),
    ) -> None:
        self.tree = tree
        self.images: list[Image] = [image, *stages]
        self.stages = tuple(stages)
        self.guests = [guest, *(Guest(tree, stage) for stage in stages)]
        self.projects = [Project(one) for one in self.guests]
        self.environment = environment
        self.passed = passed  # variables whose values only the start gives
        self.workdir = workdir
        self.modules: dict[str, Module] = {}
        self.skipped: dict[str, str] = {}  # repository path -> why it was not parsed
        self.unresolved: dict[str, Module] = {}  # relative import -> the first module that asks for it
        self.followed: set[tuple[str, int]] = set()  # computed imports whose folder is known
        self.data: set[str] = set()  # JSON and other files that are imported
        self._resolved: dict[tuple[int, str, str], str | Module | None] = {}
        self.outside = False  # sources were taken from the build context, not from the image

    # --- finding -----------------------------------------------------------------------------------

    def find(self, path: str, stage: int = 0, *, started: bool = False) -> tuple[int, str] | None:
        """The source file behind a path of the image: itself, or what a build made it from."""
        path = posixpath.normpath(path)
        found = outputs.source_file(self.guests[stage], path)
        if found is not None:
            return stage, found
        if stage == 0:
            place = built.origin(self.images[0], self.stages, path)
            number = next((i for i, image in enumerate(self.images) if image is place.image), 0)
            if number:
                place = built.Origin(place.image, self._deployed(number, place.path))
                found = outputs.source_file(self.guests[number], place.path)
                if found is not None:
                    return number, found
                found = self._source(number, place.path, started=started)
                if found is not None:
                    return number, found
        found = self._source(stage, path, started=started)
        return (stage, found) if found is not None else None

    def _deployed(self, stage: int, path: str) -> str:
        """Where a file of a folder comes from that `pnpm deploy` made of a workspace's package."""
        for run in self.images[stage].runs:
            match = re.search(r"\bpnpm\b[^&|;\n]*\bdeploy\b([^&|;\n]*)", run.command)
            name = re.search(r"(?:--filter|-F)[= ]['\"]?([^\s'\"]+)", match[0]) if match else None
            words = [w for w in match[1].split() if not w.startswith("-")] if match else []
            if name is None or not words:
                continue
            target = posixpath.normpath(posixpath.join(run.workdir, words[-1]))
            package = self.projects[stage].named(name[1].removesuffix("..."))
            if package is not None and (path == target or path.startswith(target + "/")):
                return package.folder + path[len(target) :]
        return path

    def _source(self, stage: int, path: str, *, started: bool) -> str | None:
        guest, project = self.guests[stage], self.projects[stage]
        return outputs.sources_of(self.images[stage], guest, project, path, started=started)

    def find_outside(self, path: str) -> tuple[int, str] | None:
        """The same in the build context laid out at the working directory: files made outside the build."""
        context = self.images[0].context
        prefix = f"{context}/" if context else ""
        guest = Guest(self.tree, None)
        guest.files = {
            posixpath.join(self.images[0].workdir or "/", one[len(prefix) :]): one
            for one in self.tree.paths
            if one.startswith(prefix)
        }
        guest.folders = frozenset(posixpath.dirname(one) for one in guest.files)
        self.guests.append(guest)
        self.projects.append(Project(guest))
        self.images.append(self.images[0])
        number = len(self.guests) - 1
        found = outputs.source_file(guest, path) or self._source(
            number, posixpath.normpath(path), started=True
        )
        self.outside = found is not None
        return (number, found) if found is not None else None

    def load(self, stage: int, path: str) -> Module | None:
        """The module in a file; None where it is no source, cannot be read or is a tool's output."""
        source = self.guests[stage].files.get(path)
        if source is None:
            return None
        if source in self.modules:
            return self.modules[source]
        if source in self.skipped or len(self.modules) >= _FILES:
            return None
        if not path.endswith(outputs.SUFFIXES):
            if path.endswith(".json"):
                self.data.add(source)
                return None
            text = self.guests[stage].text(path) or ""
            if not text.startswith("#!") and posixpath.splitext(path)[1]:
                return None
        data = self.tree.data(source)
        if data is None:
            return None
        if modules.is_minified(data):
            self.skipped[source] = "is minified or a bundle"
            return None
        try:
            module = modules.parse(source, path, data)
        except UnparsedError as error:
            self.skipped[source] = str(error)
            self.tree.give_up(source, str(error))
            return None
        module.stage = stage
        self.modules[source] = module
        return module

    # --- resolving -----------------------------------------------------------------------------------

    def resolve(self, module: Module, specifier: str) -> Module | str | None:
        """What an import leads to: a module of the program, the name of a package, or None."""
        key = (module.stage, module.folder, specifier)
        if key not in self._resolved:
            self._resolved[key] = self._resolve(module, specifier)
        return self._resolved[key]

    def _resolve(self, module: Module, specifier: str) -> Module | str | None:
        specifier = specifier.partition("?")[0].partition("!")[0]
        folder = module.folder
        if specifier.startswith("."):
            return self._file(module.stage, posixpath.join(folder, specifier))
        if specifier.startswith("/"):
            return self._file(module.stage, specifier)
        name = specifier.removeprefix("node:")
        if specifier.startswith("node:") or name.partition("/")[0] in BUILTINS:
            return name
        project = self.projects[module.stage]
        config = project.tsconfig(folder)
        for place in config.aliased(specifier) if config else ():
            found = self._file(module.stage, place)
            if found is not None:
                return found
        if specifier.startswith(("@/", "~/", "#")):
            return self._private(module, specifier)
        package = package_of(specifier)
        own = project.named(package)
        if own is not None:
            subpath = "." + specifier[len(package) :]
            for target in own.export(subpath):
                found = self._file(module.stage, posixpath.join(own.folder, target))
                if found is not None:
                    return found
            inside = self._file(module.stage, posixpath.join(own.folder, "src", "index"))
            return inside if inside is not None else package
        return specifier.removeprefix("npm:").removeprefix("jsr:") if ":" in specifier else specifier

    def _private(self, module: Module, specifier: str) -> Module | str | None:
        """`#name` of the package's `imports`; `@/` and `~/` as bundlers are usually told."""
        project = self.projects[module.stage]
        package = project.nearest(posixpath.dirname(module.guest))
        if package is None:
            return None
        if specifier.startswith("#"):
            imports = table(package.data.get("imports"))
            fake = {"." + key[1:] if key == "#" else "./" + key[1:]: v for key, v in imports.items()}
            targets = type(package)(package.folder, package.path, {"exports": fake}).export(
                "./" + specifier[1:]
            )
            return next(
                (m for t in targets if (m := self._file(module.stage, posixpath.join(package.folder, t)))),
                None,
            )
        rest = specifier[2:]
        for base in ("src", "", "app"):
            found = self._file(module.stage, posixpath.join(package.folder, base, rest))
            if found is not None:
                return found
        return None

    def _file(self, stage: int, path: str) -> Module | None:
        found = self.find(path, stage)
        return self.load(*found) if found is not None else None

    # --- reaching -----------------------------------------------------------------------------------

    def reach(self, entries: Iterable[Module]) -> tuple[Module, ...]:
        """The modules that run, in the order in which they are reached; imports of types run nothing."""
        found: dict[str, Module] = {}
        todo = list(reversed(list(entries)))
        while todo:
            module = todo.pop()
            if module.path in found:
                continue
            if _BROWSER.match(module.data):
                continue  # runs in browsers
            found[module.path] = module
            below: list[Module] = []
            for use in module.uses:
                if use.type_only:
                    continue
                target = self.resolve(module, use.specifier)
                if isinstance(target, Module):
                    if not _is_test(target.path):
                        below.append(target)
                elif target is None and use.specifier.startswith("."):
                    place = posixpath.join(posixpath.dirname(module.guest), use.specifier)
                    if self.find(place, module.stage) is None:
                        self.unresolved.setdefault(use.specifier, module)
            for node in module.computed:
                below += self._folder_of(module, node)
            todo += reversed(below)
        return tuple(found.values())

    def _folder_of(self, module: Module, node: Node) -> list[Module]:
        """All modules of `require(`./scripts/${name}`)`: those in the folder that is known."""
        given = modules.arguments(node)
        text = (given[0].text or b"").decode("utf-8", "replace") if given else ""
        match = _IN_FOLDER.match(text)
        if match is None or not _LISTED.search(module.data):  # else one of them is chosen
            return []
        folder = posixpath.normpath(
            posixpath.join(posixpath.dirname(module.guest), match[1] or match[2] or ".")
        )
        if folder == module.guest:
            return []
        prefix = folder.rstrip("/") + "/"
        found = [
            one
            for one in self.below(module.stage, folder)
            if "/" not in one.guest[len(prefix) :] or one.guest.endswith(("/index.js", "/index.ts"))
        ]
        if found:
            self.followed.add((module.path, node.start_byte))
        return found

    def below(self, stage: int, folder: str) -> tuple[Module, ...]:
        """All modules in a folder, tests left out: frameworks load them by their place."""
        prefix = folder.rstrip("/") + "/"
        found: list[Module] = []
        for path in sorted(self.guests[stage].files):
            if path.startswith(prefix) and path.endswith(outputs.SUFFIXES) and not path.endswith(".d.ts"):
                source = self.guests[stage].files[path]
                if not _is_test(source) and (module := self.load(stage, path)) is not None:
                    found.append(module)
        return tuple(found)

    def package_folder(self, module: Module) -> str:
        """The folder of the package that a module belongs to, in the image."""
        project = self.projects[module.stage]
        folder = posixpath.dirname(module.guest)
        return next((place for place in above(folder) if project.package(place)), folder)


def package_of(specifier: str) -> str:
    """`@scope/name/sub` -> `@scope/name`; `name/sub` -> `name`."""
    parts = specifier.removeprefix("node:").removeprefix("npm:").removeprefix("jsr:").split("/")
    name = "/".join(parts[:2]) if parts[0].startswith("@") and len(parts) > 1 else parts[0]
    at = name.find("@", 1)  # Deno writes the version into the specifier
    return name[:at] if at > 0 else name


def _is_test(path: str) -> bool:
    name = posixpath.basename(path)
    return (
        ".test." in name
        or ".spec." in name
        or bool(_TESTS & set(path.split("/")[:-1]) & {"__tests__", "__mocks__"})
    )
