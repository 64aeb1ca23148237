"""Inputs for the comparisons with BuildKit: the same for the same seed."""

from __future__ import annotations

import posixpath
import random

_FRAGMENTS = [
    *(
        b"\\\n",
        b"\n",
        b"\r\n",
        b"`\n",
        b"# escape=`\n",
        b"# check=skip=all\n",
        b"#",
        b"\\",
        b"\\\\",
        b"=",
        b"foo\n",
    ),
    *(b"<<EOF", b"<<-EOF", b"<<'EOF'", b"<< E", b"3<<X", b"<<<x", b"EOF\n", b"'", b'"', b" ", b"\t", b"\x0b"),
    *(b"$", b"${", b"}", b"${x:-y}", b"[", b"]", b'["a", "b"]', b"null", b"1e999", b"{}", b"\\u00e9"),
    *(b"\xff", b"\xc2\xa0", b"\x00", b"\xef\xbb\xbf", b"\xc3\xa9"),
    *(
        b"ONBUILD ",
        b"RUN ",
        b"COPY ",
        b"ADD a b\n",
        b"ENV ",
        b"A=b ",
        b"ARG ",
        b"FROM x AS y\n",
        b"LABEL a=b\n",
    ),
    *(
        b"HEALTHCHECK CMD ",
        b"HEALTHCHECK NONE\n",
        b"--interval=5s ",
        b"--mount=type=cache,target=/x ",
        b"--from=",
    ),
    *(
        b"-- ",
        b"SHELL ",
        b"VOLUME ",
        b"EXPOSE 80/tcp",
        b"WORKDIR x\n",
        b"USER\n",
        b"CMD\n",
        b"ENTRYPOINT []\n",
    ),
    *(b"STOPSIGNAL 9\n", b"MAINTAINER a b\n"),
]


def seeded(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - inputs of a test, the same each time


def dockerfiles(seeds: list[bytes], rng: random.Random, count: int) -> list[bytes]:
    """Half real files with a few changes, half put together from fragments."""
    changed = [_mutated(rng.choice(seeds), seeds, rng) for _ in range(count // 2)]
    built = [
        b"FROM scratch\n" + b"".join(rng.choices(_FRAGMENTS, k=rng.randint(1, 14)))
        for _ in range(count - count // 2)
    ]
    return changed + built


def _mutated(seed: bytes, seeds: list[bytes], rng: random.Random) -> bytes:
    data = bytearray(seed[:2500])
    for _ in range(rng.randint(1, 6)):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0 | 1:
                data[at:at] = rng.choice(_FRAGMENTS)
            case 2:
                del data[at : at + rng.randint(1, 12)]
            case 3:
                lines = bytes(data).split(b"\n")
                i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
                lines[i], lines[j] = lines[j], lines[i]
                data = bytearray(b"\n".join(lines))
            case _:
                other = rng.choice(seeds)
                start = rng.randrange(len(other) + 1)
                data[at:at] = other[start : start + rng.randint(1, 60)]
    return bytes(data)


# No `?`: a variable that must be set stops BuildKit; here it is listed in `Image.unresolved`.
_WORD_PARTS = [
    *(
        "$",
        "${",
        "}",
        "x",
        "E",
        "y",
        "foo",
        ":",
        "-",
        "+",
        "#",
        "%",
        "/",
        "//",
        "##",
        "%%",
        "*",
        "\\",
        "\\\\",
        "`",
    ),
    *(
        "'",
        '"',
        " ",
        "a",
        "b",
        "abab",
        ".gz",
        "<",
        "<<",
        "\t",
        "é",
        "@",
        "1",
        "0",
        "\ufeff",
        "/.",
        "\\/",
        "\\}",
        "\\*",
    ),
    *(
        "$x",
        "${x}",
        "$u",
        "${u}",
        "${y:-d}",
        "${n-d}",
        "${x#*b}",
        "${x##*}",
        "${x%b*}",
        "${x%%b*}",
        "${E:+k}",
    ),
    *("${x/a/z}", "${x//b/$}", "${x//a*/q}", "${x//*/q}", "${x//\\?/[$0]}", "${x:-${y:-${E}}}"),
]
_VALUES = ["abab", "foo.tar.gz", "a/b/c", "a*b\\c", "aé\nb", ""]


def words(rng: random.Random, count: int) -> list[tuple[str, dict[str, str], str]]:
    """(word, environment, escape character)."""
    return [
        (
            "".join(rng.choices(_WORD_PARTS, k=rng.randint(1, 9))),
            {"x": rng.choice(_VALUES), "y": "Y", "E": ""},
            rng.choice("\\\\`"),
        )
        for _ in range(count)
    ]


_NAMES = ["a", "b", "ab", "a.py", "b.txt", "c", "node_modules", "x.y", "[z]", "a b", "É", "{q}", "a+b", "dir"]
# Brackets come whole: BuildKit finds some broken ones only when a file meets them, here they are refused.
_PATTERN_PARTS = [
    *("*", "**", "?", "/", "!", "a", "b", "[ab]", "[^a]", "[a-z]", "\\*", "**/", "/**", ".py", "*.txt"),
    *(
        "node_modules",
        "dir",
        "c",
        "./",
        "../",
        "a/b",
        ".",
        " ",
        "#",
        "^",
        "+",
        "(",
        "{q}",
        "É",
        "\t",
        "\\[",
        "\\?",
    ),
]


def tree(rng: random.Random) -> list[str]:
    """Paths of files; none is another one's folder."""
    found: set[str] = set()
    for _ in range(rng.randint(1, 18)):
        path = "/".join(rng.choices(_NAMES, k=rng.randint(1, 4)))
        if not any(f == path or f.startswith(f"{path}/") or path.startswith(f"{f}/") for f in found):
            found.add(path)
    return sorted(found)


def pattern(rng: random.Random) -> str:
    if rng.random() < 0.3:
        return rng.choice(["", "!"]) + "/".join(rng.choices(_NAMES[:8] + _NAMES[9:], k=rng.randint(1, 3)))
    return rng.choice(["", "!", "/", ""]) + "".join(rng.choices(_PATTERN_PARTS, k=rng.randint(1, 5)))


def copy_line(files: list[str], rng: random.Random) -> dict[str, object]:
    """One source of a COPY with its destination."""
    if rng.random() < 0.6:
        parts = rng.choice(files).split("/")
        source = "/".join(parts[: rng.randint(1, 4)])
    else:
        wild = ["*", "?", "a", "b", "/", "[ab]", ".py", "c", "*.txt", "dir/", "a/"]
        source = "".join(rng.choices(wild, k=rng.randint(0, 4)))
    destination = rng.choice(["/", "/app", "/app/", "/app/x", "/y/z/", "/app/a", "/app/b.txt"])
    excludes = [pattern(rng) for _ in range(rng.randint(0, 2))] if rng.random() < 0.4 else []
    line = {"source": posixpath.normpath(f"/{source}").replace("//", "/"), "destination": destination}
    includes = []
    if rng.random() < 0.25:
        line["source"] = "/"
        includes = [rng.choice([rng.choice(files), "*", "*/*.py", "a/**", "dir", "**/a"])]
    return {**line, "excludes": [e for e in excludes if e.strip() != "!"], "includes": includes}
