"""The pages of targets and toolchains are those that the data gives."""

from __future__ import annotations

from pathlib import Path

from analyzers.support import TARGETS, load, toolchains
from migrate.reports import support_doc

ROOT = Path(__file__).parents[3]


def test_the_pages_in_docs_are_current() -> None:
    written = {name: (ROOT / "docs" / name).read_text("utf-8") for name in support_doc.pages()}
    assert written == support_doc.pages(), "run: python -m migrate.reports.support_doc"


def test_writing_changes_only_what_is_not_current(tmp_path: Path) -> None:
    assert support_doc.write(tmp_path) == (support_doc.TARGETS, support_doc.TOOLCHAINS)
    assert support_doc.write(tmp_path) == ()
    (tmp_path / "docs" / support_doc.TOOLCHAINS).write_text("old", "utf-8")
    assert support_doc.write(tmp_path) == (support_doc.TOOLCHAINS,)


def test_every_entry_is_on_its_page_with_source_and_date() -> None:
    pages = support_doc.pages()
    for target in load().targets:
        assert f"`{target.name}`" in pages[support_doc.TARGETS]
        for row in target.features:
            (line,) = (
                line
                for line in pages[support_doc.TARGETS].splitlines()
                if line.startswith(f"| {row.feature} |") and row.source in line
            )
            assert line.endswith(f"| {row.date} |")
    for language in toolchains.load().values():
        assert f"## {language.title}\n" in pages[support_doc.TOOLCHAINS]
        for tool in language.toolchains:
            assert tool.source in pages[support_doc.TOOLCHAINS]


def test_the_matrix_has_a_column_for_each_target() -> None:
    lines = support_doc.pages()[support_doc.TARGETS].splitlines()
    head = next(line for line in lines if line.startswith("| need |"))
    assert [cell.strip() for cell in head.split("|")[3:-1]] == list(TARGETS)
    tcp = next(line for line in lines if line.startswith("| `tcp` |"))
    assert tcp.split("|")[3 + TARGETS.index("wasmtime")].strip() == "yes"
    websocket = next(line for line in lines if line.startswith("| `websocket` |"))
    assert {cell.strip() for cell in websocket.split("|")[3:-1]} == {"no"}
