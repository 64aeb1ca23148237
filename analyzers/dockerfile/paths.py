"""Slash paths as Go's `path` package handles them, and joins inside an image."""

from __future__ import annotations

import posixpath


def clean(path: str) -> str:
    """Go's path.Clean: no `.`, no `..` that can go, no doubled or trailing slash."""
    cleaned = posixpath.normpath(path)
    return cleaned[1:] if cleaned.startswith("//") else cleaned


def join(folder: str, path: str) -> str:
    """`path` seen from `folder`, clean and absolute; nothing leads out of the root."""
    return clean(path if path.startswith("/") else f"/{folder}/{path}")


def destination(folder: str, path: str) -> str:
    """Where a COPY to `path` goes: absolute, with a trailing slash where it must be a folder."""
    is_folder = path in ("", ".") or path.endswith(("/", "/."))
    joined = join(folder, path or ".")
    return f"{joined}/" if is_folder and joined != "/" else joined


def below(folder: str, path: str) -> str:
    """`path` placed under `folder`."""
    return f"/{path}" if folder == "/" else f"{folder}/{path}"


def base(path: str) -> str:
    """The last part of a clean path."""
    return path.rsplit("/", 1)[-1]
