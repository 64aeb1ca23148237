"""The reader of static sites: what a web server in front of files serves, hands on and listens to.

`describe` gives all that a lane needs; `read` puts it into the terms of every language's reader.
"""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass

from analyzers.command import StartCommand
from analyzers.languages.static_site import caddy, generators, httpd, nginx_site, programs, servers
from analyzers.languages.static_site.files import Files
from analyzers.languages.static_site.generators import Build
from analyzers.languages.static_site.site import Forward, Root, Site
from analyzers.model import (
    ComposeFacts,
    Fact,
    FactKind,
    Image,
    Reach,
    Route,
    Source,
    Unknown,
)
from analyzers.repository import Tree


@dataclass(frozen=True, slots=True)
class Description:
    """A site with the files that it serves and what made them."""

    site: Site
    files: Files
    builds: tuple[tuple[Root, Build], ...]
    is_forwarder: bool  # handing on is what it is for


def read(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
    reference: str = "",
) -> Source | None:
    """The source behind a web server. `reference` is the image's name where compose only names one."""
    found = describe(tree, image, compose, start, stages, reference)
    return None if found is None else _source(found, image, start)


def describe(
    tree: Tree,
    image: Image | None,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image] = (),
    reference: str = "",
) -> Description | None:
    """What the server does, and None where the start command is no web server that is known."""
    reference = reference or (image.base if image else "")
    argv = programs.command(start.argv, reference)
    if not argv:
        return None
    files = Files(tree, image, compose, start, stages)
    site = _site(files, image, reference, argv, start)
    if site is None:
        return None
    builds: list[tuple[Root, Build]] = []
    for root in site.roots:
        if all(root.path != other.path for other, _ in builds):
            build = (
                generators.build_of(tree, image, stages, root.path) if image else Build(None, None, root.path)
            )
            builds.append((root, build))
    return Description(site, files, tuple(builds), _is_forwarder(site, files, image))


def _site(
    files: Files, image: Image | None, reference: str, argv: Sequence[str], start: StartCommand
) -> Site | None:
    name = argv[0]
    at = start.evidence[-1] if start.evidence else image.base_evidence if image else None
    if name in programs.NGINX:
        return nginx_site.read(files, image, reference, argv)
    if name in programs.HTTPD:
        return httpd.read(files, image, argv)
    if name == "caddy":
        return caddy.read(files, argv, start.workdir, at)
    if name == "lighttpd":
        return servers.lighttpd(files, argv[1:], start.workdir, at)
    return servers.read(files, name, argv[1:], start.workdir, at) if servers.is_known(name) else None


# --- what it is for --------------------------------------------------------------------------


def _is_forwarder(site: Site, files: Files, image: Image | None) -> bool:
    """Whether requests are handed on and no file of the image is served."""
    if not site.forwards:
        return False
    return not any(_has_files(root.path, files, image) for root in site.roots)


def _has_files(root: str, files: Files, image: Image | None) -> bool:
    """Whether the image brings files below a folder: copied, made by another stage or by a RUN line."""
    if files.below(root):
        return True
    for copy in image.copies if image else ():
        target = posixpath.normpath(copy.destination).rstrip("/")
        if root == target or root.startswith(f"{target}/") or target.startswith(root.rstrip("/") + "/"):
            outside = target in ("", "/etc", "/usr", "/etc/nginx")
            if not outside and not copy.inline:
                return True
    prefix = root.rstrip("/")
    return (
        any(prefix in run.command or prefix == run.workdir.rstrip("/") for run in image.runs)
        if image
        else False
    )


# --- in the terms of every reader ---------------------------------------------------------------


def _source(found: Description, image: Image | None, start: StartCommand) -> Source:
    site, files = found.site, found.files
    main = next((pair for pair in found.builds if pair[0].location == "/"), next(iter(found.builds), None))
    served = sorted(
        {
            p
            for root, _ in found.builds
            for name in files.below(root.path)
            if (p := files.repository_path(name))
        }
    )
    configs = sorted({path for name in site.configs if (path := files.repository_path(name))})
    framework = next((build.generator for _, build in found.builds if build.generator), None)
    entry = main[0].path if main is not None and not found.is_forwarder else None
    evidence = main[0].evidence or main[1].copied if main is not None else None
    return Source(
        language="static",
        root=_folder(served, main, image),
        framework=framework,
        entry=entry,
        entry_evidence=evidence,
        interface=None if found.is_forwarder else site.server if site.dynamic else "static",
        server=site.server,
        facts=tuple(_facts(found, start)),
        routes=_routes(site),
        files=tuple(dict.fromkeys((*configs, *served))),
        manifests=tuple(dict.fromkeys(path for _, build in found.builds for path in build.manifests)),
        unknown=tuple(_unknown(found, image)),
        workdir=start.workdir,
    )


def _folder(served: Sequence[str], main: tuple[Root, Build] | None, image: Image | None) -> str:
    """The folder of the repository that the files come from: theirs, or the context they are built of."""
    if served:
        common = posixpath.commonpath([posixpath.dirname(path) or "." for path in served])
        return "" if common == "." else common
    build = main[1].image if main is not None else None
    return build.context if build is not None else image.context if image else ""


def _facts(found: Description, start: StartCommand) -> list[Fact]:
    site = found.site
    facts = list(start.facts)
    for heard in site.heard:
        at = (heard.evidence,) if heard.evidence else tuple(start.evidence[-1:])
        facts.append(Fact(FactKind.LISTEN, str(heard.protocol), at, str(heard.port or ""), Reach.IMPORT))
    for forward in site.forwards:
        facts += _handed_on(forward, main=found.is_forwarder)
    facts += _filled(found, start)
    for feature in site.features:
        at = (feature.evidence,) if feature.evidence else ()
        if feature.name == "cgi":
            facts.append(Fact(FactKind.SUBPROCESS, "CGI program", at))
        elif feature.name == "dav":
            facts.append(Fact(FactKind.FILE_WRITE, "WebDAV", at))
        elif feature.name == "client-address" and feature.detail:
            facts.append(Fact(FactKind.CLIENT_ADDRESS, "allow/deny", at))
    return list(dict.fromkeys(facts))


def _handed_on(forward: Forward, *, main: bool) -> list[Fact]:
    at = (forward.evidence,)
    facts = [Fact(FactKind.FORWARD, forward.upstream or forward.protocol, at, "main" if main else "")]
    if not forward.is_local:
        facts.append(Fact(FactKind.OUTBOUND, forward.protocol, at, forward.upstream))
    if forward.websocket:
        facts.append(Fact(FactKind.WEBSOCKET, "Upgrade is handed on", at))
    return facts


def _filled(found: Description, start: StartCommand) -> list[Fact]:
    """`envsubst` of the official image's own start script, where the image brings templates for it."""
    said = {fact.detail for fact in start.facts}
    facts: list[Fact] = []
    for target, template in sorted(found.files.templates.items()):
        if template.startswith("/etc/nginx/templates/") and "envsubst" not in said:
            at = found.files.evidence(target, 1)
            facts.append(
                Fact(
                    FactKind.SUBPROCESS,
                    f"envsubst < {template}",
                    (at,) if at else (),
                    "envsubst",
                    Reach.IMPORT,
                )
            )
    return facts[:1]


def _routes(site: Site) -> tuple[Route, ...]:
    """Locations that are handed on or redirected; patterns and named locations are none."""
    routes: dict[str, Route] = {}
    for forward in site.forwards:
        if forward.location.startswith("/"):
            routes.setdefault(forward.location, Route("GET", forward.location, forward.evidence))
    for feature in site.features:
        if feature.name in ("redirect", "answer") and feature.detail.startswith("/") and feature.evidence:
            routes.setdefault(feature.detail, Route("GET", feature.detail, feature.evidence))
    return tuple(routes.values())


def _unknown(found: Description, image: Image | None) -> list[Unknown]:
    unknown = list(found.site.unknown)
    for forward in found.site.forwards:
        if not forward.host:
            what = f"where {forward.location} is handed on to: the configuration computes it"
            unknown.append(Unknown(what, "--allow-host https://HOST[:PORT]", forward.evidence))
    for feature in found.site.dynamic:
        what = f"the pages that {feature.name} makes{f' of {feature.detail}' if feature.detail else ''}"
        unknown.append(
            Unknown(what, "`dock2wasm observe`, which asks the running container", feature.evidence)
        )
    if image is not None and not found.is_forwarder:
        unknown += (
            Unknown(
                f"files that {missing.path}:{missing.line} takes: they are not in the repository",
                "make them before the image is built, and commit them or name the folder",
                missing,
            )
            for missing in image.missing
        )
    return list(dict.fromkeys(unknown))
