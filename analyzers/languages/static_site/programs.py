"""Which start commands are web servers of files."""

from __future__ import annotations

from collections.abc import Sequence

from analyzers import base_images
from analyzers.command import program
from analyzers.languages.static_site import servers

NGINX = frozenset({"nginx", "nginx-debug", "openresty", "angie", "tengine", "freenginx"})
HTTPD = frozenset(
    {"httpd", "httpd-foreground", "apache2", "apache2ctl", "apachectl", "apache2-foreground", "run-httpd"}
)
# Runners of npm packages: the word after them (and their options) is the program.
_RUNNERS = frozenset({"npx", "bunx", "pnpx", "pnpm", "yarn"})


def is_server(name: str) -> bool:
    """Whether a program of this name is a web server that this reader knows."""
    return name in NGINX or name in HTTPD or name in ("caddy", "lighttpd") or servers.is_known(name)


def is_large(argv: Sequence[str]) -> bool:
    """Whether the program is one that people build in many variants, and that stays what it is."""
    name = program(argv[0]) if argv else ""
    return name in NGINX or name in HTTPD or name in ("caddy", "lighttpd", *_RUNNERS)


def command(argv: Sequence[str], reference: str) -> tuple[str, ...]:
    """The command line of the web server, its name first."""
    words = list(argv)
    if words and program(words[0]) in _RUNNERS:
        rest = [word for word in words[1:] if word not in ("dlx", "exec", "-y", "--yes", "--")]
        if rest and servers.is_known(rest[0]):
            words = rest
    known = base_images.find(reference)
    if not words and known is not None and known.language == "static":
        words = list(known.started(known.command))
    if not words:
        return ()
    name = program(words[0])
    last = base_images.image_name(reference)
    if name == "busybox" and words[1:2] == ["httpd"]:
        return ("busybox-httpd", *words[2:])
    if (
        name == "httpd"
        and (last in ("busybox", "alpine") or {"-f", "-h", "-p"} & set(words[1:]))
        and last != "httpd"
    ):
        return ("busybox-httpd", *words[1:])
    if name == "serve" and known is not None and last == "static-file-server":
        return ("static-file-server", *words[1:])
    if name == "run.sh" and "/nginx/" in words[0]:
        return ("nginx",)
    if name == "run.sh" and "/apache/" in words[0]:
        return ("httpd",)
    return (name, *words[1:]) if is_server(name) else ()
