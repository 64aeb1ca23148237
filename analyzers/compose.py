"""Compose files: services with line numbers, as far as a service's identity and its start need them.

YAML is composed into nodes and never constructed, so no tag can run anything; aliases are shared nodes
and a budget bounds how many are visited. Files follow https://github.com/compose-spec/compose-spec
(names, their order, short and long forms, interpolation). Not followed, and said so: `include`,
`extends`, and the merging of override files.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from analyzers.model import Command, ComposeFacts, ComposeRef, EnvVar, Evidence, Port, Unknown
from analyzers.repository import Tree

if TYPE_CHECKING:
    from yaml.nodes import Node

# Compose's own order: the first of these in a folder is the one that `docker compose up` reads.
DEFAULT_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
_OTHER = re.compile(r"(?:docker-)?compose[.-][\w.-]+\.ya?ml|[\w.-]+[.-](?:docker-)?compose\.ya?ml")
_VISITS = 100_000  # nodes a file may cost; a real one has hundreds
_SIZE = 1024 * 1024
_PORT_RANGE = 64  # ports of one range that are listed


@dataclass(frozen=True, slots=True)
class Build:
    """`build:` of a service. `context` is repository-relative ("" for the root), None when it is no
    folder of the repository. `dockerfile` is relative to the context; `inline` holds the text of
    `dockerfile_inline`, shifted so that its line numbers are those of the compose file."""

    context: str | None
    context_text: str
    dockerfile: str
    target: str | None
    args: tuple[tuple[str, str | None], ...]
    evidence: Evidence
    inline: str | None = None


@dataclass(frozen=True, slots=True)
class ComposeService:
    """One service of one compose file. `image` is the interpolated `image:`."""

    name: str
    folder: str  # of the compose file, "" for the root
    build: Build | None
    image: str | None
    facts: ComposeFacts
    profiles: tuple[str, ...] = ()
    unknown: tuple[Unknown, ...] = ()


@dataclass(frozen=True, slots=True)
class ComposeModel:
    """Services of all compose files, files in compose's own order within a folder."""

    services: tuple[ComposeService, ...] = ()
    files: tuple[str, ...] = ()


def is_compose_file(path: str) -> bool:
    name = PurePosixPath(path).name
    return name in DEFAULT_NAMES or name in OVERRIDE_NAMES or _OTHER.fullmatch(name) is not None


def _order(path: str) -> tuple[str, int, str]:
    folder, name = str(PurePosixPath(path).parent), PurePosixPath(path).name
    known = DEFAULT_NAMES + OVERRIDE_NAMES
    return ("" if folder == "." else folder, known.index(name) if name in known else len(known), name)


def read(tree: Tree) -> ComposeModel:
    """All services of all compose files. A file that cannot be read is in `tree.not_read`."""
    services: list[ComposeService] = []
    files = sorted(filter(is_compose_file, tree.paths), key=_order)
    for path in files:
        try:
            services.extend(_File(tree, path).services())
        except _BadFileError as error:
            tree.give_up(path, str(error))
        except RecursionError:
            tree.give_up(path, "is nested too deeply")
    return ComposeModel(tuple(services), tuple(files))


class _BadFileError(Exception):
    """The file is no compose file that can be read; the text says why."""


class _File:
    """One compose file while it is read."""

    def __init__(self, tree: Tree, path: str) -> None:
        self.tree = tree
        self.path = path
        parent = str(PurePosixPath(path).parent)
        self.folder = "" if parent == "." else parent
        self.budget = _VISITS
        self.variables = dotenv(tree, _join(self.folder, ".env") or "")

    def services(self) -> Iterator[ComposeService]:
        root = self.compose()
        if root is None:
            return
        top = self.mapping(root)
        if not top:
            raise _BadFileError("is no mapping at its top level")
        if "include" in top:
            self.tree.give_up(self.path, "its `include` is not followed; the file's own services were read")
        if PurePosixPath(self.path).name in OVERRIDE_NAMES:
            self.tree.give_up(self.path, "is not merged into the file it overrides; its services were read")
        services = top.get("services")
        for name, node in (self.mapping(services) if services else {}).items():
            yield self.service(name, node)

    def compose(self) -> Node | None:
        import yaml

        text = self.tree.text(self.path)
        if text is None:
            return None
        if len(text) > _SIZE:
            raise _BadFileError(f"has more than {_SIZE:,} characters, which no compose file needs")
        try:
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}: " if mark else ""
            raise _BadFileError(
                f"is no valid YAML: {where}{getattr(error, 'problem', None) or error}"
            ) from None
        except (ValueError, OverflowError) as error:  # e.g. an impossible \U escape
            raise _BadFileError(f"is no valid YAML: {error}") from None

    # --- nodes ---

    def spend(self) -> None:
        self.budget -= 1
        if self.budget < 0:
            raise _BadFileError("refers to itself so often (aliases) that it was not read to its end")

    def mapping(self, node: Node, depth: int = 0) -> dict[str, Node]:
        """Keys and values; `<<` merged, own keys first. Anything else than a mapping is empty."""
        from yaml.nodes import MappingNode, ScalarNode, SequenceNode

        self.spend()
        if not isinstance(node, MappingNode) or depth > 20:
            return {}
        own: dict[str, Node] = {}
        merged: dict[str, Node] = {}
        for key, value in node.value:
            self.spend()
            if not isinstance(key, ScalarNode):
                continue
            if key.tag == "tag:yaml.org,2002:merge":
                parts = value.value if isinstance(value, SequenceNode) else [value]
                for part in parts:
                    for name, inner in self.mapping(part, depth + 1).items():
                        merged.setdefault(name, inner)
            elif value.tag != "!reset":
                own[str(key.value)] = value
        return merged | own

    def items(self, node: Node | None) -> list[Node]:
        from yaml.nodes import SequenceNode

        if not isinstance(node, SequenceNode):
            return []
        self.budget -= len(node.value)
        self.spend()
        return list(node.value)

    def scalar(self, node: Node | None) -> str | None:
        """The text of a scalar, interpolated; None where it is null or no scalar."""
        return self.interpolated(node)[0]

    def interpolated(self, node: Node | None) -> tuple[str | None, tuple[str, ...]]:
        """The text, and the variables in it that nothing in the repository sets."""
        from yaml.nodes import ScalarNode

        if not isinstance(node, ScalarNode) or node.tag == "tag:yaml.org,2002:null":
            return None, ()
        self.spend()
        return interpolate(str(node.value), self.variables)

    def strings(self, node: Node | None) -> list[str]:
        """A list of scalars, or one scalar as a list."""
        values = [self.scalar(n) for n in self.items(node)] if self.items(node) else [self.scalar(node)]
        return [v for v in values if v is not None]

    def truth(self, node: Node | None) -> bool:
        return (self.scalar(node) or "").lower() in ("true", "yes", "on", "y", "1")

    def evidence(self, node: Node) -> Evidence:
        line = node.start_mark.line + 1
        return Evidence(self.path, line, self.tree.line(self.path, line))

    def key_evidence(self, parent: Node, key: str, value: Node) -> Evidence:
        """The line of a key, which is where a reader looks, rather than that of its value."""
        from yaml.nodes import MappingNode, ScalarNode

        if isinstance(parent, MappingNode):
            for k, v in parent.value:
                if v is value and isinstance(k, ScalarNode) and k.value == key:
                    return self.evidence(k)
        return self.evidence(value)

    # --- one service ---

    def service(self, name: str, node: Node) -> ComposeService:
        keys = self.mapping(node)
        unknown: list[Unknown] = []
        if "extends" in keys:
            unknown.append(
                Unknown(
                    f"what the compose service {name!r} takes over with `extends`",
                    "write the settings into the service itself",
                    self.evidence(keys["extends"]),
                )
            )
        environment = self.environment(keys, unknown)
        facts = ComposeFacts(
            ref=ComposeRef(self.path, name, self.service_line(name, node)),
            environment=environment,
            command=self.command(keys.get("command")),
            entrypoint=self.command(keys.get("entrypoint")),
            ports=tuple(self.ports(keys)),
            volumes=tuple(self.volumes(keys.get("volumes"))),
            privileges=tuple(self.privileges(node, keys)),
            gpu=tuple(self.gpu(node, keys)),
            depends_on=self.depends_on(keys),
            working_dir=self.scalar(keys.get("working_dir")),
        )
        return ComposeService(
            name=name,
            folder=self.folder,
            build=self.build(node, keys["build"]) if "build" in keys else None,
            image=self.scalar(keys.get("image")),
            facts=facts,
            profiles=tuple(self.strings(keys.get("profiles"))),
            unknown=tuple(unknown),
        )

    def service_line(self, name: str, node: Node) -> Evidence:
        """The line of the service's key: it stands above a block mapping, or beside a flow one."""
        value = self.evidence(node)
        pattern = re.compile(rf"[\"']?{re.escape(name)}[\"']?\s*:")
        for line in range(value.line, max(0, value.line - 20), -1):
            snippet = self.tree.line(self.path, line)
            if pattern.match(snippet):
                return Evidence(self.path, line, snippet)
        return value

    def build(self, parent: Node, node: Node) -> Build:
        evidence = self.key_evidence(parent, "build", node)
        keys = self.mapping(node)
        short = self.scalar(node)
        context = short if short is not None else self.scalar(keys.get("context"))
        context = "." if context is None else context
        args: dict[str, str | None] = {}
        if "args" in keys:
            args = {k: v for k, v, _ in self.pairs(keys["args"])}
        inline = None
        if "dockerfile_inline" in keys and (text := self.scalar(keys["dockerfile_inline"])) is not None:
            inline = "\n" * (keys["dockerfile_inline"].start_mark.line + 1) + text
        remote = "://" in context or context.startswith("git@") or context.endswith(".git")
        return Build(
            context=None if remote or context.startswith(("/", "~")) else _join(self.folder, context),
            context_text=context,
            dockerfile=self.scalar(keys.get("dockerfile")) or "Dockerfile",
            target=self.scalar(keys.get("target")),
            args=tuple(args.items()),
            evidence=evidence,
            inline=inline,
        )

    def pairs(self, node: Node) -> Iterator[tuple[str, str | None, Evidence]]:
        """`K: v` or `- K=v`; the value is None where the host gives it or a variable is not known."""
        items = self.items(node)
        if items:
            for item in items:
                text, missing = self.interpolated(item)
                if text is None:
                    continue
                name, equals, value = text.partition("=")
                yield name, value if equals and not missing else None, self.evidence(item)
            return
        for name, value_node in self.mapping(node).items():
            value_text, missing = self.interpolated(value_node)
            evidence = self.key_evidence(node, name, value_node)
            yield name, None if missing else value_text, evidence

    def environment(self, keys: Mapping[str, Node], unknown: list[Unknown]) -> tuple[EnvVar, ...]:
        values: dict[str, EnvVar] = {}
        entry = keys.get("env_file")
        for item in self.items(entry) or ([entry] if entry is not None else []):
            long = self.mapping(item)
            name = self.scalar(item) or self.scalar(long.get("path"))
            if name is None:
                continue
            path = _join(self.folder, name)
            if path is None or path not in self.tree:
                if "required" not in long or self.truth(long["required"]):
                    unknown.append(
                        Unknown(f"the variables of env_file {name}", f"add {name}", self.evidence(item))
                    )
                continue
            for key, value, line in parse_dotenv(self.tree.text(path) or ""):
                values[key] = EnvVar(key, value, Evidence(path, line, f"{key}=…"))
        if "environment" in keys:
            for key, value, evidence in self.pairs(keys["environment"]):
                if value is None and not evidence.snippet:
                    continue
                values[key] = EnvVar(key, value, evidence)
        return tuple(values.values())

    def command(self, node: Node | None) -> Command | None:
        """`command`/`entrypoint`: a string is split as a shell would split it, without running in one.
        An empty one (`""`, `[]`) clears what the image says."""
        from yaml.nodes import ScalarNode, SequenceNode

        if node is None:
            return None
        evidence = self.evidence(node)
        if isinstance(node, SequenceNode):
            return Command(tuple(self.scalar(n) or "" for n in self.items(node)), False, evidence)
        text = self.scalar(node) if isinstance(node, ScalarNode) else None
        if text is None:
            return None
        try:
            words = tuple(shlex.split(text))
        except ValueError:
            words = tuple(text.split())
        return Command(words, False, evidence)

    def ports(self, keys: Mapping[str, Node]) -> Iterator[Port]:
        for node in self.items(keys.get("ports")):
            long = self.mapping(node)
            if long:
                target, protocol = self.scalar(long.get("target")), self.scalar(long.get("protocol"))
                yield from self.port_numbers(target or "", protocol or "tcp", node)
            elif text := self.scalar(node):
                numbers, _, protocol = text.partition("/")
                yield from self.port_numbers(_last_field(numbers), protocol or "tcp", node)
        for node in self.items(keys.get("expose")):
            numbers, _, protocol = (self.scalar(node) or "").partition("/")
            yield from self.port_numbers(numbers, protocol or "tcp", node)

    def port_numbers(self, text: str, protocol: str, node: Node) -> Iterator[Port]:
        low, _, high = text.strip().partition("-")
        if not low.isascii() or not low.isdigit() or (high and not (high.isascii() and high.isdigit())):
            return
        first = int(low[:6])
        last = min(int(high[:6]) if high else first, first + _PORT_RANGE)
        for number in range(first, last + 1):
            if 0 < number < 65536:
                yield Port(number, protocol.lower(), self.evidence(node))

    def volumes(self, node: Node | None) -> Iterator[tuple[str, str, bool, Evidence]]:
        for item in self.items(node):
            evidence = self.evidence(item)
            long = self.mapping(item)
            if long:
                source = self.scalar(long.get("source")) or self.scalar(long.get("src")) or ""
                if self.scalar(long.get("type")) == "tmpfs":
                    source = "tmpfs"
                target = self.scalar(long.get("target")) or self.scalar(long.get("dst")) or ""
                yield self.mounted(source), target, self.truth(long.get("read_only")), evidence
            elif text := self.scalar(item):
                parts = text.split(":")
                if len(parts) == 1:
                    yield "", parts[0], False, evidence
                else:
                    mode = parts[2].split(",") if len(parts) > 2 else []
                    yield self.mounted(parts[0]), parts[1], "ro" in mode, evidence

    def mounted(self, source: str) -> str:
        """A folder of the repository as `./folder` from its root (`.` for the root itself); a named
        volume, an absolute path and one that leaves the repository as written."""
        if not source.startswith("."):
            return source
        inside = _join(self.folder, source)
        return source if inside is None else f"./{inside}" if inside else "."

    def privileges(self, parent: Node, keys: Mapping[str, Node]) -> Iterator[tuple[str, Evidence]]:
        if self.truth(keys.get("privileged")):
            yield "privileged", self.key_evidence(parent, "privileged", keys["privileged"])
        for key, word in (("cap_add", "cap_add"), ("devices", "devices"), ("device_cgroup_rules", "devices")):
            for item in self.items(keys.get(key)):
                long = self.mapping(item)
                text = self.scalar(item) or self.scalar(long.get("source")) or "?"
                yield f"{word} {text}", self.evidence(item)
        for key, word in (
            ("network_mode", "network"),
            ("pid", "pid"),
            ("ipc", "ipc"),
            ("userns_mode", "userns"),
        ):
            if self.scalar(keys.get(key)) == "host":
                yield f"{word} host", self.key_evidence(parent, key, keys[key])

    def gpu(self, parent: Node, keys: Mapping[str, Node]) -> Iterator[Evidence]:
        if "gpus" in keys:
            yield self.key_evidence(parent, "gpus", keys["gpus"])
        if "nvidia" in (self.scalar(keys.get("runtime")) or ""):
            yield self.key_evidence(parent, "runtime", keys["runtime"])
        node: Node | None = keys.get("deploy")
        for key in ("resources", "reservations", "devices"):
            node = self.mapping(node).get(key) if node is not None else None
        for device in self.items(node):
            about = self.mapping(device)
            if (
                "gpu" in self.strings(about.get("capabilities"))
                or self.scalar(about.get("driver")) == "nvidia"
            ):
                yield self.evidence(device)

    def depends_on(self, keys: Mapping[str, Node]) -> tuple[str, ...]:
        names: list[str] = []
        for key in ("depends_on", "links"):
            node = keys.get(key)
            if node is None:
                continue
            found = self.strings(node) if self.items(node) else list(self.mapping(node))
            names += [name.partition(":")[0] for name in found]
        return tuple(dict.fromkeys(names))


# --- text -----------------------------------------------------------------------------------


def _join(folder: str, name: str) -> str | None:
    """`name` seen from `folder`, repository-relative; None where it leaves the repository."""
    if name.startswith(("/", "~")):
        return None
    parts: list[str] = list(PurePosixPath(folder).parts)
    for part in PurePosixPath(name).parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def _last_field(text: str) -> str:
    """The container's part of `[host-ip:][published:]target`."""
    return text.rpartition(":")[2]


_VARIABLE = re.compile(r"\$(?:\$|(?P<plain>[A-Za-z_]\w*)|(?P<brace>\{))")
_BRACED = re.compile(r"([A-Za-z_]\w*)(:?[-?+])?")


def interpolate(
    text: str, variables: Mapping[str, str | None], depth: int = 0
) -> tuple[str, tuple[str, ...]]:
    """Compose's interpolation: `$$`, `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`, `${V:+r}`, nested.

    Gives the text and the names of variables without a value; those stay in the text as written.
    """
    out: list[str] = []
    missing: list[str] = []
    position = 0
    while match := _VARIABLE.search(text, position):
        out.append(text[position : match.start()])
        position = match.end()
        if match[0] == "$$":
            out.append("$")
        elif match["plain"]:
            value = variables.get(match["plain"])
            out.append(match[0] if value is None else value)
            if value is None:
                missing.append(match["plain"])
        else:
            end = _closing(text, position)
            inner = _BRACED.match(text[position:end]) if end is not None else None
            if end is None or inner is None or depth > 20:
                out.append(match[0])
                continue
            rest = text[position + inner.end() : end]
            value, lost = _braced(inner[1], inner[2] or "", rest, variables, depth)
            out.append(text[match.start() : end + 1] if value is None else value)
            missing += lost
            position = end + 1
    out.append(text[position:])
    return "".join(out), tuple(missing)


def _braced(
    name: str, operator: str, rest: str, variables: Mapping[str, str | None], depth: int
) -> tuple[str | None, tuple[str, ...]]:
    value = variables.get(name)
    given = value is not None and not (operator.startswith(":") and value == "")
    if operator.endswith("-"):
        return (value, ()) if given else interpolate(rest, variables, depth + 1)
    if operator.endswith("+"):
        return interpolate(rest, variables, depth + 1) if given else ("", ())
    return (value, ()) if given else (None, (name,))


def _closing(text: str, start: int) -> int | None:
    level = 1
    for i in range(start, len(text)):
        if text[i] == "}":
            level -= 1
            if level == 0:
                return i
        elif text[i] == "{" and text[i - 1] == "$":
            level += 1
    return None


_DOTENV = re.compile(r"\s*(?:export\s+)?([A-Za-z_][\w.]*)\s*(?:[=:]\s*(.*))?")


def parse_dotenv(text: str) -> Iterator[tuple[str, str | None, int]]:
    """Variables of an env file with their line; None for a name without a value."""
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("#") or not (match := _DOTENV.fullmatch(line)):
            continue
        value = match[2]
        if value is not None:
            value = value.strip()
            if len(value) > 1 and value[0] in "'\"" and (end := value.find(value[0], 1)) > 0:
                value = value[1:end]
            else:
                value = re.split(r"\s+#", value)[0]
        yield match[1], value, number


def dotenv(tree: Tree, path: str) -> dict[str, str | None]:
    """The variables of an env file; empty where there is none."""
    if path not in tree:
        return {}
    return {name: value for name, value, _ in parse_dotenv(tree.text(path) or "")}
