"""What is known of each outside program: `tools.toml`, typed, and the platform that we are on."""

from __future__ import annotations

import platform
import re
import shlex
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tool:
    """One entry of `tools.toml`; its head explains the fields."""

    name: str
    purpose: str
    args: tuple[str, ...]
    pattern: re.Pattern[str]
    minimum: str
    why: str
    tested: str | None
    main_line: bool
    override: str
    commands: Mapping[str, str]

    def install(self) -> str:
        """The exact command that installs it here, or the sentence that says how."""
        command = self.commands.get(here(), self.commands["any"])
        return command.replace("{python}", shlex.quote(sys.executable))

    def too_old(self, version: str) -> bool:
        return numbers(version) < numbers(self.minimum)

    def untested(self, version: str) -> bool:
        """Newer than what was run: the release train counts, patch releases do not."""
        if self.tested is None:
            return False
        tested = numbers(self.tested)
        return numbers(version)[: max(1, len(tested) - 1)] > tested[: max(1, len(tested) - 1)]


@cache
def tools() -> Mapping[str, Tool]:
    """All tools by name, in the order of the file."""
    data = tomllib.loads(Path(__file__).with_name("tools.toml").read_text("utf-8"))
    return {
        name: Tool(
            name=name,
            purpose=entry["for"],
            args=tuple(entry["args"]),
            pattern=re.compile(entry["version"], re.MULTILINE),
            minimum=entry["minimum"],
            why=entry["why"],
            tested=entry.get("tested"),
            main_line=entry["main_line"],
            override=entry["override"],
            commands=entry["install"],
        )
        for name, entry in data.items()
    }


def numbers(version: str) -> Version:
    """`20.10.24` as numbers, to compare."""
    return tuple(int(part) for part in re.findall(r"\d+", version))


@cache
def here() -> str:
    """The platform as `tools.toml` names it: macos, debian, fedora, alpine, arch, or any."""
    if sys.platform == "darwin":
        return "macos"
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        return "any"
    families = [release.get("ID", ""), *release.get("ID_LIKE", "").split()]
    aliases = {"ubuntu": "debian", "rhel": "fedora", "centos": "fedora"}
    known = (aliases.get(family, family) for family in families)
    return next((f for f in known if f in {"debian", "fedora", "alpine", "arch"}), "any")
