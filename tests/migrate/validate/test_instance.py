"""A running instance stands for the original: what is asked, what is said, and how it fails."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest

from migrate.errors import OriginalError, UsageError
from migrate.model import Outcome, Probe, Sent, Side, Step, StepKind
from migrate.progress import Silent
from migrate.reports import schema_text, validate_html, validate_junit, validate_markdown, validate_terminal
from migrate.reports.wire import validate as wire
from migrate.validate import ValidateOptions, client, course, engine, instance, raw, run
from tests.migrate.validate.pair import FakeRuntime, Service, serving
from tests.migrate.validate.test_course import fake, options

__all__ = ["fake", "options"]  # fixtures


@pytest.fixture(autouse=True)
def no_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here may ask for a Docker engine."""

    def forbidden() -> object:
        raise AssertionError("an engine was asked for")

    monkeypatch.setattr(engine, "connect", forbidden)
    monkeypatch.setattr(course, "ROUNDS", 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://shop.example.com", "https://shop.example.com"),
        (" http://[::1]:80 ", "http://[::1]:80"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    assert instance.address(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost:80",
        "ftp://a",
        "http://",
        "http://a:0",
        "http://a:99999",
        "http://a:b",
        "http://a/path",
        "http://a?q=1",
        "http://a#f",
        "http://me:pw@a",
        "http://a b",
        "http://[::1",
        "http://a\nb",
    ],
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(UsageError, match="--original"):
        instance.address(text)


def test_the_same_service_is_equal_and_everything_says_what_it_was(
    options: ValidateOptions, fake: FakeRuntime
) -> None:
    with serving() as url:
        comparison = run(replace(options, replay=False, original=url), Silent())
    assert comparison.outcome is Outcome.EQUAL, [e.differences for e in comparison.runs[0].exchanges]
    assert (comparison.original.url, comparison.original.image_digest) == (url, "")
    theirs = [one for one in comparison.measurements if one.side is Side.ORIGINAL]
    assert {"size", "cold-start", "memory-rest"} <= {one.metric for one in theirs}
    assert {one.n for one in theirs} == {0}
    assert all("not measured: the original is a running instance" in one.method for one in theirs)
    assert any(one.n for one in comparison.measurements if one.side is Side.CANDIDATE)
    text = validate_terminal.render(comparison)
    assert f"(the original a running instance, {url})" in text.splitlines()[0]
    for report in (text, validate_markdown.render(comparison), validate_html.render(comparison)):
        assert url.removeprefix("http://") in report
        assert "one instance" in report
    assert url in validate_junit.render(comparison)
    data = wire.to_json(comparison)
    assert data["original"]["url"] == url
    assert data["original"]["image_digest"] is None
    jsonschema.validate(json.loads(json.dumps(data)), json.loads(schema_text("validate")))
    assert any("2 of 8 probes may change it (order, echo)" in note for note in comparison.notes)


def test_a_defect_is_found_and_confirmed_and_the_curl_line_names_the_instance(
    options: ValidateOptions, fake: FakeRuntime
) -> None:
    fake.defect = "byte"
    with serving() as url:
        comparison = run(replace(options, replay=False, original=url, measure=False), Silent())
    assert comparison.outcome is Outcome.DIFFERENT
    text = validate_terminal.render(comparison)
    assert "(unconfirmed)" not in text
    assert f"ORIGINAL={url}" in text


class Recorder(BaseHTTPRequestHandler):
    """Redirects everything, and notes who asked when."""

    seen: list[tuple[float, str, str]]

    def do_GET(self) -> None:
        self.seen.append((time.monotonic(), self.path, self.headers["Host"]))
        self.send_response(302)
        self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        del args


@pytest.fixture
def recorder() -> Iterator[tuple[str, list[tuple[float, str, str]]]]:
    seen: list[tuple[float, str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("One", (Recorder,), {"seen": seen}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    server.server_close()
    thread.join()


def test_asked_twice_far_enough_apart_by_its_own_name_and_redirects_stay(
    options: ValidateOptions,
    fake: FakeRuntime,
    recorder: tuple[str, list[tuple[float, str, str]]],
    tmp_path: Path,
) -> None:
    url, seen = recorder
    probes = tmp_path / "p.yaml"
    probes.write_text("schema_version: 1\nprobes: [{id: one, path: /one}]\n")
    comparison = run(replace(options, replay=False, original=url, probes=probes, measure=False), Silent())
    assert [e.original.status for e in comparison.runs[0].exchanges] == [302]
    assert {path for _, path, _ in seen} == {"/", "/one"}  # the first: does it answer at all
    asked = [when for when, path, _ in seen if path == "/one"]
    assert len(asked) >= 2
    # The clock of the asking side starts before that of the asked one.
    assert all(b - a >= course.APART - 0.1 for a, b in pairwise(asked))
    assert {host for _, _, host in seen} == {url.removeprefix("http://")}
    assert dict(comparison.runs[0].exchanges[0].sent_candidate.headers)["Host"] == url[7:]


def test_nobody_there(options: ValidateOptions, fake: FakeRuntime) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(OriginalError, match="does not answer") as error:
        run(replace(options, replay=False, original=url), Silent())
    assert error.value.why == "connection refused."
    assert fake.started == 0


def test_one_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with pytest.raises(OriginalError) as error:
            instance.require_answer(url)
    assert error.value.why == "No answer within 0.2 s."


def test_one_that_goes_away_while_it_is_asked(
    options: ValidateOptions, fake: FakeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    monkeypatch.setattr(instance, "require_answer", lambda *_: None)  # it was there a moment ago
    with pytest.raises(OriginalError, match="answered none of 8 probes") as error:
        run(replace(options, replay=False, original=url), Silent())
    assert "connection refused" in error.value.why


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An https service, and the certificate it shows."""
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    service = Service()
    service.socket = context.wrap_socket(service.socket, server_side=True, do_handshake_on_connect=False)
    service.handle_error = lambda *_: None  # type: ignore[method-assign]  # a refused handshake is meant
    thread = threading.Thread(target=service.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"https://127.0.0.1:{service.server_port}", certificate
    service.shutdown()
    service.server_close()
    thread.join()


@pytest.fixture
def fresh_tls() -> Iterator[None]:
    client.tls.cache_clear()
    yield
    client.tls.cache_clear()


@pytest.mark.usefixtures("fresh_tls")
def test_https_is_asked_and_its_certificate_checked(
    secure: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, certificate = secure
    with pytest.raises(OriginalError) as error:
        instance.require_answer(url)
    assert "certificate is not trusted" in error.value.why
    assert "SSL_CERT_FILE" in error.value.do
    client.tls.cache_clear()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    instance.require_answer(url)
    answer = client.exchange(url, Sent("GET", "/nothing", (("Host", "x"),), b""))
    assert (answer.status, answer.error) == (404, None)
    steps = (Step(StepKind.SEND, b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"),)
    assert raw.exchange(url, "GET", steps, 5.0).status == 404
    plain = client.exchange(url.replace("https", "http"), Sent("GET", "/", (("Host", "x"),), b""), timeout=5)
    assert plain.error


def test_which_probes_may_change_it() -> None:
    from migrate.model import ProbeSet

    asked = ProbeSet(
        tuple(
            Probe(id=method.lower(), method=method, path="/") for method in ("GET", "HEAD", "POST", "DELETE")
        ),
        "here",
    )
    assert instance.changing(asked) == ["post", "delete"]
