"""A mutated answer is always found; an answer compared with itself, whatever the original's noise, never is.

The mutations are those of a converter that goes wrong: something dropped, retyped, reordered, cut, merged.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from migrate.model import Answer, ExchangeVerdict
from migrate.validate.compare import compare
from tests.migrate.validate.answers import PROBE, answer

LETTERS = st.text(string.ascii_lowercase, min_size=1, max_size=8)
Draw = Callable[[st.SearchStrategy[Any]], Any]
# Names that no normalisation is about.
NAMES = LETTERS.map(lambda word: f"X-{word}")
VALUES = st.text(string.ascii_letters + string.digits + " ,;=/.-", max_size=20).map(str.strip)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
COOKIES = st.lists(
    st.tuples(LETTERS, VALUES.map(lambda v: v.replace(";", ""))),
    min_size=1,
    max_size=3,
    unique_by=lambda c: c[0],
)


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    headers = draw(st.lists(st.tuples(NAMES, VALUES), max_size=5))
    headers += [
        ("Set-Cookie", f"{name}={value.strip()}; Path=/; HttpOnly; SameSite=Lax")
        for name, value in draw(COOKIES)
    ]
    kind = draw(st.sampled_from(["json", "text", "binary"]))
    if kind == "json":
        body, content_type = json.dumps(draw(JSON)).encode(), "application/json"
    elif kind == "text":
        body, content_type = draw(st.text(max_size=200)).encode(), "text/html; charset=utf-8"
    else:
        body, content_type = draw(st.binary(max_size=100)), "application/octet-stream"
    return answer(body, status=draw(st.integers(200, 599)), content_type=content_type, headers=tuple(headers))


def _position(draw: Draw, one: Answer, want: Callable[[str], bool]) -> int:
    fitting = [index for index, (name, _) in enumerate(one.headers) if want(name)]
    assume(fitting)
    return int(draw(st.sampled_from(fitting)))


def drop_header(draw: Draw, one: Answer) -> Answer:
    at = _position(draw, one, bool)
    return replace(one, headers=one.headers[:at] + one.headers[at + 1 :])


def change_header(draw: Draw, one: Answer) -> Answer:
    at = _position(draw, one, lambda name: name.startswith("X-"))
    name, value = one.headers[at]
    return replace(one, headers=(*one.headers[:at], (name, f"{value}x"), *one.headers[at + 1 :]))


def add_header(draw: Draw, one: Answer) -> Answer:
    return replace(one, headers=(*one.headers, (draw(NAMES), "new")))


def status_off_by_one(draw: Draw, one: Answer) -> Answer:
    return replace(one, status=one.status + draw(st.sampled_from([-1, 1])))


def merge_cookies(draw: Draw, one: Answer) -> Answer:
    cookies = [value for name, value in one.headers if name == "Set-Cookie"]
    assume(len(cookies) > 1)
    rest = tuple(pair for pair in one.headers if pair[0] != "Set-Cookie")
    return replace(one, headers=(*rest, ("Set-Cookie", ", ".join(cookies))))


def lose_cookie_attribute(draw: Draw, one: Answer) -> Answer:
    at = _position(draw, one, lambda name: name == "Set-Cookie")
    attribute = draw(st.sampled_from(["; Path=/", "; HttpOnly", "; SameSite=Lax"]))
    name, value = one.headers[at]
    return replace(
        one, headers=(*one.headers[:at], (name, value.replace(attribute, "")), *one.headers[at + 1 :])
    )


def change_cookie_value(draw: Draw, one: Answer) -> Answer:
    at = _position(draw, one, lambda name: name == "Set-Cookie")
    name, value = one.headers[at]
    return replace(
        one, headers=(*one.headers[:at], (name, value.replace(";", "x;", 1)), *one.headers[at + 1 :])
    )


def truncate_body(draw: Draw, one: Answer) -> Answer:
    assume(one.body)
    return replace(one, body=one.body[: draw(st.integers(0, len(one.body) - 1))])


def flip_a_byte(draw: Draw, one: Answer) -> Answer:
    assume(one.body and _media(one) != "application/json")
    at = draw(st.integers(0, len(one.body) - 1))
    return replace(one, body=one.body[:at] + bytes([one.body[at] ^ 1]) + one.body[at + 1 :])


def another_content_type(draw: Draw, one: Answer) -> Answer:
    return replace(one, headers=(("Content-Type", "application/x-other"), *one.headers[1:]))


def mutate_json(draw: Draw, one: Answer) -> Answer:
    assume(_media(one) == "application/json")
    before = json.loads(one.body)
    after = _mutated(draw, before)
    assume(json.dumps(after, sort_keys=True) != json.dumps(before, sort_keys=True))
    return replace(one, body=json.dumps(after).encode())


def _mutated(draw: Draw, value: Any) -> Any:
    """One change somewhere: another type, another value, an element lost, two swapped, a member renamed."""
    if isinstance(value, list) and value and draw(st.booleans()):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _mutated(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and value and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(value)))
        return {**value, name: _mutated(draw, value[name])}
    if isinstance(value, list) and value:
        return draw(st.sampled_from([value[1:], value[::-1], [*value, value[0]]]))
    if isinstance(value, dict) and value:
        name = min(value)
        rest = {k: v for k, v in value.items() if k != name}
        return draw(st.sampled_from([rest, {**rest, f"{name}_": value[name]}]))
    if isinstance(value, bool):
        return draw(st.sampled_from([not value, int(value)]))
    if isinstance(value, int):
        return draw(st.sampled_from([value + 1, float(value) + 0.5, str(value), None]))
    return draw(st.sampled_from([0, "", [], {}, False, "other"]))


def _media(one: Answer) -> str:
    return one.headers[0][1].partition(";")[0]


MUTATIONS = (
    drop_header,
    change_header,
    add_header,
    status_off_by_one,
    merge_cookies,
    lose_cookie_attribute,
    change_cookie_value,
    truncate_body,
    flip_a_byte,
    another_content_type,
    mutate_json,
)
SETTINGS = settings(
    max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)


@SETTINGS
@given(st.data(), answers(), st.sampled_from(MUTATIONS))
def test_every_mutation_is_found(
    data: st.DataObject, one: Answer, mutation: Callable[[Draw, Answer], Answer]
) -> None:
    mutated = mutation(data.draw, one)
    judged = compare(PROBE, (one, one), mutated)
    assert judged.verdict is ExchangeVerdict.DIFFERENT, (one, mutated)
    assert all(one.where for one in judged.differences)


@SETTINGS
@given(answers())
def test_an_answer_equals_itself(one: Answer) -> None:
    judged = compare(PROBE, (one, one), one)
    assert judged.verdict is ExchangeVerdict.EQUAL
    assert judged.blind == ()


@SETTINGS
@given(answers(), answers(), st.booleans())
def test_whatever_the_originals_noise_each_of_its_answers_fits(
    one: Answer, other: Answer, first: bool
) -> None:
    """However much two answers of the original differ, either of them as the candidate's is no difference."""
    judged = compare(PROBE, (one, other), one if first else other)
    assert judged.differences == ()
