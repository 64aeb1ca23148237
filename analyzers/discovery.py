"""What of a repository is a service: Dockerfiles and compose files brought together, each with its image.

Nothing is named or read here beyond what defines a service; `analyzers.inventory` does that.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from analyzers import base_images, compose, names
from analyzers.compose import Build, ComposeModel, ComposeService
from analyzers.dockerfile import ignore, stages
from analyzers.dockerfile.errors import DockerfileError
from analyzers.model import Image, Unknown
from analyzers.repository import Tree


@dataclass(frozen=True, slots=True)
class Found:
    """A deployable before it is named and read."""

    image: Image | None
    stages: tuple[Image, ...]
    image_name: str | None
    compose: ComposeService | None
    folder: str
    unknown: tuple[Unknown, ...] = ()


def find(tree: Tree, model: ComposeModel, repository: str) -> list[Found]:
    """The services of a repository of this name: those of compose files, then Dockerfiles that none names."""
    found = _from_compose(tree, model, repository)
    named = {service.image.dockerfile for service in found if service.image}
    named |= _named_dockerfiles(tree, model)
    alone = (_alone(tree, path) for path in tree.paths if is_dockerfile(path) and path not in named)
    return [*found, *(service for service in alone if service is not None)]


def is_dockerfile(path: str) -> bool:
    """Dockerfile, Dockerfile.*, *.Dockerfile, Containerfile; their ignore files are none."""
    name = PurePosixPath(path).name
    if name.endswith(".dockerignore"):
        return False
    return (
        name in ("Dockerfile", "dockerfile", "Containerfile")
        or name.startswith(("Dockerfile.", "Containerfile."))
        or name.endswith((".Dockerfile", ".dockerfile", ".Containerfile"))
    )


def _from_compose(tree: Tree, model: ComposeModel, repository: str) -> list[Found]:
    """Each compose service once a Dockerfile, target and command."""
    found: list[Found] = []
    seen: set[object] = set()
    for stated, service in zip(model.services, _with_builds(tree, model, repository), strict=True):
        if _is_only_tested(service):
            continue
        built = _built(tree, service)
        if built.image is not None:
            facts = service.facts
            words = tuple(c.argv if c else None for c in (facts.entrypoint, facts.command))
            key = (built.image.dockerfile, built.image.stage, words, _own_name(stated, service))
            if key in seen:
                continue
            seen.add(key)
        found.append(built)
    return found


def _is_only_tested(service: ComposeService) -> bool:
    """Whether a compose file among tests builds a service that lies elsewhere: how it is run there (names,
    rights, mounts) is the tests' affair, so its Dockerfile counts by itself or by another compose file."""
    around = compose.tests_around(service.facts.ref.file)
    path = service.build.dockerfile_path if service.build is not None else None
    return around is not None and path is not None and not path.startswith(f"{around}/")


def _own_name(stated: ComposeService, service: ComposeService) -> str | None:
    """The name of a service that states an image only, which its project builds elsewhere: each counts, as
    image-only services do."""
    if stated.build is not None or service.build is None:
        return None
    return service.name if posixpath.dirname(service.build.evidence.path) == service.folder else None


def _with_builds(tree: Tree, model: ComposeModel, repository: str) -> list[ComposeService]:
    """The services, those that run an image which the repository itself builds with that build.

    It is built by another service that gives the image this name, by another compose file that states the
    same service, or by the Dockerfile beside the compose file where the image bears the repository's name.
    """
    builds: dict[str, Build] = {}
    for service in (*model.services, *(repeated for repeated, _ in model.repeated)):
        if service.build is not None and service.image is not None:
            builds.setdefault(_reference(service.image), service.build)
    stated = {
        (first.folder, first.name): repeated.build
        for repeated, first in reversed(model.repeated)
        if repeated.build is not None and repeated.folder == first.folder
    }
    taken = {path for build in builds.values() if (path := build.dockerfile_path)}
    taken |= {path for one in model.services if one.build and (path := one.build.dockerfile_path)}
    for service in model.services:
        if service.build is None and service.image is not None:
            build = stated.get((service.folder, service.name))
            beside = posixpath.join(service.folder, "Dockerfile")
            if (
                build is None
                and beside in tree
                and beside not in taken
                and _is_own(service.image, repository)
            ):
                evidence = service.facts.ref.evidence
                folder = _context(tree, beside)[1]
                build = Build(
                    folder, folder or ".", posixpath.relpath(beside, folder or "."), None, (), evidence
                )
            if build is not None:
                builds.setdefault(_reference(service.image), build)
    return [
        replace(service, build=build)
        if service.build is None and service.image and (build := builds.get(_reference(service.image)))
        else service
        for service in model.services
    ]


def _reference(image: str) -> str:
    """An image's name without what is the same for all: the default registry and tag."""
    return image.removeprefix("docker.io/").removeprefix("library/").removesuffix(":latest")


def _is_own(image: str, repository: str) -> bool:
    """Whether an image bears the name of the repository: `erikvl87/languagetool` of `docker-languagetool`."""

    def plain(name: str) -> str:
        return names.clean(name).removeprefix("docker-").removesuffix("-docker")

    return plain(base_images.image_name(image)) == plain(repository)


def _built(tree: Tree, service: ComposeService) -> Found:
    """A compose service with its image."""
    build = service.build
    if build is None:
        return Found(None, (), service.image, service, service.folder, service.unknown)
    unknown = list(service.unknown)
    image: Image | None = None
    others: tuple[Image, ...] = ()
    if build.context is None:
        hint = Unknown(
            f"the build context {build.context_text}, which is no folder of the repository",
            "run `assess` on the repository that holds it",
            build.evidence,
        )
        unknown.append(hint)
    else:
        path = build.dockerfile_path
        args = {name: value for name, value in build.args if value is not None}
        if build.inline is not None:
            path = build.evidence.path
            data: bytes | None = build.inline.encode()
        elif path is None or path not in tree:
            data = None
            hint = Unknown(
                f"how {service.name} is built: {path or build.dockerfile} is not in the repository",
                "`build.dockerfile` in compose",
                build.evidence,
            )
            unknown.append(hint)
        else:
            data = tree.data(path)
        if data is not None and path is not None:
            named = _named_contexts(tree, build)
            image, others = _resolve(tree, data, path, build.context, build.target, args, named)
    if image is None and not unknown:
        unknown.append(
            Unknown(f"how {service.name} is built", "a Dockerfile that can be read", build.evidence)
        )
    folder = build.context if build.context is not None else service.folder
    return Found(image, others, None if image else service.image, service, folder, tuple(unknown))


def _named_dockerfiles(tree: Tree, model: ComposeModel) -> set[str]:
    """Dockerfiles that compose names; they are counted through compose only, even unreadable ones."""
    services = (*model.services, *(repeated for repeated, _ in model.repeated))
    paths = {
        service.build.dockerfile_path
        for service in services
        if service.build is not None and not _is_only_tested(service)
    }
    return {path for path in paths if path is not None and path in tree}


def _alone(tree: Tree, path: str) -> Found | None:
    """A Dockerfile that no compose file names."""
    own = posixpath.dirname(path)
    (image, others), context = _context(tree, path)
    if image is None:
        return None
    unknown: tuple[Unknown, ...] = ()
    if context != own:
        where = f"the folder {context}" if context else "the repository's root"
        first = next((c.evidence for c in image.copies if c.stage is None), image.base_evidence)
        what = f"the build context of {path}: its COPY sources exist in {where}, which is taken"
        unknown = (Unknown(what, "`build.context` in a compose file", first),)
    return Found(image, others, None, None, own if context == own else _source_folder(image, own), unknown)


def _context(tree: Tree, path: str) -> tuple[tuple[Image | None, tuple[Image, ...]], str]:
    """What a Dockerfile whose context nothing states builds, and the folder that is its context.

    That is its own folder, or the nearest folder above in which more of its COPY sources exist; where only
    the Dockerfile and its like lie in its folder, the nearest one above that holds a project.
    """
    own = context = folder = posixpath.dirname(path)
    data = tree.data(path)
    if data is None:
        return (None, ()), own
    best = _resolve(tree, data, path, own, None, {})
    if best[0] is None:
        return best, own
    while folder and _lacking(best):
        folder = posixpath.dirname(folder)
        other = _resolve(tree, data, path, folder, None, {})
        if other[0] is not None and _lacking(other) < _lacking(best):
            best, context = other, folder
    above = _project_above(tree, own) if context == own and best[0] is not None and best[0].files else None
    if above is not None:
        other = _resolve(tree, data, path, above, None, {})
        if other[0] is not None and _lacking(other) <= _lacking(best):
            best, context = other, above
    return best, context


def _lacking(read: tuple[Image | None, tuple[Image, ...]]) -> int:
    """How many COPY sources a context does not hold, of the image and of the stages that it takes from."""
    image, others = read
    return len({one for stage in (image, *others) if stage is not None for one in stage.missing})


_BESIDE_DOCKERFILES = re.compile(
    r"\.(sh|md|ya?ml|conf|cfg|ini|env|example|dockerignore|gitignore|dockerfile|template|tmpl|service)$|^[^.]+$"
    r"|^(Dockerfile|Containerfile)\b|^\.env",
    re.IGNORECASE,
)
# fmt: off
_PROJECTS = frozenset({
    "pyproject.toml", "setup.py", "requirements.txt", "Pipfile", "package.json", "go.mod", "Cargo.toml",
    "pom.xml", "build.gradle", "build.gradle.kts", "composer.json", "Gemfile", "mix.exs", "Package.swift",
    "deno.json", "CMakeLists.txt", "Makefile",
})
# fmt: on


def _project_above(tree: Tree, folder: str) -> str | None:
    """The nearest folder above with a project, where `folder` holds only what lies beside Dockerfiles."""
    if not folder or not all(
        _BESIDE_DOCKERFILES.search(PurePosixPath(path).name) for path in tree.under(folder)
    ):
        return None
    if any(PurePosixPath(path).name in _PROJECTS for path in tree.under(folder)):
        return None
    while folder:
        folder = posixpath.dirname(folder)
        if any(posixpath.join(folder, name) in tree for name in _PROJECTS):
            return folder
    return None


def _source_folder(image: Image | None, own: str) -> str:
    """The folder that holds all that the image takes, if that is not the whole context."""
    taken = [file.source for file in image.files] if image else []
    if not taken:
        return own
    common = posixpath.commonpath([posixpath.dirname(path) or "." for path in taken])
    return "" if common == "." else common


def _resolve(
    tree: Tree,
    data: bytes,
    path: str,
    context: str,
    target: str | None,
    args: Mapping[str, str],
    contexts: stages.Contexts | None = None,
) -> tuple[Image | None, tuple[Image, ...]]:
    """The image of a Dockerfile, and those of the stages whose results it takes over."""
    try:
        return stages.resolve_all(
            data,
            dockerfile=path,
            context=context,
            target=target,
            build_args=args,
            paths=tree.under(context) or tree.paths,  # none: there is no such folder
            ignore=_ignore_file(tree, path, context),
            bases=_of_base,
            contexts=contexts,
        )
    except DockerfileError as error:
        tree.give_up(path, f"is no Dockerfile that can be read: {error}")
        return None, ()


def _named_contexts(tree: Tree, build: Build) -> dict[str, stages.NamedContext]:
    """The folders of the repository that compose gives a build beside its context."""
    found: dict[str, stages.NamedContext] = {}
    for name, where in build.additional_contexts:
        if where.startswith("./"):
            folder = where.removeprefix("./")
            ignored = _ignore_file(tree, "", folder)
            found[name.lower()] = stages.NamedContext(folder, tuple(tree.under(folder)), ignored)
    return found


def _of_base(reference: str) -> tuple[str, str | None]:
    """WORKDIR and USER that an image brings, where it is a public one."""
    known = base_images.find(reference)
    return (known.workdir, known.user or None) if known is not None else ("/", None)


def _ignore_file(tree: Tree, dockerfile: str, context: str) -> ignore.IgnoreFile | None:
    """`<Dockerfile>.dockerignore` beside the Dockerfile, else `.dockerignore` in the context."""
    own = (f"{dockerfile}.dockerignore",) if dockerfile else ()
    for path in (*own, posixpath.join(context, ".dockerignore")):
        if path in tree and (text := tree.text(path)) is not None:
            try:
                return ignore.parse(text)
            except DockerfileError as error:
                tree.give_up(path, f"is no ignore file that a build takes: {error}")
    return None
