"""`calls.toml`: which calls and imports mean what."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


@cache
def tables() -> Mapping[str, Any]:
    return tomllib.loads((Path(__file__).parent / "calls.toml").read_text(encoding="utf-8"))
