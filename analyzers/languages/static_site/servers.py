"""Servers that are told what to do by their command line (`servers.toml`), and lighttpd."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from analyzers.languages.static_site.files import Files
from analyzers.languages.static_site.site import Feature, Forward, Heard, Root, Site, port_of
from analyzers.model import Evidence, Inbound, Unknown


@dataclass(frozen=True, slots=True)
class _Server:
    root: tuple[str, ...]
    port: tuple[str, ...]
    positional: bool
    default_root: str
    default_port: int
    spa: tuple[str, ...]
    valued: tuple[str, ...]
    root_variable: str = ""
    port_variable: str = ""


@cache
def _servers() -> dict[str, _Server]:
    data = tomllib.loads(Path(__file__).with_name("servers.toml").read_text("utf-8"))
    found: dict[str, _Server] = {}
    for row in data["server"]:
        server = _Server(
            tuple(row["root"]), tuple(row["port"]), row["positional"], row["default_root"],
            row["default_port"], tuple(row["spa"]), tuple(row["valued"]), row.get("root_variable", ""),
            row.get("port_variable", ""),
        )  # fmt: skip
        found.update(dict.fromkeys(row["programs"], server))
    return found


def is_known(name: str) -> bool:
    """Whether a program of this name is one of the small servers."""
    return name in _servers()


def read(files: Files, name: str, words: Sequence[str], workdir: str, at: Evidence | None) -> Site:
    """The site of the small server `name`, started with the arguments `words`; `at` is where that is said."""
    server = _servers()[name]
    site = Site(name)
    plain: list[str] = []
    options: dict[str, str] = {}
    valued = (*server.root, *server.port, *server.valued)
    position = 0
    while position < len(words):
        word = words[position]
        key, equals, value = word.partition("=")
        if not word.startswith("-") or word == "-":
            plain.append(word)
        elif equals:
            options[key] = value
        elif word in valued and position + 1 < len(words):
            position += 1
            options[word] = words[position]
        else:
            options[word] = ""
        position += 1
    root = next((options[option] for option in server.root if option in options), "")
    root = root or (files.variable(server.root_variable) if server.root_variable else "") or ""
    if not root and server.positional and plain:
        root = plain[0]
    root = root or server.default_root
    if root == "public" and not files.below(posixpath.join(workdir, root)):
        root = "."  # http-server takes ./public only where there is one
    port = next((options[option] for option in server.port if option in options), "")
    port = port or (files.variable(server.port_variable) if server.port_variable else "") or ""
    number = port_of(port) if port else server.default_port
    site.heard.append(Heard(Inbound.HTTP, number, at))
    if root:
        site.roots.append(Root(posixpath.normpath(posixpath.join(workdir, root)), "/", at))
    if any(option in options for option in server.spa):
        site.features.append(Feature("spa-fallback", at, "/"))
    proxy = options.get("-P") or options.get("--proxy") if name == "http-server" else None
    if proxy and at is not None:
        scheme, _, rest = proxy.partition("://")
        host, _, tail = rest.partition("/")[0].partition(":")
        site.forwards.append(
            Forward(scheme, host, port_of(tail) or (443 if scheme == "https" else 80), "@missing", at)
        )
    return site


# --- lighttpd --------------------------------------------------------------------------------

_LONGEST = 100_000  # characters of a configuration that are read
_SETTING = re.compile(r"^[ \t]*([\w.-]+)[ \t]*(\+?=|:=)[ \t]*(.*)$", re.MULTILINE)
_HOST = re.compile(r'"host"\s*=>\s*"([^"\n]*)"')
_PORT = re.compile(r'"port"\s*=>\s*"?(\d{1,5})')
_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)


def lighttpd(files: Files, words: Sequence[str], workdir: str, at: Evidence | None) -> Site:
    """The site of lighttpd: `-f` names its configuration."""
    site = Site("lighttpd")
    given = next((words[i + 1] for i, word in enumerate(words[:-1]) if word == "-f"), None)
    path = posixpath.normpath(posixpath.join(workdir, given or "/etc/lighttpd/lighttpd.conf"))
    text = files.text(path)
    root, port, where, heard = "/var/www/localhost/htdocs", 80, at, at
    if text is None:
        if given:
            what = f"what {path} configures: it is no file of the repository"
            site.unknown.append(Unknown(what, "a COPY of the file into the image", at))
    else:
        site.configs.append(path)
        text = _COMMENT.sub("", text[:_LONGEST])
        variables: dict[str, str] = {}
        for match in _SETTING.finditer(text):
            line = text.count("\n", 0, match.start(1)) + 1
            here = files.evidence(path, line)
            value = match[3].strip().split("#")[0].strip()
            plain = "".join(variables.get(part.strip(), part.strip().strip('"')) for part in value.split("+"))
            variables[match[1]] = plain
            if match[1] == "server.document-root":
                root, where = plain, here
            elif match[1] == "server.port":
                port, heard = port_of(plain) or port, here
            elif match[1] in ("proxy.server", "fastcgi.server", "scgi.server"):
                stop = text.find("\n\n", match.start())
                body = text[match.start() : stop if stop > 0 else match.start() + 2000]
                host, number = _HOST.search(body), _PORT.search(body)
                protocol = {"proxy.server": "http", "fastcgi.server": "fastcgi"}.get(match[1], "scgi")
                if here is not None:
                    name = host[1] if host else ""
                    site.forwards.append(
                        Forward(protocol, name, int(number[1]) if number else None, "~ handler", here)
                    )
            elif match[1] == "cgi.assign":
                site.features.append(Feature("cgi", here))
            elif match[1].startswith(("url.redirect", "url.rewrite")):
                site.features.append(Feature(match[1].split(".")[1].split("-")[0], here))
            elif match[1].startswith("auth.require"):
                site.features.append(Feature("auth-basic", here))
    site.heard.append(Heard(Inbound.HTTP, port, heard))
    site.roots.append(Root(posixpath.normpath(posixpath.join("/", root)), "/", where))
    return site
