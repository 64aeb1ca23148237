"""Markdown for a pull request: read by a Markdown parser, no text of a stranger is markup."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from analyzers.assess import assess
from analyzers.model import (
    Assessment,
    Evidence,
    FactKind,
    Inventory,
    Link,
    NotRead,
    Route,
    RuleFailure,
)
from analyzers.rules._build import at, fact
from analyzers.rules._build import service as built
from migrate.policy import new_baseline, plain
from migrate.reports.assess_markdown import LIMIT, render
from migrate.reports.console import printable
from migrate.reports.markdown import cell, code, fence, text
from tests.migrate.made import assessed, finding, service
from tests.migrate.policy.judged import edited, judged, repository
from tests.migrate.reports.hostile import HOSTILE, hostile

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
OURS = re.compile(r"<details><summary>(<code>[^<>]*</code>)?[^<>]*</summary>\n|</details>\n")


def tokens(markdown: str) -> list[Token]:
    """All tokens of a text, inline ones included."""
    found = []
    for token in PARSER.parse(markdown):
        found += [token, *(token.children or ())]
    return found


def shown(markdown: str) -> str:
    """What a reader sees of one line of inline text."""
    return "".join(
        token.content
        for token in tokens(markdown)
        if token.type in {"text", "code_inline", "text_special"} or token.type == "softbreak"
    )


@given(HOSTILE)
@example("**bold**").via("markup")
def test_text_has_no_markup(value: str) -> None:
    markdown = f"a {text(value)} z"
    kinds = {token.type for token in tokens(markdown)}
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}


@given(HOSTILE)
def test_text_begins_no_block(value: str) -> None:
    kinds = {token.type for token in tokens(f"- {text(value)}")}
    assert not kinds & {
        "heading_open",
        "fence",
        "code_block",
        "ordered_list_open",
        "html_block",
        "hr",
        "table_open",
    }


@given(HOSTILE)
def test_code_is_one_span(value: str) -> None:
    found = [token for token in tokens(f"- {code(value)}") if token.type != "inline" and not token.block]
    assert [token.type for token in found] == ["code_inline"]
    assert found[0].content.strip() == printable(value).strip()


@given(HOSTILE)
def test_a_cell_is_one_span(value: str) -> None:
    cells = [
        token
        for token in PARSER.parse(f"| a | b |\n| --- | --- |\n| {cell(value)} | x |\n")
        if token.type == "inline"
    ]
    assert len(cells) == 4
    assert {child.type for child in cells[2].children or ()} == {"code_inline"}


@given(st.lists(HOSTILE, max_size=4))
def test_nothing_ends_a_fence(lines: list[str]) -> None:
    (block,) = PARSER.parse("\n".join(fence(lines)))
    assert block.type == "fence"
    assert block.content.count("\n") == len(lines)


@given(st.tuples(*[HOSTILE] * 5))
def test_a_hostile_repository_makes_no_markup_of_its_own(texts: tuple[str, ...]) -> None:
    plain_one = render(hostile("web", "app.py", "x = 1", "mend", "flask"))
    expected = [token.type for token in PARSER.parse(plain_one) if token.type != "fence"]
    markdown = render(hostile(*texts))
    found = [token.type for token in PARSER.parse(markdown) if token.type != "fence"]
    assert found == expected
    kinds = {token.type for token in tokens(markdown)}
    assert not kinds & {"link_open", "image", "html_inline"}
    for token in tokens(markdown):
        if token.type == "html_block":
            assert OURS.fullmatch(token.content)


def test_mentions_and_addresses_are_broken() -> None:
    for value in ("@team", "#12", "GH-12", "https://evil.example", "www.evil.example"):
        assert value not in shown(text(value))
        assert shown(text(value)).replace("\u200b", "") == value


def test_the_table_comes_first_and_the_reasons_after(tmp_path: Path) -> None:
    markdown = render(judged(repository(tmp_path / "web")))
    head, _, rest = markdown.partition("<details>")
    assert head.startswith("### WebAssembly: 0 convert, 1 refactor, 0 keep\n")
    assert "| `web` | 🟡 **refactor** | " in head
    assert "`app.py:10`\n\n```text\nseen[name] = seen.get(name, 0) + 1\n```" in rest
    assert rest.endswith("Everything was read, and no rule failed.\n")


def test_what_is_ignored_says_why(tmp_path: Path) -> None:
    repository(tmp_path)
    edited(
        tmp_path,
        "app.py",
        ("last.append(name)", "last.append(name)  # dock2wasm: ignore[memory-state] to Redis"),
    )
    markdown = render(judged(tmp_path))
    assert "*Ignored: to Redis* (`app.py:11`)" in markdown
    assert "2 findings, 1 known or ignored" in markdown


def test_what_is_new_comes_first(tmp_path: Path) -> None:
    baseline = new_baseline(judged(repository(tmp_path)))
    edited(tmp_path, "app.py", ("last.append(name)", "last.append(name.upper())"))
    markdown = render(judged(tmp_path, baseline))
    assert re.search(
        r"^Findings, notes included: 1 new, [1-9]\d* known, 0 ignored\.$", markdown, re.MULTILINE
    )
    assert markdown.index("app.last is") < markdown.index("app.seen is") < markdown.index("*Known: it stands")


def test_what_was_not_read_and_what_failed_are_there() -> None:
    markdown = render(hostile("web", "big.bin", "too large", "thread", "flask"))
    assert "1 path not read" in markdown
    assert "`big.bin`: too large" in markdown
    assert "Rules that failed" in markdown
    assert "Ignores that do nothing" in markdown


def test_a_comment_is_never_longer_than_forges_take() -> None:
    bad = replace(
        finding("memory-state"), message="*" * 500, evidence=(Evidence("`" * 900, 1, "`" * 160),) * 9
    )
    one = assessed(service("x" * 200), findings=(bad,) * 30)
    inventory = Inventory(Path("/repo"), None, (), tuple(NotRead(f"{n}" * 500, "*" * 500) for n in range(90)))
    failed = tuple(RuleFailure("r" * 90, "s" * 90, "*" * 900) for _ in range(90))
    markdown = render(plain(Assessment(inventory, (one,) * 300, "1", "1", failed)))
    assert LIMIT / 4 < len(markdown) <= LIMIT
    assert "and 200 more" in markdown
    assert "The details of 300 more services are" in markdown


def test_a_service_with_many_findings_shows_the_first() -> None:
    one = assessed(findings=(finding("memory-state"),) * 21)
    markdown = render(plain(Assessment(Inventory(Path("/repo"), None, ()), (one,), "1", "1")))
    assert markdown.count("**refactor** `memory-state`") == 20
    assert "And 1 more;" in markdown


def test_targets_routes_links_and_advice_are_there() -> None:
    one = built(
        fact(FactKind.OUTBOUND, "redis", "app.py:3", "redis:6379"), links=(Link("redis", "redis", 6379),)
    )
    assert one.source is not None
    one = replace(one, source=replace(one.source, routes=(Route("GET", "/a|b", at("app.py:9")),)))
    page = render(plain(assess(Inventory(Path("/repo"), None, (one,)))))
    assert "**convert** on wasmtime" in page
    assert "(lacks `dns`, `tcp`)" in page
    assert "Calls here: `redis` (redis)." in page
    assert "Routes: `GET /a|b`." in page
    assert "Advice: On Spin this can be its own interface" in page
