"""The page: alone, closed to the network, and whatever strangers wrote is text in it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.assess import assess
from analyzers.model import Assessment, FactKind, Inventory, Link
from analyzers.rules._build import at, compose, fact
from analyzers.rules._build import service as built
from migrate.policy import plain
from migrate.reports import assess_html
from migrate.reports.console import printable
from tests.migrate.policy.judged import edited, judged, repository
from tests.migrate.reports.hostile import HOSTILE, hostile

PLAIN = hostile("web", "app.py", "x = 1", "mend", "flask")


class Page(HTMLParser):
    """Tags with their attributes, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.blocks: dict[str, str] = {}
        self.texts: list[str] = []
        self._open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "input", "br"}:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"style", "script"}:
            self.blocks[self._open[-1]] = self.blocks.get(self._open[-1], "") + data
        else:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.texts)


def attributes(page: Page) -> list[tuple[str, str]]:
    return [(tag, name) for tag, found in page.tags for name in found]


@settings(max_examples=40, deadline=None)
@given(st.tuples(*[HOSTILE] * 5))
def test_what_strangers_wrote_is_text(texts: tuple[str, ...]) -> None:
    page = Page(assess_html.render(hostile(*texts)))
    plain = Page(assess_html.render(PLAIN))
    ours = {tag for tag, _ in plain.tags} | {"pre"}
    assert {tag for tag, _ in page.tags} <= ours
    assert set(attributes(page)) <= set(attributes(plain)) | {("details", "open")}
    assert page.blocks == plain.blocks
    assert page.unbalanced == []
    for value in texts:
        assert printable(value).strip() in page.text


def test_the_page_loads_nothing_and_obeys_only_our_blocks() -> None:
    page = Page(assess_html.render(PLAIN))
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in (policy or "").split(";"))
    for kind, rule in (("style", "style-src"), ("script", "script-src")):
        digest = base64.b64encode(hashlib.sha256(page.blocks[kind].encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert [tag for tag, _ in page.tags].count("script") == 1
    for _, found in page.tags:
        assert not {"src", "style", "onclick", "action", "srcset"} & set(found)
        assert (found.get("href") or "#").startswith("#")
    assert not re.search(
        r"url\(|@import|fetch\(|XMLHttpRequest|innerHTML|eval\(|https?:", "".join(page.blocks.values())
    )


def test_it_can_be_read_without_the_script(tmp_path: Path) -> None:
    page = Page(assess_html.render(judged(repository(tmp_path / "web"))))
    assert "seen[name] = seen.get(name, 0) + 1" in page.text
    assert "app.py:10" in page.text
    assert "Everything was read, and no rule failed." in page.text
    controls = next(found for tag, found in page.tags if found.get("id") == "controls")
    assert "hidden" in controls
    assert "Keep the state where every instance sees it" in page.text


def test_lines_of_one_file_stand_together(tmp_path: Path) -> None:
    repository(tmp_path)
    edited(tmp_path, "app.py", ("    last.append(name)\n", "    last.append(name)\n    del last[:-5]\n"))
    html = assess_html.render(judged(tmp_path))
    assert "<figcaption><code>app.py</code></figcaption>" in html
    lines = re.findall(r'class="number">(\d+)</span>([^<]*)</span>', html)
    assert lines[1:3] == [("11", "last.append(name)"), ("12", "del last[:-5]")]


def test_every_control_has_a_name_and_every_link_a_target() -> None:
    html = assess_html.render(PLAIN)
    page = Page(html)
    ids = [found["id"] for _, found in page.tags if "id" in found]
    assert len(ids) == len(set(ids))
    for _, found in page.tags:
        if "href" in found:
            assert (found["href"] or "").removeprefix("#") in ids
    labelled = re.findall(r"<label>.*?</label>", html, re.DOTALL)
    for tag in ("input", "select"):
        assert html.count(f"<{tag} ") == sum(label.count(f"<{tag} ") for label in labelled) > 0
    for name in re.findall(r'getElementById\("([a-z]+)"\)', page.blocks["script"]):
        assert name in ids


def test_ignored_known_not_read_and_failed_are_said(tmp_path: Path) -> None:
    repository(tmp_path)
    edited(
        tmp_path,
        "app.py",
        ("last.append(name)", "last.append(name)  # dock2wasm: ignore[memory-state] to Redis"),
    )
    assert "Ignored (app.py:11): to Redis" in Page(assess_html.render(judged(tmp_path))).text
    text = Page(assess_html.render(hostile("web", "big.bin", "too large", "thread", "flask"))).text
    assert "Not read: 1" in text
    assert "big.bin too large" in text
    assert "Rules that failed; their silence is no pass: 1" in text
    assert "Ignores that do nothing: 1" in text


def test_the_matrix_leaves_out_what_stays_everywhere_and_names_it() -> None:
    page = Page(assess_html.render(plain(_three())))
    text = page.text
    assert "2 that can move or could, on 8 targets" in text
    assert "1 that stay in their containers on every target" in text


def test_links_stand_in_a_table_and_both_ways_at_the_services() -> None:
    html = assess_html.render(plain(_three()))
    assert '<td class="whole">redis 6379</td>' in html
    text = Page(html).text
    assert "calls here" in text
    assert "called by" in text


def test_a_remedy_and_its_advice_are_said_once_a_rule() -> None:
    one = built(
        fact(FactKind.MEMORY_STATE, "app.x", "app.py:1"), fact(FactKind.MEMORY_STATE, "app.y", "app.py:2")
    )
    html = assess_html.render(plain(assess(Inventory(Path("/repo"), None, (one,)))))
    assert html.count('<p class="remedy">') == 1
    assert html.count("Where to put it") == 1


def _three() -> Assessment:
    """A service that calls another one, and infrastructure that both use."""
    api = replace(built(fact(FactKind.MEMORY_STATE, "app.x", "app.py:1")), name="api")
    web = replace(
        built(links=(Link("api", "http", 8000), Link("cache", "redis", 6379, at("compose.yaml:9")))),
        name="web",
    )
    cache = replace(
        built(language=None, has_image=False, image_name="redis:8", with_compose=compose(), listeners=()),
        name="cache",
    )
    return assess(Inventory(Path("/repo"), None, (api, web, cache)))
