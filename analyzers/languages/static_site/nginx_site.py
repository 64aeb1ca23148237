"""What an nginx configuration does: which folders it serves, where it listens, what it hands on."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from analyzers import base_images, run_lines
from analyzers.languages.static_site.files import Files
from analyzers.languages.static_site.nginx import Loader
from analyzers.languages.static_site.site import (
    Directive,
    Feature,
    Forward,
    Heard,
    Root,
    Site,
    address,
    port_of,
)
from analyzers.model import Image, Inbound, Unknown

# Directive that hands a request on -> the protocol that it speaks.
_PASSES = {
    "proxy_pass": "http", "fastcgi_pass": "fastcgi", "uwsgi_pass": "uwsgi", "scgi_pass": "scgi",
    "grpc_pass": "grpc", "memcached_pass": "memcached", "redis_pass": "redis", "redis2_pass": "redis",
}  # fmt: skip
# Directives (whole names, or the start of one) of modules that make pages.
_DYNAMIC = {
    "ssi": "ssi", "js_content": "njs", "js_access": "njs", "js_body_filter": "njs", "js_header_filter": "njs",
    "perl": "perl", "perl_set": "perl", "xslt_stylesheet": "xslt", "image_filter": "image-filter",
    "dav_methods": "dav",
}  # fmt: skip
_LUA = re.compile(r"(content|rewrite|access|header_filter|body_filter|set|balancer)_by_lua")
_FEATURES = {
    "add_header": "headers", "auth_basic": "auth-basic", "auth_request": "auth-request", "return": "redirect",
    "rewrite": "rewrite", "error_page": "error-page", "sub_filter": "sub-filter", "autoindex": "autoindex",
    "gzip_static": "precompressed", "brotli_static": "precompressed", "expires": "headers",
    "limit_req": "rate-limit", "limit_conn": "rate-limit", "mirror": "mirror", "stub_status": "status-page",
    "allow": "client-address", "deny": "client-address", "geoip2": "client-address",
}  # fmt: skip
_PORTS = {
    "http": 80,
    "https": 443,
    "fastcgi": 9000,
    "grpc": 80,
    "grpcs": 443,
    "memcached": 11211,
    "redis": 6379,
}
_AFTER_PORT = re.compile(r"(:\d+)\$.*", re.DOTALL)
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_SIDE = re.compile(
    r"/(?:\.well-known|robots\.txt|favicon|50x\.html|(?:404|50\d)\.html|health|status|nginx_status)"
)


@dataclass(frozen=True, slots=True)
class _Layout:
    name: str
    base: tuple[str, ...]
    prefix: str
    main: str
    text: str
    site: str
    site_text: str
    port: int


@cache
def _layouts() -> tuple[_Layout, ...]:
    data = tomllib.loads(Path(__file__).with_name("layouts.toml").read_text("utf-8"))
    return tuple(
        _Layout(
            row["name"], tuple(row["base"]), row["prefix"], row["main"], row["text"], row["site"],
            row["site_text"], row["port"],
        )
        for row in data["layout"]
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Scope:
    """What a block inherits."""

    location: str = "/"
    root: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    upstreams: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    error_pages: frozenset[str] = frozenset()


def read(files: Files, image: Image | None, reference: str, argv: Sequence[str]) -> Site:
    """The site of `nginx` started with `argv`. `reference` is the image's base, or the image itself."""
    site = Site("nginx")
    layout = _layout(image, reference)
    given = next((argv[i + 1] for i, word in enumerate(argv[:-1]) if word == "-c"), None)
    prefix = next((argv[i + 1] for i, word in enumerate(argv[:-1]) if word == "-p"), layout.prefix)
    path = posixpath.normpath(posixpath.join(prefix, given)) if given else layout.main
    loader = Loader(files, posixpath.dirname(path) if given else prefix)
    if files.text(path) is not None:
        directives = loader.load(path)
    elif given:
        site.unknown.append(
            Unknown(f"what {path} configures: it is no file of the repository", "a COPY of the file", None)
        )
        directives = ()
    else:
        directives = loader.parsed(layout.text.replace("{port}", str(_port(layout, reference))), path, ())
    found = any(True for _ in _servers(directives))
    if layout.site and not files.is_removed(layout.site) and not given and files.text(layout.main) is None:
        # The default site stands beside what the repository adds, unless that has its name.
        own = files.text(layout.site) is not None
        if not own and not found:
            text = layout.site_text.replace("{port}", str(_port(layout, reference)))
            directives += (Directive("http", (), layout.site, 1, loader.parsed(text, layout.site, ())),)
    site.unknown += loader.unknown
    if not any(True for _ in _servers(directives)):
        what = "what nginx serves: no file of the repository that it reads holds a `server` block"
        site.unknown.append(Unknown(what, "a COPY of the configuration into the image"))
    _main(site, files, directives, layout)
    site.configs += [name for name in dict.fromkeys(loader.read) if files.text(name) is not None]
    return site


def _layout(image: Image | None, reference: str) -> _Layout:
    name = base_images.image_name(reference)
    layouts = _layouts()
    if "bitnami" in reference:
        return next(layout for layout in layouts if layout.name == "bitnami")
    for layout in layouts:
        if name in layout.base:
            return layout
    for run in image.runs if image else ():
        for command in run_lines.commands(run):
            words = command.split()
            if words and any(word == "nginx" or word.startswith("nginx=") for word in words[1:]):
                for layout in layouts:
                    if words[0].rsplit("/", 1)[-1] in layout.base:
                        return layout
    return layouts[0]


def _port(layout: _Layout, reference: str) -> int:
    known = base_images.find(reference)
    return known.port if known is not None and known.role == "web server" and known.port else layout.port


def _servers(directives: Sequence[Directive]) -> Iterator[Directive]:
    for one in directives:
        if one.name in ("http", "stream") and one.block is not None:
            yield from (inner for inner in one.block if inner.name == "server")


# --- contexts --------------------------------------------------------------------------------


def _main(site: Site, files: Files, directives: Sequence[Directive], layout: _Layout) -> None:
    # A file whose `include` was not found by name may hold bare server blocks.
    for one in directives:
        if one.name == "load_module" and one.args:
            module = posixpath.basename(one.args[0])
            site.features.append(Feature("module", files.evidence(one.path, one.line), module))
        elif one.name == "http" and one.block is not None:
            _http(site, files, one.block, layout)
        elif one.name == "stream" and one.block is not None:
            _stream(site, files, one.block)
        elif one.name == "mail":
            site.heard.append(Heard(Inbound.TCP, None, files.evidence(one.path, one.line)))


def _upstreams(block: Sequence[Directive]) -> dict[str, tuple[str, ...]]:
    return {
        one.args[0]: tuple(inner.args[0] for inner in one.block if inner.name == "server" and inner.args)
        for one in block
        if one.name == "upstream" and one.args and one.block is not None
    }


def _http(site: Site, files: Files, block: Sequence[Directive], layout: _Layout) -> None:
    root = _first(block, "root") or f"{layout.prefix}/html"
    scope = _Scope(root=root, upstreams=_upstreams(block), error_pages=_error_pages(block))
    for one in block:
        if one.name == "server" and one.block is not None:
            _server(site, files, one, scope)
        elif one.name != "upstream":
            _feature(site, files, one, scope)


def _stream(site: Site, files: Files, block: Sequence[Directive]) -> None:
    scope = _Scope(upstreams=_upstreams(block))
    for server in (one for one in block if one.name == "server" and one.block is not None):
        udp = False
        for one in server.block or ():
            if one.name == "listen" and one.args:
                udp = udp or "udp" in one.args[1:]
                protocol = Inbound.UDP if "udp" in one.args[1:] else Inbound.TCP
                port = _listen_port(one.args[0])
                site.heard.append(Heard(protocol, port, files.evidence(one.path, one.line)))
        for one in server.block or ():
            if one.name == "proxy_pass" and one.args:
                _forward(site, files, one, scope, "udp" if udp else "tcp", websocket=False)


def _server(site: Site, files: Files, server: Directive, outer: _Scope) -> None:
    block = server.block or ()
    listens = [one for one in block if one.name == "listen" and one.args]
    grpc = any(_passes_grpc(block))
    for one in listens:
        if one.args[0].startswith("unix:"):
            continue
        protocol = Inbound.GRPC if grpc else Inbound.HTTP
        if "quic" in one.args[1:]:
            continue  # HTTP/3 stands beside HTTP on TCP
        site.heard.append(Heard(protocol, _listen_port(one.args[0]), files.evidence(one.path, one.line)))
        if "ssl" in one.args[1:]:
            site.features.append(Feature("tls", files.evidence(one.path, one.line)))
    if not listens:
        site.heard.append(Heard(Inbound.HTTP, 80, files.evidence(server.path, server.line)))
    scope = replace(
        outer,
        root=_first(block, "root") or outer.root,
        variables={**outer.variables, **_variables(block)},
        error_pages=outer.error_pages | _error_pages(block),
    )
    _block(site, files, server, scope, files_here=_has_no_root_location(block))


def _passes_grpc(block: Sequence[Directive]) -> Iterator[bool]:
    """Whether `location /` hands on to gRPC: then gRPC is what the server is for."""
    for one in block:
        if one.name == "location" and one.args[-1:] == ("/",):
            yield any(inner.name == "grpc_pass" for inner in one.block or ())


def _has_no_root_location(block: Sequence[Directive]) -> bool:
    """Whether what no location takes is answered from the server's own root."""
    if any(one.name in ("return", *_PASSES) for one in block):
        return False
    return not any(one.name == "location" and one.args[-1:] in (("/",), ("^~ /",)) for one in block)


def _block(site: Site, files: Files, owner: Directive, scope: _Scope, *, files_here: bool) -> None:
    """A server or location with what is nested in it. `files_here`: what nothing else takes is a file."""
    block = owner.block or ()
    passes = [one for one in block if one.name in _PASSES and one.args]
    websocket = any(
        one.name == "proxy_set_header" and one.args[:1] and one.args[0].lower() == "upgrade" for one in block
    )
    for one in passes:
        _forward(site, files, one, scope, _PASSES[one.name], websocket=websocket)
    if files_here and not passes and not _is_side(owner, scope):
        where = next((one for one in block if one.name in ("root", "alias", "try_files")), owner)
        site.roots.append(Root(scope.root, scope.location, files.evidence(where.path, where.line)))
    for one in block:
        if one.name == "location" and one.args and one.block is not None:
            _location(site, files, one, scope)
        elif one.name in ("if", "limit_except") and one.block is not None:
            inner = replace(scope, variables={**scope.variables, **_variables(one.block)})
            _block(site, files, one, inner, files_here=False)
        else:
            _feature(site, files, one, scope)


def _location(site: Site, files: Files, location: Directive, outer: _Scope) -> None:
    block = location.block or ()
    modifier = location.args[0] if len(location.args) > 1 else ""
    path = location.args[-1]
    if modifier in ("~", "~*"):
        path = f"{modifier} {path}"
    root = _first(block, "root") or outer.root
    alias = _first(block, "alias")
    scope = replace(
        outer,
        location=path,
        root=alias or root,
        variables={**outer.variables, **_variables(block)},
        error_pages=outer.error_pages | _error_pages(block),
    )
    answered = any(one.name == "return" for one in block) or any(
        one.name == "deny" and one.args == ("all",) for one in block
    )
    named = path.startswith("@")
    made = any(one.name in ("stub_status", "js_content", "content_by_lua_file") for one in block) or any(
        _LUA.match(one.name) and one.name.startswith("content") for one in block
    )
    _block(site, files, location, scope, files_here=not (answered or named or made))


def _is_side(owner: Directive, scope: _Scope) -> bool:
    """Whether a location is there for the server's own pages: errors, certificates, health."""
    if owner.name != "location":
        return False
    return scope.location in scope.error_pages or bool(_SIDE.match(scope.location))


# --- directives ------------------------------------------------------------------------------


def _feature(site: Site, files: Files, one: Directive, scope: _Scope) -> None:
    name = _DYNAMIC.get(one.name) or _FEATURES.get(one.name, "")
    if _LUA.match(one.name):
        name = "lua"
    if one.name in _DYNAMIC and one.args[:1] == ("off",):
        return
    if one.name == "return" and not _redirects(one):
        name = "answer"
    if one.name == "rewrite" and one.args[-1:] in (("permanent",), ("redirect",)):
        name = "redirect"
    if one.name == "try_files" and len(one.args) > 1:
        last = one.args[-1]
        name = "spa-fallback" if last.endswith((".html", ".htm")) or last == "/" else "try-files"
    if name and one.args[:1] != ("off",):
        site.features.append(Feature(name, files.evidence(one.path, one.line), scope.location))


def _redirects(one: Directive) -> bool:
    return bool(one.args) and (one.args[0] in ("301", "302", "303", "307", "308") or "://" in one.args[0])


def _forward(
    site: Site, files: Files, one: Directive, scope: _Scope, protocol: str, *, websocket: bool
) -> None:
    target = one.args[0]
    for _ in range(4):
        put = _VARIABLE.sub(lambda match: scope.variables.get(match[1], match[0]), target)
        if put == target:
            break
        target = put[:4096]
    scheme, separator, rest = target.partition("://")
    if separator:
        protocol = {"grpcs": "grpc"}.get(scheme, scheme) if protocol in ("http", "grpc") else protocol
    else:
        rest = target
    rest = _AFTER_PORT.sub(r"\1", rest)  # `api:3000$request_uri`: the path follows without a slash
    name = rest.split("/", 1)[0]
    servers = scope.upstreams.get(name) or (rest,)
    evidence = files.evidence(one.path, one.line)
    if evidence is None:
        return
    for server in servers:
        host, port = address(server)
        if "$" in host or not host:
            host, port = "", None
        elif not host.startswith("/"):
            port = port or _PORTS.get(scheme if separator else protocol)
        site.forwards.append(Forward(protocol, host, port, scope.location, evidence, websocket))


def _first(block: Sequence[Directive], name: str) -> str:
    return next((one.args[0] for one in block if one.name == name and one.args), "")


def _variables(block: Sequence[Directive]) -> dict[str, str]:
    return {one.args[0].lstrip("$"): one.args[1] for one in block if one.name == "set" and len(one.args) == 2}


def _error_pages(block: Sequence[Directive]) -> frozenset[str]:
    return frozenset(one.args[-1] for one in block if one.name == "error_page" and len(one.args) > 1)


def _listen_port(text: str) -> int | None:
    if text.isascii() and text.isdigit():
        return port_of(text)
    if "$" in text:
        return None
    return port_of(text) if ":" in text and not text.endswith("]") else 80
