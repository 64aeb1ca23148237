"""The files of an image that configure a server: copied, written by RUN lines, filled in at the start.

Nothing of this machine is read but files of the repository: a name that is not in the image is not there.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import islice

from analyzers import run_lines
from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.model import ComposeFacts, Evidence, Image, Run
from analyzers.repository import Tree

_ARGUMENTS = r"(?:\"[^\"\n]{0,2000}\"|'[^'\n]{0,2000}'|[^\n|;&<>\"']){0,2000}?"
_ENVSUBST = re.compile(rf"envsubst\b{_ARGUMENTS}<\s*(\S{{1,500}})\s*(?:\|\s*tee|>)\s*(\S{{1,500}})")
_PIPED = re.compile(rf"cat\s+(\S{{1,500}})\s*\|\s*envsubst\b{_ARGUMENTS}(?:\|\s*tee|>)\s*(\S{{1,500}})")
_HEREDOC = re.compile(
    r"(?:cat|tee)\b(?P<before>[^\n]{0,200}?)<<-?\s*(?P<quote>['\"]?)(?P<name>\w+)(?P=quote)(?P<after>[^\n]{0,200})\n"
)
_SCRIPT = 100_000  # characters of a start script that `envsubst` is looked for in
_HEREDOCS = 50  # of one RUN line
_REFERENCE = re.compile(r"\$\{([A-Za-z_]\w*)\}|\$([A-Za-z_]\w*)")
_TEMPLATE = re.compile(r"\.(?:template|tmpl|tpl)$")
_TEMPLATES = "/etc/nginx/templates/"  # the official image's start script fills these in


class Files:
    """Texts by their path in the image.

    `removed` are paths that RUN lines delete; a known default of the base image is then not there.
    """

    def __init__(
        self,
        tree: Tree,
        image: Image | None,
        compose: ComposeFacts | None,
        start: StartCommand,
        stages: Sequence[Image] = (),
    ) -> None:
        self.tree = tree
        self.guest = Guest(tree, image, compose)
        self.removed: list[str] = []
        self._copied: dict[str, tuple[Guest, str]] = {}  # from another stage
        self._written: dict[str, tuple[str, Evidence]] = {}
        self._alias: dict[str, str] = {}
        self._filled: dict[str, str] = {}  # made from a template at the start
        self._env = dict(start.env)
        if image is not None:
            self._copy(tree, image, stages)
            for run in image.runs:
                self._run(run)
        self._fill(start)
        known = (
            *self.guest.files,
            *self.guest.inline,
            *self._copied,
            *self._written,
            *self._alias,
            *self._filled,
        )
        self.names = tuple(sorted(dict.fromkeys(known)))

    # --- where they come from ---

    def _copy(self, tree: Tree, image: Image, stages: Sequence[Image]) -> None:
        by_name = {stage.stage: stage for stage in stages}
        for copy in image.copies:
            stage = by_name.get(copy.stage) if copy.stage is not None else None
            if stage is None:
                continue
            other = Guest(tree, stage)
            for source in copy.sources:
                source = posixpath.normpath(posixpath.join("/", source))
                for path in other.files:
                    if path == source:
                        folder = copy.destination.endswith("/") or len(copy.sources) > 1
                        name = posixpath.basename(path)
                        to = posixpath.join(copy.destination, name) if folder else copy.destination
                        self._copied[posixpath.normpath(to)] = (other, path)
                    elif path.startswith(source.rstrip("/") + "/"):
                        to = f"{copy.destination}/{path[len(source.rstrip('/')) + 1 :]}"
                        self._copied[posixpath.normpath(to)] = (other, path)

    def _run(self, run: Run) -> None:
        for match in islice(_HEREDOC.finditer(run.command), _HEREDOCS):
            end = re.compile(rf"^\t*{match['name']}\s*$", re.MULTILINE).search(run.command, match.end())
            if end is None:
                continue
            target = re.search(r">\s*(\S+)", match["after"]) or re.search(r">\s*(\S+)", match["before"])
            name = target[1] if target else (match["before"].split() or [""])[-1]
            if name.startswith("/") or target:
                body = run.command[match.end() : end.start()]
                self._written[self._join(run, name)] = (body, run.evidence)
        for command in run_lines.commands(run):
            try:
                words = shlex.split(command)
            except ValueError:
                continue
            self._command(run, words)

    def _command(self, run: Run, words: list[str]) -> None:
        if not words:
            return
        plain = [word for word in words[1:] if not word.startswith("-")]
        if words[0] in ("rm", "unlink"):
            self.removed += [self._join(run, word) for word in plain]
        elif words[0] in ("cp", "mv", "ln") and len(plain) == 2:
            source, target = (self._join(run, word) for word in plain)
            if plain[1].endswith("/") or target in self.guest.folders:
                target = posixpath.join(target, posixpath.basename(source))
            self._alias[target] = source
        elif words[0] in ("echo", "printf"):
            for mark in (">", ">>"):
                if mark in words[1:-1]:
                    at = words.index(mark)
                    text = " ".join(word for word in words[1:at] if word not in ("-e", "-n"))
                    path = self._join(run, words[at + 1])
                    before = self._written.get(path, ("", run.evidence))[0] if mark == ">>" else ""
                    text = text.replace("\\n", "\n").replace("\\t", "\t")
                    self._written[path] = (f"{before}{text}\n", run.evidence)

    @staticmethod
    def _join(run: Run, word: str) -> str:
        return posixpath.normpath(posixpath.join("/", run.workdir, word))

    def _fill(self, start: StartCommand) -> None:
        paths = (*self.guest.files, *self.guest.inline, *self._copied)
        for path in paths:
            if path.startswith(_TEMPLATES) and path.endswith(".template"):
                name = path[len(_TEMPLATES) : -len(".template")]
                self._filled[posixpath.normpath(f"/etc/nginx/conf.d/{name}")] = path
        places = (*start.evidence, *(e for fact in start.facts for e in fact.evidence))
        for script in dict.fromkeys(place.path for place in places):
            text = (self.tree.text(script) or "")[:_SCRIPT].replace("\\\n", " ")
            for match in (*_ENVSUBST.finditer(text), *_PIPED.finditer(text)):
                source, target = (
                    posixpath.normpath(posixpath.join("/", w.strip("'\""))) for w in match.groups()
                )
                if source in paths:
                    self._filled.setdefault(target, source)
        for path in paths:
            target = _TEMPLATE.sub("", path)
            if target != path and target.startswith("/etc/") and target not in paths:
                self._filled.setdefault(target, path)

    # --- what they say ---

    def text(self, path: str) -> str | None:
        """The text of a file; variables of a template are put in as far as their values are known."""
        path = self._source(path)
        if path in self._filled:
            text = self._raw(self._filled[path])
            return None if text is None else _REFERENCE.sub(self._value, text)
        return self._raw(path)

    def evidence(self, path: str, line: int) -> Evidence | None:
        """A line of such a file in the repository's terms: the RUN line where that wrote it."""
        path = self._source(path)
        path = self._filled.get(path, path)
        if path in self._copied and path not in self.guest.files:
            other, name = self._copied[path]
            return other.evidence(name, line)
        if path in self._written and path not in self.guest.files:
            return self._written[path][1]
        return self.guest.evidence(path, line)

    def repository_path(self, path: str) -> str | None:
        """The file of the repository that becomes a file of the image."""
        path = self._source(path)
        path = self._filled.get(path, path)
        if path in self.guest.files:
            return self.guest.files[path]
        if path in self._copied:
            other, name = self._copied[path]
            return other.files.get(name)
        return None

    def is_removed(self, path: str) -> bool:
        """Whether a RUN line deletes a file, by name, by pattern or with its folder."""
        return any(
            glob(pattern).fullmatch(path) or path.startswith(pattern.rstrip("/") + "/")
            for pattern in self.removed
        )

    def matching(self, pattern: str) -> list[str]:
        """Known paths that a pattern names, sorted; `*` stays inside one folder."""
        expression = glob(posixpath.normpath(pattern))
        return [name for name in self.names if expression.fullmatch(name)]

    def below(self, folder: str) -> list[str]:
        """Files of the repository (or of RUN lines) that lie in a folder of the image."""
        prefix = posixpath.normpath(folder).rstrip("/") + "/"
        return [name for name in self.names if name.startswith(prefix)]

    def _source(self, path: str) -> str:
        path = posixpath.normpath(path)
        for _ in range(8):
            if path in self.guest.files or path not in self._alias:
                break
            path = self._alias[path]
        return path

    def _raw(self, path: str) -> str | None:
        text = self.guest.text(path)
        if text is None and path in self._copied:
            other, name = self._copied[path]
            text = other.text(name)
        if text is None and path in self._written:
            text = self._written[path][0]
        return text

    def variable(self, name: str) -> str | None:
        """A variable that the container starts with, where its value is known."""
        return self._env.get(name)

    def _value(self, match: re.Match[str]) -> str:
        return self._env.get(match[1] or match[2], match[0])

    @property
    def templates(self) -> Mapping[str, str]:
        """Files that are made at the start -> the template they are made from."""
        return self._filled


def glob(pattern: str) -> re.Pattern[str]:
    """A shell pattern whose `*` and `?` do not cross `/`."""
    parts: list[str] = []
    for char in pattern:
        if char == "*":
            if parts[-1:] != ["[^/]*"]:  # `**` means no more than `*`, and must not cost more
                parts.append("[^/]*")
        else:
            parts.append("[^/]" if char == "?" else re.escape(char))
    return re.compile("".join(parts))
