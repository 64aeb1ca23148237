"""Which database `sql` means: what an address says, in settings or source, before what the drivers allow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from analyzers.languages.shallow.settings import Setting
from analyzers.languages.shallow.table import Driver, Table, package_matches
from analyzers.model import Evidence, Fact, FactKind, Reach
from analyzers.repository import Tree

GENERIC = "sql"
_HOST = re.compile(r"//(?:[^/@\s]*@)?([A-Za-z0-9_.-]+(?::\d+)?)")
_MEMORY = re.compile(r":mem(?:ory)?:|mode=memory", re.IGNORECASE)


def settled(
    tree: Tree,
    table: Table,
    found: list[Fact],
    files: Iterable[str],
    packages: Mapping[str, Evidence],
    configured: Mapping[str, Setting],
    *,
    embedded: str | None = None,
) -> list[Fact]:
    """The facts with `sql` replaced by the databases that are spoken to.

    `embedded` names the subject of databases inside the process (H2): a file on the disk, or memory.
    """
    generic = [one for one in found if one.kind is FactKind.DATABASE and one.subject == GENERIC]
    if not generic:
        return found
    rest = [one for one in found if one not in generic]
    said = list(_by_address(tree, table.drivers, files, configured))
    if not said:
        said = [
            (driver, "", evidence)
            for driver in table.drivers
            for name, evidence in packages.items()
            if package_matches(driver.package, name)
        ]
    outside = [one for one in said if one[0].subject != embedded]
    chosen = outside or said
    if not chosen:
        return rest  # annotations and interfaces without a driver open no connection
    evidence = generic[0].evidence[0]
    for driver, address, place in chosen:
        rest.append(_fact(driver.subject, address, (place, evidence), embedded))
    unique: dict[tuple[FactKind, str, str, Reach], Fact] = {}
    for one in rest:
        unique.setdefault((one.kind, one.subject, one.detail, one.reach), one)
    return list(unique.values())


def _fact(subject: str, address: str, evidence: tuple[Evidence, ...], embedded: str | None) -> Fact:
    places = tuple(dict.fromkeys(evidence))
    if subject == embedded:
        if not address or _MEMORY.search(address):
            return Fact(FactKind.MEMORY_STATE, f"a database of {subject} in memory", places)
        return Fact(FactKind.FILE_WRITE, address[:120], places)
    if subject == "sqlite":
        return Fact(
            FactKind.DATABASE, subject, places, ":memory:" if _MEMORY.search(address) else address[:120]
        )
    host = _HOST.search(address)
    return Fact(FactKind.DATABASE, subject, places, host[1] if host else "")


def _by_address(
    tree: Tree, drivers: Iterable[Driver], files: Iterable[str], configured: Mapping[str, Setting]
) -> Iterable[tuple[Driver, str, Evidence]]:
    """Drivers whose addresses stand in the settings, else in the source."""
    drivers = [one for one in drivers if one.url]
    found = [
        (driver, setting.value, setting.evidence)
        for setting in configured.values()
        for driver in drivers
        if setting.value.startswith(driver.url)
    ]
    if found or not drivers:
        return found
    words = "|".join(re.escape(one) for driver in drivers for one in driver.url)
    pattern = re.compile(rf"""["'](({words})[^"'\s]{{0,200}})""".encode())
    for path in files:
        data = tree.data(path) or b""
        for match in pattern.finditer(data):
            line = data.count(b"\n", 0, match.start()) + 1
            text = tree.line(path, line)
            if text.startswith(("//", "*", "#", "/*")):
                continue
            url = match[1].decode("utf-8", "replace")
            driver = next(one for one in drivers if url.startswith(one.url))
            found.append((driver, url, Evidence(path, line, text)))
    return found
