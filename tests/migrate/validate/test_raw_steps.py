"""Probes that say each byte: what is sent, what is read, and what stays when a step ends the connection."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from migrate.errors import ProbesError
from migrate.model import Answer, Probe, ProbeSet
from migrate.reports import schema_text
from migrate.reports.wire import probes as wire
from migrate.validate.session import Conversation
from tests.migrate.validate.raw import answering

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def probe(*steps: object, **more: object) -> Probe:
    text = json.dumps({"schema_version": 1, "probes": [{"id": "one", "raw": list(steps), **more}]})
    jsonschema.validate(yaml.safe_load(text), json.loads(schema_text("probes")))
    return wire.read(text, "probes.yaml").probes[0]


def ask(one: Probe, *pieces: bytes, hang: bool = False) -> tuple[Answer, bytes]:
    with answering(*pieces, hang=hang) as (url, received):
        _, answer = Conversation(url).ask(one)
    return answer, b"".join(received)


def test_every_byte_is_sent_and_the_answer_read() -> None:
    answer, received = ask(probe({"send": "GET /a HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n"}), OK)
    assert received == b"GET /a HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n"
    assert (answer.status, answer.body, answer.error) == (200, b"hi", None)


def test_method_and_path_are_those_of_the_request_line() -> None:
    one = probe({"send": "PUT /x?y HTTP/1.1\r\n\r\n"})
    assert (one.method, one.path) == ("PUT", "/x?y")
    assert probe({"send": "nonsense\r\n\r\n"}).method == "RAW"


def test_interim_answers_are_kept_apart() -> None:
    one = probe({"send": "POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n"}, {"read": "head"})
    answer, _ = ask(one, b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK)
    assert (answer.status, answer.interim) == (200, (100, 103))


def test_a_slow_reader_gets_the_whole_body() -> None:
    body = b"x" * 5000
    one = probe({"send": "GET / HTTP/1.1\r\n\r\n"}, {"read": 10}, {"pause": 0.01}, {"read": 100})
    answer, _ = ask(one, b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + body)
    assert answer.body == body
    assert answer.chunks[0].size <= 10


def test_the_answer_to_head_has_no_body() -> None:
    answer, _ = ask(
        probe({"send": "HEAD / HTTP/1.1\r\n\r\n"}), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    )
    assert (answer.status, answer.body, answer.error) == (200, b"", None)


@pytest.mark.parametrize("how", ["both", "reset"])
def test_a_client_that_goes_waits_for_nothing(how: str) -> None:
    answer, _ = ask(probe({"send": "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc"}, {"close": how}), OK)
    assert (answer.status, answer.error) == (0, None)


def test_a_half_close_still_gets_its_answer() -> None:
    answer, _ = ask(probe({"send": "GET / HTTP/1.1\r\n\r\n"}, {"close": "write"}), OK)
    assert answer.status == 200


def test_a_server_that_never_answers_is_an_error() -> None:
    answer, _ = ask(probe({"send": "GET / HTTP/1.1\r\n\r\n"}, timeout=0.3), hang=True)
    assert (answer.status, answer.error) == (0, "no answer within 0.3 s")


def test_repeated_text() -> None:
    one = probe({"send": "GET / HTTP/1.1\r\n\r\n"}, {"send": "ab", "times": 3})
    assert [step.data * step.times for step in one.steps] == [b"GET / HTTP/1.1\r\n\r\n", b"ababab"]


@pytest.mark.parametrize(
    "steps",
    [
        [],
        [{}],
        [{"send": "a", "pause": 1}],
        [{"pause": 1, "times": 2}],
        [{"read": "everything"}],
        [{"close": "now"}],
        [{"send": "x" * 1000, "times": 1_000_000}],
    ],
)
def test_impossible_steps_are_refused_with_their_line(steps: list[object]) -> None:
    text = json.dumps({"schema_version": 1, "probes": [{"id": "one", "raw": steps}]})
    with pytest.raises(ProbesError, match=r"p\.yaml:1: "):
        wire.read(text, "p.yaml")


def test_a_raw_probe_takes_no_other_request() -> None:
    text = json.dumps({"schema_version": 1, "probes": [{"id": "one", "path": "/", "raw": [{"send": "a"}]}]})
    with pytest.raises(ProbesError, match="unknown key 'path'"):
        wire.read(text, "p.yaml")


def test_steps_count_in_the_hash() -> None:
    one, two = ({"send": "GET / HTTP/1.1\r\n\r\n"}, {"send": "GET / HTTP/1.0\r\n\r\n"})
    digests = {wire.digest(ProbeSet((probe(step),), "x"), {}, []) for step in (one, two)}
    assert len(digests) == 2
