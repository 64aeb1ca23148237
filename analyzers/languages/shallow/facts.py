"""Facts, framework and routes from what a table's names were found in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from analyzers.languages.shallow.scan import Scanned, Sighting
from analyzers.languages.shallow.settings import Setting
from analyzers.languages.shallow.table import Framework, Meaning, Table, package_matches
from analyzers.model import Confidence, Dependency, Evidence, Fact, FactKind, Reach, Route
from analyzers.repository import Tree

_EVIDENCE = 5  # places that a fact names
_HOST = re.compile(r"^(?:[a-z][a-z0-9+.-]*:)*//(?:[^/@\s]*@)?([A-Za-z0-9.-]+(?::\d+)?)")
_ADDRESS = re.compile(r"[\w.-]+:\d+")
_KEPT_DETAIL = re.compile(r"[\w./:@-]{1,80}")


def facts(
    tree: Tree,
    table: Table,
    scanned: Iterable[Scanned],
    packages: Mapping[str, Evidence],
    settings: Mapping[str, Setting],
    at_start: re.Pattern[str] | None = None,
) -> list[Fact]:
    """One fact for each kind, subject, detail and reach, with the first places that show it.

    Files whose path `at_start` finds run once, when the program starts.
    """
    found: dict[tuple[FactKind, str, str, Reach], list[Evidence]] = {}
    sure: dict[tuple[FactKind, str, str, Reach], Confidence] = {}
    for meaning, detail, reach, evidence in (
        *_seen(tree, table, scanned, at_start),
        *_alone(table, packages, settings),
    ):
        key = (meaning.kind, meaning.subject, detail, reach)
        sure.setdefault(key, meaning.confidence)
        places = found.setdefault(key, [])
        if len(places) < _EVIDENCE and evidence not in places:
            places.append(evidence)
    return [Fact(*key[:2], tuple(places), key[2], key[3], sure[key]) for key, places in found.items()]


def _seen(
    tree: Tree, table: Table, scanned: Iterable[Scanned], at_start: re.Pattern[str] | None
) -> Iterator[tuple[Meaning, str, Reach, Evidence]]:
    for file in scanned:
        early = at_start is not None and at_start.search(file.path) is not None
        for one in file.sightings:
            for meaning in table.by_name.get((one.sight, one.name), ()):
                if meaning.config or any(word in one.arguments for word in meaning.ignore):
                    continue
                if meaning.only and not any(word in one.arguments for word in meaning.only):
                    continue
                reach = meaning.reach or (
                    Reach.IMPORT if early or one.function in table.start else Reach.REQUEST
                )
                evidence = Evidence(file.path, one.line, tree.line(file.path, one.line))
                detail = _detail(meaning, one)
                if meaning.kind is FactKind.FILE_WRITE:
                    # The path as written, else the call.
                    subject = detail or (meaning.subject if meaning.detail != "first" else _call(one))
                    yield replace(meaning, subject=subject), "", reach, evidence
                else:
                    yield meaning, detail, reach, evidence


def _call(one: Sighting) -> str:
    return f"new {one.name}()" if one.sight == "new" else f"{one.name.lstrip('.')}()"


def _detail(meaning: Meaning, one: Sighting) -> str:
    if meaning.detail != "first":
        return meaning.detail
    strings = one.strings
    if not strings:
        return ""
    host = _HOST.match(strings[0])
    if host:
        return host[1]
    if meaning.kind is FactKind.OUTBOUND:
        return strings[0] if _ADDRESS.fullmatch(strings[0]) else ""
    if meaning.kind is FactKind.FILE_WRITE and not re.search(r"[./]", strings[0]):
        return ""
    return strings[0] if _KEPT_DETAIL.fullmatch(strings[0]) else ""


def _alone(
    table: Table, packages: Mapping[str, Evidence], settings: Mapping[str, Setting]
) -> Iterator[tuple[Meaning, str, Reach, Evidence]]:
    """What a dependency or a setting means by being there."""
    for meaning in table.alone:
        evidence = next((packages[name] for name in packages if package_matches(meaning.package, name)), None)
        if meaning.package and evidence is None:
            continue
        detail = "" if meaning.detail == "first" else meaning.detail
        if meaning.config:
            setting = next(
                (settings[key] for key in settings if any(key.startswith(one) for one in meaning.config)),
                None,
            )
            if setting is None:
                continue
            evidence = setting.evidence
            host = _HOST.match(setting.value)
            detail = host[1] if host and meaning.detail == "first" else detail
        if evidence is not None:
            yield meaning, detail, meaning.reach or Reach.REQUEST, evidence


def framework(
    table: Table, scanned: Iterable[Scanned], dependencies: Sequence[Dependency]
) -> tuple[Framework, str | None] | None:
    """The first framework of the table that is depended on or imported, and its version where stated."""
    imports = {one.name for file in scanned for one in file.sightings if one.sight == "import"}
    for known in table.frameworks:
        by = next((one for one in dependencies if package_matches(known.package, one.name)), None)
        if by is not None or imports & set(known.imports):
            return known, by.version if by else None
    return None


def routes(tree: Tree, table: Table, scanned: Iterable[Scanned]) -> tuple[Route, ...]:
    """The routes whose paths are written out, those of a class below the class's own path."""
    found: dict[tuple[str, str], Route] = {}
    for file in scanned:
        for one in file.sightings:
            method = table.routes.get((one.sight, one.name))
            if not method or _CLIENT.search(file.owners.get(one.owner, "")):
                continue
            strings = one.strings
            if one.sight == "call" and not strings:
                continue
            prefix = ""
            path = strings[0] if strings else _beside(file, one)
            if one.sight == "annotation":
                if not one.function and method == "*":
                    continue  # the class's own
                prefix = _class_path(file, one.owner)
            method = _method(method, one)
            full = (
                path.removeprefix("~") if path.startswith("~/") else f"{prefix.strip('/')}/{path.lstrip('/')}"
            )
            full = "/" + full.strip("/")
            evidence = Evidence(file.path, one.line, tree.line(file.path, one.line))
            found.setdefault((method, full), Route(method, full, evidence))
    return tuple(found.values())


def _beside(file: Scanned, one: Sighting) -> str:
    """The path in an annotation of its own, `@GET @Path("/x")`, on the same method."""
    for other in file.sightings:
        same = (other.function, other.owner) == (one.function, one.owner) and abs(other.line - one.line) <= 8
        if one.function and same and (other.sight, other.name) == ("annotation", "Path") and other.strings:
            return other.strings[0]
    return ""


_PREFIX = re.compile(
    r"""@?\b(?:RequestMapping|Route|Path|Controller)\s*\(\s*(?:\w+\s*=\s*)?\[?["']([^"']*)["']"""
)
_CLIENT = re.compile(r"@(?:FeignClient|RegisterRestClient|HttpExchange|Client)\b")  # what others answer
_CONTROLLER = re.compile(r"\[controller\]", re.IGNORECASE)
_METHODS = re.compile(r"\b(GET|POST|PUT|DELETE|PATCH|HEAD|OPTIONS)\b")


def _class_path(file: Scanned, owner: str) -> str:
    match = _PREFIX.search(file.owners.get(owner, ""))
    if match is None:
        return ""
    return _CONTROLLER.sub(owner.removesuffix("Controller").lower(), match[1])


def _method(method: str, one: Sighting) -> str:
    if method != "*":
        return method
    said = _METHODS.findall(one.arguments)
    return said[0] if said else "GET"


def named(known: tuple[Framework, str | None] | None) -> str | None:
    """The framework's name for a report."""
    return known[0].name if known else None
