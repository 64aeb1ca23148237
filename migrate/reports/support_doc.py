"""`docs/targets/README.md` and `docs/toolchains.md`, rendered from the data in `analyzers/support`.

`python -m migrate.reports.support_doc` writes them; a test tells when they are not current.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from analyzers.model import NeedKind
from analyzers.support import INSIDE, Feature, Status, Support, Target, load, toolchains

TARGETS = "targets/README.md"
TOOLCHAINS = "toolchains.md"
_GENERATED = "<!-- Rendered from analyzers/support by `python -m migrate.reports.support_doc`. -->\n"
_MARKS = {Status.PROVEN: "yes", Status.EXPERIMENTAL: "experimental", Status.PLANNED: "not yet", None: "no"}
_HOST_NEEDS = tuple(need for need in NeedKind if need not in INSIDE)
_MEANINGS = {
    NeedKind.TCP: "connections of its own that are not HTTP",
    NeedKind.DNS: "looking up names for them",
    NeedKind.UDP: "datagrams",
    NeedKind.STATE: "memory that a later request reads",
    NeedKind.WRITE: "files that outlive the request",
    NeedKind.MOUNT: "a folder outside the component, read-only",
    NeedKind.BACKGROUND: "work beside or after requests",
    NeedKind.WEBSOCKET: "WebSockets",
    NeedKind.HTTP_OUT: "HTTP calls to granted hosts",
    NeedKind.SECRET_ENV: "secrets in the environment, passed at start",
}
_OUTPUTS = {
    toolchains.Output.COMPONENT: "a component",
    toolchains.Output.MODULE: "a core module",
    toolchains.Output.JAVASCRIPT: "code for a JavaScript host",
}
_TARGETS_INTRO = """\
`yes` counts for a verdict where a lane is proven for the same need. `experimental` was read of, or run by
hand, and does not count. Every entry has its source and date below. How this becomes a verdict:
[verdict](../verdict.md). Pages about what is written for a target: {pages}."""
_TARGETS_REST = """\
What no target gives is lifted by a change of the service, or by a component of kind `command`: a program that
listens by itself under `wasmtime run`, which no lane makes yet."""
_TOOLCHAINS_INTRO = """\
For a service that answers HTTP as a component of WebAssembly. Server `as it is`: its source stays;
`rewritten`: its handlers move to an interface of the toolchain; `none`: no HTTP server comes out of it. None
of this is a promise: what dock2wasm converts stands in its [lanes](lanes/python.md) and in
[the verdicts](verdict.md). `run` was run here, `read` was read of in documentation or source."""
# Pages written by hand, beside the rendered one.
_PAGES = ("spin", "wasmtime")


def pages() -> dict[str, str]:
    """Path below `docs/` -> Markdown."""
    return {TARGETS: _targets(load()), TOOLCHAINS: _toolchains(toolchains.load())}


def write(repository: Path) -> tuple[str, ...]:
    """Writes the pages. Returns the names of those that changed."""
    changed = []
    for name, text in pages().items():
        path = repository / "docs" / name
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(name)
    return tuple(changed)


def _targets(support: Support) -> str:
    return "\n".join((_GENERATED, *_target_lines(support))) + "\n"


def _target_lines(support: Support) -> Iterator[str]:
    yield "# Targets: what each gives a component today"
    yield ""
    yield _TARGETS_INTRO.format(pages=", ".join(f"[{name}]({name}.md)" for name in _PAGES))
    yield ""
    yield "Components of kind `http`:"
    yield ""
    yield f"| need | means | {' | '.join(target.name for target in support.targets)} |"
    yield "| --- " * (2 + len(support.targets)) + "|"
    for need in _HOST_NEEDS:
        row = " | ".join(_MARKS[target.status(need, "http")] for target in support.targets)
        yield f"| `{need}` | {_MEANINGS[need]} | {row} |"
    yield ""
    yield _TARGETS_REST
    for target in support.targets:
        yield ""
        yield from _target(target)


def _target(target: Target) -> Iterator[str]:
    yield f"## {target.title}"
    yield ""
    yield f"`{target.name}`. Looked at: {'; '.join(target.versions)}."
    if target.note:
        yield f"{target.note}"
    yield ""
    yield "| what | status | versions | kind, WASI | gives | source | date |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in target.features:
        yield _feature(row)
    yield ""
    if target.absent:
        yield "| not given | to | why | source | date |"
        yield "| --- | --- | --- | --- | --- |"
        for one in target.absent:
            needs = " ".join(f"`{need}`" for need in one.needs)
            kinds = ", ".join(one.kinds)
            yield f"| {needs} | {kinds} | {_cell(one.why)} | {_cell(one.source)} | {one.date} |"
        yield ""
    if target.seen_on:
        yield "Seen on the real thing:"
        yield ""
        yield from (f"- {seen}" for seen in target.seen_on)
    else:
        yield "Not run here on the real thing."


def _feature(row: Feature) -> str:
    needs = " ".join(f"`{need}`" for need in row.needs) or "-"
    kind = f"{', '.join(row.kinds)}, {', '.join(row.wasi)}"
    return (
        f"| {_cell(row.feature)} | {row.status} | {_cell(row.versions)} | {kind} | {needs} "
        f"| {_cell(row.source)} | {row.date} |"
    )


def _toolchains(languages: Mapping[str, toolchains.Language]) -> str:
    return "\n".join((_GENERATED, *_toolchain_lines(languages))) + "\n"


def _toolchain_lines(languages: Mapping[str, toolchains.Language]) -> Iterator[str]:
    unique = list(dict.fromkeys(languages.values()))
    yield "# Toolchains: what each language can do today"
    yield ""
    yield _TOOLCHAINS_INTRO
    yield ""
    yield "| language | best today | makes | WASI | server | sockets | threads | |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for language in unique:
        best = language.best
        if best is None:
            yield f"| {language.title} | - | - | - | none | - | - | - |"
            continue
        yield (
            f"| {language.title} | {_cell(best.name)} ({best.status}) | {_OUTPUTS[best.makes]} "
            f"| {', '.join(best.wasi) or '-'} | {_server(best.server)} | {best.sockets} "
            f"| {best.threads} | {best.checked} |"
        )
    for language in unique:
        yield ""
        yield f"## {language.title}"
        yield ""
        low, high = language.rewrite_days
        yield f"By hand: {language.rewrite}"
        yield f"Judged at {low:g} to {high:g} days for a service of ordinary size."
        yield ""
        for tool in language.toolchains:
            wasi = f"WASI {', '.join(tool.wasi)}" if tool.wasi else "no WASI"
            yield (
                f"- **{tool.name}** ({tool.versions}), {tool.status}, makes {_OUTPUTS[tool.makes]}, {wasi}, "
                f"server {_server(tool.server)}, sockets {tool.sockets}, threads {tool.threads}. "
                f"{tool.says}. *{tool.checked.capitalize()}, {tool.date}: {tool.source}.*"
            )
        if not language.toolchains:
            yield "No toolchain is known."


def _server(server: toolchains.Server) -> str:
    return "as it is" if server is toolchains.Server.AS_IS else str(server)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    for changed_name in write(Path(__file__).resolve().parents[2]):
        sys.stdout.write(f"docs/{changed_name}\n")
