"""A Dockerfile resolved: the target stage with all that it inherits, and the files that it takes.

Follows frontend/dockerfile/dockerfile2llb/convert.go of github.com/moby/buildkit v0.34.2, with these
differences, because no image is pulled and nothing is built here:

- A variable without a value is no error. Its line is listed in `Image.unresolved`; a `${x:?}` of it is
  empty, a `FROM` that comes out empty keeps its text.
- A base image's own ENV, WORKDIR, USER, CMD and ONBUILD are unknown. The working directory starts at `/`,
  `$PATH` at BuildKit's default.
- A COPY whose source is not in the repository is no error. Its line is listed in `Image.missing`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from graphlib import CycleError, TopologicalSorter
from types import MappingProxyType

from analyzers.dockerfile import copies
from analyzers.dockerfile.copies import STANDARD_FOLDERS, Files
from analyzers.dockerfile.errors import DockerfileSyntaxError
from analyzers.dockerfile.expand import DEFAULT_PATH, Scope, predefined
from analyzers.dockerfile.globs import has_wildcards
from analyzers.dockerfile.heredocs import heredoc, is_heredoc
from analyzers.dockerfile.ignore import IgnoreFile
from analyzers.dockerfile.instructions import Instruction, check, csv_fields, stage_name
from analyzers.dockerfile.lex import Lexer
from analyzers.dockerfile.limits import COST_OF_PORT, Work
from analyzers.dockerfile.paths import base, clean, destination, join
from analyzers.dockerfile.split import Parsed, parse, parse_unchecked
from analyzers.model import Command, Copy, EnvVar, Evidence, Healthcheck, Image, Port, Run, TakenFile

DEFAULT_SHELL = ("/bin/sh", "-c")
_SNIPPET = 240  # characters of a line shown as evidence
_ONBUILD = re.compile(r"\s*ONBUILD\s*", re.IGNORECASE)
_MKDIR = re.compile(r"\bmkdir((?:[ \t]+[^\s;&|<>()]+)+)")


@dataclass(slots=True)
class _State:
    """What a stage has so far."""

    scope: Scope
    files: Files
    env: dict[str, EnvVar] = field(default_factory=dict)
    workdir: str = "/"
    user: str | None = None
    entrypoint: Command | None = None
    cmd: Command | None = None
    cmd_is_own: bool = False  # CMD stood in this very stage: ENTRYPOINT leaves it alone
    health: Healthcheck | None = None
    shell: tuple[str, ...] = ()
    ports: dict[tuple[int, str], Port] = field(default_factory=dict)
    volumes: dict[str, Evidence] = field(default_factory=dict)
    copies: list[Copy] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    made: list[Copy] = field(default_factory=list)
    missing: list[Evidence] = field(default_factory=list)

    def inherit(self, work: Work) -> _State:
        """The state of a stage that is FROM this one."""
        lists = len(self.copies) + len(self.runs) + len(self.made) + len(self.missing)
        work.spend(lists + len(self.env) + len(self.ports) + len(self.volumes))
        return replace(
            self,
            scope=self.scope.inherit(),
            files=self.files.copy(work),
            env=dict(self.env),
            cmd_is_own=False,
            ports=dict(self.ports),
            volumes=dict(self.volumes),
            copies=list(self.copies),
            runs=list(self.runs),
            made=list(self.made),
            missing=list(self.missing),
        )

    def with_shell(self, line: str) -> tuple[str, ...]:
        return (*(self.shell or DEFAULT_SHELL), line)


@dataclass(slots=True, eq=False)
class _Stage:
    """One FROM with what follows it."""

    index: int
    name: str
    start: Instruction
    base_name: str
    base: _Stage | None
    commands: list[Instruction] = field(default_factory=list)
    needs: list[tuple[int, _Stage]] = field(default_factory=list)  # position in `commands`, stage it names


# WORKDIR and USER of an external image, by its name as FROM gives it.
Bases = Callable[[str], tuple[str, str | None]]


@dataclass(frozen=True, slots=True)
class NamedContext:
    """A folder of the repository that a build gives beside its context (`--build-context`, compose's
    `additional_contexts`), the repository's files in it, and its ignore file."""

    folder: str
    paths: tuple[str, ...]
    ignore: IgnoreFile | None = None


# By name, in lower case.
Contexts = Mapping[str, NamedContext]


def _unknown_base(reference: str) -> tuple[str, str | None]:
    del reference
    return "/", None


def resolve(
    data: bytes,
    *,
    dockerfile: str,
    context: str,
    target: str | None = None,
    build_args: Mapping[str, str] | None = None,
    paths: Iterable[str] = (),
    ignore: IgnoreFile | None = None,
) -> Image:
    """The facts of the target stage (the last one for None).

    `dockerfile` and `context` are relative to the repository, `paths` all its files. Raises
    DockerfileSyntaxError for what BuildKit refuses, an unknown target included, and beyond the limits.
    """
    parsed = parse(data)
    resolver = _Resolver(parsed, dockerfile, context, build_args or {}, ignore, paths)
    return resolver.image(target)


def resolve_all(
    data: bytes,
    *,
    dockerfile: str,
    context: str,
    target: str | None = None,
    build_args: Mapping[str, str] | None = None,
    paths: Iterable[str] = (),
    ignore: IgnoreFile | None = None,
    bases: Bases = _unknown_base,
    contexts: Contexts | None = None,
) -> tuple[Image, tuple[Image, ...]]:
    """As `resolve`, and with it the other stages that the target copies from, directly or not, oldest first.

    Their `stage` is what `Copy.stage` says of them: the name, or the number of a stage without one.
    `bases` tells WORKDIR and USER of an external image; `contexts` are the build's other contexts.
    """
    parsed = parse(data)
    resolver = _Resolver(parsed, dockerfile, context, build_args or {}, ignore, paths, bases, contexts or {})
    image = resolver.image(target)
    return image, resolver.copied_from(target)


def _key(stage: _Stage) -> str:
    return stage.name or str(stage.index)


@contextmanager
def _at(line: int) -> Iterator[None]:
    """What is refused inside becomes an error at `line`."""
    try:
        yield
    except ValueError as e:
        raise DockerfileSyntaxError(line, str(e)) from e


def _files(folder: str, paths: Iterable[str], ignore: IgnoreFile | None) -> Files:
    """The files of a context, those that its ignore file excludes apart."""
    found = Files()
    prefix = f"{folder}/" if folder else ""
    for path in paths:
        if path.startswith(prefix):
            name = path[len(prefix) :]
            if ignore is None or not ignore.excludes(name):
                found.put(f"/{name}", path)
    return found


class _Resolver:
    """Works through one file once."""

    def __init__(
        self,
        parsed: Parsed,
        dockerfile: str,
        context: str,
        build_args: Mapping[str, str],
        ignore: IgnoreFile | None,
        paths: Iterable[str],
        bases: Bases = _unknown_base,
        contexts: Contexts = MappingProxyType({}),
    ) -> None:
        self.parsed = parsed
        self.contexts = contexts
        self.named: dict[str, Files] = {}
        self.bases = bases
        self.dockerfile = dockerfile
        folder = clean(context).strip("/")
        self.context_path = "" if folder == "." else folder
        self.build_args = build_args
        self.ignore = ignore
        self.paths = tuple(paths)
        self.work = Work()
        self.unset: dict[int, None] = {}
        self.globals: Mapping[str, str] = {}
        self.stages: list[_Stage] = []
        self.by_name: dict[str, _Stage] = {}
        self.states: dict[_Stage, _State] = {}
        self.context = Files()
        self.paths_given = False

    def evidence(self, line: int) -> Evidence:
        text = self.parsed.lines[line - 1].strip()
        return Evidence(self.dockerfile, line, text if len(text) <= _SNIPPET else text[:_SNIPPET] + "…")

    # ---- the graph of stages

    def image(self, target: str | None) -> Image:
        self.read_stages(target)
        wanted = self.target(target)
        self.link()
        reachable = self.reachable(wanted)
        self.read_context()
        for stage in self.stages:
            if stage in reachable:
                self.states[stage] = self.run(stage)
        return self.finish(wanted, self.states[wanted])

    def copied_from(self, target: str | None) -> tuple[Image, ...]:
        """The stages that hold files for the target, after `image`."""
        found: set[_Stage] = set()
        todo = [self.target(target)]
        while todo:
            stage = todo.pop()
            named = {needed for i, needed in stage.needs if stage.commands[i].name == "COPY"}
            todo += [*(named - found), *([stage.base] if stage.base is not None else [])]
            found |= named
        images = [(s, self.finish(s, self.states[s])) for s in self.stages if s in found]
        return tuple(replace(image, stage=_key(stage)) for stage, image in images)

    def read_stages(self, target: str | None) -> None:
        starts = [i for i in self.parsed.instructions if i.name == "FROM"]
        if not starts:
            last = self.parsed.instructions[-1].line
            raise DockerfileSyntaxError(last, "dockerfile contains no stages to build")
        named = target or stage_name(starts[-1])
        scope = self.scope(predefined(self.build_args, named))
        for i in self.parsed.instructions:
            if i.name == "FROM":
                with _at(i.line):
                    self.start_stage(i, scope)
            elif self.stages:
                self.stages[-1].commands.append(i)
            else:
                with _at(i.line):
                    scope.declare(i)
        self.globals = scope.variables

    def start_stage(self, i: Instruction, scope: Scope) -> None:
        base_name = scope.word(i.arguments[0], i.line)
        if not base_name:
            if scope.is_settled(i.line):
                raise ValueError(f"base name ({i.arguments[0]}) should not be blank")
            base_name = i.arguments[0]
        if platform := i.flag("platform"):
            scope.word(platform, i.line)
        name = stage_name(i)
        stage = _Stage(len(self.stages), name, i, base_name, self.by_name.get(base_name))
        self.stages.append(stage)
        if name:
            self.by_name[name] = stage

    def target(self, name: str | None) -> _Stage:
        if not name:
            return self.stages[-1]
        stage = self.by_name.get(name.lower())
        if stage is None:
            names = ", ".join(self.by_name) or "none has a name"
            line = self.stages[-1].start.line
            raise DockerfileSyntaxError(line, f"target stage {name!r} could not be found; stages: {names}")
        return stage

    def link(self) -> None:
        """Find the stages that lines copy from or mount, and put ONBUILD triggers into their children."""
        triggers: dict[_Stage, list[Instruction]] = {}
        for stage in self.stages:
            if stage.base is not None:
                if stage.base not in triggers:
                    onbuilds = [i for i in stage.base.commands if i.name == "ONBUILD"]
                    triggers[stage.base] = [self.trigger(i) for i in onbuilds]
                with _at(stage.start.line):
                    self.work.spend(len(triggers[stage.base]))
                stage.commands = [*triggers[stage.base], *stage.commands]
            for position, i in enumerate(stage.commands):
                with _at(i.line):
                    stage.needs += ((position, needed) for needed in self.named_by(i))
        try:
            TopologicalSorter({s: [needed for _, needed in s.needs] for s in self.stages}).prepare()
        except CycleError as e:
            stage = min(e.args[1], key=lambda s: s.index)
            raise DockerfileSyntaxError(
                stage.start.line, f"circular dependency detected on stage: {stage.name or stage.index}"
            ) from e

    def named_by(self, i: Instruction) -> Iterator[_Stage]:
        """The stages of COPY --from and RUN --mount=from; other names are images."""
        if i.name == "COPY" and (name := i.flag("from")):
            if Lexer(self.parsed.escape).process(name, {}).text != name:
                raise ValueError(
                    "variable expansion is not supported for --from, define a new stage with FROM using ARG "
                    "from global scope as a workaround"
                )
            if re.fullmatch(r"[+-]?[0-9]{1,9}", name):
                if not 0 <= int(name) < len(self.stages):
                    raise ValueError(f"invalid stage index {name}")
                yield self.stages[int(name)]
            elif (stage := self.by_name.get(name.lower())) is not None:
                yield stage
        elif i.name == "RUN":
            for mount in i.flag_values("mount"):
                for option in csv_fields(mount):
                    key, _, value = option.partition("=")
                    if key.lower() == "from" and (stage := self.by_name.get(value.lower())) is not None:
                        yield stage

    def trigger(self, onbuild: Instruction) -> Instruction:
        """The instruction that ONBUILD holds, at ONBUILD's own lines."""
        text = _ONBUILD.sub("", onbuild.text, count=1)
        for doc in onbuild.heredocs:
            text += f"\n{doc.content}{doc.name}"
        try:
            found = parse_unchecked(text.encode()).instructions
        except DockerfileSyntaxError as e:
            raise DockerfileSyntaxError(onbuild.line, e.message) from e
        if len(found) != 1:
            raise DockerfileSyntaxError(onbuild.line, "onbuild trigger should be a single expression")
        trigger = replace(found[0], line=onbuild.line, end_line=onbuild.end_line)
        check(trigger)
        return trigger

    def reachable(self, target: _Stage) -> set[_Stage]:
        found: set[_Stage] = set()
        todo = [target]
        while todo:
            stage = todo.pop()
            if stage not in found:
                found.add(stage)
                todo += (needed for _, needed in stage.needs)
                if stage.base is not None:
                    todo.append(stage.base)
        return found

    def read_context(self) -> None:
        self.paths_given = bool(self.paths)
        self.context = _files(self.context_path, self.paths, self.ignore)

    def named_context(self, name: str) -> Files:
        """The files of another context of the build; none where no folder of the repository has this name."""
        key = name.lower()
        if key in self.contexts and key not in self.named:
            given = self.contexts[key]
            self.named[key] = _files(given.folder, given.paths, given.ignore)
        return self.named.get(key) or Files()

    def scope(self, variables: Mapping[str, str]) -> Scope:
        return Scope(variables, self.build_args, self.parsed.escape, self.unset, self.work)

    # ---- one stage

    def run(self, stage: _Stage) -> _State:
        for position, needed in stage.needs:
            if needed not in self.states:
                raise DockerfileSyntaxError(
                    stage.commands[position].line,
                    f"cannot copy from stage {needed.name or needed.index!r}, "
                    f"it needs to be defined before current stage {stage.name or stage.index!r}",
                )
        if stage.base is not None:
            with _at(stage.start.line):
                state = self.states[stage.base].inherit(self.work)
            state.scope.variables.update((v.name, v.value or "") for v in state.env.values())
        else:
            folders = ("/",) if stage.base_name == "scratch" else ("/", *STANDARD_FOLDERS)
            workdir, user = self.bases(stage.base_name)
            state = _State(
                self.scope({"PATH": DEFAULT_PATH}), Files(folders=folders), workdir=workdir, user=user
            )
            if workdir != "/":
                state.files.add_folder(workdir)
        sources = dict(stage.needs)
        for position, i in enumerate(stage.commands):
            with _at(i.line):
                self.apply(state, i, sources.get(position))
        return state

    def apply(self, state: _State, i: Instruction, source: _Stage | None) -> None:
        scope = state.scope
        match i.name:
            case "ARG":
                scope.declare(i, self.globals)
            case "ENV":
                pairs = [(scope.word(k, i.line), scope.word(v, i.line)) for k, v in i.pairs]
                for (name, value), line in zip(pairs, self.lines_of_pairs(i), strict=True):
                    scope.variables[name] = value
                    state.env[name] = EnvVar(name, value, self.evidence(line))
            case "LABEL":
                for pair in i.pairs:
                    for part in pair:
                        scope.word(part, i.line)
            case "STOPSIGNAL":
                scope.word(i.arguments[0], i.line)
            case "WORKDIR":
                state.workdir = join(state.workdir, scope.word(i.arguments[0], i.line))
                state.files.add_folder(state.workdir)
            case "USER":
                state.user = scope.word(i.arguments[0], i.line) or None
            case "VOLUME":
                for argument in i.arguments:
                    volume = scope.word(argument.strip(), i.line)
                    if volume:
                        state.volumes[volume] = self.evidence(i.line)
                    elif scope.is_settled(i.line):
                        raise ValueError("VOLUME specified can not be an empty string")
            case "SHELL":
                state.shell = i.arguments
            case "CMD":
                state.cmd = self.command(state, i)
                state.cmd_is_own = True
            case "ENTRYPOINT":
                state.entrypoint = self.command(state, i)
                if not state.cmd_is_own:
                    state.cmd = None
            case "HEALTHCHECK":
                command = () if i.arguments[0].upper() == "NONE" else i.arguments[1:]
                state.health = Healthcheck(command, bool(command) and not i.json, self.evidence(i.line))
            case "EXPOSE":
                self.expose(state, i)
            case "RUN":
                self.run_line(state, i)
            case "COPY" | "ADD":
                self.copy(state, i, source)

    def lines_of_pairs(self, i: Instruction) -> list[int]:
        """For each pair of an ENV the line where it stands, for one that goes over several lines."""
        lines = [
            "" if line.lstrip().startswith("#") else f" {line}".replace("\t", " ")
            for line in self.parsed.lines[i.line - 1 : i.end_line]
        ]
        found: list[int] = []
        at = 0
        for key, _ in i.pairs:
            self.work.spend(len(lines) - at)
            own = next((n for n in range(at, len(lines)) if f" {key}=" in lines[n]), None)
            at = at if own is None else own
            found.append(i.line + (own or 0))
        return found

    def command(self, state: _State, i: Instruction) -> Command:
        if i.json:
            return Command(i.arguments, False, self.evidence(i.line))
        return Command(state.with_shell(" ".join(i.arguments)), True, self.evidence(i.line))

    def expose(self, state: _State, i: Instruction) -> None:
        evidence = self.evidence(i.line)
        for argument in i.arguments:
            for word in state.scope.words(argument, i.line):
                try:
                    numbers, protocol = ports(word)
                except ValueError:
                    if state.scope.is_settled(i.line):
                        raise
                    continue  # half of it is a variable without a value
                self.work.spend(len(numbers) * COST_OF_PORT)
                for number in numbers:
                    port = Port(number, protocol, evidence)
                    state.ports.setdefault((number, protocol), port)

    def run_line(self, state: _State, i: Instruction) -> None:
        if i.json:
            run = Run(shlex.join(i.arguments), state.workdir, self.evidence(i.line), i.arguments)
        else:
            text = " ".join(i.arguments)
            if i.heredocs and is_heredoc(text):
                text = i.heredocs[0].data
            else:
                for doc in i.heredocs:
                    text += f"\n{doc.content}{doc.name}"
            run = Run(text, state.workdir, self.evidence(i.line))
        state.runs.append(run)
        for names in _MKDIR.findall(run.command):
            for name in names.split():
                if not name.startswith("-") and not set(name) & set("$`*?{'\"\\"):
                    state.files.add_folder(join(state.workdir, name))

    def copy(self, state: _State, i: Instruction, stage: _Stage | None) -> None:
        scope, line = state.scope, i.line
        for flag in ("chown", "chmod", "checksum"):
            if value := i.flag(flag):
                scope.word(value, line)
        docs = {doc.name: doc for doc in i.heredocs}
        sources: list[str] = []
        inline: list[tuple[str, str]] = []
        for argument in i.arguments[:-1]:
            head = heredoc(argument) if "<<" in argument else None
            if head is None:
                sources.append(scope.word(argument, line))
            elif head.name in docs:
                data = docs[head.name].data
                inline.append((head.name, scope.content(data, line) if head.expand else data))
            else:
                inline.append((head.name, ""))
        to = destination(state.workdir, scope.word(i.arguments[-1], line))
        copied = Copy(
            sources=tuple(sources),
            destination=to,
            stage=_key(stage) if stage is not None else i.flag("from") or None,
            evidence=self.evidence(line),
            is_add=i.name == "ADD",
            inline=tuple(inline),
            excludes=i.flag_values("exclude"),
        )
        state.copies.append(copied)
        self.take(state, i, copied, stage)

    def take(self, state: _State, i: Instruction, copied: Copy, stage: _Stage | None) -> None:
        """Bring the known files of a COPY into the stage; note those that are not known."""
        if copied.stage is None:
            source = self.context
        else:
            source = self.states[stage].files if stage is not None else self.named_context(copied.stage)
        unpack = i.is_true("unpack", default=copied.is_add)
        made: list[str] = []
        for path in copied.sources:
            if copied.is_add and (copies.is_remote(path) or (unpack and source.is_archive(path, self.work))):
                made.append(path)
                continue
            known = copies.copy(
                source,
                state.files,
                path,
                copied.destination,
                excludes=copied.excludes,
                parents=i.is_true("parents"),
                work=self.work,
            )
            if known:
                continue
            if copied.stage is not None:
                made.append(path)
            elif self.is_missing(path, i):
                state.missing.append(copied.evidence)
        if made:
            state.made.append(replace(copied, sources=tuple(made), inline=()))
        for name, _ in copied.inline:
            state.files.put_into(copied.destination, base(clean(f"/{name}")), None)

    def is_missing(self, path: str, i: Instruction) -> bool:
        """Whether BuildKit would stop at a source of the context that nothing known answers to."""
        return (
            self.paths_given
            and i.line not in self.unset
            and not has_wildcards(path)
            and not self.context.resolve(join("/", path.replace("/./", "/")), self.work)
        )

    def finish(self, stage: _Stage, state: _State) -> Image:
        bottom = stage
        while bottom.base is not None:
            bottom = bottom.base
        health = state.health
        if health is not None and health.shell:
            health = replace(health, command=state.with_shell(" ".join(health.command)))
        return Image(
            dockerfile=self.dockerfile,
            context=self.context_path,
            stage=stage.name or None,
            base=bottom.base_name,
            base_evidence=self.evidence(bottom.start.line),
            env=tuple(state.env.values()),
            workdir=state.workdir,
            user=state.user,
            entrypoint=state.entrypoint,
            cmd=state.cmd,
            ports=tuple(state.ports.values()),
            volumes=tuple(state.volumes.items()),
            healthcheck=health,
            copies=tuple(state.copies),
            runs=tuple(state.runs),
            shell=state.shell or DEFAULT_SHELL,
            files=tuple(sorted((TakenFile(s, g) for g, s in state.files.taken()), key=lambda f: f.guest)),
            made=tuple(state.made),
            unresolved=tuple(self.evidence(line) for line in sorted(self.unset)),
            missing=tuple(state.missing),
        )


_PROTOCOLS = ("tcp", "udp", "sctp")


def ports(text: str) -> tuple[range, str]:
    """The ports and the protocol of one word of EXPOSE (`[ip:]public:private/proto`). Raises ValueError."""
    private = text.rsplit(":", 1)[-1]
    number, _, protocol = private.partition("/")
    protocol = protocol.lower() or "tcp"
    if not number:
        raise ValueError(f"invalid port: {text!r}: no port specified")
    if protocol not in _PROTOCOLS:
        raise ValueError(f"invalid port: {text!r}: invalid proto: {protocol}")
    first, dash, last = number.partition("-")
    start, end = _port(first), _port(last) if dash else _port(first)
    if end < start:
        raise ValueError(f"invalid containerPort: {number}")
    return range(start, end + 1), protocol


def _port(text: str) -> int:
    if not re.fullmatch(r"\+?[0-9]{1,18}", text) or int(text) > 65535:
        raise ValueError(f"invalid containerPort: {text}")
    return int(text)
