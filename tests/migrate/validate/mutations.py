"""What can go wrong between a service and its client, as functions on a recorded answer.

Fields and their values are those of RFC 9110 (and of 9111 and 6265, which it refers to); each is dropped,
doubled, renamed, emptied, changed and added. The rest follows from the parts of a message: status, interim
answers, cookies, framing, content by its kind, time. A mutation changes a place that the original keeps the
same, because what changes in a place of noise is noise.
"""

from __future__ import annotations

import gzip
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from migrate.model import Answer, Chunk, Sent
from tests.migrate.validate.wire import Wire


@dataclass(frozen=True)
class Case:
    """One recorded exchange: two answers of the original, and a third, which stands for the candidate's."""

    name: str
    sent: tuple[Sent, Sent]
    originals: tuple[Answer, Answer]
    candidate: Answer

    @property
    def wire(self) -> Wire:
        return Wire.of(self.candidate, head=self.sent[1].method == "HEAD")

    def steady(self) -> list[int]:
        """Positions of the candidate's fields whose value is the same in all three answers."""
        sides = [dict(_lower(answer)) for answer in (*self.originals, self.candidate)]
        return [
            at
            for at, (name, _) in enumerate(self.candidate.headers)
            if name.lower() not in ALLOWED
            and name.lower() not in FRAMING
            and len({side.get(name.lower()) for side in sides}) == 1
        ]

    def texts(self) -> list[str] | None:
        """The three bodies as text, None where one is none."""
        try:
            return [answer.body.decode() for answer in (*self.originals, self.candidate)]
        except UnicodeDecodeError:
            return None

    @property
    def media(self) -> str:
        found = dict(_lower(self.candidate)).get("content-type", "")
        return found.partition(";")[0].strip().lower()


def _lower(answer: Answer) -> Iterator[tuple[str, str]]:
    return ((name.lower(), value) for name, value in answer.headers)


NO_CHANCE = Random(0)  # noqa: S311 - the same every time, guarding nothing

Mutation = Callable[[Case, Random], tuple[Case, Wire] | None]
"""The case (with a field added to every side where the mutation needs one) and the mutated answer."""

FRAMING = {"content-length", "transfer-encoding"}
ALLOWED = {"date", "server", "connection", "keep-alive", "proxy-connection"}
"""Fields of which a named normalisation forgives values, or everything."""

FIELDS: dict[str, tuple[str, str]] = {
    "Accept-Ranges": ("bytes", "none"),
    "Age": ("10", "3600"),
    "Allow": ("GET, HEAD", "GET, POST"),
    "Authentication-Info": ('nextnonce="a"', 'nextnonce="b"'),
    "Cache-Control": ("no-store", "public, max-age=60"),
    "Content-Disposition": ('attachment; filename="a.txt"', "inline"),
    "Content-Language": ("de-AT", "en"),
    "Content-Location": ("/orders/1", "/orders/2"),
    "Content-Range": ("bytes 0-9/20", "bytes 0-9/*"),
    "Content-Type": ("text/x-one", "text/x-other"),
    "ETag": ('"one"', '"other"'),
    "Expires": ("0", "-1"),
    "Last-Modified": ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT"),
    "Location": ("/orders/1?next=2", "/orders/1"),
    "Proxy-Authenticate": ('Basic realm="one"', 'Basic realm="other"'),
    "Proxy-Authentication-Info": ('nextnonce="a"', 'nextnonce="b"'),
    "Retry-After": ("120", "121"),
    "Trailer": ("Server-Timing", "Expires"),
    "Upgrade": ("HTTP/2.0", "IRC/6.9"),
    "Vary": ("Accept, Cookie", "Accept"),
    "Via": ("1.1 one", "1.1 other"),
    "WWW-Authenticate": ('Basic realm="one"', 'Bearer realm="one"'),
}
NAMED = {"etag": "file-validators", "last-modified": "file-validators"}
"""Fields whose value a normalisation covers where both are sent with an equal body."""


def _index(wire: Wire, name: str) -> int:
    return next(at for at, (given, _) in enumerate(wire.headers) if given.lower() == name.lower())


def _with(case: Case, name: str, value: str) -> Case:
    """The case with a field on every side; one that is there is replaced."""

    def one(answer: Answer) -> Answer:
        kept = tuple(pair for pair in answer.headers if pair[0].lower() != name.lower())
        return replace(answer, headers=(*kept, (name, value)))

    first, second = map(one, case.originals)
    return replace(case, originals=(first, second), candidate=one(case.candidate))


def _fields(wire: Wire, at: int, *pairs: tuple[str, str]) -> Wire:
    return replace(wire, headers=(*wire.headers[:at], *pairs, *wire.headers[at + 1 :]))


def _of_field(name: str, operation: str) -> Mutation:
    value, other = FIELDS[name]

    def mutate(case: Case, random: Random) -> tuple[Case, Wire] | None:
        del random
        if operation == "added":
            bare = tuple(pair for pair in case.candidate.headers if pair[0].lower() != name.lower())
            if len(bare) != len(case.candidate.headers):
                return None
            return case, replace(case.wire, headers=(*case.wire.headers, (name, value)))
        if name in {"ETag", "Last-Modified"}:  # alone: with its fellow the value is a file's
            fellow = "last-modified" if name == "ETag" else "etag"
            if any(given.lower() == fellow for given, _ in case.candidate.headers):
                return None
        given = _with(case, name, value)
        wire = given.wire
        at = _index(wire, name)
        pairs = {
            "dropped": (),
            "twice": ((name, value), (name, value)),
            "renamed": ((f"X-{name}", value),),
            "emptied": ((name, ""),),
            "changed": ((name, other),),
            "cut": ((name, value[:-1]),),
        }[operation]
        return given, _fields(wire, at, *pairs)

    return mutate


KINDS: dict[str, Mutation] = {
    f"{name} {operation}": _of_field(name, operation)
    for name in FIELDS
    for operation in ("dropped", "twice", "renamed", "emptied", "changed", "cut", "added")
    if not (operation == "cut" and len(FIELDS[name][0]) == 1)
}


def kind(mutate: Callable[[Case, Random], Wire | None]) -> Callable[[Case, Random], Wire | None]:
    """Puts a mutation into the table under its name."""

    def whole(case: Case, random: Random) -> tuple[Case, Wire] | None:
        wire = mutate(case, random)
        return None if wire is None or wire == case.wire else (case, wire)

    KINDS[mutate.__name__.replace("_", " ")] = whole
    return mutate


# --- fields of the service itself ----------------------------------------------------------


@kind
def any_field_dropped(case: Case, random: Random) -> Wire | None:
    at = [i for i, (name, _) in enumerate(case.candidate.headers) if name.lower() not in ALLOWED | FRAMING]
    both = [{name.lower() for name, _ in answer.headers} for answer in case.originals]
    at = [i for i in at if all(case.candidate.headers[i][0].lower() in names for names in both)]
    return _fields(case.wire, random.choice(at)) if at else None


@kind
def any_value_in_other_case(case: Case, random: Random) -> Wire | None:
    return _value(case, random, str.swapcase)


@kind
def any_value_with_a_letter_more(case: Case, random: Random) -> Wire | None:
    return _value(case, random, lambda value: value + "x")


@kind
def any_value_with_a_blank_less(case: Case, random: Random) -> Wire | None:
    return _value(case, random, lambda value: value.replace(" ", "", 1), sets=False)


def _value(case: Case, random: Random, change: Callable[[str], str], *, sets: bool = True) -> Wire | None:
    paired = {"etag", "last-modified"} if _validated(case) else set()
    lists = {"vary", "allow"} if not sets else set()
    at = [
        i
        for i in case.steady()
        if case.candidate.headers[i][0].lower() not in {"set-cookie", *paired, *lists}
        and change(case.candidate.headers[i][1]) != case.candidate.headers[i][1]
    ]
    if not at:
        return None
    chosen = random.choice(at)
    name, value = case.candidate.headers[chosen]
    return _fields(case.wire, chosen, (name, change(value)))


def _validated(case: Case) -> bool:
    return {"etag", "last-modified"} <= {name.lower() for name, _ in case.candidate.headers}


@kind
def date_dropped(case: Case, random: Random) -> Wire | None:
    return _without(case, "date")


@kind
def date_malformed(case: Case, random: Random) -> Wire | None:
    dated = [i for i, (name, _) in enumerate(case.candidate.headers) if name.lower() == "date"]
    return _fields(case.wire, dated[0], ("Date", "2026-11-22T10:00:00Z")) if dated else None


def _without(case: Case, name: str) -> Wire | None:
    at = [i for i, (given, _) in enumerate(case.candidate.headers) if given.lower() == name]
    return _fields(case.wire, at[0]) if at else None


@kind
def strength_of_the_etag_swapped(case: Case, random: Random) -> Wire | None:
    at = [i for i, (name, _) in enumerate(case.candidate.headers) if name.lower() == "etag"]
    if not at:
        return None
    name, value = case.candidate.headers[at[0]]
    return _fields(case.wire, at[0], (name, value.removeprefix("W/") if value[:2] == "W/" else f"W/{value}"))


@kind
def target_of_a_redirect_to_another_host(case: Case, random: Random) -> Wire | None:
    return _location(case, lambda value: "https://example.org" + re.sub(r"^https?://[^/]+", "", value))


@kind
def target_of_a_redirect_with_its_slash_toggled(case: Case, random: Random) -> Wire | None:
    return _location(case, lambda value: value[:-1] if value.endswith("/") else f"{value}/")


@kind
def target_of_a_redirect_with_a_fragment(case: Case, random: Random) -> Wire | None:
    return _location(case, lambda value: f"{value}#top")


def _location(case: Case, change: Callable[[str], str]) -> Wire | None:
    at = [i for i in case.steady() if case.candidate.headers[i][0].lower() == "location"]
    return _fields(case.wire, at[0], ("Location", change(case.candidate.headers[at[0]][1]))) if at else None


@kind
def another_charset_is_named(case: Case, random: Random) -> Wire | None:
    at = [i for i in case.steady() if "charset=" in case.candidate.headers[i][1]]
    if not at:
        return None
    return _fields(case.wire, at[0], ("Content-Type", f"{case.media}; charset=iso-8859-1"))


@kind
def the_charset_is_lost(case: Case, random: Random) -> Wire | None:
    at = [i for i in case.steady() if "charset=" in case.candidate.headers[i][1]]
    return _fields(case.wire, at[0], ("Content-Type", case.media)) if at else None


# --- status --------------------------------------------------------------------------------


def _status(by: int) -> Callable[[Case, Random], Wire | None]:
    def mutate(case: Case, random: Random) -> Wire | None:
        status = case.candidate.status + by
        bodiless = {204, 304}
        if not 200 <= status <= 599 or status in bodiless or case.candidate.status in bodiless:
            return None
        return replace(case.wire, status=status)

    mutate.__name__ = f"status_{by:+}"
    return mutate


for _by in (-1, 1, 100, -100):
    kind(_status(_by))


@kind
def status_204_without_its_body(case: Case, random: Random) -> Wire | None:
    return replace(case.wire, status=204, pieces=()) if case.candidate.status == 200 else None


@kind
def early_hints_before_the_answer(case: Case, random: Random) -> Wire | None:
    return replace(case.wire, interim=(103,))


# --- cookies -------------------------------------------------------------------------------


def _cookie(
    name: str,
    change: Callable[[str, Random], str | None],
    prepare: Callable[[str], str] = lambda text: text,
) -> None:
    """`prepare` gives every side's cookies what the mutation is about."""

    def mutate(case: Case, random: Random) -> tuple[Case, Wire] | None:
        at = [i for i, (given, _) in enumerate(case.candidate.headers) if given.lower() == "set-cookie"]
        if not at:
            return None
        first, second, third = (
            replace(
                answer,
                headers=tuple(
                    (given, prepare(value) if given.lower() == "set-cookie" else value)
                    for given, value in answer.headers
                ),
            )
            for answer in (*case.originals, case.candidate)
        )
        prepared = replace(case, originals=(first, second), candidate=third)
        chosen = random.choice(at)
        before = third.headers[chosen][1]
        changed = change(before, random)
        if changed is None or changed == before:
            return None
        pairs = [("Set-Cookie", text) for text in changed.split("\n")] if changed else []
        return prepared, _fields(prepared.wire, chosen, *pairs)

    KINDS[name.replace("_", " ")] = mutate


def _no_attribute(which: str) -> Callable[[str, Random], str]:
    def without(text: str, _: Random) -> str:
        return re.sub(rf"; *{which}(=[^;]*)?", "", text, flags=re.IGNORECASE)

    return without


def _any_time(change: Callable[[str, Random], str]) -> Callable[[str], str]:
    return lambda text: change(text, NO_CHANCE)


def _attribute(which: str) -> Callable[[str], str]:
    return lambda text: f"{_no_attribute(which)(text, NO_CHANCE)}; {which}=1"


def _got(which: str) -> Callable[[str, Random], str]:
    return lambda text, _: f"{text}; {which}=1"


for _which in ("Path", "HttpOnly", "SameSite", "Secure", "Max-Age", "Domain", "Expires"):
    _lost = _no_attribute(_which)
    _cookie(f"cookie_lost_{_which}", _lost, _attribute(_which))
    _cookie(f"cookie_got_{_which}", _got(_which), _any_time(_lost))
_cookie("cookie_dropped", lambda _, __: "")
_cookie("cookie_twice", lambda text, _: f"{text}\n{text}")
_cookie("cookie_renamed", lambda text, _: f"x{text}")
_cookie("cookie_emptied", lambda text, _: re.sub(r"=[^;]*", "=", text, count=1))
_cookie(
    "cookie_without_its_signature",
    lambda text, _: re.sub(r"\.[^.;]*(?=;|$)", "", text, count=1) if re.match(r"[^;]*\.", text) else None,
)
_cookie("cookie_path_changed", lambda text, _: re.sub(r"(?i)path=/", "Path=/x", text))
_cookie("cookie_same_site_changed", lambda text, _: re.sub(r"(?i)samesite=\w+", "SameSite=None", text))


# --- content -------------------------------------------------------------------------------


def _body(name: str, change: Callable[[Case, Random], bytes | None]) -> None:
    def mutate(case: Case, random: Random) -> Wire | None:
        wire = case.wire
        if wire.bodiless or any(n.lower() == "content-encoding" for n, _ in wire.headers):
            return None
        body = change(case, random)
        return None if body is None or body == wire.body else wire.with_body(body)

    mutate.__name__ = name
    kind(mutate)


def _steady_body(case: Case) -> bytes | None:
    """The body where all three answers have the same."""
    body = case.candidate.body
    return body if body and all(answer.body == body for answer in case.originals) else None


def _on_steady(change: Callable[[bytes, Random], bytes]) -> Callable[[Case, Random], bytes | None]:
    def mutate(case: Case, random: Random) -> bytes | None:
        body = _steady_body(case)
        if body is None or _as_json(case):
            return None
        return change(body, random)

    return mutate


def _at(body: bytes, random: Random, change: Callable[[int], int]) -> bytes:
    at = random.randrange(len(body))
    return body[:at] + bytes([change(body[at])]) + body[at + 1 :]


def _as_json(case: Case) -> bool:
    return case.media == "application/json" or case.media.endswith("+json")


_body("body_cut_with_its_length", lambda case, _: case.candidate.body[: len(case.candidate.body) // 3])
_body("body_lost", lambda case, _: b"" if case.candidate.body else None)
_body("body_twice", lambda case, _: case.candidate.body * 2)
_body("body_as_an_error_page", lambda _, __: b"<h1>Internal Server Error</h1>" * 9)
_body("body_with_a_byte_flipped", _on_steady(lambda body, random: _at(body, random, lambda byte: byte ^ 1)))
_body("body_with_a_byte_more", _on_steady(lambda body, _: body + b"."))
_body("body_with_a_line_break_more", _on_steady(lambda body, _: body + b"\n"))
_body("body_with_other_line_breaks", _on_steady(lambda body, _: body.replace(b"\n", b"\r\n")))
_body("body_with_a_byte_order_mark", _on_steady(lambda body, _: b"\xef\xbb\xbf" + body))
_body("body_compressed_without_a_word", _on_steady(lambda body, _: gzip.compress(body, mtime=0)))


def _text(name: str, change: Callable[[str, Random], str]) -> None:
    def mutate(case: Case, random: Random) -> bytes | None:
        texts = case.texts() if _steady_body(case) and not _as_json(case) else None
        if texts is None or not case.media.startswith("text/"):
            return None
        return change(texts[-1], random).encode("utf-8", "surrogateescape")

    _body(name, mutate)


def _word(text: str, random: Random, pattern: str, change: Callable[[str], str]) -> str:
    found = list(re.finditer(pattern, text))
    if not found:
        return text
    one = random.choice(found)
    return text[: one.start()] + change(one.group()) + text[one.end() :]


BETWEEN = r"(?<=[a-z] )[a-z]+(?= [a-z])"  # a word of running text
_text("text_with_a_word_in_other_case", lambda text, random: _word(text, random, BETWEEN, str.upper))
_text("text_with_a_blank_doubled", lambda text, random: _word(text, random, BETWEEN, lambda word: f"{word} "))
_text("text_with_a_word_lost", lambda text, random: _word(text, random, BETWEEN, lambda _: ""))
_text(
    "text_with_two_letters_swapped", lambda text, random: _word(text, random, BETWEEN, lambda w: w[1:] + w[0])
)
_text(
    "text_with_a_blank_that_does_not_break",
    lambda text, random: _word(text, random, r"(?<=[a-z]) (?=[a-z])", lambda _: "\xa0"),
)
_text("text_decomposed", lambda text, _: unicodedata.normalize("NFD", text))
_text("text_decoded_as_latin_1", lambda text, _: text.encode().decode("latin-1"))
_text("text_with_marks_for_what_is_not_ascii", lambda text, _: text.encode("ascii", "replace").decode())
_text("text_with_a_line_lost", lambda text, random: _word(text, random, r"[^\n]+\n", lambda _: ""))
_text(
    "text_with_a_line_doubled", lambda text, random: _word(text, random, r"[^\n]+\n", lambda line: line * 2)
)
_text(
    "text_with_indents_as_tabs",
    lambda text, random: _word(text, random, r"(?<=>)\n +", lambda gap: gap.replace("  ", "\t")),
)
_text(
    "text_with_a_number_off_by_one",
    lambda text, random: _word(text, random, r"(?<![\w#&;.])\d{1,6}(?![\w;])", lambda n: str(int(n) + 1)),
)


def _html(name: str, pattern: str, change: Callable[[str], str]) -> None:
    def mutate(case: Case, random: Random) -> bytes | None:
        texts = case.texts()
        if texts is None or case.media != "text/html":
            return None
        return _word(texts[-1], random, pattern, change).encode()

    _body(name, mutate)


_html("html_element_lost", r"<(li|p|a|td|h1|h2|label|button)\b[^<>]*>[^<>]*</\1>", lambda _: "")
_html("html_element_renamed", r"<(p|em|h1|h2|li)>(?=[^<>]*</\1>)", lambda tag: f"<x-{tag[1:]}")
_html("html_end_tag_lost", r"</(em|h1|h2|ul|form|main)>", lambda _: "")
_html("html_attribute_lost", r' (href|name|type|class|method)="[^"]*"', lambda _: "")
_html("html_attribute_changed", r'(?<= href=")/[^"]*', lambda value: f"{value}x")
_html("html_attribute_emptied", r'(?<= name=")[^"]+', lambda _: "")
_html("html_attribute_added", r"<(p|li|ul|h1|form)\b", lambda tag: f"{tag} hidden")
_html("html_comment_added", r"</(ul|form|h1|p)>", lambda tag: f"{tag}<!-- -->")
_html("html_escaped_twice", r"&(?=amp;|lt;|gt;|#\d)", lambda _: "&amp;")
_html("html_not_escaped", r"(?<=\w)</(p|h1|h2|li|a)>", lambda tag: f"<b>{tag}")


# --- JSON ----------------------------------------------------------------------------------

Path = tuple[Any, ...]


def _places(value: Any, others: list[Any], at: Path = ()) -> Iterator[tuple[Path, Any, bool]]:
    """Every place of a JSON value, with its value and whether all three answers have the same there."""
    yield at, value, all(type(one) is type(value) and one == value for one in others)
    if isinstance(value, dict):
        for name, inner in value.items():
            if all(isinstance(one, dict) and name in one for one in others):
                yield from _places(inner, [one[name] for one in others], (*at, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            if all(isinstance(one, list) and len(one) == len(value) for one in others):
                yield from _places(inner, [one[index] for one in others], (*at, index))


GONE = object()


def _put(value: Any, at: Path, new: Any) -> Any:
    if not at:
        return new
    head, *rest = at
    if isinstance(value, list):
        items = list(value)
        items[head : head + 1] = [] if new is GONE and not rest else [_put(items[head], tuple(rest), new)]
        return items
    if new is GONE and not rest:
        return {name: one for name, one in value.items() if name != head}
    return {name: _put(one, tuple(rest), new) if name == head else one for name, one in value.items()}


def _json(
    name: str,
    fits: Callable[[Any], bool],
    change: Callable[[Any], Any],
    *,
    steady: bool = True,
    planted: Any = GONE,
) -> None:
    """`steady` asks for a value that all answers share; `planted` is put into objects that have none."""

    def mutate(case: Case, random: Random) -> tuple[Case, Wire] | None:
        texts = case.texts() if _as_json(case) and not case.wire.bodiless else None
        try:
            values = [json.loads(text) for text in texts or ()]
        except ValueError:
            return None
        if not values:
            return None
        places = list(_fitting(values))
        if not places and planted is not GONE and all(isinstance(value, dict) for value in values):
            values = [{**value, "planted": planted} for value in values]
            first, second, third = (
                replace(answer, body=json.dumps(value).encode(), chunks=(Chunk(0.0, 1 << 20),))
                for answer, value in zip((*case.originals, case.candidate), values, strict=True)
            )
            case = replace(case, originals=(first, second), candidate=third)
            places = list(_fitting(values))
        if not places:
            return None
        at, value = random.choice(places)
        changed = change(value)
        if changed is not GONE and type(changed) is type(value) and changed == value:
            return None
        body = json.dumps(_put(values[-1], at, changed), ensure_ascii=False).encode()
        return case, case.wire.with_body(body)

    def _fitting(values: list[Any]) -> Iterator[tuple[Path, Any]]:
        for at, value, same in _places(values[-1], values[:-1]):
            if fits(value) and (same or not steady) and (at or name != "json_value_lost"):
                yield at, value

    KINDS[name.replace("_", " ")] = mutate


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_json("json_number_as_text", _number, str, steady=False)
_json("json_number_off_by_one", _number, lambda value: value + 1)
_json("json_number_negated", lambda value: _number(value) and value != 0, lambda value: -value)
_json(
    "json_number_less_precise",
    lambda value: isinstance(value, float),
    lambda value: value + 1e-9,
    planted=0.1,
)
_json("json_integer_as_float", lambda value: type(value) is int, float, steady=False)
_json("json_integer_as_boolean", lambda value: type(value) is int and value in (0, 1), bool)
_json("json_boolean_flipped", lambda value: isinstance(value, bool), lambda value: not value)
_json("json_boolean_as_integer", lambda value: isinstance(value, bool), int)
_json("json_boolean_as_text", lambda value: isinstance(value, bool), lambda value: str(value).lower())
_json("json_null_missing", lambda value: value is None, lambda _: GONE, planted=None)
_json("json_null_as_text", lambda value: value is None, lambda _: "", planted=None)
_json("json_null_as_zero", lambda value: value is None, lambda _: 0, planted=None)
_json("json_value_null", lambda value: value is not None, lambda _: None, steady=False)
_json("json_value_lost", lambda _: True, lambda _: GONE)
_json(
    "json_text_in_other_case",
    lambda value: isinstance(value, str) and value.swapcase() != value,
    str.swapcase,
)
_json("json_text_with_a_blank", lambda value: isinstance(value, str), lambda value: f"{value} ")
_json("json_text_cut", lambda value: isinstance(value, str) and bool(value), lambda value: value[:-1])
_json("json_text_emptied", lambda value: isinstance(value, str) and bool(value), lambda _: "", steady=False)
_json("json_text_escaped_twice", lambda value: isinstance(value, str) and not value.isascii(), ascii)
_json("json_text_as_number", lambda value: isinstance(value, str) and value.isdigit(), int, steady=False)
_json(
    "json_array_reversed",
    lambda value: isinstance(value, list) and value != value[::-1],
    lambda value: value[::-1],
)
_json("json_array_shorter", lambda value: isinstance(value, list) and bool(value), lambda value: value[:-1])
_json(
    "json_array_longer",
    lambda value: isinstance(value, list) and bool(value),
    lambda value: [*value, value[0]],
)
_json(
    "json_array_as_object",
    lambda value: isinstance(value, list),
    lambda value: {str(i): one for i, one in enumerate(value)},
    steady=False,
)
_json(
    "json_array_of_one_as_its_element",
    lambda value: isinstance(value, list) and len(value) == 1,
    lambda value: value[0],
)
_json("json_empty_array_as_null", lambda value: value == [], lambda _: None)
_json(
    "json_object_wrapped", lambda value: isinstance(value, dict), lambda value: {"data": value}, steady=False
)
_json(
    "json_object_with_a_member_more",
    lambda value: isinstance(value, dict),
    lambda value: {**value, "extra": None},
)
_json(
    "json_object_with_a_name_in_other_case",
    lambda value: isinstance(value, dict) and bool(value),
    lambda value: {name.swapcase(): one for name, one in value.items()},
)
_json(
    "json_object_emptied", lambda value: isinstance(value, dict) and bool(value), lambda _: {}, steady=False
)


@kind
def json_broken(case: Case, random: Random) -> Wire | None:
    return (
        case.wire.with_body(case.candidate.body[:-2]) if _as_json(case) and not case.wire.bodiless else None
    )


@kind
def json_as_text(case: Case, random: Random) -> Wire | None:
    at = [i for i in case.steady() if case.candidate.headers[i][0].lower() == "content-type"]
    return _fields(case.wire, at[0], ("Content-Type", "text/html")) if at and _as_json(case) else None


# --- the connection ------------------------------------------------------------------------


@kind
def no_answer(case: Case, random: Random) -> Wire | None:
    return replace(case.wire, end="none")


@kind
def connection_cut_in_the_body(case: Case, random: Random) -> Wire | None:
    wire = case.wire
    return None if wire.bodiless or len(wire.body) < 2 else replace(wire, end="cut")


@kind
def body_that_never_ends(case: Case, random: Random) -> Wire | None:
    wire = case.wire
    return None if wire.bodiless or len(wire.body) < 2 else replace(wire, end="hang")


@kind
def last_piece_delayed(case: Case, random: Random) -> Wire | None:
    wire = case.wire
    if wire.bodiless or len(wire.body) < 2:
        return None
    *pieces, (wait, last) = wire.pieces
    if pieces:
        return replace(wire, pieces=(*pieces, (wait + 1.6, last)))
    return replace(wire, pieces=((wait, last[:1]), (wait + 0.6, last[1:])))


@kind
def pieces_joined(case: Case, random: Random) -> Wire | None:
    wire = case.wire
    if len(wire.pieces) < 3 or wire.pieces[-1][0] < 0.4:
        return None
    return replace(wire, pieces=((wire.pieces[-1][0], wire.body),))
