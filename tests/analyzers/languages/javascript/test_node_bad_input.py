"""Whatever the files hold, reading ends and says what it could."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analyzers.languages.javascript import locks, modules, project
from analyzers.model import Source
from tests.analyzers.trees import only

WORDS = st.sampled_from(
    [
        "const ",
        "let ",
        "a",
        "b",
        " = ",
        "require('./a')",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "=> ",
        "async ",
        "import ",
        "export ",
        "default ",
        "from './b' ",
        "class ",
        "extends ",
        "this.",
        "process.env.X",
        " || ",
        "`${",
        "}`",
        "app.get('/x', ",
        ";\n",
        "new ",
        "@Get()",
        "function ",
        "return ",
        "if (",
        ".",
        ", ",
        "...",
        "'",
        "\\",
        "\0",
        "é",
        "module.exports",
    ]
)
CODE = st.one_of(
    st.binary(max_size=300), st.lists(WORDS, max_size=60).map(lambda words: "".join(words).encode())
)


def read(root: Path, **files: bytes) -> Source | None:
    named = {name.replace("_", "."): data for name, data in files.items()}
    dockerfile = b'FROM node:22\nWORKDIR /app\nCOPY . .\nCMD ["node", "main.js"]\n'
    return only(root, {"Dockerfile": dockerfile, **named}).source


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(main=CODE, other=CODE, manifest=CODE)
def test_any_bytes(main: bytes, other: bytes, manifest: bytes) -> None:
    with tempfile.TemporaryDirectory() as root:
        source = read(
            Path(root),
            main_js=b"import './a'\nimport './b'\n" + main,
            a_ts=other,
            b_js=main + other,
            package_json=manifest,
        )
        assert source is not None and source.language == "node"


@settings(max_examples=100, deadline=None)
@given(
    text=st.one_of(
        st.text(),
        st.lists(
            st.sampled_from(
                [
                    '"a@1":\n',
                    "  version: 1\n",
                    "packages:\n",
                    "  /a@1:\n",
                    "{",
                    "}",
                    '"packages"',
                    ":",
                    "[",
                    "  dependencies:\n",
                ]
            )
        ).map("".join),
    )
)
def test_any_manifest(text: str) -> None:
    for name in locks.FILES:
        assert isinstance(locks.parse(name, text), locks.Lock)
    project.parse_json(text)


@pytest.mark.parametrize(
    "code",
    [
        "(" * 5_000 + ")" * 5_000,
        "a" + ".b()" * 3_000,
        "[" * 3_000,
        "const a = b\nconst b = a\napp.get(a, b)",
        "".join(f"const a{i} = a{i + 1} + a{i + 1}\n" for i in range(60)) + "fetch(a0)",
        "x => " * 2_000 + "1",
        "if (a) { " * 1_500,
        "function f() { f() }\nf()\n" * 50,
        "export * from './main.js'\nexport {x as default} from './main.js'\n",
    ],
)
def test_nested_and_circular_source(tmp_path: Path, code: str) -> None:
    assert read(tmp_path, main_js=code.encode()) is not None


def test_packages_that_name_each_other(tmp_path: Path) -> None:
    files = {
        "Dockerfile": 'FROM node:22\nWORKDIR /app\nCOPY . .\nCMD ["npm", "start"]\n',
        "package.json": (
            '{"name": "a", "scripts": {"start": "npm run start"}, "exports": {".": {"import": ["./x"]}}}'
        ),
        "tsconfig.json": '{"extends": "./tsconfig.json"}',
    }
    assert only(tmp_path, files).source is None


def test_names_stay_in_their_scopes() -> None:
    module = modules.parse("x.ts", "/x.ts", b"const a = 1\nfunction f(a: T) { a }\n{ let a = 2; a }\n")
    kinds = [module.lookup("a", module.data.index(text)) for text in (b"a }\n{", b"a }\n")]
    assert [declaration.kind for declaration in kinds if declaration] == ["param", "param"]
    last = module.lookup("a", module.data.rindex(b"a }"))
    assert last is not None and last.kind == "let"
