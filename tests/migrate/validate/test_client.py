"""Answers are kept as they came, and nothing that a server does becomes an exception."""

from __future__ import annotations

import hashlib
import socket

import pytest

from migrate.model import Answer, Sent
from migrate.validate import client
from tests.migrate.validate.raw import answering

GET = Sent("GET", "/a?b=c", (("Host", "localhost"), ("X-One", "1"), ("X-One", "2")), b"")


def ask(*pieces: bytes, sent: Sent = GET, timeout: float = 5.0, **how: object) -> Answer:
    pause = how.get("pause", 0.0)
    assert isinstance(pause, float)
    with answering(*pieces, pause=pause, hang=bool(how.get("hang"))) as (url, _):
        return client.exchange(url, sent, timeout=timeout)


def test_headers_keep_their_order_case_and_repetition() -> None:
    got = ask(
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nx-b: 2\r\nSet-Cookie: c=3\r\nContent-Length: 2\r\n\r\nhi"
    )
    assert got.headers == (
        ("Set-Cookie", "a=1"),
        ("x-b", "2"),
        ("Set-Cookie", "c=3"),
        ("Content-Length", "2"),
    )
    assert (got.status, got.body, got.error) == (200, b"hi", None)


def test_the_request_is_sent_as_it_stands() -> None:
    with answering(b"HTTP/1.1 204 No Content\r\n\r\n") as (url, received):
        client.exchange(url, GET)
    assert received == [b"GET /a?b=c HTTP/1.1\r\nHost: localhost\r\nX-One: 1\r\nX-One: 2\r\n\r\n"]


def test_a_chunked_request() -> None:
    sent = Sent("POST", "/", (("Host", "x"), ("Transfer-Encoding", "chunked")), b"abcdef")
    with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") as (url, received):
        client.exchange(url, sent, chunked=True)
    assert received[0].partition(b"\r\n\r\n")[2] == b"2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n"


def test_pieces_of_a_body_and_when_they_came() -> None:
    got = ask(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
        b"1\r\nb\r\n",
        b"0\r\n\r\n",
        pause=0.1,
    )
    assert got.body == b"ab"
    assert [chunk.size for chunk in got.chunks] == [1, 1]
    assert got.chunks[1].at - got.chunks[0].at > 0.05


def test_a_body_that_ends_with_the_connection() -> None:
    assert ask(b"HTTP/1.0 200 OK\r\n\r\nall of it").body == b"all of it"


def test_head_has_no_body_whatever_it_announces() -> None:
    got = ask(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", sent=Sent("HEAD", "/", GET.headers, b""))
    assert (got.error, got.body) == (None, b"")


@pytest.mark.parametrize(
    ("pieces", "error"),
    [
        ((b"",), "connection closed without an answer"),
        ((b"SSH-2.0-hello\r\n\r\n",), "the answer is no HTTP"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",), "the body ended 6 bytes early, after 3"),
        (
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",),
            "the body broke off after",
        ),
        (
            (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",),
            "the body broke off after 0 bytes",
        ),
        ((b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200 + b"\r\n",), "more than 100 headers"),
    ],
)
def test_broken_answers_become_errors(pieces: tuple[bytes, ...], error: str) -> None:
    got = ask(*pieces)
    assert got.error is not None
    assert error in got.error


def test_an_answer_that_never_comes_and_one_that_never_ends() -> None:
    assert ask(timeout=0.3, hang=True).error == "no answer within 0.3 s"
    drip = ask(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x"] * 20, pause=0.05, timeout=0.4, hang=True)
    assert drip.error == "the body did not end within 0.4 s"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert client.exchange(f"http://127.0.0.1:{port}", GET).error == "connection refused"


def test_a_path_that_no_request_can_carry() -> None:
    with answering(b"") as (url, _):
        assert client.exchange(url, Sent("GET", "/a b", GET.headers, b"")).error is not None


def test_a_long_body_is_hashed_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "KEEP", 10)
    body = bytes(range(100))
    got = ask(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + body)
    assert got.body == body[:10]
    assert (got.full_size, got.full_sha256) == (100, hashlib.sha256(body).hexdigest())


def test_a_body_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "LIMIT", 1000)
    got = ask(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 5000)
    assert got.error == "the body is longer than 1,000 bytes"
