"""The language of a service that no reader claims, told from its start command, base image and files."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence

from analyzers import base_images
from analyzers.command import program
from analyzers.guest import Guest
from analyzers.languages import built
from analyzers.languages.static_site import programs
from analyzers.model import Image

_PROGRAMS = {
    "node": "node",
    "nodejs": "node",
    "nodemon": "node",
    "npm": "node",
    "npx": "node",
    "yarn": "node",
    "pnpm": "node",
    "bun": "bun",
    "bunx": "bun",
    "next": "node",
    "pm2": "node",
    "pm2-runtime": "node",
    "ts-node": "node",
    "ts-node-dev": "node",
    "tsx": "node",
    "vite": "node",
    "deno": "deno",
    "java": "java",
    "catalina.sh": "java",
    "dotnet": "csharp",
    "php": "php",
    "php-fpm": "php",
    "frankenphp": "php",
    "rr": "php",
    "apache2-foreground": "php",
    "ruby": "ruby",
    "bundle": "ruby",
    "rails": "ruby",
    "puma": "ruby",
    "rackup": "ruby",
    "unicorn": "ruby",
    "thin": "ruby",
    "falcon": "ruby",
    "sidekiq": "ruby",
    "rake": "ruby",
    "mix": "elixir",
    "elixir": "elixir",
    "iex": "elixir",
    "nc": "shell",
    "ncat": "shell",
    "socat": "shell",
    "cron": "shell",
    "crond": "shell",
    "supercronic": "shell",
}
_OF_PHP = frozenset({"apache2-foreground"})  # the official PHP image's own
_BINARIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# What compiles a program, whatever the stage is built on.
_BUILDS = (
    (
        re.compile(
            r"(?:^|[\s;&|(])(?:xx-)?(?:cargo|cross)\s[^;&|\n]*\b(?:build|zigbuild|install\s+--path)\b"
        ),
        "rust",
    ),
    (re.compile(r"(?:^|[\s;&|(])(?:xx-)?go\s+(?:build|install)\s"), "go"),
)
_C_BUILD = re.compile(
    r"(?:^|[\s;&|(])(?:gcc|g\+\+|clang|clang\+\+|nvcc|cc|c\+\+|make|cmake|meson|ninja|bazel|\./configure)(?:\s|$)",
    re.MULTILINE,
)
_SCRIPT = re.compile(r"\S\.sh(?:\s|$)", re.MULTILINE)
_C_SOURCES = (".c", ".cc", ".cpp", ".cxx", ".cu")
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
    for made in _makers(argv, image, stages):
        if made is not image and (found := _of_builds(made)) in ("c", "rust"):
            return found  # of a web server's name, and built here
    if name not in _OF_PHP and programs.command(argv, image.base) and not _is_own(argv, image, stages):
        scripts = any(path.endswith(".php") for path in guest.files)
        return "php" if scripts and name in programs.HTTPD else "static"
    if name in _PROGRAMS:
        return _PROGRAMS[name]
    if re.fullmatch(r"php[\d.]+|php-fpm[\d.]+", name):
        return "php"
    if (found := _of_base(image)) is not None:
        return found
    for made in _makers(argv, image, stages):
        if (found := _of_base(made) or _of_builds(made)) is not None:
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
    return "shell" if argv and _is_script(argv, image, guest) else None


def is_shell(text: str, path: str) -> bool:
    """Whether a file is a shell script, by its first line or its name."""
    if text.startswith("#!"):
        return re.match(r"#!.*\b(?:ba|da|a|z|k)?sh\b", text) is not None
    return path.endswith((".sh", ".bash"))


def _is_script(argv: Sequence[str], image: Image, guest: Guest) -> bool:
    """Whether the program is a shell script of the repository that starts no other program in the end."""
    words = [word for word in argv[:3] if not word.startswith("-")]
    if words and program(words[0]) in ("sh", "bash", "ash", "dash"):
        words = words[1:]
    path = guest.find_program(words[0], image.workdir or "/") if words else None
    text = (guest.text(path) if path is not None else None) or ""
    return path is not None and is_shell(text, path)


def _is_own(argv: Sequence[str], image: Image, stages: Sequence[Image]) -> bool:
    """Whether a program that bears a file server's name is compiled by a stage of the repository."""
    if programs.is_large(argv):
        return False
    makers = [made for made in _makers(argv, image, stages) if made.runs]
    return any(_of_builds(made) or any(_C_BUILD.search(run.command) for run in made.runs) for made in makers)


def _makers(argv: Sequence[str], image: Image, stages: Sequence[Image]) -> list[Image]:
    """The stages that may have made the program, as a shell would look for it; the image itself last."""
    found: list[Image] = []
    if argv:
        if "/" in argv[0]:
            places = [posixpath.join(image.workdir or "/", argv[0])]
        else:
            places = [f"{folder}/{argv[0]}" for folder in (*_BINARIES, image.workdir or "/")]
        made = (built.origin(image, stages, place).image for place in places)
        found += [stage for stage in made if stage is not image]
    return [*found, image]


def _of_builds(image: Image) -> str | None:
    """The language that the RUN lines of a stage compile."""
    for run in image.runs:
        for pattern, of in _BUILDS:
            if pattern.search(run.command):
                return of
    if not any(file.source.endswith(_C_SOURCES) for file in image.files):
        return None
    others = {manifest for manifest, of in _MANIFESTS if of != "c"}
    alone = not any(posixpath.basename(file.source) in others for file in image.files)
    for run in image.runs:
        if _C_BUILD.search(run.command) or (alone and _SCRIPT.search(run.command)):
            return "c"
    return None


def _of_base(image: Image) -> str | None:
    known = base_images.find(image.base)
    return known.language or None if known is not None else None
