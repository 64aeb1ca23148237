"""Caddy's configuration: the Caddyfile, exactly as far as a site goes.

Grammar: https://caddyserver.com/docs/caddyfile/concepts, 2026-11-22. JSON configurations are not read.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from analyzers.languages.static_site.files import Files
from analyzers.languages.static_site.site import (
    ConfigError,
    Directive,
    Feature,
    Forward,
    Heard,
    Root,
    Site,
    address,
    check_length,
    port_of,
)
from analyzers.model import Evidence, Inbound, Unknown

_DEPTH = 40
_TOKENS = 100_000
_ENV = re.compile(r"\{\$([A-Za-z_]\w*)(?::([^{}\n]*))?\}|\{env\.([A-Za-z_]\w*)\}")
_MAIN = "/etc/caddy/Caddyfile"
_FEATURES = {
    "header": "headers", "redir": "redirect", "rewrite": "rewrite", "uri": "rewrite", "encode": "compression",
    "basicauth": "auth-basic", "basic_auth": "auth-basic", "forward_auth": "auth-request", "error": "answer",
    "respond": "answer", "templates": "templates", "handle_errors": "error-page", "tls": "tls",
}  # fmt: skip
_NESTED = frozenset({"handle", "handle_path", "route", "handle_errors", "handle_response"})


def parse(text: str, path: str) -> tuple[Directive, ...]:
    """The blocks and directives of one file. A line of addresses before a block is one directive.

    Raises ConfigError.
    """
    check_length(text)
    top: list[Directive] = []
    current = top
    opened: list[tuple[list[str], int, list[Directive]]] = []
    words: list[str] = []
    begun = 0

    def end() -> None:
        if words:
            current.append(Directive(words[0], tuple(words[1:]), path, begun))
            words.clear()

    for piece, line in _tokens(text):
        if piece == "\n":
            if words and not opened and words[-1].endswith(","):
                continue  # addresses of one site on several lines
            end()
        elif piece == "{":
            if len(opened) >= _DEPTH:
                raise ConfigError(f"line {line}: blocks are nested too deeply")
            opened.append((list(words), begun if words else line, current))
            words.clear()
            current = []
        elif piece == "}":
            end()
            if not opened:
                raise ConfigError(f"line {line}: a block is closed that was never opened")
            head, number, outer = opened.pop()
            name, *rest = head or [""]
            outer.append(Directive(name, tuple(rest), path, number, tuple(current)))
            current = outer
        else:
            begun = begun if words else line
            words.append(piece)
    end()
    if opened:
        raise ConfigError(f"the block of line {opened[-1][1]} is never closed")
    return tuple(top)


def _tokens(text: str) -> list[tuple[str, int]]:
    found: list[tuple[str, int]] = []
    i, line = 0, 1
    while i < len(text):
        if len(found) > _TOKENS:
            raise ConfigError(f"it has more than {_TOKENS} words")
        c = text[i]
        if c == "\n":
            found.append(("\n", line))
            line += 1
            i += 1
        elif c.isspace():
            i += 1
        elif c == "\\" and text[i + 1 : i + 2] == "\n":
            line += 1
            i += 2
        elif c == "#":
            stop = text.find("\n", i)
            i = len(text) if stop < 0 else stop
        elif c in '"`':
            stop = i + 1
            while stop < len(text) and text[stop] != c:
                stop += 2 if c == '"' and text[stop] == "\\" else 1
            if stop >= len(text):
                raise ConfigError(f"line {line}: a quote is never closed")
            found.append((text[i + 1 : stop], line))
            line += text.count("\n", i, stop)
            i = stop + 1
        elif match := re.compile(r"<<([\w-]+)\n").match(text, i):
            end = re.compile(r"^[ \t]*" + re.escape(match[1]), re.MULTILINE).search(text, match.end())
            if end is None:
                raise ConfigError(f"line {line}: the heredoc is never closed")
            found.append((text[match.end() : end.start()], line))
            line += text.count("\n", i, end.end())
            i = end.end()
        else:
            word = re.compile(r"[^\s]+").match(text, i)
            assert word is not None  # noqa: S101 (no blank stands here)
            found.append((word[0], line))
            i = word.end()
    return found


def read(files: Files, argv: Sequence[str], workdir: str, at: Evidence | None) -> Site:
    """The site of `caddy` started with `argv`; `at` is where that is said."""
    reader = _Reader(files, workdir, at)
    verb = argv[1] if len(argv) > 1 else "run"
    options = _options(argv[2:])
    if verb == "file-server":
        reader.file_server(options)
    elif verb == "reverse-proxy":
        reader.reverse_proxy(options)
    else:
        given = options.get("config") or options.get("c") or options.get("conf")
        path = posixpath.normpath(posixpath.join(workdir, given[0])) if given else _MAIN
        if not given and files.text(path) is None:
            path = posixpath.join(workdir, "Caddyfile")
        reader.caddyfile(path)
    return reader.site


def _options(words: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for position, word in enumerate(words):
        if word.startswith("-"):
            name, equals, value = word.lstrip("-").partition("=")
            following = words[position + 1] if position + 1 < len(words) else ""
            value = value if equals else "" if following.startswith("-") else following
            found.setdefault(name, []).append(value)
    return found


class _Reader:
    def __init__(self, files: Files, workdir: str, at: Evidence | None) -> None:
        self.files = files
        self.at = at
        self.workdir = workdir
        self.site = Site("caddy")
        self.snippets: dict[str, tuple[Directive, ...]] = {}
        self.matchers: dict[str, str] = {}
        self.spent = 0

    # --- commands without a file ---

    def file_server(self, options: dict[str, list[str]]) -> None:
        root = options.get("root", options.get("r", ["."]))[0] or "."
        listen = options.get("listen", options.get("l", [":80"]))[0]
        self.site.heard.append(Heard(Inbound.HTTP, port_of(listen), self.at))
        self.site.roots.append(Root(posixpath.normpath(posixpath.join(self.workdir, root)), "/", self.at))

    def reverse_proxy(self, options: dict[str, list[str]]) -> None:
        source = options.get("from", options.get("f", ["localhost"]))[0]
        self.site.heard.append(Heard(Inbound.HTTP, _site_port(source), self.at))
        for target in (*options.get("to", ()), *options.get("t", ())):
            if self.at is not None:
                self.forward(target, "/", self.at, "http")

    # --- the Caddyfile ---

    def caddyfile(self, path: str) -> None:
        text = self.files.text(path)
        if text is None:
            what = f"what {path} configures: it is no file of the repository"
            self.site.unknown.append(Unknown(what, "a COPY of the file into the image"))
            self.site.heard.append(Heard(Inbound.HTTP, 80, self.at))
            return
        blocks = self.load(path)
        if any(one.block is not None for one in blocks):
            self.blocks(blocks)
        elif blocks:  # a file of one site may go without braces: its first line is the address
            self.server(Directive(blocks[0].name, blocks[0].args, path, blocks[0].line, blocks[1:]))

    def load(self, path: str) -> tuple[Directive, ...]:
        text = self.files.text(path)
        if text is None or path in self.site.configs:
            return ()
        self.site.configs.append(path)
        try:
            return parse(_ENV.sub(self.value, text), path)
        except ConfigError as error:
            source = self.files.repository_path(path)
            if source is not None:
                self.files.tree.give_up(source, f"is no Caddyfile that can be read: {error}")
            what = f"what {path} configures: {error}"
            self.site.unknown.append(
                Unknown(what, "a Caddyfile that `caddy validate` accepts", self.files.evidence(path, 1))
            )
            return ()

    def value(self, match: re.Match[str]) -> str:
        value = self.files.variable(match[1] or match[3])
        if value is None:
            value = match[2]
        return match[0].replace(" ", "") if value is None else value

    def blocks(self, blocks: Sequence[Directive]) -> None:
        for one in blocks:
            if one.block is None:
                if one.name == "import" and one.args:
                    for path in self.imported(one):
                        self.blocks(self.load(path))
            elif one.name.startswith("(") and one.name.endswith(")"):
                self.snippets[one.name[1:-1]] = one.block
            elif one.name:
                self.server(one)

    def imported(self, one: Directive) -> list[str]:
        return self.files.matching(posixpath.join(posixpath.dirname(one.path), one.args[0]))

    def server(self, one: Directive) -> None:
        at = self.files.evidence(one.path, one.line)
        addresses = [word.strip(",") for word in (one.name, *one.args) if word.strip(",")]
        for word in addresses:
            self.site.heard.append(Heard(Inbound.HTTP, _site_port(word), at))
        body = one.block or ()
        self.matchers = {}
        for inner in body:
            if inner.name.startswith("@"):
                self.matchers[inner.name] = _matched(inner)
        self.block(body, "/", self.root_of(body, self.workdir))

    def root_of(self, body: Sequence[Directive], outer: str) -> str:
        for one in body:
            if one.name == "root" and one.args:
                return posixpath.normpath(posixpath.join(self.workdir, one.args[-1]))
            if one.name == "import" and one.args and (snippet := self.snippets.get(one.args[0])):
                inner = self.root_of([d for d in snippet if d.name == "root"], outer)
                if inner != outer:
                    return inner
        return outer

    def block(self, body: Sequence[Directive], location: str, root: str, depth: int = 0) -> None:
        if depth > _DEPTH:
            return
        for one in body:
            self.spent += 1
            if self.spent > _TOKENS:
                return
            at = self.files.evidence(one.path, one.line)
            where, rest = self.location(one, location)
            if one.name == "import" and one.args:
                snippet = self.snippets.get(one.args[0])
                if snippet is not None:
                    self.block(snippet, location, root, depth + 1)
                else:
                    for path in self.imported(one):
                        self.block(self.load(path), location, root, depth + 1)
            elif one.name in _NESTED:
                if one.name == "handle_errors":
                    self.site.features.append(Feature("error-page", at, location))
                    continue
                self.block(one.block or (), where, self.root_of(one.block or (), root), depth + 1)
            elif one.name == "file_server":
                inner = next((d.args[0] for d in one.block or () if d.name == "root" and d.args), root)
                self.site.roots.append(
                    Root(posixpath.normpath(posixpath.join(self.workdir, inner)), where, at)
                )
                if "browse" in one.args:
                    self.site.features.append(Feature("autoindex", at, where))
            elif one.name in ("reverse_proxy", "php_fastcgi", "php_server", "frankenphp"):
                protocol = "http" if one.name == "reverse_proxy" else "fastcgi"
                if one.name.startswith("php"):
                    self.site.features.append(Feature("php", at, where))
                targets = [*rest, *(t for d in one.block or () if d.name == "to" for t in d.args)]
                for target in targets:
                    if at is not None:
                        self.forward(target, where, at, protocol)
            elif one.name == "try_files":
                last = one.args[-1] if one.args else ""
                name = "spa-fallback" if last.endswith((".html", ".htm")) or last == "/" else "try-files"
                self.site.features.append(Feature(name, at, where))
            elif one.name in _FEATURES:
                self.site.features.append(Feature(_FEATURES[one.name], at, where))

    def location(self, one: Directive, outer: str) -> tuple[str, tuple[str, ...]]:
        """Where a directive holds, and its arguments without the matcher."""
        first = one.args[0] if one.args else ""
        if first.startswith("@"):
            return self.matchers.get(first, outer), one.args[1:]
        if first == "*":
            return outer, one.args[1:]
        if first.startswith("/"):
            return first.rstrip("*") or "/", one.args[1:]
        return outer, one.args

    def forward(self, target: str, location: str, at: Evidence, protocol: str) -> None:
        scheme, separator, rest = target.partition("://")
        rest = rest if separator else target
        if separator:
            protocol = {"https": "https", "h2c": "grpc"}.get(scheme, protocol)
        if rest.startswith(("unix/", "unix+")):
            host, port = "/" + rest.partition("/")[2].lstrip("/"), None
        else:
            host, port = address(rest)
            host = host or ("localhost" if port else "")
            if "{" in host:
                host, port = "", None
            elif host and port is None:
                port = {"https": 443, "fastcgi": 9000}.get(protocol, 80)
        self.site.forwards.append(Forward(protocol, host, port, location, at))


def _matched(one: Directive) -> str:
    """The path of a named matcher; its name where it matches by something else."""
    words = one.args
    if words[:1] == ("path",) and len(words) > 1:
        return words[1].rstrip("*") or "/"
    for inner in one.block or ():
        if inner.name == "path" and inner.args:
            return inner.args[0].rstrip("*") or "/"
    return one.name


def _site_port(text: str) -> int | None:
    """The port of a site's address; Caddy takes HTTPS where a name stands without one."""
    scheme, separator, rest = text.partition("://")
    rest = rest if separator else text
    if "{" in rest:
        return None
    host, port = address(rest)
    if port is not None:
        return port
    if rest.startswith(":"):
        return port_of(rest)
    if scheme == "http" and separator:
        return 80
    return 443 if host else 80
