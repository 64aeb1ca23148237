"""Cookies and captures, each side for itself, written as their place needs it."""

from __future__ import annotations

import pytest

from migrate.model import Capture, Probe
from migrate.validate.session import Conversation, Jar, extract, parse_set_cookie
from tests.migrate.validate.answers import answer, json_answer


def set_cookie(*values: str) -> Jar:
    jar = Jar()
    jar.take(answer("", headers=tuple(("Set-Cookie", value) for value in values)), "/shop/cart?x=1")
    return jar


def test_cookies_are_kept_by_name_and_path_and_sent_where_they_fit() -> None:
    jar = set_cookie("a=1; Path=/", "b=2; Path=/shop", "c=3; Path=/other", "d=4", "e=x=y; Path=/")
    assert jar.header("/shop/cart") == "b=2; d=4; a=1; e=x=y"
    assert jar.header("/shopping") == "a=1; e=x=y"


@pytest.mark.parametrize(
    "gone", ["a=; Max-Age=0", "a=; Max-Age=-1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
)
def test_expired_cookies_are_forgotten(gone: str) -> None:
    jar = set_cookie("a=1; Path=/")
    jar.take(answer("", headers=(("Set-Cookie", f"{gone}; Path=/"),)), "/")
    assert jar.header("/") == ""


@pytest.mark.parametrize("text", ["", "novalue", "=x", "; Path=/"])
def test_what_is_no_cookie(text: str) -> None:
    assert parse_set_cookie(text) is None


@pytest.mark.parametrize(
    ("source", "expression", "value"),
    [
        ("header", "x-id", "7"),
        ("cookie", "s", "new"),
        ("json", "items.1.id", "9"),
        ("json", "items.-1.id", "9"),
        ("json", "name", "Zoë"),
        ("json", "items.5.id", None),
        ("json", "name.x", None),
        ("regex", r'"name": "(\w+)', "Zo"),
        ("regex", "(nothing)", None),
        ("header", "missing", None),
    ],
)
def test_captures(source: str, expression: str, value: str | None) -> None:
    one = json_answer(
        {"items": [{"id": 1}, {"id": 9}], "name": "Zoë"},
        headers=(("X-Id", "7"), ("Set-Cookie", "s=old"), ("Set-Cookie", "s=new")),
    )
    assert extract(Capture("N", source, expression), one) == value


def conversation(**captured: str | None) -> Conversation:
    return Conversation("http://127.0.0.1:1", captured=dict(captured))


def test_captures_are_encoded_for_their_place() -> None:
    talk = conversation(T='a"b &/ü\r\n')
    json_probe = Probe(
        "p",
        "POST",
        "/x/{{T}}?q={{T}}",
        (("Content-Type", "application/json"), ("X-T", "<{{T}}>")),
        b'{"t": "{{T}}"}',
    )
    sent, problem = talk.prepare(json_probe)
    assert problem == ""
    assert sent.path == "/x/a%22b%20&/%C3%BC%0D%0A?q=a%22b%20&/%C3%BC%0D%0A"
    assert ("X-T", '<a"b &/ü>') in sent.headers
    assert sent.body == b'{"t": "a\\"b &/\\u00fc\\r\\n"}'
    assert dict(sent.headers)["Content-Length"] == str(len(sent.body))
    form = Probe("p", "POST", "/", (("Content-Type", "application/x-www-form-urlencoded"),), b"t={{T}}")
    assert talk.prepare(form)[0].body == b"t=a%22b+%26%2F%C3%BC%0D%0A"


def test_what_was_not_captured_is_not_sent() -> None:
    sent, got = conversation(T=None).ask(Probe("p", "GET", "/{{T}}"))
    assert got.error == "{{T}} was not captured on this side"
    assert sent.path == "/{{T}}"


def test_braces_that_are_not_ours_stay() -> None:
    assert (
        conversation(T="x").prepare(Probe("p", "POST", "/", body=b"{{other}} {{T}}"))[0].body
        == b"{{other}} x"
    )


def test_a_probes_own_headers_outrank_ours() -> None:
    sent, _ = conversation().prepare(
        Probe("p", "GET", "/", (("host", "shop.example"), ("Accept", "text/css")))
    )
    assert [value for name, value in sent.headers if name.lower() in {"host", "accept"}] == [
        "shop.example",
        "text/css",
    ]


def test_own_cookies_come_before_those_of_the_session() -> None:
    talk = conversation()
    talk.jars["s"] = set_cookie("a=1; Path=/")
    sent, _ = talk.prepare(Probe("p", "GET", "/", (("Cookie", "b=2"),), session="s"))
    assert dict(sent.headers)["Cookie"] == "b=2; a=1"
