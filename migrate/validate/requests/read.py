"""Reads a file of requests, its kind told by its content, and writes probes as probes.yaml."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from migrate.errors import ProbesError
from migrate.model import Probe, ProbeSet
from migrate.reports.wire import probes as wire
from migrate.validate.requests import access_log, har, http_file, openapi
from migrate.validate.requests.make import Maker

MAX_BYTES = 256 << 20
_YAML_BYTES = 8 << 20


def read(path: Path, *, unsafe: bool = False) -> ProbeSet:
    """The requests of a probes, .http, Hurl, HAR or OpenAPI file or of an access log.

    `unsafe` also takes operations of OpenAPI documents that may change something. `thin` of the result says
    what was left out. Raises ProbesError with file and line.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ProbesError(f"{path} is larger than {MAX_BYTES:,} bytes.")
        data = path.read_bytes()
    except OSError as error:
        raise ProbesError(f"{path} cannot be read.", why=error.strerror or str(error)) from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ProbesError(f"{path.name}:{line}: this is no UTF-8.") from None
    return read_text(text, path.name, unsafe=unsafe)


def read_text(text: str, origin: str, *, unsafe: bool = False) -> ProbeSet:
    """As `read`, of a file's text; `origin` is its name."""
    maker = Maker(origin)
    if not text.strip():
        raise maker.fail(1, "The file is empty.")
    value = _document(text, maker)
    if isinstance(value, dict) and "probes" in value and "schema_version" in value:
        return wire.read(text, origin)
    if isinstance(value, dict) and isinstance(value.get("log"), dict):
        found = har.read(value, maker)
    elif isinstance(value, dict) and ("openapi" in value or "swagger" in value):
        found = openapi.read(value, maker, unsafe=unsafe)
    elif _is_log(text):
        found = access_log.read(text, maker)
    else:
        found = http_file.read(text, maker)
    left = "; ".join(maker.notes[:20])
    return ProbeSet(found, origin, f"Of {origin} were left out: {left}." if left else "")


def _is_log(text: str) -> bool:
    first = next(line for line in text.split("\n") if line.strip())
    return first.lstrip().startswith("{") or access_log.COMMON.match(first) is not None


def _document(text: str, maker: Maker) -> Any:
    """The JSON or YAML document that the text is, None where it is none."""
    start = text.lstrip()[:1]
    if start == "{":
        try:
            return json.loads(text)
        except RecursionError:
            raise maker.fail(1, "nested too deeply.") from None
        except json.JSONDecodeError as error:
            first, _, rest = text.lstrip().partition("\n")
            if not rest.strip() or _whole(first):
                return None  # one object a line
            raise maker.fail(error.lineno, f"this is no JSON: {error.msg}.") from None
    known = (
        "openapi:",
        "swagger:",
        "schema_version:",
        "probes:",
        "paths:",
        "info:",
        '"openapi"',
        "'openapi'",
    )
    if not any(line.startswith(known) for line in text.split("\n")):
        return None
    if len(text) > _YAML_BYTES:
        raise maker.fail(1, f"YAML longer than {_YAML_BYTES:,} characters.")
    return _yaml(text, maker)


def _whole(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _yaml(text: str, maker: Maker) -> Any:
    import yaml

    depth = 0
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            line = event.start_mark.line + 1 if event.start_mark else 1
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > wire.MAX_DEPTH:
                raise maker.fail(line, f"nested deeper than {wire.MAX_DEPTH} levels.")
            if isinstance(event, yaml.AliasEvent):
                raise maker.fail(line, "aliases (*name) are not taken.", "Write the value out.")
        return yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise maker.fail(line, f"this is no YAML: {error.problem or error}.") from None
    except (yaml.YAMLError, ValueError) as error:
        raise maker.fail(1, f"this is no YAML: {error}.") from None


def merged(sets: Sequence[ProbeSet]) -> ProbeSet:
    """All probes in their order; a name that comes twice is numbered, a request that comes twice is dropped.

    Sessions stay those of their set: one is renamed where an earlier set has one of its name.
    Raises ProbesError where there are more than a file may hold.
    """
    names = Maker("probes")
    found: list[Probe] = []
    seen: set[str] = set()
    sessions = Maker("probes")
    for one in sets:
        jars: dict[str, str] = {}
        for probe in one.probes:
            same = json.dumps(wire.to_json(probe), sort_keys=True)
            alone = probe.session is None and not probe.captures and not wire.PLACEHOLDER.search(same)
            if alone and same in seen:
                continue
            seen.add(same)
            if probe.session is not None and probe.session not in jars:
                jars[probe.session] = sessions.name(probe.session)
            jar = jars[probe.session] if probe.session is not None else None
            found.append(replace(probe, id=names.name(probe.id), session=jar))
    if len(found) > wire.MAX_PROBES:
        raise ProbesError(f"There are {len(found):,} requests; at most {wire.MAX_PROBES:,} are asked.")
    origin = ", ".join(dict.fromkeys(one.origin for one in sets))
    return ProbeSet(tuple(found), origin, " ".join(one.thin for one in sets if one.thin))


def write(probes: ProbeSet) -> str:
    """The probes as the text of a probes.yaml that `wire.read` reads back."""
    import yaml

    rows = []
    captured: set[str] = set()
    for probe in probes.probes:
        row = {"id": probe.id, **wire.to_json(probe)}
        if "body" in row and any(name not in captured for name in wire.PLACEHOLDER.findall(row["body"])):
            row |= wire.body_base64(probe.body)
            del row["body"]
        if not row.get("headers", True):
            del row["headers"]
        if probe.timeout != 30:
            row["timeout"] = probe.timeout
        captured |= {capture.name for capture in probe.captures}
        rows.append(row)
    head = f"# Made from {probes.origin}.\n" if probes.origin.isprintable() else ""
    return head + yaml.safe_dump(
        {"schema_version": 1, "probes": rows}, sort_keys=False, allow_unicode=True, width=110
    )
