"""Frameworks that load files by their place: Next.js, Nuxt, SvelteKit, Remix, Astro, Nitro."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from analyzers.languages.javascript.modules import Module
from analyzers.languages.javascript.outputs import SUFFIXES
from analyzers.languages.javascript.program import Program
from analyzers.model import Evidence, Route

# Framework -> folders of the package whose modules its server loads.
FOLDERS = {
    "next": ("pages", "app", "src/pages", "src/app", "middleware.ts", "src/middleware.ts"),
    "nuxt": ("server", "middleware", "plugins", "src/server"),
    "sveltekit": ("src/routes", "src/hooks.server.ts", "src/hooks.server.js"),
    "remix": ("app",),
    "react-router": ("app",),
    "astro": ("src/pages", "src/middleware.ts"),
    "nitro": ("server", "routes", "api"),
    "strapi": ("src", "config"),
    "blitz": ("pages", "src/pages", "app"),
    "medusa": ("src",),
}
_METHOD = re.compile(
    rb"export\s+(?:async\s+)?(?:function|const|let)\s+(GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS)\b"
)


def of_output(program: Program, stage: int, path: str) -> str | None:
    """The framework whose build makes such an entry, as `.next/standalone/server.js`."""
    if "/.next/" in path:
        return "next"
    project = program.projects[stage]
    package = project.nearest(posixpath.dirname(path))
    if package is None:
        return None
    if path.endswith(("/server/index.mjs", "/server/index.js")) and "/.output/" in path:
        return "nuxt" if package.asks_for("nuxt", "nuxt3", "nuxt-nightly") else "nitro"
    rest = path[len(package.folder.rstrip("/")) + 1 :]
    if package.asks_for("@sveltejs/adapter-node") and re.match(r"build(/index\.js|/?$)", rest):
        return "sveltekit"
    if package.asks_for("@astrojs/node") and rest.startswith("dist/server/entry"):
        return "astro"
    if package.asks_for("next") and rest == "server.js" and path not in program.guests[stage].files:
        return "next"
    return None


def entries(program: Program, stage: int, folder: str, framework: str) -> list[Module]:
    """The modules that the framework's server loads by itself."""
    found: list[Module] = []
    for name in FOLDERS.get(framework, ()):
        path = posixpath.join(folder, name)
        if name.endswith(SUFFIXES):
            module = program.load(stage, path) if path in program.guests[stage].files else None
            found += [module] if module is not None else []
        else:
            found += program.below(stage, path)
    return found


def routes(program: Program, folder: str, framework: str, found: list[Module]) -> Iterator[Route]:
    """The routes that files stand for by their place."""
    prefix = folder.rstrip("/") + "/"
    for module in found:
        rest = module.guest.removeprefix(prefix).removeprefix("src/")
        stem = posixpath.splitext(rest)[0]
        methods = [
            (m[1].decode(), module.data[: m.start()].count(b"\n") + 1) for m in _METHOD.finditer(module.data)
        ]
        if framework in ("next", "blitz"):
            if stem.startswith("pages/") and not posixpath.basename(stem).startswith("_"):
                path = stem.removeprefix("pages").removesuffix("index").rstrip("/") or "/"
                yield _route(program, module, "*" if path.startswith("/api") else "GET", path, 1)
            elif stem.startswith("app/") and posixpath.basename(stem) in ("page", "route"):
                parts = [p for p in posixpath.dirname(stem).split("/")[1:] if not p.startswith(("(", "@"))]
                path = "/" + "/".join(parts)
                for method, line in methods or [("GET", 1)]:
                    yield _route(program, module, method, path, line)
        elif framework in ("nuxt", "nitro"):
            match = re.fullmatch(
                r"(?:server/)?(api|routes)/(.+?)(?:\.(get|post|put|patch|delete|head))?", stem
            )
            if match:
                path = ("/api/" if match[1] == "api" else "/") + match[2].removesuffix("index").rstrip("/")
                yield _route(program, module, (match[3] or "*").upper(), path.rstrip("/") or "/", 1)
        elif framework == "sveltekit" and stem.startswith("routes"):
            if posixpath.basename(stem) in ("+server", "+page.server"):
                parts = [p for p in posixpath.dirname(stem).split("/")[1:] if not p.startswith("(")]
                for method, line in methods or [("GET", 1)]:
                    yield _route(program, module, method, "/" + "/".join(parts), line)
        elif framework == "astro" and stem.startswith("pages/"):
            path = stem.removeprefix("pages").removesuffix("index").rstrip("/") or "/"
            for method, line in methods or [("GET", 1)]:
                yield _route(program, module, method, path, line)


def _route(program: Program, module: Module, method: str, path: str, line: int) -> Route:
    path = re.sub(r"\[\[?(\.{3})?(\w+)\]?\]", lambda m: ("*" if m[1] else ":") + m[2], path)
    return Route(method, path, Evidence(module.path, line, program.tree.line(module.path, line)))
