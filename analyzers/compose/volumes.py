"""Short forms of volumes and devices, as compose-go's `format.ParseVolume` and `transformDeviceMapping`."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from analyzers.compose.values import Value


def parse(value: Value) -> list[Value]:
    """`[source:]target[:mode]` in its long form. Raises ValueError."""
    text = value.text or ""
    if not text:
        raise ValueError("an empty volume")
    fields = split(text, drives=True) if len(text) > 2 else [text]
    if not all(fields):
        raise ValueError(f"{text!r} has an empty part between colons")
    if len(fields) > 3:
        raise ValueError(f"{text!r} has too many colons")
    source, target = ("", fields[0]) if len(fields) == 1 else (fields[0], fields[1])
    modes = fields[2].split(",") if len(fields) == 3 else []
    read_only = next((mode == "ro" for mode in reversed(modes) if mode in ("ro", "rw")), False)
    form = {
        "type": replace(value, data="bind" if is_path(source) else "volume", unset=()),
        "target": replace(value, data=clean_target(target)),
        "read_only": replace(value, data=read_only, unset=()),
    }
    if source:
        form["source"] = replace(value, data=source)
    return [replace(value, data=form, unset=())]


def clean_target(target: str) -> str:
    """The path as Go's `path.Clean` writes it."""
    cleaned = posixpath.normpath(target)
    return "/" + cleaned.lstrip("/") if cleaned.startswith("//") else cleaned


def is_path(source: str) -> bool:
    """Whether the source of a volume is a path of the host; else it is the name of a volume. A variable
    without a value may be either: a path, for that is what people leave open."""
    return source.startswith((".", "/", "~", "$")) or is_windows(source)


def is_windows(source: str) -> bool:
    """Whether it is a path of Windows, which is no path of the repository."""
    drive = len(source) > 1 and source[0].isalpha() and source[1] == ":"
    return drive or source.startswith("\\\\")


def split(text: str, *, drives: bool = False) -> list[str]:
    """A text at its colons; those inside of `${...}` and, with `drives`, of `C:` do not count."""
    fields = [""]
    depth = 0
    for position, char in enumerate(text):
        if char == "$" and text[position + 1 : position + 2] == "{":
            depth += 1
        elif char == "}" and depth:
            depth -= 1
        drive = drives and len(fields[-1]) == 1 and fields[-1].isalpha()
        if char == ":" and not depth and not drive:
            fields.append("")
        else:
            fields[-1] += char
    return fields


def parse_device(value: Value) -> list[Value]:
    """`source[:target[:permissions]]` in its long form. Raises ValueError."""
    fields = split(value.text or "")
    if len(fields) > 3:
        raise ValueError(f"{value.text!r} is no device")
    target = fields[1] if len(fields) > 1 and fields[1] else fields[0]
    form = {"source": replace(value, data=fields[0]), "target": replace(value, data=target)}
    return [replace(value, data=form)]
