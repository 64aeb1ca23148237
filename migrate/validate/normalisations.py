"""Reads `normalisations.toml`, the one list of allowed differences, and what its rules need."""

from __future__ import annotations

import email.utils
import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

FILE = Path(__file__).with_name("normalisations.toml")

RULES = frozenset(
    {
        "any",
        "http-date",
        "framing",
        "header-names",
        "header-order",
        "members",
        "file-validators",
        "relative-expiry",
        "cookie-spelling",
        "json-member-order",
        "json-formatting",
        "content-coding",
        "interim",
        "broken",
        "html-spelling",
        "unfinished",
    }
)
EXPIRY_TOLERANCE = 5.0  # seconds

_HTTP_DATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} "
    r"\d{2}:\d{2}:\d{2} GMT\Z"
)
_COOKIE_DATE = re.compile(r"[A-Za-z]{3}, \d{2}[ -][A-Za-z]{3}[ -]\d{4} \d{2}:\d{2}:\d{2} GMT\Z")


@dataclass(frozen=True, slots=True)
class Normalisation:
    """One allowed difference."""

    name: str
    rule: str
    headers: tuple[str, ...]
    what: str
    why: str


@cache
def load() -> tuple[Normalisation, ...]:
    """The list, in the file's order. Raises ValueError where the file names an unknown rule."""
    with FILE.open("rb") as file:
        rows = tomllib.load(file)["normalisation"]
    found = tuple(
        Normalisation(row["name"], row["rule"], tuple(row.get("headers", ())), row["what"], row["why"])
        for row in rows
    )
    for one in found:
        if one.rule not in RULES:
            raise ValueError(f"{FILE.name}: {one.name} has an unknown rule {one.rule!r}")
    return found


@cache
def by_rule(rule: str) -> str:
    """The name of the normalisation with this rule, for rules that stand once in the list."""
    return next(one.name for one in load() if one.rule == rule)


@cache
def for_header(header: str) -> Normalisation | None:
    """The normalisation of a field, by its exact name in lower case."""
    return next((one for one in load() if header in one.headers), None)


def http_date(text: str) -> float | None:
    """Seconds since the epoch of an IMF-fixdate (RFC 9110, section 5.6.7), None for anything else."""
    if not _HTTP_DATE.match(text):
        return None
    try:
        return email.utils.parsedate_to_datetime(text).timestamp()
    except (ValueError, OverflowError):
        return None


def cookie_date(text: str) -> float | None:
    """Seconds since the epoch of a cookie's Expires; servers write blanks or hyphens."""
    if not _COOKIE_DATE.match(text):
        return None
    try:
        return email.utils.parsedate_to_datetime(text.replace("-", " ")).timestamp()
    except (ValueError, OverflowError):
        return None


def members(text: str) -> frozenset[str]:
    """The members of a comma-separated set."""
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def same_distance(
    original: float | None, original_date: float | None, candidate: float | None, candidate_date: float | None
) -> bool:
    """Whether two instants lie equally far from the time of their answers."""
    if original is None or original_date is None or candidate is None or candidate_date is None:
        return False
    return abs((original - original_date) - (candidate - candidate_date)) <= EXPIRY_TOLERANCE
