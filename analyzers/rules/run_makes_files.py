"""
## What it says

A RUN line of the Dockerfile makes files that the service may need: collected static files, a bundle
of scripts, a download, a compiled program.

## Why

The component's files are those that COPY and ADD take from the repository. What a RUN line makes is
not in the repository, and the lane repeats only the lines that it knows: installing packages, compiling
the program, bundling the scripts of a Node.js service.

## How to mend

Commit the files, or make them before the image is built; or leave them to another service.

## What it cannot know

Whether the service reads the files. Lines whose commands are not known at all are listed under
`unknown`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from analyzers.model import Confidence, Copy, Effect, Finding, Service, Severity
from analyzers.rules._build import copy, image, run, service
from analyzers.rules._rule import Rule, bad, good
from analyzers.run_lines import Kind, commands, kind

RULE = Rule(
    id="run-makes-files",
    title="The Dockerfile makes files that the repository does not hold",
    severity=Severity.MAJOR,
    effect=Effect.REFACTOR,
    weight=20,
    confidence=Confidence.MEDIUM,
    remedy="Commit the files, or make them before the image is built.",
    effort=(0.25, 2),
)


def check(service: Service) -> Iterator[Finding]:
    if service.image is None or service.source is None or service.source.language in _COMPILED:
        return  # the program itself is made there, and the lane compiles it anew
    bundled = service.source.language == "node" and bool(service.source.files)
    for line in service.image.runs:
        makers = [
            command
            for command in commands(line)
            if kind(command) is Kind.MAKES and not (bundled and _BUNDLES.match(command))
        ]
        if makers:
            yield RULE.finding(
                f"`{makers[0]}` makes files that the component will not have.", [line.evidence]
            )
    for made in service.image.made:
        if not _is_environment(made) and not (bundled and made.stage and "/" not in made.stage):
            yield RULE.finding(
                f"{', '.join(made.sources)} of {made.stage or 'another stage'} is not in the repository.",
                [made.evidence],
            )


def _is_environment(made: Copy) -> bool:
    """Whether the files are installed packages or tools, which the lane provides itself."""
    paths = (*made.sources, made.destination)
    if any(mark in f"{path}/" for path in paths for mark in _PACKAGES):
        return True
    return (
        made.destination.startswith(("/usr/", "/bin/", "/sbin/", "/lib", "/etc/ssl"))
        or made.destination == "/usr"
    )


# Programs that install a Node.js service's packages and make its scripts, which its lane does itself.
_BUNDLES = re.compile(
    r"(npm|npx|pnpm|yarn|bun|bunx|corepack|node-prune|webpack|rollup|esbuild|vite|tsc|tsup|ncc|nest|turbo|nx|lerna|next)\b"
)
_COMPILED = frozenset({"go", "rust", "c", "cpp", "swift", "java", "kotlin", "csharp"})
# fmt: off
_PACKAGES = (
    "/site-packages/", "/dist-packages/", "/venv/", "/.venv/", "/virtualenv/", "/env/", "/wheels/", "/wheel/",
    "/install/", "/.local/", "/deps/", "/dependencies/", "/packages/", "/uv/", "/uvx/", "/requirements.txt/",
    "/python/",
)
# fmt: on


CASES = (
    bad(
        "collectstatic",
        service(of=image(runs=(run("python manage.py collectstatic --noinput", 6),))),
        "Dockerfile:6",
    ),
    bad(
        "after another command",
        service(of=image(runs=(run("pip install -r r.txt && npm run build", 6),))),
        "Dockerfile:6",
    ),
    bad(
        "a bundle of another stage",
        service(of=image(made=(copy("/ui/dist", "/app/static", 7, "ui"),))),
        "Dockerfile:7",
    ),
    good(
        "a compiled program is what the lane builds",
        service(language="go", of=image(runs=(run("go build -o /app ./cmd/app", 6),))),
    ),
    good(
        "scripts that the lane of Node.js bundles",
        service(
            language="node",
            of=image(
                runs=(run("npm ci && npm run build", 6),), made=(copy("/src/dist", "/app/dist", 9, "build"),)
            ),
        ),
    ),
    good(
        "packages are installed",
        service(of=image(runs=(run("pip install --no-cache-dir -r requirements.txt", 4),))),
    ),
    good(
        "a user is made",
        service(
            of=image(runs=(run("groupadd -r app && useradd -r -g app app && chown -R app:app /app", 4),))
        ),
    ),
    good(
        "packages of a builder stage", service(of=image(made=(copy("/opt/venv", "/opt/venv", 7, "builder"),)))
    ),
)
