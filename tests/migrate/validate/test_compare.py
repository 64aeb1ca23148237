"""Every kind of difference is found; every allowed one is named; noise of the original is no difference."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from migrate.model import Answer, Chunk, DifferenceKind, ExchangeVerdict, Sent
from migrate.validate.compare import Judgement, compare
from tests.migrate.validate.answers import PROBE, answer, json_answer, with_header, without_header

DATE = "Sun, 22 Nov 2026 10:00:00 GMT"
LATER = "Sun, 22 Nov 2026 10:00:07 GMT"


def judge(original: Answer, candidate: Answer, *more: Answer, probe: Any = PROBE) -> Judgement:
    return compare(probe, (original, *(more or (original,))), candidate)


def kinds(judgement: Judgement) -> list[tuple[DifferenceKind, str]]:
    return [(one.kind, one.where) for one in judgement.differences]


def names(judgement: Judgement) -> list[str]:
    return [one.name for one in judgement.normalisations]


def test_the_same_answer_is_equal_without_a_word() -> None:
    one = json_answer(
        {"a": [1, 2.5, None, True, "x"]}, headers=(("Date", DATE), ("Set-Cookie", "a=1; Path=/"))
    )
    judged = judge(one, one)
    assert judged.verdict is ExchangeVerdict.EQUAL
    assert (judged.differences, judged.normalisations, judged.noise, judged.blind) == ((), (), (), ())


def test_status_off_by_one() -> None:
    assert kinds(judge(answer("x"), answer("x", status=201))) == [(DifferenceKind.STATUS, "status")]


# --- headers -------------------------------------------------------------------------------


def test_a_header_that_is_missing_added_or_changed() -> None:
    one = answer("x", headers=(("X-Frame-Options", "DENY"),))
    assert kinds(judge(one, answer("x"))) == [(DifferenceKind.HEADER_MISSING, "x-frame-options")]
    assert kinds(judge(answer("x"), one)) == [(DifferenceKind.HEADER_ADDED, "x-frame-options")]
    assert kinds(judge(one, with_header(one, "X-Frame-Options", "SAMEORIGIN"))) == [
        (DifferenceKind.HEADER_VALUE, "x-frame-options")
    ]


def test_repeated_headers_are_sequences() -> None:
    one = answer("x", headers=(("Link", "a"), ("Link", "b")))
    assert judge(one, answer("x", headers=(("Link", "a, b"),))).verdict is ExchangeVerdict.DIFFERENT
    assert (
        judge(one, answer("x", headers=(("Link", "b"), ("Link", "a")))).verdict is ExchangeVerdict.DIFFERENT
    )
    assert judge(one, answer("x", headers=(("Link", "a"),))).verdict is ExchangeVerdict.DIFFERENT


@pytest.mark.parametrize(
    ("name", "original", "candidate"),
    [
        ("date-value", (("Date", DATE),), (("Date", LATER),)),
        ("server-software", (("Server", "gunicorn"),), ()),
        ("hop-by-hop", (("Connection", "close"),), ()),
        ("body-framing", (("Content-Length", "1"),), (("Transfer-Encoding", "chunked"),)),
        ("header-name-case", (("X-Two", "1"),), (("x-two", "1"),)),
        ("member-order", (("Allow", "GET, HEAD"),), (("Allow", "HEAD,GET"),)),
        (
            "file-validators",
            (("ETag", '"1-2-3"'), ("Last-Modified", DATE)),
            (("ETag", '"9-2-3"'), ("Last-Modified", LATER)),
        ),
        (
            "relative-expiry",
            (("Expires", DATE), ("Date", DATE)),
            (("Expires", LATER), ("Date", LATER)),
        ),
    ],
)
def test_each_allowed_header_difference_is_named(
    name: str, original: tuple[tuple[str, str], ...], candidate: tuple[tuple[str, str], ...]
) -> None:
    judged = judge(answer("x", headers=original), answer("x", headers=candidate))
    assert judged.verdict is ExchangeVerdict.NORMALISED
    assert name in names(judged)


@pytest.mark.parametrize(
    ("original", "candidate"),
    [
        ((("Date", DATE),), ()),
        ((("Date", DATE),), (("Date", "soon"),)),
        ((("X-Date", DATE),), (("X-Date", LATER),)),
        ((("Allow", "GET, HEAD"),), (("Allow", "GET, POST"),)),
        ((("ETag", '"abc"'),), (("ETag", '"abd"'),)),
        (
            (("ETag", '"1"'), ("Last-Modified", DATE)),
            (("ETag", 'W/"1"'), ("Last-Modified", LATER)),
        ),
        ((("ETag", '"1"'), ("Last-Modified", DATE)), (("ETag", '"2"'),)),
        ((("Expires", DATE), ("Date", DATE)), (("Expires", LATER), ("Date", DATE))),
    ],
)
def test_what_looks_like_an_allowed_difference_and_is_none(
    original: tuple[tuple[str, str], ...], candidate: tuple[tuple[str, str], ...]
) -> None:
    judged = judge(answer("x", headers=original), answer("x", headers=candidate))
    assert judged.verdict is ExchangeVerdict.DIFFERENT


def test_framing_is_not_forgiven_where_the_body_differs() -> None:
    judged = judge(
        answer("ab", headers=(("Content-Length", "2"),)), answer("a", headers=(("Content-Length", "1"),))
    )
    assert (DifferenceKind.BODY, "line 1") in kinds(judged)
    assert (DifferenceKind.HEADER_VALUE, "content-length") in kinds(judged)


def test_a_wrong_content_length_of_head_is_a_difference_and_a_missing_one_is_named() -> None:
    head = replace(PROBE, method="HEAD")
    one = answer("", headers=(("Content-Length", "120"),))
    wrong = with_header(one, "Content-Length", "0")
    assert judge(one, wrong, probe=head).verdict is ExchangeVerdict.DIFFERENT
    assert names(judge(one, without_header(one, "Content-Length"), probe=head)) == ["body-framing"]


def test_a_304_repeats_the_validator_of_its_own_request() -> None:
    def asked(tag: str) -> Sent:
        return Sent("GET", "/", (("If-None-Match", tag),), b"")

    one, other = (
        answer("", status=304, headers=(("ETag", '"1"'),)),
        answer("", status=304, headers=(("ETag", '"2"'),)),
    )
    named = compare(PROBE, (one, one), other, (asked('"1"'), asked('"2"')))
    assert names(named) == ["file-validators"]
    assert compare(PROBE, (one, one), other, (asked('"1"'), asked('"1"'))).differences


def test_order_of_differently_named_fields_is_named() -> None:
    one = answer("x", headers=(("A", "1"), ("B", "2")))
    assert names(judge(one, answer("x", headers=(("B", "2"), ("A", "1"))))) == ["header-order"]


# --- cookies -------------------------------------------------------------------------------


def cookies(*values: str) -> Answer:
    return answer("x", headers=tuple(("Set-Cookie", value) for value in values))


@pytest.mark.parametrize(
    "changed",
    [
        ("a=1; Path=/; HttpOnly",),  # one lost
        ("a=1; Path=/; HttpOnly, b=2; Path=/",),  # two merged into one field
        ("a=1; Path=/", "b=2; Path=/"),  # an attribute lost
        ("a=1; Path=/; HttpOnly; Secure", "b=2; Path=/"),  # an attribute added
        ("a=1; Path=/x; HttpOnly", "b=2; Path=/"),  # an attribute changed
        ("a=2; Path=/; HttpOnly", "b=2; Path=/"),  # another value
        ("b=2; Path=/", "a=1; Path=/; HttpOnly"),  # another order
        ("a=1; Path=/; HttpOnly", "c=2; Path=/"),  # another name
        ("a=1; Path=/; Path=/x; HttpOnly", "b=2; Path=/"),  # an attribute twice
        (),
    ],
)
def test_every_change_of_cookies_is_found(changed: tuple[str, ...]) -> None:
    one = cookies("a=1; Path=/; HttpOnly", "b=2; Path=/")
    judged = judge(one, cookies(*changed))
    assert judged.verdict is ExchangeVerdict.DIFFERENT
    assert {kind for kind, _ in kinds(judged)} == {DifferenceKind.COOKIE}


def test_spelling_of_a_cookie_is_named() -> None:
    judged = judge(cookies("a=1; HttpOnly; Path=/"), cookies("a=1; path=/; httponly"))
    assert names(judged) == ["cookie-spelling"]


def test_expiry_of_a_cookie_counts_from_the_answer() -> None:
    one = answer("x", headers=(("Date", DATE), ("Set-Cookie", f"a=1; Expires={DATE}")))
    other = answer("x", headers=(("Date", LATER), ("Set-Cookie", f"a=1; Expires={LATER}")))
    assert judge(one, other).verdict is ExchangeVerdict.NORMALISED
    far = answer("x", headers=(("Date", LATER), ("Set-Cookie", "a=1; Expires=Mon, 22 Nov 2027 10:00:07 GMT")))
    assert judge(one, far).verdict is ExchangeVerdict.DIFFERENT


def test_the_value_of_a_signed_cookie_is_noise_and_its_length_is_not() -> None:
    first = cookies("session=eyJhIjoxfQ.aR9kZA.kfX3_2q7T-aa; HttpOnly")
    second = cookies("session=eyJhIjoxfQ.aR9kZg.Zq-1xY9w_0bb; HttpOnly")
    good = cookies("session=eyJhIjoxfQ.aR9kaa.aaBB11ccDD22; HttpOnly")
    judged = judge(first, good, second)
    assert judged.verdict is ExchangeVerdict.EQUAL
    assert [one.where for one in judged.noise] == ["cookie session value"]
    assert not judged.blind
    for bad in (
        "session=; HttpOnly",
        "session=eyJhIjoxfQ; HttpOnly",
        "session=eyJhIjoxfQ.aR9kaa.aaBB11ccDD22",
    ):
        assert judge(first, cookies(bad), second).verdict is ExchangeVerdict.DIFFERENT


# --- bodies --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("original", "candidate", "kind", "where"),
    [
        ({"a": 1}, {"a": 2}, DifferenceKind.BODY, "$.a"),
        ({"a": 1}, {"a": "1"}, DifferenceKind.BODY_TYPE, "$.a"),
        ({"a": 1}, {"a": 1.0}, DifferenceKind.BODY_TYPE, "$.a"),
        ({"a": 1}, {"a": True}, DifferenceKind.BODY_TYPE, "$.a"),
        ({"a": None}, {}, DifferenceKind.BODY_TYPE, "$.a"),
        ({"a": [1, 2]}, {"a": [2, 1]}, DifferenceKind.BODY, "$.a[0]"),
        ({"a": [1, 2]}, {"a": [1]}, DifferenceKind.BODY, "$.a"),
        ({"a b": 1}, {"a b": 2}, DifferenceKind.BODY, '$["a b"]'),
        ({"a": []}, {"a": {}}, DifferenceKind.BODY_TYPE, "$.a"),
    ],
)
def test_json_by_structure_and_type(original: Any, candidate: Any, kind: DifferenceKind, where: str) -> None:
    assert (kind, where) in kinds(judge(json_answer(original), json_answer(candidate)))


def test_json_order_and_formatting_are_named() -> None:
    one = answer('{"a": 1, "b": 2.50}', content_type="application/json")
    order = answer('{"b": 2.50, "a": 1}', content_type="application/json")
    blanks = answer('{"a":1,"b":2.5}\n', content_type="application/json")
    assert names(judge(one, order)) == ["json-member-order"]
    assert names(judge(one, blanks)) == ["json-formatting"]


def test_json_that_is_none_any_more() -> None:
    judged = judge(json_answer({"a": 1}), answer('{"a": 1', content_type="application/json"))
    assert kinds(judged) == [(DifferenceKind.BODY_TYPE, "body")]


def test_numbers_are_compared_exactly() -> None:
    one = answer("0.1", content_type="application/json")
    assert judge(one, answer("0.1000000000000000055", content_type="application/json")).differences


def test_a_member_given_twice_is_compared_as_text() -> None:
    one = answer('{"a": 1, "a": 2}', content_type="application/json")
    assert judge(one, answer('{"a": 2}', content_type="application/json")).differences


def test_text_by_line() -> None:
    assert kinds(judge(answer("a\nb\nc"), answer("a\nx\nc"))) == [(DifferenceKind.BODY, "line 2")]
    assert kinds(judge(answer("a\nb\nc"), answer("a\nb"))) == [(DifferenceKind.BODY, "line 3")]
    assert kinds(judge(answer("a\n"), answer("a"))) == [(DifferenceKind.BODY, "line 2")]
    assert kinds(judge(answer("a\r\n"), answer("a\n"))) == [(DifferenceKind.BODY, "line 1")]


def test_binary_by_hash() -> None:
    one = answer(bytes(range(256)), content_type="image/png")
    assert kinds(judge(one, replace(one, body=bytes(255)))) == [(DifferenceKind.BODY, "body")]


def test_text_that_became_bytes() -> None:
    assert kinds(judge(answer("grün"), answer("grün".encode("latin-1")))) == [
        (DifferenceKind.BODY_TYPE, "body")
    ]


def test_compressed_bodies_are_compared_by_their_content() -> None:
    def packed(level: int, text: str = "hello " * 50) -> Answer:
        return answer(
            gzip.compress(text.encode(), level, mtime=level), headers=(("Content-Encoding", "gzip"),)
        )

    assert "content-coding" in names(judge(packed(1), packed(9)))
    assert judge(packed(1), packed(9, "hellO " * 50)).verdict is ExchangeVerdict.DIFFERENT
    broken = replace(packed(1), body=packed(1).body[:-3])
    assert judge(packed(1), broken).verdict is ExchangeVerdict.DIFFERENT


# --- noise ---------------------------------------------------------------------------------


def test_noise_in_json_is_learnt_and_its_type_and_shape_still_count() -> None:
    first = json_answer({"id": "0f8fad5b-d9cb-469f-a165-70867728950e", "n": 1})
    second = json_answer({"id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "n": 1})
    fine = json_answer({"id": "123e4567-e89b-42d3-a456-426614174000", "n": 1})
    assert judge(first, fine, second).verdict is ExchangeVerdict.EQUAL
    for bad in (
        7,
        None,
        "short",
        "123e4567e89b42d3a456426614174000aaaa",
        "zz3e4567-e89b-42d3-a456-426614174000",
    ):
        judged = judge(first, json_answer({"id": bad, "n": 1}), second)
        assert [where for _, where in kinds(judged)] == ["$.id"], bad
    assert kinds(judge(first, json_answer({"n": 1}), second)) == [(DifferenceKind.BODY, "$.id")]


def test_noise_in_one_word_of_a_line_leaves_the_rest_of_the_line_compared() -> None:
    def page(token: str, word: str = "Order") -> Answer:
        return answer(f'<p>\n<input name="t" value="{token}">{word}</p>', content_type="text/html")

    first, second = page("0a1b2c3d4e5f6a7b"), page("ffffffff00000000")
    assert judge(first, page("1234567890abcdef"), second).verdict is ExchangeVerdict.EQUAL
    assert judge(first, page("1234567890abcdef", "order"), second).verdict is ExchangeVerdict.DIFFERENT
    assert judge(first, page(""), second).verdict is ExchangeVerdict.DIFFERENT


def test_a_header_that_comes_and_goes_in_the_original_is_noise() -> None:
    one, other = answer("x", headers=(("X-Cache", "hit"),)), answer("x")
    assert judge(one, other, other).verdict is ExchangeVerdict.EQUAL


def test_a_list_of_varying_length_keeps_the_shape_of_its_elements() -> None:
    first = json_answer([{"id": "a1", "at": 1}, {"id": "b2", "at": 2}])
    second = json_answer([{"id": "c3", "at": 3}])
    judged = judge(first, json_answer([{"id": "d4", "at": 4}] * 3), second)
    assert (judged.verdict, judged.blind) == (ExchangeVerdict.EQUAL, ())
    for bad in (
        [],
        ["a"],
        [{"id": 4, "at": 4}],
        [{"id": "d4"}],
        [{"id": "d4", "at": 4, "new": 1}],
        [{"id": "d" * 40, "at": 4}],
        [{"id": "d4", "at": 4}] * 20,
        {"id": "d4", "at": 4},
    ):
        assert judge(first, json_answer(bad), second).verdict is ExchangeVerdict.DIFFERENT, bad


def test_a_list_of_which_nothing_is_known_is_blind() -> None:
    first, second = json_answer([]), json_answer([1])
    assert judge(first, json_answer([7]), second).verdict is ExchangeVerdict.EQUAL


def test_a_table_by_id_takes_new_ids_of_the_same_shape() -> None:
    first, second = json_answer({"n": 1, "x81": {"at": 5}}), json_answer({"n": 1, "x97": {"at": 6}})
    assert judge(first, json_answer({"n": 1, "x12": {"at": 7}}), second).verdict is ExchangeVerdict.EQUAL
    for bad in (
        {"n": 1, "x12": {"at": "7"}},
        {"n": 1, "x12": 7},
        {"n": 2, "x12": {"at": 7}},
        {"x12": {"at": 7}},
    ):
        assert judge(first, json_answer(bad), second).verdict is ExchangeVerdict.DIFFERENT, bad


def test_a_time_in_another_unit_is_no_noise() -> None:
    first, second = json_answer({"at": 1795300000}), json_answer({"at": 1795300003})
    assert judge(first, json_answer({"at": 1795300061}), second).verdict is ExchangeVerdict.EQUAL
    for bad in (1795300061000, 1795300061.5, -1795300061, 61):
        assert judge(first, json_answer({"at": bad}), second).verdict is ExchangeVerdict.DIFFERENT, bad


def test_lines_that_all_answers_share_must_be_there() -> None:
    first, second = answer("head\n1\n2\nfoot"), answer("head\n3\nfoot")
    assert judge(first, answer("head\n9\nfoot"), second).verdict is ExchangeVerdict.EQUAL
    assert judge(first, answer("head\n9"), second).verdict is ExchangeVerdict.DIFFERENT


# --- errors and streaming ------------------------------------------------------------------


def test_no_answer() -> None:
    broken = answer("", status=0, error="connection reset")
    assert kinds(judge(answer("x"), broken)) == [(DifferenceKind.ERROR, "answer")]
    assert kinds(judge(broken, answer("x"))) == [(DifferenceKind.ERROR, "answer")]
    assert judge(broken, broken).verdict is ExchangeVerdict.NOT_COMPARABLE
    assert judge(answer("x"), answer("x"), broken).verdict is ExchangeVerdict.NOT_COMPARABLE


def test_both_break_an_answer_off() -> None:
    short = answer("fir", error="connection reset")
    assert judge(short, short).verdict is ExchangeVerdict.NORMALISED
    assert judge(short, answer("first", error="connection reset")).verdict is ExchangeVerdict.NORMALISED
    assert judge(short, answer("", status=0, error="connection reset")).verdict is ExchangeVerdict.NORMALISED
    assert kinds(judge(short, answer("first"))) == [(DifferenceKind.ERROR, "answer")]
    assert kinds(judge(short, answer("fir", status=500, error="connection reset"))) == [
        (DifferenceKind.STATUS, "status")
    ]
    late = answer("fir", error="the body did not end within 30 s")
    assert kinds(judge(short, late)) == [(DifferenceKind.ERROR, "answer")]
    assert kinds(judge(late, short)) == [(DifferenceKind.ERROR, "answer")]
    assert judge(short, short, late).verdict is ExchangeVerdict.NOT_COMPARABLE


def test_streams_without_an_end_are_compared_as_far_as_they_came() -> None:
    def cut(text: str, **more: Any) -> Answer:
        return answer(text, error="the body did not end within 2 s", **more)

    one = cut("data: 1\n\ndata: 2\n\ndat")
    assert names(judge(one, cut("data: 1\n\ndata: 2\n\ndata: 3\n"))) == ["unfinished-body"]
    assert judge(one, cut("data: 1\n\ndata: x\n\nd")).verdict is ExchangeVerdict.DIFFERENT
    assert judge(one, cut("data: 1\n\ndata: 2\n\n", status=201)).verdict is ExchangeVerdict.DIFFERENT
    assert judge(one, cut("", headers=(("X-New", "1"),))).verdict is ExchangeVerdict.DIFFERENT
    assert judge(one, cut("")).blind == ("body",)


def test_interim_answers() -> None:
    plain, told = answer("x"), replace(answer("x"), interim=(100,))
    assert judge(plain, told).verdict is ExchangeVerdict.NORMALISED
    hints = replace(answer("x"), interim=(100, 103))
    assert kinds(judge(told, hints)) == [(DifferenceKind.STATUS, "interim answers")]
    assert judge(plain, told, hints).verdict is not ExchangeVerdict.DIFFERENT


def test_a_date_that_only_the_component_sends() -> None:
    dated = answer("x", headers=(("Date", "Sun, 06 Nov 1994 08:49:37 GMT"),))
    assert judge(answer("x"), dated).verdict is ExchangeVerdict.NORMALISED
    assert kinds(judge(answer("x"), answer("x", headers=(("Date", "today"),)))) == [
        (DifferenceKind.HEADER_ADDED, "date")
    ]
    assert kinds(judge(dated, answer("x"))) == [(DifferenceKind.HEADER_MISSING, "date")]


def test_an_original_that_does_not_do_what_the_probe_expects_proves_nothing() -> None:
    probe = replace(PROBE, expect_status=200)
    one = answer("no", status=404)
    assert judge(one, one, probe=probe).verdict is ExchangeVerdict.NOT_COMPARABLE


def test_a_stream_that_comes_in_one_piece() -> None:
    pieces = tuple(Chunk(0.1 + 0.25 * n, 1) for n in range(4))
    streamed, whole = answer("abcd", chunks=pieces), answer("abcd", chunks=(Chunk(0.9, 4),))
    assert kinds(judge(streamed, whole)) == [(DifferenceKind.STREAMING, "body")]
    assert kinds(judge(whole, streamed)) == [(DifferenceKind.STREAMING, "body")]
    slower = answer("abcd", chunks=tuple(Chunk(0.3 + 0.3 * n, 2) for n in range(2)))
    assert judge(streamed, slower).verdict is ExchangeVerdict.EQUAL


def test_a_burst_that_comes_late_or_two_that_come_as_one() -> None:
    def paced(*at: float) -> Answer:
        return answer("x" * len(at), chunks=tuple(Chunk(when, 1) for when in at))

    one = paced(0.1, 0.4, 0.7, 1.0, 1.3)
    assert judge(one, paced(0.3, 0.65, 1.0, 1.4, 1.6)).verdict is ExchangeVerdict.EQUAL
    assert judge(one, paced(0.1, 0.4, 0.41, 0.7, 1.0)).verdict is ExchangeVerdict.EQUAL
    held = judge(one, paced(0.1, 0.4, 1.9, 2.2, 2.5))
    assert kinds(held) == [(DifferenceKind.STREAMING, "longest silence")]
    joined = judge(one, paced(0.1, 0.11, 0.12, 0.13, 1.0))
    assert kinds(joined) == [(DifferenceKind.STREAMING, "bursts")]
    hangs = judge(answer("x", chunks=(Chunk(0.1, 1),)), answer("x", chunks=(Chunk(6.0, 1),)))
    assert kinds(hangs) == [(DifferenceKind.STREAMING, "first piece")]


def test_bytes_that_vary_keep_their_format_and_length() -> None:
    def image(body: bytes) -> Answer:
        return answer(body, content_type="image/png")

    first, second = image(b"\x89PNG" + b"a" * 20), image(b"\x89PNG" + b"b" * 20)
    judged = judge(first, image(b"\x89PNG" + b"c" * 20), second)
    assert (judged.verdict, judged.blind) == (ExchangeVerdict.EQUAL, ())
    assert judge(first, image(b"RIFF" + b"c" * 20), second).verdict is ExchangeVerdict.DIFFERENT
    assert judge(first, image(b"\x89PNG" + b"c" * 19), second).verdict is ExchangeVerdict.DIFFERENT
    assert judge(image(b"abcd"), image(b"efgh"), image(b"ijkl")).blind == ("body",)


@pytest.mark.parametrize("charset", ["punycode", "undefined", "zlib", "utf-7", "no-such", "utf-16"])
def test_a_charset_that_no_client_knows_ends_nothing(charset: str) -> None:
    one = answer("odd", content_type=f"text/plain; charset={charset}")
    assert judge(one, one).verdict is ExchangeVerdict.EQUAL
    assert judge(one, replace(one, body=b"even")).verdict is ExchangeVerdict.DIFFERENT


def test_many_differences_are_counted_not_listed() -> None:
    judged = judge(json_answer(list(range(500))), json_answer([n + 1 for n in range(500)]))
    assert len(judged.differences) == 101
    assert judged.differences[-1].where == "and 400 more places"


def test_values_in_reports_are_short_and_printable() -> None:
    judged = judge(answer("\x1b[31m" + "a" * 10_000), answer("b"))
    (difference,) = judged.differences
    assert difference.original.isprintable()
    assert len(difference.original) < 300


def test_deep_json_does_not_end_the_comparison() -> None:
    deep = b"[" * 100_000 + b"]" * 100_000
    one = answer(deep, content_type="application/json")
    assert judge(one, replace(one, body=b"[" + deep + b"]")).verdict is ExchangeVerdict.DIFFERENT
    nested: Any = 1
    for _ in range(800):
        nested = [nested]
    two = json_answer(nested)
    changed = json_answer(json.loads(json.dumps(nested).replace("1", "2")))
    assert judge(two, changed).verdict is ExchangeVerdict.DIFFERENT
