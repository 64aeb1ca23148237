"""Files of requests become probes: kind told by content, strictly read, written back as probes.yaml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.errors import ProbesError
from migrate.model import Capture, Probe, ProbeSet
from migrate.reports.wire import probes as wire
from migrate.validate.requests import merged, read, write
from migrate.validate.requests.read import read_text


def asked(text: str, **more: Any) -> list[tuple[str, str]]:
    return [(probe.method, probe.path) for probe in read_text(text, "file", **more).probes]


def refused(text: str) -> str:
    with pytest.raises(ProbesError) as error:
        read_text(text, "file")
    return error.value.what


COMMON = '127.0.0.1 - - [22/Nov/2026:10:00:00 +0000] "{}" 200 1234'


def test_access_logs_ask_each_request_once_the_most_frequent_first() -> None:
    lines = [
        COMMON.format("GET /a?q=k%C3%A4se HTTP/1.1"),
        COMMON.format("GET /b HTTP/1.1") + ' "https://example.org/" "Mozilla/5.0 (X11; \\"x\\")"',
        COMMON.format("GET /b HTTP/1.1"),
        COMMON.format("POST /b HTTP/1.1"),
        COMMON.format("\\x16\\x03\\x01"),
        '10.0.0.7 - Zoë [22/Nov/2026:10:00:00 +0000] "HEAD / HTTP/2.0" 200 -',
    ]
    found = read_text("\n".join(lines), "access.log")
    assert [(one.method, one.path) for one in found.probes] == [
        ("GET", "/b"),
        ("GET", "/a?q=k%C3%A4se"),
        ("HEAD", "/"),
    ]
    assert "1 lines that are no requests (the first is line 5)" in found.thin
    assert "1 requests with methods whose bodies no log holds" in found.thin


@pytest.mark.parametrize(
    "row",
    [
        {"method": "GET", "path": "/a", "query": "b=1"},
        {"request_method": "get", "request_uri": "/a?b=1"},
        {"request": {"method": "GET", "uri": "/a?b=1", "host": "x"}, "status": 200},
        {"request": "GET /a?b=1 HTTP/1.1"},
        {"RequestMethod": "GET", "RequestPath": "/a?b=1"},
        {"http.request.method": "GET", "url.original": "http://h/a?b=1"},
    ],
)
def test_json_lines(row: dict[str, Any]) -> None:
    assert asked(json.dumps(row)) == [("GET", "/a?b=1")]
    assert asked(f"{json.dumps(row)}\n{json.dumps(row)}\n") == [("GET", "/a?b=1")]


HTTP = """@host = http://localhost:8000
@base = {{host}}/api

### all
GET {{base}}/orders?page=1
    &size=2
Accept: application/json

### with a body
# @name create
POST {{base}}/orders HTTP/1.1
Content-Type: application/json
Content-Length: 999

{"note": "grün",

 "n": 1}

> {% client.test() %}
###
https://localhost/plain
"""


def test_http_files() -> None:
    found = read_text(HTTP, "api.http").probes
    assert [(one.method, one.path) for one in found] == [
        ("GET", "/api/orders?page=1&size=2"),
        ("POST", "/api/orders"),
        ("GET", "/plain"),
    ]
    assert found[1].id == "create"
    assert found[1].headers == (("Content-Type", "application/json"),)
    assert json.loads(found[1].body.partition(b">")[0]) == {"note": "grün", "n": 1}


HURL = """# a session
GET http://localhost:8000/login?next=%2F
HTTP 200
[Captures]
csrf: regex "name=\\"token\\" value=\\"([^\\"]+)\\""
first: jsonpath "$.items[0].id"
[Asserts]
header "Content-Type" contains "html"
body contains "GET /no-request"

POST http://localhost:8000/login
X-Trace: 1
[Query]
a b: c&d
[Form]
token: {{csrf}}
user: Zoë
HTTP/1.1 303

PUT http://localhost:8000/items/{{first}}
{
  "name": "x",
  "tags": [
    "GET /not-a-request"
  ]
}
HTTP *
"""


def test_hurl_files() -> None:
    login, form, put = read_text(HURL, "flow.hurl").probes
    assert login.captures == (
        Capture("csrf", "regex", 'name="token" value="([^"]+)"'),
        Capture("first", "json", "items.0.id"),
    ) or login.captures[1] == Capture("first", "json", "items.0.id")
    assert (login.path, login.expect_status, login.session) == ("/login?next=%2F", 200, "file")
    assert (form.path, form.body) == ("/login?a+b=c%26d", b"token={{csrf}}&user=Zo%C3%AB")
    assert form.headers == (("X-Trace", "1"), ("Content-Type", "application/x-www-form-urlencoded"))
    assert (put.path, put.expect_status) == ("/items/{{first}}", None)
    assert json.loads(put.body)["tags"] == ["GET /not-a-request"]
    wire.read(write(ProbeSet((login, form, put), "flow.hurl")), "probes.yaml")


def test_har_files_keep_the_page_s_own_host() -> None:
    def entry(url: str, method: str = "GET", **more: Any) -> dict[str, Any]:
        headers = [
            {"name": "Cookie", "value": "a=1"},
            {"name": "X-One", "value": "1"},
            {"name": ":path", "value": "/"},
        ]
        return {"request": {"method": method, "url": url, "headers": headers, **more}}

    har = {
        "log": {
            "entries": [
                entry("https://shop.example/a?b=1#c"),
                entry("https://cdn.example/x.js"),
                entry("https://shop.example/f", "POST", postData={"mimeType": "text/plain", "text": "grün"}),
            ]
        }
    }
    found = read_text(json.dumps(har), "page.har")
    assert [(one.method, one.path, one.body.decode()) for one in found.probes] == [
        ("GET", "/a?b=1", ""),
        ("POST", "/f", "grün"),
    ]
    assert found.probes[0].headers == (("X-One", "1"),)
    assert "1 requests to other hosts" in found.thin


OPENAPI = """
openapi: 3.1.0
servers: [{url: https://api.example.org/v2/}]
paths:
  /items/{itemId}:
    parameters: [{$ref: '#/components/parameters/id'}]
    get: {operationId: one, responses: {'200': {description: one}}}
    delete: {responses: {'204': {description: gone}}}
  /items:
    get:
      parameters:
        - {name: size, in: query, required: true, schema: {type: integer, minimum: 5}}
        - {name: sort, in: query, schema: {enum: [price, name]}}
      responses:
        '200':
          description: all
          content: {application/json: {schema: {type: array, items: {$ref: '#/components/schemas/Item'}}}}
    post:
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/Item'}}}}
  /files/{name}:
    get: {responses: {}}
components:
  parameters:
    id: {name: itemId, in: path, required: true, schema: {type: string, format: uuid}}
  schemas:
    Item:
      properties:
        id: {type: string}
        parent: {$ref: '#/components/schemas/Item'}
"""


def test_openapi_documents() -> None:
    found = read_text(OPENAPI, "openapi.yaml")
    assert [(one.method, one.path) for one in found.probes] == [
        ("GET", "/v2/items?size=5"),
        ("GET", "/v2/items?size=5&sort=price"),
        ("GET", "/v2/items/{{id_items}}"),
    ]
    assert found.probes[0].captures == (Capture("id_items", "json", "0.id"),)
    assert "2 operations that may change something" in found.thin
    assert "GET /files/{name}, whose path parameters are not described" in found.thin
    unsafe = read_text(OPENAPI, "openapi.yaml", unsafe=True).probes
    post = next(one for one in unsafe if one.method == "POST")
    assert json.loads(post.body)["id"] == "text"
    assert ("DELETE", "/v2/items/{{id_items}}") in [(one.method, one.path) for one in unsafe]
    wire.read(write(ProbeSet(unsafe, "openapi.yaml")), "probes.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "file:1: The file is empty."),
        ("hello\nworld\n", "file:1: 'hello' begins no request."),
        ("### a\n\nGET /x\nno header\n", "file:4: 'no header' is no header."),
        ("GET /a/{{unknown}}\n", "file:1: {{unknown}} has no value."),
        ('{"log": {}}', "file:1: log.entries is no list of requests."),
        ('{"log": {"entries": [{}]}}', "file:1: Entry 1 has no request with a url."),
        ('{"openapi": "3.0.0"}', "file:1: The document has no paths."),
        ('{"openapi": "3.0.0",\n "paths": }', "file:2: this is no JSON: Expecting value."),
        ('{"a": 1}\n{"b": 2}\n', "file:1: this is no line of an access log."),
        ("openapi: [\n", "file:2: this is no YAML"),
        ("openapi: &a [*a]\n", "file:1: aliases (*name) are not taken."),
        (f"{COMMON.format('GET /a HTTP/1.1')}\nx\ny\nz\n", "file:2: this is no line of an access log."),
        ("GET /a\nX-Bad\x01: 1\n", "file:2:"),
        ("GET http://[::1/\n", "file:1: 'http://[::1/' is no URL"),
        ("[" * 5000, "file:1:"),
        ('{"a":' * 100_000, "file:1: nested too deeply."),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: str, message: str) -> None:
    assert refused(text).startswith(message)


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from([*HURL.split("\n"), *HTTP.split("\n"), *OPENAPI.split("\n")]), max_size=20
    ).map("\n".join)
)
def test_anything_is_read_or_refused_and_what_is_read_can_be_written(text: str) -> None:
    try:
        found = read_text(text, "file", unsafe=True)
    except ProbesError as error:
        assert error.what.startswith("file")
        return
    again = wire.read(write(found), "probes.yaml").probes
    assert [(one.method, one.path, one.headers, one.body) for one in again] == [
        (one.method, one.path, one.headers, one.body) for one in found.probes
    ]


def test_sets_are_merged_in_order_with_unique_names(tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text(COMMON.format("GET /a HTTP/1.1"))
    own = ProbeSet((Probe("get-a", "GET", "/a"), Probe("in", "GET", "/a", session="s")), "probes.yaml")
    found = merged([own, read(log), read_text("GET /a\nX-A: 1\n", "x.http")])
    assert [one.id for one in found.probes] == ["get-a", "in", "get-a-2"]
    assert found.origin == "probes.yaml, access.log, x.http"
    twice = merged([read_text("GET /a\n", "a.http"), read_text("GET /b\n", "b.http")])
    assert [one.session for one in twice.probes] == ["file", "file-2"]
    with pytest.raises(ProbesError, match="cannot be read"):
        read(tmp_path / "none")


def test_the_command_writes_what_can_be_read_again(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from migrate.cli import app

    given = tmp_path / "flow.hurl"
    given.write_text(HURL)
    plain = CliRunner().invoke(app, ["probes", str(given)])
    assert (plain.exit_code, len(wire.read(plain.stdout, "probes.yaml").probes)) == (0, 3)
    odd = CliRunner().invoke(app, ["probes", str(given), "--fuzz", "20", "--seed", "3"])
    assert (odd.exit_code, len(wire.read(odd.stdout, "probes.yaml").probes)) == (0, 20)
