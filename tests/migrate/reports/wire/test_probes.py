"""probes.yaml is read strictly; what is wrong is said with its line and never ends in a traceback."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from migrate.errors import ProbesError
from migrate.model import Capture, ProbeSet
from migrate.reports import schema_text
from migrate.reports.wire.probes import digest, read

HEAD = "schema_version: 1\nprobes:\n"


def one(text: str) -> ProbeSet:
    lines = text.strip("\n").split("\n")
    return read(HEAD + "\n".join(f"  {line}" for line in lines) + "\n", "probes.yaml")


def schema() -> Any:
    return json.loads(schema_text("probes"))


FULL = """
- id: full
  method: POST
  path: /a?b=%20
  headers: [[X-A, "1"], [X-A, 2]]
  json: {a: [1, 2.5, null, true, "2026-01-01", 2026-01-01]}
  chunked: true
  session: s
  capture: {T: {header: X}, U: {json: a.0}, V: {regex: "(x)"}, W: {cookie: c}}
  expect: {status: 201}
  timeout: 2.5
- {id: form, method: POST, path: "/{{T}}", form: {a: "x y&{{U}}", b: 3}}
- {id: text, method: POST, path: /, body: "grün {{V}}"}
- {id: bytes, method: POST, path: /, body_base64: AAEC}
- id: parts
  method: POST
  path: /
  multipart:
    - {name: a, value: 1}
    - {name: f, filename: 'ä".txt', content: hi, content_type: text/plain}
    - {name: g, filename: g, content_base64: AAE=}
"""


def test_everything_that_can_be_said() -> None:
    full, form, text, raw, parts = one(FULL).probes
    assert full.headers == (("X-A", "1"), ("X-A", "2"), ("Content-Type", "application/json"))
    assert json.loads(full.body) == {"a": [1, 2.5, None, True, "2026-01-01", "2026-01-01"]}
    assert full.captures[0] == Capture("T", "header", "X")
    assert (full.chunked, full.session, full.expect_status, full.timeout) == (True, "s", 201, 2.5)
    assert form.body == b"a=x+y%26{{U}}&b=3"
    assert (text.body, text.headers) == ("grün {{V}}".encode(), ())
    assert raw.body == b"\0\1\2"
    boundary = dict(parts.headers)["Content-Type"].partition("boundary=")[2].encode()
    assert parts.body.count(b"--" + boundary) == 4
    assert 'filename="ä%22.txt"\r\nContent-Type: text/plain\r\n\r\nhi\r\n'.encode() in parts.body


def test_the_schema_takes_what_the_reader_takes() -> None:
    data = yaml.load(f"{HEAD}{FULL}", Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes text only
    data["schema_version"] = 1
    data["probes"][0] |= {"chunked": True, "timeout": 2.5, "expect": {"status": 201}}
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(data, schema())


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("- {path: /}", 3, "lacks 'id'"),
        ("- {id: a}", 3, "lacks 'path'"),
        ("- {id: a, path: /, pth: /}", 3, "unknown key 'pth'"),
        ("- {id: a, path: /, path: /}", 3, "'path' twice"),
        ("- {id: a, path: /}\n- {id: a, path: /}", 4, "two probes with the id 'a'"),
        ("- {id: 'a b', path: /}", 3, "id is"),
        ("- {id: a, path: a}", 3, "path is"),
        ("- {id: a, path: '/a b'}", 3, "path is"),
        ("- {id: a, path: '/ü'}", 3, "path is"),
        ('- {id: a, path: "/a\\r\\nX: y"}', 3, "path is"),
        ("- {id: a, path: /, method: 'G ET'}", 3, "method is"),
        ("- {id: a, path: /, method: CONNECT}", 3, "CONNECT"),
        ("- {id: a, path: /, headers: {'X Y': 1}}", 3, "header's name"),
        ('- {id: a, path: /, headers: {X: "a\\nb"}}', 3, "control character"),
        ("- {id: a, path: /, headers: {Content-Length: 5}}", 3, "follows from the body"),
        ("- {id: a, path: /, headers: [[X]]}", 3, "must be a pair"),
        ("- {id: a, path: /, body: x, json: 1}", 3, "several bodies"),
        ("- {id: a, path: /, body_base64: '###'}", 3, "no base64"),
        ("- {id: a, path: /, json: .nan}", 3, "no JSON number"),
        ("- {id: a, path: /, json: 0o17}", 3, None),
        ("- {id: a, path: /, chunked: 1}", 3, "true or false"),
        ("- {id: a, path: /, timeout: 0}", 3, "number from 0.1"),
        ("- {id: a, path: /, timeout: 1e9}", 3, "number from 0.1"),
        ("- {id: a, path: /, expect: {status: 99}}", 3, "from 100 to 599"),
        ("- {id: a, path: /, expect: {code: 200}}", 3, "unknown key 'code'"),
        ("- {id: a, path: /, capture: {'1x': {header: a}}}", 3, "no name for a capture"),
        ("- {id: a, path: /, capture: {X: {header: a, json: b}}}", 3, "exactly one"),
        ("- {id: a, path: /, capture: {X: {regex: '('}}}", 3, "no regular expression"),
        ("- {id: a, path: /, capture: {X: {regex: 'abc'}}}", 3, "no (group)"),
        ("- {id: a, path: '/{{NOPE}}'}", 3, "no earlier probe captures"),
        ("- {id: a, path: '/{{X}}', capture: {X: {header: a}}}", 3, "no earlier probe captures"),
        ("- {id: a, path: /, multipart: [{value: 1}]}", 3, "lacks 'name'"),
        ("- {id: a, path: /, multipart: [{name: a, content: x}]}", 3, "needs 'filename'"),
        ("- {id: a, path: /, multipart: [{name: a}]}", 3, "needs one of"),
        ("- &x {id: a, path: /}\n- *x", 4, "aliases"),
        ("- [", 4, "no YAML"),
        ("- {id: a, path: /, body: !!python/object:os.system x}", 3, None),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, line: int, says: str | None) -> None:
    if says is None:  # read as plain text: nothing is constructed
        assert one(text).probes[0].body
        return
    with pytest.raises(ProbesError) as error:
        one(text)
    assert error.value.what.startswith(f"probes.yaml:{line}: ")
    assert says in error.value.what


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "[]",
        "probes: []",
        "schema_version: 2\nprobes: [{id: a, path: /}]",
        "schema_version: 1",
        "schema_version: 1\nprobes: []",
        "schema_version: 1\nprobes: {}",
        "schema_version: 1\nprobes: [1]",
        "schema_version: 1\nprobes: [{id: a, path: /}]\n---\nmore: 1",
        "[" * 5000,
        "{a: " * 5000,
        "schema_version: 1\nprobes: [{id: a, path: /, json: " + "[" * 900 + "]" * 900 + "}]",
        "\t",
        "\x00",
        "x" * (9 << 20),
        "schema_version: 1\nprobes:\n" + "".join(f"- {{id: a{n}, path: /}}\n" for n in range(2001)),
    ],
)
def test_hostile_files_get_an_error(text: str) -> None:
    with pytest.raises(ProbesError):
        read(text, "probes.yaml")


@settings(max_examples=300, deadline=None)
@given(
    st.text(max_size=300)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["schema_version", "probes", "id", "path", "json", "headers", "x"]), inner
            )
        ),
        max_leaves=20,
    ).map(lambda value: yaml.safe_dump(value, allow_unicode=True))
)
def test_no_text_ends_in_a_traceback(text: str) -> None:
    try:
        read(text, "probes.yaml")
    except ProbesError as error:
        assert str(error)


def test_the_digest_knows_what_is_asked_and_which_variables_are_set() -> None:
    asked = one("- {id: a, path: /}")
    base = digest(asked, {"A": "1"}, ["S"])
    assert base == digest(asked, {"A": "1"}, ["S"])
    others = [
        digest(one("- {id: a, path: /b}"), {"A": "1"}, ["S"]),
        digest(one("- {id: a, path: /, timeout: 3}"), {"A": "1"}, ["S"]),
        digest(asked, {"A": "2"}, ["S"]),
        digest(asked, {"A": "1"}, ["S", "T"]),
    ]
    assert base not in others
    assert len(set(others)) == len(others)
