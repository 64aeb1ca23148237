"""What is known of public images by their names."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from analyzers import base_images
from analyzers.infrastructure import Role
from analyzers.model import State

ROWS: list[dict[str, Any]] = tomllib.loads(
    Path(base_images.__file__).with_name("base_images.toml").read_text("utf-8")
)["image"]
# fmt: off
FIELDS = {
    "repositories", "also", "language", "role", "protocol", "port", "entrypoint", "passes_on", "program",
    "program_for", "command", "interactive", "workdir", "user", "state", "outbound", "gpu", "source", "date",
    "processes", "tag",
}
# fmt: on


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["repositories"][0]))
def test_an_entry_is_well_formed(row: dict[str, Any]) -> None:
    assert set(row) <= FIELDS
    assert row["source"].startswith("https://")
    assert isinstance(row["date"], date)
    assert row.get("workdir", "/").startswith("/")
    assert 0 < row.get("port", 1) < 65536
    if "role" in row:
        Role(row["role"])
    if "state" in row:
        State(row["state"])
    assert not row.get("passes_on") or row["entrypoint"]
    assert bool(row.get("program_for")) <= bool(row.get("program"))
    for tag in row.get("tag", ()):
        assert set(tag) <= FIELDS - {"repositories", "also", "source", "date", "tag"} | {"pattern"}
        assert tag["pattern"]


def test_each_name_stands_once() -> None:
    names = Counter(name for row in ROWS for name in (*row["repositories"], *row.get("also", ())))
    assert [name for name, times in names.items() if times > 1] == []
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize(
    ("reference", "command"),
    [
        ("nginx:1.27-alpine", ("nginx", "-g", "daemon off;")),
        ("docker.io/library/nginx@sha256:00", ("nginx", "-g", "daemon off;")),
        ("public.ecr.aws/docker/library/nginx", ("nginx", "-g", "daemon off;")),
        ("registry.acme.example:5000/nginx:1", ("nginx", "-g", "daemon off;")),
        ("php:8.3-apache", ("apache2-foreground",)),
        ("php:8.3-fpm-alpine", ("php-fpm",)),
        ("php:8.3-cli", ("php", "-a")),
        ("ghcr.io/static-web-server/static-web-server:2-alpine", ("static-web-server",)),
        ("joseluisq/static-web-server:2", ("/static-web-server",)),
    ],
)
def test_what_an_image_starts_by_itself(reference: str, command: tuple[str, ...]) -> None:
    image = base_images.find(reference)
    assert image is not None and image.exact
    assert image.started(image.command) == command


@pytest.mark.parametrize(
    ("reference", "command", "started"),
    [
        ("node:24", ("server.js",), ("node", "server.js")),
        ("node:24", ("npm", "start"), ("npm", "start")),
        ("denoland/deno:2", ("run", "-A", "main.ts"), ("deno", "run", "-A", "main.ts")),
        ("gcr.io/distroless/nodejs22-debian12", ("a.js",), ("/nodejs/bin/node", "a.js")),
        ("gcr.io/distroless/python3-debian12", ("a.py",), ("/usr/bin/python3", "a.py")),
        ("redis:7", ("--save", ""), ("redis-server", "--save", "")),
        ("python:3.14", ("app.py",), ("app.py",)),
    ],
)
def test_the_entrypoint_comes_before_the_command(
    reference: str, command: tuple[str, ...], started: tuple[str, ...]
) -> None:
    image = base_images.find(reference)
    assert image is not None
    assert image.started(command) == started


def test_a_name_that_only_ends_like_a_known_one_tells_no_command() -> None:
    image = base_images.find("acme/nginx:1")
    assert image is not None and not image.exact
    assert (image.language, image.port, image.command, image.entrypoint) == ("static", 80, (), ())
    assert base_images.find("acme/web") is None
    assert base_images.find("acme/runtime") is None
    assert base_images.find("") is None


def test_tags_tell_ports_users_and_devices() -> None:
    old, new = (base_images.find(f"mcr.microsoft.com/dotnet/aspnet:{v}") for v in ("6.0", "9.0"))
    assert old is not None and new is not None
    assert (old.port, new.port) == (80, 8080)
    distroless = base_images.find("gcr.io/distroless/static-debian12:nonroot")
    assert distroless is not None
    assert (distroless.user, distroless.workdir) == ("65532", "/home/nonroot")
    for tag, gpu in (("2.18.0", False), ("2.18.0-gpu", True)):
        image = base_images.find(f"tensorflow/tensorflow:{tag}")
        assert image is not None and image.gpu is gpu
