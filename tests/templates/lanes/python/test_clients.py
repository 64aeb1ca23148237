"""HTTP clients of an application, over a host that traps where wasmtime does."""

from __future__ import annotations

import asyncio
import http.client
import io
import socket
import ssl
import urllib.error
import urllib.request

import pytest
import requests
import urllib3.connection
import urllib3.util.connection
import urllib3.util.wait

from tests.templates.lanes.python import outside
from tests.templates.lanes.python.outside import Answer, Outside
from tests.templates.lanes.python.wasi import adapter

outside.install()
clients = adapter("clients")
conversation = adapter("conversation")
fetch = adapter("fetch")
UnsupportedError = adapter("gaps").UnsupportedError


def length(data: bytes) -> list[tuple[str, bytes]]:
    return [("content-length", str(len(data)).encode())]


def text(data: bytes, status: int = 200, **more: object) -> Answer:
    return Answer(status, length(data), [data], **more)


def connection(timeout: float | None = None) -> http.client.HTTPConnection:
    made = http.client.HTTPConnection("api.example", 8080, timeout=timeout)
    made._create_connection = clients.connect_and_tell
    return made


@pytest.fixture
def through_urllib3(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = urllib3.connection.HTTPConnection
    for name in ("send", "getresponse"):
        monkeypatch.setattr(kind, name, getattr(kind, name))
    for module, name in (
        (urllib3.util.connection, "create_connection"),
        (urllib3.util.wait, "wait_for_read"),
        (urllib3.connection, "wait_for_read"),
    ):
        monkeypatch.setattr(module, name, getattr(module, name))
    clients.urllib3(urllib3.connection)
    clients.urllib3_connect(urllib3.util.connection)
    clients.urllib3_wait(urllib3.util.wait)
    urllib3.connection.wait_for_read = urllib3.util.wait.wait_for_read


# --- one exchange --------------------------------------------------------------------------


def test_a_request_and_its_answer() -> None:
    world = Outside(text(b"hello"))
    talk = connection()
    talk.request("GET", "/a?b=%20", headers={"X-One": "1", "Connection": "close"})
    answer = talk.getresponse()
    assert (answer.status, answer.reason, answer.read()) == (200, "OK", b"hello")
    (seen,) = world.seen
    assert (seen.method, seen.scheme, seen.authority, seen.path) == (
        "GET",
        "http",
        "api.example:8080",
        "/a?b=%20",
    )
    assert dict(seen.headers) == {"accept-encoding": b"identity", "x-one": b"1"}
    assert seen.body is None
    world.at_rest()


def test_the_default_port_is_not_told() -> None:
    world = Outside(text(b""))
    talk = http.client.HTTPConnection("api.example")
    talk._create_connection = clients.connect
    talk.request("GET", "/")
    talk.getresponse().read()
    assert world.seen[0].authority == "api.example"


def test_repeated_headers_and_odd_methods() -> None:
    world = Outside(Answer(200, [("set-cookie", b"a=1"), ("set-cookie", b"b=2"), *length(b"")]))
    talk = connection()
    talk.putrequest("PURGE", "/")
    talk.putheader("X-Tag", "a")
    talk.putheader("X-Tag", "b")
    talk.endheaders()
    answer = talk.getresponse()
    assert answer.headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert world.seen[0].method == "PURGE"
    assert [v for k, v in world.seen[0].headers if k == "x-tag"] == [b"a", b"b"]


@pytest.mark.parametrize("body", [b"abc", b"x" * 300_000, io.BytesIO(b"y" * 200_000)])
def test_a_body_with_a_length(body: object) -> None:
    world = Outside(text(b"ok"))
    world.permits = [0, 5, 0, 0, 70000]
    talk = connection()
    whole = body if isinstance(body, bytes) else body.getvalue()
    talk.request("PUT", "/", body, {"Content-Length": str(len(whole))})
    assert talk.getresponse().read() == b"ok"
    assert (world.seen[0].body, world.seen[0].finished) == (whole, True)
    world.at_rest()


def test_a_body_in_chunks() -> None:
    world = Outside(text(b"ok"))
    talk = connection()
    talk.request("POST", "/", iter([b"one", b"", b"two" * 50_000]), encode_chunked=True)
    assert talk.getresponse().read() == b"ok"
    seen = world.seen[0]
    assert (seen.body, seen.finished) == (b"one" + b"two" * 50_000, True)
    assert "transfer-encoding" not in dict(seen.headers)
    world.at_rest()


def test_an_answer_without_a_length_comes_in_chunks() -> None:
    world = Outside(Answer(200, [], [b"one", 3, b"two", 1, b"x" * 200_000]))
    talk = connection(timeout=5)
    talk.request("GET", "/")
    assert talk.getresponse().read() == b"onetwo" + b"x" * 200_000
    world.at_rest()


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304)])
def test_answers_without_a_body(method: str, status: int) -> None:
    world = Outside(Answer(status, [("content-length", b"10")]), text(b"next"))
    talk = connection()
    talk.request(method, "/")
    answer = talk.getresponse()
    assert (answer.status, answer.read()) == (status, b"")
    talk.request("GET", "/next")
    assert talk.getresponse().read() == b"next"
    world.at_rest()


def test_several_requests_on_one_connection() -> None:
    world = Outside(text(b"1"), Answer(200, [], [b"2"]), text(b"3"))
    talk = connection()
    for number in (b"1", b"2", b"3"):
        talk.request("POST", "/", number)
        assert talk.getresponse().read() == number
    assert [seen.body for seen in world.seen] == [b"1", b"2", b"3"]
    world.at_rest()


# --- what goes wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ConnectionRefused", ConnectionRefusedError),
        ("DnsError", socket.gaierror),
        ("ConnectionTimeout", TimeoutError),
        ("TlsCertificateError", ssl.SSLCertVerificationError),
        ("TlsProtocolError", ssl.SSLError),
        ("HttpRequestDenied", PermissionError),
    ],
)
def test_a_failed_connection_is_told_while_the_request_is_sent(code: str, kind: type[Exception]) -> None:
    world = Outside(code)
    with pytest.raises(kind):
        connection().request("GET", "/")
    world.at_rest()


def test_a_host_that_was_not_granted_is_named() -> None:
    Outside("HttpRequestDenied")
    with pytest.raises(PermissionError, match=r"does not allow calls to api\.example:8080; grant the host"):
        connection().request("GET", "/")


def test_urllib_takes_it_for_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Outside("ConnectionRefused")
    plain = http.client.HTTPConnection.__init__
    monkeypatch.setattr(http.client.HTTPConnection, "__init__", plain)
    clients.http_client(http.client)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.URLError) as caught:
        opener.open("http://api.example/")
    assert isinstance(caught.value.reason, ConnectionRefusedError)
    world.at_rest()


def test_no_answer() -> None:
    world = Outside("HttpProtocolError")
    talk = connection()
    talk.request("GET", "/")
    with pytest.raises(http.client.RemoteDisconnected):
        talk.getresponse()
    world.at_rest()


@pytest.mark.parametrize("headers", [[("content-length", b"10")], []])
def test_an_answer_that_breaks_off(headers: list[tuple[str, bytes]]) -> None:
    world = Outside(Answer(200, headers, [b"half"], cut=True))
    talk = connection()
    talk.request("GET", "/")
    with pytest.raises(http.client.IncompleteRead):
        talk.getresponse().read()
    world.at_rest()


def test_no_answer_in_time() -> None:
    world = Outside(Answer(polls=100_000))
    talk = connection(timeout=0.05)
    talk.request("GET", "/")
    with pytest.raises(TimeoutError):
        talk.getresponse()
    talk.close()
    assert world.seen[0].connect_timeout == 50_000_000
    world.at_rest()


def test_a_body_that_stalls() -> None:
    world = Outside(Answer(200, [("content-length", b"8")], [b"half", 1_000_000, b"more"]))
    talk = connection(timeout=0.05)
    talk.request("GET", "/")
    answer = talk.getresponse()
    with pytest.raises(TimeoutError):
        answer.read()
    answer.close()
    talk.close()
    world.at_rest()


def test_an_answer_that_comes_before_the_body_was_wanted() -> None:
    world = Outside(text(b"too large", 413))
    world.refuses_writes = True
    talk = connection()
    talk.request("POST", "/", b"x" * 100_000)
    answer = talk.getresponse()
    assert (answer.status, answer.read()) == (413, b"too large")
    world.at_rest()


def test_leaving_early_and_forgetting() -> None:
    world = Outside(text(b"x" * 100_000), text(b"y" * 100_000))
    talk = connection()
    talk.request("GET", "/")
    answer = talk.getresponse()
    assert answer.read(3) == b"xxx"
    answer.close()
    talk.close()
    world.at_rest()
    talk = connection()
    talk.request("GET", "/")
    talk.getresponse().read(3)
    del talk, answer
    import gc

    gc.collect()
    world.at_rest()


# --- what is refused -------------------------------------------------------------------------


def test_a_proxy_is_refused() -> None:
    Outside()
    talk = connection()
    with pytest.raises(OSError, match="an HTTP proxy cannot be used"):
        talk.request("GET", "http://other.example/")
    talk = connection()
    talk.set_tunnel("other.example", 443)
    with pytest.raises(OSError, match="an HTTP proxy cannot be used"):
        talk.request("GET", "/")


def test_another_host_field_is_refused() -> None:
    Outside()
    with pytest.raises(UnsupportedError, match=r"Host: other\.example cannot be sent"):
        connection().request("GET", "/", headers={"Host": "other.example"})


def test_a_websocket_is_refused() -> None:
    Outside()
    with pytest.raises(UnsupportedError, match="WebSocket"):
        connection().request("GET", "/", headers={"Upgrade": "websocket"})


# --- TLS ---------------------------------------------------------------------------------------


class Context:
    """As the adapter's ssl.SSLContext shows itself."""

    verify_mode = 2
    own_authorities = ()


def test_https_is_the_runtimes(capsys: pytest.CaptureFixture[str]) -> None:
    world = Outside(text(b"safe"))
    made = clients.connect(("api.example", 443))
    assert made.dock2wasm_tls(Context(), "api.example") is made
    made.sendall(b"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n")
    assert made.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
    assert (world.seen[0].scheme, world.seen[0].authority) == ("https", "api.example")
    assert capsys.readouterr().err == ""


def test_settings_that_the_runtime_does_not_know_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    lax, own = Context(), Context()
    lax.verify_mode = 0
    own.own_authorities = ("/certs/house.pem",)
    clients.connect(("a.example", 443)).dock2wasm_tls(lax, "a.example")
    clients.connect(("a.example", 443)).dock2wasm_tls(own, "a.example")
    told = capsys.readouterr().err
    assert "also where the application asks for no check" in told
    assert "the CA certificates of /certs/house.pem are not used" in told


def test_a_certificate_for_another_name_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="cannot be checked against another name"):
        clients.connect(("10.0.0.1", 443)).dock2wasm_tls(Context(), "api.example")


# --- requests, and asyncio ---------------------------------------------------------------------


@pytest.mark.usefixtures("through_urllib3")
def test_requests_follows_redirects_and_keeps_cookies() -> None:
    world = Outside(
        Answer(302, [("location", b"/there"), ("set-cookie", b"a=1"), *length(b"")]),
        Answer(200, [("content-type", b"application/json")], [b'{"a"', b": 1}"]),
    )
    with requests.Session() as talk:
        talk.trust_env = False
        answer = talk.get("http://api.example/here", timeout=(1, 2))
    assert answer.json() == {"a": 1}
    assert [r.status_code for r in answer.history] == [302]
    assert dict(world.seen[1].headers)["cookie"] == b"a=1"
    world.at_rest()


@pytest.mark.usefixtures("through_urllib3")
@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ("ConnectionRefused", requests.exceptions.ConnectionError, "NewConnectionError"),
        ("DnsError", requests.exceptions.ConnectionError, "NameResolutionError"),
        ("ConnectionTimeout", requests.exceptions.ConnectTimeout, "ConnectTimeoutError"),
        (Answer(polls=100_000), requests.exceptions.ReadTimeout, ""),
        ("TlsProtocolError", requests.exceptions.SSLError, ""),
        ("HttpProtocolError", requests.exceptions.ConnectionError, ""),
        (
            Answer(200, [("content-length", b"9")], [b"x"], cut=True),
            requests.exceptions.ChunkedEncodingError,
            "",
        ),
    ],
)
def test_requests_tells_failures_apart(answer: Answer | str, kind: type[Exception], reason: str) -> None:
    world = Outside(answer)
    with requests.Session() as talk:
        talk.trust_env = False
        with pytest.raises(kind) as caught:
            talk.get("http://api.example/", timeout=(5, 0.05))
    assert type(caught.value) is kind
    if reason:
        assert type(caught.value.args[0].reason).__name__ == reason
    world.at_rest()


def test_several_wait_side_by_side() -> None:
    """Each of three answers needs several polls; together they need no more rounds than one."""
    world = Outside(*(Answer(200, length(b"x"), [2, b"x"], polls=n) for n in (30, 20, 10)))
    finished: list[int] = []

    async def ask(number: int) -> bytes:
        talk = conversation.Conversation("api.example", 80)
        talk.feed(b"GET / HTTP/1.1\r\nHost: api.example\r\n\r\n")
        assert talk.pump()
        found = b""
        while not talk.answered:
            piece = talk.piece()
            if piece is None:
                await talk.wait().ready()
            else:
                found += piece
        finished.append(number)
        return found

    async def all_of_them() -> list[bytes]:
        return await asyncio.gather(*(ask(number) for number in range(3)))

    found = _run(all_of_them())
    assert finished == [2, 1, 0]
    assert all(piece.endswith(b"\r\n\r\nx") for piece in found)
    world.at_rest()


def test_a_cancelled_wait_gives_everything_back() -> None:
    world = Outside(Answer(polls=1_000_000))

    async def ask() -> None:
        talk = conversation.Conversation("api.example", 80)
        talk.feed(b"GET / HTTP/1.1\r\n\r\n")
        try:
            async with asyncio.timeout(0.05):
                await talk.wait().ready()
        finally:
            talk.close()

    with pytest.raises(TimeoutError):
        _run(ask())
    world.at_rest()


def test_closing_wakes_whoever_waits() -> None:
    world = Outside(Answer(polls=1_000_000))

    async def both() -> bytes | None:
        talk = conversation.Conversation("api.example", 80)
        talk.feed(b"GET / HTTP/1.1\r\n\r\n")

        async def read() -> bytes | None:
            await talk.wait().ready()
            return talk.piece()

        reading = asyncio.create_task(read())
        await asyncio.sleep(0.01)
        talk.close()
        return await reading

    assert _run(both()) == b""
    world.at_rest()


def _run(coroutine):
    """On a loop of this machine whose selector waits as the adapter's does."""
    import functools
    import selectors

    waits = adapter("waits")

    class Selector(selectors.SelectSelector):
        def select(self, timeout=None):
            plain = functools.partial(super().select)
            return waits.select(plain, timeout) if waits.PENDING else plain(timeout)

    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(Selector())) as runner:
        return runner.run(coroutine)
