"""The facts of one service: its long form, read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from analyzers.compose import dotenv, shellwords, volumes
from analyzers.compose.files import join
from analyzers.compose.load import Loaded, Reader
from analyzers.compose.model import Build, ComposeService
from analyzers.compose.values import Place, Value
from analyzers.model import (
    Command,
    ComposeFacts,
    ComposeRef,
    EnvVar,
    Evidence,
    GivenFile,
    Healthcheck,
    Port,
    Unknown,
)

_PORT_RANGE = 64  # ports of one range that are listed
_REMOTE = ("https://", "http://", "git://", "ssh://", "github.com/", "git@")
_TRUE = frozenset({"true", "y", "yes", "on"})
_NOTHING: Mapping[str, Value] = {}


def service(reader: Reader, loaded: Loaded, name: str) -> ComposeService:
    """One service of a project."""
    value = loaded.model.services[name]
    assert isinstance(value.data, dict)  # noqa: S101 - made by `canonical`
    return _Service(reader, loaded, name, value, value.data).read()


@dataclass
class _Service:
    reader: Reader
    loaded: Loaded
    name: str
    value: Value
    keys: Mapping[str, Value]
    unknown: list[Unknown] = field(default_factory=list)
    env_complete: bool = True  # until a file of variables is missing

    def read(self) -> ComposeService:
        if "extends" in self.keys:
            self.ask(
                f"what the compose service {self.name!r} takes over with `extends`",
                "write the settings into the service itself",
                self.keys["extends"],
            )
        build = self.build()
        profiles = tuple(one.text or "" for one in self.items("profiles"))
        facts = ComposeFacts(
            ref=ComposeRef(self.value.at.path, self.name, self.evidence(self.value.at)),
            environment=self.environment(),
            env_complete=self.env_complete,
            command=self.command("command"),
            entrypoint=self.command("entrypoint"),
            ports=tuple(self.ports()),
            volumes=tuple(self.volumes()),
            privileges=tuple(self.privileges()),
            gpu=tuple(self.gpu()),
            depends_on=self.depends_on(),
            working_dir=self.text("working_dir"),
            build_args=tuple(self.build_args()),
            user=self.text("user"),
            healthcheck=self.healthcheck(),
            secrets=tuple(self.given("secrets", self.loaded.model.secrets)),
            configs=tuple(self.given("configs", self.loaded.model.configs)),
            networks=tuple(mapping(self.keys.get("networks"))),
            external_links=tuple(one.text or "" for one in self.items("external_links")),
            security_opt=tuple((one.text or "", self.evidence(one.at)) for one in self.items("security_opt")),
            profiles=profiles,
            replicas=self.replicas(),
        )
        return ComposeService(
            name=self.name,
            folder=self.loaded.project.folder,
            build=build,
            image=self.text("image"),
            facts=facts,
            profiles=profiles,
            unknown=tuple(self.unknown),
        )

    # --- values ---

    def evidence(self, place: Place) -> Evidence:
        return Evidence(place.path, place.line, self.reader.tree.line(place.path, place.line))

    def ask(self, what: str, settle_with: str, value: Value) -> None:
        self.unknown.append(Unknown(what, settle_with, self.evidence(value.at)))

    def text(self, key: str) -> str | None:
        value = self.keys.get(key)
        return value.text if value is not None else None

    def items(self, key: str) -> list[Value]:
        found = items(self.keys.get(key))
        self.loaded.work.spend(len(found))
        return found

    def pairs(self, value: Value | None) -> Iterator[EnvVar]:
        """Variables; one without a value takes that of the project's environment, as compose does."""
        for name, one in mapping(value).items():
            self.loaded.work.spend()
            known = one.text if one.data is not None else self.loaded.variables.get(name)
            yield EnvVar(name, None if one.unset else known, self.evidence(one.at))

    # --- keys ---

    def build(self) -> Build | None:
        value = self.keys.get("build")
        if value is None:
            return None
        keys = mapping(value)
        context = keys.get("context")
        text = (context.text if context is not None else None) or "."
        folder = context.place.folder if context is not None else self.loaded.project.folder
        inline: str | None = None
        if (given := keys.get("dockerfile_inline")) is not None and given.text is not None:
            # A block scalar's text begins in the line after its sign.
            inline = "\n" * given.place.line + given.text
        additional = []
        for name, one in mapping(keys.get("additional_contexts")).items():
            where = one.text or ""
            inside = (
                None if is_remote(where) or where.startswith("service:") else join(one.place.folder, where)
            )
            additional.append((name, where if inside is None else f"./{inside}"))
        dockerfile = keys.get("dockerfile")
        target = keys.get("target")
        return Build(
            context=None if is_remote(text) else join(folder, text),
            context_text=text,
            dockerfile=(dockerfile.text if dockerfile is not None else None) or "Dockerfile",
            target=(target.text if target is not None else None) or None,
            args=tuple((one.name, one.value) for one in self.build_args()),
            evidence=self.evidence(value.at),
            inline=inline,
            additional_contexts=tuple(additional),
        )

    def build_args(self) -> Iterator[EnvVar]:
        return self.pairs(mapping(self.keys.get("build")).get("args"))

    def environment(self) -> tuple[EnvVar, ...]:
        stated = {one.name: one for one in self.pairs(self.keys.get("environment"))}
        found: dict[str, EnvVar] = {}
        known: dict[str, str | None] = {name: one.value for name, one in stated.items()}
        outer = {**known, **{n: v for n, v in self.loaded.variables.items() if v is not None}}
        for entry in self.items("env_file"):
            for one in self.env_file(entry, outer):
                found[one.name] = one
                outer.setdefault(one.name, one.value)
        return tuple((found | stated).values())

    def env_file(self, entry: Value, outer: Mapping[str, str | None]) -> Iterator[EnvVar]:
        keys = mapping(entry)
        given = keys.get("path")
        if given is None or given.text is None:
            self.reader.report(entry.at, "an entry of `env_file` names no path")
            return
        path = join(given.place.folder, given.text)
        if path is None or path not in self.reader.tree:
            if truth(keys.get("required"), default=True):
                self.env_complete = False
                self.ask(f"the variables of env_file {given.text}", f"add {given.text}", given)
            return
        style = keys.get("format")
        text = self.reader.tree.text(path) or ""
        try:
            if style is not None and style.text == "raw":
                variables = dotenv.parse_raw(text)
            elif style is not None and style.text not in (None, "", ".env"):
                self.reader.report(style.at, f"the env_file format {style.text!r} is none that compose has")
                return
            else:
                variables = dotenv.parse(text, outer)
        except dotenv.DotenvError as error:
            self.reader.tree.give_up(path, f"is no env file that compose takes: {error}")
            return
        for one in variables:
            yield EnvVar(one.name, one.value, Evidence(path, one.line, f"{one.name}=…"))

    def command(self, key: str) -> Command | None:
        """`command` or `entrypoint`: a text is split as compose splits it, without a shell. An empty one
        (`""`, `[]`) clears what the image says."""
        value = self.keys.get(key)
        if value is None or value.data is None:
            return None
        evidence = self.evidence(value.place)
        if isinstance(value.data, list):
            return Command(tuple(one.text or "" for one in self.items(key)), False, evidence)
        text = value.text or ""
        try:
            words = shellwords.split(text)
        except ValueError as error:
            self.reader.report(value.at, f"`{key}`: {error}")
            words = tuple(text.split())
        return Command(words, False, evidence)

    def ports(self) -> Iterator[Port]:
        for value in self.items("ports"):
            keys = mapping(value)
            target, protocol = keys.get("target"), keys.get("protocol")
            if target is None or target.text is None:
                self.reader.report(value.at, "an entry of `ports` names no target")
                continue
            name = (protocol.text if protocol is not None else None) or "tcp"
            yield from self.numbers(target.text, name, value)
        for value in self.items("expose"):
            text, _, name = (value.text or "").partition("/")
            yield from self.numbers(text, name or "tcp", value)

    def numbers(self, text: str, protocol: str, value: Value) -> Iterator[Port]:
        from analyzers.compose import ports

        if "$" in text:
            self.ask(f"the port {text} of {self.name}", "a value for it in `.env`", value)
            return
        try:
            first, last = ports.numbers(text)
        except ValueError as error:
            self.reader.report(value.at, f"`ports`: {error}")
            return
        evidence = self.evidence(value.at)
        for number in range(max(first, 1), min(last, first + _PORT_RANGE) + 1):
            yield Port(number, protocol.lower(), evidence)

    def volumes(self) -> Iterator[tuple[str, str, bool, Evidence]]:
        for value in self.items("volumes"):
            keys = mapping(value)
            source, target = keys.get("source"), keys.get("target")
            if target is None or not target.text:
                self.reader.report(value.at, "an entry of `volumes` names no target")
                continue
            kind = keys["type"].text if "type" in keys else "volume"
            where = (source.text if source is not None else None) or ""
            if kind == "tmpfs":
                where = "tmpfs"
            elif kind == "bind" and source is not None:
                where = mounted(source)
            read_only = truth(keys.get("read_only"), default=False)
            yield where, volumes.clean_target(target.text), read_only, self.evidence(value.at)
        for value in self.items("tmpfs"):
            target_text = (value.text or "").partition(":")[0]
            yield "tmpfs", volumes.clean_target(target_text), False, self.evidence(value.at)

    def privileges(self) -> Iterator[tuple[str, Evidence]]:
        if truth(self.keys.get("privileged"), default=False):
            yield "privileged", self.evidence(self.keys["privileged"].at)
        for value in self.items("cap_add"):
            yield f"cap_add {value.text}", self.evidence(value.at)
        for value in self.items("devices"):
            keys = mapping(value)
            ends = [one.text for name in ("source", "target") if (one := keys.get(name)) is not None]
            yield f"devices {':'.join(e for e in ends if e) or '?'}", self.evidence(value.at)
        for value in self.items("device_cgroup_rules"):
            yield f"devices {value.text}", self.evidence(value.at)
        for key, word in (
            ("network_mode", "network"),
            ("pid", "pid"),
            ("ipc", "ipc"),
            ("userns_mode", "userns"),
        ):
            if self.text(key) == "host":
                yield f"{word} host", self.evidence(self.keys[key].at)

    def gpu(self) -> Iterator[Evidence]:
        if items(self.keys.get("gpus")):
            yield self.evidence(self.keys["gpus"].at)
        if "nvidia" in (self.text("runtime") or ""):
            yield self.evidence(self.keys["runtime"].at)
        reservations = mapping(mapping(self.keys.get("deploy")).get("resources")).get("reservations")
        for device in items(mapping(reservations).get("devices")):
            self.loaded.work.spend()
            keys = mapping(device)
            driver = keys.get("driver")
            capabilities = [one.text for one in items(keys.get("capabilities"))]
            if "gpu" in capabilities or (driver is not None and driver.text == "nvidia"):
                yield self.evidence(device.at)

    def depends_on(self) -> tuple[str, ...]:
        """Services that must run before: `depends_on`, links, shared namespaces, `volumes_from`."""
        names = list(mapping(self.keys.get("depends_on")))
        names += [(one.text or "").partition(":")[0] for one in self.items("links")]
        for key in ("network_mode", "ipc", "pid", "uts", "cgroup"):
            kind, _, other = (self.text(key) or "").partition(":")
            if kind == "service" and other:
                names.append(other)
        for one in self.items("volumes_from"):
            if not (one.text or "").startswith("container:"):
                names.append((one.text or "").partition(":")[0])
        return tuple(dict.fromkeys(names))

    def healthcheck(self) -> Healthcheck | None:
        value = self.keys.get("healthcheck")
        keys = mapping(value)
        test = keys.get("test")
        if value is None or (test is None and "disable" not in keys):
            return None
        if truth(keys.get("disable"), default=False):
            return Healthcheck((), False, self.evidence(value.at))
        if test is None or isinstance(test.data, dict):
            return None
        evidence = self.evidence(test.at)
        if not isinstance(test.data, list):
            return Healthcheck((test.text or "",), True, evidence)
        words = [one.text or "" for one in items(test)]
        if words[:1] == ["NONE"]:
            return Healthcheck((), False, evidence)
        if words[:1] not in (["CMD"], ["CMD-SHELL"]):
            self.reader.report(test.at, "`healthcheck.test` must begin with CMD, CMD-SHELL or NONE")
            return None
        return Healthcheck(tuple(words[1:]), words[0] == "CMD-SHELL", evidence)

    def given(self, kind: str, declared: Mapping[str, Value]) -> Iterator[GivenFile]:
        for value in self.items(kind):
            keys = mapping(value)
            source, target = keys.get("source"), keys.get("target")
            if source is None or source.text is None:
                self.reader.report(value.at, f"an entry of `{kind}` names no source")
                continue
            named = declared.get(source.text)
            if named is None:
                self.reader.report(value.at, f"`{kind}` names {source.text!r}, which is declared nowhere")
            about = mapping(named)
            folder = "/run/secrets/" if kind == "secrets" else "/"
            where = (target.text if target is not None else None) or source.text
            file, variable = about.get("file"), about.get("environment")
            yield GivenFile(
                name=source.text,
                target=where if where.startswith("/") else folder + where,
                file=mounted(file) if file is not None and file.text else None,
                environment=variable.text if variable is not None else None,
                evidence=self.evidence(value.at),
            )

    def replicas(self) -> int | None:
        number = self.keys.get("scale") or mapping(self.keys.get("deploy")).get("replicas")
        text = number.text if number is not None else None
        return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 9 else None


def mapping(value: Value | None) -> Mapping[str, Value]:
    """The entries of a mapping; none of anything else."""
    return value.data if value is not None and isinstance(value.data, dict) else _NOTHING


def items(value: Value | None) -> list[Value]:
    """The entries of a list; none of anything else."""
    return value.data if value is not None and isinstance(value.data, list) else []


def truth(value: Value | None, *, default: bool) -> bool:
    """A boolean as compose casts texts."""
    if value is None or value.text is None:
        return default
    return value.text.lower() in _TRUE


def is_remote(text: str) -> bool:
    """Whether a build context is no folder."""
    return "://" in text or text.startswith(_REMOTE)


def mounted(source: Value) -> str:
    """A path of the repository as `./folder` from its root (`.` for the root itself); an absolute path
    and one that leaves the repository as written."""
    text = source.text or ""
    if text.startswith("$") or volumes.is_windows(text):
        return text
    inside = join(source.place.folder, text)
    return text if inside is None else f"./{inside}" if inside else "."
