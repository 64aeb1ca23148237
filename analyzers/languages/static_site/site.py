"""What the configuration of a web server says, whichever server it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzers.model import Evidence, Inbound, Unknown

# What a server makes pages with beside files: modules, scripts and templates.
DYNAMIC = frozenset({"ssi", "lua", "njs", "perl", "php", "cgi", "templates", "xslt", "image-filter", "dav"})


LONGEST = 500_000  # characters of one configuration file


class ConfigError(Exception):
    """A configuration file that cannot be parsed."""


@dataclass(frozen=True, slots=True)
class Directive:
    """One directive. `block` is None where it ends without one; `path` is the file's in the image."""

    name: str
    args: tuple[str, ...]
    path: str
    line: int
    block: tuple[Directive, ...] | None = None


@dataclass(frozen=True, slots=True)
class Forward:
    """Requests below `location` are handed on.

    `protocol` is spoken to the upstream: http, https, grpc, fastcgi, uwsgi, scgi, tcp, udp. `host` is ""
    where the configuration computes it, a path for a Unix socket.
    """

    protocol: str
    host: str
    port: int | None
    location: str
    evidence: Evidence
    websocket: bool = False

    @property
    def upstream(self) -> str:
        """`host:port`, as a grant names it."""
        return f"{self.host}:{self.port}" if self.host and self.port else self.host

    @property
    def is_local(self) -> bool:
        """Whether the upstream is another program of the same container."""
        host = self.host.strip("[]")
        return host.startswith(("/", "127.")) or host in ("localhost", "::1", "0.0.0.0")  # noqa: S104 (compared)


@dataclass(frozen=True, slots=True)
class Root:
    """A folder of the image whose files are served below `location`."""

    path: str
    location: str
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class Heard:
    """A port that is listened on; None where the configuration computes it."""

    protocol: Inbound
    port: int | None
    evidence: Evidence | None


@dataclass(frozen=True, slots=True)
class Feature:
    """Something that the server does beside serving and forwarding: `spa-fallback`, `redirect`, `ssi`, ..."""

    name: str
    evidence: Evidence | None
    detail: str = ""


@dataclass(slots=True)
class Site:
    """What one server program does, collected while its configuration is read."""

    server: str
    roots: list[Root] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)
    forwards: list[Forward] = field(default_factory=list)
    features: list[Feature] = field(default_factory=list)
    unknown: list[Unknown] = field(default_factory=list)
    configs: list[str] = field(default_factory=list)  # configuration files that were read, in the image

    def has(self, name: str) -> bool:
        """Whether a feature is used."""
        return any(feature.name == name for feature in self.features)

    @property
    def dynamic(self) -> tuple[Feature, ...]:
        """What makes pages that are no files."""
        return tuple(feature for feature in self.features if feature.name in DYNAMIC)


def check_length(text: str) -> None:
    """Raises ConfigError for a text that nobody writes by hand."""
    if len(text) > LONGEST:
        raise ConfigError(f"it has more than {LONGEST:,} characters")


def port_of(text: str) -> int | None:
    """A port from the end of an address; None where none stands there."""
    tail = text.rpartition(":")[2]
    return int(tail) if tail.isascii() and tail.isdigit() and 0 < int(tail[:6]) < 65536 else None


def address(text: str) -> tuple[str, int | None]:
    """Host and port of `host`, `host:port`, `[v6]:port` or a Unix socket; path and query are cut off."""
    if text.startswith("unix:"):
        return text[5:].split(":", 1)[0] or "/", None
    text = text.split("/", 1)[0].split("?", 1)[0]
    if text.startswith("["):
        host, _, rest = text.partition("]")
        return host + "]", port_of(rest) if rest.startswith(":") else None
    host, colon, _ = text.partition(":")
    return host, port_of(text) if colon else None
