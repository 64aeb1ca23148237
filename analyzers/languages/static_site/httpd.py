"""Apache httpd's configuration: httpd.conf with what it includes, virtual hosts, `.htaccess`."""

from __future__ import annotations

import posixpath
import re
import shlex
from collections.abc import Iterator, Sequence

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
from analyzers.model import Image, Inbound, Unknown

_LINE = 10_000  # characters of a line whose quotes are read
_DEPTH = 40
_DIRECTIVES = 20_000
_FILES = 200
_SECTION = re.compile(r"<(/?)\s*([A-Za-z]+)\s*([^>]*)>?\s*$")
# Server root, main configuration, document root: of the official image, Debian's package, Fedora's,
# bitnami's, Alpine's.
_PLACES = (
    ("/usr/local/apache2", "/usr/local/apache2/conf/httpd.conf", "/usr/local/apache2/htdocs"),
    ("/etc/apache2", "/etc/apache2/apache2.conf", "/var/www/html"),
    ("/etc/httpd", "/etc/httpd/conf/httpd.conf", "/var/www/html"),
    ("/opt/bitnami/apache", "/opt/bitnami/apache/conf/httpd.conf", "/app"),
    ("/etc/apache2", "/etc/apache2/httpd.conf", "/var/www/localhost/htdocs"),
)
# What those include by themselves, of files that an image may add.
_INCLUDED = {
    "/etc/apache2": (
        "/etc/apache2/sites-enabled/*.conf", "/etc/apache2/conf-enabled/*.conf", "/etc/apache2/conf.d/*.conf",
    ),
    "/etc/httpd": ("/etc/httpd/conf.d/*.conf",),
    "/opt/bitnami/apache": ("/opt/bitnami/apache/conf/vhosts/*.conf",),
}  # fmt: skip
_FEATURES = {
    "header": "headers", "errordocument": "error-page", "redirect": "redirect", "redirectmatch": "redirect",
    "redirectpermanent": "redirect", "expiresbytype": "headers", "expiresdefault": "headers",
    "authuserfile": "auth-basic", "addoutputfilterbytype": "compression", "substitute": "sub-filter",
}  # fmt: skip
_SCHEMES = {
    "http": "http", "https": "https", "h2c": "http", "h2": "https", "fcgi": "fastcgi", "uwsgi": "uwsgi",
    "scgi": "scgi", "ws": "http", "wss": "https", "ajp": "ajp", "unix": "fastcgi", "balancer": "balancer",
}  # fmt: skip
_PORTS = {"http": 80, "https": 443, "fastcgi": 9000, "ajp": 8009}


def parse(text: str, path: str) -> tuple[Directive, ...]:
    """The directives of one file; sections are blocks. Raises ConfigError."""
    check_length(text)
    top: list[Directive] = []
    current = top
    opened: list[tuple[str, tuple[str, ...], int, list[Directive]]] = []
    count = 0
    for line, number in _lines(text):
        count += 1
        if count > _DIRECTIVES:
            raise ConfigError(f"it has more than {_DIRECTIVES} directives")
        if line.startswith("<") and (match := _SECTION.match(line)):
            name = match[2].lower()
            if not match[1]:
                if len(opened) >= _DEPTH:
                    raise ConfigError(f"line {number}: sections are nested too deeply")
                opened.append((name, _words(match[3]), number, current))
                current = []
            elif opened and opened[-1][0] == name:
                _, args, begun, outer = opened.pop()
                outer.append(Directive(name, args, path, begun, tuple(current)))
                current = outer
            else:
                raise ConfigError(f"line {number}: </{match[2]}> closes no open section")
            continue
        words = _words(line)
        if words:
            current.append(Directive(words[0].lower(), words[1:], path, number))
    if opened:
        raise ConfigError(f"the section of line {opened[-1][2]} is never closed")
    return tuple(top)


def _lines(text: str) -> Iterator[tuple[str, int]]:
    """Lines without comments, continued ones joined, with the number of their first."""
    held: list[str] = []
    start = 0
    for number, line in enumerate(text.split("\n"), 1):
        start = start if held else number
        if line.endswith("\\"):
            held.append(line[:-1])
            continue
        whole = "".join((*held, line)).strip()
        held = []
        if whole and not whole.startswith("#"):
            yield whole, start
    if held:
        yield "".join(held).strip(), start


def _words(text: str) -> tuple[str, ...]:
    if len(text) > _LINE:
        return tuple(text.split())
    lexer = shlex.shlex(text, posix=True, punctuation_chars=False)
    lexer.whitespace_split = True
    lexer.commenters = ""
    lexer.escape = ""  # a backslash belongs to the regular expressions
    try:
        return tuple(lexer)
    except ValueError:
        return tuple(text.split())


def read(files: Files, image: Image | None, argv: Sequence[str]) -> Site:
    """The site of `httpd` (`apache2`) started with `argv`."""
    reader = _Reader(files, image)
    reader.main(argv)
    return reader.site


class _Reader:
    def __init__(self, files: Files, image: Image | None) -> None:
        self.files = files
        self.site = Site("httpd")
        self.modules: set[str] = set()
        self.variables: dict[str, str] = {}
        self.spent = 0
        self.overrides = False  # AllowOverride lets .htaccess speak
        base = image.base if image else ""
        installed = " ".join(run.command for run in image.runs) if image else ""
        if "bitnami" in base:
            self.place = _PLACES[3]
        elif "apk" in installed and "apache2" in installed:
            self.place = _PLACES[4]
        elif re.search(r"\b(?:dnf|yum|microdnf)\b[^\n]*\bhttpd\b", installed):
            self.place = _PLACES[2]
        elif re.search(r"\bapt(?:-get)?\b[^\n]*\bapache2\b", installed) or base.startswith("php"):
            self.place = _PLACES[1]
        else:
            self.place = _PLACES[0]
        self.root = self.place[0]
        self.documents: list[Root] = []

    def main(self, argv: Sequence[str]) -> None:
        given = next((argv[i + 1] for i, word in enumerate(argv[:-1]) if word == "-f"), None)
        path = posixpath.normpath(posixpath.join(self.root, given or self.place[1]))
        text = self.files.text(path)
        if text is not None:
            self.load(path, ())
        else:
            if given:
                what = f"what {path} configures: it is no file of the repository"
                self.site.unknown.append(Unknown(what, "a COPY of the file into the image"))
            for pattern in _INCLUDED.get(self.root, ()):
                for name in self.files.matching(pattern):
                    self.load(name, (path,))
        if not self.site.heard:
            port = 8080 if self.root.startswith("/opt/bitnami") else 80
            self.site.heard.append(Heard(Inbound.HTTP, port, None))
        if not self.documents:
            self.documents.append(Root(self.place[2], "/", None))
        if not any(forward.location == "/" for forward in self.site.forwards):
            self.site.roots += self.documents
        for document in self.documents:
            access = posixpath.join(document.path, ".htaccess")
            if self.files.text(access) is not None and (self.overrides or text is None):
                self.load(access, (path,))

    def load(self, path: str, above: Sequence[str]) -> None:
        text = self.files.text(path)
        if text is None or path in above or len(self.site.configs) > _FILES:
            return
        self.site.configs.append(path)
        try:
            directives = parse(text, path)
        except ConfigError as error:
            source = self.files.repository_path(path)
            if source is not None:
                self.files.tree.give_up(source, f"is no configuration of httpd that can be read: {error}")
            what = f"what {path} configures: {error}"
            self.site.unknown.append(
                Unknown(what, "a configuration that `httpd -t` accepts", self.files.evidence(path, 1))
            )
            return
        self.block(directives, "/", (*above, path))

    def block(self, directives: Sequence[Directive], location: str, above: Sequence[str]) -> None:
        for one in directives:
            self.spent += 1
            if self.spent > _DIRECTIVES:
                return
            if one.block is None:
                self.one(one, location, above)
            elif one.name in ("ifmodule", "ifdefine"):
                if self.holds(one):
                    self.block(one.block, location, above)
            elif one.name in ("location", "locationmatch"):
                self.block(one.block, one.args[-1] if one.args else location, above)
            else:
                self.block(one.block, location, above)

    def holds(self, one: Directive) -> bool:
        """Whether a section counts. In a file that loads no module itself the packaged ones are there."""
        name = one.args[0] if one.args else ""
        if one.name == "ifdefine" or not self.modules:
            return not name.startswith("!")
        plain = name.lstrip("!").removeprefix("mod_").removesuffix(".c").removesuffix("_module")
        return (plain in self.modules) is not name.startswith("!")

    def one(self, one: Directive, location: str, above: Sequence[str]) -> None:
        at = self.files.evidence(one.path, one.line)
        args = tuple(self.put(word) for word in one.args)
        first = args[0] if args else ""
        match one.name:
            case "serverroot" if first:
                self.root = first
            case "define" if len(args) == 2:
                self.variables[first] = args[1]
            case "loadmodule" if first:
                self.modules.add(first.removesuffix("_module"))
                if first.removesuffix("_module") in ("lua", "perl") or first.startswith("php"):
                    self.site.features.append(Feature(first.removesuffix("_module").rstrip("578"), at))
            case "include" | "includeoptional" if first:
                pattern = posixpath.join(self.root, first)
                for path in self.files.matching(pattern):
                    self.load(path, above)
            case "listen" if first:
                self.site.heard.append(Heard(Inbound.HTTP, port_of(first), at))
            case "documentroot" if first:
                self.documents.append(Root(posixpath.normpath(posixpath.join(self.root, first)), "/", at))
            case "allowoverride" if first:
                self.overrides = self.overrides or first.lower() != "none"
            case "proxypass" | "proxypassmatch" if args:
                where, target = (location, first) if len(args) == 1 or "://" in first else args[:2]
                if target != "!":
                    self.forward(target, where, one)
            case "rewriterule" if len(args) > 1:
                flags = args[2].strip("[]").split(",") if len(args) > 2 else []
                if "P" in flags:
                    self.forward(
                        args[1], location if first in (".*", "^(.*)$", "^/(.*)", "^/(.*)$") else first, one
                    )
                elif any(flag.startswith("R") for flag in flags):
                    self.site.features.append(Feature("redirect", at, location))
                elif args[1].endswith((".html", ".htm")):
                    self.site.features.append(Feature("spa-fallback", at, location))
                elif args[1] != "-":
                    self.site.features.append(Feature("rewrite", at, location))
            case "fallbackresource" if first and first != "disabled":
                self.site.features.append(Feature("spa-fallback", at, location))
            case "sethandler" | "addhandler" if first.startswith("proxy:"):
                self.forward(
                    first.removeprefix("proxy:"), location if one.name == "sethandler" else "~ php", one
                )
            case "sethandler" | "addhandler" | "scriptalias" if (
                first == "cgi-script" or one.name == "scriptalias"
            ):
                if {"cgi", "cgid"} & self.modules or not self.modules:
                    self.site.features.append(Feature("cgi", at, location))
            case "options" if any(word.lstrip("+").lower() == "includes" for word in args):
                self.site.features.append(Feature("ssi", at, location))
            case "sslengine" if first.lower() == "on":
                self.site.features.append(Feature("tls", at))
            case "dav" if first.lower() == "on":
                self.site.features.append(Feature("dav", at, location))
            case "wsgiscriptalias" if len(args) > 1:
                self.site.features.append(Feature("wsgi", at, args[1]))
            case name if name in _FEATURES:
                self.site.features.append(Feature(_FEATURES[name], at, location))

    def forward(self, target: str, location: str, one: Directive) -> None:
        at = self.files.evidence(one.path, one.line)
        scheme, separator, rest = target.partition("://")
        protocol = _SCHEMES.get(scheme.partition(":")[0].partition("|")[0].lower())
        if not separator or protocol is None or at is None:
            return
        if scheme.startswith("unix:"):
            host, port = scheme[5:].partition("|")[0] or "/", None
        else:
            host, port = address(rest)
            if any(c in host for c in "$%"):
                host, port = "", None
            elif host:
                port = port or _PORTS.get(protocol)
        websocket = scheme in ("ws", "wss")
        self.site.forwards.append(
            Forward("http" if protocol == "balancer" else protocol, host, port, location, at, websocket)
        )

    def put(self, word: str) -> str:
        def value(match: re.Match[str]) -> str:
            return self.variables.get(match[1]) or self.files.variable(match[1]) or match[0]

        return re.sub(r"\$\{(\w+)\}", value, word)
