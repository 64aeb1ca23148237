"""Shell scripts that are the service: loops around `nc` or `socat`, jobs, `cron`."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib import resources
from typing import TYPE_CHECKING

from analyzers.command import StartCommand, program
from analyzers.guest import Guest
from analyzers.languages import detect, syntax
from analyzers.model import ComposeFacts, Evidence, Fact, FactKind, Image, Reach, Source
from analyzers.repository import Tree

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
(command) @command
(file_redirect) @redirect
"""
_SCRIPTS = 40  # that are followed, one from another
_COMMANDS = 2_000  # of one script
_PORT = re.compile(r"(?:LISTEN(?:6)?:|-p\s*|-l\s*(?:\S+\s+)??)(\d{2,5})\b|\s(\d{2,5})\b")
_URL = re.compile(r"https?://([A-Za-z0-9.-]+(?::\d+)?)")
_HTTP = re.compile(rb"HTTP/1\.[01]")


@dataclass(frozen=True, slots=True)
class _Programs:
    outbound: Mapping[str, str]
    database: Mapping[str, str]
    listen: frozenset[str]
    scheduler: frozenset[str]
    builtin: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Command:
    words: tuple[str, ...]
    line: int


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
) -> Source | None:
    """What the script that the container starts does; None where the command is none of the repository."""
    del stages
    if image is None or not start.argv:
        return None
    known = _programs()
    guest = Guest(tree, image, compose)
    name = program(start.argv[0])
    if name in known.listen or name in known.scheduler:
        evidence = start.evidence[-1] if start.evidence else image.base_evidence
        only = _Command(tuple(start.argv), evidence.line)
        files = _reached(tree, guest, _called(tree, guest, [only], start.workdir), start.workdir)
        found = list(_facts(known, [only], lambda _: evidence, http=_speaks_http(tree, files)))
        found += _of_files(tree, known, files)
        if name in known.scheduler:
            found.append(Fact(FactKind.WORKER, name, (evidence,), reach=Reach.IMPORT))
        return _source(image.context, None, evidence, [*start.facts, *found], files, start)
    word = next((one for one in start.argv if guest.find_program(one, start.workdir)), None)
    first = guest.files.get(guest.find_program(word, start.workdir) or "") if word else None
    if first is None or not is_script(tree, first):
        first = next((one.path for one in start.evidence if is_script(tree, one.path)), None)
    if first is None:
        return None
    files = _reached(tree, guest, [first], start.workdir)
    found = _of_files(tree, known, files)
    listens = any(one.kind is FactKind.LISTEN for one in found)
    if not listens and re.search(rb"\bwhile\b|\buntil\b", tree.data(first) or b""):
        found.append(Fact(FactKind.WORKER, "a loop", (_at(tree, first, 1),), reach=Reach.IMPORT))
    merged: dict[tuple[FactKind, str, str], Fact] = {}
    for one in (*start.facts, *found):
        merged.setdefault((one.kind, one.subject, one.detail), one)
    return _source(posixpath.dirname(first), first, _at(tree, first, 1), merged.values(), files, start)


def is_script(tree: Tree, path: str) -> bool:
    """Whether a file is a shell script by its first line or its name."""
    return detect.is_shell((tree.data(path) or b"")[:200].decode("utf-8", "replace"), path)


def _source(
    root: str,
    entry: str | None,
    evidence: Evidence,
    found: Iterable[Fact],
    files: Sequence[str],
    start: StartCommand,
) -> Source:
    return Source(
        language="shell",
        root=root,
        framework=None,
        entry=entry,
        entry_evidence=evidence,
        interface=None,
        server=None,
        facts=tuple(found),
        files=tuple(files),
        workdir=start.workdir,
    )


def _at(tree: Tree, path: str, line: int) -> Evidence:
    return Evidence(path, line, tree.line(path, line))


def _of_files(tree: Tree, known: _Programs, files: Sequence[str]) -> list[Fact]:
    found: list[Fact] = []
    http = _speaks_http(tree, files)
    for path in files:
        commands, written = _read(tree, path)
        found += _facts(known, commands, partial(_at, tree, path), http=http)
        for target, line in written:
            reach = Reach.REQUEST if len(files) > 1 or http else Reach.UNKNOWN
            found.append(Fact(FactKind.FILE_WRITE, target, (_at(tree, path, line),), reach=reach))
    return found


def _speaks_http(tree: Tree, files: Sequence[str]) -> bool:
    """Whether a script writes the first line of an answer."""
    return any(_HTTP.search(tree.data(one) or b"") for one in files)


def _called(tree: Tree, guest: Guest, commands: Iterable[_Command], workdir: str) -> list[str]:
    """The scripts of the image that commands name, `EXEC:/x.sh` of socat included."""
    found = []
    for command in commands:
        for word in command.words:
            for part in re.split(r"[\s,:]", word):
                place = guest.find_program(part, workdir) if part else None
                source = guest.files.get(place or "")
                if source and is_script(tree, source):
                    found.append(source)
    return found


def _reached(tree: Tree, guest: Guest, first: Sequence[str], workdir: str) -> tuple[str, ...]:
    """Scripts and those of the image that they call by path."""
    found = list(first)
    for path in found:
        commands, _ = _read(tree, path)
        fresh = [one for one in _called(tree, guest, commands, workdir) if one not in found]
        found += list(dict.fromkeys(fresh))[: max(0, _SCRIPTS - len(found))]
    return tuple(found)


def _read(tree: Tree, path: str) -> tuple[list[_Command], list[tuple[str, int]]]:
    """The commands of a script and the files that redirections write."""
    try:
        root = syntax.parse("bash", tree.data(path) or b"").root_node
    except syntax.UnparsedError as error:
        tree.give_up(path, str(error))
        return [], []
    found = syntax.captures("bash", _QUERY, root)
    commands = [
        _Command(tuple(_words(node)), syntax.line(node)) for node in found.get("command", ())[:_COMMANDS]
    ]
    written: list[tuple[str, int]] = []
    for node in found.get("redirect", ())[:_COMMANDS]:
        match = re.match(r"\d*(?:&>>?|>>?\|?)\s*[\"']?([^&\s\"'][^\s\"']*)", syntax.text(node))
        if match and not match[1].startswith(("/dev/", "&")):
            written.append((match[1][:120], syntax.line(node)))
    return [one for one in commands if one.words], written


def _words(node: Node) -> Iterable[str]:
    for child in node.named_children[:60]:
        if child.type != "variable_assignment":
            yield syntax.text(child)[:300].strip("\"'")


def _facts(
    known: _Programs, commands: Iterable[_Command], at: Callable[[int], Evidence], *, http: bool
) -> Iterable[Fact]:
    for command in commands:
        name = posixpath.basename(command.words[0])
        line = " ".join(command.words)
        evidence = (at(command.line),)
        if name in known.listen and re.search(r"LISTEN|\s-\w*l", line):
            port = _PORT.search(line)
            number = next((group for group in port.groups() if group), "") if port else ""
            yield Fact(FactKind.LISTEN, "http" if http else "tcp", evidence, number, Reach.IMPORT)
            if forwarded := re.search(r"(?:TCP4?|OPENSSL|UNIX-CONNECT|TCP-CONNECT):(\S+)$", line):
                yield Fact(FactKind.FORWARD, forwarded[1], evidence, "main")
        elif name in known.outbound:
            host = _URL.search(line)
            yield Fact(FactKind.OUTBOUND, known.outbound[name], evidence, host[1] if host else "")
        elif name in known.database:
            yield Fact(FactKind.DATABASE, known.database[name], evidence)
        if re.fullmatch(r"[\w./+-]+", command.words[0]) and name not in known.builtin:
            yield Fact(FactKind.SUBPROCESS, name, evidence, name, Reach.REQUEST)


@cache
def _programs() -> _Programs:
    data = tomllib.loads(
        resources.files("analyzers.languages").joinpath("shell_scripts.toml").read_text("utf-8")
    )
    data["source"], data["date"]
    return _Programs(
        outbound={name: kind for kind, names in data["outbound"].items() for name in names},
        database={name: kind for kind, names in data["database"].items() for name in names},
        listen=frozenset(data["listen"]["tcp"]),
        scheduler=frozenset(data["scheduler"]["programs"]),
        builtin=frozenset(data["builtin"]["programs"]),
    )
