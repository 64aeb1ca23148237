"""The WSGI adapter, request by request, against a host that traps where wasmtime does."""

from __future__ import annotations

import string
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.templates.lanes.python.wasi import Host

GUNICORN_500 = (
    b"<html>\n  <head>\n    <title>Internal Server Error</title>\n  </head>\n  <body>\n"
    b"    <h1><p>Internal Server Error</p></h1>\n    \n  </body>\n</html>\n"
)


def answering(*pieces: bytes, status: str = "200 OK", headers=(("Content-Type", "text/plain"),)):
    def application(environ, start_response):
        start_response(status, list(headers))
        return list(pieces)

    return application


def seen(host: Host) -> dict:
    """The environ that an application gets."""
    kept: dict = {}

    def application(environ, start_response):
        kept.update(environ)
        start_response("200 OK", [])
        return [b"ok"]

    host.serve(application)
    return kept


# --- the answer --------------------------------------------------------------------------------


def test_status_headers_and_body() -> None:
    host = Host().serve(answering(b"hello", status="201 Created"))
    assert (host.status, host.headers, host.body) == (201, [("content-type", b"text/plain")], b"hello")
    assert host.finished and not host.aborted


def test_repeated_headers_survive() -> None:
    headers = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Vary", "Cookie"), ("vary", "Accept")]
    host = Host().serve(answering(b"x", headers=headers))
    assert host.header("set-cookie") == ["a=1", "b=2"]
    assert host.header("vary") == ["Cookie", "Accept"]


def test_each_piece_is_sent_when_it_is_yielded() -> None:
    host = Host()
    sent_before = []

    def application(environ, start_response):
        start_response("200 OK", [])
        for number in range(3):
            sent_before.append(len(host.pieces))
            yield f"{number}".encode()

    host.serve(application)
    assert sent_before == [0, 1, 2]
    assert host.pieces == [b"0", b"1", b"2"]


def test_the_head_is_sent_with_an_empty_first_piece_as_gunicorn_does() -> None:
    host = Host()
    states = []

    def application(environ, start_response):
        start_response("200 OK", [])
        yield b""
        states.append(host.status)
        yield b"late"

    host.serve(application)
    assert states == [200]
    assert host.body == b"late"


def test_a_large_piece_waits_for_the_hosts_permits() -> None:
    data = bytes(range(256)) * 400
    host = Host(permits=[0, 5000, 0, 0, 70000]).serve(answering(data))
    assert host.body == data
    assert host.blocked == 3
    assert host.flushes == 1
    assert max(map(len, host.pieces)) <= 70000


def test_content_length_cuts_what_is_too_much() -> None:
    host = Host().serve(answering(b"123", b"456", headers=[("Content-Length", "4")]))
    assert host.body == b"1234"
    assert host.finished


def test_too_few_bytes_break_the_connection(capsys) -> None:
    host = Host().serve(answering(b"123", headers=[("Content-Length", "9")]))
    assert host.aborted and not host.finished
    assert "ended early" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("method", "status", "length"),
    [("HEAD", "200 OK", ["11"]), ("GET", "304 Not Modified", ["11"]), ("GET", "204 No Content", [])],
)
def test_answers_without_a_body(method: str, status: str, length: list[str]) -> None:
    ran = []

    def application(environ, start_response):
        start_response(status, [("Content-Length", "11")])
        for piece in (b"hello ", b"world"):
            ran.append(piece)
            yield piece

    host = Host(method=method).serve(application)
    assert not host.has_body
    assert host.pieces == []
    assert host.header("content-length") == length
    assert len(ran) == 2, "the application runs as it does behind gunicorn"


def test_write_callable() -> None:
    def application(environ, start_response):
        write = start_response("200 OK", [])
        write(b"first ")
        return [b"second"]

    assert Host().serve(application).body == b"first second"


def test_start_response_twice_is_an_error(capsys) -> None:
    def application(environ, start_response):
        start_response("200 OK", [])
        start_response("200 OK", [])
        return []

    assert Host().serve(application).status == 500
    assert "Response headers already set!" in capsys.readouterr().err


def test_exc_info_replaces_headers_that_were_not_sent() -> None:
    def application(environ, start_response):
        start_response("200 OK", [("X-Old", "1"), ("Content-Length", "3")])
        try:
            int("no number")
        except ValueError:
            start_response("418 Teapot", [("X-New", "1")], sys.exc_info())
        return [b"teapot"]

    host = Host().serve(application)
    assert (host.status, host.headers, host.body) == (418, [("x-new", b"1")], b"teapot")


def test_exc_info_after_headers_were_sent_is_raised_and_breaks_the_connection(capsys) -> None:
    def application(environ, start_response):
        start_response("200 OK", [])
        yield b"begin"
        try:
            int("too late")
        except ValueError:
            start_response("500 Oops", [], sys.exc_info())
        yield b"never"

    host = Host().serve(application)
    assert (host.status, host.body) == (200, b"begin")
    assert host.aborted and not host.finished
    assert "too late" in capsys.readouterr().err


# --- errors --------------------------------------------------------------------------------------


def failing(environ, start_response):
    raise ValueError("secret detail")


def no_start(environ, start_response):
    return [b"x"]


def not_bytes(environ, start_response):
    start_response("200 OK", [])
    return ["text"]


def exits(environ, start_response):
    raise SystemExit(3)


def returns_none(environ, start_response):
    start_response("200 OK", [])


@pytest.mark.parametrize("application", [failing, no_start, not_bytes, exits, returns_none])
def test_an_exception_becomes_gunicorns_500(application, capsys) -> None:
    host = Host(target="/boom?x=1").serve(application)
    assert (host.status, host.body) == (500, GUNICORN_500)
    assert host.headers == [
        ("content-type", b"text/html"),
        ("content-length", str(len(GUNICORN_500)).encode()),
    ]
    log = capsys.readouterr().err
    assert "Error handling request /boom?x=1" in log
    assert "Traceback (most recent call last):" in log


def test_gunicorns_own_page_is_matched_byte_for_byte() -> None:
    """The template as gunicorn 23 to 27 has it in gunicorn/util.py:write_error."""
    import textwrap

    theirs = textwrap.dedent(
        """\
    <html>
      <head>
        <title>%(reason)s</title>
      </head>
      <body>
        <h1><p>%(reason)s</p></h1>
        %(mesg)s
      </body>
    </html>
    """
    ) % {"reason": "Internal Server Error", "mesg": ""}
    assert Host().serve(failing).body == theirs.encode()


def test_the_traceback_stays_out_of_the_answer(capsys) -> None:
    host = Host().serve(failing)
    assert b"secret" not in host.body
    assert "ValueError: secret detail" in capsys.readouterr().err


def test_an_exception_while_streaming_breaks_the_connection(capsys) -> None:
    closed = []

    class Body:
        def __iter__(self):
            yield b"part"
            raise ValueError("midway")

        def close(self):
            closed.append(True)

    def application(environ, start_response):
        start_response("200 OK", [])
        return Body()

    host = Host().serve(application)
    assert (host.body, host.aborted, host.finished, closed) == (b"part", True, False, [True])
    assert "midway" in capsys.readouterr().err


def test_an_exception_in_close_after_the_answer_is_logged_only(capsys) -> None:
    class Body(list):
        def close(self):
            raise ValueError("in close")

    def application(environ, start_response):
        start_response("200 OK", [])
        return Body([b"all"])

    host = Host().serve(application)
    assert (host.status, host.body, host.finished) == (200, b"all", True)
    assert "in close" in capsys.readouterr().err


def test_an_exception_whose_text_cannot_be_made(capsys) -> None:
    class NastyError(Exception):
        def __str__(self):
            raise RuntimeError

    def application(environ, start_response):
        raise NastyError

    assert Host().serve(application).status == 500
    assert "NastyError" in capsys.readouterr().err


def test_an_import_that_fails_is_a_500_each_time(capsys) -> None:
    def load():
        raise ModuleNotFoundError("No module named 'shop'")

    for _ in range(2):
        assert Host().serve(None, load=load).status == 500
    assert capsys.readouterr().err.count("ModuleNotFoundError: No module named 'shop'") == 2


@pytest.mark.parametrize(
    "status", ["", "OK", "20 Short", "2000 Long", "200\r\nX: y", "200OK", "999 High", b"200 OK", 200]
)
def test_bad_status_lines_are_refused(status, capsys) -> None:
    assert Host().serve(answering(b"", status=status)).status == 500


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "a\r\nSet-Cookie: admin=1"),
        ("X-A", "a\nb"),
        ("X-A", "nul\0"),
        ("X-A", "snow\u2603man"),
        ("X A", "b"),
        ("X-A:", "b"),
        ("", "b"),
        ("X-A\r\nX-B", "b"),
        (b"X-A", "b"),
        ("X-A", 5),
        ("Content-Length", "many"),
    ],
)
def test_bad_headers_are_refused(name, value, capsys) -> None:
    host = Host().serve(answering(b"secret", headers=[(name, value)]))
    assert (host.status, host.body) == (500, GUNICORN_500)


@pytest.mark.parametrize(
    "name",
    ["Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade", "TE", "Trailers", "Server", "Date", "Host",
     "Proxy-Authenticate", "HTTP2-Settings"],
)  # fmt: skip
def test_hop_by_hop_headers_are_dropped(name: str) -> None:
    host = Host().serve(answering(b"x", headers=[(name, "v"), ("X-Kept", " padded\t")]))
    assert (host.status, host.headers) == (200, [("x-kept", b"padded")])


# --- clients that leave ----------------------------------------------------------------------------


def test_a_client_that_leaves_ends_the_answer_quietly(capsys) -> None:
    state = []

    def application(environ, start_response):
        start_response("200 OK", [])
        try:
            for _ in range(1000):
                state.append("yield")
                yield b"x" * 100
        finally:
            state.append("closed")

    host = Host(client_leaves_after=250).serve(application)
    assert host.failed_writes == 1
    assert state == ["yield"] * 3 + ["closed"]
    assert host.aborted
    assert "Traceback" not in capsys.readouterr().err


def test_a_request_body_that_breaks_off_is_an_error_for_the_application(capsys) -> None:
    kinds = []

    def application(environ, start_response):
        try:
            environ["wsgi.input"].read()
        except OSError as error:
            kinds.append(type(error).__name__)
            raise
        return []

    headers = [("content-length", b"10")]
    host = Host(method="POST", request_headers=headers, request_pieces=[b"abc"], request_fails=True).serve(
        application
    )
    assert kinds == ["Disconnected"]
    assert host.status == 400
    assert "Traceback" not in capsys.readouterr().err


# --- the request -----------------------------------------------------------------------------------


def test_environ_of_a_plain_request() -> None:
    headers = [("host", b"example.org:81"), ("content-type", b"text/x"), ("x-a", b"1"), ("x-a", b" 2 ")]
    environ = seen(Host(target="/a%20b/%E2%98%83;p?q=%20&r", request_headers=headers))
    expected = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/a b/\xe2\x98\x83;p",
        "QUERY_STRING": "q=%20&r",
        "RAW_URI": "/a%20b/%E2%98%83;p?q=%20&r",
        "SCRIPT_NAME": "",
        "HTTP_HOST": "example.org:81",
        "SERVER_NAME": "example.org",
        "SERVER_PORT": "81",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "0.0.0.0",
        "CONTENT_TYPE": "text/x",
        "HTTP_X_A": "1,2",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.input_terminated": True,
    }
    assert {key: environ[key] for key in expected} == expected
    assert "HTTP_CONTENT_TYPE" not in environ
    assert "wsgi.file_wrapper" not in environ


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("//etc//x", "//etc//x", ""),
        (None, "/", ""),
        ("*", "*", ""),
        ("/?", "/", ""),
        ("/a?b?c", "/a", "b?c"),
        ("/%", "/%", ""),
    ],
)
def test_raw_targets(target, path: str, query: str) -> None:
    environ = seen(Host(target=target))
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)


def test_authority_stands_in_for_a_missing_host() -> None:
    environ = seen(Host(authority="shop.example", https=True))
    names = ("HTTP_HOST", "SERVER_NAME", "SERVER_PORT", "wsgi.url_scheme")
    assert [environ[name] for name in names] == ["shop.example", "shop.example", "443", "https"]


def test_several_cookie_fields_are_one_list() -> None:
    environ = seen(Host(request_headers=[("cookie", b"a=1"), ("cookie", b"b=2")]))
    assert environ["HTTP_COOKIE"] == "a=1; b=2"


def test_a_header_with_an_underscore_cannot_pass_for_another() -> None:
    environ = seen(Host(request_headers=[("x_forwarded_for", b"evil"), ("x-real", b"1")]))
    assert "HTTP_X_FORWARDED_FOR" not in environ
    assert environ["HTTP_X_REAL"] == "1"


def test_unknown_methods_pass() -> None:
    assert seen(Host(method="PURGE"))["REQUEST_METHOD"] == "PURGE"
    assert seen(Host(method="PATCH"))["REQUEST_METHOD"] == "PATCH"


@pytest.mark.parametrize(
    ("told", "address", "port"),
    [
        ("10.0.0.7:5123", "10.0.0.7", "5123"),
        ("[2001:db8::1]:9", "2001:db8::1", "9"),
        ("10.0.0.7", "10.0.0.7", None),
        ("2001:db8::1", "2001:db8::1", None),
        ("evil\u00e9", "0.0.0.0", None),
    ],
)
def test_the_clients_address_comes_from_the_header_that_is_named(monkeypatch, told, address, port) -> None:
    monkeypatch.setenv("DOCK2WASM_CLIENT_ADDRESS_HEADER", "spin-client-addr")
    environ = seen(Host(request_headers=[("spin-client-addr", told.encode("latin-1"))]))
    assert (environ["REMOTE_ADDR"], environ.get("REMOTE_PORT")) == (address, port)


def test_the_clients_address_is_not_taken_from_a_header_unasked() -> None:
    environ = seen(Host(request_headers=[("spin-client-addr", b"10.0.0.7:1")]))
    assert environ["REMOTE_ADDR"] == "0.0.0.0"


def test_script_name_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("SCRIPT_NAME", "/shop")
    environ = seen(Host(target="/shop/cart?x"))
    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/shop", "/cart")


def body_of(host: Host, read) -> object:
    got = []

    def application(environ, start_response):
        got.append(read(environ["wsgi.input"]))
        start_response("200 OK", [])
        return []

    host.serve(application)
    return got[0]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], b"line 1\nline 2\nrest"),
        ([("content-length", b"9")], b"line 1\nli"),
        ([("content-length", b"0")], b""),
    ],
)
def test_the_request_body_ends_with_its_length_or_its_stream(headers, expected: bytes) -> None:
    pieces = [b"line 1", b"\nline 2\n", b"rest"]
    assert body_of(Host(request_headers=headers, request_pieces=pieces), lambda b: b.read()) == expected


def test_the_request_body_is_read_as_it_is_asked_for() -> None:
    host = Host(request_pieces=[b"first\n", b"second\n", b"third"])

    def read(stream):
        line = stream.readline()
        return line, len(host.request_pieces), list(stream)

    assert body_of(host, read) == (b"first\n", 2, [b"second\n", b"third"])


def test_an_unread_body_is_given_back() -> None:
    host = Host(method="POST", request_pieces=[b"unread"]).serve(answering(b"ok"))
    assert host.request_pieces == [b"unread"]


def test_a_body_kept_by_the_application_is_closed_after_the_request() -> None:
    kept = []

    def application(environ, start_response):
        kept.append(environ["wsgi.input"])
        kept[0].read(1)
        start_response("200 OK", [])
        return []

    Host(method="POST", request_pieces=[b"abcdef"]).serve(application)
    assert kept[0].read() in (b"", b"bcdef")


# --- any input -------------------------------------------------------------------------------------

TOKENS = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=20)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_path_and_query_reach_the_application(path: str, query: str) -> None:
    path = "/" + path.replace("?", "").encode("utf-8", "replace").decode()
    environ = seen(Host(target=f"{path}?{query}"))
    assert environ["QUERY_STRING"] == query
    assert environ["RAW_URI"] == f"{path}?{query}"
    environ["PATH_INFO"].encode("latin-1")


@given(
    st.lists(
        st.tuples(TOKENS, st.binary(max_size=40).filter(lambda b: not set(b) & {0, 10, 13})), max_size=10
    )
)
def test_any_request_header_reaches_the_application_or_is_dropped(headers: list[tuple[str, bytes]]) -> None:
    environ = seen(Host(request_headers=headers))
    for name, _ in headers:
        key = name.upper().replace("-", "_")
        if "_" in name or key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            continue
        values = [v.decode("latin-1").strip(" \t") for n, v in headers if n.upper() == name.upper()]
        separator = "; " if key == "COOKIE" else ","
        assert environ["HTTP_" + key] == separator.join(values)


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=30)), max_size=8))
def test_no_response_header_can_add_another(headers: list[tuple[str, str]]) -> None:
    host = Host().serve(answering(b"x", headers=headers))
    assert host.status in (200, 500)
    if host.status == 200:
        assert len(host.headers) <= len(headers)
        assert all(c not in value for _, value in host.headers for c in (b"\r", b"\n", b"\0"))


@given(st.lists(st.binary(max_size=9000), max_size=6), st.lists(st.integers(0, 9000), max_size=12))
def test_any_pieces_arrive_whole_and_in_order(pieces: list[bytes], permits: list[int]) -> None:
    host = Host(permits=permits).serve(answering(*pieces))
    assert host.body == b"".join(pieces)
    assert host.finished


@given(
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.integers(0, 5),
    st.integers(0, 5),
    st.one_of(st.none(), st.integers(0, 300)),
    st.one_of(st.none(), st.integers(0, 400)),
    st.booleans(),
)
def test_resources_are_given_back_whatever_happens(method, pieces, fails_at, leaves, length, reads) -> None:
    """The host of `serve` traps on a wrong order, and counts what is left."""

    def application(environ, start_response):
        if reads:
            environ["wsgi.input"].read(3)
        start_response("200 OK", [] if length is None else [("Content-Length", str(length))])
        for number in range(pieces):
            if number == fails_at:
                raise ValueError
            yield b"x" * 90

    Host(method=method, request_pieces=[b"body"], client_leaves_after=leaves).serve(application)
