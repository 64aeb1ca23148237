"""Built files followed back to their sources: what compilers and bundlers would have made of which file."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Sequence

from analyzers.guest import Guest
from analyzers.languages.javascript.project import Package, Project, above, parse_json, table
from analyzers.model import Image

SUFFIXES = (".ts", ".tsx", ".mts", ".cts", ".js", ".mjs", ".cjs", ".jsx")
_BUILT = frozenset(
    {"dist", "build", "lib", "out", ".output", "output", "compiled", "bundle", "target", "bin"}
)
_STEMS = ("index", "main", "server", "app")
_CONFIGS = re.compile(
    r"(webpack|rollup|esbuild|tsup|tsdown|vite|rspack|rolldown|build|unbuild|ncc)[\w.-]*\.(js|cjs|mjs|ts|mts|json)"
)
_LITERAL = re.compile(r"""(['"`])((?:\.{0,2}/)?[\w@./-]+)\1""")
_WORD = re.compile(r"""[^\s'"=,;&|()]+""")
_FOLDERS = re.compile(
    r"\b(?:babel|swc|tsc|cpx|cp|sucrase)\s+(?:-\S+\s+)*(\S+)\s.*?(?:-d|--out-dir|--outDir)[= ](\S+)"
)


def source_file(guest: Guest, path: str) -> str | None:
    """The file that a path without (or with another) suffix names, as Node.js and TypeScript look."""
    path = posixpath.normpath(path)
    if path in guest.files:
        return path
    stem, suffix = posixpath.splitext(path)
    if suffix in (".js", ".mjs", ".cjs", ".jsx"):
        for other in SUFFIXES[:4]:
            if stem + other in guest.files:
                return stem + other
    for other in (*SUFFIXES, ".json"):
        if path + other in guest.files:
            return path + other
    for other in SUFFIXES:
        if f"{path}/index{other}" in guest.files:
            return f"{path}/index{other}"
    return None


def sources_of(image: Image, guest: Guest, project: Project, path: str, *, started: bool) -> str | None:
    """The source of a file that a build in this stage made; None where nothing points to one.

    A file that is `started` may be a bundle, and then stands for the entry that its bundler was given.
    """
    path = posixpath.normpath(path)
    package = project.nearest(posixpath.dirname(path))
    for candidate in _candidates(image, guest, project, package, path, started=started):
        found = source_file(guest, candidate)
        if found is not None and found.endswith(SUFFIXES) and not found.endswith(".d.ts"):
            return found
    return None


def _candidates(
    image: Image, guest: Guest, project: Project, package: Package | None, path: str, *, started: bool
) -> Iterator[str]:
    folder = package.folder if package else posixpath.dirname(path)
    yield from _by_typescript(project, posixpath.dirname(path), path)
    lines = _build_lines(image, package)
    for line in lines:
        for match in _FOLDERS.finditer(line):
            source, out = (posixpath.normpath(posixpath.join(folder, part)) for part in match.groups())
            if path.startswith(out + "/"):
                yield source + path[len(out) :]
    yield from _by_nest(guest, folder, path)
    written = _entries(guest, folder, lines) if started else []
    entries = [posixpath.join(folder, entry) for entry in written]
    stem = posixpath.splitext(posixpath.basename(path))[0]
    for entry in entries:
        if posixpath.splitext(posixpath.basename(entry))[0] == stem:
            yield entry
    if len(set(entries)) == 1:
        yield entries[0]
    yield from _by_convention(folder, path)
    wanted = (name for name in _STEMS)
    for name in wanted:
        for entry in entries:
            if posixpath.splitext(posixpath.basename(entry))[0] == name:
                yield entry


def _by_typescript(project: Project, folder: str, path: str) -> Iterator[str]:
    for place in above(folder):
        for name in ("tsconfig.build.json", "tsconfig.server.json", "tsconfig.json"):
            config = project.config(posixpath.join(place, name))
            out = config.out if config else None
            if config is None or out is None or not path.startswith(out + "/"):
                continue
            rest = path[len(out) + 1 :]
            if config.root is not None:
                yield posixpath.join(config.root, rest)
            yield posixpath.join(config.folder, rest)
            for included in config.include:
                yield posixpath.join(included.partition("*")[0], rest)
            yield posixpath.join(config.folder, "src", rest)


def _by_nest(guest: Guest, folder: str, path: str) -> Iterator[str]:
    for place in above(folder):
        text = guest.text(posixpath.join(place, "nest-cli.json"))
        if text is None:
            continue
        data = table(parse_json(text))
        rest = path[len(place.rstrip("/")) + 1 :].split("/")
        for project in table(data.get("projects")).values():  # a monorepo of Nest applications
            root = table(project).get("sourceRoot")
            if isinstance(root, str) and posixpath.dirname(root) in "/".join(rest):
                yield posixpath.join(place, root, rest[-1])
        root = data.get("sourceRoot")
        yield posixpath.join(place, root if isinstance(root, str) else "src", *rest[1:])


def _build_lines(image: Image, package: Package | None) -> list[str]:
    lines = [run.command for run in image.runs]
    return lines + (list(package.scripts.values()) if package else [])


def _entries(guest: Guest, folder: str, lines: Sequence[str]) -> list[str]:
    """Files that bundlers are told to start from, in their command lines and configurations."""
    found: list[str] = []
    texts = [
        line
        for line in lines
        if re.search(
            r"\b(esbuild|tsup|tsdown|ncc|webpack|rollup|vite|parcel|bun build|swc|pkgroll|rspack|nest)\b",
            line,
        )
    ]
    for text in texts:
        for match in _WORD.finditer(text):
            word = match[0].strip("'\"")
            if word.endswith(SUFFIXES) and not _CONFIGS.fullmatch(posixpath.basename(word)):
                found += [word] if posixpath.join(folder, word) in _normal(guest, folder, word) else []
    prefix = folder.rstrip("/") + "/"
    configs = [
        name for name in guest.files
        if name.startswith(prefix) and name.count("/") <= prefix.count("/") + 1
        and _CONFIGS.fullmatch(posixpath.basename(name))
    ]  # fmt: skip
    for name in sorted(configs):
        text = guest.text(name) or ""
        if len(text) > 100_000:
            continue
        for match in _LITERAL.finditer(text):
            for place in (folder, posixpath.dirname(name), posixpath.join(folder, "src")):
                if "/" not in match[2] and place == posixpath.dirname(name) and "." not in match[2]:
                    continue  # a bare word of the configuration is no file
                path = posixpath.normpath(posixpath.join(place, match[2]))
                file = source_file(guest, path)
                if file and file.endswith(SUFFIXES) and file != name:
                    found.append(posixpath.relpath(file, folder))
                    break
    return list(dict.fromkeys(found))


def _normal(guest: Guest, folder: str, word: str) -> tuple[str, ...]:
    path = posixpath.normpath(posixpath.join(folder, word))
    return (posixpath.join(folder, word),) if path in guest.files else ()


def _by_convention(folder: str, path: str) -> Iterator[str]:
    rest = path[len(folder.rstrip("/")) + 1 :] if path.startswith(folder.rstrip("/") + "/") else ""
    parts = rest.split("/")
    if len(parts) > 1 and parts[0] in _BUILT:
        below = parts[1:]
        yield posixpath.join(folder, "src", *below)
        yield posixpath.join(folder, *below)
        if below[0] in ("src", "cjs", "esm", "server") and len(below) > 1:
            yield posixpath.join(folder, "src", *below[1:])
            yield posixpath.join(folder, *below[1:])
    elif len(parts) == 1 and parts[0]:
        yield posixpath.join(folder, "src", parts[0])
