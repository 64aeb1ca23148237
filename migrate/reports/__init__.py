"""Reports: one module a format. `wire` is the only place where data becomes JSON and back."""

from __future__ import annotations

from pathlib import Path

SCHEMAS = Path(__file__).parent / "schemas"


def schema_text(name: str) -> str:
    """The JSON schema of this name. Raises KeyError with a message where there is none."""
    names = sorted(path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.schema.json"))
    if name not in names:
        raise KeyError(f"There is no schema {name!r}; there are {', '.join(names)}.")
    return (SCHEMAS / f"{name}.schema.json").read_text("utf-8")
