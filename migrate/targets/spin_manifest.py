"""Spin's manifest, version 2, as Spin 4.0 reads it: typed, checked, written as TOML and read back.

`to_toml` and `parse` refuse what Spin's parser or loader would refuse, and what it accepts and then
ignores (a route below `/.well-known/spin/`, a duplicate route). Sources: spinframework/spin v4.0.2,
`crates/manifest/src/schema/{v2,common}.rs`, `crates/serde/src/id.rs`, `crates/loader/src/local.rs`,
`crates/outbound-networking-config/src/allowed_hosts.rs`, `crates/routes/src/lib.rs`,
`crates/http/src/config.rs`. Where Spin is laxer than what can work, this model is not: a file's
destination is absolute and its source lies below the manifest, ports and schemes are ASCII.

Not modelled, and therefore refused by `parse`: `dependencies`, `profile`, components written inside a
trigger, and triggers other than `http`. dock2wasm writes none of them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from migrate.errors import ManifestError

SCHEMA_LINE = "#:schema https://schemas.spinframework.dev/spin/manifest-v2/latest.json"

# Values of `tool` tables, which Spin ignores.
Plain: TypeAlias = "str | int | bool | tuple[Plain, ...] | Mapping[str, Plain]"
Table: TypeAlias = Mapping[str, Plain]

_EMPTY: Mapping[str, str] = MappingProxyType({})
_NO_TOOLS: Mapping[str, Table] = MappingProxyType({})

_WELL_KNOWN_PORTS = {"postgres": 5432, "mysql": 3306, "redis": 6379, "mqtt": 1883, "http": 80, "https": 443}
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_RESERVED = "/.well-known/spin/"


@dataclass(frozen=True, slots=True)
class Application:
    """`[application]`."""

    name: str
    version: str = ""
    description: str = ""
    authors: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    tool: Mapping[str, Table] = field(default_factory=lambda: _NO_TOOLS)


@dataclass(frozen=True, slots=True)
class Variable:
    """`[variables]` NAME: `required`, or a `default`."""

    required: bool = False
    default: str | None = None
    secret: bool = False
    description: str = ""


@dataclass(frozen=True, slots=True)
class StaticResponse:
    """An answer that Spin gives itself."""

    status_code: int | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    body: str | None = None


@dataclass(frozen=True, slots=True)
class HttpTrigger:
    """`[[trigger.http]]`. `route` None is `{ private = true }`: reached by service chaining only."""

    route: str | None
    component: str | None = None
    static_response: StaticResponse | None = None
    id: str = ""


@dataclass(frozen=True, slots=True)
class Remote:
    """`source = { url, digest }`."""

    url: str
    digest: str


@dataclass(frozen=True, slots=True)
class Mount:
    """`files = [{ source, destination }]`."""

    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class Build:
    """`[component.ID.build]`."""

    command: str | tuple[str, ...]
    workdir: str = ""
    watch: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Component:
    """`[component.ID]`. `files` holds glob patterns and mounts."""

    source: str | Remote
    description: str = ""
    variables: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    environment: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    files: tuple[str | Mount, ...] = ()
    exclude_files: tuple[str, ...] = ()
    allowed_outbound_hosts: tuple[str, ...] = ()
    key_value_stores: tuple[str, ...] = ()
    sqlite_databases: tuple[str, ...] = ()
    ai_models: tuple[str, ...] = ()
    build: Build | None = None
    tool: Mapping[str, Table] = field(default_factory=lambda: _NO_TOOLS)


@dataclass(frozen=True, slots=True)
class Manifest:
    """A whole `spin.toml`."""

    application: Application
    triggers: tuple[HttpTrigger, ...]
    components: Mapping[str, Component]
    variables: Mapping[str, Variable] = field(default_factory=dict)


# --- checking ------------------------------------------------------------------------------


def check(manifest: Manifest) -> None:
    """Raise ManifestError at the first thing that Spin would refuse or never reach."""
    for text in _strings(manifest):
        _text(text)
    if not manifest.application.name.strip():
        raise _refused("application.name", "is empty")
    for name, variable in manifest.variables.items():
        where = f"variables.{name}"
        _identifier(name, where, "_")
        if variable.required == (variable.default is not None):
            raise _refused(where, "must be `required` or have a `default`, and not both")
    for name, component in manifest.components.items():
        _identifier(name, f"component.{name}", "-")
        _component(component, f"component.{name}", manifest.variables)
    routes: set[str] = set()
    identities: set[str] = set()
    for number, trigger in enumerate(manifest.triggers, 1):
        _trigger(trigger, f"trigger.http number {number}", manifest, routes, identities)


def _component(component: Component, where: str, variables: Mapping[str, Variable]) -> None:
    if isinstance(component.source, Remote):
        if not component.source.url.startswith(("https://", "http://")):
            raise _refused(f"{where}.source", f"has an URL without http: {component.source.url!r}")
        if not _DIGEST.match(component.source.digest):
            raise _refused(f"{where}.source", "has no digest of the form sha256:<64 hexadecimal digits>")
    else:
        _below(component.source, f"{where}.source")
    for name, value in component.variables.items():
        _identifier(name, f"{where}.variables.{name}", "_")
        _template(value, f"{where}.variables.{name}", variables)
    for name, value in component.environment.items():
        if not name or "=" in name or "\0" in name or "\0" in value:
            raise _refused(f"{where}.environment", f"{name!r} cannot be an environment variable")
    for file in component.files:
        if isinstance(file, Mount):
            _below(file.source, f"{where}.files", whole=True)
            if not file.destination.startswith("/") or _climbs(file.destination):
                raise _refused(f"{where}.files", f"destination {file.destination!r} is not absolute")
        else:
            _below(file, f"{where}.files")
            if file.endswith(("/.", "/..")):
                raise _refused(f"{where}.files", f"pattern {file!r} ends in a folder")
    for host in component.allowed_outbound_hosts:
        _outbound_host(host, f"{where}.allowed_outbound_hosts", variables)
    for kind, labels in (
        ("key_value_stores", component.key_value_stores),
        ("sqlite_databases", component.sqlite_databases),
    ):
        for label in labels:
            _identifier(label, f"{where}.{kind}", "_" if "_" in label else "-", lower=False)
    if component.build is not None:
        commands = component.build.command
        if not commands or not all([commands] if isinstance(commands, str) else commands):
            raise _refused(f"{where}.build.command", "is empty")


def _trigger(
    trigger: HttpTrigger, where: str, manifest: Manifest, routes: set[str], identities: set[str]
) -> None:
    if (trigger.component is None) == (trigger.static_response is None):
        raise _refused(where, "must have either `component` or `static_response`")
    if trigger.component is not None and trigger.component not in manifest.components:
        raise _refused(where, f"names the component {trigger.component!r}, which is not there")
    if trigger.static_response is not None:
        status = trigger.static_response.status_code
        if status is not None and not 100 <= status <= 999:
            raise _refused(f"{where}.static_response", f"has the status {status}")
    if trigger.id:
        if trigger.id in identities:
            raise _refused(where, f"has the id {trigger.id!r} of another trigger")
        identities.add(trigger.id)
    if trigger.route is not None:
        _route(trigger.route, where)
        # `/a` and `/a/` are one route to Spin's router.
        shape = "/".join(
            ":" if part.startswith(":") else part for part in trigger.route.rstrip("/").split("/")
        )
        if shape in routes:
            raise _refused(where, f"has the route {trigger.route!r} of another trigger")
        routes.add(shape)


def _route(route: str, where: str) -> None:
    if not route.startswith("/"):
        raise _refused(where, f"route {route!r} does not begin with /")
    if f"{route}/".startswith(_RESERVED):
        raise _refused(where, f"route {route!r} is never reached: Spin answers below {_RESERVED} itself")
    if any(c in route for c in "?#*") or any(c.isspace() or ord(c) < 32 for c in route):
        raise _refused(where, f"route {route!r} holds a character that a route cannot hold")
    parts = route.split("/")[1:]
    for number, part in enumerate(parts, 1):
        if part == "..." and number < len(parts):
            raise _refused(where, f"route {route!r} has its wildcard before the end")
        if part == ":":
            raise _refused(where, f"route {route!r} has a wildcard without a name")
        if part == "" and number < len(parts):
            raise _refused(where, f"route {route!r} has an empty segment")


def _identifier(name: str, where: str, delimiter: str, *, lower: bool = True) -> None:
    """Words of ASCII letters and digits, each beginning with a letter and of one case.

    Variables are lower case for Spin; component ids and labels may be upper case a word at a time, but
    ids are kept in lower case here as well, because they become host names in service chaining.
    """
    for word in name.split(delimiter):
        ok = word.isascii() and word.isalnum() and word[:1].isalpha()
        if not ok or (word != word.lower() and (lower or word != word.upper())):
            style = "kebab-case" if delimiter == "-" else "snake_case"
            raise _refused(where, f"{name!r} is not {style} (words of letters and digits)")


def _template(text: str, where: str, variables: Mapping[str, Variable]) -> str | None:
    """The text with the variables' defaults filled in; None where one has no default."""
    parts: list[str] = []
    known = True
    rest = text
    while rest:
        literal, opened, rest = rest.partition("{{")
        parts.append(literal)
        if not opened:
            break
        expression, closed, rest = rest.partition("}}")
        if not closed:
            raise _refused(where, f"{text!r} has an unmatched {{{{")
        variable = variables.get(expression.strip())
        if variable is None:
            raise _refused(where, f"{text!r} uses the variable {expression.strip()!r}, which is not there")
        known = known and variable.default is not None
        parts.append(variable.default or "")
    return "".join(parts) if known else None


def _outbound_host(entry: str, where: str, variables: Mapping[str, Variable]) -> None:
    resolved = _template(entry, where, variables)
    if resolved is None:
        return
    scheme, separator, rest = resolved.partition("://")
    if not separator:
        raise _refused(where, f"{entry!r} has no scheme (write https://{resolved})")
    if scheme != "*" and not (scheme.isascii() and scheme.isalpha()):
        raise _refused(where, f"{entry!r} has a scheme that is not letters only")
    host, colon, port = rest.rpartition(":")
    if not colon:
        host, port = rest, ""
    port, _, path = port.partition("/") if colon else (port, "", "")
    if path:
        raise _refused(where, f"{entry!r} has a path")
    if not colon and scheme not in _WELL_KNOWN_PORTS:
        raise _refused(where, f"{entry!r} needs a port: {scheme} has no usual one")
    if colon and not _is_port(port):
        raise _refused(where, f"{entry!r} has a port that is no number, range (1..9) or *")
    _host(host, entry, where)


def _is_port(text: str) -> bool:
    def number(part: str) -> bool:
        return part.isascii() and part.isdigit() and int(part) <= 65535

    if text == "*":
        return True
    start, dots, end = text.partition("..")
    return number(start) and (not dots or number(end))


def _host(host: str, entry: str, where: str) -> None:
    if host in {"*", "self", "self.alt"}:
        return
    try:
        ipaddress.ip_network(host, strict=False)
    except ValueError:
        pass
    else:
        if ":" in host:
            raise _refused(where, f"{entry!r}: Spin 4.0 takes no IPv6 address here")
        return
    name = host.rstrip("/")
    if "/" in name:
        raise _refused(where, f"{entry!r} has a path")
    labels = name.removeprefix("*.").split(".")
    if any("*" in label for label in labels):
        raise _refused(where, f"{entry!r} has a wildcard elsewhere than first")
    if not name or not all(label and re.fullmatch(r"[A-Za-z0-9_-]+", label) for label in labels):
        raise _refused(where, f"{entry!r} names no host")
    if labels[-1].isdigit():
        raise _refused(where, f"{entry!r} is neither a name nor an IPv4 address")


def _below(path: str, where: str, *, whole: bool = False) -> None:
    if not path or path.startswith("/") or _climbs(path) or (path == "." and not whole):
        raise _refused(where, f"{path!r} is no path below the manifest")


def _climbs(path: str) -> bool:
    return ".." in path.split("/")


def _strings(value: object) -> Iterator[str]:
    """Every string of a manifest, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _strings(key)
            yield from _strings(inner)
    elif isinstance(value, tuple):
        for inner in value:
            yield from _strings(inner)
    elif hasattr(value, "__dataclass_fields__"):
        for name in value.__dataclass_fields__:
            yield from _strings(getattr(value, name))


def _text(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _refused("manifest", f"{text!r} is no Unicode text") from None


def _refused(where: str, why: str) -> ManifestError:
    return ManifestError(
        f"Spin would not take this manifest: {where} {why}.",
        do="Report this if dock2wasm wrote it; otherwise mend the manifest.",
    )


# --- writing -------------------------------------------------------------------------------


def to_toml(manifest: Manifest) -> str:
    """The manifest as TOML, in a stable order. Raises ManifestError where Spin would refuse it."""
    check(manifest)
    sections = [_lines(_section("", {"spin_manifest_version": 2}))]
    application = manifest.application
    sections.append(
        _lines(
            _section(
                "application",
                _present(
                    name=application.name,
                    version=application.version,
                    description=application.description,
                    authors=application.authors,
                    targets=application.targets,
                ),
            )
        )
    )
    sections += _tools("application", application.tool)
    if manifest.variables:
        rows: dict[str, Plain] = {
            name: _present(
                description=v.description,
                required=v.required,
                default=v.default,
                secret=v.secret,
            )
            for name, v in manifest.variables.items()
        }
        sections.append(_lines(_section("variables", rows)))
    sections += [_lines(_section("trigger.http", _trigger_table(t), array=True)) for t in manifest.triggers]
    for name, component in manifest.components.items():
        sections += _component_sections(f"component.{name}", component)
    if not manifest.triggers:
        sections.append("[trigger]\n")
    return f"{SCHEMA_LINE}\n" + "\n".join(sections)


def _trigger_table(trigger: HttpTrigger) -> dict[str, Plain]:
    table: dict[str, Plain] = _present(id=trigger.id)
    table["route"] = {"private": True} if trigger.route is None else trigger.route
    if trigger.component is not None:
        table["component"] = trigger.component
    if trigger.static_response is not None:
        answer = trigger.static_response
        table["static_response"] = _present(
            status_code=answer.status_code, headers=answer.headers, body=answer.body
        )
    return table


def _component_sections(where: str, component: Component) -> list[str]:
    source: Plain = (
        {"url": component.source.url, "digest": component.source.digest}
        if isinstance(component.source, Remote)
        else component.source
    )
    files: tuple[Plain, ...] = tuple(
        {"source": f.source, "destination": f.destination} if isinstance(f, Mount) else f
        for f in component.files
    )
    sections = [
        _lines(
            _section(
                where,
                {"source": source}
                | _present(
                    description=component.description,
                    files=files,
                    exclude_files=component.exclude_files,
                    allowed_outbound_hosts=component.allowed_outbound_hosts,
                    key_value_stores=component.key_value_stores,
                    sqlite_databases=component.sqlite_databases,
                    ai_models=component.ai_models,
                ),
            )
        )
    ]
    if component.variables:
        sections.append(_lines(_section(f"{where}.variables", dict(component.variables))))
    if component.environment:
        sections.append(_lines(_section(f"{where}.environment", dict(component.environment))))
    if component.build is not None:
        build = component.build
        table: dict[str, Plain] = {"command": build.command}
        sections.append(
            _lines(_section(f"{where}.build", table | _present(workdir=build.workdir, watch=build.watch)))
        )
    return sections + _tools(where, component.tool)


def _tools(where: str, tools: Mapping[str, Table]) -> list[str]:
    return [_lines(_section(f"{where}.tool.{_key(name)}", dict(table))) for name, table in tools.items()]


def _present(**values: Plain | None) -> dict[str, Plain]:
    """What is not Spin's default: None, False and empty values are left out, an empty default is not."""
    return {
        key: value
        for key, value in values.items()
        if value is not None
        and (key in {"default", "body"} or (value is not False and value not in ("", (), {})))
    }


def _section(header: str, table: Mapping[str, Plain], *, array: bool = False) -> Iterator[str]:
    if header:
        yield f"[[{header}]]" if array else f"[{header}]"
    for key, value in table.items():
        yield f"{_key(key)} = {_value(value)}"


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _string(key)


def _value(value: Plain) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_value(item) for item in value)}]"
    inner = ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items())
    return f"{{ {inner} }}" if inner else "{}"


_ESCAPES = {"\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r", '"': '\\"', "\\": "\\\\"}


def _string(text: str) -> str:
    """A TOML basic string: quotes, backslashes and control characters escaped, the rest as it is."""
    return (
        '"'
        + "".join(
            _ESCAPES.get(c) or (c if ord(c) >= 32 and c != "\x7f" else f"\\u{ord(c):04X}") for c in text
        )
        + '"'
    )


# --- reading -------------------------------------------------------------------------------


def parse(text: str) -> Manifest:
    """The manifest that a `spin.toml` holds, checked. Raises ManifestError."""
    import tomllib

    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ManifestError("This spin.toml is no TOML.", why=str(error)) from None
    top = _Reader(document, "manifest")
    version = top.take("spin_manifest_version", int)
    if version != 2:
        raise _refused("spin_manifest_version", f"is {version}, not 2")
    application = _application(top.table("application"))
    variables = {name: _variable(table) for name, table in top.optional_table("variables").tables().items()}
    triggers = top.table("trigger")
    https = tuple(_http_trigger(t) for t in triggers.array("http"))
    triggers.end()
    components = {
        name: _read_component(table) for name, table in top.optional_table("component").tables().items()
    }
    top.end()
    manifest = Manifest(application, https, components, variables)
    check(manifest)
    return manifest


class _Reader:
    """A TOML table that hands out its keys with their types and refuses those that nobody took."""

    def __init__(self, table: Mapping[str, object], where: str) -> None:
        self._rest = dict(table)
        self._where = where

    def take(self, key: str, kind: type) -> object:
        if key not in self._rest:
            raise _refused(self._where, f"has no `{key}`")
        return self._typed(self._rest.pop(key), kind, key)

    def string(self, key: str) -> str:
        return str(self.take(key, str))

    def optional_string(self, key: str, default: str = "") -> str:
        return self.string(key) if key in self._rest else default

    def flag(self, key: str) -> bool:
        return bool(self.take(key, bool)) if key in self._rest else False

    def strings(self, key: str) -> tuple[str, ...]:
        return tuple(str(self._typed(item, str, key)) for item in self.items(key))

    def items(self, key: str) -> list[object]:
        found = self._rest.pop(key, [])
        if not isinstance(found, list):
            raise _refused(f"{self._where}.{key}", "is no array")
        return found

    def string_map(self, key: str) -> dict[str, str]:
        found = self.optional_table(key)
        return {name: str(found._typed(value, str, name)) for name, value in found._rest.items()}

    def table(self, key: str) -> _Reader:
        return self._reader(self.take(key, dict), key)

    def optional_table(self, key: str) -> _Reader:
        return self.table(key) if key in self._rest else _Reader({}, f"{self._where}.{key}")

    def tables(self) -> dict[str, _Reader]:
        return {key: self._reader(self._typed(value, dict, key), key) for key, value in self._rest.items()}

    def array(self, key: str) -> list[_Reader]:
        return [self._reader(self._typed(item, dict, key), key) for item in self.items(key)]

    def has(self, key: str, kind: type = object) -> bool:
        return key in self._rest and isinstance(self._rest[key], kind)

    def tools(self) -> dict[str, Table]:
        return {
            name: _plain_table(reader._rest, reader._where)
            for name, reader in self.optional_table("tool").tables().items()
        }

    def end(self) -> None:
        if self._rest:
            raise _refused(self._where, f"has the unknown key `{next(iter(self._rest))}`")

    def _reader(self, table: object, key: str) -> _Reader:
        assert isinstance(table, dict)  # noqa: S101 - checked by _typed
        return _Reader(table, f"{self._where}.{key}")

    def _typed(self, value: object, kind: type, key: str) -> object:
        # bool is an int to Python and not to TOML.
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            names = {str: "a string", int: "an integer", bool: "a boolean", dict: "a table"}
            raise _refused(f"{self._where}.{key}", f"is {value!r}, expected {names[kind]}")
        return value


def _application(reader: _Reader) -> Application:
    found = Application(
        name=reader.string("name"),
        version=reader.optional_string("version"),
        description=reader.optional_string("description"),
        authors=reader.strings("authors"),
        targets=reader.strings("targets"),
        tool=reader.tools(),
    )
    reader.end()
    return found


def _variable(reader: _Reader) -> Variable:
    found = Variable(
        description=reader.optional_string("description"),
        required=reader.flag("required"),
        default=reader.string("default") if reader.has("default") else None,
        secret=reader.flag("secret"),
    )
    reader.end()
    return found


def _http_trigger(reader: _Reader) -> HttpTrigger:
    route: str | None
    if reader.has("route", dict):
        private = reader.table("route")
        if not private.flag("private"):
            raise _refused("trigger.http.route", "must be a string or { private = true }")
        private.end()
        route = None
    else:
        route = reader.string("route")
    answer = None
    if reader.has("static_response"):
        table = reader.table("static_response")
        answer = StaticResponse(
            status_code=_integer(table, "status_code"),
            headers=table.string_map("headers"),
            body=table.string("body") if table.has("body") else None,
        )
    if reader.has("executor"):
        executor = reader.table("executor")
        if executor.string("type") not in {"http", "spin"}:
            raise _refused("trigger.http.executor", "is not `http`")
        executor.end()
    found = HttpTrigger(
        route=route,
        component=reader.string("component") if reader.has("component") else None,
        static_response=answer,
        id=reader.optional_string("id"),
    )
    reader.end()
    return found


def _integer(reader: _Reader, key: str) -> int | None:
    if not reader.has(key):
        return None
    value = reader.take(key, int)
    assert isinstance(value, int)  # noqa: S101 - checked by take
    return value


def _read_component(reader: _Reader) -> Component:
    source: str | Remote
    if reader.has("source", dict):
        table = reader.table("source")
        source = Remote(table.string("url"), table.string("digest"))
        table.end()
    else:
        source = reader.string("source")
    build = None
    if reader.has("build"):
        table = reader.table("build")
        command = table.strings("command") if table.has("command", list) else table.string("command")
        build = Build(command, table.optional_string("workdir"), table.strings("watch"))
        table.end()
    found = Component(
        source=source,
        description=reader.optional_string("description"),
        variables=reader.string_map("variables"),
        environment=reader.string_map("environment"),
        files=tuple(_file(item) for item in reader.items("files")),
        exclude_files=reader.strings("exclude_files"),
        allowed_outbound_hosts=reader.strings("allowed_outbound_hosts"),
        key_value_stores=reader.strings("key_value_stores"),
        sqlite_databases=reader.strings("sqlite_databases"),
        ai_models=reader.strings("ai_models"),
        build=build,
        tool=reader.tools(),
    )
    reader.end()
    return found


def _file(item: object) -> str | Mount:
    if isinstance(item, str):
        return item
    if not isinstance(item, dict):
        raise _refused("component.files", f"holds {item!r}")
    reader = _Reader(item, "component.files")
    found = Mount(reader.string("source"), reader.string("destination"))
    reader.end()
    return found


def _plain_table(table: Mapping[str, object], where: str) -> Table:
    return {key: _plain(value, f"{where}.{key}") for key, value in table.items()}


def _plain(value: object, where: str) -> Plain:
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, list):
        return tuple(_plain(item, where) for item in value)
    if isinstance(value, dict):
        return _plain_table(value, where)
    raise _refused(where, f"holds {value!r}, which this model does not carry")
