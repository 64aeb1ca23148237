"""What an instruction is, and which arguments BuildKit lets it have.

Follows frontend/dockerfile/instructions of github.com/moby/buildkit v0.34.2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from analyzers.dockerfile.errors import DockerfileSyntaxError
from analyzers.dockerfile.heredocs import Heredoc, is_heredoc

Kind = Literal["bool", "string", "strings"]


@dataclass(frozen=True, slots=True)
class Instruction:
    """One instruction.

    `text` is its lines joined, without heredoc bodies. `arguments` are BuildKit's: the words of a JSON or
    word form, the one text of a shell form, key and value in turn for ENV and LABEL, keyword and
    arguments of the trigger for ONBUILD. Nothing is expanded.
    """

    name: str  # upper case
    line: int  # first line, from 1
    end_line: int  # last line, heredoc bodies included
    text: str
    flags: tuple[str, ...]  # `--name=value`, quotes removed
    arguments: tuple[str, ...]
    json: bool  # the arguments were a JSON array
    heredocs: tuple[Heredoc, ...] = ()
    child: Instruction | None = None  # of ONBUILD
    keyword: str = ""  # as written

    def with_heredocs(self, heredocs: tuple[Heredoc, ...], end_line: int) -> Instruction:
        return replace(self, heredocs=heredocs, end_line=end_line)

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """Keys and values of ENV and LABEL."""
        return tuple(zip(self.arguments[::2], self.arguments[1::2], strict=True))

    def flag(self, name: str) -> str | None:
        """The value of `--name=value`; "" for a bare `--name`."""
        values = self.flag_values(name)
        return values[0] if values else None

    def flag_values(self, name: str) -> tuple[str, ...]:
        """The values of a flag that may be given several times."""
        split = (flag[2:].partition("=") for flag in self.flags)
        return tuple(value for key, _, value in split if key == name)

    def is_true(self, name: str, default: bool = False) -> bool:
        """Whether a boolean flag holds."""
        value = self.flag(name)
        return default if value is None else value.lower() in ("", "true")


_ADD: Mapping[str, Kind] = {
    "chown": "string",
    "chmod": "string",
    "link": "bool",
    "keep-git-dir": "bool",
    "checksum": "string",
    "unpack": "bool",
    "exclude": "strings",
}
_COPY: Mapping[str, Kind] = {
    "chown": "string",
    "from": "string",
    "chmod": "string",
    "link": "bool",
    "exclude": "strings",
    "parents": "bool",
}
_RUN: Mapping[str, Kind] = {
    "mount": "strings",
    "network": "string",
    "security": "string",
    "device": "strings",
}
_HEALTH: Mapping[str, Kind] = {
    "interval": "string",
    "timeout": "string",
    "start-period": "string",
    "start-interval": "string",
    "retries": "string",
}
_STAGE_NAME = re.compile(r"[a-z][a-z0-9-_.]*\Z")


def check(i: Instruction) -> None:
    """Raise DockerfileSyntaxError where BuildKit refuses the instruction's flags or arguments."""
    try:
        _check(i)
    except ValueError as e:
        raise DockerfileSyntaxError(i.line, str(e)) from e


def stage_name(i: Instruction) -> str:
    """The lower-case name that a FROM gives its stage, "" for none. Raises ValueError."""
    if len(i.arguments) == 3 and i.arguments[1].casefold() == "as":
        name = i.arguments[2].lower()
        if not _STAGE_NAME.match(name):
            raise ValueError(
                f"invalid name for build stage: {i.arguments[2]!r}, "
                "name can't start with a number or contain symbols"
            )
        return name
    if len(i.arguments) != 1:
        raise ValueError("FROM requires either one or three arguments")
    return ""


def _check(i: Instruction) -> None:
    count = len(i.arguments)
    match i.name:
        case "ENV" | "LABEL":
            _flags(i, {})
            _at_least_one(i)
            if any(not key for key, _ in i.pairs):
                raise ValueError(f"{i.name} names can not be blank")
        case "MAINTAINER" | "WORKDIR" | "USER" | "STOPSIGNAL":
            if count != 1:
                raise ValueError(f"{i.name} requires exactly one argument")
            if i.name != "STOPSIGNAL":
                _flags(i, {})
        case "ADD" | "COPY":
            if count < 2:
                raise ValueError(
                    f"{i.name} requires at least two arguments, but only one was provided. "
                    "Destination could not be determined"
                )
            _flags(i, _ADD if i.name == "ADD" else _COPY)
            if is_heredoc(i.arguments[-1]):
                raise ValueError(f"{i.name} cannot accept a heredoc as a destination")
        case "FROM":
            stage_name(i)
            _flags(i, {"platform": "string"})
        case "ONBUILD":
            _at_least_one(i)
            _flags(i, {})
            trigger = i.arguments[0].upper()
            if trigger in ("MAINTAINER", "FROM"):
                raise ValueError(f"{trigger} isn't allowed as an ONBUILD trigger")
        case "RUN":
            _flags(i, _RUN)
            _run(i)
        case "CMD" | "ENTRYPOINT":
            _flags(i, {})
        case "HEALTHCHECK":
            _health(i)
        case "EXPOSE":
            _at_least_one(i)
            _flags(i, {})
        case "VOLUME":
            _at_least_one(i)
            _flags(i, {})
            if any(not volume.strip() for volume in i.arguments):
                raise ValueError("VOLUME specified can not be an empty string")
        case "ARG":
            _at_least_one(i)
            if any(argument.startswith("=") for argument in i.arguments):
                raise ValueError("ARG names can not be blank")
        case "SHELL":
            _flags(i, {})
            _at_least_one(i)
            if not i.json:
                raise ValueError(f"SHELL requires the arguments to be in JSON form: {i.text.strip()}")
        case _:
            raise ValueError(f"unknown instruction: {i.keyword}")


def _at_least_one(i: Instruction) -> None:
    if not i.arguments:
        raise ValueError(f"{i.name} requires at least one argument")


def _flags(i: Instruction, allowed: Mapping[str, Kind]) -> None:
    seen: set[str] = set()
    for flag in i.flags:
        if not flag.startswith("--"):
            raise ValueError(f"arg should start with -- : {flag}")
        name, equals, value = flag.partition("=")
        kind = allowed.get(name[2:])
        if kind is None:
            raise ValueError(f"unknown flag: {name}")
        if name in seen and kind != "strings":
            raise ValueError(f"duplicate flag specified: {name}")
        seen.add(name)
        if kind == "bool":
            if equals and not value:
                raise ValueError(f"missing a value on flag: {name}")
            if value.lower() not in ("", "true", "false"):
                raise ValueError(f"expecting boolean value for flag {name}, not: {value}")
        elif not equals:
            raise ValueError(f"missing a value on flag: {name}")


def _run(i: Instruction) -> None:
    for mount in i.flag_values("mount"):
        for field in csv_fields(mount):
            key, equals, value = field.partition("=")
            if equals and key.lower() == "from" and "$" in value[:-1]:
                raise ValueError(
                    f"'{key.lower()}' doesn't support variable expansion, define alias stage instead"
                )
    network, security = i.flag("network"), i.flag("security")
    if network is not None and network not in ("default", "none", "host"):
        raise ValueError(f"invalid network mode {network!r}")
    if security is not None and security not in ("insecure", "sandbox"):
        raise ValueError(f"security {security!r} is not valid")
    for device in i.flag_values("device"):
        _device(device)


def _device(text: str) -> None:
    name = ""
    for field in csv_fields(text):
        key, equals, value = field.partition("=")
        key = key.lower()
        if not equals:
            if key == "required":
                continue
            if name:
                raise ValueError(f"invalid field '{field}' must be a key=value pair")
            name = field
        elif key == "name":
            if name:
                raise ValueError(f"device name already set to {name}")
            name = value
        elif key == "required":
            if value not in ("1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False"):
                raise ValueError(f"invalid value for {key}: {value}")
        elif not name:
            name = field
        else:
            raise ValueError(f"unexpected key '{key}' in '{field}'")


def csv_fields(line: str) -> list[str]:
    """The fields of one CSV record, as go-csvvalue reads it. Raises ValueError."""
    line = re.sub(r"\r?\n\Z", "", line)
    if not line:
        raise ValueError("failed to parse csv: EOF")
    fields: list[str] = []
    pos = 0
    while True:
        if not line.startswith('"', pos):
            end = line.find(",", pos)
            field = line[pos:] if end < 0 else line[pos:end]
            if '"' in field:
                raise ValueError('failed to parse csv: bare " in non-quoted field')
            fields.append(field)
            if end < 0:
                return fields
            pos = end + 1
            continue
        match = _QUOTED.match(line, pos)
        if not match:
            raise ValueError('failed to parse csv: extraneous or missing " in quoted field')
        fields.append(match[1].replace('""', '"'))
        if match.end() == len(line) and not match[2]:
            return fields
        pos = match.end()


_QUOTED = re.compile(r'"((?:[^"]|"")*+)"(,|\Z)', re.DOTALL)


def _health(i: Instruction) -> None:
    _at_least_one(i)
    kind = i.arguments[0].upper()
    if kind == "NONE":
        if len(i.arguments) > 1:
            raise ValueError("HEALTHCHECK NONE takes no arguments")
        return
    _flags(i, _HEALTH)
    if kind != "CMD":
        raise ValueError(f"Unknown type {kind!r} in HEALTHCHECK (try CMD)")
    if len(i.arguments) < 2:
        raise ValueError("Missing command after HEALTHCHECK CMD")
    for name in ("interval", "timeout", "start-period", "start-interval"):
        nanoseconds = duration(i.flag(name) or "0")
        if nanoseconds != 0 and nanoseconds < 1_000_000:
            raise ValueError(f"Interval {name!r} cannot be less than 1ms")
    retries = i.flag("retries")
    if retries:
        if not re.fullmatch(r"[+-]?[0-9]+", retries) or len(retries) > 20:
            raise ValueError(f"--retries is no number: {retries!r}")
        if not -(2**31) <= int(retries) < 2**31:
            raise ValueError(f"--retries is out of range: {retries}")
        if int(retries) < 0:
            raise ValueError(f"--retries cannot be negative ({retries})")


_UNITS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}
_DURATION = re.compile(r"([0-9]*)(?:\.([0-9]*))?(ns|us|µs|μs|ms|s|m|h)(?![^0-9.])")


def duration(text: str) -> int:
    """Nanoseconds of Go's `1h2m3.5s`. Raises ValueError."""
    negative = text.startswith("-")
    rest = text[1:] if text[:1] in ("+", "-") else text
    if rest == "0":
        return 0
    total = pos = 0
    while pos < len(rest) or not rest:
        match = _DURATION.match(rest, pos)
        if not match or not (match[1] or match[2]) or len(match[1]) > 19:
            raise ValueError(f"time: invalid duration {text!r}")
        unit = _UNITS[match[3]]
        total += int(match[1] or "0") * unit
        fraction = (match[2] or "")[:18]
        total += int(fraction or "0") * unit // 10 ** len(fraction)
        if total > 2**63 - (0 if negative else 1):
            raise ValueError(f"time: invalid duration {text!r}")
        pos = match.end()
    return -total if negative else total
