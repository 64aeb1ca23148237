"""The language of a service that no reader claims, told from its start command, base image and files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from analyzers import base_images
from analyzers.command import program
from analyzers.guest import Guest
from analyzers.languages import built
from analyzers.model import Image

_PROGRAMS = {
    "node": "node",
    "npm": "node",
    "npx": "node",
    "yarn": "node",
    "pnpm": "node",
    "bun": "node",
    "next": "node",
    "pm2": "node",
    "pm2-runtime": "node",
    "deno": "deno",
    "java": "java",
    "catalina.sh": "java",
    "dotnet": "csharp",
    "php": "php",
    "php-fpm": "php",
    "apache2-foreground": "php",
    "ruby": "ruby",
    "bundle": "ruby",
    "rails": "ruby",
    "puma": "ruby",
    "rackup": "ruby",
    "mix": "elixir",
    "elixir": "elixir",
    "nginx": "static",
    "caddy": "static",
    "httpd": "static",
    "httpd-foreground": "static",
    "apachectl": "static",
}
# Manifest at the top of the build context, strongest first: a Go service may hold a package.json too.
_MANIFESTS = (
    ("go.mod", "go"),
    ("Cargo.toml", "rust"),
    ("pom.xml", "java"),
    ("build.gradle", "java"),
    ("build.gradle.kts", "java"),
    ("composer.json", "php"),
    ("Gemfile", "ruby"),
    ("mix.exs", "elixir"),
    ("Package.swift", "swift"),
    ("requirements.txt", "python"),
    ("pyproject.toml", "python"),
    ("Pipfile", "python"),
    ("package.json", "node"),
    ("deno.json", "deno"),
    ("CMakeLists.txt", "c"),
)


def language(
    argv: Sequence[str], image: Image, guest: Guest, paths: Sequence[str], stages: Sequence[Image] = ()
) -> str | None:
    """A statement (start command, base image, the stage that made the program) before a guess (manifests)."""
    name = program(argv[0]) if argv else ""
    if re.fullmatch(r"python[\d.]*|gunicorn|uvicorn|celery", name):
        return "python"
    if name in _PROGRAMS:
        return _PROGRAMS[name]
    if (found := _of_base(image)) is not None:
        return found
    if argv and posixpath.isabs(argv[0]):
        made = built.origin(image, stages, argv[0]).image
        if made is not image and (found := _of_base(made)) is not None:
            return found
    known = base_images.find(image.base)
    if known is not None and known.role and known.role != "web server":
        return None  # what it is given configures it
    prefix = f"{image.context}/" if image.context else ""
    taken = {posixpath.basename(path) for path in guest.files}
    beside = {path[len(prefix) :] for path in paths if path.startswith(prefix)}
    for present in (taken, beside):
        for manifest, of in _MANIFESTS:
            if manifest in present:
                return of
    if any(p.startswith(prefix) and p.endswith(".csproj") for p in paths):
        return "csharp"
    if guest.files and all(
        posixpath.splitext(p)[1] in (".html", ".css", ".js", ".svg", ".png") for p in guest.files
    ):
        return "static"
    return None


def _of_base(image: Image) -> str | None:
    known = base_images.find(image.base)
    return known.language or None if known is not None else None
