"""Syntax trees of hostile source: refused at one place, told under `not_read`, the rest still read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from analyzers.assess import assess
from analyzers.inventory import read
from analyzers.languages import syntax
from tests.analyzers import trees

GRAMMARS = sorted(syntax._GRAMMARS)
NESTED = {
    "parentheses": b"(" * 100_000,
    "closed parentheses": b"x = " + b"(" * 50_000 + b")" * 50_000,
    "brackets": b"[" * 100_000,
    "braces": b"{" * 100_000,
    "type arguments": b"a<" * 50_000,
    "open strings with brackets": b'"(' * 50_000,
}
FLAT = {  # refused or read, but in time that grows with their size
    "one word of a megabyte": b"a" * 1_000_000,
    "one string of a megabyte": b'x = "' + b"a" * 1_000_000 + b'"',
    "one line": b"x = 1; " * 15_000,
    "blank": b" " * 1_000_000,
    "lines": b"\n" * 1_000_000,
    "a chain of calls": b"x = a" + b".b()" * 8_000 + b";",
    "a sum": b"x = " + b"a + " * 5_000 + b"a;",
    "assignments": b"a = " * 20_000 + b"b;",
    "no text": b"\xff\xfe\x80" * 20_000,
    "zeros": b"\0" * 60_000,
    "open comments": b"/*" * 20_000,
    "words that end nowhere": b"(a)" * 8_000 + b"b;",
    "pipes": b"a | " * 20_000,
}


@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize("name", NESTED)
def test_what_nests_deeper_than_people_write_is_refused(grammar: str, name: str) -> None:
    with pytest.raises(syntax.UnparsedError, match="nests too deeply"):
        syntax.parse(grammar, NESTED[name])


class Counting(bytes):
    """Bytes that count how often a part of them is taken: what a parser is given."""

    taken = 0

    def __getitem__(self, key):  # type: ignore[no-untyped-def] # that of bytes, which is overloaded
        Counting.taken += 1
        return super().__getitem__(key)


@pytest.mark.parametrize("grammar", GRAMMARS)
@pytest.mark.parametrize("name", FLAT)
def test_work_is_bounded_by_the_size(grammar: str, name: str) -> None:
    data = Counting(FLAT[name])
    Counting.taken = 0
    try:
        tree = syntax.parse(grammar, data)
    except syntax.UnparsedError as error:
        assert str(error).startswith(("nests", "is written"))
    else:
        assert tree.root_node.end_byte <= len(data)
    assert Counting.taken <= syntax._SCANS * (len(data) // syntax._PIECE + 1)


def test_a_grammar_that_scans_to_the_end_again_and_again_is_stopped() -> None:
    with pytest.raises(syntax.UnparsedError, match="again and again"):
        syntax.parse("kotlin", FLAT["open comments"])
    with pytest.raises(syntax.UnparsedError, match="again and again"):
        syntax.parse("bash", FLAT["zeros"])


@pytest.mark.parametrize("grammar", GRAMMARS)
def test_a_large_file_gives_the_same_tree_as_in_one_piece(
    grammar: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = b'f("e", 1)\n' * 2_000
    monkeypatch.setattr(syntax, "_COUNTED", 1)
    counted = syntax.parse(grammar, data)
    monkeypatch.setattr(syntax, "_COUNTED", len(data) + 1)
    assert str(counted.root_node) == str(syntax.parse(grammar, data).root_node)
    assert counted.root_node.text == data


def test_captures_come_in_source_order_the_outer_first() -> None:
    data = b"\n".join(b"f(%d, g(%d));" % (n, n) for n in range(300))
    nodes = syntax.captures(
        "javascript", "(call_expression) @call", syntax.parse("javascript", data).root_node
    )
    places = [(node.start_byte, -node.end_byte) for node in nodes["call"]]
    assert len(places) == 600
    assert places == sorted(places)


# Language -> its base image, command, the file that is started, and one more file that it takes in.
_SERVICES: dict[str, tuple[str, str, dict[str, str], str, str]] = {
    "python": ("python:3.14", '["python", "app.py"]', {"app.py": "import deep\n"}, "deep.py", "x = "),
    "node": ("node:24", '["node", "app.js"]', {"app.js": "require('./deep');\n"}, "deep.js", "x = "),
    "typescript": (
        "node:24",
        '["node", "app.ts"]',
        {"app.ts": "import './deep.ts';\n"},
        "deep.ts",
        "const x = ",
    ),
    "go": (
        "golang:1.26",
        '["go", "run", "."]',
        {"go.mod": "module a\n", "main.go": "package main\n\nfunc main() { deep() }\n"},
        "deep.go",
        "package main\n\nvar x = ",
    ),
    "rust": (
        "rust:1.96",
        '["cargo", "run"]',
        {
            "Cargo.toml": '[package]\nname = "a"\nversion = "1.0.0"\n',
            "src/main.rs": "mod deep;\nfn main() {}\n",
        },
        "src/deep.rs",
        "fn f() { let x = ",
    ),
    "ruby": (
        "ruby:3.4",
        '["ruby", "app.rb"]',
        {"app.rb": "require_relative 'deep'\nrequire 'sinatra'\n"},
        "deep.rb",
        "system('a')\nx = ",
    ),
    "php": (
        "php:8.5-apache",
        '["apache2-foreground"]',
        {"index.php": "<?php echo 1;\n"},
        "deep.php",
        "<?php exec(1); $x = ",
    ),
    "shell": (
        "alpine:3.24",
        '["sh", "app.sh"]',
        {"app.sh": "#!/bin/sh\n./deep.sh\n"},
        "deep.sh",
        "#!/bin/sh\nx ",
    ),
}


@pytest.mark.parametrize("language", _SERVICES)
@pytest.mark.parametrize("bomb", ["(\n" * 50_000, "[\n" * 30_000 + "]\n" * 30_000])
def test_a_service_with_a_bomb_is_judged_and_the_bomb_told(tmp_path: Path, language: str, bomb: str) -> None:
    base, command, files, path, head = _SERVICES[language]
    copied = "COPY . /var/www/html/" if language == "php" else "COPY . ."
    dockerfile = f"FROM {base}\nWORKDIR /srv\n{copied}\nEXPOSE 8080\nCMD {command}\n"
    written: dict[str, str | bytes] = {"Dockerfile": dockerfile, **files, path: head + bomb}
    judged = assess(read(trees.write(tmp_path, written)))
    assert [one.path for one in judged.inventory.not_read] == [path]
    assert judged.rules_failed == ()
    assert len(judged.services) == 1


_RUN = """
import json, sys
from pathlib import Path
from analyzers.assess import assess
from analyzers.inventory import read
from migrate.reports.wire.assess import to_json
print(json.dumps(to_json(assess(read(Path(sys.argv[1]))))))
"""
_JS = """\
const express = require('express');
const app = express();
const seen = {};
""" + "".join(
    f"app.get('/r{n}', (q, s) => {{ seen[{n}] = process.env.V{n}; fetch('http://h{n}:80/'); s.end(); }});\n"
    for n in range(20)
)  # fmt: skip
_GO = """\
package main

import (
\t"net/http"
\t"os"
)

type state struct { a, b, c int }

var one, two state

func main() {
""" + "".join(
    f'\thttp.HandleFunc("/g{n}", func(w http.ResponseWriter, r *http.Request) '
    f'{{ one.a++; two.b++; one.c += two.a; http.Get("http://h{n}/" + os.Getenv("G{n}")) }})\n'
    for n in range(20)
) + "\thttp.ListenAndServe(\":8080\", nil)\n}\n"  # fmt: skip
_SH = "#!/bin/sh\n" + "".join(f"tool{n} a | other{n} > /data/{n}\n" for n in range(20))


def test_a_report_is_the_same_under_every_hash_seed(tmp_path: Path) -> None:
    """Neither sets of names nor those of nodes (which lie at other addresses each time) show in a report."""
    files: dict[str, str | bytes] = {
        "js/Dockerfile": 'FROM node:24\nWORKDIR /a\nCOPY . .\nCMD ["node", "app.js"]\n',
        "js/package.json": '{"dependencies": {"express": "5", "pg": "8", "redis": "4"}}',
        "js/app.js": _JS,
        "go/Dockerfile": 'FROM golang:1.26\nWORKDIR /a\nCOPY . .\nCMD ["go", "run", "."]\n',
        "go/go.mod": "module a\n",
        "go/main.go": _GO,
        "sh/Dockerfile": 'FROM alpine:3.24\nWORKDIR /a\nCOPY . .\nCMD ["sh", "app.sh"]\n',
        "sh/app.sh": _SH,
    }
    trees.write(tmp_path, files)
    reports = set()
    for seed in ("0", "1", "2", "3"):
        run = subprocess.run(
            [sys.executable, "-c", _RUN, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        reports.add(run.stdout)
    assert len(reports) == 1
    report = reports.pop()
    assert all(f"/r{n}" in report and f"/g{n}" in report and f"tool{n}" in report for n in range(20))
