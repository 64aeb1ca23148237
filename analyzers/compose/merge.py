"""One form for every key of a service, and compose's rules for laying one service over another.

`canonical` turns short forms into long ones and drops what nothing here reads; `merge` follows
compose-go's `override` package: mappings are merged, lists appended or keyed by what they name,
`command`, `entrypoint` and `healthcheck.test` replaced, `!reset` and `!override` obeyed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from analyzers.compose import ports, volumes
from analyzers.compose.values import Mark, Report, Value, Work

# Keys that services may have (compose-spec's schema); others make compose refuse the file.
KNOWN = frozenset(
    {"annotations", "attach", "blkio_config", "build", "cap_add", "cap_drop", "cgroup", "cgroup_parent"}
    | {"command", "configs", "container_name", "cpu_count", "cpu_percent", "cpu_period", "cpu_quota"}
    | {"cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "cpuset", "credential_spec", "depends_on"}
    | {"deploy", "develop", "device_cgroup_rules", "devices", "dns", "dns_opt", "dns_search"}
    | {"domainname", "entrypoint", "env_file", "environment", "expose", "extends", "external_links"}
    | {"extra_hosts", "gpus", "group_add", "healthcheck", "hostname", "image", "init", "ipc", "isolation"}
    | {"label_file", "labels", "links", "logging", "mac_address", "mem_limit", "mem_reservation"}
    | {"mem_swappiness", "memswap_limit", "models", "network_mode", "networks", "oom_kill_disable"}
    | {"oom_score_adj", "pid", "pids_limit", "platform", "ports", "post_start", "pre_start", "pre_stop"}
    | {"privileged", "profiles", "provider", "pull_policy", "pull_refresh_after", "read_only", "restart"}
    | {"runtime", "scale", "secrets", "security_opt", "shm_size", "stdin_open", "stop_grace_period"}
    | {"stop_signal", "storage_opt", "sysctls", "tmpfs", "tty", "ulimits", "umask", "use_api_socket"}
    | {"user", "userns_mode", "uts", "volumes", "volumes_from", "working_dir"}
)
# Keys of the versions 2 and 3 that compose dropped; it refuses them, and they say nothing we read.
LEGACY = frozenset({"cpu_rt_quota", "log_driver", "log_opt", "net", "volume_driver", "dockerfile", "context"})

_TEXTS = frozenset(
    {"image", "container_name", "hostname", "ipc", "network_mode", "pid", "platform", "privileged"}
    | {"runtime", "scale", "user", "userns_mode", "uts", "cgroup", "working_dir", "read_only"}
)
_LISTS = frozenset(
    {"cap_add", "cap_drop", "device_cgroup_rules", "expose", "external_links", "links", "profiles"}
    | {"security_opt", "tmpfs", "volumes_from"}
)
# Of these mappings only what is read is kept, which also bounds what an alias can multiply.
_PARTS: dict[str, dict[str, object]] = {
    "deploy": {"replicas": None, "resources": {"reservations": {"devices": None}}},
    "extends": {"file": None, "service": None},
    "healthcheck": {"disable": None, "test": None},
    "provider": {},
}

Key = Callable[[Value], str | None]


def _before_equals(value: Value) -> str | None:
    return None if value.text is None else value.text.partition("=")[0]


def _whole(value: Value) -> str | None:
    return value.text


def _field(name: str, prefix: str = "") -> Key:
    def key(value: Value) -> str | None:
        if not isinstance(value.data, dict):
            return None
        if (given := value.data.get(name)) is not None and given.text is not None:
            return given.text
        source = value.data.get("source")
        return None if source is None else f"{prefix}/{source.text}"

    return key


def _file(value: Value) -> str | None:
    """The path of an env file, which means another file when it is seen from another folder."""
    path = value.data.get("path") if isinstance(value.data, dict) else None
    return None if path is None else f"{path.place.folder}/{path.text}"


# Lists whose entries are told apart by what they name: of two the later one counts, in the earlier's place.
_KEYED: dict[str, Key] = {
    "cap_add": _before_equals,
    "cap_drop": _before_equals,
    "configs": _field("target"),
    "devices": _field("target"),
    "env_file": _file,
    "expose": _whole,
    "links": _before_equals,
    "ports": ports.identity,
    "profiles": _before_equals,
    "secrets": _field("target", "/run/secrets"),
    "tmpfs": _before_equals,
    "volumes": _field("target"),
}


def canonical(service: Value, report: Report, work: Work) -> Value:
    """A service with the keys that are read here, each in its long form."""
    assert isinstance(service.data, dict)  # noqa: S101 - callers look
    form = _Canonical(report, work)
    keys: dict[str, Value] = {}
    for name, value in service.data.items():
        work.spend()
        if value.mark is Mark.RESET:
            keys[name] = value
        elif name.startswith("x-"):
            continue
        elif name not in KNOWN:
            report(value.at, f"{name!r} is no key of a service" + (" any more" if name in LEGACY else ""))
        elif (formed := form.key(name, value)) is not None:
            keys[name] = formed
    return replace(service, data=keys)


class _Canonical:
    def __init__(self, report: Report, work: Work) -> None:
        self.report = report
        self.work = work

    def wrong(self, value: Value, name: str, wanted: str) -> None:
        self.report(value.at, f"`{name}` must be {wanted}")

    def key(self, name: str, value: Value) -> Value | None:
        """The long form of one key; None where compose takes it for absent or it cannot be read."""
        if name in ("command", "entrypoint"):
            return self.command(name, value)
        if value.data is None:
            return None
        if name in _TEXTS:
            if value.text is None:
                self.wrong(value, name, "text")
                return None
            return value
        if name in _LISTS:
            return self.listed(name, value)
        if name == "extends" and value.text is not None:
            return replace(value, data={"service": value}, mark=value.mark)
        if name in _PARTS:
            return self.part(name, value, _PARTS[name])
        form = getattr(self, f"_{name}", None)
        formed: Value | None = form(value) if form is not None else None
        return formed

    def command(self, name: str, value: Value) -> Value | None:
        if isinstance(value.data, dict) or (
            isinstance(value.data, list) and any(item.text is None for item in value.data)
        ):
            self.wrong(value, name, "text or a list of texts")
            return None
        return value

    def items(self, name: str, value: Value) -> list[Value]:
        if not isinstance(value.data, list):
            self.wrong(value, name, "a list")
            return []
        self.work.spend(len(value.data))
        return value.data

    def listed(self, name: str, value: Value) -> Value:
        items = [value] if value.text is not None and name == "tmpfs" else self.items(name, value)
        texts = []
        for item in items:
            if item.text is None:
                self.wrong(item, name, "a list of texts")
            else:
                texts.append(item)
        return replace(value, data=_unique(texts, _KEYED.get(name)))

    def pairs(self, name: str, value: Value) -> Value:
        """`K: v` and `- K=v` as a mapping of texts; the value is null where none is given."""
        pairs: dict[str, Value] = {}
        if isinstance(value.data, dict):
            self.work.spend(len(value.data))
            for key, one in value.data.items():
                if isinstance(one.data, list | dict):
                    self.wrong(one, f"{name}.{key}", "text")
                    continue
                pairs[key] = replace(one, data=one.text)
        else:
            for item in self.items(name, value):
                if item.text is None:
                    self.wrong(item, name, "a list of texts")
                    continue
                key, equals, text = item.text.partition("=")
                if key != key.rstrip():
                    self.report(item.at, f"the variable {key!r} ends with a space, which compose refuses")
                    key = key.rstrip()
                pairs[key] = replace(item, data=text if equals else None, key=item.place)
        return replace(value, data=pairs)

    def part(self, name: str, value: Value, wanted: dict[str, object]) -> Value | None:
        """A mapping with the keys that are wanted."""
        if not isinstance(value.data, dict):
            self.wrong(value, name, "a mapping")
            return None
        kept: dict[str, Value] = {}
        for key, below in wanted.items():
            one = value.data.get(key)
            if one is None or (one.data is None and one.mark is Mark.NONE):
                continue
            if isinstance(below, dict) and one.mark is not Mark.RESET:
                inner = self.part(f"{name}.{key}", one, below)
                if inner is not None:
                    kept[key] = inner
            else:
                kept[key] = one
        return replace(value, data=kept)

    def names(self, name: str, value: Value) -> Value:
        """Names, as a mapping without values."""
        found: dict[str, Value] = {}
        if isinstance(value.data, dict):
            self.work.spend(len(value.data))
            for key, one in value.data.items():
                found[key] = replace(one, data=None)
            return replace(value, data=found)
        for item in self.items(name, value):
            if item.text is None:
                self.wrong(item, name, "a list of texts")
            else:
                found[item.text] = Value(None, item.place, item.place)
        return replace(value, data=found)

    def entries(self, name: str, value: Value, short: Callable[[Value], Iterable[Value]]) -> Value:
        """A list of mappings; `short` makes them of a text."""
        found: list[Value] = []
        for item in self.items(name, value):
            if isinstance(item.data, dict):
                found.append(item)
            elif item.data is None or isinstance(item.data, list):
                self.wrong(item, name, "a list of texts or mappings")
            else:
                try:
                    found.extend(short(item))
                except ValueError as error:
                    self.report(item.at, f"`{name}`: {error}")
        self.work.spend(len(found))
        return replace(value, data=_unique(found, _KEYED.get(name)))

    def _build(self, value: Value) -> Value | None:
        if value.text is not None:
            return replace(value, data={"context": value})
        if not isinstance(value.data, dict):
            self.wrong(value, "build", "text or a mapping")
            return None
        keys: dict[str, Value] = {}
        for name, one in value.data.items():
            self.work.spend()
            if one.data is None and one.mark is Mark.NONE:
                continue
            if name in ("args", "additional_contexts") and one.mark is not Mark.RESET:
                keys[name] = self.pairs(f"build.{name}", one)
            elif name in ("context", "dockerfile", "dockerfile_inline", "target"):
                if one.text is None and one.mark is not Mark.RESET:
                    self.wrong(one, f"build.{name}", "text")
                else:
                    keys[name] = one
        return replace(value, data=keys)

    def _environment(self, value: Value) -> Value:
        return self.pairs("environment", value)

    def _depends_on(self, value: Value) -> Value:
        return self.names("depends_on", value)

    def _networks(self, value: Value) -> Value:
        return self.names("networks", value)

    def _env_file(self, value: Value) -> Value:
        listed = replace(value, data=[value]) if value.text is not None else value
        return self.entries("env_file", listed, lambda item: [replace(item, data={"path": item})])

    def _secrets(self, value: Value) -> Value:
        return self.entries("secrets", value, lambda item: [replace(item, data={"source": item})])

    def _configs(self, value: Value) -> Value:
        return self.entries("configs", value, lambda item: [replace(item, data={"source": item})])

    def _ports(self, value: Value) -> Value:
        return self.entries("ports", value, ports.parse)

    def _volumes(self, value: Value) -> Value:
        return self.entries("volumes", value, volumes.parse)

    def _devices(self, value: Value) -> Value:
        return self.entries("devices", value, volumes.parse_device)

    def _gpus(self, value: Value) -> Value:
        if value.text is not None:
            return replace(value, data=[replace(value, data={})])
        return replace(value, data=self.items("gpus", value))


def clean(value: Value) -> Value:
    """A service without the marks of its own file: what is reset is gone."""
    if not isinstance(value.data, dict):
        return replace(value, mark=Mark.NONE)
    data = {k: clean(v) for k, v in value.data.items() if v.mark is not Mark.RESET}
    return replace(value, data=data, mark=Mark.NONE)


def merge(base: Value, other: Value, report: Report, work: Work, path: tuple[str, ...] = ()) -> Value:
    """`other` laid over `base`, both in their long form. `path` leads from the service to them.

    Marks of `other` stay on the result: they also act on files before.
    """
    work.spend()
    if other.mark is not Mark.NONE:
        return other
    if path in (("command",), ("entrypoint",), ("healthcheck", "test")):
        return other
    if other.data is None:
        return base if path else other
    if isinstance(base.data, dict) and isinstance(other.data, dict):
        merged = dict(base.data)
        for name, value in other.data.items():
            before = merged.get(name)
            if before is None or before.mark is Mark.RESET:
                # As in a list of pairs, a key that is new goes behind those that were there.
                merged[name] = value
            elif path in (("environment",), ("build", "args"), ("build", "additional_contexts")):
                merged[name] = value
            else:
                merged[name] = merge(before, value, report, work, (*path, name))
        leading = other if path else base
        return replace(other, data=merged, key=leading.key, place=leading.place)
    if isinstance(base.data, list) and isinstance(other.data, list):
        work.spend(len(base.data) + len(other.data))
        return replace(other, data=_unique([*base.data, *other.data], _KEYED.get(path[0])), key=other.key)
    if isinstance(base.data, list | dict):
        report(other.at, f"`{'.'.join(path)}` cannot be laid over {base.at.path}:{base.at.line}")
    return other


def _unique(items: list[Value], key: Key | None) -> list[Value]:
    """One entry a key, the last in the place of the first; without a key, equal texts once."""
    found: dict[object, Value] = {}
    for number, item in enumerate(items):
        name = key(item) if key is not None else item.text
        found[number if name is None else ("", name)] = item
    return list(found.values())
