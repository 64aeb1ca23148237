"""HTML compared as a tree: where a difference is, what is noise, what is only spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrate.model import ExchangeVerdict
from migrate.validate.compare import Judgement, compare
from migrate.validate.markup import DEPTH, Element, parse, source
from tests.migrate.validate.answers import PROBE, answer


def judge(original: str, candidate: str, second: str | None = None) -> Judgement:
    page = "text/html; charset=utf-8"
    theirs = [answer(text, content_type=page) for text in (original, second or original)]
    return compare(PROBE, theirs, answer(candidate, content_type=page))


PAGE = """<!doctype html>
<html><head><title>Shop &amp; co</title><script>if (a < b && c) { go("</p>"); }</script></head>
<body class="wide" data-x='1'>
<!-- menu --><ul><li>One<li>Two</ul>
<form><input name=token value="{token}" required><textarea>
 <b>no tag</b></textarea></form>
<p>Order {token}, thank you.</p>
</body></html>
"""


@pytest.mark.parametrize(
    ("before", "after", "where"),
    [
        ("Shop", "shop", "html > head > title text"),
        ("c) {", "c){", "html > head > script"),
        ('class="wide"', 'class="narrow"', "html > body @class"),
        ('class="wide" ', "", "html > body @class"),
        ("data-x='1'", "data-x='1' data-x='2'", "html > body @data-x"),
        (" required", "", "html > body > form > input @required"),
        ("<!-- menu -->", "<!--menu-->", "html > body > comment"),
        ("<li>Two", "", "html > body > ul > li[2]"),
        ("<li>Two", "<li>Two<li>Three", "html > body > ul > li[3]"),
        ("<li>One", "<p>One", "html > body > ul > li[1]"),
        ("</p>\n</body>", "\n</body>", "html > body > p end tag"),
        ("<b>no", "<i>no", "html > body > form > textarea text"),
        ("thank you", "thank  you", "html > body > p text"),
        ("</ul>", "</ul></ul>", "html > body > end"),
        ("<!doctype html>", "", "declaration"),
    ],
)
def test_each_change_is_found_in_its_place(before: str, after: str, where: str) -> None:
    assert before in PAGE
    judged = judge(PAGE, PAGE.replace(before, after))
    assert judged.verdict is ExchangeVerdict.DIFFERENT
    assert where in {one.where for one in judged.differences}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('class="wide"', "class=wide"),
        ("<ul>", "<UL >"),
        ("</ul>", "</ul\n>"),
        ("class=\"wide\" data-x='1'", "data-x='1' class=\"wide\""),
        ("&amp; co", "&#38; co"),
        (" required", ' required=""'),
    ],
)
def test_the_spelling_of_tags_is_named(before: str, after: str) -> None:
    judged = judge(PAGE, PAGE.replace(before, after))
    assert judged.verdict is ExchangeVerdict.NORMALISED
    assert [one.name for one in judged.normalisations] == ["html-spelling"]


def test_noise_is_learnt_for_each_attribute_and_text() -> None:
    tokens = ("0a1b2c3d4e5f6a7b8c9d", "ffffffff000000001234", "1234567890abcdef0000")
    first, second, third = (PAGE.replace("{token}", token) for token in tokens)
    judged = judge(first, third, second)
    assert (judged.verdict, judged.blind) == (ExchangeVerdict.EQUAL, ())
    assert {one.where for one in judged.noise} == {
        "html > body > form > input @value",
        "html > body > p text",
    }
    for before, after in (
        ('value="1234567890abcdef0000"', 'value="x"'),
        ('value="1234567890abcdef0000"', 'value=""'),
        (' value="1234567890abcdef0000"', ""),
        ("Order 1234567890abcdef0000, thank", "Order 1234567890abcdef0000, Thank"),
        ("<p>Order 1234567890abcdef0000", "<p>Order "),
    ):
        assert before in third
        assert judge(first, third.replace(before, after), second).verdict is ExchangeVerdict.DIFFERENT, after


def test_a_list_of_varying_length_keeps_its_kind_of_nodes() -> None:
    def page(*rows: str) -> str:
        items = "".join(f'<li class="row">{row}</li>' for row in rows)
        return f"<h1>Log</h1><ul><li>head</li>{items}</ul><p>end</p>"

    first, second = page("a", "b", "c"), page("d")
    assert judge(first, page("x", "y"), second).verdict is ExchangeVerdict.EQUAL
    assert judge(first, page("x", "y"), second).blind
    for bad in (
        page("x", "y").replace("<h1>Log", "<h1>log"),
        page("x", "y").replace("head", "body"),
        page("x", "y").replace('<li class="row">x', "<li>x").replace("<li>head", ""),
        page("x", "y").replace('<li class="row">y', '<div class="row">y'),
        page(*"abcdefghijklmnop"),
    ):
        assert judge(first, bad, second).verdict is ExchangeVerdict.DIFFERENT, bad


WORDS = "< > </ /> <!-- --> <! <p <p> </p> <li> <script> </script = ' a &amp; <td> <table> </table> <br/>"
PIECES = st.sampled_from([*WORDS.split(), '"', " ", "\n", "<TEXTAREA>", "</textarea >", "é"])


@given(st.lists(PIECES, max_size=40).map("".join))
def test_the_tree_of_anything_is_its_source(text: str) -> None:
    assert source(parse(text)) == text


def test_hostile_markup_takes_linear_time_and_no_recursion() -> None:
    for piece in ("<div>", "<!--", "<a b='", "<p ", "</x", "<li>", "<script>", "<x a=", "&", '<a ="'):
        text = piece * 50_000
        assert source(parse(text)) == text
    deep, node = 0, parse("<div>" * 10_000)
    while node.children and isinstance(node.children[0], Element):
        deep, node = deep + 1, node.children[0]
    assert deep <= DEPTH + 1
    assert judge("<div>" * 5000, "<div>" * 5001).verdict is ExchangeVerdict.DIFFERENT
