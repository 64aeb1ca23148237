"""Programs that start several others: supervisord, s6, runit. Which of those is the service?

A service is what listens. A web server before it, what waits for messages or for a time, and what only
collects logs stand beside it.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analyzers import programs
from analyzers.guest import Guest

# Web servers that stand before another program of the same container.
FRONTS = frozenset(
    {"nginx", "nginx-debug", "openresty", "httpd", "httpd-foreground", "apache2", "apache2ctl", "apachectl"}
    | {"apache2-foreground", "caddy", "haproxy", "traefik", "lighttpd", "envoy", "varnishd"}
)
_LONGEST = 100_000  # characters of a configuration that are read
# What only serves the container itself.
_HOUSEHOLD = frozenset(
    {"rsyslogd", "syslogd", "syslog-ng", "sshd", "logrotate", "tail", "cat", "sleep", "supervisor-stdout"}
    | {"postfix", "dbus-daemon", "memcached", "redis-server", "socklog", "fluent-bit", "logger", "exporter"}
    | {"php-fpm-exporter", "nginx-exporter", "Xvfb", "stop-supervisor.sh"}
)
_SUPERVISORD = (  # the order of supervisord's own documentation
    "supervisord.conf",
    "etc/supervisord.conf",
    "/etc/supervisord.conf",
    "/etc/supervisor/supervisord.conf",
)
_INCLUDED = ("/etc/supervisor/conf.d/*.conf", "/etc/supervisor.d/*.ini", "/etc/supervisord.d/*.conf")
# Folders of s6-overlay (2 and 3), s6 and runit: one folder a program, its `run` starts it.
_RUN = re.compile(
    r"/(?:etc/services\.d|etc/s6-overlay/s6-rc\.d|etc/s6|etc/cont-services\.d|etc/service|etc/sv|etc/runit|service"
    r"|etc/s6/services)/[^/]+/run"
)
SCANNERS = frozenset(
    {"s6-svscan", "runsvdir", "my_init", "runsvdir-start", "runit-init", "runit", "s6-overlay-init"}
)


@dataclass(frozen=True, slots=True)
class Supervised:
    """A program that a supervisor starts: its command line, and the line of the image's file that says it."""

    command: str
    path: str
    line: int
    folder: str = ""
    environment: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> list[str]:
        try:
            return shlex.split(self.command)
        except ValueError:
            return self.command.split()


def choose(commands: Sequence[Sequence[str]]) -> int | None:
    """Which of several commands is the service; None where that cannot be told."""
    sorts: dict[str, list[int]] = {"service": [], "front": [], "worker": []}
    for position, words in enumerate(commands):
        names = {posixpath.basename(word) for word in " ".join(words).split()[:8]}
        if programs.of(words) is not None:
            sorts["worker"].append(position)
        elif names & FRONTS:
            sorts["front"].append(position)
        elif words and not names & _HOUSEHOLD:
            sorts["service"].append(position)
    found = sorts["service"] or sorts["front"] or sorts["worker"]
    return found[0] if len(found) == 1 else None


def supervisord(guest: Guest, words: Sequence[str], workdir: str, env: Mapping[str, str]) -> list[Supervised]:
    """The programs of supervisord's configuration, started with the arguments `words`."""
    given = next((words[i + 1] for i, w in enumerate(words[:-1]) if w in ("-c", "--configuration")), None)
    given = given or next((w.partition("=")[2] for w in words if w.startswith("--configuration=")), None)
    places = [posixpath.normpath(posixpath.join(workdir, n)) for n in ((given,) if given else _SUPERVISORD)]
    main = next((path for path in places if guest.text(path) is not None), None)
    found: list[Supervised] = []
    patterns: list[str] = []
    if main is not None:
        found, patterns = _section_lines(guest, main, env)
    for path in sorted(guest.files):
        if path != main and any(fnmatch.fnmatchcase(path, p) for p in (patterns or _INCLUDED)):
            found += _section_lines(guest, path, env)[0]
    return found


def _section_lines(guest: Guest, path: str, env: Mapping[str, str]) -> tuple[list[Supervised], list[str]]:
    found: list[Supervised] = []
    included: list[str] = []
    section, command, line, folder, starts = "", "", 0, "", True

    def end() -> None:
        if command and starts:
            found.append(Supervised(command, path, line, folder))

    key = ""
    for number, text in enumerate((guest.text(path) or "")[:_LONGEST].split("\n"), 1):
        bare = re.split(r"\s;", text, maxsplit=1)[0].rstrip()
        if not bare or bare.lstrip()[0] in "#;":
            continue
        if match := re.fullmatch(r"\s*\[([^\]]+)\]\s*", bare):
            end()
            section, command, line, folder, starts, key = match[1], "", 0, "", True, ""
            continue
        setting = None if bare[0] in " \t" and key else re.fullmatch(r"\s*([\w.]+)\s*[=:]\s*(.*)", bare)
        key, value = (setting[1], setting[2]) if setting else (key, bare.strip())
        value = re.sub(r"%\(ENV_(\w+)\)s", lambda m: env.get(m[1], f"${m[1]}"), value).replace("%%", "%")
        if section == "include" and key == "files":
            base = posixpath.dirname(path)
            included += [posixpath.normpath(posixpath.join(base, word)) for word in value.split()]
        elif section.startswith("program:"):
            if key == "command":
                command, line = (value, number) if setting else (f"{command} {value}", line)
            elif key == "directory":
                folder = value
            elif key == "autostart":
                starts = value.lower() not in ("false", "no", "off", "0")
    end()
    return found, included


def scanned(guest: Guest) -> list[Supervised]:
    """The programs of s6's and runit's folders."""
    found: list[Supervised] = []
    for path in sorted({*guest.files, *guest.inline}):
        if _RUN.fullmatch(path):
            line, command = _last_command(guest.text(path) or "")
            if command:
                found.append(Supervised(command, path, line))
    return found


def _last_command(text: str) -> tuple[int, str]:
    for number, line in reversed(list(enumerate(text.split("\n"), 1))):
        bare = line.strip()
        if bare and not bare.startswith("#") and bare not in ("fi", "done", "}", "esac"):
            return number, bare.removeprefix("exec ")
    return 0, ""


def execline(text: str) -> list[str]:
    """The program that an execline script becomes. https://skarnet.org/software/execline/, 2026-11-22."""
    try:
        words = shlex.split(text.partition("\n")[2] if text.startswith("#!") else text, comments=True)
    except ValueError:
        return []
    while words:
        name, rest = posixpath.basename(words[0]), words[1:]
        if name in _BLOCKS:
            words = _after_blocks(rest)
        elif name in _TAKES:
            while rest and rest[0].startswith("-") and len(rest[0]) > 1:
                rest = rest[2:] if rest[0] in _TAKES[name][1] else rest[1:]
            words = rest[_TAKES[name][0] :]
        else:
            break
    return words


_BLOCKS = frozenset(
    {"foreground", "background", "if", "ifelse", "ifte", "ifthenelse", "backtick", "piperw", "wait"}
)
# Program -> own arguments before the next program, options that take a value.
_TAKES: Mapping[str, tuple[int, frozenset[str]]] = {
    "with-contenv": (0, frozenset()), "exec": (0, frozenset({"-a"})), "fdmove": (2, frozenset()),
    "s6-setuidgid": (1, frozenset()), "s6-applyuidgid": (0, frozenset({"-u", "-g", "-G"})),
    "s6-notifyoncheck": (0, frozenset({"-d", "-s", "-T", "-t", "-w", "-n", "-c"})),
    "redirfd": (2, frozenset()), "cd": (1, frozenset()),
    "importas": (2, frozenset({"-D"})), "export": (2, frozenset()), "unexport": (1, frozenset()),
    "s6-softlimit": (0, frozenset({"-a", "-o", "-m", "-d", "-s", "-l", "-t"})), "umask": (1, frozenset()),
    "s6-env": (0, frozenset()), "s6-envdir": (1, frozenset()), "emptyenv": (0, frozenset()),
    "nice": (0, frozenset({"-n"})),
}  # fmt: skip


def _after_blocks(words: list[str]) -> list[str]:
    """What follows `{ ... }`, one or several."""
    while "{" in words[:3]:
        depth = 0
        for position, word in enumerate(words):
            depth += (word == "{") - (word == "}")
            if depth == 0 and word == "}":
                words = words[position + 1 :]
                break
        else:
            return []
    return words
