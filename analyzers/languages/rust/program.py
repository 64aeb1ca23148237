"""From the start command to the package and the file with `main`: which cargo line made the program."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass

from analyzers.command import StartCommand
from analyzers.guest import Guest
from analyzers.languages import build_lines, built
from analyzers.languages.build_lines import Step
from analyzers.languages.rust.cargo import Package, Target, Workspace
from analyzers.languages.rust.sources import Sources
from analyzers.model import ComposeFacts, Evidence, Image, Unknown

# Programs that take cargo's own words.
_CARGO = frozenset({"cargo", "cross", "xx-cargo", "cargo-zigbuild", "cargo-auditable"})
# Words between `cargo` and its verb that hand the rest on.
_THROUGH = frozenset({"auditable", "zigbuild"})
_VERBS = {
    "build": "build", "b": "build", "zigbuild": "build", "rustc": "build", "install": "install", "run": "run",
    "r": "run", "leptos": "build", "shuttle": "build",
}  # fmt: skip
# Options that take a word.
_VALUED = frozenset({
    "--features", "-F", "--bin", "-p", "--package", "--manifest-path", "--target", "--target-dir",
    "--profile", "--path", "--root", "-j", "--jobs", "--config", "-Z", "--color", "--message-format",
    "--example", "--test", "--bench", "--out-dir", "--artifact-dir", "--git", "--branch", "--tag", "--rev",
    "--version", "--registry", "--index", "-C",
})  # fmt: skip
_COPIES = frozenset({"cp", "mv", "install", "ln"})
_BINARIES = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


@dataclass(frozen=True, slots=True)
class Cargo:
    """A cargo line that makes programs."""

    verb: str
    folder: str  # where its manifest is looked for
    packages: tuple[str, ...]
    bins: tuple[str, ...]
    features: tuple[str, ...]
    default: bool
    everything: bool
    elsewhere: bool  # installs from a registry or a repository
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Program:
    """What is started, and how it was built."""

    sources: Sources
    workspace: Workspace
    package: Package
    target: Target
    arguments: tuple[str, ...]
    built: Cargo | None
    unknown: tuple[Unknown, ...]


def find(
    tree_guest: Guest,
    image: Image,
    compose: ComposeFacts | None,
    start: StartCommand,
    stages: Sequence[Image],
) -> Program | None:
    """The program behind a start command; None where no package of the repository makes it."""
    name, arguments, cargo_run = _started(start)
    candidates = _candidates(image, stages, name, start.workdir)
    for stage, path in candidates:
        guest = tree_guest if stage is image else Guest(tree_guest.tree, stage)
        sources = Sources(guest, stage)
        if not sources.manifests:
            continue
        steps = build_lines.steps(guest, stage, compose)
        lines = [line for step in steps if (line := _cargo(step)) is not None]
        if cargo_run is not None:
            words = ("cargo", *cargo_run)
            where = start.evidence[-1] if start.evidence else image.base_evidence
            own = _cargo(Step(words, start.workdir, where))
            lines = [own] if own is not None else lines
        workspace = Workspace(sources)
        names = _names(steps, posixpath.basename(path))
        found = _choose(workspace, lines, names, stage.workdir)
        if found is not None:
            package, target, line, sure = found
            unknown = _settle(workspace, package, target, line, sure, start, sources)
            return Program(sources, workspace, package, target, arguments, line, unknown)
    return None


def _settle(
    workspace: Workspace,
    package: Package,
    target: Target,
    line: Cargo | None,
    sure: bool,
    start: StartCommand,
    sources: Sources,
) -> tuple[Unknown, ...]:
    """Switch the features on that the build line asks for; what is left open."""
    features = [f for f in (line.features if line else ()) if "$" not in f]
    plain = [f.partition("/")[2] if f.startswith(f"{package.name}/") else f for f in features]
    workspace.switch_on(
        package,
        (*plain, *target.features),
        default=line.default if line else True,
        everything=line.everything if line else False,
    )
    unknown: list[Unknown] = []
    place = start.evidence[-1] if start.evidence else None
    if not sure:
        name = " ".join(start.argv[:1])
        what = f"which program of the repository {name} is; {target.name} of {package.name} is taken"
        unknown.append(Unknown(what, "a cargo line with --bin, or CMD with the program's own name", place))
    elif line is None and not sources.assumed:
        what = f"how {target.name} is built; the default features are taken"
        unknown.append(Unknown(what, "`cargo build` in the Dockerfile", place))
    elif line is None:
        what = f"whether {target.name} is built from this source: the image takes it from elsewhere"
        unknown.append(Unknown(what, "`cargo build` in the Dockerfile", place))
    if line is not None and len(features) != len(line.features):
        what = "the features of the program: a variable of the build line has no value"
        unknown.append(Unknown(what, "a default for the ARG, or `build.args` in compose", line.evidence))
    return tuple(unknown)


def _started(start: StartCommand) -> tuple[str, tuple[str, ...], tuple[str, ...] | None]:
    """The program's path or name, its arguments, and the words of `cargo run` where that starts it."""
    if not start.argv:
        return "", (), None
    name = posixpath.basename(start.argv[0])
    if name in _CARGO and any(word in ("run", "r", "watch") for word in start.argv[1:]):
        words = list(start.argv[1:])
        inner = words[words.index("--") + 1 :] if "--" in words else []
        before = words[: words.index("--")] if "--" in words else words
        if "watch" in before:  # cargo watch -x run
            before = ["run"]
        return "", tuple(inner), tuple(before)
    return start.argv[0], start.argv[1:], None


def _candidates(image: Image, stages: Sequence[Image], name: str, workdir: str) -> list[tuple[Image, str]]:
    """Stages that may have made the program, the likeliest first, with its path there."""
    found: list[tuple[Image, str]] = []
    if name:
        if "/" in name:
            places = [posixpath.normpath(posixpath.join("/", workdir, name))]
        else:
            places = [f"{folder}/{name}" for folder in _BINARIES]
            places += [posixpath.join(workdir, name), f"/app/{name}"]
            places += _copied(image, name)
        for place in places:
            origin = built.origin(image, stages, place)
            if origin.image is not image:
                found.append((origin.image, origin.path))
    found.append((image, name or "/"))
    found += [(stage, name or "/") for stage in reversed(stages)]
    unique: dict[int, tuple[Image, str]] = {}
    for stage, path in found:
        unique.setdefault(id(stage), (stage, path))
    return list(unique.values())


def _copied(image: Image, name: str) -> list[str]:
    places: list[str] = []
    for copy in image.copies:
        for source in copy.sources:
            if posixpath.basename(source) == name or posixpath.basename(copy.destination) == name:
                target = copy.destination
                places.append(posixpath.join(target, name) if posixpath.basename(target) != name else target)
    return places


def _cargo(step: Step) -> Cargo | None:
    """A cargo line that makes programs, or None."""
    words = list(step.words)
    if step.program not in _CARGO:
        return None
    words = words[1:]
    folder = step.folder
    while words and (words[0].startswith("+") or words[0] in _THROUGH):
        if words[0] == "zigbuild":
            break
        del words[0]
    if len(words) > 1 and words[0] == "-C":
        folder = posixpath.normpath(posixpath.join(folder, words[1]))
        del words[:2]
    while words and words[0].startswith("-"):
        del words[0]
    if not words:
        return None
    verb = _VERBS.get(words[0])
    if verb is None:
        return None
    packages: list[str] = []
    bins: list[str] = []
    features: list[str] = []
    default, everything, elsewhere = True, False, False
    names: list[str] = []
    path: str | None = None
    position = 1
    while position < len(words):
        word, equals, value = words[position].partition("=")
        if word.startswith("-p") and len(word) > 2 and not word.startswith("--"):
            word, equals, value = "-p", "=", word[2:]
        position += 1
        if word == "--":
            break
        if word in _VALUED and not equals:
            value = words[position] if position < len(words) else ""
            position += 1
        if word in ("--features", "-F"):
            features += [f for f in re.split(r"[,\s]+", value) if f]
        elif word == "--bin":
            bins.append(value)
        elif word in ("-p", "--package"):
            packages.append(value.partition("@")[0])
        elif word == "--manifest-path":
            folder = posixpath.dirname(posixpath.normpath(posixpath.join(folder, value)))
        elif word == "--path":
            path = value
        elif word == "--no-default-features":
            default = False
        elif word == "--all-features":
            everything = True
        elif word == "--git":
            elsewhere = True
        elif not word.startswith("-"):
            names.append(word)
    if verb == "install":
        if path is not None:
            folder = posixpath.normpath(posixpath.join(folder, path))
            packages += names
        elif not elsewhere and names and "." not in names:
            elsewhere = True
    return Cargo(
        verb, folder, tuple(packages), tuple(bins), tuple(features), default, everything, elsewhere,
        step.evidence,
    )  # fmt: skip


def _names(steps: Sequence[Step], name: str) -> tuple[str, ...]:
    """Names that a program had before: what `cp`, `mv`, `install` or `ln` of the build stage renamed."""
    names = [name]
    for step in reversed(steps):
        if step.program not in _COPIES:
            continue
        words = [word for word in step.words[1:] if not word.startswith("-")]
        if len(words) < 2:
            continue
        *before, target = words
        for source in before:
            source_name = posixpath.basename(source)
            if posixpath.basename(target) == names[-1] and source_name not in names:
                names.append(source_name)
                break
    return tuple(names)


def _choose(
    workspace: Workspace, lines: Sequence[Cargo], names: Sequence[str], workdir: str
) -> tuple[Package, Target, Cargo | None, bool] | None:
    """Package, program, its build line, and whether that is sure."""
    own = [line for line in lines if not line.elsewhere]
    for name in reversed(names):
        wanted = {name, name.replace("_", "-"), name.replace("-", "_")}
        for line in reversed(own):
            for package in _packages(workspace, line):
                for target in package.targets:
                    if target.name in wanted and (not line.bins or target.name in line.bins):
                        return package, target, line, True
    for line in reversed(own):  # another name: one program only can be meant
        targets = [
            (package, target)
            for package in _packages(workspace, line)
            for target in package.targets
            if not line.bins or target.name in line.bins
        ]
        main = [(p, t) for p, t in targets if p.data.get("package", {}).get("default-run") == t.name] or [
            (p, t) for p, t in targets if t.name == p.name
        ]
        if len(targets) == 1:
            return *targets[0], line, True
        if targets and not any(name for name in names if name not in ("", "/")):
            package, target = (main or targets)[0]
            return package, target, line, len(main) == 1
    folder = workspace.root(workdir) or next(iter(workspace.packages), None)
    everyone = list(workspace.packages.values())
    for name in names:
        for package in everyone:
            for target in package.targets:
                if target.name == name:
                    return package, target, own[-1] if own else None, True
    if not own or folder is None:
        return None
    for line in reversed(own):
        for package in _packages(workspace, line):
            if package.targets:
                return package, package.targets[0], line, False
    return None


def _packages(workspace: Workspace, line: Cargo) -> list[Package]:
    """The packages whose programs a cargo line builds."""
    root = workspace.root(line.folder)
    if root is None:
        return []
    if line.packages:
        members = workspace.members(root) + list(workspace.packages.values())
        return list({p.folder: p for p in members if p.name in line.packages}.values())
    if line.verb == "install" and line.folder in workspace.packages:
        return [workspace.packages[line.folder]]
    if line.folder in workspace.packages and line.folder != root:
        return [workspace.packages[line.folder]]
    members = workspace.default_members(root)
    return workspace.members(root) if line.bins else members
