"""Any bytes: an answer or DockerfileSyntaxError, and what every answer has in common."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.dockerfile import ignore
from analyzers.dockerfile.errors import DockerfileSyntaxError
from analyzers.dockerfile.globs import Glob, Patterns, _Wild
from analyzers.dockerfile.lex import Lexer
from analyzers.dockerfile.limits import Work
from analyzers.dockerfile.split import parse
from analyzers.dockerfile.stages import resolve
from tests.analyzers.dockerfile import generated, mutations

LINES = st.sampled_from(
    [
        *(
            "FROM a AS b",
            "FROM b",
            "FROM scratch",
            "ARG A=1",
            "ARG A",
            "ENV A=$A B=${A:-x}",
            "ENV A b",
            "CMD a",
        ),
        *(
            'CMD ["a"]',
            "RUN <<E",
            "E",
            "COPY . .",
            "COPY --from=b /x y",
            "COPY a* b/ /c/",
            "WORKDIR x",
            "USER $A",
        ),
        *(
            "EXPOSE $A",
            "ONBUILD RUN x",
            "# c",
            "",
            "\\",
            "RUN a \\",
            "VOLUME /v",
            'SHELL ["s"]',
            "ADD a.tar /",
        ),
        *("HEALTHCHECK CMD x", "ENTRYPOINT e", "ADD http://x/y /z", "COPY <<E <<F /d/", "F", "LABEL a=b"),
    ]
)
DOCKERFILES = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=200).map(lambda t: f"FROM a\n{t}".encode()),
    st.lists(st.one_of(LINES, st.text(max_size=20)), max_size=20).map(lambda ls: "\n".join(ls).encode()),
    st.integers(0, 10_000).map(lambda seed: generated.dockerfile(mutations.seeded(seed)).encode()),
)
PATHS = ["a", "ab", "b/c", "b/d.py", "x/y/z", "a.tar"]


@settings(deadline=None)
@given(DOCKERFILES)
def test_splitting_keeps_the_lines_in_order(data: bytes) -> None:
    try:
        parsed = parse(data)
    except DockerfileSyntaxError as e:
        assert 1 <= e.line <= data.count(b"\n") + 1
        assert e.message
        return
    last = 0
    for i in parsed.instructions:
        assert last < i.line <= i.end_line <= len(parsed.lines)
        last = i.end_line
        assert i.text.encode()  # nothing that is no text
        assert all(f.startswith("--") for f in i.flags) or i.name in ("ARG", "STOPSIGNAL", "HEALTHCHECK")


@settings(deadline=None)
@given(DOCKERFILES)
def test_resolving_never_fails_otherwise(data: bytes) -> None:
    try:
        image = resolve(data, dockerfile="D", context="", paths=PATHS)
    except DockerfileSyntaxError:
        return
    assert {f.source for f in image.files} <= set(PATHS)
    guests = [f.guest for f in image.files]
    assert guests == sorted(set(guests))
    assert all(g.startswith("/") and ".." not in g.split("/") for g in guests)
    assert image.workdir.startswith("/")
    evidence = [image.base_evidence, *image.unresolved, *(c.evidence for c in image.copies)]
    assert all(e.path == "D" and e.line >= 1 for e in evidence)
    assert resolve(data, dockerfile="D", context="", paths=PATHS) == image


@settings(deadline=None)
@given(st.text(), st.text(max_size=20))
def test_ignore_files(text: str, path: str) -> None:
    try:
        ignore.parse(text).excludes(path)
    except DockerfileSyntaxError as e:
        assert e.line >= 1


@given(st.text(alphabet=st.characters(exclude_characters="$'\"<\\`", exclude_categories=["Cs"])))
def test_plain_text_stays(text: str) -> None:
    lexed = Lexer().process(text, {})
    assert lexed.text == text.removeprefix("\ufeff")
    assert "".join(lexed.words) == "".join(
        c for c in lexed.text if not c.isspace() or c in "\x1c\x1d\x1e\x1f"
    )


@given(
    st.lists(st.sampled_from([*_Wild, "a", "b", "/", "[^/]", "[ab]"]), max_size=7),
    st.text(alphabet="ab/\n", max_size=12),
)
def test_both_ways_to_match_agree(parts: list[_Wild | str], text: str) -> None:
    glob = Glob(parts)
    assert glob.matches(text, Work()) == glob._by_table(text, Work())


@given(
    st.lists(st.text(alphabet="ab*?", min_size=1, max_size=6), max_size=5), st.text(alphabet="ab", min_size=1)
)
def test_a_list_of_exceptions_alone_matches_nothing(patterns: list[str], path: str) -> None:
    assert not Patterns(f"!{p}" for p in patterns).matches(path)
